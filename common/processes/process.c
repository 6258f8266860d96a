#include "processes/process.h"

#include "stage/children.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The children that have been started and not been joined, and whose children they are. A signal
 * handler walks the list too, so we add to it with signals blocked, and remove with one store. */
static struct process *children;
static pid_t parent;

static sigset_t block_signals(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    return before;
}

static void restore_signals(sigset_t before)
{
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- The end of the parent ------------------------------------------------------------------- */

/* All that is called here may be called in a signal handler: signal-safety(7). A child has a copy
 * of the list: but what stands there are its sisters. */
static void end_children(void)
{
    if (getpid() != parent)
        return;
    for (struct process *child = children; child; child = child->next)
        child_ask_to_end(child->pid);
    struct deadline grace = deadline_in(CHILD_GRACE_MS);
    for (struct process *child = children; child; child = child->next)
        child_await_end(child->pid, grace);
    children = NULL; /* exit may come here again */
}

static void end_children_and_self(int signal_number)
{
    end_children();
    signals_end_by(signal_number);
}

static void ignore(int signal_number)
{
    (void)signal_number;
}

static void prepare_parent(void)
{
    if (parent == getpid())
        return;
    children = NULL; /* in a child that becomes a parent itself */
    parent = getpid();
    atexit(end_children);
    signals_on_ending(end_children_and_self);
}

/* ---- start ----------------------------------------------------------------------------------- */

static _Noreturn void run_child(int (*run)(void *argument), void *argument)
{
    signal(SIGPIPE, SIG_IGN); /* as Python does; the parent notices too, and ends its children */
    /* not exit, which would also call what the parent has registered for its own end: atexit(3) */
    child_exit(run(argument));
}

bool process_start(struct process *process, const char *name, int (*run)(void *argument),
                   void *argument)
{
    prepare_parent();
    sigset_t before = block_signals();
    pid_t pid = child_fork();
    if (pid == 0)
        run_child(run, argument);
    int error = errno;
    if (pid > 0) {
        *process =
            (struct process){.name = name, .daemon = process->daemon, .pid = pid, .next = children};
        children = process;
    }
    restore_signals(before);
    errno = error;
    return pid > 0;
}

void process_end_with_parent(int signal_number)
{
    child_ends_with(parent, signal_number);
}

/* ---- join ------------------------------------------------------------------------------------ */

static void forget(struct process *process)
{
    for (struct process **link = &children; *link; link = &(*link)->next)
        if (*link == process) {
            *link = process->next;
            break;
        }
}

/* Waits without limit, or with WNOHANG not at all, and reaps the child if it has ended. (WNOWAIT
 * only looks, and does not reap it.) The child leaves the list before it is reaped: after that its
 * pid may belong to another process, and the signal handler must not find it. */
static bool reap(struct process *process, int options)
{
    siginfo_t end = {0};
    while (waitid(P_PID, (id_t)process->pid, &end, WEXITED | WNOWAIT | options) < 0)
        if (errno != EINTR) {
            forget(process); /* whoever ignores SIGCHLD has no child to wait for: waitpid(2) */
            return false;
        }
    if (end.si_pid != process->pid) {
        errno = ETIMEDOUT;
        return false;
    }
    forget(process);
    while (waitpid(process->pid, &process->status, 0) < 0 && errno == EINTR)
        continue;
    process->joined = true;
    return true;
}

/* By default SIGCHLD is ignored, and an ignored signal need not become pending. */
static void handle_child_signal(void)
{
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
        return; /* it is somebody else's */
    action = (struct sigaction){.sa_handler = ignore, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
}

/* SIGCHLD is blocked before the first look. If the child ends just after it, the signal is pending,
 * and sigtimedwait returns at once: sigtimedwait(2) */
static bool wait_with_limit(struct process *process, struct deadline deadline)
{
    sigset_t child_ended, before;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child_ended, &before);
    handle_child_signal();
    bool has_taken = false;
    while (!reap(process, WNOHANG) && errno == ETIMEDOUT) {
        int left = deadline_left(deadline);
        if (left <= 0)
            break;
        struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000L};
        has_taken |= sigtimedwait(&child_ended, NULL, &limit) == SIGCHLD;
    }
    int error = errno;
    if (has_taken)
        raise(SIGCHLD); /* we took it: for another child, perhaps, and somebody else's handler */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return process->joined;
}

bool process_join(struct process *process, long ms)
{
    if (process->joined)
        return true;
    return ms < 0 ? reap(process, 0) : wait_with_limit(process, deadline_in(ms));
}

bool process_is_alive(struct process *process)
{
    return process->pid != 0 && !process->joined && !reap(process, WNOHANG);
}

int process_exitcode(const struct process *process)
{
    if (WIFSIGNALED(process->status))
        return -WTERMSIG(process->status);
    return WEXITSTATUS(process->status);
}

void process_signal(struct process *process, int signal_number)
{
    if (process->pid != 0 && !process->joined)
        kill(process->pid, signal_number);
}

void process_join_all(void)
{
    if (getpid() != parent)
        return; /* the list is empty, or the children on it are our sisters */
    for (struct process *child = children; child; child = child->next)
        if (child->daemon)
            child_ask_to_end(child->pid);
    while (children)
        if (!process_join(children, -1))
            die("waitid");
}
