/* limits: the fewest system calls that do the job, as a bound for what a lesson can reach.
 *
 *   limits MODEL          a server that answers in upper case until SIGTERM
 *   limits WHAT [COUNT]   one line of timing, for COUNT of what costs.c counts
 *
 * The names stand in the table at the end. A call that fails in service costs its client. Linux.
 */
#define _GNU_SOURCE /* SOCK_NONBLOCK */
#include "processes/shared.h"
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "timing.h"

#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Servers: a function is called again and again ------------------------------------------- */

/* When its thread ends, glibc leaves a stack of 16 KiB as it is: a larger one costs a madvise each
 * time. It has room for a buffer of 4 KiB. */
enum { BUFFER = 4096, STACK = 16384 };
static int server; /* the listening socket */
static pthread_attr_t detached;

static void open_server(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, type, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(server, NET_BACKLOG) < 0)
        die("socket, bind, listen");
    net_raise_descriptor_limit();
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, STACK); /* left as it is where that is too little */
    say("limit", "listening on %s", net_local(server).text);
}

static void upper(char *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] >= 'a' && data[i] <= 'z')
            data[i] = (char)(data[i] - 'a' + 'A');
}

/* Returns false when the client has left. */
static bool answer(int fd)
{
    char data[BUFFER];
    ssize_t got = recv(fd, data, sizeof data, 0);
    if (got > 0)
        upper(data, (size_t)got);
    return got > 0 && net_send_all(fd, data, (size_t)got);
}

static void *serve_client(void *client)
{
    int fd = (int)(intptr_t)client;
    while (answer(fd))
        continue;
    close(fd);
    return NULL;
}

/* A connection: accept, recv, close. A request: recv, send. */
static void serve_serial(void)
{
    int fd = accept(server, NULL, NULL);
    if (fd >= 0)
        serve_client((void *)(intptr_t)fd);
}

/* A connection: accept, clone, recv, close, exit. A request: recv, send. */
static void serve_threading(void)
{
    pthread_t thread;
    int fd = accept(server, NULL, NULL);
    if (fd >= 0 && pthread_create(&thread, &detached, serve_client, (void *)(intptr_t)fd) != 0)
        close(fd);
}

/* With SIGCHLD ignored nobody would have to wait, and nobody would know the children's CPU time. */
static void wait_for_the_ended(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

/* A connection: accept, fork, close; prctl, close, recv, close, exit. A request: recv, send. */
static void serve_forking(void)
{
    int fd = accept(server, NULL, NULL);
    if (fd >= 0 && fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* so that it ends with the server */
        close(server);
        serve_client((void *)(intptr_t)fd);
        _exit(EXIT_SUCCESS);
    }
    close(fd);
    wait_for_the_ended();
}

/* A connection: accept, epoll_ctl, recv, close. A request: recv, send. For all that are ready:
 * epoll_wait. A client that does not read holds up the others; lesson 08 cures that by a buffer. */
static void serve_epoll(void)
{
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.fd = server};
    int epoll = epoll_create1(0);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event) < 0)
        die("epoll");
    for (;;) {
        int ready = epoll_wait(epoll, events, sizeof events / sizeof *events, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != server && !answer(fd))
                close(fd);
            while (fd == server && (event.data.fd = accept(server, NULL, NULL)) >= 0)
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
                    close(event.data.fd);
        }
    }
}

/* ---- Programs: a function is called once, and says when its set-up has ended ----------------- */

static long count;  /* of things to do */
static int workers; /* who do them */
static struct timespec start;

static pthread_t start_thread(void *(*run)(void *argument), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0)
        fail("pthread_create");
    return thread;
}

static void *add_one(void *number)
{
    ++*(long *)number;
    return NULL;
}

/* Lesson 16. A thread: clone, exit, futex. */
static void time_thread(void)
{
    long have_run = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (have_run < count)
        pthread_join(start_thread(add_one, &have_run), NULL);
}

struct counter {
    pthread_mutex_t lock;
    long number;
};
static struct counter *counter;

