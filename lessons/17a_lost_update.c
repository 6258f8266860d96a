/* 17a_lost_update: two threads add one to a number, and one addition is lost
 *
 * Predict  number is 0. ann and bob each add one to it: read, add, write. bob reads it after ann
 *          has read it, and before she writes. What is the number when both are done?
 * Run      build/17a_lost_update
 * Watch    one and one make 1, every time. Under the lock, bob reads only after ann has written.
 * Before   16a_threads
 * After    17b_recursive_lock; 21c_compound_update loses one between processes
 * Python   threading.Lock; the posts' ten threads that print 1 to 10: build/17a_lost_update post
 */
#include "stage/args.h"
#include "stage/choose.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "stage/turns.h"
#include "threads/thread.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TEN = 10, WAIT_MS = 10, FOUR = 4, ADDITIONS = 100000 };

/* Each read and each write of an atomic is indivisible, so only the addition as a whole can go
 * wrong here. With a plain long, two threads at once would be a data race, which is undefined
 * behaviour. Under the lock, a plain long is enough. */
static atomic_long number;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Starts count threads at once, the first two of them as ann and bob, and joins them all. */
static void run_together(int count, void (*run)(void *))
{
    static const char *const names[TEN] = {"ann", "bob"};
    struct thread threads[TEN];
    number = 0;
    gate_make();
    for (int i = 0; i < count; i++)
        thread_init(&threads[i], names[i], run, NULL);
    thread_run_all(threads, count);
}

/* ---- An update is lost ----------------------------------------------------------------------- */

static void add_one(void *unused)
{
    (void)unused;
    turn_take(thread_name(), "reads");
    long seen = number;
    say(thread_name(), "reads %ld", seen);
    turn_take(thread_name(), "writes %ld", seen + 1);
    say(thread_name(), "writes %ld", seen + 1);
    number = seen + 1;
}

/* ---- The cure: lock, add, unlock ------------------------------------------------------------- */

/* Between lock and unlock, no other thread can be here. */
static void add_one_locked(void *unused)
{
    (void)unused;
    turn_lock(thread_name(), "lock", &lock);
    pthread_mutex_lock(&lock);
    long seen = number;
    say(thread_name(), "has the lock, reads %ld", seen);
    turn_take(thread_name(), "writes %ld, unlocks", seen + 1);
    say(thread_name(), "writes %ld, unlocks", seen + 1);
    number = seen + 1;
    turn_unlock("lock");
    pthread_mutex_unlock(&lock);
}

/* ---- The other cure: an indivisible addition ------------------------------------------------- */

static void add_one_at_once(void *unused)
{
    (void)unused;
    atomic_fetch_add(&number, 1);
}

/* ann and bob take turns. With CHOOSE=1 the class says whose turn it is, and true means that it
 * wants to see the scene again. */
static bool play(void (*run)(void *), const char *how, int orders)
{
    turns_add("ann");
    turns_add("bob");
    run_together(2, run);
    say("main", "%s: one and one make %ld", how, (long)number);
    if (number == 1)
        return choose_again(orders, "an update is lost", "can you make 2?");
    return choose_again(orders, "none is lost", "can you make 1?");
}

static int demo(char **operands)
{
    (void)operands;
    while (play(add_one, "read, then write", 6))
        continue;
    while (play(add_one_locked, "lock, add, unlock", 4))
        continue;
    run_together(2, add_one_at_once);
    say("main", "an atomic addition: one and one make %ld", (long)number);
    return EXIT_SUCCESS;
}

/* ---- 400,000 additions ----------------------------------------------------------------------- */

/* All four have read 0 before the first writes 1, so three additions are lost for certain. */
static void add_many(void *unused)
{
    (void)unused;
    long seen = number;
    gate_step();
    gate_wait(FOUR);
    number = seen + 1;
    for (int i = 1; i < ADDITIONS; i++)
        number = number + 1;
}

static void add_many_locked(void *unused)
{
    (void)unused;
    for (int i = 0; i < ADDITIONS; i++) {
        pthread_mutex_lock(&lock);
        number = number + 1;
        pthread_mutex_unlock(&lock);
    }
}

static int many(char **operands)
{
    (void)operands;
    run_together(FOUR, add_many);
    say("main", "read, then write: %s", number < FOUR * ADDITIONS ? "some are lost" : "all there");
    run_together(FOUR, add_many_locked);
    say("main", "lock, add, unlock: %ld", (long)number);
    return EXIT_SUCCESS;
}

/* ---- The posts' ten threads ------------------------------------------------------------------ */

static bool no_lock;

static void add_wait_print(void *unused)
{
    (void)unused;
    if (!no_lock)
        pthread_mutex_lock(&lock);
    atomic_fetch_add(&number, 1); /* none is lost: without the lock, only the printing goes wrong */
    gate_step();
    if (no_lock)
        gate_wait(TEN); /* in the post, a second of sleep lets all ten add before one prints */
    poll(NULL, 0, WAIT_MS);
    say("thread", "prints %ld", (long)number);
    if (!no_lock)
        pthread_mutex_unlock(&lock);
}

static int post(char **operands)
{
    (void)operands;
    run_together(TEN, add_wait_print);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "ann and bob each add one", demo},
        {"many", "", "four threads add one 100,000 times each", many},
        {"post", "", "the posts' ten threads: add one, wait, print", post},
        {0},
    };
    static const struct option_spec options[] = {
        {"no-lock", NULL, "post: the same without the lock", .flag = &no_lock},
        {0},
    };
    static const struct program program = {
        "Two threads add one to a number, and one addition is lost.", commands, options};
    return args_run(argc, argv, &program);
}
