/* children: how a child begins, and how it is made to end.
 * Introduced by lesson 01; plumbing. Lesson 11a shows fork. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "stage/deadline.h"

#include <stdbool.h>
#include <sys/types.h>

/* How long a child may take to end when it is asked to, in ms. */
enum { CHILD_GRACE_MS = 500 };

/* fork(2) after a flush of stdout, or what it has buffered would be printed twice. In the child,
 * the signals that end a program and SIGCHLD have their default actions before any of them can
 * arrive, and none is blocked. */
pid_t child_fork(void);

/* In a child: the end, without what exit(3) would do for the parent. */
_Noreturn void child_exit(int status);

/* Asks a child that has not been reaped to end: SIGTERM, and SIGCONT, because one that is stopped
 * (Ctrl-Z) hears of it only when it goes on. Async-signal-safe. */
void child_ask_to_end(pid_t child);

/* Waits until the child has ended, and kills it when the deadline is over. Returns its status as
 * waitpid(2) gives it; 0 if it is no child of this process. Async-signal-safe. */
int child_await_end(pid_t child, struct deadline deadline);

/* Both, for all of them; 0 stands for none. */
void child_end_all(const pid_t *children, int count);

/* In a child: gets the signal when the parent ends, even by SIGKILL; ends at once if it has ended
 * already. The first is Linux's, and only where the main thread has forked: the kernel sends the
 * signal when the thread that forked ends. PR_SET_PDEATHSIG */
void child_ends_with(pid_t parent, int signal_number);

/* From now on orphans among this process's descendants become its children. Returns false where
 * that cannot be: it is Linux's alone. PR_SET_CHILD_SUBREAPER */
bool child_adopt_orphans(void);

/* Sets how many descriptors a child may have: ulimit -Sn. Returns as above. prlimit(2) */
bool child_limit_descriptors(pid_t child, long limit);

#endif
