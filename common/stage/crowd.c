#include "stage/crowd.h"

#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOTHING_TAKEN_MS = 50 };

/* Sends until the server, which cannot pass on the replies, has taken nothing for a while. */
static int send_without_reading(int fd)
{
    static char data[65536];
    memset(data, 'x', sizeof data);
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    int total = 0;
    while (poll(&writable, 1, NOTHING_TAKEN_MS) == 1) {
        ssize_t sent = send(fd, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            die("send");
        total += sent > 0 ? (int)sent : 0;
    }
    return total;
}

static int count_capital_x(int fd)
{
    char data[4096];
    int total = 0;
    ssize_t got;
    while ((got = recv(fd, data, sizeof data, 0)) > 0)
        for (ssize_t i = 0; i < got; i++)
            total += data[i] == 'X';
    return total;
}

static void connect_pair(int (*dial)(void), int *ann, int *bob)
{
    *ann = cast_connect("ann", dial, "hello");
    cast_reply("ann", *ann, 5);
    *bob = cast_connect("bob", dial, "hi");
    cast_reply("bob", *bob, 2);
}

void crowd_play(void)
{
    int ann, bob;
    connect_pair(server_program_dial, &ann, &bob);

    say("carl", "sends until nothing more fits, and reads one byte");
    int carl = server_program_dial();
    int sent = send_without_reading(carl);
    cast_reply("carl", carl, 1);

    cast_send("ann", ann, "still there?");
    cast_reply("ann", ann, 12);

    say("carl", "closes his side and reads at last");
    shutdown(carl, SHUT_WR);
    int received = 1 + count_capital_x(carl);
    close(carl);
    say("carl", "has %s",
        received == sent ? "got back every byte that he sent" : "not got back what he sent");

    cast_leave("ann", ann);
    cast_leave("bob", bob);
}

void crowd_pair(int (*dial)(void))
{
    int ann, bob;
    connect_pair(dial, &ann, &bob);
    cast_send("ann", ann, "still there?");
    cast_reply("ann", ann, 12);
    cast_leave("ann", ann);
    cast_leave("bob", bob);
}
