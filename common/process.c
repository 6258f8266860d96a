#include "process.h"

#include "deadline.h"
#include "die.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The children that have been started and not been joined. A signal handler walks the list too: it
 * is changed while signals are blocked. */
static struct process *children;

static const int ending[] = {SIGINT, SIGTERM, SIGPIPE};
enum { ENDINGS = sizeof ending / sizeof *ending };

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

/* ---- What a signal to the parent does -------------------------------------------------------- */

/* kill, waitpid, signal and raise are async-signal-safe: signal-safety(7). */
static void end_children_and_self(int signal_number)
{
    for (struct process *child = children; child; child = child->next) {
        kill(child->pid, SIGTERM);
        kill(child->pid, SIGCONT); /* one that is stopped hears of it too */
    }
    for (struct process *child = children; child; child = child->next)
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    signal(signal_number, SIG_DFL);
    raise(signal_number); /* it arrives when this handler returns */
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
    static bool prepared;
    if (prepared)
        return;
    prepared = true;
    for (int i = 0; i < ENDINGS; i++)
        handle(ending[i], end_children_and_self);
    handle(SIGCHLD, ignore); /* a signal whose action is to be ignored need not become pending */
}

/* ---- start ----------------------------------------------------------------------------------- */

static _Noreturn void run_child(sigset_t before, int (*run)(void *argument), void *argument)
{
    children = NULL; /* they are its parent's */
    for (int i = 0; i < ENDINGS; i++)
        signal(ending[i], SIG_DFL);
    restore_signals(before);
    int status = run(argument);
    fflush(NULL);
    _exit(status); /* exit would also do what the parent wants done at its own end */
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

/* ---- join ------------------------------------------------------------------------------------ */

static void forget(struct process *process)
{
    for (struct process **link = &children; *link; link = &(*link)->next)
        if (*link == process) {
            *link = process->next;
            break;
        }
}

/* Takes the status if it has ended. From then on its pid may be another's: so the signal handler
 * must not find it in the list any more. */
static bool reap(struct process *process)
{
    sigset_t before = block_signals();
    if (waitpid(process->pid, &process->status, WNOHANG) == process->pid) {
        process->joined = true;
        forget(process);
    }
    restore_signals(before);
    return process->joined;
}

/* Waits without taking the status: a signal may come meanwhile. */
static bool wait_without_limit(struct process *process)
{
    siginfo_t end;
    while (waitid(P_PID, (id_t)process->pid, &end, WEXITED | WNOWAIT) < 0)
        if (errno != EINTR)
            return false;
    return reap(process);
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
    while (!reap(process) && (left = deadline_left(deadline)) > 0) {
        struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000L};
        sigtimedwait(&child_ended, NULL, &limit);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = ETIMEDOUT;
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
    siginfo_t end; /* waits for nothing, but says whose child it is */
    if (waitid(P_PID, (id_t)process->pid, &end, WEXITED | WNOWAIT | WNOHANG) < 0)
        return false;
    return ms < 0 ? wait_without_limit(process) : wait_with_limit(process, deadline_in(ms));
}

bool process_is_alive(struct process *process)
{
    return process->pid != 0 && !process->joined && !reap(process);
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
    for (struct process *child = children; child; child = child->next)
        if (child->daemon)
            kill(child->pid, SIGTERM);
    while (children)
        if (!process_join(children, -1))
            die("waitid");
}
