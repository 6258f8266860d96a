/* 07_poll_server: the same server with poll, which has no limit of 1024
 *
 * Predict  lesson 06 with poll in place of select: which lines of the program change? And which
 *          lines of its output?
 * Run      build/07_poll_server
 * Watch    the transcript of lesson 06, word for word; serve takes more clients than an fd_set can
 *          hold.
 * Before   06_select_server
 * After    diff lessons/07_poll_server.c lessons/08a_epoll_server.c
 * Python   select.poll, register, unregister, poll
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { RETRY_MS = 100, PLENTY = 10100, AT_ONCE = 64 };

/* ---- The server ------------------------------------------------------------------------------ */

static struct upper **clients; /* by descriptor; NULL: none */
static struct pollfd *polled;  /* by descriptor; poll ignores those whose fd is -1 */
static int room;               /* descriptors from 0 to room - 1 can be watched */
static int highest = -1;       /* no client has a higher descriptor */
/* false: accept failed and would fail again, so do not watch the listener for a while */
static bool accepting = true;

static void open_table(void)
{
    room = (int)net_raise_descriptor_limit();
    if (room < PLENTY)
        say("server", "only %d descriptors are allowed (ulimit -Hn): too few for 10,000", room);
    clients = calloc((size_t)room, sizeof *clients);
    polled = calloc((size_t)room, sizeof *polled);
    if (!clients || !polled)
        die("calloc");
    for (int fd = 0; fd < room; fd++)
        polled[fd].fd = -1;
    polled[stop_listener].events = POLLIN;
}

/* Returns whether more clients may be waiting. */
static bool accept_client(void)
{
    struct upper *client = upper_accept(room, &accepting);
    if (!client)
        return false;
    clients[client->fd] = client;
    polled[client->fd].fd = client->fd;
    if (client->fd > highest)
        highest = client->fd;
    return true;
}

static void drop(struct upper *client)
{
    say("server", "client %d has left", client->number);
    clients[client->fd] = NULL;
    polled[client->fd].fd = -1;
    upper_close(client);
}

/* poll leaves the list as it is and answers in revents. Returns how many are ready. */
static int wait_until_ready(void)
{
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            polled[fd].events = upper_wants_to_send(clients[fd]) ? POLLOUT : POLLIN;
    polled[stop_listener].fd = accepting ? stop_listener : -1;
    int top = highest > stop_listener ? highest : stop_listener;
    int ready = poll(polled, (nfds_t)top + 1, accepting ? -1 : RETRY_MS);
    if (ready < 0 && errno != EINTR)
        die("poll");
    accepting = true;
    return ready;
}

static void serve_until_stopped(void)
{
    while (!stop_asked) {
        if (wait_until_ready() <= 0)
            continue; /* the list means nothing then */
        for (int fd = 0; fd <= highest; fd++)
            if (clients[fd] && polled[fd].revents)
                if (upper_turn(clients[fd]) == UPPER_LEFT)
                    drop(clients[fd]);
        if (polled[stop_listener].revents)
            for (int i = 0; i < AT_ONCE && accept_client(); i++)
                continue; /* not for ever: the clients that are here want their turn too */
    }
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            upper_close(clients[fd]);
    free(clients);
    free(polled);
    close(stop_listener);
    say("server", "stopped");
}

static int open_server(const char *host, long port)
{
    stop_on_signals();
    stop_listener = net_listen(host, port);
    fcntl(stop_listener, F_SETFL, O_NONBLOCK); /* accept_client may find nobody there */
    open_table();
    return stop_listener;
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "The same server with poll, which has no limit of 1024.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = cast_crowd,
        .dial = net_connect,
    };
    return server_program_run(argc, argv, &program);
}
