/* ratio: what the framework costs. A server of it and a bare loop answer the same requests, in
 * turns on one CPU. For thread and fork a request is a connection, and the bare loop calls accept
 * and pthread_create (or fork); for udp it is a datagram, sixteen on their way at a time:
 *
 *   ratio thread|fork|udp [PAIRS [REQUESTS]]   the median of framework / bare, and the spread
 */
#define _GNU_SOURCE /* sched_setaffinity */
#include "sockets/net.h"
#include "sockets/upper.h"
#include "socketserver/mixin.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <arpa/inet.h>
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

enum { ON_THEIR_WAY = 16 };
static enum { THREAD, FORK, UDP } mode;

/* What the framework calls does the same as the bare loop: no name is made for narration. */
static bool serve_in_the_framework(struct handler *self)
{
    upper_serve("server", self->request->fd, 1);
    return true;
}

static bool answer_in_the_framework(struct handler *self)
{
    char byte = (char)(*self->request->packet - 'a' + 'A');
    return self->class->write(self, &byte, 1);
}

static _Noreturn void bare_datagrams(int server)
{
    for (;;) {
        struct sockaddr_in client;
        socklen_t length = sizeof client;
        char data[64];
        ssize_t got = recvfrom(server, data, sizeof data, 0, (struct sockaddr *)&client, &length);
        *data = (char)(*data - 'a' + 'A');
        if (got > 0)
            sendto(server, data, (size_t)got, 0, (struct sockaddr *)&client, length);
    }
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
        if (mode == THREAD) {
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

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int open_bare(void)
{
    if (mode != UDP)
        return net_listen("127.0.0.1", 0);
    struct sockaddr_in address = loopback(0);
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    return server;
}

static pid_t start_bare(int *port)
{
    int fd = open_bare();
    *port = net_port(fd);
    pid_t process = fork();
    if (process == 0 && mode == UDP)
        bare_datagrams(fd);
    if (process == 0)
        bare_loop(fd);
    close(fd);
    return process;
}

static pid_t start_framework(int *port)
{
    struct handler_class handler = base_request_handler();
    handler.handle = serve_in_the_framework;
    struct server_class class = mode == THREAD ? threading_tcp_server() : forking_tcp_server();
    if (mode == UDP) {
        handler = datagram_request_handler();
        handler.handle = answer_in_the_framework;
        class = udp_server();
    }
    struct server server;
    if (!server_init(&server, class, handler, "127.0.0.1", 0, true))
        die("server_init");
    *port = address_port(&server.address);
    pid_t process = fork();
    if (process == 0)
        server_serve_forever(&server, 500);
    server_close(&server);
    return process;
}

static void ask_by_connections(int port, long requests)
{
    for (long i = 0; i < requests; i++) {
        int fd = net_connect("127.0.0.1", port);
        char byte = 'x';
        if (!net_send_all(fd, &byte, 1) || recv(fd, &byte, 1, 0) != 1 || byte != 'X')
            fail("no reply");
        close(fd);
    }
}

/* On loopback no datagram is lost while the receiver's buffer has room, as it has for sixteen. */
static void ask_by_datagrams(int port, long requests)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    char byte;
    for (long sent = 0, received = 0; received < requests; received++) {
        while (sent < requests && sent - received < ON_THEIR_WAY)
            sent += send(fd, "x", 1, 0);
        if (recv(fd, &byte, 1, 0) != 1 || byte != 'X')
            fail("no reply");
    }
    close(fd);
}

static double rate(int port, long requests)
{
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    mode == UDP ? ask_by_datagrams(port, requests) : ask_by_connections(port, requests);
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
    static const char *const modes[] = {"thread", "fork", "udp"};
    while (argc > 1 && mode <= UDP && strcmp(argv[1], modes[mode]) != 0)
        mode++;
    if (argc < 2 || mode > UDP)
        fail("ratio thread|fork|udp [PAIRS [REQUESTS]]");
    long pairs = argc > 2 ? args_number("PAIRS", argv[2], 1, 100) : 10;
    long requests = argc > 3 ? args_number("REQUESTS", argv[3], 1, 1000000) : 3000;
    say_mute(true);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);

    int ports[2];
    pid_t servers[2] = {start_bare(&ports[0]), start_framework(&ports[1])};
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
