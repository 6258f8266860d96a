/* 17_locks: who changes what others change must have it alone
 *
 * Predict  ann and bob each add one to a number that is 0. ann has read it and not yet written when
 *          bob reads it. What is the number when both are done?
 * Run      build/17_locks
 * Watch    one and one make one, every time; then what a lock is made of: an owner, a count and a
 *          wait in a loop; then two who wait for each other, and how to find them out.
 * Before   16_threads
 * After    18_events, 22_process_lock
 * Python   threading.Lock, threading.RLock, and the posts' ten threads that print 1 to 10
 */
#include "stage/args.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POSTS_THREADS = 10, MAX_WRITERS = 5 };

static long thread_count = 4, increments = 100000;
static long unit_ms = 10, limit_ms = 20, writer_count = 2;
static bool no_lock, pthreads_lock, timing;

static void must(int error, const char *what)
{
    errno = error; /* the functions of pthreads return the error and leave errno alone */
    if (error != 0)
        die("%s", what);
}

/* ---- A gate: whose turn it is ---------------------------------------------------------------- */

/* A count that only grows. Who must not be early waits for it; so the scenes below are the same
 * each time. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static long gate;
static bool called_off;

static void gate_step(void)
{
    pthread_mutex_lock(&gate_lock);
    gate++;
    pthread_cond_broadcast(&gate_moved); /* to all: each may wait for another count */
    pthread_mutex_unlock(&gate_lock);
}

/* Returns false when the scene is called off. */
static bool gate_wait(long count)
{
    pthread_mutex_lock(&gate_lock);
    while (gate < count && !called_off)
        pthread_cond_wait(&gate_moved, &gate_lock);
    bool goes_on = !called_off;
    pthread_mutex_unlock(&gate_lock);
    return goes_on;
}

/* All have been started when the first may act: the gate opens at 1. */
static void play_together(struct thread *threads, long count)
{
    gate = 0;
    long started = 0;
    while (started < count && thread_start(&threads[started]))
        started++;
    int error = started < count ? errno : 0;
    pthread_mutex_lock(&gate_lock);
    called_off = error != 0;
    pthread_mutex_unlock(&gate_lock);
    gate_step();
    for (long i = 0; i < started; i++)
        thread_join(&threads[i], -1);
    must(error, "pthread_create");
}

static long first = 1, second = 2; /* turns at the gate */

static void play_ann_and_bob(void (*play)(void *turn))
{
    struct thread threads[2];
    thread_init(&threads[0], "ann", play, &first);
    thread_init(&threads[1], "bob", play, &second);
    play_together(threads, 2);
}

static void play_crowd(long count, void (*play)(void *))
{
    struct thread *crowd = calloc((size_t)count, sizeof *crowd);
    if (!crowd)
        die("calloc");
    for (long i = 0; i < count; i++)
        thread_init(&crowd[i], NULL, play, NULL);
    play_together(crowd, count);
    free(crowd);
}

/* ---- The lost update ------------------------------------------------------------------------- */

/* Two threads that use a plain long at the same time, one of them to write: a data race, and C says
 * nothing about what happens then. An atomic that is read and written in two steps is defined, and
 * loses updates all the same. */
static atomic_long number;

static long read_number(void)
{
    return atomic_load_explicit(&number, memory_order_relaxed);
}

static void write_number(long value)
{
    atomic_store_explicit(&number, value, memory_order_relaxed);
}

static void add_one(void *argument)
{
    long turn = *(long *)argument;
    if (!gate_wait(turn))
        return;
    long seen = read_number();
    say(thread_name(), "reads %ld", seen);
    gate_step();
    gate_wait(turn + 2); /* the other one has had a turn */
    say(thread_name(), "writes %ld", seen + 1);
    write_number(seen + 1);
    gate_step();
}

static void two_add_one(void)
{
    say("main", "---- two threads add one ----");
    play_ann_and_bob(add_one);
    say("main", "one and one make %ld", read_number());
}

/* ---- A recursive lock by hand: threading.RLock ----------------------------------------------- */

struct rlock {
    const char *name;
    pthread_mutex_t mutex; /* guards what follows, for a moment only */
    pthread_cond_t released;
    pthread_t owner;        /* means something while count > 0; so does its name */
    const char *owner_name; /* lives as long as the owner */
    long count;
    long waiting, woken;    /* threads that wait now; returns from the wait so far */
    pthread_cond_t watched; /* one of these two has changed: for the scenes below */
};

