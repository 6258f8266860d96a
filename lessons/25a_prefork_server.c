/* 25_prefork_server: processes that are there before the clients come
 *
 * Predict  four workers, each with one client; a fifth client connects and sends. When does it get
 *          its reply, and from whom? And if a worker is killed: who takes its place, and what
 *          becomes of the clients that wait?
 * Run      build/25_prefork_server, then with --reuseport, then with --dying 2
 * Watch    all workers wait in accept, on one socket that the parent made; who is free takes the
 *          next client. With a socket each, a client waits for its worker while others are free.
 * Before   11a_fork_server, 24a_process_pool
 * After    26a_showdown
 * Python   os.fork after listen, os.waitpid; what gunicorn and uwsgi do with their workers
 */
#define _DEFAULT_SOURCE /* SO_REUSEPORT: Linux since 3.9, and the BSDs; not in POSIX.1-2008 */
#include "processes/shared.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/children.h"
#include "stage/crowd.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/signals.h"
#include "stage/talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORKERS = 1000, RETRY_MS = 100, LONGEST_PAUSE_MS = 5000 };

static const char *host = "127.0.0.1";
static long port = 0;
static long worker_count = 4;
static long requests = 1000;
static long dying; /* so many workers end at once, before the first that serves */
static bool reuseport, timing;

/* ---- What parent and workers share ----------------------------------------------------------- */

/* A worker gets its number with its first client: so worker-1 is who serves the first of all. No
 * lock: a worker may be killed at any moment, and whoever waits for its lock would wait for ever.
 */
static struct board {
    atomic_int workers, clients; /* that there have been */
    struct place {
        atomic_int pid, number, served; /* of the worker that has this place now */
    } places[MOST_WORKERS];
} * board;

static bool quiet; /* nothing is said of each client */

/* A worker's name; it lives until the end of the full expression. */
struct name {
    char text[32];
};

static struct name name_at(int i)
{
    struct name name = {"a worker"};
    if (board->places[i].number > 0)
        snprintf(name.text, sizeof name.text, "worker-%d", board->places[i].number);
    return name;
}

/* ---- The listening sockets ------------------------------------------------------------------- */

static int listeners[MOST_WORKERS], listener_count = 1;

/* With --reuseport, one for each worker, at the same port. The parent makes them all and keeps them
 * open: what is queued at one waits for the next worker if the last has died. */
static int listen_at(struct sockaddr_in address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0)
        die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        die("setsockopt SO_REUSEADDR");
    if (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        die("setsockopt SO_REUSEPORT");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s:%d", host, ntohs(address.sin_port));
    if (listen(fd, NET_BACKLOG) < 0)
        die("listen %s:%d", host, ntohs(address.sin_port));
    return fd;
}

static void open_listeners(void)
{
    struct sockaddr_in address = net_address(host, port);
    listeners[0] = listen_at(address);
    address.sin_port = htons((uint16_t)net_port(listeners[0])); /* port 0 has become a real one */
    listener_count = reuseport ? (int)worker_count : 1;
    for (int i = 1; i < listener_count; i++)
        listeners[i] = listen_at(address);
    say("server", "listening on %s", net_local(listeners[0]).text);
}

/* ---- A worker -------------------------------------------------------------------------------- */

static void serve_client(int connection, int i)
{
    if (board->places[i].number == 0)
        board->places[i].number = ++board->workers;
    board->places[i].served++;
    int number = ++board->clients;
    say(name_at(i).text, "accepted client %d", number);
    upper_serve(name_at(i).text, connection, number);
    close(connection);
}

/* accept blocks, in all workers at once, on the same socket. The kernel wakes one of them. */
static _Noreturn void serve_clients(int listener, int i)
{
    for (bool complained = false;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0) {
            complained = false;
            serve_client(connection, i);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            if (!complained)
                say(name_at(i).text, "accept: %s: tries again until it can", strerror(errno));
            complained = true;
            poll(NULL, 0, RETRY_MS);
        }
    }
}

static sigset_t usual; /* the signals that are blocked when nothing special is done */
static long started;
static pid_t parent;

/* A worker has nothing to put in order: the kernel closes what it had. So a signal may end it at
 * once, wherever it is (child_fork sees to that), and no signal comes "just before accept" and is
 * overlooked. A parent that is killed cannot end its children: so they end with it. */
static _Noreturn void work(int i)
{
    child_ends_with(parent, SIGKILL);
    int own = reuseport ? i : 0;
    for (int other = 0; other < listener_count; other++)
        if (other != own)
            close(listeners[other]);
    board->places[i].pid = getpid();
    if (quiet)
        say_mute(true);
    if (started <= dying)
        _exit(EXIT_FAILURE);
    serve_clients(listeners[own], i);
}

/* ---- The parent ------------------------------------------------------------------------------ */

static pid_t workers[MOST_WORKERS]; /* 0: none at this place */
static struct deadline next_start;  /* the end of a pause; never, if there is none */
static struct deadline in_a_row;    /* until then, the next trouble is the same trouble */

/* Something is wrong that the next process may not mend either. To try at once, again and again,
 * would keep a CPU busy with it: so there is a pause, each time twice as long. */
