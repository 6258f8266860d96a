/* 25b_reuseport: a listening socket for each worker, all at one port
 *
 * Predict  four workers, each with a listening socket of its own; one of them is busy, three are
 *          free. Can a client still have to wait?
 * Run      build/25b_reuseport
 * Watch    the kernel chooses the socket by a hash, but does not ask who is free.
 * Before   09a_bind_twice, 25a_prefork_server
 * After    26a_showdown
 * Python   socket.SO_REUSEPORT; socket.create_server(address, reuse_port=True)
 */
#define _DEFAULT_SOURCE /* SO_REUSEPORT: Linux since 3.9, and the BSDs; not in POSIX.1-2008 */
#include "processes/workers.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static long worker_count = 4;
static int listeners[MOST_WORKERS];

/* ---- The sockets ----------------------------------------------------------------------------- */

static int listen_at(const char *host, struct sockaddr_in address)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        die("setsockopt SO_REUSEPORT");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s:%d", host, ntohs(address.sin_port));
    if (listen(fd, NET_BACKLOG) < 0)
        die("listen %s:%d", host, ntohs(address.sin_port));
    return fd;
}

/* The parent makes them all, and keeps them open: what is queued at one of them waits for the next
 * worker if this one dies. */
static int open_server(const char *host, long port)
{
    workers_prepare();
    stop_on_signals();
    struct sockaddr_in address = net_address(host, port);
    listeners[0] = listen_at(host, address);
    address.sin_port = htons((uint16_t)net_port(listeners[0])); /* instead of port 0 */
    for (int i = 1; i < worker_count; i++)
        listeners[i] = listen_at(host, address);
    say("server", "listening on %s", net_local(listeners[0]).text);
    return server_program_is_demo() ? dup(listeners[0]) : listeners[0]; /* the cast closes it */
}

/* ---- A worker, and the parent ---------------------------------------------------------------- */

/* It accepts as those of lesson 25a do, at its own socket. In the demo it keeps quiet. */
static void work(int place)
{
    for (int other = 0; other < worker_count; other++)
        if (other != place)
            close(listeners[other]);
    say_mute(server_program_is_demo());
    for (;;) {
        int connection = workers_accept(listeners[place]);
        int number = workers_count_client(place);
        say(workers_name(place).text, "accepted client %d", number);
        upper_serve(workers_name(place).text, connection, number);
        close(connection);
    }
}

static void serve_until_stopped(void)
{
    workers_run((int)worker_count, work);
    say("server", "stopped");
}

/* ---- The demo -------------------------------------------------------------------------------- */

/* Sends, and waits for one of two. True: the client is queued at this listening socket, whose
 * worker is busy; false: it has a reply. */
static bool is_queued_at(int listener, int fd)
{
    net_send_all(fd, "hello", 5);
    struct pollfd either[] = {{.fd = listener, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    poll(either, 2, -1); /* if it is interrupted, the next client may be queued there */
    return either[0].revents != 0;
}

static void play(void)
{
    int ann = cast_connect("ann", "hello");
    cast_reply("ann", ann, 5);
    int listener = listeners[workers_place(1)];
    say("main", "clients come and go, until one meets worker-1, which is busy");
    int bob = server_program_dial();
    while (!is_queued_at(listener, bob)) { /* each has another port, and so another hash */
        close(bob);
        bob = server_program_dial();
    }
    say("bob", "is queued at the socket of worker-1, and waits; the others are free");
    cast_leave("ann", ann);
    cast_reply("bob", bob, 5);
    cast_leave("bob", bob);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"workers", "N", "processes that serve", .number = &worker_count, .min = 1,
         .max = MOST_WORKERS},
        {0},
    };
    static const struct server_program program = {
        .idea = "A listening socket for each worker, all at one port.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
