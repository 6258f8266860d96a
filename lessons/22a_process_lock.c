/* 22a_process_lock: 5,000 processes add one under a lock, and the number is printed too early
 *
 * Predict  5,000 children each add one to temp[0], which is 11, under a lock that they share. main
 *          prints temp[0] when it has started them all, and again when it has joined them all.
 *          Which two numbers does it print?
 * Run      build/22a_process_lock
 * Watch    the lock is right, but the first number is wrong: only join says that all have added.
 * Before   17a_lost_update, 19a_processes, 21c_compound_update
 * After    22b_owner_dies, 24a_process_pool
 * Python   post 003: an RLock, an Array and 5,000 times Process; multiprocessing.Lock
 */
#include "processes/actor.h"
#include "processes/shared.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "stage/turns.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { FIRST = 11, MOST = 5000, HELD_BACK = 5, AT_ONCE = 100 };

static long processes = MOST;
static struct process children[MOST]; /* ann and bob are not among them */
static long joined;                   /* so many of the first */

static struct shared {
    pthread_mutex_t lock;
    int temp[4];
} * shared;

/* A mutex in shared memory is for the threads of one process unless it is told otherwise. */
static void make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    errno = pthread_mutex_init(lock, &kind); /* it returns its error */
    if (errno != 0)
        die("pthread_mutex_init");
    pthread_mutexattr_destroy(&kind);
}

/* A late one has been started and does not run yet: now and then on a busy machine, here always. */
static int add_one(void *is_late)
{
    if (is_late) {
        process_end_with_parent(SIGTERM); /* if main is killed, nobody opens the gate */
        gate_wait(1);
    }
    pthread_mutex_lock(&shared->lock);
    shared->temp[0] = shared->temp[0] + 1;
    pthread_mutex_unlock(&shared->lock);
    return EXIT_SUCCESS;
}

/* The same in turns, for the first two, which say what they do. */
static int add_one_and_say_so(void *name)
{
    turn_lock(name, "lock", &shared->lock);
    pthread_mutex_lock(&shared->lock);
    int seen = shared->temp[0];
    say(name, "has the lock, reads %d", seen);
    turn_take(name, "writes %d, unlocks", seen + 1);
    say(name, "writes %d, unlocks", seen + 1);
    shared->temp[0] = seen + 1;
    turn_unlock("lock");
    pthread_mutex_unlock(&shared->lock);
    return EXIT_SUCCESS;
}

static void start_ann_and_bob(void)
{
    struct actor ann, bob;
    actor_start(&ann, "ann", add_one_and_say_so, "ann");
    actor_start(&bob, "bob", add_one_and_say_so, "bob");
    turns_play();
    actor_join(&ann);
    actor_join(&bob);
}

static void join_up_to(long count)
{
    for (; joined < count; joined++)
        process_join(&children[joined], -1);
}

/* All but the last five have added when it returns, so that the number is the same each time. A
 * system may have no room for 5,000 processes: there are never many more than 100. */
static void start_the_others(long count)
{
    for (long i = 0; i < count; i++) {
        char *is_late = i < count - HELD_BACK ? NULL : "late";
        if (!process_start(&children[i], "child", add_one, is_late))
            die("fork");
        join_up_to(i - AT_ONCE);
    }
    join_up_to(count - HELD_BACK);
}

static int demo(void)
{
    shared = shared_new(sizeof *shared);
    make_lock(&shared->lock);
    gate_make();
    shared->temp[0] = FIRST;
    say("main", "temp[0] is 11; starts %ld children, which add one each", processes);
    start_ann_and_bob();
    start_the_others(processes - 2);
    say("main", "has started them all; a gate holds back the last %d", HELD_BACK);
    say("main", "prints %ld ---> %d", processes - 1, shared->temp[0]);
    say("main", "opens the gate, and joins them all");
    gate_step();
    join_up_to(processes - 2);
    say("main", "prints %ld ---> %d", processes - 1, shared->temp[0]);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"processes", "N", "children", .number = &processes, .min = 10, .max = MOST},
        {0},
    };
    return args_demo(argc, argv, "5,000 processes add one; main prints too early.", demo, options);
}
