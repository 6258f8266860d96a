/* 10_thread_server: a thread for each client, so that each may wait as long as it likes
 *
 * Predict  ann is connected and silent when bob sends; the server's code for one client is that of
 *          lesson 01, which blocks in recv. When does bob get his reply?
 * Run      build/10_thread_server
 * Watch    one thread waits for ann while another serves bob; the first thread of all serves
 *          nobody: it accepts, and joins the threads that have ended.
 * Before   01a_serial_server, 06_select_server
 * After    diff lessons/10_thread_server.c lessons/11_fork_server.c
 * Python   the posts' cut-down ThreadingTCPServer: select, "looping", threading.Thread
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
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_MS = 100 };

static const char *host = "127.0.0.1";
static long port = 0;
static long stack_kib = 128; /* 64-bit ARM takes no less: pthread_attr_setstacksize(3) */
static long requests = 1000;
static bool timing, looping;

/* ---- A worker: the thread of one client ------------------------------------------------------ */

struct worker {
    struct worker *next;
    int number;
    int connection; /* -1: closed, the thread ends; guarded by the lock */
    pthread_t thread;
};

static struct worker *workers; /* the server's thread alone walks and changes the list */
static int count;              /* of clients so far */
static pthread_attr_t small_stack;

/* Without the lock, stop_workers might hang up a descriptor that has been closed since, and given
 * to another client. Lesson 17 is about locks. */
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

/* The system has no thread for this client: the client is told, and the others are served on. */
static void refuse(int connection, int error)
{
    say("server", "no thread for client %d: %s", count, strerror(error));
    net_refuse(connection, "error: the server is full, try again later\n");
}

static void start_worker(int connection)
{
    count++;
    struct worker *worker = malloc(sizeof *worker);
    if (!worker) {
        refuse(connection, ENOMEM);
        return;
    }
    *worker = (struct worker){.next = workers, .number = count, .connection = connection};
    say("server", "accepted client %d: a thread for it", count);
    int error = pthread_create(&worker->thread, &small_stack, work, worker);
    if (error != 0) { /* the functions of pthreads return the error and leave errno alone */
        free(worker);
        refuse(connection, error);
        return;
    }
    workers = worker;
}

static bool has_ended(struct worker *worker)
{
    pthread_mutex_lock(&lock);
    bool ended = worker->connection < 0;
    pthread_mutex_unlock(&lock);
    return ended;
}

/* A thread that nobody joins keeps its stack. */
static void join_workers_that_have_ended(void)
{
    for (struct worker **link = &workers; *link;) {
        struct worker *worker = *link;
        if (!has_ended(worker)) {
            link = &worker->next;
            continue;
        }
        *link = worker->next;
        pthread_join(worker->thread, NULL);
        free(worker);
    }
}

/* A thread cannot be told to end while it waits in recv or send: its connection is hung up, and the
 * call returns. */
static void stop_workers(void)
{
    pthread_mutex_lock(&lock);
    for (struct worker *worker = workers; worker; worker = worker->next)
        if (worker->connection >= 0)
            shutdown(worker->connection, SHUT_RDWR);
    pthread_mutex_unlock(&lock);
    while (workers) {
        struct worker *worker = workers;
        workers = worker->next;
        pthread_join(worker->thread, NULL);
        free(worker);
    }
}

/* ---- The server ------------------------------------------------------------------------------ */

static void limit_stacks(void)
{
    size_t usual;
    if (pthread_attr_init(&small_stack) != 0 ||
        pthread_attr_getstacksize(&small_stack, &usual) != 0)
        fail("pthread_attr_init");
    if (pthread_attr_setstacksize(&small_stack, (size_t)stack_kib * 1024) != 0)
        args_refuse("--stack %ld: too small for a thread of this system", stack_kib);
    say("server", "a thread reserves %ld KiB of stack; %zu KiB unless told otherwise", stack_kib,
        usual / 1024);
}

static void accept_client(void)
{
    static bool complained;
    int connection = accept(stop_listener, NULL, NULL);
    if (connection >= 0) {
        fcntl(connection, F_SETFL, 0); /* BSD passes O_NONBLOCK on, and a worker waits */
        complained = false;
        start_worker(connection);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED &&
               !stop_asked) {
        if (!complained)
            say("server", "accept: %s: tries again until it can", strerror(errno));
        complained = true;
        poll(NULL, 0, RETRY_MS);
    }
}

static void serve_until_stopped(void)
{
    if (stop_listener >= FD_SETSIZE) /* lesson 06 says why */
        fail("descriptor %d does not fit an fd_set", (int)stop_listener);
    fcntl(stop_listener, F_SETFL, O_NONBLOCK); /* who waited may have gone before accept */
    while (!stop_asked) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(stop_listener, &readable);
        struct timeval second = {.tv_sec = 1};
        int ready = select(stop_listener + 1, &readable, NULL, NULL, &second);
        if (ready < 0 && errno != EINTR)
            die("select");
        if (ready == 0 && looping)
            say("server", "looping: nobody came for a second");
        join_workers_that_have_ended();
        if (ready > 0)
            accept_client();
    }
    stop_workers();
    int done = stop_listener;
    stop_listener = -1;
    close(done);
    say("server", "stopped");
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int server_port;

static int dial(void)
{
    return net_connect(host, server_port);
}

static void play(void)
{
    if (timing)
        crowd_time_requests(dial, requests);
    else
        crowd_pair(dial);
}

static int demo(char **operands)
{
    (void)operands;
    stop_on_signals();
    stop_listener = net_listen(host, port);
    server_port = net_port(stop_listener);
    say_mute(timing);
    limit_stacks();
    return cast_play(stop_listener, serve_until_stopped, play);
}

static int serve(char **operands)
{
    (void)operands;
    looping = true;
    stop_on_signals();
    stop_listener = net_listen(host, port);
    limit_stacks();
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
        {"stack", "KIB", "the stack of a thread", .number = &stack_kib, .min = 32, .max = 65536},
        {"timing", NULL, "measure requests, a connection each, with no narration", .flag = &timing},
        {"ops", "N", "requests to make", .number = &requests, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "A thread for each client, so that each may wait as long as it likes.", commands, options};
    return args_run(argc, argv, &program);
}
