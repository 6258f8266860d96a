/* 17b_recursive_lock: an owner and a count make a lock recursive; waiting for it takes a loop
 *
 * Predict  ann has the lock and acquires it once more. Does she wait for herself? bob, who does not
 *          have it, releases it. What happens? And how many times must ann release it?
 * Run      build/17b_recursive_lock
 * Watch    each step is taken twice: on our lock, and on PTHREAD_MUTEX_RECURSIVE. They agree.
 * Before   17a_lost_update
 * After    17c_deadlock, 18a_event; 22b_owner_dies has one that processes share
 * Python   threading.RLock: acquire, acquire(blocking=False), release; RuntimeError is EPERM here
 */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct rlock {
    pthread_mutex_t mutex; /* guards what follows, and is locked only for a moment */
    pthread_cond_t released;
    pthread_t owner; /* valid while count > 0 */
    long count;
};

/* Called with the mutex locked. */
static bool take_if_free(struct rlock *lock)
{
    if (lock->count > 0 && !pthread_equal(lock->owner, pthread_self()))
        return false;
    lock->owner = pthread_self();
    lock->count++;
    return true;
}

/* A thread that is woken looks again, because another may have been faster, and because a wait may
 * end for no reason at all: pthread_cond_wait(3). */
static int rlock_acquire(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    while (!take_if_free(lock))
        pthread_cond_wait(&lock->released, &lock->mutex);
    pthread_mutex_unlock(&lock->mutex);
    return 0;
}

/* Does not wait: returns EBUSY when somebody else has it. */
static int rlock_try(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    bool taken = take_if_free(lock);
    pthread_mutex_unlock(&lock->mutex);
    return taken ? 0 : EBUSY;
}

/* Returns EPERM when the caller is not the owner. */
static int rlock_release(struct rlock *lock)
{
    int error = EPERM;
    pthread_mutex_lock(&lock->mutex);
    if (lock->count > 0 && pthread_equal(lock->owner, pthread_self())) {
        error = 0;
        if (--lock->count == 0)
            pthread_cond_signal(&lock->released);
    }
    pthread_mutex_unlock(&lock->mutex);
    return error;
}

static struct rlock ours = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .count = 0};
static pthread_mutex_t theirs;
static long number;

static const struct step {
    const char *actor, *what;
    int (*on_ours)(struct rlock *lock);
    int (*on_theirs)(pthread_mutex_t *lock);
} steps[] = {
    {"ann", "acquires", rlock_acquire, pthread_mutex_lock},
    {"ann", "acquires again", rlock_acquire, pthread_mutex_lock},
    {"bob", "tries", rlock_try, pthread_mutex_trylock},
    {"bob", "releases", rlock_release, pthread_mutex_unlock},
    {"ann", "releases", rlock_release, pthread_mutex_unlock},
    {"bob", "tries", rlock_try, pthread_mutex_trylock},
    {"ann", "releases", rlock_release, pthread_mutex_unlock},
    {"ann", "releases", rlock_release, pthread_mutex_unlock},
    {"bob", "tries", rlock_try, pthread_mutex_trylock},
    {"bob", "releases", rlock_release, pthread_mutex_unlock},
};
enum { STEPS = sizeof steps / sizeof *steps, ADDITIONS = 100000 };

static const char *answer(int error)
{
    return error == 0 ? "yes" : error == EBUSY ? "EBUSY" : "EPERM";
}

static void play(void *unused)
{
    (void)unused;
    for (int i = 0; i < STEPS; i++) {
        if (strcmp(steps[i].actor, thread_name()) != 0)
            continue;
        gate_wait(i);
        int one = steps[i].on_ours(&ours), other = steps[i].on_theirs(&theirs);
        say(thread_name(), "%-15s %-9s %-9s %ld", steps[i].what, answer(one), answer(other),
            ours.count);
        gate_step();
    }
    gate_wait(STEPS);
    for (int i = 0; i < ADDITIONS; i++) {
        rlock_acquire(&ours);
        number++;
        if (rlock_release(&ours) != 0)
            fail("added without the lock");
    }
}

static int demo(void)
{
    struct thread threads[2];
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&theirs, &attributes);
    pthread_mutexattr_destroy(&attributes);
    gate_make();
    say("main", "%-15s %-9s %-9s %s", "", "our lock", "pthreads", "our count");
    thread_init(&threads[0], "ann", play, NULL);
    thread_init(&threads[1], "bob", play, NULL);
    thread_run_all(threads, 2);
    say("main", "two threads add one %d times each: %ld", ADDITIONS, number);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "An owner and a count make a lock recursive.", demo, NULL);
}
