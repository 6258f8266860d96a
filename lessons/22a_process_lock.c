/* 22a_process_lock: 5,000 processes add one under a lock, and the number is printed too early
 *
 * Predict  5,000 children each add one to temp[0], which is 11, under a lock that they share. main
 *          prints temp[0] when it has started them all, and again when it has joined them all.
 *          Which two numbers does it print?
 * Run      build/22a_process_lock, then build/22a_process_lock --no-lock
 * Watch    the lock is right, but the first number is wrong: only join says that all have added.
 *          With --no-lock, join does not help.
 * Before   17a_lost_update, 19a_processes, 21c_compound_update
 * After    22b_owner_dies, 24a_process_pool
 * Python   post 003: an RLock, an Array and 5,000 times Process; multiprocessing.Lock
 */
#include "processes/process.h"
#include "processes/shared.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { FIRST = 11, MOST = 5000, HELD_BACK = 5, AT_ONCE = 100 };

static long processes = MOST;
static bool no_lock;

/* An atomic makes each read and each write whole, and nothing more: without the lock, an update is
 * lost between the two. Under the lock, a plain int is enough. */
static struct shared {
    pthread_mutex_t lock;
    atomic_int temp[4];
} * shared;

/* ---- The lock -------------------------------------------------------------------------------- */

/* A mutex in shared memory is for the threads of one process unless it is told otherwise. */
static void make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    int error = pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    if (error == 0)
        error = pthread_mutex_init(lock, &kind);
    errno = error; /* the functions of pthreads return it */
    if (error != 0)
        die("pthread_mutex_init");
    pthread_mutexattr_destroy(&kind);
}

static void acquire(void)
{
    if (!no_lock)
        pthread_mutex_lock(&shared->lock);
}

static void release(void)
{
    if (!no_lock)
        pthread_mutex_unlock(&shared->lock);
}

/* ---- The children ---------------------------------------------------------------------------- */

static int add_one(void *unused)
{
    (void)unused;
    acquire();
    int seen = shared->temp[0];
    shared->temp[0] = seen + 1;
    release();
    return EXIT_SUCCESS;
}

enum { ANN_HAS_READ = 1, BOB_IS_THERE, ANN_HAS_WRITTEN, ALL_MAY_ADD };

/* It has been started and does not run yet: a busy machine does that now and then, the gate does it
 * each time. */
static int add_one_late(void *unused)
{
    process_end_with_parent(SIGTERM); /* if main is killed, nobody opens the gate */
    gate_wait(ALL_MAY_ADD);
    return add_one(unused);
}

/* The first two do as all the others do, and say so. */
static int ann_adds(void *unused)
{
    (void)unused;
    process_end_with_parent(SIGTERM);
    acquire();
    int seen = shared->temp[0];
    say("ann", "reads %d", seen);
    gate_step();
    gate_wait(BOB_IS_THERE);
    say("ann", "writes %d", seen + 1);
    shared->temp[0] = seen + 1;
    gate_step();
    release();
    return EXIT_SUCCESS;
}

static int bob_adds(void *unused)
{
    (void)unused;
    process_end_with_parent(SIGTERM);
    gate_wait(ANN_HAS_READ);
    if (!no_lock) {
        say("bob", "wants the lock, which ann has");
        gate_step();
        acquire();
    }
    int seen = shared->temp[0];
    say("bob", "reads %d", seen);
    if (no_lock) {
        gate_step();
        gate_wait(ANN_HAS_WRITTEN);
    }
    say("bob", "writes %d", seen + 1);
    shared->temp[0] = seen + 1;
    release();
    return EXIT_SUCCESS;
}

/* ---- Starting and joining -------------------------------------------------------------------- */

static struct process children[MOST];
static long joined; /* so many of the first */

static void start(long i, int (*run)(void *argument))
{
    if (!process_start(&children[i], "child", run, NULL))
        die("fork");
}

static void join_up_to(long count)
{
    for (; joined < count; joined++) {
        struct process *child = &children[joined];
        process_join(child, -1);
        if (process_exitcode(child) != EXIT_SUCCESS)
            fail("child %ld has ended with %d", joined + 1, process_exitcode(child));
    }
}

/* All but the last five have added when it returns, so that the number is the same each time. A
 * system may have no room for 5,000 processes: there are never many more than 100. */
static void start_all(void)
{
    long punctual = processes - HELD_BACK;
    start(0, ann_adds);
    start(1, bob_adds);
    join_up_to(2);
    for (long i = 2; i < processes; i++) {
        start(i, i < punctual ? add_one : add_one_late);
        join_up_to(i - AT_ONCE);
    }
    join_up_to(punctual);
}

static int demo(void)
{
    shared = shared_new(sizeof *shared);
    make_lock(&shared->lock);
    gate_make();
    shared->temp[0] = FIRST;
    say("main", "temp[0] is 11; starts %ld children, which add one each", processes);
    start_all();
    say("main", "has started them all; a gate holds back the last %d", HELD_BACK);
    say("main", "prints %ld ---> %d", processes - 1, (int)shared->temp[0]);
    say("main", "opens the gate, and joins them all");
    gate_step();
    join_up_to(processes);
    say("main", "prints %ld ---> %d", processes - 1, (int)shared->temp[0]);
    shared_free(shared, sizeof *shared);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"processes", "N", "children", .number = &processes, .min = 10, .max = MOST},
        {"no-lock", NULL, "let them add without the lock", .flag = &no_lock},
        {0},
    };
    return args_demo(argc, argv,
                     "5,000 processes add one under a lock, and the number is printed too early.",
                     demo, options);
}
