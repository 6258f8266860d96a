/* 10_thread_server: a thread for each client, so that each may wait as long as it likes
 *
 * Predict  ann is connected and silent when bob sends; the server's code for one client is that of
 *          lesson 01, which blocks in recv. When does bob get his reply?
 * Run      build/10_thread_server
 * Watch    one thread waits for ann while another serves bob; the first thread only accepts.
 * Before   01a_serial_server, 06_select_server
 * After    diff lessons/10_thread_server.c lessons/11a_fork_server.c
 * Python   post 003's cut-down ThreadingTCPServer: a wait with a limit, "looping", threading.Thread
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long stack_kib = 128; /* 64-bit ARM takes no less: pthread_attr_setstacksize(3) */

struct worker {
    struct worker *next;
    int number;
    int connection; /* -1: closed, the thread ends; guarded by the lock */
    pthread_t thread;
};

static struct worker *workers; /* only the first thread walks and changes the list */
static int count;              /* of clients so far */
static pthread_attr_t small_stack;

/* Keeps stop_workers from hanging up a descriptor that has been closed since: lesson 17a. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *argument)
{
    struct worker *worker = argument;
    char name[32];
    snprintf(name, sizeof name, "thread-%d", worker->number);
    upper_serve(name, worker->connection, worker->number);
    pthread_mutex_lock(&lock);
    close(worker->connection);
    worker->connection = -1;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* When the system has no thread for a client, it is told so, and the others are still served. */
static void start_worker(int connection)
{
    count++;
    struct worker *worker = malloc(sizeof *worker);
    int error = ENOMEM;
    if (worker) {
        *worker = (struct worker){.next = workers, .number = count, .connection = connection};
        say("server", "accepted client %d: a thread for it", count);
        /* pthread functions return the error: errno is not the answer */
        error = pthread_create(&worker->thread, &small_stack, work, worker);
    }
    if (error == 0) {
        workers = worker;
        return;
    }
    free(worker);
    say("server", "no thread for client %d: %s", count, strerror(error));
    net_refuse(connection, "error: the server is full, try again later\n");
}

static bool has_ended(struct worker *worker)
{
    pthread_mutex_lock(&lock);
    bool ended = worker->connection < 0;
    pthread_mutex_unlock(&lock);
    return ended;
}

static void join_first(struct worker **link)
{
    struct worker *worker = *link;
    *link = worker->next;
    pthread_join(worker->thread, NULL);
    free(worker);
}

/* A thread that nobody joins keeps its stack. */
static void join_workers_that_have_ended(void)
{
    for (struct worker **link = &workers; *link;)
        if (has_ended(*link))
            join_first(link);
        else
            link = &(*link)->next;
}

/* Hangs up on the clients, so that a thread blocked in recv or send returns and ends by itself.
 * (pthread_cancel(3) would end it too, but it would need a handler to clean up behind it.) */
static void stop_workers(void)
{
    pthread_mutex_lock(&lock);
    for (struct worker *worker = workers; worker; worker = worker->next)
        if (worker->connection >= 0)
            shutdown(worker->connection, SHUT_RDWR);
    pthread_mutex_unlock(&lock);
    while (workers)
        join_first(&workers);
}

static void limit_stacks(void)
{
    size_t usual;
    pthread_attr_init(&small_stack);
    pthread_attr_getstacksize(&small_stack, &usual);
    if (pthread_attr_setstacksize(&small_stack, (size_t)stack_kib * 1024) != 0)
        args_refuse("--stack %ld: too small for a thread of this system", stack_kib);
    say("server", "a thread reserves %ld KiB of stack; %zu KiB unless told otherwise", stack_kib,
        usual / 1024);
}

static void serve_until_stopped(void)
{
    while (!stop_asked) {
        struct pollfd listener = {.fd = stop_listener, .events = POLLIN};
        int ready = poll(&listener, 1, 1000);
        if (ready == 0 && !server_program_is_demo())
            say("server", "looping: nobody came for a second");
        join_workers_that_have_ended();
        int connection = ready > 0 ? net_accept(stop_listener) : -1;
        if (connection >= 0)
            start_worker(connection);
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
    limit_stacks();
    return stop_listener;
}

static void play(void)
{
    cast_pair();
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"stack", "KIB", "the stack of a thread", .number = &stack_kib, .min = 32, .max = 65536},
        {0},
    };
    static const struct server_program program = {
        .idea = "A thread for each client, so that each may wait as long as it likes.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
