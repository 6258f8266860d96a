/* 11a_fork_server: a process for each client, and two copies of each descriptor
 *
 * Predict  ann closes her side, and the process that served her ends. The parent never talked to
 *          her, but forgot to close its copy of her connection. What does she see?
 * Run      build/11a_fork_server, then with --keep-open
 * Watch    lesson 10's scene, with processes; a connection ends when its last copy is closed.
 * Before   10_thread_server
 * After    diff lessons/10_thread_server.c lessons/11a_fork_server.c; 11b_zombies
 * Python   post 003: ForkingTCPServer; os.fork, os._exit, os.waitpid
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/cast.h"
#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct worker {
    struct worker *next;
    pid_t process;
};

static bool keep_open;
static struct worker *workers;
static int count;     /* of clients so far */
static int kept = -1; /* with --keep-open, the parent's copy of the latest connection */
static pid_t server;  /* the parent of every child */

/* fork copied every descriptor. A connection ends, and a port is free, when the last copy is
 * closed, so each side closes what only the other one uses. */
static _Noreturn void work(int connection, const char *name)
{
    if (!keep_open) {
        child_ends_with(server, SIGKILL);
        close(stop_listener);
    }
    upper_serve(name, connection, count);
    _exit(EXIT_SUCCESS); /* not exit: atexit functions and buffers are the parent's */
}

/* child_fork is fork(2), and signals simply end the child: children.h. A client for whom the system
 * has no process is told so, and the server goes on serving the others. */
static void start_worker(int connection)
{
    char name[32]; /* made here: a child that writes to memory pays for a copy of each page */
    snprintf(name, sizeof name, "child-%d", ++count);
    struct worker *worker = malloc(sizeof *worker);
    if (worker)
        say("server", "accepted client %d: a process for it", count);
    pid_t process = worker ? child_fork() : -1;
    if (process == 0)
        work(connection, name);
    if (process < 0) {
        say("server", "no process for client %d: %s", count, strerror(errno));
        net_refuse(connection, "error: the server is full, try again later\n");
        free(worker);
        return;
    }
    if (keep_open)
        kept = connection;
    else
        close(connection);
    *worker = (struct worker){.next = workers, .process = process};
    workers = worker;
}

/* A process that nobody waits for stays a zombie: lesson 11b. Each child is asked for by its pid,
 * because waitpid(-1) would also take the end of a child that somebody else waits for. */
static void reap_workers_that_have_ended(void)
{
    for (struct worker **link = &workers; *link;) {
        struct worker *worker = *link;
        if (waitpid(worker->process, NULL, WNOHANG) == 0) {
            link = &worker->next;
        } else {
            *link = worker->next;
            free(worker);
        }
    }
}

static void stop_workers(void)
{
    for (struct worker *worker = workers; worker; worker = worker->next)
        child_ask_to_end(worker->process);
    struct deadline grace = deadline_in(CHILD_GRACE_MS); /* then they are killed */
    for (struct worker *worker = workers; worker; worker = worker->next)
        child_await_end(worker->process, grace);
}

/* The demo of --keep-open: WNOWAIT waits for ann's child, and leaves it to be reaped. waitid(2) */
static void close_the_copy_at_last(void)
{
    siginfo_t end;
    if (waitid(P_PID, (id_t)workers->process, &end, WEXITED | WNOWAIT) < 0)
        return; /* a signal */
    say("server", "the child has ended, and ann waits: closes its own copy too");
    close(kept);
    kept = -1;
}

static void serve_until_stopped(void)
{
    server = getpid();
    while (!stop_asked) {
        struct pollfd listener = {.fd = stop_listener, .events = POLLIN};
        int ready = poll(&listener, 1, 1000);
        reap_workers_that_have_ended();
        int connection = ready > 0 ? net_accept(stop_listener) : -1;
        if (connection >= 0)
            start_worker(connection);
        if (kept >= 0 && server_program_is_demo())
            close_the_copy_at_last();
    }
    stop_workers();
    close(stop_listener);
    say("server", "stopped");
}

static int open_server(const char *host, long port)
{
    stop_on_signals();
    stop_listener = net_listen(host, port);
    fcntl(stop_listener, F_SETFL, O_NONBLOCK); /* whoever waits may have gone before accept */
    return stop_listener;
}

static void wait_in_vain(void)
{
    int ann = cast_connect("ann", "hello");
    cast_reply("ann", ann, 5);
    say("ann", "closes her side and waits for the end of file");
    char byte;
    if (shutdown(ann, SHUT_WR) < 0 || recv(ann, &byte, 1, 0) != 0)
        fail("ann: wanted an end of file");
    say("ann", "has it");
    close(ann);
}

static void play(void)
{
    if (keep_open)
        wait_in_vain();
    else
        cast_pair();
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"keep-open", NULL, "parent and child keep each other's descriptors", .flag = &keep_open},
        {0},
    };
    static const struct server_program program = {
        .idea = "A process for each client, and two copies of each descriptor.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
