/* wrap_threads: in the place of the calls by which threads start, end, and wait for each other. */
#include "record.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#define HERE __builtin_frame_address(0)

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __real_pthread_join(pthread_t thread, void **result);
int __real_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_trylock(pthread_mutex_t *lock);
int __real_pthread_mutex_timedlock(pthread_mutex_t *lock, const struct timespec *deadline);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __real_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                                  const struct timespec *deadline);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __real_pthread_cond_broadcast(pthread_cond_t *condition);
int __real_sem_init(sem_t *semaphore, int is_shared, unsigned value);
int __real_sem_wait(sem_t *semaphore);
int __real_sem_post(sem_t *semaphore);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_timedlock(pthread_mutex_t *lock, const struct timespec *deadline);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                                  const struct timespec *deadline);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_sem_init(sem_t *semaphore, int is_shared, unsigned value);
int __wrap_sem_wait(sem_t *semaphore);
int __wrap_sem_post(sem_t *semaphore);

/* ---- Start and end --------------------------------------------------------------------------- */

struct start {
    void *(*run)(void *);
    void *argument;
    int task;
};

static void *run_task(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    record_become(start.task);
    record(HERE, "start");
    void *result = start.run(start.argument);
    record(HERE, "end");
    return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    struct start *own = malloc(sizeof *own);
    if (!own)
        return EAGAIN;
    int task = record_new_task();
    *own = (struct start){start, argument, task};
    record(HERE, "create\tthread\t%d", task);
    int error = __real_pthread_create(thread, attributes, run_task, own);
    if (error == 0) {
        record(HERE, "created\t%d\t%lx", task, (unsigned long)*thread);
        record_wait_for_start(task);
    } else {
        record_no_task(task);
        free(own);
    }
    return error;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    record(HERE, "wait\tpthread_join\tthread\t%lx\t-\t-", (unsigned long)thread);
    int error = __real_pthread_join(thread, result);
    record(HERE, "got\tpthread_join\t%d\t%d\tthread\t%lx\t-\t-\t", -(error != 0), error,
           (unsigned long)thread);
    return error;
}

/* ---- Mutexes --------------------------------------------------------------------------------- */

int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
    int shared = PTHREAD_PROCESS_PRIVATE;
    if (attributes)
        pthread_mutexattr_getpshared(attributes, &shared);
    record(HERE, "init\t%p\t%d\t0", (void *)lock, shared == PTHREAD_PROCESS_SHARED);
    return __real_pthread_mutex_init(lock, attributes);
}

static int after_lock(void *frame, const char *call, pthread_mutex_t *lock, int error)
{
    int has_it = error == 0 || error == EOWNERDEAD;
    record(frame, "got\t%s\t%d\t%d\tmutex\t%p\t-\t-\t", call, has_it ? 0 : -1, error, (void *)lock);
    return error;
}

/* A lock that is had at once tells nothing, and there may be a million of them. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    record_waiter(1);
    int error = __real_pthread_mutex_trylock(lock);
    if (error != EBUSY) {
        record_waiter(-1);
        return error;
    }
    record(HERE, "wait\tpthread_mutex_lock\tmutex\t%p\t-\t-", (void *)lock);
    error = after_lock(HERE, "pthread_mutex_lock", lock, __real_pthread_mutex_lock(lock));
    record_waiter(-1);
    return error;
}

int __wrap_pthread_mutex_timedlock(pthread_mutex_t *lock, const struct timespec *deadline)
{
    record(HERE, "wait\tpthread_mutex_timedlock\tmutex\t%p\t-\t-", (void *)lock);
    record_waiter(1);
    int error = after_lock(HERE, "pthread_mutex_timedlock", lock,
                           __real_pthread_mutex_timedlock(lock, deadline));
    record_waiter(-1);
    return error;
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *lock)
{
    return __real_pthread_mutex_trylock(lock);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
    record_release(HERE, "unlock", lock);
    return __real_pthread_mutex_unlock(lock);
}

/* ---- Conditions: a wait unlocks, and locks again --------------------------------------------- */

int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    int shared = PTHREAD_PROCESS_PRIVATE;
    if (attributes)
        pthread_condattr_getpshared(attributes, &shared);
    record(HERE, "init\t%p\t%d\t0", (void *)condition, shared == PTHREAD_PROCESS_SHARED);
    return __real_pthread_cond_init(condition, attributes);
}

static void before_cond(void *frame, const char *call, pthread_cond_t *condition,
                        pthread_mutex_t *lock)
{
    record_release(frame, "unlock", lock);
    record_waiter(1);
    record(frame, "wait\t%s\tcondition\t%p\t-\t-", call, (void *)condition);
}

static int after_cond(void *frame, const char *call, pthread_cond_t *condition, int error)
{
    record(frame, "got\t%s\t%d\t%d\tcondition\t%p\t-\t-\t", call, -(error != 0), error,
           (void *)condition);
    record_waiter(-1);
    return error;
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    before_cond(HERE, "pthread_cond_wait", condition, lock);
    return after_cond(HERE, "pthread_cond_wait", condition,
                      __real_pthread_cond_wait(condition, lock));
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                                  const struct timespec *deadline)
{
    before_cond(HERE, "pthread_cond_timedwait", condition, lock);
    return after_cond(HERE, "pthread_cond_timedwait", condition,
                      __real_pthread_cond_timedwait(condition, lock, deadline));
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    record_release(HERE, "signal", condition);
    return __real_pthread_cond_signal(condition);
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    record_release(HERE, "signal", condition);
    return __real_pthread_cond_broadcast(condition);
}

/* ---- Semaphores ------------------------------------------------------------------------------ */

int __wrap_sem_init(sem_t *semaphore, int is_shared, unsigned value)
{
    record(HERE, "init\t%p\t%d\t%u", (void *)semaphore, is_shared != 0, value);
    return __real_sem_init(semaphore, is_shared, value);
}

/* Of several who are let go at once, the first goes on first: a gate lets all through. */
int __wrap_sem_wait(sem_t *semaphore)
{
    record(HERE, "wait\tsem_wait\tsemaphore\t%p\t-\t-", (void *)semaphore);
    int result = __real_sem_wait(semaphore);
    int error = errno;
    record_wait_for_turn();
    errno = error;
    record(HERE, "got\tsem_wait\t%d\t%d\tsemaphore\t%p\t-\t-\t", result, result < 0 ? errno : 0,
           (void *)semaphore);
    return result;
}

int __wrap_sem_post(sem_t *semaphore)
{
    record(HERE, "release\tpost\t%p", (void *)semaphore);
    return __real_sem_post(semaphore);
}
