/* claims: what servers.c, requests.c and workers.c have in common. A claim is a function that ends
 * the process with fail or die if what it says is not so, and prints one line of what it measured
 * if it is. */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "sockets/address.h"
#include "sockets/lines.h"
#include "sockets/net.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/die.h"
#include "stage/say.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The classes that have no name of their own in mixin.h. */
#define MIXED(mixin, server)                                                                       \
    static inline struct server_class mixin##_##server(void)                                       \
    {                                                                                              \
        return mixin##_mixin(server());                                                            \
    }
MIXED(threading, udp_server)
MIXED(threading, unix_stream_server)
MIXED(threading, unix_datagram_server)
MIXED(forking, udp_server)
MIXED(forking, unix_stream_server)
MIXED(forking, unix_datagram_server)

struct claim {
    const char *name;
    void (*check)(void);
};

/* ---- Time ------------------------------------------------------------------------------------ */

/* A limit in ms, longer where TEST_SLOWDOWN says that the machine is slow: helper.bash. */
static inline int limit(int ms)
{
    const char *slowdown = getenv("TEST_SLOWDOWN");
    int factor = slowdown ? atoi(slowdown) : 1;
    return factor > 1 ? ms * factor : ms;
}

static inline double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static inline double now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* How much of a CPU this process uses in half a second, in which only its server has work. */
static inline double cpu_percent(void)
{
    double before = clock_ms(CLOCK_PROCESS_CPUTIME_ID), from = now_ms();
    poll(NULL, 0, 500);
    return (clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before) * 100 / (now_ms() - from);
}

/* ---- A server, and the thread in which it serves --------------------------------------------- */

struct running {
    struct server server;
    pthread_t thread;
};

/* At any free port, or at a path that is new. */
static inline bool try_to_open(struct server *server, struct server_class class,
                               struct handler_class handler)
{
    static atomic_int count;
    const char *directory = getenv("TMPDIR");
    char path[100];
    snprintf(path, sizeof path, "%s/claims.%d.%d", directory && *directory ? directory : "/tmp",
             (int)getpid(), ++count);
    return server_init(server, class, handler, class.address_family == AF_UNIX ? path : "127.0.0.1",
                       0, true);
}

static inline void open_server(struct server *server, struct server_class class,
                               struct handler_class handler)
{
    if (!try_to_open(server, class, handler))
        die("%s", class.name);
}

/* With a poll_interval that no test waits for: whatever ends the loop has to wake it. */
static inline void *serve(void *running)
{
    server_serve_forever(&((struct running *)running)->server, 60000);
    return NULL;
}

static inline void begin(struct running *running)
{
    if (pthread_create(&running->thread, NULL, serve, running) != 0)
        fail("pthread_create");
}

static inline void end(struct running *running)
{
    if (!server_shutdown(&running->server))
        die("server_shutdown");
    pthread_join(running->thread, NULL);
}

/* ---- Its handlers ---------------------------------------------------------------------------- */

static inline bool echo_lines(struct handler *self)
{
    char *line, reply[256];
    size_t length;
    while (lines_next(&self->rfile, &line, &length) == LINES_LINE) {
        int size = snprintf(reply, sizeof reply, "%.*s\n", (int)length, line);
        if (!self->class->write(self, reply, (size_t)size))
            return false;
    }
    return true;
}

/* Answers each line with the same line; a packet with a packet. */
static inline struct handler_class echo(int socket_type)
{
    struct handler_class class =
        socket_type == SOCK_STREAM ? stream_request_handler() : datagram_request_handler();
    class.handle = echo_lines;
    return class;
}

/* A handler, in a thread or a child, tells the test how far it is. */
static int told[2] = {-1, -1};

static inline void tell(void)
{
    if (write(told[1], "", 1) < 0)
        die("write");
}

static inline void wait_until_told(void)
{
    char byte;
    if (read(told[0], &byte, 1) < 0)
        die("read");
}

/* ---- Its clients ----------------------------------------------------------------------------- */

