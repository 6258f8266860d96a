/* 02_datagrams: UDP keeps messages apart, and cuts what does not fit
 *
 * Predict  ann sends three datagrams, one after the other. How many receives does it take? And
 *          what happens to a datagram of 2000 bytes when the buffer holds 1024?
 * Run      build/02_datagrams
 * Watch    the long datagram is cut off, and the server can tell; an empty one is a message too.
 * Before   01a_serial_server
 * After    03b_unix_datagram, on one machine; 04_lines makes messages out of a stream
 * Python   socket(AF_INET, SOCK_DGRAM), recvfrom, sendto; UDPServer with its max_packet_size
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 1024 }; /* of the server's buffer, in bytes */

/* ---- The server ------------------------------------------------------------------------------ */

/* No listen and no accept: there are no connections, only datagrams, each with its sender's
 * address. */
static int open_server(const char *host, long port)
{
    struct sockaddr_in address = net_address(host, port);
    stop_on_signals();
    stop_listener = socket(AF_INET, SOCK_DGRAM, 0);
    if (stop_listener < 0)
        die("socket");
    if (bind(stop_listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s:%ld", host, port);
    say("server", "listening on %s", net_local(stop_listener).text);
    return stop_listener;
}

static void answer(char *data, size_t length, const struct sockaddr_in *client)
{
    for (size_t i = 0; i < length; i++)
        data[i] = (char)toupper((unsigned char)data[i]);
    const struct sockaddr *to = (const struct sockaddr *)client;
    while (sendto(stop_listener, data, length, 0, to, sizeof *client) < 0) {
        if (errno == EINTR)
            continue;
        say("server", "sendto: %s: this reply is lost", strerror(errno));
        return;
    }
}

static void serve_until_stopped(void)
{
    char data[SIZE];
    while (!stop_asked) {
        struct sockaddr_in client;
        socklen_t room = sizeof client;
        /* MSG_TRUNC (Linux): returns how long the datagram was, even if not all of it fitted. */
        ssize_t got = recvfrom(stop_listener, data, sizeof data, MSG_TRUNC,
                               (struct sockaddr *)&client, &room);
        if (got < 0 || stop_asked)
            continue;
        size_t kept = got > SIZE ? SIZE : (size_t)got;
        if ((size_t)got > kept)
            say("server", "received %zu of %zd bytes: the datagram is cut", kept, got);
        else
            say("server", "received %zd bytes: %s", got, quote(data, kept).text);
        answer(data, kept, &client);
    }
    say("server", "stopped");
}

/* ---- The clients ----------------------------------------------------------------------------- */

/* connect sends nothing. It stores the address for send, and the socket ignores what comes from
 * anybody else. */
static int dial(const char *host, long port)
{
    struct sockaddr_in address = net_address(host, port);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    return fd;
}

static void send_datagram(int fd, const char *data, size_t length)
{
    if (send(fd, data, length, 0) < 0)
        die("send");
}

static void play(void)
{
    char data[2000] = {0}, replies[3][6] = {{0}};
    int ann = server_program_dial();
    say("ann", "sends \"one\", \"two\" and \"three\"");
    send_datagram(ann, "one", 3);
    send_datagram(ann, "two", 3);
    send_datagram(ann, "three", 5);
    for (int i = 0; i < 3; i++)
        recv(ann, replies[i], 5, 0);
    say("ann", "received \"%s\", \"%s\" and \"%s\"", replies[0], replies[1], replies[2]);

    int bob = server_program_dial();
    say("bob", "sends one datagram of %zu bytes", sizeof data);
    send_datagram(bob, data, sizeof data);
    say("bob", "received %zd bytes", recv(bob, data, sizeof data, 0));

    int carl = server_program_dial();
    say("carl", "sends an empty datagram");
    send_datagram(carl, "", 0);
    say("carl", "received %zd bytes: an empty reply, not end of file", recv(carl, data, 1, 0));
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "UDP keeps messages apart, and cuts what does not fit.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = dial,
    };
    return server_program_run(argc, argv, &program);
}