static void rlock_init(struct rlock *lock, const char *name)
{
    *lock = (struct rlock){.name = name};
    pthread_mutex_init(&lock->mutex, NULL);
    deadline_cond_init(&lock->released);
    pthread_cond_init(&lock->watched, NULL);
}

/* Called with the mutex held. */
static bool take_if_free(struct rlock *lock)
{
    if (lock->count > 0 && !pthread_equal(lock->owner, pthread_self()))
        return false;
    if (lock->count++ == 0) {
        lock->owner = pthread_self();
        lock->owner_name = thread_name();
    }
    return true;
}

static int rlock_try(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    bool taken = take_if_free(lock);
    pthread_mutex_unlock(&lock->mutex);
    return taken ? 0 : EBUSY;
}

/* Between the signal and the return of the wait somebody else may have taken the lock, and the wait
 * may return without any signal: pthread_cond_wait(3). So: a loop. */
static bool wait_and_take(struct rlock *lock, struct deadline deadline)
{
    bool taken, in_time = true;
    pthread_mutex_lock(&lock->mutex);
    while (!(taken = take_if_free(lock)) && in_time) {
        lock->waiting++;
        pthread_cond_broadcast(&lock->watched);
        in_time = deadline_cond_wait(&lock->released, &lock->mutex, deadline);
        lock->waiting--;
        lock->woken++;
    }
    pthread_cond_broadcast(&lock->watched);
    pthread_mutex_unlock(&lock->mutex);
    return taken;
}

static bool begin_to_wait(struct rlock *lock);
static void end_to_wait(void);

/* Waits ms at most; -1: without limit. Returns 0, EBUSY (0 ms), ETIMEDOUT, or EDEADLK when it would
 * wait for ever, and says for whom. RLock.acquire */
static int rlock_acquire(struct rlock *lock, long ms)
{
    int error = rlock_try(lock);
    if (error == 0 || ms == 0)
        return error;
    if (ms > 0)
        return wait_and_take(lock, deadline_in(ms)) ? 0 : ETIMEDOUT;
    if (!begin_to_wait(lock))
        return EDEADLK;
    wait_and_take(lock, deadline_in(-1));
    end_to_wait();
    return 0;
}

/* Returns EPERM when the caller is not the owner. RLock.release */
static int rlock_release(struct rlock *lock)
{
    int error = EPERM;
    pthread_mutex_lock(&lock->mutex);
    if (lock->count > 0 && pthread_equal(lock->owner, pthread_self())) {
        error = 0;
        if (--lock->count == 0 && lock->waiting > 0)
            pthread_cond_signal(&lock->released);
    }
    pthread_mutex_unlock(&lock->mutex);
    return error;
}

/* ---- Who waits for whom ---------------------------------------------------------------------- */

/* A wait of each thread that waits without limit. (Who waits with a limit gives up by itself.) */
struct wait {
    pthread_t thread;
    const char *name;
    struct rlock *lock;
    struct wait *next;
};

static _Thread_local struct wait mine;
static struct wait *waits;
static pthread_mutex_t waits_lock = PTHREAD_MUTEX_INITIALIZER;

/* The wait of the thread that has the lock; NULL: it does not wait. */
static struct wait *wait_of_owner(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    struct wait *wait = lock->count > 0 ? waits : NULL;
    while (wait && !pthread_equal(wait->thread, lock->owner))
        wait = wait->next;
    pthread_mutex_unlock(&lock->mutex);
    return wait && wait->lock != lock ? wait : NULL; /* it has got what it waited for just now */
}

static void remove_mine(void)
{
    struct wait **link = &waits;
    while (*link != &mine)
        link = &(*link)->next;
    *link = mine.next;
}

/* From the wait to the lock's owner, to its wait, and so on: the end is somebody who does not wait,
 * or it is we. The last wait closes a circle, so each looks once, before it waits. */
static bool closes_a_circle(void)
{
    struct wait *wait = wait_of_owner(mine.lock);
    while (wait && wait != &mine)
        wait = wait_of_owner(wait->lock);
    return wait == &mine;
}

