/* 22_process_lock: 5,000 processes add one, and the owner of a lock may die
 *
 * Predict  5,000 children add one to temp[0], which is 11, each under the lock. The parent prints
 *          temp[0] when it has started them all. Which number? And if a child is killed while it
 *          holds the lock, what becomes of those that wait for it?
 * Run      build/22_process_lock, then with --print-early, --no-lock, --not-robust
 * Watch    the lock was right and the number wrong: it was printed too early. Without the lock even
 *          join does not help. A robust lock tells its next owner that the last one has died.
 * Before   17b_recursive_lock, 19a_processes, 21c_compound_update
 * After    24a_process_pool
 * Python   the posts' RLock and Array: multiprocessing.RLock, Process.join
 */
#include "processes/process.h"
#include "processes/shared.h"
#include "stage/actor.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITEMS = 4, FIRST = 11, SUM = 11 + 22 + 33 + 44 };
enum { HELD = 5, AT_LEAST = 10, USUAL = 5000, USUAL_TIMING = 4, LIMIT_MS = 50 };

static long processes = 0;
static long increments = 1000000;
static bool print_early, no_lock, not_robust, timing;

/* What the children share. A relaxed load and a relaxed store of an atomic are what plain code does
 * with an int, but for one thing: that two processes do it at once is no undefined behaviour. */
struct shared {
    pthread_mutex_t lock;
    atomic_int temp[ITEMS];
    sem_t gate;     /* where children wait until main lets them go on */
    sem_t has_read; /* where main waits until children have read */
};

static struct shared *shared;

static int get(int i)
{
    return atomic_load_explicit(&shared->temp[i], memory_order_relaxed);
}

static void set(int i, int value)
{
    atomic_store_explicit(&shared->temp[i], value, memory_order_relaxed);
}

/* What temp[0] = 1 + temp[0] is: two accesses, and room for others between them. */
static void add_one(void)
{
    int value = get(0);
    set(0, value + 1);
}

static int sum(void)
{
    return get(0) + get(1) + get(2) + get(3);
}

static void fill(void)
{
    for (int i = 0; i < ITEMS; i++)
        set(i, FIRST * (i + 1));
}

/* ---- The lock: shared, recursive, robust ----------------------------------------------------- */

static void check(const char *call, int error)
{
    errno = error; /* the functions of pthreads return the error */
    if (error != 0)
        die("%s", call);
}

/* A mutex in shared memory is not yet one that processes share: it has to be told. */
static void make_lock(bool robust)
{
    pthread_mutexattr_t kind;
    check("pthread_mutexattr_init", pthread_mutexattr_init(&kind));
    check("setpshared", pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED));
    check("settype", pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE));
    if (robust)
        check("setrobust", pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST));
    check("pthread_mutex_init", pthread_mutex_init(&shared->lock, &kind));
    pthread_mutexattr_destroy(&kind);
}

/* 0: the lock is the caller's. EOWNERDEAD: it is the caller's too, but its last owner died while it
 * had it, perhaps in the middle of an update. ENOTRECOVERABLE: somebody was told so and repaired
 * nothing. pthread_mutex_lock(3) */
static int acquire(void)
{
    return pthread_mutex_lock(&shared->lock);
}

static void release(void)
{
    pthread_mutex_unlock(&shared->lock);
}

static const char *answer(int error)
{
    switch (error) {
    case 0:
        return "yes";
    case EBUSY:
        return "EBUSY";
    case EOWNERDEAD:
        return "EOWNERDEAD";
    case ENOTRECOVERABLE:
        return "ENOTRECOVERABLE";
    default:
        return strerror(error);
    }
}

/* ---- A gate between processes ---------------------------------------------------------------- */

/* A counter that is waited for while it is 0: sem_overview(7). Unlike a mutex it has no owner. */
static void make_gate(sem_t *gate)
{
    const int between_processes = 1;
    if (sem_init(gate, between_processes, 0) < 0)
        die("sem_init");
}

static void wait_at(sem_t *gate)
{
    while (sem_wait(gate) < 0 && errno == EINTR)
        continue;
}

