/* 24b_results: apply, map, get with a limit, and what a pool refuses
 *
 * Predict  get waits 20 ms for a task that has not ended. What does get return, and what happens to
 *          the task? A callback calls apply on its own pool: who is left to notice the result?
 * Run      build/24b_results
 * Watch    a time limit ends the wait, not the task; a callback may call the pool.
 * Before   24a_process_pool, 21a_shared_array
 * After    24c_worker_dies
 * Python   multiprocessing.Pool: apply, map, AsyncResult.get, close, join
 */
#include "processes/pool.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 5, GET_LIMIT_MS = 20 };

static struct pool pool;

/* ---- What the workers do --------------------------------------------------------------------- */

static bool add_100(long i, long *result)
{
    *result = i + 100;
    return true;
}

static bool square(long i, long *result)
{
    *result = i * i;
    return true;
}

/* A task fails by returning false, with the reason in errno. */
static bool divide_100(long i, long *result)
{
    errno = EINVAL;
    if (i == 0)
        return false;
    *result = 100 / i;
    return true;
}

static bool wait_for_main(long i, long *result)
{
    gate_wait(1);
    return add_100(i, result);
}

/* ---- What a pool gives back ------------------------------------------------------------------ */

static void play_results(void)
{
    long numbers[] = {1, 2, 3, 4, 5, 6, 7, 8}, squares[8];
    struct task task = {.function = add_100, .argument = 1};
    pool_apply(&pool, &task);
    say("main", "apply waits: %ld", task.result);
    pool_map(&pool, square, numbers, squares, 8, 3);
    say("main", "map keeps the order: %ld %ld %ld %ld %ld %ld %ld %ld", squares[0], squares[1],
        squares[2], squares[3], squares[4], squares[5], squares[6], squares[7]);
    task = (struct task){.function = divide_100, .argument = 0};
    pool_apply(&pool, &task);
    say("main", "a task that fails: %s",
        task.state == TASK_FAILED ? strerror(task.error) : "no error");
}

/* The limit ends the wait. The task carries on, and its result comes later. */
static void play_limit(void)
{
    struct task task = {.function = wait_for_main, .argument = 2};
    pool_apply_async(&pool, &task);
    bool in_time = pool_get(&pool, &task, GET_LIMIT_MS);
    say("main", "get, %d ms at most: %s", GET_LIMIT_MS, in_time ? "a result" : "no result yet");
    gate_step();
    pool_get(&pool, &task, -1);
    say("main", "get, without a limit: %ld", task.result);
}

/* ---- What it refuses, and what a callback may do --------------------------------------------- */

static void say_refused(const char *what, bool allowed, const char *reason)
{
    say("main", "%s: %s%s", what, allowed ? "done" : "refused, ", allowed ? "" : reason);
}

/* A callback runs in main, while main waits. It may wait too: whoever waits collects answers. */
static void apply_again(struct task *task)
{
    struct task again = {.function = add_100, .argument = task->result};
    pool_apply(&pool, &again);
    say("main", "callback: %ld; it applies once more: %ld", task->result, again.result);
    pool_close(&pool);
    say_refused("join, in a callback", pool_join(&pool), "it would wait for its own end");
}

static void play_rules(void)
{
    say_refused("join, before close", pool_join(&pool), "more tasks may come");
    struct task task = {.function = add_100, .callback = apply_again};
    pool_apply(&pool, &task);
    struct task late = {.function = add_100};
    say_refused("apply_async, after close", pool_apply_async(&pool, &late), "the pool is closed");
}

static int demo(void)
{
    gate_make();
    if (!pool_open(&pool, WORKERS, (struct pool_options){0}))
        die("fork");
    play_results();
    play_limit();
    play_rules();
    if (!pool_join(&pool))
        die("pool_join");
    say("main", "join: every task has ended, and so has every worker");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "What a pool gives back, and what it refuses.", demo, NULL);
}
