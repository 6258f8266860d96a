/* 18d_thread_pool: a few threads take one task after another out of a buffer
 *
 * Predict  Two threads, a buffer with room for two, five tasks. Both threads are at work, and two
 *          tasks wait. What does main do with the fifth? main closes the pool while three tasks are
 *          not done: what becomes of them?
 * Run      build/18d_thread_pool
 * Watch    main waits until there is room: there are never more than two tasks at work and two that
 *          wait. After the close, what was handed in is done, and then the threads end.
 * Before   18c_bounded_buffer; 10_thread_server has a thread for each client
 * After    24a_process_pool
 * Python   concurrent.futures.ThreadPoolExecutor(max_workers=2): submit, shutdown
 */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { WORKERS = 2, ROOM = 2, TASKS = 5, MANY = 10000 };

/* ---- The pool -------------------------------------------------------------------------------- */

struct task {
    void (*run)(int number);
    int number;
};

static struct pool {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t not_empty, not_full;
    struct task tasks[ROOM];
    int first, count;
    bool closed;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .not_empty = PTHREAD_COND_INITIALIZER,
          .not_full = PTHREAD_COND_INITIALIZER};

/* Waits while the buffer is full: whoever hands in faster than the pool works is slowed down. */
static void submit(struct task task)
{
    pthread_mutex_lock(&pool.lock);
    while (pool.count == ROOM) {
        say("main", "the pool is busy, and the buffer is full: waits");
        gate_step();
        pthread_cond_wait(&pool.not_full, &pool.lock);
    }
    say("main", "hands in task %d", task.number);
    pool.tasks[(pool.first + pool.count) % ROOM] = task;
    pool.count++;
    pthread_mutex_unlock(&pool.lock);
    pthread_cond_signal(&pool.not_empty);
}

/* Takes a task; false: there is none, and none will come. */
static bool take(struct task *task)
{
    pthread_mutex_lock(&pool.lock);
    while (pool.count == 0 && !pool.closed)
        pthread_cond_wait(&pool.not_empty, &pool.lock);
    bool there_is_one = pool.count > 0;
    if (there_is_one) {
        *task = pool.tasks[pool.first];
        say(thread_name(), "takes task %d", task->number);
        pool.first = (pool.first + 1) % ROOM;
        pool.count--;
    }
    pthread_mutex_unlock(&pool.lock);
    pthread_cond_signal(&pool.not_full);
    return there_is_one;
}

static void work(void *unused)
{
    struct task task;
    (void)unused;
    while (take(&task))
        task.run(task.number);
    say(thread_name(), "the pool is closed, and nothing is left: ends");
}

static struct thread workers[WORKERS];

static void start_pool(void (*const run[WORKERS])(void *))
{
    static const char *const names[WORKERS] = {"ann", "bob"};
    for (int i = 0; i < WORKERS; i++) {
        thread_init(&workers[i], names[i], run[i], NULL);
        if (!thread_start(&workers[i]))
            die("pthread_create");
    }
}

/* No more tasks. Those that wait are done first. Every worker has to learn of it, so all are woken.
 * ThreadPoolExecutor.shutdown */
static void shut_down(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.closed = true;
    pthread_mutex_unlock(&pool.lock);
    pthread_cond_broadcast(&pool.not_empty);
    gate_step(); /* in the scene, nobody goes on before it is closed */
    for (int i = 0; i < WORKERS; i++)
        thread_join(&workers[i], -1);
}

/* ---- The scene ------------------------------------------------------------------------------- */

enum {
    ANN_HAS_1 = 1,
    BOB_HAS_2,
    MAIN_WAITS,
    ANN_HAS_3,
    CLOSED,
    BOB_HAS_4,
    BOB_HAS_5,
    BOB_HAS_ENDED
};

static atomic_int done;
/* A task takes until the gate is there, and each one that begins is a step. */
static void play_task(int number)
{
    static const int ends[] = {0, MAIN_WAITS, CLOSED, BOB_HAS_ENDED, BOB_HAS_4, BOB_HAS_5};
    gate_step();
    gate_wait(ends[number]);
    say(thread_name(), "has done task %d", number);
    done++;
}

static void work_second(void *unused)
{
    gate_wait(ANN_HAS_1); /* so it is clear which of the two takes it */
    work(unused);
    gate_step();
}

static int demo(char **operands)
{
    void (*const run[WORKERS])(void *) = {work, work_second};
    (void)operands;
    gate_make();
    start_pool(run);
    for (int i = 1; i <= TASKS; i++) {
        submit((struct task){play_task, i});
        if (i <= WORKERS)
            gate_wait(i); /* until it has been taken */
    }
    gate_wait(ANN_HAS_3);
    say("main", "closes the pool: three tasks are not done yet");
    shut_down();
    say("main", "%d tasks are done, by %d threads", done, WORKERS);
    return EXIT_SUCCESS;
}

/* ---- Many tasks ------------------------------------------------------------------------------ */

static atomic_int at_work, most_at_work;

static void count_task(int number)
{
    int now = atomic_fetch_add(&at_work, 1) + 1;
    (void)number;
    if (now > most_at_work)
        most_at_work = now;
    done++;
    at_work--;
}

static int many(char **operands)
{
    void (*const run[WORKERS])(void *) = {work, work};
    (void)operands;
    gate_make();
    say_mute(true);
    start_pool(run);
    for (int i = 1; i <= MANY; i++)
        submit((struct task){count_task, i});
    shut_down();
    say_mute(false);
    say("main", "%d of %d tasks are done, %s", done, MANY,
        most_at_work <= WORKERS ? "never more than two at once" : "too many at once");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "five tasks for two threads", demo},
        {"many", "", "ten thousand tasks for two threads", many},
        {0},
    };
    static const struct option_spec options[] = {{0}};
    static const struct program program = {
        "A few threads take one task after another out of a buffer.", commands, options};
    return args_run(argc, argv, &program);
}
