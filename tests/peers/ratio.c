/* ratio: what the framework costs. The server of a mixin and a bare loop of accept and
 * pthread_create (or fork) answer the same requests, a connection each, in turns on one CPU:
 *
 *   ratio thread|fork [PAIRS [REQUESTS]]   prints the median of framework / bare, and the spread
 */
#define _GNU_SOURCE /* sched_setaffinity */
#include "sockets/net.h"
#include "sockets/upper.h"
#include "socketserver/mixin.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool with_threads;

/* What the framework calls does the same as the bare loop: no name is made for narration. */
static bool serve_in_the_framework(struct handler *self)
{
    upper_serve("server", self->request->fd, 1);
    return true;
}

static void *serve_in_a_thread(void *argument)
{
    int fd = (int)(intptr_t)argument;
    upper_serve("bare", fd, 1);
    close(fd);
    return NULL;
}

static void bare_loop(int listener)
{
    signal(SIGCHLD, SIG_IGN); /* nothing is left of a child, and nothing is known of it */
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;
        if (with_threads) {
            if (pthread_create(&thread, NULL, serve_in_a_thread, (void *)(intptr_t)fd) != 0)
                fail("pthread_create");
            pthread_detach(thread);
            continue;
        }
        if (fork() == 0) {
            close(listener);
            upper_serve("bare", fd, 1);
            _exit(EXIT_SUCCESS);
        }
        close(fd);
    }
}

static pid_t start(bool bare, int *port)
{
    struct server server;
    int listener = -1;
    if (bare) {
        listener = net_listen("127.0.0.1", 0);
        *port = net_port(listener);
    } else {
        struct server_class class = with_threads ? threading_tcp_server() : forking_tcp_server();
        struct handler_class handler = base_request_handler();
        handler.handle = serve_in_the_framework;
        if (!server_init(&server, class, handler, "127.0.0.1", 0, true))
            die("server_init");
        *port = address_port(&server.address);
    }
    pid_t process = fork();
    if (process == 0 && bare)
        bare_loop(listener);
    if (process == 0)
        server_serve_forever(&server, 500);
    bare ? (void)close(listener) : server_close(&server);
    return process;
}

static double rate(int port, long requests)
{
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < requests; i++) {
        int fd = net_connect("127.0.0.1", port);
        char byte = 'x';
        if (!net_send_all(fd, &byte, 1) || recv(fd, &byte, 1, 0) != 1 || byte != 'X')
            fail("no reply");
        close(fd);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (double)requests /
           ((double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "thread") != 0 && strcmp(argv[1], "fork") != 0))
        fail("ratio thread|fork [PAIRS [REQUESTS]]");
    with_threads = strcmp(argv[1], "thread") == 0;
    long pairs = argc > 2 ? args_number("PAIRS", argv[2], 1, 100) : 10;
    long requests = argc > 3 ? args_number("REQUESTS", argv[3], 1, 1000000) : 3000;
    say_mute(true);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);

    int ports[2];
    pid_t servers[2] = {start(true, &ports[0]), start(false, &ports[1])};
    double ratios[100], bare = 0;
    for (long i = -1; i < pairs; i++) { /* the first pair warms up */
        bare = rate(ports[0], requests);
        ratios[i < 0 ? 0 : i] = rate(ports[1], requests) / bare;
    }
    qsort(ratios, (size_t)pairs, sizeof *ratios, compare);
    printf("%s: framework / bare = %.2f (%.2f to %.2f in %ld pairs; bare %.0f requests/s)\n",
           argv[1], ratios[pairs / 2], ratios[0], ratios[pairs - 1], pairs, bare);
    for (int i = 0; i < 2; i++) {
        kill(servers[i], SIGKILL);
        waitpid(servers[i], NULL, 0);
    }
    return EXIT_SUCCESS;
}
