#define _DEFAULT_SOURCE /* syscall */
#include "processes/process.h"

#include "stage/children.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The children that have been started and not been joined, and whose children they are. A signal
 * handler walks the list too, so we add to it with signals blocked, and remove with one store. */
static struct process *children;
static pid_t parent;

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

bool process_start(struct process *process, const char *name, int (*run)(void *argument),
                   void *argument)
{
    prepare_parent();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t pid = child_fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN); /* the parent notices, and ends its children */
        child_exit(run(argument));
    }
    int error = errno;
    if (pid > 0) {
        *process =
            (struct process){.name = name, .daemon = process->daemon, .pid = pid, .next = children};
        children = process;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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

/* A descriptor that can be read when the process has ended. Linux: pidfd_open(2). Elsewhere there
 * is none (-1), and the wait below takes as long as it may. */
static int open_process(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

static bool wait_with_limit(struct process *process, struct deadline deadline)
{
    struct pollfd end = {.fd = open_process(process->pid), .events = POLLIN};
    while (poll(&end, 1, deadline_left(deadline)) < 0 && errno == EINTR)
        continue;
    close(end.fd);
    return reap(process, WNOHANG);
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
