#define _GNU_SOURCE /* gettid, prlimit */
#include "stage/children.h"

#include "stage/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { LOOK_AGAIN_MS = 2 };

/* Whether the parent's main thread has forked this process, which has a copy of the variable. */
static _Thread_local bool by_main_thread = true;

/* Not fflush(NULL), which would wait for a thread that reads stdin. And not in vain: it writes to
 * memory, and whoever has forked pays for a copy of each page that is written to. */
static void flush(void)
{
    if (__fpending(stdout) > 0) /* glibc, musl and the BSDs */
        fflush(stdout);
}

pid_t child_fork(void)
{
    flush();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
#ifdef __linux__
    by_main_thread = gettid() == getpid();
#endif
    pid_t child = fork();
    int error = errno;
    if (child == 0) {
        signals_on_ending(SIG_DFL);
        signals_on(SIGCHLD, SIG_DFL);
        sigemptyset(&before);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return child;
}

void child_exit(int status)
{
    flush();
    _exit(status);
}

void child_ask_to_end(pid_t child)
{
    if (child <= 0)
        return; /* that would be a group of processes, and -1 all that there are: kill(2) */
    kill(child, SIGTERM);
    kill(child, SIGCONT);
}

/* SIGCHLD may be blocked, ignored or somebody else's: so it looks again and again. */
int child_await_end(pid_t child, struct deadline deadline)
{
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(child, &status, WNOHANG)) == 0 && deadline_left(deadline) != 0)
        poll(NULL, 0, LOOK_AGAIN_MS);
    if (ended == 0) {
        kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    return status;
}

void child_end_all(const pid_t *children, int count)
{
    struct deadline grace = deadline_in(CHILD_GRACE_MS);
    for (int i = 0; i < count; i++)
        child_ask_to_end(children[i]);
    for (int i = 0; i < count; i++)
        if (children[i] > 0)
            child_await_end(children[i], grace);
}

/* Any other thread may end long before its process does, and the signal would come then. */
void child_ends_with(pid_t parent, int signal_number)
{
#ifdef __linux__
    if (by_main_thread)
        prctl(PR_SET_PDEATHSIG, signal_number);
#endif
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

bool child_adopt_orphans(void)
{
#ifdef __linux__
    return prctl(PR_SET_CHILD_SUBREAPER, 1L) == 0;
#else
    return false;
#endif
}

bool child_limit_descriptors(pid_t child, long limit)
{
#ifdef __linux__
    struct rlimit now;
    if (prlimit(child, RLIMIT_NOFILE, NULL, &now) < 0)
        return false;
    now.rlim_cur = (rlim_t)limit;
    return prlimit(child, RLIMIT_NOFILE, &now, NULL) == 0;
#else
    return false;
#endif
}
