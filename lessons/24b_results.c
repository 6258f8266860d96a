/* 24b_results: what becomes of a task: its result, its error, the death of its worker
 *
 * Predict  five workers have ten tasks. One of the workers is killed in the middle of a task. What
 *          becomes of that task, of the nine others, and of the pool?
 * Run      build/24b_results
 * Watch    "end" comes before the results; ten tasks take two rounds; a task whose worker dies
 *          fails with the signal's name, and no other does.
 * Before   24a_process_pool, 21a_shared_array
 * After    25_prefork_server
 * Python   multiprocessing.Pool: apply, apply_async, map, close, terminate, join
 */
#include "processes/pool.h"
#include "processes/shared.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GET_LIMIT_MS = 20, OTHERS = 1000, QUEUED = 10000 };

/* ---- The options ----------------------------------------------------------------------------- */

static long workers = 5, tasks = 10, chunk = 3, unit_ms = 30;
static const char *mode = "async";
static bool timing;

static void open_or_die(struct pool *pool, long count, struct pool_options options)
{
    if (!pool_open(pool, count, options))
        die("fork");
}

static bool add_100(long i, long *result)
{
    *result = i + 100;
    return true;
}

/* ---- What became of a task ---------------------------------------------------------------------
 */

static const char *signal_name(int signal_number)
{
    return signal_number == SIGABRT   ? "SIGABRT"
           : signal_number == SIGKILL ? "SIGKILL"
           : signal_number == SIGSEGV ? "SIGSEGV"
           : signal_number == SIGTERM ? "SIGTERM"
                                      : strsignal(signal_number);
}

static const char *reason(int error)
{
    return error == ECHILD      ? "there is no worker"
           : error == ECANCELED ? "the pool was terminated"
                                : strerror(error);
}

static void say_result(const char *what, const struct task *task)
{
    if (task->state == TASK_SUCCEEDED)
        say("main", "%s: %ld", what, task->result);
    else if (task->error != 0)
        say("main", "%s: failed: %s", what, reason(task->error));
    else if (task->status < 0)
        say("main", "%s: failed: its worker died of %s", what, signal_name(-task->status));
    else
        say("main", "%s: failed: its worker ended with status %d", what, task->status);
}

/* ---- 1. The posts' program ------------------------------------------------------------------- */

/* So that the class sees the same each time, the tasks finish one by one, each after the callback
 * of the one before. */
static struct gate {
    pthread_barrier_t all_run;
    sem_t hangs;
    atomic_int hanging; /* the pid of a worker whose task never ends */
    sem_t may_finish[];
} * gate;

static size_t gate_size(void)
{
    return sizeof *gate + (size_t)(tasks + 1) * sizeof *gate->may_finish;
}

static void make_gate(void)
{
    gate = shared_new(gate_size());
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&gate->all_run, &shared, (unsigned)workers);
    pthread_barrierattr_destroy(&shared);
    sem_init(&gate->hangs, 1, 0);
    for (long i = 0; i <= tasks; i++)
        sem_init(&gate->may_finish[i], 1, i == 0);
}

static void destroy_gate(void)
{
    for (long i = 0; i <= tasks; i++)
        sem_destroy(&gate->may_finish[i]);
    shared_free(gate, gate_size());
}

static void wait_for_turn(long i)
{
    while (sem_wait(&gate->may_finish[i]) < 0 && errno == EINTR)
        continue;
}

static bool foo(long i, long *result)
{
    poll(NULL, 0, (int)unit_ms);
    wait_for_turn(i);
    say(pool_worker_name(), "task %ld is done", i);
    return add_100(i, result);
}

static void bar(struct task *task)
{
    say_result("callback", task);
    sem_post(&gate->may_finish[task->argument + 1]);
}

static long ms_since(struct timespec start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
}