static void pause_starts(void)
{
    static long ms;
    if (deadline_left(next_start) > 0)
        return;
    ms = deadline_left(in_a_row) == 0 ? RETRY_MS : ms * 2;
    if (ms > LONGEST_PAUSE_MS)
        ms = LONGEST_PAUSE_MS;
    say("server", "the next worker starts in %ld ms", ms);
    next_start = deadline_in(ms);
    in_a_row = deadline_in(ms + LONGEST_PAUSE_MS);
}

static bool start_worker(int i)
{
    board->places[i].number = board->places[i].served = 0;
    started++;
    pid_t worker = child_fork();
    if (worker == 0)
        work(i);
    if (worker < 0) {
        say("server", "fork: %s", strerror(errno));
        pause_starts();
        return false;
    }
    workers[i] = worker;
    return true;
}

/* waitpid for this one alone: the cast of the demo is a child too. */
static void see_whether_it_ended(int i)
{
    int status;
    if (workers[i] == 0 || waitpid(workers[i], &status, WNOHANG) != workers[i])
        return;
    workers[i] = 0;
    if (WIFSIGNALED(status))
        say("server", "%s was killed by signal %d", name_at(i).text, WTERMSIG(status));
    else
        say("server", "%s has ended with status %d", name_at(i).text, WEXITSTATUS(status));
    if (board->places[i].number == 0)
        pause_starts();
}

/* One SIGCHLD may stand for several ends: so it looks at all. Who had a client is replaced at once,
 * the others when there is no pause. */
static void look_after_workers(void)
{
    for (int i = 0; i < worker_count; i++)
        see_whether_it_ended(i);
    bool pause_is_over = deadline_left(next_start) == 0;
    if (pause_is_over)
        next_start = deadline_in(-1);
    for (int i = 0; i < worker_count && !stop_asked; i++)
        if (workers[i] == 0 && (pause_is_over || board->places[i].number > 0) && !start_worker(i))
            break;
}

/* pselect lets the signals in, waits, and shuts them out again, all in one call: so none comes
 * between the look and the wait, where it would not end the wait. pselect(2) */
static void wait_for_signal(void)
{
    int left = deadline_left(next_start);
    struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000L};
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    if (!stop_asked)
        pselect(0, NULL, NULL, NULL, left < 0 ? NULL : &limit, &usual);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void stop_workers(void)
{
    for (int i = 0; i < worker_count; i++)
        if (workers[i] > 0)
            child_ask_to_end(workers[i]);
    struct deadline grace = deadline_in(CHILD_GRACE_MS);
    for (int i = 0; i < worker_count; i++)
        if (workers[i] > 0)
            child_await_end(workers[i], grace);
}

static void wake_up(int signal_number)
{
    (void)signal_number; /* to have been called is all: the wait has ended */
}

static void serve_until_stopped(void)
{
    sigset_t child_ended;
    parent = getpid();
    signals_on(SIGCHLD, wake_up);
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, &usual); /* but for the time of pselect */
    next_start = in_a_row = deadline_in(0);
    while (!stop_asked) {
        look_after_workers();
        wait_for_signal();
    }
    stop_workers();
    sigprocmask(SIG_SETMASK, &usual, NULL);
    for (int i = 0; i < listener_count; i++)
        close(listeners[i]);
    say("server", "stopped");
}

/* ---- The demo: eight clients ----------------------------------------------------------------- */

enum { CLIENTS = 8 };

struct client {
    char name[24];
    int fd;
};

static int server_port;

static void come(struct client *client, int number)
{
    snprintf(client->name, sizeof client->name, "client-%d", number);
    say(client->name, "connects and sends \"hello\"");
    client->fd = net_connect(host, server_port);
    net_send_all(client->fd, "hello", 5);
}

static void has_reply(struct client *client)
{
    cast_reply(client->name, client->fd, 5);
}

static void has_no_reply(struct client *client)
{
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};
    if (poll(&readable, 1, 0) > 0)
        fail("%s: wanted to wait", client->name);
    say(client->name, "waits: every worker has a client");
}

/* The worker with this number. */
static pid_t pid_of_worker(int number)
{
    for (int i = 0; i < worker_count; i++)
        if (board->places[i].number == number)
            return board->places[i].pid;
    fail("there is no worker-%d", number);
}

static void has_lost_its_worker(struct client *client)
{
    char byte;
    if (recv(client->fd, &byte, 1, 0) > 0)
        fail("%s: wanted the end of the connection", client->name);
    say(client->name, "its connection has ended, with the process that held it");
    close(client->fd);
}

static void says_more(struct client *client)
{
    say(client->name, "sends \"still there?\"");
    net_send_all(client->fd, "still there?", 12);
    cast_reply(client->name, client->fd, 12);
}

static void kill_worker(int number)
{
    say("main", "kills worker-%d with SIGKILL", number);
    kill(pid_of_worker(number), SIGKILL);
}

