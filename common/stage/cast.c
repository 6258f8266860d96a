#include "stage/cast.h"

#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { NOTHING_TAKEN_MS = 50 };

/* ---- What one client does -------------------------------------------------------------------- */

/* If it is the server that has ended, main says why, and ends this process meanwhile. */
static _Noreturn void has_lost_its_server(const char *name)
{
    poll(NULL, 0, CHILD_GRACE_MS);
    fail("%s: the server closed the connection", name);
}

/* It fits the socket's buffer, so send takes all of it. */
static void send_text(const char *name, int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        has_lost_its_server(name);
}

void cast_send(const char *name, int fd, const char *text)
{
    say(name, "sends %s", quote(text, strlen(text)).text);
    send_text(name, fd, text);
}

int cast_connect(const char *name, const char *text)
{
    say(name, "connects and sends %s", quote(text, strlen(text)).text);
    int fd = server_program_dial();
    send_text(name, fd, text);
    return fd;
}

void cast_reply(const char *name, int fd, size_t length)
{
    char reply[256];
    if (recv(fd, reply, length, MSG_WAITALL) < (ssize_t)length)
        has_lost_its_server(name);
    say(name, "received %s", quote(reply, length).text);
}

void cast_leave(const char *name, int fd)
{
    say(name, "leaves");
    char extra;
    if (shutdown(fd, SHUT_WR) < 0 || recv(fd, &extra, 1, 0) != 0)
        fail("%s: wanted to leave, and the server did not close", name);
    close(fd);
}

/* ---- The clients of the servers for many ----------------------------------------------------- */

/* Sends until the server, which cannot pass on the replies, has taken nothing for a while. */
static ssize_t send_without_reading(int fd)
{
    static char data[65536];
    memset(data, 'x', sizeof data);
    struct timeval a_while = {.tv_usec = NOTHING_TAKEN_MS * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &a_while, sizeof a_while) < 0)
        die("setsockopt SO_SNDTIMEO");
    ssize_t sent, total = 0;
    while ((sent = send(fd, data, sizeof data, MSG_NOSIGNAL)) > 0)
        total += sent;
    if (errno != EAGAIN)
        die("send");
    return total;
}

static ssize_t count_capital_x(int fd)
{
    char data[4096];
    ssize_t got, total = 0;
    while ((got = recv(fd, data, sizeof data, 0)) > 0)
        for (ssize_t i = 0; i < got; i++)
            total += data[i] == 'X';
    return total;
}

static void send_and_read_at_last(int ann)
{
    say("carl", "sends until nothing more fits, and reads one byte");
    int carl = server_program_dial();
    ssize_t sent = send_without_reading(carl);
    cast_reply("carl", carl, 1);

    cast_send("ann", ann, "still there?");
    cast_reply("ann", ann, 12);

    say("carl", "closes his side and reads at last");
    shutdown(carl, SHUT_WR);
    ssize_t received = 1 + count_capital_x(carl);
    close(carl);
    say("carl", "has %s",
        received == sent ? "got back every byte that he sent" : "not got back what he sent");
}

static void play(bool with_carl)
{
    int ann = cast_connect("ann", "hello");
    cast_reply("ann", ann, 5);
    int bob = cast_connect("bob", "hi");
    cast_reply("bob", bob, 2);
    if (with_carl) {
        send_and_read_at_last(ann);
    } else {
        cast_send("ann", ann, "still there?");
        cast_reply("ann", ann, 12);
    }
    cast_leave("ann", ann);
    cast_leave("bob", bob);
}

void cast_pair(void)
{
    play(false);
}

void cast_crowd(void)
{
    play(true);
}
