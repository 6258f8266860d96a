/* peer: the clients of the tests, the polite and the rude.
 *
 *   peer talk ADDRESS        standard input to the server, its replies to standard output, at once
 *   peer bytes ADDRESS TEXT  one byte at a time, each after the reply to the one before
 *   peer row ADDRESS N       N clients, one after the other
 *   peer many ADDRESS N      N clients at once, answered last to first
 *   peer reset ADDRESS       sends much, reads one byte and resets the connection
 *   peer gone ADDRESS        sends, closes its side and resets: the reply finds nobody (EPIPE)
 *   peer flood ADDRESS N     sends N bytes without a newline, and reads what comes back
 *   peer silent ADDRESS N    N clients connect and say nothing; prints "ready" and stays
 *   peer stall ADDRESS       one client sends and reads nothing; prints "ready" and stays
 *   peer packets ADDRESS TEXT...  one datagram each; prints the replies, one a line
 *   peer deaf ADDRESS N      sends N datagrams and reads no reply; prints "ready" and stays
 *
 * ADDRESS is HOST:PORT, or the path of a Unix socket. Who stays goes when standard input ends. What
 * goes wrong is one line on stderr and status 1.
 */
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STALLED_MS = 200, BRIEFLY_MS = 20 };

static int dial_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect %s", path);
    return fd;
}

static void split(const char *address, char host[64], long *port)
{
    const char *colon = strrchr(address, ':');
    if (!colon)
        fail("%s: not HOST:PORT", address);
    snprintf(host, 64, "%.*s", (int)(colon - address), address);
    *port = args_number("PORT", colon + 1, 1, 65535);
}

static int dial(const char *address)
{
    char host[64];
    long port;
    if (strchr(address, '/'))
        return dial_path(address);
    split(address, host, &port);
    int fd = net_connect(host, port);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_all(int fd, const char *data, size_t length)
{
    if (!net_send_all(fd, data, length))
        die("send");
}

static void expect(int fd, const char *reply, size_t length)
{
    char data[256];
    size_t have = 0;
    while (have < length) {
        ssize_t got = recv(fd, data + have, length - have, 0);
        if (got < 0)
            die("recv");
        if (got == 0)
            fail("end of file after %zu of %zu bytes", have, length);
        have += (size_t)got;
    }
    if (memcmp(data, reply, length) != 0)
        fail("a wrong reply: \"%.*s\" for \"%.*s\"", (int)length, data, (int)length, reply);
}

static void expect_end(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    if (got != 0)
        fail(got < 0 ? "reset in place of end of file" : "more than was asked for");
    close(fd);
}

static void stay(void)
{
    char byte;
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

/* Sends and receives at once: a server need not take more before its replies are read. */
static void talk(const char *address)
{
    int fd = dial(address);
    static char out[65536], in[65536];
    size_t start = 0, end = 0;
    bool sending = true;
    for (;;) {
        struct pollfd socket_ready = {.fd = fd,
                                      .events = (short)(POLLIN | (sending ? POLLOUT : 0))};
        if (poll(&socket_ready, 1, -1) < 0)
            die("poll");
        if (socket_ready.revents & (POLLIN | POLLHUP | POLLERR)) {
            ssize_t got = recv(fd, in, sizeof in, 0);
            if (got < 0)
                die("recv");
            if (got == 0)
                break;
            fwrite(in, 1, (size_t)got, stdout);
        }
        if (sending && start == end) {
            ssize_t got = read(STDIN_FILENO, out, sizeof out);
            start = 0;
            end = got > 0 ? (size_t)got : 0;
            if (end == 0) {
                shutdown(fd, SHUT_WR);
                sending = false;
            }
        }
        if (sending && start < end && (socket_ready.revents & POLLOUT)) {
            ssize_t sent = send(fd, out + start, end - start, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno != EAGAIN)
                die("send");
            start += sent > 0 ? (size_t)sent : 0;
        }
    }
    if (sending)
        fail("the server hung up first");
}

static void bytes(const char *address, const char *text)
{
    int fd = dial(address);
    for (; *text; text++) {
        char reply;
        send_all(fd, text, 1);
        if (recv(fd, &reply, 1, 0) != 1)
            fail("no reply to '%c'", *text);
        putchar(reply);
    }
    shutdown(fd, SHUT_WR);
    expect_end(fd);
}

static void row(const char *address, long count)
{
    for (long i = 0; i < count; i++) {
        int fd = dial(address);
        send_all(fd, "one after the other\n", 20);
        expect(fd, "ONE AFTER THE OTHER\n", 20);
        shutdown(fd, SHUT_WR);
        expect_end(fd);
    }
}

static void many(const char *address, long count)
{
    int *fds = calloc((size_t)count, sizeof *fds);
    char text[32];
    for (long i = 0; i < count; i++)
        fds[i] = dial(address);
    for (long i = 0; i < count; i++) {
        snprintf(text, sizeof text, "client %08ld", i);
        send_all(fds[i], text, 15);
    }
    for (long i = count - 1; i >= 0; i--) {
        snprintf(text, sizeof text, "CLIENT %08ld", i);
        expect(fds[i], text, 15);
        shutdown(fds[i], SHUT_WR);
        expect_end(fds[i]);
    }
    free(fds);
}

/* Returns how much went out before the server took no more for so long. */
static long fill(int fd, int taken_nothing_ms)
{
    static char data[65536];
    memset(data, 'x', sizeof data);
    for (size_t i = 63; i < sizeof data; i += 64)
        data[i] = '\n'; /* lines, for the server that wants them */
    long total = 0;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    while (poll(&writable, 1, taken_nothing_ms) == 1 && !(writable.revents & (POLLERR | POLLHUP))) {
        ssize_t sent = send(fd, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT);
        total += sent > 0 ? sent : 0;
    }
    return total;
}

static void hang_up(int fd)
{
    struct linger with_a_reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &with_a_reset, sizeof with_a_reset);
    close(fd);
}

static void reset(const char *address)
{
    int fd = dial(address);
    char byte;
    fill(fd, BRIEFLY_MS);
    if (recv(fd, &byte, 1, 0) != 1)
        fail("no reply to break off");
    hang_up(fd);
}

static void gone(const char *address)
{
    int fd = dial(address);
    send_all(fd, "hello", 5);
    shutdown(fd, SHUT_WR);
    hang_up(fd);
}

static void flood(const char *address, long count)
{
    int fd = dial(address);
    static char data[65536];
    memset(data, 'x', sizeof data);
    while (count > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN | POLLOUT};
        poll(&ready, 1, -1);
        if (ready.revents & POLLIN && recv(fd, data, sizeof data, 0) <= 0)
            fail("the server hung up");
        memset(data, 'x', sizeof data);
        if (ready.revents & POLLOUT) {
            ssize_t sent = send(fd, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT);
            count -= sent > 0 ? sent : 0;
        }
    }
    close(fd);
}

