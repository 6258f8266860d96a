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

/* ---- A connection ---------------------------------------------------------------------------- */

/* This process has both ends, so everything happens in the order in which it is written here. To
 * the kernel it makes no difference. */
struct connection {
    int client, server;
};

static struct connection make_connection(void)
{
    static int listener = -1;
    struct connection made;
    if (listener < 0)
        listener = net_listen("127.0.0.1", 0);
    made.client = net_connect("127.0.0.1", net_port(listener));
    while ((made.server = accept(listener, NULL, NULL)) < 0)
        if (errno != EINTR)
            die("accept");
    return made;
}

/* Says what recv returns. */
static void receives(const char *who, int fd)
{
    char data[64];
    ssize_t got;
    while ((got = recv(fd, data, sizeof data, 0)) < 0 && errno == EINTR)
        continue;
    if (got < 0)
        say(who, "receives: %s", strerror(errno));
    else if (got == 0)
        say(who, "receives 0 bytes: end of file");
    else
        say(who, "receives %s", quote(data, (size_t)got).text);
}

/* Says what send returns. */
static void sends(const char *who, int fd, const char *text)
{
    if (net_send_all(fd, text, strlen(text)))
        say(who, "sends \"%s\"", text);
    else
        say(who, "sends \"%s\": %s", text, strerror(errno));
}

/* Waits until bytes (POLLIN) or a reset have arrived, so that the next call finds them. (poll
 * reports a reset even if nobody asks for it.) */
static void await(int fd, short events)
{
    struct pollfd end = {.fd = fd, .events = events};
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        continue;
}

/* ---- Three ways to end ----------------------------------------------------------------------- */

/* shutdown ends one direction. The other one stays open, for as long as the server likes. */
static int play_shutdown(char **operands)
{
    (void)operands;
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
    return EXIT_SUCCESS;
}

/* close ends both directions, but the server is told no more than after shutdown. Its first send
 * succeeds, because it returns before the bytes arrive where nobody reads any more. */
static int play_close(char **operands)
{
    (void)operands;
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
    return EXIT_SUCCESS;
}

/* A close that leaves bytes unread tells their sender so, by a reset. */
static int play_unread(char **operands)
{
    (void)operands;
    struct connection carl = make_connection();
    sends("carl", carl.client, "hi");
    await(carl.server, POLLIN);
    say("server", "closes without reading it");
    close(carl.server);
    receives("carl", carl.client);
    close(carl.client);
    return EXIT_SUCCESS;
}

static int demo(char **operands)
{
    play_shutdown(operands);
    play_close(operands);
    return play_unread(operands);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "the three, one after the other", demo},
        {"shutdown", "", "ann ends one direction, and still gets her reply", play_shutdown},
        {"close", "", "bob closes, and the server learns of it late", play_close},
        {"unread", "", "the server closes without reading all", play_unread},
        {0},
    };
    static const struct option_spec options[] = {{0}};
    static const struct program program = {
        "shutdown and close: who may still talk, and who learns what.", commands, options};
    return args_run(argc, argv, &program);
}
