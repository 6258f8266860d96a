/* 06_select_server: one thread serves many clients, because nothing in its loop blocks
 *
 * Predict  ann is connected and silent when bob sends. When does bob get his reply? And carl, who
 *          sends without reading: whom does he hold up?
 * Run      build/06_select_server
 * Watch    bob is served at once, unlike in lesson 01; carl holds up nobody, and loses nothing.
 * Before   01a_serial_server, 05_select_stdin; common/sockets/upper.c, which this lesson introduces
 * After    diff lessons/06_select_server.c lessons/07_poll_server.c
 * Python   the posts' select server and its list of inputs; the selectors module
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_AT_ONCE = 64, RETRY_MS = 100 };

static long idle_clients = 100, round_trips = 1000;
static bool timing;

/* ---- The server ------------------------------------------------------------------------------ */

static struct upper **clients; /* by descriptor; NULL: none */
static int room;               /* descriptors from 0 to room - 1 can be watched */
static int highest = -1;       /* no client has a higher descriptor */
static int count;              /* of clients so far */
/* false: accept failed and would fail again, so do not watch the listener for a while */
static bool accepting = true;

static void open_table(void)
{
    net_raise_descriptor_limit();
    /* an fd_set has no place for a higher one: FD_SET would write past its end. select(2) */
    room = FD_SETSIZE;
    if (stop_listener >= room)
        fail("descriptor %d does not fit an fd_set", (int)stop_listener);
    clients = calloc((size_t)room, sizeof *clients);
    if (!clients)
        die("calloc");
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
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        for (int fd = 0; fd <= highest; fd++)
            if (clients[fd])
                FD_SET(fd, upper_wants_to_send(clients[fd]) ? &writable : &readable);
        if (accepting)
            FD_SET(stop_listener, &readable);

        struct timeval retry = {.tv_usec = RETRY_MS * 1000};
        int top = highest > stop_listener ? highest : stop_listener;
        int ready = select(top + 1, &readable, &writable, NULL, accepting ? NULL : &retry);
        if (ready < 0 && errno != EINTR)
            die("select");
        accepting = true;
        if (ready <= 0)
            continue;
        for (int fd = 0; fd <= highest; fd++)
            if (clients[fd] && (FD_ISSET(fd, &readable) || FD_ISSET(fd, &writable)))
                if (upper_turn(clients[fd]) == UPPER_LEFT)
                    drop(clients[fd]);
        if (FD_ISSET(stop_listener, &readable))
            accept_clients();
    }
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            upper_close(clients[fd]);
    free(clients);
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
        .idea = "One thread serves many clients, because nothing in its loop blocks.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
