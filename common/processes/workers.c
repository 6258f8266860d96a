#include "processes/workers.h"

#include "processes/shared.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/children.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000 };

/* No lock: a worker that is killed would keep it. */
static struct board {
    atomic_int workers, clients; /* that there have been */
    struct {
        atomic_int pid, number; /* of the worker that has this place now */
    } places[MOST_WORKERS];
} * board;

/* ---- Who is who ------------------------------------------------------------------------------ */

void workers_prepare(void)
{
    board = shared_new(sizeof *board);
}

int workers_count_client(int place)
{
    if (board->places[place].number == 0)
        board->places[place].number = ++board->workers;
    return ++board->clients;
}

struct workers_name workers_name(int place)
{
    struct workers_name name = {"a worker"};
    if (board->places[place].number > 0)
        snprintf(name.text, sizeof name.text, "worker-%d", board->places[place].number);
    return name;
}

int workers_place(int number)
{
    for (int i = 0; i < MOST_WORKERS; i++)
        if (board->places[i].number == number)
            return i;
    fail("there is no worker-%d", number);
}

pid_t workers_pid(int number)
{
    return board->places[workers_place(number)].pid;
}

int workers_accept(int listener)
{
    int connection;
    while ((connection = net_accept(listener)) < 0)
        continue;
    return connection;
}

/* ---- The parent ------------------------------------------------------------------------------ */

static pid_t workers[MOST_WORKERS]; /* 0: none at this place */
static long pause_ms;               /* how long the last pause was; 0: there was no trouble since */
static struct deadline next_start;  /* the end of a pause; never, if there is none */
static sigset_t usual;              /* the signals that are blocked when nothing special is done */

/* What is wrong will not be mended by starting the next one at once, again and again. */
static void pause_starts(void)
{
    if (deadline_left(next_start) > 0)
        return;
    pause_ms = pause_ms == 0 ? FIRST_PAUSE_MS : pause_ms * 2;
    if (pause_ms > LONGEST_PAUSE_MS)
        pause_ms = LONGEST_PAUSE_MS;
    say("server", "the next worker starts in %ld ms", pause_ms);
    next_start = deadline_in(pause_ms);
}

static void start_worker(int i, void (*work)(int place))
{
    pid_t parent = getpid();
    board->places[i].number = 0;
    workers[i] = child_fork();
    if (workers[i] == 0) {
        child_ends_with(parent, SIGKILL); /* a parent that is killed can tell nobody to end */
        board->places[i].pid = getpid();
        work(i);
    }
    if (workers[i] < 0) {
        workers[i] = 0;
        say("server", "fork: %s", strerror(errno));
        pause_starts();
    }
}

/* By its pid, because there may be other children. */
static void see_whether_it_ended(int i)
{
    int status;
    if (workers[i] == 0 || waitpid(workers[i], &status, WNOHANG) != workers[i])
        return;
    workers[i] = 0;
    if (WIFSIGNALED(status))
        say("server", "%s was killed by signal %d", workers_name(i).text, WTERMSIG(status));
    else
        say("server", "%s has ended with status %d", workers_name(i).text, WEXITSTATUS(status));
    if (board->places[i].number == 0)
        pause_starts();
    else
        pause_ms = 0;
}

/* One SIGCHLD may stand for several ends (lesson 11b), so it looks at all. */
static void look_after_workers(int count, void (*work)(int place))
{
    for (int i = 0; i < count; i++)
        see_whether_it_ended(i);
    if (deadline_left(next_start) == 0)
        next_start = deadline_in(-1); /* the pause is over */
    for (int i = 0; i < count; i++)
        if (workers[i] == 0 && deadline_left(next_start) < 0 && !stop_asked)
            start_worker(i, work);
}

/* Signals are blocked from the look on, and pselect lets them in while it waits: lesson 05b. */
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

static void wake_up(int signal_number)
{
    (void)signal_number; /* to have been called is all: the wait has ended */
}

void workers_run(int count, void (*work)(int place))
{
    sigset_t child_ended;
    signals_on(SIGCHLD, wake_up);
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, &usual); /* but for the time of pselect */
    while (!stop_asked) {
        look_after_workers(count, work);
        wait_for_signal();
    }
    child_end_all(workers, count);
    sigprocmask(SIG_SETMASK, &usual, NULL);
}
