/* 07_poll_server: the same server with poll, which has no limit of 1024
 *
 * Predict  Lesson 06 with poll in place of select: which lines change? And what does the same round
 *          trip cost when ten thousand clients are connected and silent?
 * Run      build/07_poll_server, then build/07_poll_server --timing --clients 10000
 * Watch    the transcript of lesson 06, word for word; more clients than an fd_set can hold, and
 *          their price.
 * Before   06_select_server
 * After    diff lessons/07_poll_server.c lessons/08_epoll_server.c
 * Python   select.poll, register, unregister, poll
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/crowd.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_AT_ONCE = 64, RETRY_MS = 100, PLENTY = 10100 };

static long idle_clients = 100, round_trips = 1000;
static bool timing;

/* ---- The server ------------------------------------------------------------------------------ */

static struct upper **clients; /* by descriptor; NULL: none */
static struct pollfd *polled;  /* by descriptor; poll passes over those whose fd is -1 */
static int room;               /* descriptors from 0 to room - 1 can be watched */
static int highest = -1;       /* no client has a higher descriptor */
static int count;              /* of clients so far */
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
}

static void add(int fd)
{
    struct upper *client = fd < room ? upper_open(fd, count + 1) : NULL;
    if (!client) {
        const char *why = fd < room ? strerror(errno) : "it does not fit";
        say("server", "refused descriptor %d: %s", fd, why);
        close(fd);
        return;
    }
    count++;
    clients[fd] = client;
    if (fd > highest)
        highest = fd;
    say("server", "accepted client %d", client->number);
}

static void drop(struct upper *client)
{
    say("server", "client %d has left", client->number);
    clients[client->fd] = NULL;
    polled[client->fd].fd = -1;
    upper_close(client);
    while (highest >= 0 && !clients[highest])
        highest--;
}

/* Takes those who wait, but not without end: the clients that are here want their turn too. */
static void accept_clients(void)
{
    static bool complained;
    for (int i = 0; i < ACCEPT_AT_ONCE && !stop_asked; i++) {
        int fd = accept(stop_listener, NULL, NULL);
        if (fd >= 0) {
            complained = false;
            add(fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED && !stop_asked) {
            if (!complained)
                say("server", "accept: %s: tries again until it can", strerror(errno));
            complained = true;
            accepting = false;
            return;
        }
    }
}

static void serve_until_stopped(void)
{
    fcntl(stop_listener, F_SETFL, O_NONBLOCK); /* who waited may have gone before accept */
    while (!stop_asked) {
        for (int fd = 0; fd <= highest; fd++)
            if (clients[fd])
                polled[fd] =
                    (struct pollfd){.fd = fd,
                                    .events = upper_wants_to_send(clients[fd]) ? POLLOUT : POLLIN};
        polled[stop_listener] =
            (struct pollfd){.fd = accepting ? stop_listener : -1, .events = POLLIN};

        int top = highest > stop_listener ? highest : stop_listener;
        int ready = poll(polled, (nfds_t)top + 1, accepting ? -1 : RETRY_MS);
        if (ready < 0 && errno != EINTR)
            die("poll");
        accepting = true;
        if (ready <= 0)
            continue;
        for (int fd = 0; fd <= highest; fd++)
            if (clients[fd] && polled[fd].revents)
                if (upper_turn(clients[fd]) == UPPER_LEFT)
                    drop(clients[fd]);
        if (polled[stop_listener].revents)
            accept_clients();
    }
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            upper_close(clients[fd]);
    free(clients);
    free(polled);
    int done = stop_listener;
    stop_listener = -1;
    close(done);
    say("server", "stopped");
}

/* ---- The program ----------------------------------------------------------------------------- */

static int open_server(const char *host, long port)
{
    stop_on_signals();
    stop_listener = net_listen(host, port);
    if (timing)
        say_mute(true);
    open_table();
    return stop_listener;
}

static void play(void)
{
    enum { SPARE = 16 };
    if (timing && idle_clients + SPARE > net_raise_descriptor_limit())
        fail("too few descriptors are allowed for %ld clients (ulimit -Hn)", idle_clients);
    if (timing)
        crowd_time(server_program_dial, idle_clients, round_trips);
    else
        crowd_play(server_program_dial);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"timing", NULL, "measure round trips, with no narration", .flag = &timing},
        {"ops", "N", "round trips to make", .number = &round_trips, .min = 1, .max = 1000000},
        {"clients", "N", "idle clients meanwhile", .number = &idle_clients, .max = 20000},
        {0},
    };
    static const struct server_program program = {
        .idea = "The same server with poll, which has no limit of 1024.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
