/* costs: what the modules of lessons 16, 19, 21, 23 and 24 cost, and the lock of lesson 17 and the
 * event of lesson 18, in one line of timing.
 *
 *   costs thread [1 [OPS]]          started and joined, one by one (common/threads/thread.h)
 *   costs lock [1 [OPS]]            increments under a PTHREAD_MUTEX_RECURSIVE, in one thread
 *   costs event [1 [OPS]]           round trips between two threads, each woken by an event
 *   costs process [PROCESSES [OPS]] so many are started, then joined (common/processes/process.h)
 *   costs array [PROCESSES [OPS]]   locked increments of one item (common/processes/array.h);
 *                                   with 4, the lock of lesson 22b
 *   costs dict [PROCESSES [OPS]]    gets and sets, each of its own key (common/processes/dict.h)
 *   costs apply [PROCESSES [OPS]]   tasks of a pool, one after the other (common/processes/pool.h)
 *   costs async [PROCESSES [OPS]]   tasks that are handed over at once
 *   costs map1 [PROCESSES [OPS]]    numbers of a map in chunks of one
 *   costs map [PROCESSES [OPS]]     numbers of a map in chunks as Python makes them
 *
 * OPS is for all processes together. If a status or an increment is lost, or a get does not find
 * what was set, the program fails. For make bench, and for tests that want
 * many processes at once.
 */
#include "processes/array.h"
#include "processes/manager.h"
#include "processes/pool.h"
#include "processes/process.h"
#include "processes/shared.h"
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "threads/thread.h"
#include "timing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSES = 1000, MOST_OPS = 1000000000 };

static long processes = 1, ops; /* of all processes */
static int ready[2], go[2];

/* ---- Processes that begin together ----------------------------------------------------------- */

/* Waits for a byte in the pipe; false when all who could write one have closed it. */
static bool await_byte(int fd)
{
    char byte;
    return read(fd, &byte, 1) == 1;
}

static void await_start(void)
{
    close(go[1]);
    if (write(ready[1], "", 1) != 1)
        die("write");
    close(ready[1]);   /* else main would wait for one that has failed */
    await_byte(go[0]); /* until main closes its end */
}

/* Each calls await_start when it is ready. Says how long they took. */
static void time_processes(int (*run)(void *argument), const char *things)
{
    struct process each[MOST_PROCESSES] = {0};
    struct timespec start;
    if (pipe(ready) < 0 || pipe(go) < 0)
        die("pipe");
    for (int i = 0; i < processes; i++)
        if (!process_start(&each[i], "process", run, &i))
            die("fork");
    close(ready[1]);
    for (int i = 0; i < processes; i++)
        if (!await_byte(ready[0]))
            exit(EXIT_FAILURE); /* it has said why */
    clock_gettime(CLOCK_MONOTONIC, &start);
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < processes; i++) {
        process_join(&each[i], -1);
        if (process_exitcode(&each[i]) != EXIT_SUCCESS)
            fail("process %d has ended with %d", i, process_exitcode(&each[i]));
    }
    say_mute(false);
    say_timing(ops / processes * processes, things, start);
}

/* ---- Lesson 16a ------------------------------------------------------------------------------ */

static void count_run(void *argument)
{
    ++*(long *)argument;
}

static void time_threads(void)
{
    struct timespec start;
    long runs = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < ops; i++) {
        struct thread thread;
        thread_init(&thread, NULL, count_run, &runs);
        if (!thread_start(&thread))
            die("pthread_create");
        thread_join(&thread, -1);
    }
    say_timing(runs, "threads", start);
}

/* ---- Lesson 17b ------------------------------------------------------------------------------ */

static void time_lock(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t lock;
    struct timespec start;
    volatile long number = 0;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &attributes);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < ops; i++) {
        pthread_mutex_lock(&lock);
        number = number + 1;
        pthread_mutex_unlock(&lock);
    }
    say_timing(number, "increments", start);
}

/* ---- Lesson 18a ------------------------------------------------------------------------------ */

struct event {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_set;
    unsigned long sets;
};

static void event_set(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->is_set = true;
    event->sets++;
    pthread_mutex_unlock(&event->lock);
    pthread_cond_broadcast(&event->changed);
}

static void event_clear(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->is_set = false;
    pthread_mutex_unlock(&event->lock);
}

static void event_wait(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    unsigned long sets_before = event->sets;
    while (!event->is_set && event->sets == sets_before)
        pthread_cond_wait(&event->changed, &event->lock);
    pthread_mutex_unlock(&event->lock);
}

static struct event ping = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
static struct event pong = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

static void answer(void *unused)
{
    (void)unused;
    for (long i = 0; i < ops; i++) {
        event_wait(&ping);
        event_clear(&ping); /* before the next set can come */
        event_set(&pong);
    }
}

static void time_event(void)
{
    struct timespec start;
    struct thread other;
    thread_init(&other, NULL, answer, NULL);
    if (!thread_start(&other))
        die("pthread_create");
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < ops; i++) {
        event_set(&ping);
        event_wait(&pong);
        event_clear(&pong);
    }
    thread_join(&other, -1);
    say_timing(ops, "round trips", start);
}

/* ---- Lesson 19a ------------------------------------------------------------------------------ */

static int return_number(void *argument)
{
    return *(int *)argument;
}