static void name_the_circle(void)
{
    struct wait *wait = &mine;
    do {
        say(mine.name, "EDEADLK: %s waits for the %s, which %s has", wait->name, wait->lock->name,
            wait->lock->owner_name);
        wait = wait_of_owner(wait->lock);
    } while (wait != &mine);
}

static bool begin_to_wait(struct rlock *lock)
{
    pthread_mutex_lock(&waits_lock);
    mine = (struct wait){pthread_self(), thread_name(), lock, waits};
    waits = &mine;
    bool is_circle = closes_a_circle();
    if (is_circle) {
        name_the_circle();
        remove_mine();
    }
    pthread_mutex_unlock(&waits_lock);
    return !is_circle;
}

static void end_to_wait(void)
{
    pthread_mutex_lock(&waits_lock);
    remove_mine();
    pthread_mutex_unlock(&waits_lock);
}

/* ---- The same answers as PTHREAD_MUTEX_RECURSIVE --------------------------------------------- */

static const char *const thing_names[MAX_WRITERS] = {"pen", "paper", "ruler", "ink", "stamp"};
static struct rlock lock_by_hand, things[MAX_WRITERS]; /* the things are for the deadlock below */
static pthread_mutex_t lock_of_pthreads;

static void init_locks(void)
{
    rlock_init(&lock_by_hand, "lock");
    for (int i = 0; i < MAX_WRITERS; i++)
        rlock_init(&things[i], thing_names[i]);
    pthread_mutexattr_t attributes;
    must(pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
    must(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE),
         "PTHREAD_MUTEX_RECURSIVE");
    must(pthread_mutex_init(&lock_of_pthreads, &attributes), "pthread_mutex_init");
    pthread_mutexattr_destroy(&attributes);
}

static int acquire(long ms)
{
    if (no_lock)
        return 0;
    if (!pthreads_lock)
        return rlock_acquire(&lock_by_hand, ms);
    if (ms < 0)
        return pthread_mutex_lock(&lock_of_pthreads);
    if (ms == 0)
        return pthread_mutex_trylock(&lock_of_pthreads);
    struct timespec until; /* of the wall clock, it knows no other: who sets it, sets the limit */
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (until.tv_nsec / 1000000 + ms) / 1000;
    until.tv_nsec = (until.tv_nsec + ms % 1000 * 1000000) % 1000000000;
    return pthread_mutex_timedlock(&lock_of_pthreads, &until);
}

static int release(void)
{
    if (no_lock)
        return 0;
    return pthreads_lock ? pthread_mutex_unlock(&lock_of_pthreads) : rlock_release(&lock_by_hand);
}

/* ACQUIRE and TRY are also what acquire takes for a limit. */
enum operation { RELEASE = -2, ACQUIRE = -1, TRY = 0, ACQUIRE_IN_TIME = 1 };

static const struct step {
    const char *who, *what;
    enum operation operation;
} steps[] = {
    {"ann", "acquires", ACQUIRE}, {"ann", "acquires again", ACQUIRE},
    {"bob", "tries", TRY},        {"bob", "waits, with a limit", ACQUIRE_IN_TIME},
    {"bob", "releases", RELEASE}, {"ann", "releases", RELEASE},
    {"bob", "tries", TRY},        {"ann", "releases", RELEASE},
    {"ann", "releases", RELEASE}, {"bob", "tries", TRY},
    {"bob", "releases", RELEASE},
};
enum { STEPS = sizeof steps / sizeof *steps };

static int answers[2][STEPS];  /* 0 or an error: by hand, of pthreads */
static char owners[STEPS][32]; /* of the one by hand, after the step */

static void take_steps(void *unused)
{
    (void)unused;
    if (!gate_wait(1))
        return;
    for (int i = 0; i < STEPS; i++) {
        if (strcmp(steps[i].who, thread_name()) != 0)
            continue;
        gate_wait(1 + i);
        enum operation what = steps[i].operation;
        answers[pthreads_lock][i] =
            what == RELEASE ? release() : acquire(what == ACQUIRE_IN_TIME ? limit_ms : what);
        if (lock_by_hand.count == 0)
            snprintf(owners[i], sizeof owners[i], "nobody");
        else
            snprintf(owners[i], sizeof owners[i], "%s, %ld", lock_by_hand.owner_name,
                     lock_by_hand.count);
        gate_step();
    }
}