static void play_the_post(void)
{
    struct task *all = calloc((size_t)tasks, sizeof *all);
    if (!all)
        die("calloc");
    make_gate();
    struct pool pool;
    open_or_die(&pool, workers, (struct pool_options){0});
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    say("main", "apply_async, %ld times; there are %ld workers", tasks, workers);
    for (long i = 0; i < tasks; i++) {
        all[i] =
            (struct task){.function = foo, .argument = i, .callback = bar, .error_callback = bar};
        pool_apply_async(&pool, &all[i]);
    }
    say("main", "end");
    pool_close(&pool);
    pool_join(&pool);
    long rounds = (tasks + workers - 1) / workers;
    say("main", "%ld tasks of %ld ms, in %ld rounds: %ld ms", tasks, unit_ms, rounds,
        ms_since(start));
    destroy_gate();
    free(all);
}

/* ---- 2. apply, map, get with a limit --------------------------------------------------------- */

static bool square(long i, long *result)
{
    *result = i * i;
    return true;
}

/* Waits until main lets it go. */
static bool wait_for_main(long i, long *result)
{
    wait_for_turn(0);
    return add_100(i, result);
}

static void play_results(void)
{
    struct pool pool;
    long numbers[] = {1, 2, 3, 4, 5, 6, 7, 8}, squares[8];
    make_gate();
    wait_for_turn(0);
    open_or_die(&pool, workers, (struct pool_options){0});
    say("main", "---- apply, map, and get with a limit of time");
    struct task task = {.function = add_100, .argument = 1};
    pool_apply(&pool, &task);
    say("main", "apply waits: %ld", task.result);
    pool_map(&pool, square, numbers, squares, 8, chunk);
    say("main", "map keeps the order: %ld %ld %ld %ld %ld %ld %ld %ld", squares[0], squares[1],
        squares[2], squares[3], squares[4], squares[5], squares[6], squares[7]);

    task = (struct task){.function = wait_for_main, .argument = 2};
    pool_apply_async(&pool, &task);
    bool in_time = pool_get(&pool, &task, GET_LIMIT_MS);
    say("main", "get, %d ms at most: %s", GET_LIMIT_MS, in_time ? "a result" : "no result yet");
    sem_post(&gate->may_finish[0]);
    pool_get(&pool, &task, -1);
    say("main", "get, without limit: %ld", task.result);
    pool_close(&pool);
    pool_join(&pool);
    destroy_gate();
}

/* ---- 3. Tasks that fail, workers that die ---------------------------------------------------- */

static bool fail_with_an_error(long i, long *result)
{
    (void)i, (void)result;
    errno = EINVAL;
    return false;
}

static bool crash(long i, long *result)
{
    (void)i, (void)result;
    abort();
}

static bool hang(long i, long *result)
{
    (void)i, (void)result;
    gate->hanging = getpid();
    sem_post(&gate->hangs);
    while (pause() < 0)
        continue;
    return false;
}

static pid_t pid_of_the_hanging(void)
{
    while (sem_wait(&gate->hangs) < 0 && errno == EINTR)
        continue;
    return gate->hanging;
}

/* Tasks that all wait for each other: they end only if there is a worker for each. */
static bool meet(long i, long *result)
{
    pthread_barrier_wait(&gate->all_run);
    return add_100(i, result);
}

static void say_strength(struct pool *pool)
{
    struct task *all = calloc((size_t)workers, sizeof *all);
    if (!all)
        die("calloc");
    for (long i = 0; i < workers; i++) {
        all[i] = (struct task){.function = meet, .argument = i};
        pool_apply_async(pool, &all[i]);
    }
    long met = 0;
    for (long i = 0; i < workers; i++)
        met += pool_get(pool, &all[i], -1) && all[i].state == TASK_SUCCEEDED;
    say("main", "%ld tasks run at the same time: the pool is at full strength", met);
    free(all);
}

