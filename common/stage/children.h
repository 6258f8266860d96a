/* children: how a child begins, and how it is made to end.
 * Introduced by lesson 01; plumbing. Lesson 11a shows fork.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "stage/deadline.h"

#include <sys/types.h>

/* How long a child may take to end when it is asked to, in ms. */
enum { CHILD_GRACE_MS = 500 };

/* fork(2), for a parent that has handlers and buffered output. What stdout has buffered is flushed
 * first, or it would be printed twice. In the child, the signals that end a program and SIGCHLD
 * have their default actions before any of them can arrive, and none is blocked; in the parent the
 * mask stays as it was. */
pid_t child_fork(void);

/* In a child: the end, with what stdout has buffered, but without what exit(3) would do for the
 * parent. */
_Noreturn void child_exit(int status);

/* Asks a child that has not been reaped to end: SIGTERM, and SIGCONT, because one that is stopped
 * (Ctrl-Z) hears of it only when it goes on. Async-signal-safe. */
void child_ask_to_end(pid_t child);

/* Waits until the child has ended, and kills it when the deadline is over; then reaps it. Returns
 * its status as waitpid(2) gives it; 0 if it is no child of this process. Ask all children first,
 * then wait for each with one deadline. Async-signal-safe. */
int child_await_end(pid_t child, struct deadline deadline);

/* In a child that child_fork has made, or fork(2) in the main thread: when the parent ends, also
 * by SIGKILL, the child gets the signal. If the parent has ended already, the child ends at once.
 * The first is Linux's, and holds where the main thread has forked: the kernel sends the signal
 * when the thread that forked ends, and only the main thread lives as long as its process. */
void child_ends_with(pid_t parent, int signal_number);

#endif
