/* 08a_epoll_server: the same server with epoll, which is told only once what to watch (Linux)
 *
 * Predict  ten thousand clients are connected and silent, and one sends a byte. For how many does
 *          poll return an answer, and for how many does epoll_wait?
 * Run      build/08a_epoll_server
 * Watch    lesson 06's transcript once more: what has changed is who keeps the list.
 * Needs    Linux: epoll(7)
 * Before   07_poll_server
 * After    08b_level_and_edge; 26a_showdown measures every model
 * Python   select.epoll, register, modify, poll
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
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { RETRY_MS = 100, PLENTY = 10100, AT_ONCE = 64, TURNS_AT_ONCE = 16 };
static bool edge; /* lesson 08b says what that is */

/* ---- The server ------------------------------------------------------------------------------ */

static struct upper **clients; /* by descriptor; NULL: none */
static int epoll;              /* the kernel's list of what to watch, and for what */
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
    if (!clients)
        die("calloc");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll_create1");
}

/* Tells the kernel what to watch the descriptor for. Level-triggered, it is reported for as long as
 * it is ready. Edge-triggered, it is reported when something new comes, and once at each
 * EPOLL_CTL_MOD if it is ready then. */
static bool watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, operation, fd, &event) == 0;
}

static bool watch_client(int operation, const struct upper *client)
{
    if (edge)
        return watch(operation, client->fd, EPOLLIN | EPOLLOUT | EPOLLET);
    return watch(operation, client->fd, upper_wants_to_send(client) ? EPOLLOUT : EPOLLIN);
}

static void drop(struct upper *client)
{
    say("server", "client %d has left", client->number);
    clients[client->fd] = NULL;
    upper_close(client); /* which takes it off the kernel's list too */
}

/* Returns whether more clients may be waiting. */
static bool accept_client(void)
{
    struct upper *client = upper_accept(room, &accepting);
    if (!client)
        return false;
    clients[client->fd] = client;
    if (client->fd > highest)
        highest = client->fd;
    if (!watch_client(EPOLL_CTL_ADD, client))
        drop(client);
    return true;
}

/* One turn: the kernel reports again if there is more. */
static void serve_level(struct upper *client)
{
    bool sending = upper_wants_to_send(client);
    if (upper_turn(client) == UPPER_LEFT)
        drop(client);
    else if (sending != upper_wants_to_send(client))
        watch_client(EPOLL_CTL_MOD, client);
}

/* Takes turns until one would have blocked, because there will be no second report. After so many,
 * EPOLL_CTL_MOD asks for a new report, and the other clients have their turn. */
static void serve_edge(struct upper *client)
{
    enum upper_result result = upper_turn(client);
    for (int turns = 1; result == UPPER_GOES_ON && turns < TURNS_AT_ONCE; turns++)
        result = upper_turn(client);
    if (result == UPPER_LEFT)
        drop(client);
    else if (result == UPPER_GOES_ON)
        watch_client(EPOLL_CTL_MOD, client);
}

static void serve_ready(int fd)
{
    if (fd != stop_listener && edge)
        serve_edge(clients[fd]);
    else if (fd != stop_listener)
        serve_level(clients[fd]);
    for (int i = 0; fd == stop_listener && i < AT_ONCE && accept_client(); i++)
        continue; /* not for ever: the clients that are here want their turn too */
}

static void serve_until_stopped(void)
{
    if (!watch(EPOLL_CTL_ADD, stop_listener, EPOLLIN))
        die("epoll_ctl");
    while (!stop_asked) {
        bool was_accepting = accepting;
        struct epoll_event events[AT_ONCE];
        int ready = epoll_wait(epoll, events, AT_ONCE, accepting ? -1 : RETRY_MS);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        accepting = true;
        for (int i = 0; i < ready; i++)
            serve_ready(events[i].data.fd);
        if (accepting != was_accepting)
            watch(EPOLL_CTL_MOD, stop_listener, accepting ? EPOLLIN : 0);
    }
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            upper_close(clients[fd]);
    free(clients);
    close(epoll);
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
    static const struct option_spec options[] = {
        {"edge", NULL, "edge-triggered", .flag = &edge},
        {0},
    };
    static const struct server_program program = {
        .idea = "The same server with epoll, which is told only once what to watch.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = cast_crowd,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