static void play_deaths(void)
{
    struct pool pool;
    static struct task others[OTHERS];
    make_gate();
    open_or_die(&pool, workers, (struct pool_options){0});
    say("main", "---- tasks that fail, workers that die");
    struct task task = {.function = fail_with_an_error};
    pool_apply(&pool, &task);
    say_result("a task that fails", &task);

    task = (struct task){.function = crash};
    pool_apply(&pool, &task);
    say_result("a task that crashes", &task);
    say_strength(&pool);

    say("main", "kills an idle worker with SIGKILL");
    pool_kill_worker(&pool, 1, SIGKILL);
    say_strength(&pool);

    task = (struct task){.function = hang};
    pool_apply_async(&pool, &task);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = (struct task){.function = add_100, .argument = i};
        pool_apply_async(&pool, &others[i]);
    }
    pid_t worker = pid_of_the_hanging();
    say("main", "kills a worker with SIGKILL in the middle of a task; %d wait", OTHERS);
    kill(worker, SIGKILL);
    pool_get(&pool, &task, -1);
    say_result("that task", &task);
    int succeeded = 0;
    for (int i = 0; i < OTHERS; i++)
        succeeded += pool_get(&pool, &others[i], -1) && others[i].result == i + 100;
    say("main", "of the %d others, %d succeeded", OTHERS, succeeded);
    say_strength(&pool);
    pool_close(&pool);
    pool_join(&pool);
    destroy_gate();
}

/* ---- 4. What is refused, and what a callback may do ------------------------------------------ */

static void apply_again(struct task *task)
{
    struct pool *pool = task->data;
    struct task again = {.function = add_100, .argument = task->result};
    pool_apply(pool, &again);
    say("main", "a callback has %ld, applies once more and has %ld", task->result, again.result);
    pool_close(pool);
    if (!pool_join(pool) && errno == EDEADLK)
        say("main", "join, in a callback: refused, it would wait for its own end");
}

static void play_rules(void)
{
    struct pool pool;
    say("main", "---- what is refused, and what a callback may do");
    if (!pool_open(&pool, 0, (struct pool_options){0}) && errno == EINVAL)
        say("main", "a pool of 0 workers: refused");
    open_or_die(&pool, workers, (struct pool_options){0});
    if (!pool_join(&pool) && errno == EBUSY)
        say("main", "join, before close: refused, more tasks may come");
    struct task task = {.function = add_100, .callback = apply_again, .data = &pool};
    pool_apply(&pool, &task);
    struct task late = {.function = add_100};
    if (!pool_apply_async(&pool, &late) && errno == ESHUTDOWN)
        say("main", "apply_async, after close: refused");
    pool_join(&pool);
    say("main", "join, after close: every worker has ended");
}

/* ---- 5. A worker begins, and ends ------------------------------------------------------------ */

static long of_this_process;

static bool initialize(long argument)
{
    of_this_process = argument;
    return true;
}

static bool cannot_begin(long argument)
{
    (void)argument;
    return false;
}

static bool get_what_was_initialized(long i, long *result)
{
    *result = of_this_process + i;
    return true;
}

static bool get_pid(long i, long *result)
{
    *result = getpid() + i;
    return true;
}

static void play_initializer(void)
{
    struct pool pool;
    say("main", "---- a worker begins, and ends");
    open_or_die(&pool, workers, (struct pool_options){initialize, 42, 0});
    struct task task = {.function = get_what_was_initialized};
    pool_apply(&pool, &task);
    say("main", "the initializer ran in the worker (%ld), not here (%ld)", task.result,
        of_this_process);
    pool_close(&pool);
    pool_join(&pool);

    open_or_die(&pool, workers, (struct pool_options){.initializer = cannot_begin});
    task = (struct task){.function = get_pid};
    pool_apply(&pool, &task);
    say_result("with an initializer that fails, a task", &task);
    pool_close(&pool);
    pool_join(&pool);
}

static void play_max_tasks(void)
{
    struct pool pool;
    long zeros[6] = {0}, pids[6];
    open_or_die(&pool, 1, (struct pool_options){.max_tasks_per_child = 2});
    pool_map(&pool, get_pid, zeros, pids, 6, chunk);
    int processes = 1;
    for (int i = 1; i < 6; i++)
        processes += pids[i] != pids[i - 1];
    say("main", "6 tasks, at most 2 for each child: %d processes, one after another", processes);
    pool_close(&pool);
    pool_join(&pool);
}

/* ---- 6. terminate ---------------------------------------------------------------------------- */

static long cancelled;

static void count_cancelled(struct task *task)
{
    cancelled += task->error == ECANCELED;
}

