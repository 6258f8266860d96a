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
#include "stage/say.h"
#include "stage/turns.h"
#include "threads/thread.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TEN = 10, WAIT_MS = 10 };

/* Each read and each write of an atomic is one step; of a plain long, two at once would be a data
 * race, which is undefined behaviour. Under the lock, a plain long is enough. */
static atomic_long number;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Starts count threads at once, the first two of them as ann and bob, and joins them all. */
static void run_together(int count, void (*run)(void *))
{
    static const char *const names[TEN] = {"ann", "bob"};
    struct thread threads[TEN];
    number = 0;
    for (int i = 0; i < count; i++)
        thread_init(&threads[i], names[i], run, NULL);
    thread_run_all(threads, count);
}

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

static void add_wait_print(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    number = number + 1;
    poll(NULL, 0, WAIT_MS); /* a second in the post */
    say("thread", "prints %ld", (long)number);
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
        {"post", "", "the posts' ten threads: add one, wait, print", post},
        {0},
    };
    static const struct program program = {
        .idea = "Two threads add one to a number, and one addition is lost.",
        .commands = commands,
    };
    return args_run(argc, argv, &program);
}
