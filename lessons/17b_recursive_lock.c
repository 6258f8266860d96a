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

enum { THREADS = 4, ADDITIONS = 100000 };

/* ---- The lock -------------------------------------------------------------------------------- */

struct rlock {
    pthread_mutex_t mutex; /* guards what follows, and is locked only for a moment */
    pthread_cond_t released;
    pthread_t owner; /* valid while count > 0 */
    long count;
};

static void rlock_init(struct rlock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->released, NULL);
    lock->count = 0;
}

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

/* ---- Each step, on our lock and on the one that pthreads has --------------------------------- */

static struct rlock ours;
static pthread_mutex_t theirs;

static void init_theirs(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(&theirs, &attributes);
    if (error != 0) /* the error is the result: errno is not set */
        fail("pthread_mutex_init: %s", strerror(error));
    pthread_mutexattr_destroy(&attributes);
}

enum operation { ACQUIRE, TRY, RELEASE };

static const struct step {
    const char *actor, *what;
    enum operation operation;
} steps[] = {
    {"ann", "acquires", ACQUIRE}, {"ann", "acquires again", ACQUIRE}, {"bob", "tries", TRY},
    {"bob", "releases", RELEASE}, {"ann", "releases", RELEASE},       {"bob", "tries", TRY},
    {"ann", "releases", RELEASE}, {"ann", "releases", RELEASE},       {"bob", "tries", TRY},
    {"bob", "releases", RELEASE},
};
enum { STEPS = sizeof steps / sizeof *steps };

static int on_ours(enum operation operation)
{
    if (operation == ACQUIRE)
        return rlock_acquire(&ours);
    return operation == TRY ? rlock_try(&ours) : rlock_release(&ours);
}

static int on_theirs(enum operation operation)
{
    if (operation == ACQUIRE)
        return pthread_mutex_lock(&theirs);
    return operation == TRY ? pthread_mutex_trylock(&theirs) : pthread_mutex_unlock(&theirs);
}

static const char *answer(int error)
{
    return error == 0 ? "yes" : error == EBUSY ? "EBUSY" : "EPERM";
}

static void take_steps(void *unused)
{
    (void)unused;
    for (int i = 0; i < STEPS; i++) {
        if (strcmp(steps[i].actor, thread_name()) != 0)
            continue;
        gate_wait(i);
        int one = on_ours(steps[i].operation), other = on_theirs(steps[i].operation);
        say(thread_name(), "%-15s %-9s %-9s %ld", steps[i].what, answer(one), answer(other),
            ours.count);
        gate_step();
    }
}

/* ---- 400,000 additions under our lock -------------------------------------------------------- */

static long number;

static void add_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < ADDITIONS; i++) {
        rlock_acquire(&ours);
        number++;
        if (rlock_release(&ours) != 0)
            fail("added without the lock");
    }
}

static void run_together(int count, void (*run)(void *))
{
    static const char *const names[THREADS] = {"ann", "bob"};
    struct thread threads[THREADS];
    for (int i = 0; i < count; i++)
        thread_init(&threads[i], names[i], run, NULL);
    thread_run_all(threads, count);
}

static int demo(void)
{
    gate_make();
    rlock_init(&ours);
    init_theirs();
    say("main", "%-15s %-9s %-9s %s", "", "our lock", "pthreads", "our count");
    run_together(2, take_steps);
    run_together(THREADS, add_many);
    say("main", "four threads add one %d times each: %ld", ADDITIONS, number);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "An owner and a count make a lock recursive.", demo, NULL);
}
