/* 11_fork_server: a process for each client, and two copies of every descriptor
 *
 * Predict  ann closes her side, and the process that served her ends. The parent never talked to
 *          her, but forgot to close its copy of her connection. What does she see?
 * Run      build/11_fork_server, then with --no-reap, then with --keep-open
 * Watch    lesson 10's scene with processes; who has ended and is not waited for is a zombie; a
 *          connection is closed when its last copy is.
 * Before   10_thread_server
 * After    diff lessons/10_thread_server.c lessons/11_fork_server.c; 25_prefork_server
 * Python   the posts' ForkingTCPServer; os.fork, os.waitpid
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/children.h"
#include "stage/crowd.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *host = "127.0.0.1";
static long port = 0;
static long requests = 1000;
static bool timing, looping, no_reap, keep_open;

/* ---- A worker: the process of one client ----------------------------------------------------- */

struct worker {
    struct worker *next;
    pid_t process;
};

static struct worker *workers;
static int count;     /* of clients so far */
static int kept = -1; /* with --keep-open, the parent's copy of the latest connection */

static sigset_t before;
static pid_t server; /* the parent of every child */

static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
}

static void unblock_signals(void)
{
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* fork copied every descriptor. A connection ends, and a port is free, when the last copy of its
 * descriptor is closed: so each side closes what only the other one uses. */
static void work(int connection, const char *name)
{
    if (!keep_open) {
        child_ends_with(server, SIGKILL);
        close(stop_listener);
    }
    stop_listener = -1; /* a signal to this child hangs up on its own client only */
    stop_connection = connection;
    unblock_signals();
    upper_serve(name, connection, count);
    _exit(EXIT_SUCCESS); /* exit would print what the parent had buffered, once more */
}

/* The system has no process for this client: the client is told, and the others are served on. */
static void refuse(int connection, int error)
{
    say("server", "no process for client %d: %s", count, strerror(error));
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
    say("server", "accepted client %d: a process for it", count);
    char name[32]; /* is made here: a child that writes to memory pays for a copy of each page */
    snprintf(name, sizeof name, "child-%d", count);
    server = getpid();
    block_signals(); /* until the child has made them its own */
    pid_t process = fork();
    if (process == 0)
        work(connection, name);
    unblock_signals();
    if (process < 0) {
        int error = errno;
        free(worker);
        refuse(connection, error);
        return;
    }
    if (keep_open)
        kept = connection;
    else
        close(connection);
    *worker = (struct worker){.next = workers, .process = process};
    workers = worker;
}

/* A process that nobody waits for stays as a zombie: its pid and its status are kept. Each child is
 * asked for by its pid: waitpid(-1) would take the end of any child, also of one that somebody else
 * waits for. */
static void reap_workers_that_have_ended(void)
{
    /* is there any? WNOWAIT looks and takes nothing: one call, not one for each. waitid(2) */
    siginfo_t end = {.si_pid = 0};
    if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid == 0)
        return;
    for (struct worker **link = &workers; *link;) {
        struct worker *worker = *link;
        if (waitpid(worker->process, NULL, WNOHANG) == 0) {
            link = &worker->next;
            continue;
        }
        *link = worker->next;
        free(worker);
    }
}

/* The children of this process that have ended and are not waited for. Returns -1, with errno set,
 * when no descriptor is free to ask with. (Linux: /proc, as ps does it. The state stands behind the
 * name, the parent's pid behind the state: proc(5).) */
static int count_zombies(void)
{
    DIR *processes = opendir("/proc");
    if (!processes)
        return -1;
    int zombies = 0;
    for (struct dirent *process; zombies >= 0 && (process = readdir(processes));) {
        char path[300], state;
        long parent;
        snprintf(path, sizeof path, "/proc/%s/stat", process->d_name);
        FILE *stat = fopen(path, "re");
        if (!stat) { /* not a process, or no more */
            zombies = errno == EMFILE || errno == ENFILE ? -1 : zombies;
            continue;
        }
        char line[512], *name_end = NULL;
        if (fgets(line, sizeof line, stat))
            name_end = strrchr(line, ')'); /* the last one: a name may hold any character */
        if (name_end && sscanf(name_end, ") %c %ld", &state, &parent) == 2)
            zombies += state == 'Z' && parent == getpid();
        fclose(stat);
    }
    int error = errno;
    closedir(processes);
    errno = error;
    return zombies;
}

static void say_zombies(const char *event)
{
    int zombies = count_zombies();
    if (zombies < 0)
        say("server", "%s cannot count: %s", event, strerror(errno));
    else
        say("server", "%s %d zombies", event, zombies);
}

static void count_those_that_nobody_reaped(void)
{
    siginfo_t end;
    for (struct worker *worker = workers; worker; worker = worker->next)
        while (waitid(P_PID, (id_t)worker->process, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
            continue;
    say_zombies("every child has ended:");
}

static void stop_workers(void)
{
    for (struct worker *worker = workers; worker; worker = worker->next)
        child_ask_to_end(worker->process);
    if (no_reap)
        count_those_that_nobody_reaped();
    struct deadline grace = deadline_in(CHILD_GRACE_MS);
    while (workers) {
        struct worker *worker = workers;
        workers = worker->next;
        child_await_end(worker->process, grace);
        free(worker);
    }
    if (!no_reap)
        say_zombies("every child has ended:");
}

/* ---- The server ------------------------------------------------------------------------------ */

static void accept_client(void)
{
    static bool complained;
    int connection = accept(stop_listener, NULL, NULL);
    if (connection >= 0) {
        fcntl(connection, F_SETFL, 0); /* BSD passes O_NONBLOCK on, and a worker waits */
        complained = false;
        start_worker(connection);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED) {
        if (!complained && !stop_asked)
            say("server", "accept: %s: tries again until it can", strerror(errno));
        complained = true;
        poll(NULL, 0, 100);
    }
}

/* In the demo the mistake is put right when ann has waited in vain: nobody is left to talk to her.
 */
static void close_the_copy(void)
{
    say("server", "the child has ended, and ann waits: closes its own copy too");
    close(kept);
    kept = -1;
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
            say_zombies("looping: nobody came for a second;");
        if (!no_reap)
            reap_workers_that_have_ended();
        if (kept >= 0 && !workers && !looping)
            close_the_copy();
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

static void wait_in_vain(void)
{
    int ann = cast_connect("ann", dial, "hello");
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
    if (timing)
        crowd_time_requests(dial, requests);
    else if (keep_open)
        wait_in_vain();
    else
        crowd_pair(dial);
}

static int demo(char **operands)
{
    (void)operands;
    if (keep_open && (no_reap || timing))
        args_refuse("--keep-open: the demo shows it without --no-reap and --timing");
    stop_on_signals();
    stop_listener = net_listen(host, port);
    server_port = net_port(stop_listener);
    say_mute(timing);
    return cast_play(stop_listener, serve_until_stopped, play);
}

static int serve(char **operands)
{
    (void)operands;
    looping = true;
    stop_on_signals();
    stop_listener = net_listen(host, port);
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
        {"no-reap", NULL, "never wait for a child until the end", .flag = &no_reap},
        {"keep-open", NULL, "parent and child keep each other's descriptors", .flag = &keep_open},
        {"timing", NULL, "measure requests, a connection each, with no narration", .flag = &timing},
        {"ops", "N", "requests to make", .number = &requests, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "A process for each client, and two copies of every descriptor.", commands, options};
    return args_run(argc, argv, &program);
}