static void wait_for_main(void)
{
    process_end_with_parent(SIGTERM); /* if main is killed, nobody opens the gate */
    wait_at(&shared->gate);
}

/* For so many. */
static void open_gate(long count)
{
    while (count-- > 0)
        sem_post(&shared->gate);
}

/* ---- Starting and joining -------------------------------------------------------------------- */

static struct process *children;
static long joined; /* these many of the first have been joined */
static long killed; /* the number of one of those that did not end well; 0: none */

static void join_children(long count)
{
    for (long i = count; i-- > joined;) {
        if (!process_join(&children[i], -1))
            die("waitid");
        if (process_exitcode(&children[i]) != EXIT_SUCCESS)
            killed = i + 1;
    }
    if (joined < count)
        joined = count;
}

/* The numbers that the class is shown are those of children that have all done their work. */
static void join_all_well(long count)
{
    join_children(count);
    if (killed > 0)
        fail("child %ld has ended with %d", killed, process_exitcode(&children[killed - 1]));
}

/* Starts one of the 5,000. The first UNHELD of them wait for nobody: when the system has no more
 * processes, those are joined, and it is tried again. */
static void start_child(long i, long unheld, int (*run)(void *argument), void *argument)
{
    static bool complained;
    children[i] = (struct process){0};
    while (!process_start(&children[i], "child", run, argument)) {
        long can_join = i < unheld ? i : unheld;
        if (joined >= can_join)
            die("fork"); /* which also ends the children that have been started */
        if (!complained)
            say("main", "no process for child %ld: joins those before it, and tries again", i + 1);
        complained = true;
        join_children(can_join);
    }
}

/* ---- 5,000 add one --------------------------------------------------------------------------- */

/* An owner that died while it added one left nothing half done: there is nothing to repair. */
static void add_one_locked(void)
{
    if (acquire() == EOWNERDEAD)
        pthread_mutex_consistent(&shared->lock);
    add_one();
    release();
}

static int child_with_the_lock(void *unused)
{
    (void)unused;
    add_one_locked();
    return EXIT_SUCCESS;
}

static int child_held_back(void *unused)
{
    wait_for_main();
    return child_with_the_lock(unused);
}

static int child_without(void *unused)
{
    (void)unused;
    add_one();
    return EXIT_SUCCESS;
}

/* Returns what temp[0] is at the end of the loop. The gate does what a busy machine may do: the
 * last few have been started and have not run yet. All others are joined, so that the number is the
 * same each time. */
static int start_them_all(void)
{
    fill();
    say("main", "temp[0] = 11; %ld children add one to it, each under the lock", processes);
    long unheld = processes - HELD;
    joined = 0;
    for (long i = 0; i < processes; i++)
        start_child(i, unheld, i < unheld ? child_with_the_lock : child_held_back, NULL);
    join_all_well(unheld);
    say("main", "the loop has started them all; a gate holds back the last %d", HELD);
    say("main", "prints: %ld ---> %d", processes - 1, get(0));
    return get(0);
}

static int join_them_all(void)
{
    say("main", "opens the gate, and joins them all");
    open_gate(HELD);
    join_all_well(processes);
    return get(0);
}

static int one_of_the_pair(void *name)
{
    actor_await_turn();
    int value = get(0);
    say(name, "reads %d", value);
    actor_end_turn();
    actor_await_turn();
    say(name, "writes %d", value + 1);
    set(0, value + 1);
    return EXIT_SUCCESS;
}

/* The first two go by turns: read, read, write, write. */
static void play_the_pair(void)
{
    static char *const names[] = {"child-1", "child-2"};
    struct actor pair[2];
    for (int i = 0; i < 2; i++)
        actor_start(&pair[i], names[i], one_of_the_pair, names[i]);
    for (int turn = 0; turn < 4; turn++)
        actor_give_turn(&pair[turn % 2]);
    for (int i = 0; i < 2; i++)
        actor_join(&pair[i]);
}

static int add_without_the_lock(void)
{
    fill();
    say("main", "temp[0] = 11; %ld children add one to it, without the lock", processes);
    play_the_pair();
    say("main", "one update is lost; the other %ld children go as they like", processes - 2);
    joined = 2;
    for (long i = 2; i < processes; i++)
        start_child(i, processes, child_without, NULL);
    join_all_well(processes);
    return get(0);
}

