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

enum { RETRY_MS = 100, AT_ONCE = 64 };

static struct upper **clients; /* by descriptor; NULL: none */
static int room;               /* descriptors from 0 to room - 1 can be watched */
static int epoll;              /* the kernel's list of what to watch, and for what */
/* false: accept failed and would fail again, so do not watch the listener for a while */
static bool accepting = true;

/* Tells the kernel what to watch the descriptor for. It is reported for as long as it is ready. */
static bool watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, operation, fd, &event) == 0;
}

static bool watch_client(int operation, const struct upper *client)
{
    return watch(operation, client->fd, upper_wants_to_send(client) ? EPOLLOUT : EPOLLIN);
}

static void drop(struct upper *client)
{
    say("server", "client %d has left", client->number);
    clients[client->fd] = NULL;
    upper_close(client); /* which takes it off the kernel's list too */
}

static void accept_client(void)
{
    struct upper *client = upper_accept(room, &accepting);
    if (!client)
        return;
    clients[client->fd] = client;
    if (!watch_client(EPOLL_CTL_ADD, client))
        drop(client);
}

static void serve_client(struct upper *client)
{
    bool sending = upper_wants_to_send(client);
    if (upper_turn(client) == UPPER_LEFT)
        drop(client);
    else if (sending != upper_wants_to_send(client))
        watch_client(EPOLL_CTL_MOD, client);
}

/* Serves each descriptor that is reported once. If there is more, the kernel reports it again. */
static void serve_one_round(void)
{
    struct epoll_event events[AT_ONCE];
    bool was_accepting = accepting;
    int ready = epoll_wait(epoll, events, AT_ONCE, accepting ? -1 : RETRY_MS);
    if (ready < 0 && errno != EINTR)
        die("epoll_wait");
    accepting = true;
    for (int i = 0; i < ready; i++) {
        int fd = events[i].data.fd;
        if (fd == stop_listener)
            accept_client();
        else
            serve_client(clients[fd]);
    }
    if (accepting != was_accepting)
        watch(EPOLL_CTL_MOD, stop_listener, accepting ? EPOLLIN : 0);
}

static void serve_until_stopped(void)
{
    while (!stop_asked)
        serve_one_round();
    for (int fd = 0; fd < room; fd++)
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
    room = (int)net_raise_descriptor_limit();
    clients = calloc((size_t)room, sizeof *clients);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!clients || epoll < 0 || !watch(EPOLL_CTL_ADD, stop_listener, EPOLLIN))
        die("epoll");
    return stop_listener;
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "The same server with epoll, which is told only once what to watch.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = cast_crowd,
        .dial = net_connect,
    };
    return server_program_run(argc, argv, &program);
}