static const char *answer(int error)
{
    return error == 0           ? "yes"
           : error == EBUSY     ? "EBUSY"
           : error == ETIMEDOUT ? "ETIMEDOUT"
           : error == EPERM     ? "EPERM"
                                : strerror(error);
}

static void compare_locks(void)
{
    bool asked = pthreads_lock;
    say("main", "---- a recursive lock, by hand and as PTHREAD_MUTEX_RECURSIVE ----");
    pthreads_lock = true;
    play_ann_and_bob(take_steps);
    pthreads_lock = false; /* by hand at last: so the owners that stay are those by hand */
    play_ann_and_bob(take_steps);
    pthreads_lock = asked;
    say("main", "%-26s %-11s %-14s %s", "", "by hand", "owner, count", "of pthreads");
    for (int i = 0; i < STEPS; i++)
        say("main", "%-3s %-22s %-11s %-14s %s", steps[i].who, steps[i].what, answer(answers[0][i]),
            owners[i], answer(answers[1][i]));
}

/* ---- The wait is a loop ---------------------------------------------------------------------- */

/* Returns when somebody waits for the lock, and is not only about to. */
static void await_waiter(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    while (lock->waiting == 0)
        pthread_cond_wait(&lock->watched, &lock->mutex);
    pthread_mutex_unlock(&lock->mutex);
}

static void add_one_under_the_lock(void *argument)
{
    long turn = *(long *)argument;
    if (!gate_wait(turn))
        return;
    say(thread_name(), "wants the lock");
    must(rlock_acquire(&lock_by_hand, -1), "acquire");
    long seen = read_number();
    say(thread_name(), "has the lock, and reads %ld", seen);
    gate_step();
    gate_wait(3);
    say(thread_name(), "writes %ld, and releases the lock", seen + 1);
    write_number(seen + 1);
    must(rlock_release(&lock_by_hand), "release");
}

static void wake_bob(void *unused)
{
    (void)unused;
    struct rlock *lock = &lock_by_hand;
    if (!gate_wait(2))
        return;
    await_waiter(lock);
    say(thread_name(), "wakes bob, though ann has the lock");
    pthread_mutex_lock(&lock->mutex);
    long before = lock->woken;
    pthread_cond_broadcast(&lock->released);
    while (lock->woken == before)
        pthread_cond_wait(&lock->watched, &lock->mutex);
    bool waits_on = lock->waiting == 1;
    pthread_mutex_unlock(&lock->mutex);
    say(thread_name(), waits_on ? "bob has looked, and waits on" : "bob takes what ann has");
    gate_step();
}

static void two_add_one_under_the_lock(void)
{
    struct thread threads[3];
    thread_init(&threads[0], "ann", add_one_under_the_lock, &first);
    thread_init(&threads[1], "bob", add_one_under_the_lock, &second);
    thread_init(&threads[2], "carl", wake_bob, NULL);
    say("main", "---- two threads add one, under the lock ----");
    write_number(0);
    play_together(threads, 3);
    say("main", "one and one make %ld", read_number());
}

/* ---- The posts' program ---------------------------------------------------------------------- */

/* Without the lock, all have added when the first prints: here the gate sees to it, in the post a
 * second of sleep. */
static void add_wait_print(void *unused)
{
    (void)unused;
    if (!gate_wait(1))
        return;
    must(acquire(-1), "acquire");
    atomic_fetch_add(&number, 1);
    if (no_lock) {
        gate_step();
        gate_wait(1 + POSTS_THREADS);
    }
    poll(NULL, 0, (int)unit_ms);
    say("thread", "prints %ld", read_number());
    must(release(), "release");
}

