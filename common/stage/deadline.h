/* deadline: how long a call may wait.
 * Introduced by lesson 16.
 *
 * A limit becomes a point in time once, before the first wait: whoever is woken early waits for
 * what is left. The clock is CLOCK_MONOTONIC, which nobody sets: clock_gettime(2).
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

struct deadline {
    bool has_limit; /* false: never */
    struct timespec time;
};

/* The deadline that is this many ms from now; -1: never. */
struct deadline deadline_in(long ms);

/* The ms that are left, rounded up, as poll(2) takes them: 0 when it is over, -1 for never. */
int deadline_left(struct deadline deadline);

/* Makes a condition variable whose waits can have a deadline. The caller destroys it.
 * pthread_condattr_setclock(3) */
void deadline_cond_init(pthread_cond_t *condition);

/* Waits on the condition as pthread_cond_wait(3) does, so inside a loop that asks for what is
 * waited for. Returns false when the deadline is over. */
bool deadline_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, struct deadline deadline);

#endif
