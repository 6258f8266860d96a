/* 01c_half_close: shutdown and close: who may still talk, and who learns what
 *
 * Predict  A client has sent its last byte, and calls shutdown, or close. What does the server's
 *          recv return in each case? What does its send return?
 * Run      build/01c_half_close
 * Watch    recv returns 0 for both, end of file; only the second send fails, and only if the client
 *          has closed. A close that leaves bytes unread sends a reset, not an end of file.
 * Before   01b_rude_clients, for the reset and for MSG_NOSIGNAL
 * After    02_datagrams, which has no end of file; 11a_fork_server, where one close is not enough
 * Python   shutdown(socket.SHUT_WR), close; BrokenPipeError, ConnectionResetError
 */
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;

/* This process has both ends, so everything happens in the order in which it is written here. */
struct connection {
    int client, server;
};

static struct connection make_connection(void)
{
    struct connection made = {.client = net_connect("127.0.0.1", net_port(listener))};
    made.server = accept(listener, NULL, NULL);
    if (made.server < 0)
        die("accept");
    return made;
}

/* These two say what the call returns. */
static void receives(const char *who, int fd)
{
    char data[64];
    ssize_t got = recv(fd, data, sizeof data, 0);
    if (got < 0)
        say(who, "receives: %s", strerror(errno));
    else if (got == 0)
        say(who, "receives 0 bytes: end of file");
    else
        say(who, "receives %s", quote(data, (size_t)got).text);
}

static void sends(const char *who, int fd, const char *text)
{
    if (net_send_all(fd, text, strlen(text)))
        say(who, "sends \"%s\"", text);
    else
        say(who, "sends \"%s\": %s", text, strerror(errno));
}

/* Waits until bytes (POLLIN) or a reset have arrived, so that the next call finds them. */
static void await(int fd, short events)
{
    struct pollfd end = {.fd = fd, .events = events};
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        continue;
}

/* shutdown ends one direction. The other one stays open, for as long as the server likes. */
static void play_shutdown(void)
{
    struct connection ann = make_connection();
    sends("ann", ann.client, "hi");
    say("ann", "shuts down her sending side");
    shutdown(ann.client, SHUT_WR);
    receives("server", ann.server);
    receives("server", ann.server);
    sends("server", ann.server, "HI");
    receives("ann", ann.client);
    sends("ann", ann.client, "ho");
    say("server", "closes");
    close(ann.server);
    receives("ann", ann.client);
    close(ann.client);
}

/* The server is told no more than after shutdown, and its first send returns before the reset. */
static void play_close(void)
{
    struct connection bob = make_connection();
    sends("bob", bob.client, "hi");
    say("bob", "closes");
    close(bob.client);
    receives("server", bob.server);
    receives("server", bob.server);
    sends("server", bob.server, "HI");
    await(bob.server, 0);
    say("kernel", "nobody has bob's socket any more: a reset comes back");
    sends("server", bob.server, "HO");
    close(bob.server);
}

/* A close that leaves bytes unread tells their sender so, by a reset. */
static void play_unread(void)
{
    struct connection carl = make_connection();
    sends("carl", carl.client, "hi");
    await(carl.server, POLLIN);
    say("server", "closes without reading it");
    close(carl.server);
    receives("carl", carl.client);
    close(carl.client);
}

static int demo(char **operands)
{
    (void)operands;
    listener = net_listen("127.0.0.1", 0);
    play_shutdown();
    play_close();
    play_unread();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {{"", "", "play the demo", demo}, {0}};
    static const struct program program = {"Two ways to close: who learns what.", commands, NULL};
    return args_run(argc, argv, &program);
}