static void play_the_post(void)
{
    say("main", "---- the post, %s a lock: ten add one, wait %ld ms, print ----",
        no_lock ? "without" : "with", unit_ms);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    write_number(0);
    play_crowd(POSTS_THREADS, add_wait_print);
    clock_gettime(CLOCK_MONOTONIC, &end);
    say("main", "all ten took %ld ms",
        (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
}

/* ---- Brute force ----------------------------------------------------------------------------- */

/* Without the lock all read 0 before the first writes 1: all of these updates but one are lost for
 * certain, and as many more as luck will have it. */
static void add_many(void *unused)
{
    (void)unused;
    if (!gate_wait(1))
        return;
    for (long i = 0; i < increments; i++) {
        must(acquire(-1), "acquire");
        long seen = read_number();
        if (no_lock && i == 0) {
            gate_step();
            gate_wait(1 + thread_count);
        }
        write_number(seen + 1);
        must(release(), "release");
    }
}

static long add_by_force(void)
{
    write_number(0);
    play_crowd(thread_count, add_many);
    return read_number();
}

static void compare_force(void)
{
    long long total = (long long)thread_count * increments;
    bool asked = no_lock;
    say("main", "---- brute force: %ld threads add one %ld times each ----", thread_count,
        increments);
    no_lock = true;
    say("main", "without a lock: %s %lld", add_by_force() < total ? "less than" : "all", total);
    no_lock = asked;
    if (!no_lock)
        say("main", "with a lock: %ld", add_by_force());
}

static int time_increments(void)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    long sum = add_by_force(), total = thread_count * increments;
    say_timing(total, "increments", start);
    say("main", "%ld of %ld: %ld lost", sum, total, total - sum);
    return EXIT_SUCCESS;
}

/* ---- A deadlock ------------------------------------------------------------------------------ */

/* Each writer needs two things, its own and its neighbour's. With two writers: two locks, taken in
 * opposite order. */
struct writer {
    long number;
    struct rlock *one, *other;
};

static const char *const writer_names[MAX_WRITERS] = {"ann", "bob", "carl", "dora", "eve"};
static bool in_order;

static void write_letter(void *argument)
{
    struct writer *me = argument;
    bool is_last = me->number == writer_count - 1;
    bool is_late = in_order && is_last; /* what it has to take first is taken */
    if (!gate_wait(1 + me->number))
        return;
    say(thread_name(), is_late ? "wants the %s first, and waits" : "takes the %s", me->one->name);
    must(rlock_acquire(me->one, -1), "acquire");
    gate_step();
    gate_wait(in_order ? writer_count : 1 + writer_count);
    if (in_order ? !is_last : me->number > 0)
        await_waiter(me->one); /* the neighbour's turn was before */
    say(thread_name(), "wants the %s", me->other->name);
    if (rlock_acquire(me->other, -1) == 0) {
        say(thread_name(), "has the %s and the %s: writes", me->one->name, me->other->name);
        must(rlock_release(me->other), "release");
    } else {
        say(thread_name(), "puts the %s down", me->one->name);
    }
    must(rlock_release(me->one), "release");
}

static void play_writers(const char *title)
{
    struct writer writers[MAX_WRITERS];
    struct thread threads[MAX_WRITERS];
    for (long i = 0; i < writer_count; i++) {
        writers[i] = (struct writer){i, &things[i], &things[(i + 1) % writer_count]};
        if (in_order && i == writer_count - 1)
            writers[i] = (struct writer){i, &things[0], &things[i]};
        thread_init(&threads[i], writer_names[i], write_letter, &writers[i]);
    }
    say("main", "---- %s ----", title);
    play_together(threads, writer_count);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int demo(char **operands)
{
    (void)operands;
    init_locks();
    if (timing)
        return time_increments();
    two_add_one();
    if (!no_lock) {
        compare_locks();
        two_add_one_under_the_lock();
    }
    play_the_post();
    compare_force();
    if (!no_lock) {
        play_writers("a deadlock: each has what the other wants");
        in_order = true;
        play_writers("the cure: all take things in one order");
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {0},
    };
    static const struct option_spec options[] = {
        {"no-lock", NULL, "the same without a lock", .flag = &no_lock},
        {"threads", "N", "threads that add by brute force", .number = &thread_count, .min = 1,
         .max = 1000},
        {"increments", "N", "how often each adds one", .number = &increments, .min = 1,
         .max = 10000000},
        {"unit", "MS", "how long the post's threads wait", .number = &unit_ms, .max = 1000},
        {"limit", "MS", "how long bob waits for the lock", .number = &limit_ms, .min = 1,
         .max = 10000},
        {"writers", "N", "threads that wait in a circle", .number = &writer_count, .min = 2,
         .max = MAX_WRITERS},
        {"timing", NULL, "measure the increments, with no narration", .flag = &timing},
        {"pthreads", NULL, "use PTHREAD_MUTEX_RECURSIVE in place of the lock by hand",
         .flag = &pthreads_lock},
        {0},
    };
    static const struct program program = {"Who changes what others change must have it alone.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
