#include "stage/deadline.h"

#include <errno.h>
#include <limits.h>

struct deadline deadline_in(long ms)
{
    struct deadline deadline = {.has_limit = ms >= 0};
    if (!deadline.has_limit)
        return deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline.time);
    deadline.time.tv_sec += ms / 1000;
    deadline.time.tv_nsec += ms % 1000 * 1000000;
    if (deadline.time.tv_nsec >= 1000000000) {
        deadline.time.tv_nsec -= 1000000000;
        deadline.time.tv_sec++;
    }
    return deadline;
}

int deadline_left(struct deadline deadline)
{
    if (!deadline.has_limit)
        return -1;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ns = (long long)(deadline.time.tv_sec - now.tv_sec) * 1000000000 +
                   (deadline.time.tv_nsec - now.tv_nsec);
    if (ns <= 0)
        return 0;
    long long ms = (ns + 999999) / 1000000;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

void deadline_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool deadline_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, struct deadline deadline)
{
    if (deadline.has_limit)
        return pthread_cond_timedwait(condition, lock, &deadline.time) != ETIMEDOUT;
    pthread_cond_wait(condition, lock);
    return true;
}