static void silent(const char *address, long count)
{
    net_raise_descriptor_limit();
    for (long i = 0; i < count; i++)
        dial(address);
    stay();
}

static void stall(const char *address)
{
    int fd = dial(address);
    if (fill(fd, STALLED_MS) == 0)
        fail("nothing could be sent");
    stay();
    close(fd);
}

/* At a path, the client has a name of Linux's making: unix(7), "Autobind feature". */
static int dial_datagram_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) < 0)
        die("bind without a path");
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect %s", path);
    return fd;
}

static int dial_datagram(const char *address)
{
    char host[64];
    long port;
    if (strchr(address, '/'))
        return dial_datagram_path(address);
    split(address, host, &port);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &server.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        die("connect %s", address);
    return fd;
}

static void deaf(const char *address, long count)
{
    int fd = dial_datagram(address);
    for (long i = 0; i < count; i++)
        if (send(fd, "unheard", 7, 0) < 0)
            die("send");
    stay();
    close(fd);
}

static void packets(const char *address, char **texts)
{
    char reply[65536];
    int fd = dial_datagram(address);
    int count = 0;
    for (; texts[count]; count++)
        if (send(fd, texts[count], strlen(texts[count]), 0) < 0)
            die("send");
    for (int i = 0; i < count; i++) {
        ssize_t got = recv(fd, reply, sizeof reply, 0);
        if (got < 0)
            die("recv");
        printf("%.*s\n", (int)got, reply);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    die_name = "peer";
    const char *command = argc > 2 ? argv[1] : "";
    long count = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
    if (strcmp(command, "talk") == 0)
        talk(argv[2]);
    else if (strcmp(command, "bytes") == 0 && argc > 3)
        bytes(argv[2], argv[3]);
    else if (strcmp(command, "row") == 0)
        row(argv[2], count);
    else if (strcmp(command, "many") == 0)
        many(argv[2], count);
    else if (strcmp(command, "reset") == 0)
        reset(argv[2]);
    else if (strcmp(command, "gone") == 0)
        gone(argv[2]);
    else if (strcmp(command, "flood") == 0)
        flood(argv[2], count);
    else if (strcmp(command, "silent") == 0)
        silent(argv[2], count);
    else if (strcmp(command, "stall") == 0)
        stall(argv[2]);
    else if (strcmp(command, "packets") == 0)
        packets(argv[2], argv + 3);
    else if (strcmp(command, "deaf") == 0)
        deaf(argv[2], count);
    else
        fail("which client? See tests/peers/peer.c");
    return EXIT_SUCCESS;
}