static void time_starts(void)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long round = 0; round < ops / processes; round++) {
        struct process each[MOST_PROCESSES] = {0};
        for (int i = 0; i < processes; i++)
            if (!process_start(&each[i], "process", return_number, &i))
                die("fork");
        for (int i = 0; i < processes; i++) {
            process_join(&each[i], -1);
            if (process_exitcode(&each[i]) != i)
                fail("process %d has ended with %d", i, process_exitcode(&each[i]));
        }
    }
    say_timing(ops / processes * processes, "processes", start);
}

/* ---- Lesson 21c ------------------------------------------------------------------------------ */

static struct array *array;

static int increment(void *argument)
{
    (void)argument;
    await_start();
    for (long i = 0; i < ops / processes; i++) {
        array_acquire(array, true);
        array->items[0]++; /* get and set would take the lock once more each */
        array_release(array);
    }
    return EXIT_SUCCESS;
}

static void time_array(void)
{
    array = shared_new(array_bytes(1));
    array_init(array, 1);
    time_processes(increment, "locked increments");
    if (array->items[0] != ops / processes * processes)
        fail("%d increments are there, of %ld", array->items[0], ops);
}

/* ---- Lesson 23a ------------------------------------------------------------------------------ */

static struct dict dic;

static const char *must(const char *result)
{
    if (!result)
        fail("%s", dic.error);
    return result;
}

static int set_and_get(void *argument)
{
    char key[32], value[32];
    snprintf(key, sizeof key, "key-%d", *(int *)argument);
    must(dict_call(&dic, "len", NULL)); /* it has its connection */
    await_start();
    for (long i = 0; i < ops / processes; i++) {
        snprintf(value, sizeof value, "%ld", i / 2);
        if (i % 2 == 0)
            must(dict_call(&dic, "set", key, value, NULL));
        else if (strcmp(must(dict_call(&dic, "get", key, NULL)), value) != 0)
            fail("%s is not %s", key, value);
    }
    return EXIT_SUCCESS;
}

static void time_dict(void)
{
    struct process manager = {0};
    net_raise_descriptor_limit();
    say_mute(true);
    dict_init(&dic, manager_start(&manager)); /* before the pipes: it would keep them open */
    time_processes(set_and_get, "gets and sets");
    process_join_all();
}

/* ---- Lesson 24b ------------------------------------------------------------------------------ */

static struct pool pool;
static long right_results;

static bool add_100(long i, long *result)
{
    *result = i + 100;
    return true;
}

static void count_right(struct task *task)
{
    right_results += task->result == task->argument + 100;
}

static void *calloc_or_die(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        die("calloc");
    return memory;
}

/* Starts the clock when the workers are there. */
static struct timespec open_pool(void)
{
    struct timespec start;
    struct task first = {.function = add_100};
    if (!pool_open(&pool, processes, (struct pool_options){0}) || !pool_apply(&pool, &first))
        die("pool_open");
    clock_gettime(CLOCK_MONOTONIC, &start);
    return start;
}

static void end_pool(struct timespec start)
{
    pool_close(&pool);
    pool_join(&pool);
    say_timing(right_results, "tasks", start);
    if (right_results != ops)
        fail("%ld of %ld results are right", right_results, ops);
}

static void time_apply(void)
{
    struct timespec start = open_pool();
    for (long i = 0; i < ops; i++) {
        struct task task = {.function = add_100, .argument = i, .callback = count_right};
        pool_apply(&pool, &task);
    }
    end_pool(start);
}

static void time_async(void)
{
    struct task *tasks = calloc_or_die((size_t)ops, sizeof *tasks);
    struct timespec start = open_pool();
    for (long i = 0; i < ops; i++) {
        tasks[i] = (struct task){.function = add_100, .argument = i, .callback = count_right};
        pool_apply_async(&pool, &tasks[i]);
    }
    end_pool(start);
    free(tasks);
}

static void time_chunks(long chunk)
{
    long *numbers = calloc_or_die((size_t)ops * 2, sizeof *numbers), *results = numbers + ops;
    for (long i = 0; i < ops; i++)
        numbers[i] = i;
    struct timespec start = open_pool();
    pool_map(&pool, add_100, numbers, results, ops, chunk);
    for (long i = 0; i < ops; i++)
        right_results += results[i] == i + 100;
    end_pool(start);
    free(numbers);
}

static void time_map1(void)
{
    time_chunks(1);
}

static void time_map(void)
{
    time_chunks(0);
}

int main(int argc, char **argv)
{
    static const struct cost {
        const char *word;
        void (*time)(void);
        long ops;
    } costs[] = {
        {"thread", time_threads, 10000},
        {"lock", time_lock, 2000000},
        {"event", time_event, 20000},
        {"process", time_starts, 1000},
        {"array", time_array, 2000000},
        {"dict", time_dict, 10000},
        {"apply", time_apply, 20000},
        {"async", time_async, 200000},
        {"map1", time_map1, 100000},
        {"map", time_map, 1000000},
        {0},
    };
    const struct cost *cost = costs;
    die_name = "costs";
    while (cost->word && (argc < 2 || strcmp(argv[1], cost->word) != 0))
        cost++;
    if (!cost->word)
        fail("which cost? They are listed at the top of the source");
    ops = cost->ops;
    if (argc > 2)
        processes = args_number("PROCESSES", argv[2], 1, MOST_PROCESSES);
    if (argc > 3)
        ops = args_number("OPS", argv[3], 1, MOST_OPS);
    cost->time();
    return EXIT_SUCCESS;
}