static void play_eight(void)
{
    struct client clients[CLIENTS + 1];
    for (int i = 1; i <= worker_count; i++) {
        come(&clients[i], i);
        has_reply(&clients[i]);
    }
    come(&clients[5], 5);
    has_no_reply(&clients[5]);
    cast_leave(clients[1].name, clients[1].fd);
    has_reply(&clients[5]);

    come(&clients[6], 6);
    has_no_reply(&clients[6]);
    kill_worker(2);
    has_reply(&clients[6]);
    has_lost_its_worker(&clients[2]);
    says_more(&clients[3]);

    for (int i = 7; i <= CLIENTS; i++) {
        cast_leave(clients[i - 4].name, clients[i - 4].fd);
        come(&clients[i], i);
        has_reply(&clients[i]);
    }
    for (int i = 5; i <= CLIENTS; i++)
        cast_leave(clients[i].name, clients[i].fd);
}

/* ---- The demo of --reuseport: a socket for each worker --------------------------------------- */

/* Sends hello and waits. True: the client is queued at this listening socket, whose worker is busy;
 * false: it has a reply. */
static bool is_queued_at(int listener, int fd)
{
    net_send_all(fd, "hello", 5);
    struct pollfd either[] = {{.fd = listener, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (poll(either, 2, -1) < 0 && errno == EINTR)
        continue;
    return either[0].revents != 0;
}

/* Which socket gets a connection depends on its addresses and ports: a hash. So clients come and go
 * until one has come to the socket of the worker that is busy. */
static void come_to(int listener, struct client *client, int number)
{
    snprintf(client->name, sizeof client->name, "client-%d", number);
    for (;;) {
        client->fd = net_connect(host, server_port);
        if (is_queued_at(listener, client->fd))
            break;
        close(client->fd);
    }
    say(client->name, "is queued at the socket of worker-1, and waits; three are free");
}

static int place_of_first(void)
{
    for (int i = 0; i < worker_count; i++)
        if (board->places[i].number == 1)
            return i;
    fail("nobody has served");
}

static void play_sockets(void)
{
    struct client clients[4];
    come(&clients[1], 1);
    has_reply(&clients[1]);
    int listener = listeners[place_of_first()];
    say("main", "clients come and go, until one meets worker-1, which is busy");
    come_to(listener, &clients[2], 2);
    cast_leave(clients[1].name, clients[1].fd);
    has_reply(&clients[2]);
    come_to(listener, &clients[3], 3);
    kill_worker(1);
    has_reply(&clients[3]);
    has_lost_its_worker(&clients[2]);
    cast_leave(clients[3].name, clients[3].fd);
}

/* ---- The demo of --dying: workers that end at once ------------------------------------------- */

/* The client is in the queue, and says nothing until the end: that is the server's story. */
static void play_dying(void)
{
    struct client client = {.name = "client-1", .fd = net_connect(host, server_port)};
    net_send_all(client.fd, "hello", 5);
    has_reply(&client);
    cast_leave(client.name, client.fd);
}

/* ---- Timing ---------------------------------------------------------------------------------- */

static int dial_any(void)
{
    return net_connect(host, server_port);
}

static void play(void)
{
    if (timing)
        crowd_time_requests(dial_any, requests);
    else if (dying > 0)
        play_dying();
    else if (reuseport)
        play_sockets();
    else
        play_eight();
}

static void say_spread(void)
{
    enum { IN_A_LINE = 4 }; /* which fits, also in millions */
    for (int first = 0; first < worker_count; first += IN_A_LINE) {
        char spread[64] = "";
        size_t used = 0;
        for (int i = first; i < worker_count && i < first + IN_A_LINE; i++)
            used += (size_t)snprintf(spread + used, sizeof spread - used, " %d",
                                     board->places[i].served);
        say("timing", "requests of each worker:%s", spread);
    }
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void prepare(void)
{
    board = shared_new(sizeof *board);
    stop_on_signals();
    open_listeners();
    server_port = net_port(listeners[0]);
}

static int demo(char **operands)
{
    (void)operands;
    if (worker_count != 4 && !timing)
        args_refuse("--workers %ld: the demo has 4", worker_count);
    if (dying > 0 && (reuseport || timing))
        args_refuse("--dying: the demo shows it without --reuseport and --timing");
    if (dying > 0)
        worker_count = 1; /* so that the lines have one order */
    prepare();
    quiet = reuseport || timing;
    say_mute(timing);
    int status = cast_play(-1, serve_until_stopped, play);
    say_mute(false);
    if (timing)
        say_spread();
    shared_free(board, sizeof *board);
    return status;
}

static int serve(char **operands)
{
    (void)operands;
    if (timing)
        args_refuse("--timing: measures the demo's workers, not those of serve");
    prepare();
    serve_until_stopped();
    shared_free(board, sizeof *board);
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
        {"workers", "N", "processes that serve", .number = &worker_count, .min = 1,
         .max = MOST_WORKERS},
        {"reuseport", NULL, "a listening socket for each worker", .flag = &reuseport},
        {"dying", "N", "the first N workers end at once", .number = &dying, .max = 1000000},
        {"timing", NULL, "measure requests, a connection each, with no narration", .flag = &timing},
        {"ops", "N", "requests to make", .number = &requests, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {"Processes that are there before the clients come.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
