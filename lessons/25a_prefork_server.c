/* 25a_prefork_server: processes that are there before the clients come
 *
 * Predict  two workers, each with a client. A third client connects and sends: when does it get
 *          its reply, and from whom? And if a worker is killed meanwhile?
 * Run      build/25a_prefork_server, then with --kill
 * Watch    all workers wait in accept, on one socket; whoever is free takes the next client.
 * Before   11a_fork_server, 11b_zombies, 24a_process_pool; then common/processes/workers.h
 * After    25b_reuseport, 26a_showdown
 * Python   os.fork after listen, os.waitpid; what gunicorn and uwsgi do with their workers
 */
#include "processes/workers.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEMO_WORKERS = 2 };

static long worker_count = DEMO_WORKERS;
static bool kill_one;
static int listener;

/* ---- A worker -------------------------------------------------------------------------------- */

/* The server of lesson 01b, many times. accept blocks, in all workers at once, on the same socket,
 * and the kernel wakes one of them. */
static void work(int place)
{
    for (;;) {
        int connection = workers_accept(listener);
        int number = workers_count_client(place);
        say(workers_name(place).text, "accepted client %d", number);
        upper_serve(workers_name(place).text, connection, number);
        close(connection);
    }
}

/* ---- The parent: it has the socket, and no client -------------------------------------------- */

/* The socket is not stop.h's: a signal would hang up on it, and it is everybody's. */
static int open_server(const char *host, long port)
{
    if (server_program_is_demo() && worker_count != DEMO_WORKERS)
        args_refuse("--workers %ld: the demo has %d", worker_count, DEMO_WORKERS);
    workers_prepare();
    stop_on_signals();
    listener = net_listen(host, port);
    return listener;
}

static void serve_until_stopped(void)
{
    workers_run((int)worker_count, work);
    close(listener);
    say("server", "stopped");
}

/* ---- The demo -------------------------------------------------------------------------------- */

static void waits(const char *name, int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (poll(&readable, 1, 0) > 0)
        fail("%s: wanted to wait", name);
    say(name, "waits: every worker has a client");
}

static void has_lost_its_worker(const char *name, int fd)
{
    char byte;
    if (recv(fd, &byte, 1, 0) > 0)
        fail("%s: wanted the end of the connection", name);
    say(name, "the connection has ended, with the process that held it");
    close(fd);
}

static void play(void)
{
    int ann = cast_connect("ann", "hello");
    cast_reply("ann", ann, 5);
    int bob = cast_connect("bob", "hi");
    cast_reply("bob", bob, 2);
    int carl = cast_connect("carl", "me too");
    waits("carl", carl);
    if (kill_one) {
        say("main", "kills worker-1 with SIGKILL");
        kill(workers_pid(1), SIGKILL);
        cast_reply("carl", carl, 6);
        has_lost_its_worker("ann", ann);
        cast_send("bob", bob, "still there?");
        cast_reply("bob", bob, 12);
    } else {
        cast_leave("ann", ann);
        cast_reply("carl", carl, 6);
    }
    cast_leave("bob", bob);
    cast_leave("carl", carl);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"workers", "N", "processes that serve", .number = &worker_count, .min = 1,
         .max = MOST_WORKERS},
        {"kill", NULL, "the demo kills a worker", .flag = &kill_one},
        {0},
    };
    static const struct server_program program = {
        .idea = "Processes that are there before the clients come.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
