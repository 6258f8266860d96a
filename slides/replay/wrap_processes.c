/* wrap_processes: in the place of the calls by which processes start, end, signal, and wait. */
#include "record.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HERE __builtin_frame_address(0)

pid_t __real_fork(void);
pid_t __real_waitpid(pid_t pid, int *status, int options);
int __real_waitid(idtype_t type, id_t id, siginfo_t *end, int options);
_Noreturn void __real__exit(int status);
int __real_kill(pid_t pid, int number);
int __real_pause(void);
int __real_sigsuspend(const sigset_t *mask);
int __real_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit);
int __real_nanosleep(const struct timespec *time, struct timespec *left);

pid_t __wrap_fork(void);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *end, int options);
_Noreturn void __wrap__exit(int status);
int __wrap_kill(pid_t pid, int number);
int __wrap_pause(void);
int __wrap_sigsuspend(const sigset_t *mask);
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

/* ---- Start and end --------------------------------------------------------------------------- */

pid_t __wrap_fork(void)
{
    int task = record_new_task();
    record(HERE, "create\tprocess\t%d", task);
    pid_t pid = __real_fork();
    if (pid == 0) {
        record_become(task);
        record(HERE, "begin\t%d", (int)getpid());
    } else if (pid < 0) {
        record_no_task(task);
    } else {
        record_wait_for_start(task);
    }
    return pid;
}

void __wrap__exit(int status)
{
    record(HERE, "end");
    __real__exit(status);
}

/* ---- Waiting for a child --------------------------------------------------------------------- */

static void before_wait(void *frame, const char *call, int options)
{
    record(frame, "wait\t%s\t%s\t-\t-\t-", call, options & WNOHANG ? "none" : "child");
}

static void after_wait(void *frame, const char *call, long result, long pid)
{
    record(frame, "got\t%s\t%ld\t%d\tchild\t%ld\t-\t-\t", call, result, result < 0 ? errno : 0,
           pid);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    before_wait(HERE, "waitpid", options);
    pid_t ended = __real_waitpid(pid, status, options);
    after_wait(HERE, "waitpid", ended, ended);
    return ended;
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *end, int options)
{
    before_wait(HERE, "waitid", options);
    int result = __real_waitid(type, id, end, options);
    after_wait(HERE, "waitid", result, result < 0 || !end ? 0 : (long)end->si_pid);
    return result;
}

/* ---- Signals, and time ----------------------------------------------------------------------- */

/* Whoever is about to end by itself has done so by then. */
int __wrap_kill(pid_t pid, int number)
{
    record_wait_for_rest();
    record(HERE, "kill\t%d\t%d", (int)pid, number);
    return __real_kill(pid, number);
}

static int after_signal(void *frame, const char *call, int result)
{
    record(frame, "ready\t%s\t%d\t%d", call, result, result < 0 ? errno : 0);
    return result;
}

int __wrap_pause(void)
{
    record(HERE, "wait\tpause\tmany\t-\t-\t-");
    return after_signal(HERE, "pause", __real_pause());
}

int __wrap_sigsuspend(const sigset_t *mask)
{
    record(HERE, "wait\tsigsuspend\tmany\t-\t-\t-");
    return after_signal(HERE, "sigsuspend", __real_sigsuspend(mask));
}

int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit)
{
    record(HERE, "wait\tsigtimedwait\tmany\t-\t-\t-");
    return after_signal(HERE, "sigtimedwait", __real_sigtimedwait(set, info, limit));
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
    record(HERE, "wait\tnanosleep\tmany\t-\t-\t-");
    return after_signal(HERE, "nanosleep", __real_nanosleep(time, left));
}