static inline void limit_waiting(int fd, int ms)
{
    struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

/* It waits 3 s for a reply and then fails. */
static inline int client_of(const struct server *server)
{
    struct address_text at = address_text(&server->address);
    bool is_unix = server->class.address_family == AF_UNIX;
    int fd = service_connect(&server->class, is_unix ? at.text : "127.0.0.1",
                             address_port(&server->address));
    limit_waiting(fd, limit(3000));
    return fd;
}

static inline void send_text(int fd, const char *text)
{
    if (!net_send_all(fd, text, strlen(text)))
        die("send");
}

/* A call with a time limit ends when a child does, although nobody handles SIGCHLD: signal(7). */
static inline ssize_t receive(int fd, void *data, size_t size)
{
    ssize_t got;
    while ((got = recv(fd, data, size, 0)) < 0 && errno == EINTR)
        continue;
    return got;
}

static inline void expect_text(int fd, const char *text)
{
    char got[256];
    size_t size = 0;
    while (size < strlen(text)) {
        ssize_t more = receive(fd, got + size, strlen(text) - size);
        if (more < 0)
            die("no reply");
        if (more == 0)
            fail("end of file in place of a reply");
        size += (size_t)more;
    }
    if (memcmp(got, text, size) != 0)
        fail("a wrong reply: %s", quote(got, size).text);
}

static inline void expect_end(int fd)
{
    char byte;
    ssize_t got = receive(fd, &byte, 1);
    if (got < 0)
        die("no end of file");
    if (got > 0)
        fail("more than was asked for");
    close(fd);
}

static inline void ask(int fd, const char *line)
{
    send_text(fd, line);
    expect_text(fd, line);
}

/* A client that comes, is answered and goes. Returns when the server has closed the connection. */
static inline void ask_once(const struct server *server)
{
    int fd = client_of(server);
    ask(fd, "hello\n");
    if (server->class.socket_type == SOCK_STREAM) {
        shutdown(fd, SHUT_WR);
        expect_end(fd);
    } else {
        close(fd);
    }
}

/* ---- What is left ---------------------------------------------------------------------------- */

static inline int count_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        die("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 3; /* ".", ".." and its own */
}

static inline void expect_nothing_left(const char *what, const struct server *server,
                                       int descriptors)
{
    const struct address *address = &server->address;
    if (server->fd != -1)
        fail("%s: fileno is %d after server_close", what, server->fd);
    if (count_descriptors() != descriptors)
        fail("%s: %d descriptors before and %d after", what, descriptors, count_descriptors());
    if (address->storage.ss_family == AF_UNIX && access(address_text(address).text, F_OK) == 0)
        fail("%s: its path is left", what);
    pid_t child = waitpid(-1, NULL, WNOHANG);
    if (child != -1 || errno != ECHILD)
        fail("%s: a child is left", what);
}

/* ---- Claims of more than one program --------------------------------------------------------- */

typedef struct server_class new_class(void);

/* All three are there before the first is served. They are served in the order of their coming. */
static inline void serve_three_clients(struct server_class class)
{
    static const char *const texts[] = {"ann\n", "bob\n", "cleo\n"};
    int before = count_descriptors(), clients[3];
    bool is_stream = class.socket_type == SOCK_STREAM;
    struct running running;
    open_server(&running.server, class, echo(class.socket_type));
    for (int i = 0; i < 3; i++)
        send_text(clients[i] = client_of(&running.server), texts[i]);
    begin(&running);
    for (int i = 0; i < 3; i++) {
        expect_text(clients[i], texts[i]);
        shutdown(clients[i], SHUT_WR);
        if (is_stream)
            expect_end(clients[i]);
        else
            close(clients[i]);
    }
    end(&running);
    server_close(&running.server);
    server_close(&running.server); /* may be repeated */
    expect_nothing_left(class.name, &running.server, before);
}

static inline void serve_three_clients_each(new_class *const *classes)
{
    int count = 0;
    for (; classes[count]; count++)
        serve_three_clients(classes[count]());
    printf("%d classes served three clients each and left nothing\n", count);
}

/* From now on so many descriptors are free. Returns the limit as it was. */
static inline struct rlimit leave_descriptors(int count)
{
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    int next = dup(told[0]);
    close(next);
    struct rlimit few = {.rlim_cur = (rlim_t)(next + count), .rlim_max = before.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &few) < 0)
        die("setrlimit");
    return before;
}

/* A client that has its descriptor before there are none. */
static inline int socket_for_later(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    limit_waiting(fd, limit(3000));
    return fd;
}

static inline void connect_later(int fd, const struct server *server)
{
    const struct address *address = &server->address;
    if (connect(fd, (const struct sockaddr *)&address->storage, address->length) < 0)
        die("connect");
    send_text(fd, "hello\n");
}

/* ---- The program ----------------------------------------------------------------------------- */

static inline void too_late(int signal_number)
{
    static const char text[] = ": something waits for ever\n";
    (void)signal_number;
    if (write(STDERR_FILENO, die_name, strlen(die_name)) > 0 &&
        write(STDERR_FILENO, text, strlen(text)) > 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

static inline void check_claim(const struct claim *claim)
{
    die_name = claim->name;
    say_mute(true);
    signal(SIGALRM, too_late);
    alarm((unsigned)limit(6000) / 1000);
    if (pipe(told) < 0)
        die("pipe");
    claim->check();
}

/* In a process group of its own, so that nothing is left of it, also when it fails. */
static inline int claims_run(int argc, char **argv, const struct claim *claims)
{
    while (claims->name && (argc != 2 || strcmp(argv[1], claims->name) != 0))
        claims++;
    if (!claims->name)
        fail("which claim? They are listed at the end of the source");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        setpgid(0, 0);
        check_claim(claims);
        exit(EXIT_SUCCESS);
    }
    int status;
    if (waitpid(child, &status, 0) < 0)
        die("waitpid");
    kill(-child, SIGKILL);
    if (WIFSIGNALED(status))
        fail("%s: %s", claims->name, strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status);
}

#endif