static void say_table(int early, int after_join)
{
    say("main", "end of the loop | after join | without the lock");
    say("main", "%15d | %10d | %ld or less", early, after_join, FIRST + processes - 1);
}

/* ---- A lock with an owner and a count -------------------------------------------------------- */

static int ann_acquires_twice(void *unused)
{
    (void)unused;
    actor_await_turn();
    say("ann", "acquires the lock, and once more: it is recursive");
    acquire();
    acquire();
    actor_end_turn();
    actor_await_turn();
    say("ann", "releases it once");
    release();
    actor_end_turn();
    actor_await_turn();
    say("ann", "releases it once more");
    release();
    return EXIT_SUCCESS;
}

static int bob_tries(void *unused)
{
    (void)unused;
    int error = pthread_mutex_trylock(&shared->lock);
    say("bob", "tries to acquire it: %s", answer(error));
    if (error == 0)
        release();
    return EXIT_SUCCESS;
}

static void run_alone(const char *name, int (*run)(void *argument))
{
    struct actor actor;
    actor_start(&actor, name, run, NULL);
    actor_join(&actor);
}

static void show_owner_and_count(void)
{
    struct actor ann;
    actor_start(&ann, "ann", ann_acquires_twice, NULL);
    for (int turn = 0; turn < 3; turn++) {
        actor_give_turn(&ann);
        run_alone("bob", bob_tries);
    }
    actor_join(&ann);
}

/* ---- The owner dies -------------------------------------------------------------------------- */

static bool bob_repairs;

/* One goes from temp[1] to temp[0]. The sum of all is always 110, but for the time between the two
 * halves, and there nobody can see it: that is what the lock is for. */
static int ann_moves_one(void *unused)
{
    (void)unused;
    actor_await_turn();
    say("ann", "acquires the lock and adds one to temp[0]: half of an update");
    acquire();
    set(0, get(0) + 1);
    actor_end_turn();
    actor_await_turn(); /* she is killed here */
    set(1, get(1) - 1);
    release();
    return EXIT_SUCCESS;
}

static void repair(void)
{
    say("bob", "undoes the half, and says so with pthread_mutex_consistent");
    set(0, get(0) - (sum() - SUM));
    pthread_mutex_consistent(&shared->lock);
}

static int bob_is_next(void *unused)
{
    (void)unused;
    actor_await_turn();
    say("bob", "waits for the lock");
    actor_end_turn();
    int error = acquire();
    say("bob", "has it, and an answer: %s; the sum is %d", answer(error), sum());
    if (error == EOWNERDEAD && bob_repairs)
        repair();
    else
        say("bob", "repairs nothing, and releases it");
    release();
    return EXIT_SUCCESS;
}

static int carol_comes_later(void *unused)
{
    (void)unused;
    int error = acquire();
    say("carol", "wants the lock: %s; the sum is %d", answer(error), sum());
    if (error == 0)
        release();
    return EXIT_SUCCESS;
}

/* Returns when bob waits for the lock, or is about to, and its owner is dead. */
static void kill_ann_while_bob_waits(struct actor *bob)
{
    struct actor ann;
    fill();
    say("main", "temp = {11, 22, 33, 44}: an update of two halves keeps the sum %d", SUM);
    actor_start(&ann, "ann", ann_moves_one, NULL);
    actor_give_turn(&ann);
    actor_start(bob, "bob", bob_is_next, NULL);
    actor_give_turn(bob);
    say("main", "kills ann with SIGKILL");
    actor_kill(&ann);
}

static void show_robust(void)
{
    struct actor bob;
    bob_repairs = true;
    kill_ann_while_bob_waits(&bob);
    actor_join(&bob);
    run_alone("carol", carol_comes_later);

    bob_repairs = false;
    kill_ann_while_bob_waits(&bob);
    actor_join(&bob);
    run_alone("carol", carol_comes_later);
    say("main", "nobody can have this lock again: makes it and temp anew");
    pthread_mutex_destroy(&shared->lock);
    make_lock(true);
    fill();
    run_alone("carol", carol_comes_later);
}