static void play_terminate(void)
{
    struct pool pool;
    struct task *all = calloc(QUEUED, sizeof *all);
    if (!all)
        die("calloc");
    make_gate();
    open_or_die(&pool, workers, (struct pool_options){0});
    say("main", "---- terminate");
    for (int i = 0; i < QUEUED; i++) {
        all[i] = (struct task){.function = hang, .error_callback = count_cancelled};
        pool_apply_async(&pool, &all[i]);
    }
    say("main", "%d tasks that never end; terminate", QUEUED);
    pool_terminate(&pool);
    pool_join(&pool);
    say("main", "%ld of them failed: %s", cancelled, reason(ECANCELED));
    destroy_gate();
    free(all);
}

/* ---- Timing ---------------------------------------------------------------------------------- */

static long called_back;

static void count_it(struct task *task)
{
    called_back += task->result == task->argument + 100;
}

static void time_async(struct pool *pool)
{
    struct task *all = calloc((size_t)tasks, sizeof *all);
    if (!all)
        die("calloc");
    for (long i = 0; i < tasks; i++) {
        all[i] = (struct task){.function = add_100, .argument = i, .callback = count_it};
        pool_apply_async(pool, &all[i]);
    }
    pool_close(pool);
    pool_join(pool);
    free(all);
}

static void time_apply(struct pool *pool)
{
    for (long i = 0; i < tasks; i++) {
        struct task task = {.function = add_100, .argument = i, .callback = count_it};
        pool_apply(pool, &task);
    }
    pool_close(pool);
    pool_join(pool);
}

static void time_map(struct pool *pool)
{
    long *numbers = calloc((size_t)tasks * 2, sizeof *numbers);
    if (!numbers)
        die("calloc");
    long *results = numbers + tasks;
    for (long i = 0; i < tasks; i++)
        numbers[i] = i;
    pool_map(pool, add_100, numbers, results, tasks, chunk);
    for (long i = 0; i < tasks; i++)
        called_back += results[i] == i + 100;
    free(numbers);
    pool_close(pool);
    pool_join(pool);
}

static int measure(void (*measured)(struct pool *pool))
{
    struct pool pool;
    open_or_die(&pool, workers, (struct pool_options){0});
    struct task first = {.function = add_100};
    pool_apply(&pool, &first); /* the first worker is there */
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    measured(&pool);
    say_timing(called_back, "tasks", start);
    return called_back == tasks ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int demo(char **operands)
{
    (void)operands;
    void (*measured)(struct pool *) = strcmp(mode, "apply") == 0   ? time_apply
                                      : strcmp(mode, "async") == 0 ? time_async
                                      : strcmp(mode, "map") == 0   ? time_map
                                                                   : NULL;
    if (!measured)
        args_refuse("--mode %s: not apply, async or map", mode);
    if (timing)
        return measure(measured);
    play_the_post();
    play_results();
    play_deaths();
    play_rules();
    play_initializer();
    play_max_tasks();
    play_terminate();
    return EXIT_SUCCESS;
}

static int deaths(char **operands)
{
    (void)operands;
    if (timing)
        args_refuse("--timing: nothing to measure in deaths");
    play_deaths();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"deaths", "", "play only how tasks fail and workers die", deaths},
        {0},
    };
    static const struct option_spec options[] = {
        {"workers", "N", "processes in the pool", .number = &workers, .min = 1, .max = 1000},
        {"tasks", "N", "tasks to show, or to measure", .number = &tasks, .min = 1, .max = 10000000},
        {"chunk", "N", "tasks that map hands out together", .number = &chunk, .min = 1,
         .max = 1024},
        {"unit", "MS", "how long a shown task takes", .number = &unit_ms, .min = 1, .max = 10000},
        {"timing", NULL, "measure tasks, with no narration", .flag = &timing},
        {"mode", "M", "what to measure: apply, async or map", .text = &mode},
        {0},
    };
    static const struct program program = {
        "What becomes of a task: its result, its error, the death of its worker.", commands,
        options};
    return args_run(argc, argv, &program);
}
