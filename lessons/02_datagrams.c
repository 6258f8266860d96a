/* 02_datagrams: UDP keeps messages apart, and cuts what does not fit
 *
 * Predict  ann sends three datagrams, one after the other. How many receives does it take? And
 *          what happens to a datagram of 2000 bytes when the buffer holds 1024?
 * Run      build/02_datagrams
 * Watch    three sends are three receives; the long one is cut off, and the server can tell; an
 *          empty one is a message too.
 * Before   01a_serial_server
 * After    03b_unix_datagram has datagrams that stay on the machine; 04_lines makes messages out of
 *          a stream
 * Python   socket(AF_INET, SOCK_DGRAM), recvfrom, sendto; socketserver.UDPServer with its
 *          max_packet_size
 */
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST = 65507 }; /* largest UDP payload over IPv4, in bytes: 65535 - 20 - 8 */

static long size = 1024; /* of the server's buffer */

/* ---- The server ------------------------------------------------------------------------------ */

static struct sockaddr_in address_of(const char *host, long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const char *ip = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1)
        args_refuse("%s: not an IPv4 address like 127.0.0.1", host);
    if (IN_MULTICAST(ntohl(address.sin_addr.s_addr)))
        args_refuse("%s: a group of hosts, not a single one", host);
    return address;
}

/* No listen and no accept: there are no connections, only datagrams, each with its sender's
 * address. */
static int open_server(const char *host, long port)
{
    struct sockaddr_in address = address_of(host, port);
    socklen_t length = sizeof address;
    stop_on_signals();
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0)
        die("socket");
    if (bind(fd, (struct sockaddr *)&address, length) < 0)
        die("bind %s:%ld", host, port);
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        die("getsockname");
    char ip[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address.sin_addr, ip, sizeof ip);
    say("server", "listening on %s:%d", ip, ntohs(address.sin_port));
    stop_listener = fd;
    return stop_listener;
}

static void answer(int fd, char *data, size_t length, const struct sockaddr_in *client)
{
    for (size_t i = 0; i < length; i++)
        data[i] = (char)toupper((unsigned char)data[i]);
    const struct sockaddr *to = (const struct sockaddr *)client;
    while (sendto(fd, data, length, 0, to, sizeof *client) < 0) {
        if (errno == EINTR)
            continue;
        say("server", "sendto: %s: this reply is lost", strerror(errno));
        return;
    }
}

static void serve_until_stopped(void)
{
    int fd = stop_listener;
    static char data[LARGEST];
    while (!stop_asked) {
        struct sockaddr_in client;
        socklen_t room = sizeof client;
        /* MSG_TRUNC (Linux): returns how long the datagram was, even if not all of it fitted. */
        ssize_t got =
            recvfrom(fd, data, (size_t)size, MSG_TRUNC, (struct sockaddr *)&client, &room);
        if (got < 0 || stop_asked)
            continue;
        size_t kept = got > size ? (size_t)size : (size_t)got;
        if ((size_t)got > kept)
            say("server", "received %zu of %zd bytes: the datagram is cut", kept, got);
        else
            say("server", "received %zd bytes: %s", got, quote(data, kept).text);
        answer(fd, data, kept, &client);
    }
    stop_listener = -1;
    close(fd);
    say("server", "stopped");
}

/* ---- The clients ----------------------------------------------------------------------------- */

/* connect sends nothing. It stores the address for send, and the socket ignores what comes from
 * anybody else. */
static int dial(const char *host, long port)
{
    struct sockaddr_in address = address_of(host, port);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    return fd;
}

static void send_datagram(int fd, const char *data, size_t length)
{
    while (send(fd, data, length, 0) < 0)
        if (errno != EINTR)
            die("send");
}

static size_t receive_datagram(int fd, char *data, size_t room)
{
    ssize_t got;
    while ((got = recv(fd, data, room, 0)) < 0)
        if (errno != EINTR)
            die("recv");
    return (size_t)got;
}

static void send_three(void)
{
    char one[8], two[8], three[8];
    say("ann", "sends \"one\", \"two\" and \"three\"");
    int ann = server_program_dial();
    send_datagram(ann, "one", 3);
    send_datagram(ann, "two", 3);
    send_datagram(ann, "three", 5);
    size_t first = receive_datagram(ann, one, sizeof one);
    size_t second = receive_datagram(ann, two, sizeof two);
    size_t third = receive_datagram(ann, three, sizeof three);
    if (first != 3 || second != 3 || third != 5)
        fail("ann: replies of %zu, %zu and %zu bytes", first, second, third);
    say("ann", "received \"%.3s\", \"%.3s\" and \"%.5s\"", one, two, three);
    close(ann);
}

static void play(void)
{
    send_three();

    static char data[LARGEST];
    memset(data, 'x', sizeof data);
    say("bob", "sends one datagram of %ld bytes", 2 * size - 48);
    int bob = server_program_dial();
    send_datagram(bob, data, (size_t)(2 * size - 48));
    say("bob", "received %zu bytes", receive_datagram(bob, data, sizeof data));

    say("carl", "sends an empty datagram");
    int carl = server_program_dial();
    send_datagram(carl, "", 0);
    say("carl", "received %zu bytes: an empty reply, not end of file",
        receive_datagram(carl, data, sizeof data));
    close(bob);
    close(carl);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"size", "N", "the buffer in bytes", .number = &size, .min = 64, .max = 32768},
        {0},
    };
    static const struct server_program program = {
        .idea = "UDP keeps messages apart, and cuts what does not fit.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = dial,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