/* The limit is that of join. pthread_mutex_timedlock(3) has one too, but on CLOCK_REALTIME, which
 * is set now and then. */
static void show_not_robust(void)
{
    struct actor bob;
    kill_ann_while_bob_waits(&bob);
    bool ended = process_join(&bob.process, LIMIT_MS);
    say("main", "joins bob, %d ms at most: %s", LIMIT_MS, ended ? "he has ended" : "he waits");
    say("main", "kills bob: the owner is dead, and nobody tells him");
    actor_kill(&bob);
}

/* ---- --timing -------------------------------------------------------------------------------- */

/* Without the lock all read before one writes: so some are lost, also where there is one CPU. */
static void add_one_that_all_have_read(void)
{
    int value = get(0);
    sem_post(&shared->has_read);
    wait_for_main();
    set(0, value + 1);
}

static int add_a_share(void *process)
{
    long number = (struct process *)process - children;
    long share = increments / processes + (number < increments % processes);
    if (no_lock && share > 0) {
        add_one_that_all_have_read();
        share--;
    } else {
        wait_for_main();
    }
    while (share-- > 0)
        if (no_lock)
            add_one();
        else
            add_one_locked();
    return EXIT_SUCCESS;
}

static void time_increments(void)
{
    fill();
    say_mute(true);
    for (long i = 0; i < processes; i++)
        start_child(i, 0, add_a_share, &children[i]);
    for (long i = 0; no_lock && i < processes && i < increments; i++)
        wait_at(&shared->has_read);
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    open_gate(processes);
    join_children(processes);
    say_mute(false);
    say_timing(increments, "increments", start);
    long lost = FIRST + increments - get(0);
    say("main", "temp[0] = %d: %ld of %ld increments lost", get(0), lost, increments);
    join_all_well(processes); /* one that was killed has not added its share */
    if (lost != 0 && !no_lock)
        fail("increments were lost under the lock");
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void check_options(void)
{
    if (print_early + no_lock + not_robust > 1)
        args_refuse("--print-early, --no-lock, --not-robust: one at a time");
    if (print_early && timing)
        args_refuse("--print-early: nothing that --timing could measure");
    if (processes == 0)
        processes = timing ? USUAL_TIMING : USUAL;
    if (processes < AT_LEAST && !timing)
        args_refuse("--processes %ld: the demo wants %d at least", processes, AT_LEAST);
}

static void set_up(void)
{
    shared = shared_new(sizeof *shared);
    make_lock(!not_robust);
    make_gate(&shared->gate);
    make_gate(&shared->has_read);
    children = calloc((size_t)processes, sizeof *children);
    if (!children)
        die("calloc");
}

static void play_all(void)
{
    int early = start_them_all();
    int after_join = join_them_all();
    say("main", "prints: %ld ---> %d", processes - 1, after_join);
    add_without_the_lock();
    say_table(early, after_join);
    show_owner_and_count();
    show_robust();
}

static int demo(char **operands)
{
    (void)operands;
    check_options();
    set_up();
    if (timing) {
        time_increments();
    } else if (print_early) {
        start_them_all();
        join_them_all();
    } else if (no_lock) {
        say("main", "all are joined, and temp[0] is %d", add_without_the_lock());
    } else if (not_robust) {
        show_not_robust();
    } else {
        play_all();
    }
    free(children);
    shared_free(shared, sizeof *shared);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {0},
    };
    static const struct option_spec options[] = {
        {"processes", "N", "children; 0: 5000, --timing: 4", .number = &processes, .max = 100000},
        {"print-early", NULL, "print before the children are joined", .flag = &print_early},
        {"no-lock", NULL, "let the children add without the lock", .flag = &no_lock},
        {"not-robust", NULL, "a lock that does not tell that its owner died", .flag = &not_robust},
        {"timing", NULL, "measure locked increments, with no narration", .flag = &timing},
        {"ops", "N", "increments to make", .number = &increments, .min = 1, .max = 1000000000},
        {0},
    };
    static const struct program program = {
        "5,000 processes add one, and the owner of a lock may die.", commands, options};
    return args_run(argc, argv, &program);
}
