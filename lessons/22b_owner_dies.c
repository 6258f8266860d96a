/* 22b_owner_dies: a process is killed while it has the lock, and the next one is told
 *
 * Predict  One goes from temp[1] to temp[0]: two writes, under a lock. ann has made the first of
 *          them when she is killed. bob waits for the lock. Does he get it? What does he find?
 * Run      build/22b_owner_dies, then with --no-repair, then with --not-robust
 * Watch    a robust lock goes to bob and tells him that its owner has died; he repairs the sum, and
 *          says so. Without a word from him nobody gets it again; a plain lock stays locked.
 * Before   22a_process_lock
 * After    23a_manager_dict
 * Python   multiprocessing.Lock, which stays locked when its owner dies
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
#include <stdlib.h>

enum { SUM = 11 + 22 + 33 + 44, LIMIT_MS = 50 };

static bool no_repair, not_robust;

static struct shared {
    pthread_mutex_t lock;
    int temp[4];
} * shared;

/* ---- The lock, and what it guards ------------------------------------------------------------ */

/* The sum is 110 whenever nobody has the lock. */
static void make_lock_and_data(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    int error = pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    if (error == 0 && !not_robust)
        error = pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    if (error == 0)
        error = pthread_mutex_init(&shared->lock, &kind);
    errno = error; /* the functions of pthreads return it */
    if (error != 0)
        die("pthread_mutex_init");
    pthread_mutexattr_destroy(&kind);
    for (int i = 0; i < 4; i++)
        shared->temp[i] = 11 * (i + 1);
}

static int sum(void)
{
    return shared->temp[0] + shared->temp[1] + shared->temp[2] + shared->temp[3];
}

/* EOWNERDEAD: the caller has the lock, and its last owner has died. ENOTRECOVERABLE: nobody can
 * have it again, because whoever was told so did not repair. pthread_mutex_lock(3) */
static const char *answer(int error)
{
    return error == 0 ? "yes" : error == EOWNERDEAD ? "EOWNERDEAD" : "ENOTRECOVERABLE";
}

/* ---- The processes --------------------------------------------------------------------------- */

enum { ANN_IS_HALF_DONE = 1, BOB_WAITS, NEVER };

static int ann_moves_one(void *unused)
{
    (void)unused;
    process_end_with_parent(SIGTERM); /* if main is killed, nobody kills her */
    pthread_mutex_lock(&shared->lock);
    say("ann", "has the lock and adds one to temp[0]: half of an update");
    shared->temp[0]++;
    gate_step();
    gate_wait(NEVER); /* she is killed here */
    shared->temp[1]--;
    pthread_mutex_unlock(&shared->lock);
    return EXIT_SUCCESS;
}

/* What is one too many in temp[0] is known by the sum: without such a rule, nobody can tell half an
 * update from a whole one. */
static void repair(void)
{
    say("bob", "undoes the half, and says so with pthread_mutex_consistent");
    shared->temp[0] -= sum() - SUM;
    pthread_mutex_consistent(&shared->lock);
}

static int bob_is_next(void *unused)
{
    (void)unused;
    process_end_with_parent(SIGTERM);
    say("bob", "waits for the lock");
    gate_step();
    int error = pthread_mutex_lock(&shared->lock);
    say("bob", "has it, and an answer: %s; the sum is %d", answer(error), sum());
    if (error == EOWNERDEAD && !no_repair)
        repair();
    else
        say("bob", "repairs nothing, and unlocks");
    pthread_mutex_unlock(&shared->lock);
    return EXIT_SUCCESS;
}

static int carl_comes_later(void *unused)
{
    (void)unused;
    int error = pthread_mutex_lock(&shared->lock);
    say("carl", "wants the lock: %s; the sum is %d", answer(error), sum());
    if (error == 0)
        pthread_mutex_unlock(&shared->lock);
    return EXIT_SUCCESS;
}

/* ---- The scene ------------------------------------------------------------------------------- */

static struct process ann, bob;

static void start(struct process *process, const char *name, int (*run)(void *argument))
{
    if (!process_start(process, name, run, NULL))
        die("fork");
}

static void let_carl_come(void)
{
    struct process carl = {0};
    start(&carl, "carl", carl_comes_later);
    process_join(&carl, -1);
}

/* When ann is dead, bob waits for the lock, or is about to. */
static void kill_ann_while_bob_waits(void)
{
    say("main", "temp = {11, 22, 33, 44}: an update of two halves keeps the sum %d", SUM);
    start(&ann, "ann", ann_moves_one);
    gate_wait(ANN_IS_HALF_DONE);
    start(&bob, "bob", bob_is_next);
    gate_wait(BOB_WAITS);
    say("main", "kills ann with SIGKILL");
    process_signal(&ann, SIGKILL);
    process_join(&ann, -1);
}

static void give_up_bob(void)
{
    bool ended = process_join(&bob, LIMIT_MS);
    say("main", "joins bob, %d ms at most: he %s", LIMIT_MS, ended ? "has ended" : "waits");
    say("main", "kills bob: the owner is dead, and nobody tells him");
    process_signal(&bob, SIGKILL);
    process_join(&bob, -1);
}

static void begin_anew(void)
{
    say("main", "nobody can have this lock again: makes it and temp anew");
    pthread_mutex_destroy(&shared->lock);
    make_lock_and_data();
    let_carl_come();
}

static int demo(void)
{
    if (no_repair && not_robust)
        args_refuse("--no-repair, --not-robust: one at a time");
    shared = shared_new(sizeof *shared);
    make_lock_and_data();
    gate_make();
    kill_ann_while_bob_waits();
    if (not_robust) {
        give_up_bob();
    } else {
        process_join(&bob, -1);
        let_carl_come();
        if (no_repair)
            begin_anew();
    }
    shared_free(shared, sizeof *shared);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"no-repair", NULL, "bob unlocks and repairs nothing", .flag = &no_repair},
        {"not-robust", NULL, "a lock that does not say that its owner died", .flag = &not_robust},
        {0},
    };
    return args_demo(argc, argv,
                     "A process is killed while it has the lock, and the next one is told.", demo,
                     options);
}
