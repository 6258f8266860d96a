/* 08_epoll_server: the same server with epoll, which is told once whom to watch (Linux)
 *
 * Predict  Six bytes arrive and the program reads three of them. Does the next epoll_wait report
 *          the other three?
 * Run      build/08_epoll_server, then build/08_epoll_server --timing --clients 10000
 * Watch    lesson 06's transcript once more, then level and edge side by side; a price that does
 *          not grow.
 * Needs    Linux: epoll(7)
 * Before   07_poll_server
 * After    09a_bind_twice; 26_showdown measures every model
 * Python   select.epoll, register, modify, poll; EPOLLET for --edge
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/crowd.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_AT_ONCE = 64, RETRY_MS = 100, PLENTY = 10100, TURNS_AT_ONCE = 16 };

static const char *host = "127.0.0.1";
static long port = 0;
static long idle_clients = 100, round_trips = 1000;
static bool timing, edge;

/* ---- The server ------------------------------------------------------------------------------ */

static struct upper **clients; /* by descriptor; NULL: none */
static int epoll;              /* the kernel's list of whom to watch, and for what */
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
    if (!clients)
        die("calloc");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll_create1");
}

/* Tells the kernel what the descriptor waits for. Level-triggered: it reports as long as that is
 * so. Edge-triggered: it reports when something changed, and once at each EPOLL_CTL_MOD if it is so
 * now. */
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

static void add(int fd)
{
    struct upper *client = fd < room ? upper_open(fd, count + 1) : NULL;
    if (client && !watch_client(EPOLL_CTL_ADD, client)) {
        free(client);
        client = NULL;
    }
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
    upper_close(client); /* which takes it off the kernel's list too */
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

/* Level-triggered: one turn, and the kernel reports again if there is more. Edge-triggered: turns
 * until one would have blocked, for there will be no second report; but not without end, so that
 * others have their turn too. */
static void serve_client(struct upper *client)
{
    bool sending = upper_wants_to_send(client);
    enum upper_result result = upper_turn(client);
    for (int turns = 1; edge && result == UPPER_GOES_ON && turns < TURNS_AT_ONCE; turns++)
        result = upper_turn(client);
    if (result == UPPER_LEFT)
        drop(client);
    else if (edge ? result == UPPER_GOES_ON : sending != upper_wants_to_send(client))
        watch_client(EPOLL_CTL_MOD, client);
}

static void serve_until_stopped(void)
{
    fcntl(stop_listener, F_SETFL, O_NONBLOCK); /* who waited may have gone before accept */
    if (!watch(EPOLL_CTL_ADD, stop_listener, EPOLLIN))
        die("epoll_ctl");
    while (!stop_asked) {
        bool was_accepting = accepting;
        struct epoll_event events[64];
        int ready =
            epoll_wait(epoll, events, sizeof events / sizeof *events, accepting ? -1 : RETRY_MS);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        accepting = true;
        for (int i = 0; i < ready; i++)
            if (events[i].data.fd == stop_listener)
                accept_clients();
            else
                serve_client(clients[events[i].data.fd]);
        if (accepting != was_accepting)
            watch(EPOLL_CTL_MOD, stop_listener, accepting ? EPOLLIN : 0);
    }
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            upper_close(clients[fd]);
    free(clients);
    close(epoll);
    int done = stop_listener;
    stop_listener = -1;
    close(done);
    say("server", "stopped");
}

/* ---- Level and edge -------------------------------------------------------------------------- */

static void report(const char *trigger, int list, const char *after)
{
    struct epoll_event event;
    int ready = epoll_wait(list, &event, 1, 0); /* ms: do not wait, only look */
    say(trigger, "%s: epoll_wait reports %s", after, ready == 1 ? "it" : "nothing");
}

static void show_trigger(const char *trigger, uint32_t events)
{
    int ends[2];
    char data[6];
    int list = epoll_create1(EPOLL_CLOEXEC);
    if (list < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        die("socketpair");
    struct epoll_event event = {.events = events};
    if (epoll_ctl(list, EPOLL_CTL_ADD, ends[0], &event) < 0)
        die("epoll_ctl");
    net_send_all(ends[1], "abcdef", 6);
    report(trigger, list, "\"abcdef\" arrives");
    if (recv(ends[0], data, 3, 0) != 3)
        die("recv");
    report(trigger, list, "3 of 6 bytes are read");
    net_send_all(ends[1], "g", 1);
    report(trigger, list, "\"g\" arrives");
    close(ends[0]);
    close(ends[1]);
    close(list);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int server_port;

static int dial(void)
{
    return net_connect(host, server_port);
}

static void play(void)
{
    enum { SPARE = 16 };
    if (timing && idle_clients + SPARE > net_raise_descriptor_limit())
        fail("too few descriptors are allowed for %ld clients (ulimit -Hn)", idle_clients);
    if (timing)
        crowd_time(dial, idle_clients, round_trips);
    else
        crowd_play(dial);
}

static int demo(char **operands)
{
    (void)operands;
    stop_on_signals();
    stop_listener = net_listen(host, port);
    server_port = net_port(stop_listener);
    say_mute(timing);
    open_table();
    int status = cast_play(stop_listener, serve_until_stopped, play);
    if (!timing) {
        show_trigger("level", EPOLLIN);
        show_trigger("edge", EPOLLIN | EPOLLET);
    }
    return status;
}

static int serve(char **operands)
{
    (void)operands;
    stop_on_signals();
    stop_listener = net_listen(host, port);
    open_table();
    serve_until_stopped();
    return EXIT_SUCCESS;
}

static int connect_to(char **operands)
{
    return talk(net_connect(operands[0], args_number("PORT", operands[1], 1, 65535)));
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "serve until SIGINT or SIGTERM", serve},
        {"connect", "HOST PORT", "send each line that is typed, print its reply", connect_to},
        {0},
    };
    static const struct option_spec options[] = {
        {"host", "H", "the address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        {"edge", NULL, "edge-triggered: told of changes only", .flag = &edge},
        {"timing", NULL, "measure round trips, with no narration", .flag = &timing},
        {"ops", "N", "round trips to make", .number = &round_trips, .min = 1, .max = 1000000},
        {"clients", "N", "idle clients meanwhile", .number = &idle_clients, .max = 20000},
        {0},
    };
    static const struct program program = {
        "The same server with epoll, which is told once whom to watch (Linux).", commands, options};
    return args_run(argc, argv, &program);
}
