#include "processes/process.h"

#include "stage/die.h"
#include "threads/deadline.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The children that have been started and not been joined, and whose they are. A signal handler
 * walks the list too: it is added to while signals are blocked, and cut with one store. */
static struct process *children;
static pid_t parent;

static const int ending[] = {SIGINT, SIGTERM, SIGPIPE};
enum { ENDINGS = sizeof ending / sizeof *ending };
enum { GRACE_MS = 1000, LOOK_AGAIN_MS = 5 };

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

static void terminate(const struct process *child)
{
    kill(child->pid, SIGTERM);
    kill(child->pid, SIGCONT); /* one that is stopped hears of it too */
}

/* Once it has ended, it is waited for here, and no child of ours any more. */
static bool runs(const struct process *child)
{
    return waitpid(child->pid, NULL, WNOHANG) == 0;
}

static bool any_runs(void)
{
    bool any = false;
    for (struct process *child = children; child; child = child->next)
        any |= runs(child);
    return any;
}

/* Those that do not end when they are asked to are killed. All that is called here may be called in
 * a signal handler: signal-safety(7). A child has a copy of the list, and the handler: but what
 * stands there are its sisters. */
static void end_children(void)
{
    if (getpid() != parent)
        return;
    for (struct process *child = children; child; child = child->next)
        terminate(child);
    struct deadline grace = deadline_in(GRACE_MS); /* SIGCHLD cuts poll short */
    while (any_runs() && deadline_left(grace) > 0)
        poll(NULL, 0, LOOK_AGAIN_MS);
    for (struct process *child = children; child; child = child->next)
        if (runs(child)) {
            kill(child->pid, SIGKILL);
            waitpid(child->pid, NULL, 0);
        }
    children = NULL; /* exit may have more to do */
}

static void end_children_and_self(int signal_number)
{
    int error = errno;
    end_children();
    signal(signal_number, SIG_DFL);
    raise(signal_number); /* it arrives when this handler returns */
    errno = error;
}

static void ignore(int signal_number)
{
    (void)signal_number;
}

static void handle(int signal_number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    if (sigaction(signal_number, &action, NULL) < 0)
        die("sigaction");
}

static void prepare_parent(void)
{
    if (parent == getpid())
        return;
    children = NULL; /* in a child that becomes a parent */
    parent = getpid();
    atexit(end_children);
    for (int i = 0; i < ENDINGS; i++)
        handle(ending[i], end_children_and_self);
    handle(SIGCHLD, ignore); /* a signal whose action is to be ignored need not become pending */
}

/* ---- start ----------------------------------------------------------------------------------- */

static _Noreturn void run_child(sigset_t before, int (*run)(void *argument), void *argument)
{
    for (int i = 0; i < ENDINGS; i++)
        handle(ending[i], SIG_DFL);
    handle(SIGPIPE, SIG_IGN); /* as Python does; the parent, which is told too, ends its children */
    restore_signals(before);
    int status = run(argument);
    fflush(NULL);
    _exit(status); /* exit would also do what the parent wants done at its own end: atexit(3) */
}

bool process_start(struct process *process, const char *name, int (*run)(void *argument),
                   void *argument)
{
    if (process->pid != 0) {
        errno = EALREADY;
        return false;
    }
    prepare_parent();
    fflush(NULL); /* or the child would print it once more */
    sigset_t before = block_signals();
    pid_t pid = fork();
    if (pid == 0)
        run_child(before, run, argument);
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
    prctl(PR_SET_PDEATHSIG, signal_number);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
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

/* Waits without limit, or with WNOHANG not at all, and takes the status if it has ended. (WNOWAIT
 * looks, and leaves the child to be waited for.) It leaves the list before it is reaped: from then
 * on its pid may be another's, and the signal handler must not find it. */
static bool reap(struct process *process, int options)
{
    siginfo_t end = {0};
    while (waitid(P_PID, (id_t)process->pid, &end, WEXITED | WNOWAIT | options) < 0)
        if (errno != EINTR)
            return false;
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

/* SIGCHLD is blocked before the first look, so the end that comes just after it is not missed: it
 * is pending, and sigtimedwait returns at once. sigtimedwait(2) */
static bool wait_with_limit(struct process *process, struct deadline deadline)
{
    sigset_t child_ended, before;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child_ended, &before);
    int left;
    bool has_taken = false;
    while (!reap(process, WNOHANG) && errno == ETIMEDOUT && (left = deadline_left(deadline)) > 0) {
        struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000L};
        has_taken |= sigtimedwait(&child_ended, NULL, &limit) == SIGCHLD;
    }
    int error = errno;
    if (has_taken)
        raise(SIGCHLD); /* somebody else may have a handler for it: another child may have ended */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return process->joined;
}

bool process_join(struct process *process, long ms)
{
    if (process->joined)
        return true;
    if (process->pid == 0) {
        errno = ESRCH;
        return false;
    }
    return ms < 0 ? reap(process, 0) : wait_with_limit(process, deadline_in(ms));
}

bool process_is_alive(struct process *process)
{
    return process->pid != 0 && !process->joined && !reap(process, WNOHANG);
}

int process_exitcode(const struct process *process)
{
    return WIFSIGNALED(process->status) ? -WTERMSIG(process->status) : WEXITSTATUS(process->status);
}

void process_signal(struct process *process, int signal_number)
{
    if (process->pid != 0 && !process->joined)
        kill(process->pid, signal_number);
}

void process_join_all(void)
{
    if (getpid() != parent)
        return; /* those that are in the list are sisters, or there are none */
    for (struct process *child = children; child; child = child->next)
        if (child->daemon)
            terminate(child);
    while (children)
        if (!process_join(children, -1))
            die("waitid");
}