static void make_counter(int type, int shared, int robust)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, type);
    pthread_mutexattr_setpshared(&kind, shared);
    pthread_mutexattr_setrobust(&kind, robust);
    counter = shared_new(sizeof *counter);
    pthread_mutex_init(&counter->lock, &kind);
}

static void *add(void *times)
{
    for (long left = *(long *)times; left > 0; left--) {
        pthread_mutex_lock(&counter->lock);
        counter->number++;
        pthread_mutex_unlock(&counter->lock);
    }
    return NULL;
}

/* Lesson 17 with one thread, which is started and joined there too. An increment: no call. */
static void time_lock(void)
{
    make_counter(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PROCESS_PRIVATE, PTHREAD_MUTEX_STALLED);
    clock_gettime(CLOCK_MONOTONIC, &start);
    pthread_join(start_thread(add, &count), NULL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
static long turns; /* so far; an even number: 0 is next, else 1 */

static void *take_turns(void *is_second)
{
    int me = is_second != NULL;
    pthread_mutex_lock(&lock);
    for (long i = 0; i < count; i++) {
        while (turns % 2 != me)
            pthread_cond_wait(&turn[me], &lock);
        turns++;
        pthread_mutex_unlock(&lock); /* who is woken wants it first */
        pthread_cond_signal(&turn[1 - me]);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Lesson 18. A round trip: two times futex to wake and futex to wait. */
static void time_event(void)
{
    pthread_t other = start_thread(take_turns, &count);
    clock_gettime(CLOCK_MONOTONIC, &start);
    take_turns(NULL);
    pthread_join(other, NULL);
}

static void join_child(pid_t child, long wanted)
{
    int status;
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        fail("a child has not ended well");
}

/* Lesson 19a. A process: fork, exit, waitpid. */
static void time_process(void)
{
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit((int)(i % 256));
        join_child(child, i % 256);
    }
}

/* Lessons 21 and 22. An increment: no call; while others want the lock, futex to wait and wake. As
 * in the lessons nobody begins before all are there: until then the parent has the lock. */
static void time_increments(void)
{
    pid_t children[4];
    make_counter(PTHREAD_MUTEX_NORMAL, PTHREAD_PROCESS_SHARED, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_lock(&counter->lock);
    for (int i = 0; i < workers; i++) {
        long share = count / workers + (i < count % workers);
        if ((children[i] = fork()) == 0) {
            add(&share);
            _exit(EXIT_SUCCESS);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    pthread_mutex_unlock(&counter->lock);
    for (int i = 0; i < workers; i++)
        join_child(children[i], EXIT_SUCCESS);
}

/* Lesson 23a, its bytes without a dictionary. A get or a set: send and recv, on either side. */
static void time_dict(void)
{
    static const char request[] = "set client-0 12345\n", reply[] = "ok 12345\n";
    char data[64];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        die("socketpair");
    pid_t child = fork();
    close(ends[child != 0]);
    while (child == 0)
        if (recv(ends[1], data, sizeof data, 0) <= 0 ||
            send(ends[1], reply, sizeof reply - 1, MSG_NOSIGNAL) < 0)
            _exit(EXIT_SUCCESS);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < count; i++)
        if (send(ends[0], request, sizeof request - 1, MSG_NOSIGNAL) < 0 ||
            recv(ends[0], data, sizeof data, 0) != sizeof reply - 1)
            fail("no reply");
    close(ends[0]);
    join_child(child, EXIT_SUCCESS);
}

/* One pipe takes numbers to all workers, and one brings results back. A write of at most PIPE_BUF
 * bytes is never torn, and the pipes have room for all that is under way: no write waits. */
enum { WINDOW = 1024, BATCH = PIPE_BUF / sizeof(long) };
static int tasks[2], results[2];

static _Noreturn void work(void)
{
    long batch[BATCH];
    ssize_t got;
    close(tasks[1]); /* end of file comes when nobody has this end */
    while ((got = read(tasks[0], batch, sizeof batch)) > 0) {
        for (size_t i = 0; i < (size_t)got / sizeof *batch; i++)
            batch[i] += 100;
        if (write(results[1], batch, (size_t)got) != got)
            break;
    }
    _exit(got == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Hands out so many tasks, as the window has room for them: one by one, or so many at a time. */
static void run_tasks(long wanted, long window, long at_a_time)
{
    long batch[WINDOW], given = 0, taken = 0, sum = 0;
    while (taken < wanted) {
        while (given < wanted && given - taken < window) {
            size_t room = 0;
            while ((long)room < at_a_time && given < wanted && given - taken < window)
                batch[room++] = given++;
            if (write(tasks[1], batch, room * sizeof *batch) < 0)
                die("write");
        }
        ssize_t got = read(results[0], batch, sizeof batch);
        if (got <= 0)
            fail("the workers have ended");
        for (size_t i = 0; i < (size_t)got / sizeof *batch; i++)
            sum += batch[i] - 100 - taken++;
    }
    if (sum != 0)
        fail("wrong results");
}

static void time_tasks(long window, long at_a_time)
{
    pid_t children[2];
    if (pipe(tasks) < 0 || pipe(results) < 0)
        die("pipe");
    for (int i = 0; i < workers; i++)
        if ((children[i] = fork()) == 0)
            work();
    close(results[1]);
    run_tasks(1, 1, 1); /* the first worker is there */
    clock_gettime(CLOCK_MONOTONIC, &start);
    run_tasks(count, window, at_a_time);
    close(tasks[1]);
    for (int i = 0; i < workers; i++)
        join_child(children[i], EXIT_SUCCESS);
}

/* Lesson 24, one worker. A task: write and read, on either side. */
static void time_apply(void)
{
    time_tasks(1, 1);
}

/* Two workers. A task: write, and its part of three calls that take what is there. */
static void time_async(void)
{
    time_tasks(WINDOW, 1);
}

/* All tasks are there from the start: the same calls for as many as the window has room for. */
static void time_map(void)
{
    time_tasks(WINDOW, WINDOW);
}

static const struct row {
    const char *name;
    void (*run)(void);
    int type; /* of a server's socket; 0: a program, and what it counts, how many, by how many */
    const char *things;
    long count;
    int workers;
} rows[] = {
    {"serial", serve_serial, SOCK_STREAM, "", 0, 0},
    {"threading", serve_threading, SOCK_STREAM, "", 0, 0},
    {"forking", serve_forking, SOCK_STREAM, "", 0, 0},
    {"epoll", serve_epoll, SOCK_STREAM | SOCK_NONBLOCK, "", 0, 0},
    {"thread", time_thread, 0, "threads", 10000, 1},
    {"process", time_process, 0, "processes", 1000, 1},
    {"lock", time_lock, 0, "increments", 400000, 1},
    {"event", time_event, 0, "round trips", 20000, 1},
    {"array", time_increments, 0, "locked increments", 200000, 1},
    {"plock", time_increments, 0, "increments", 1000000, 4},
    {"dict", time_dict, 0, "gets and sets", 10000, 1},
    {"apply", time_apply, 0, "tasks", 10000, 1},
    {"async", time_async, 0, "tasks", 400000, 2},
    {"map", time_map, 0, "tasks", 1000000, 2},
};

int main(int argc, char **argv)
{
    const struct row *row = NULL;
    char names[256] = "";
    die_name = "limits";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, " %s", rows[i].name);
        if (argc > 1 && argc <= (rows[i].type ? 2 : 3) && strcmp(argv[1], rows[i].name) == 0)
            row = &rows[i];
    }
    if (!row)
        args_refuse("wants one of%s", names);
    if (row->type)
        open_server(row->type);
    count = argc > 2 ? args_number("COUNT", argv[2], 1, 1000000000) : row->count;
    workers = row->workers;
    do
        row->run();
    while (row->type);
    if (counter && counter->number != count)
        fail("increments are lost");
    say_timing(count, row->things, start);
    return EXIT_SUCCESS;
}
