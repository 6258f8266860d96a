/* 24d_lifetime: how a worker begins, is replaced and ends, and a pool in a hurry
 *
 * Predict  an initializer sets a global variable to 42. Which value does a task see, and which does
 *          main? 10,000 tasks wait, and none ever ends: how long does terminate take?
 * Run      build/24d_lifetime
 * Watch    the initializer runs in each worker; after two tasks, a worker makes way for a fresh
 *          one; terminate leaves no task pending
 * Before   24c_worker_dies, 20a_private_list
 * After    25a_prefork_server
 * Python   Pool(initializer=, initargs=, maxtasksperchild=), terminate
 */
#include "processes/pool.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 5, TASKS = 6, QUEUED = 10000 };

static struct pool pool;

static void open_pool(long workers, struct pool_options options)
{
    if (!pool_open(&pool, workers, options))
        die("fork");
}

static void end_pool(void)
{
    pool_close(&pool);
    if (!pool_join(&pool))
        die("pool_join");
}

/* ---- The initializer ------------------------------------------------------------------------- */

static long of_this_process; /* say, a connection that every task will use */

static bool initialize(long argument)
{
    of_this_process = argument;
    return true;
}

static bool find(long i, long *result)
{
    *result = of_this_process + i;
    return true;
}

static void play_initializer(void)
{
    struct task task = {.function = find};
    open_pool(WORKERS,
              (struct pool_options){.initializer = initialize, .initializer_argument = 42});
    pool_apply(&pool, &task);
    say("main", "the initializer ran in the worker: %ld there, %ld here", task.result,
        of_this_process);
    end_pool();
}

/* ---- At most two tasks for each child -------------------------------------------------------- */

static bool get_pid(long i, long *result)
{
    *result = getpid() + i;
    return true;
}

/* What a task has leaked ends with its process. */
static void play_max_tasks(void)
{
    long zeros[TASKS] = {0}, pids[TASKS];
    open_pool(1, (struct pool_options){.max_tasks_per_child = 2});
    pool_map(&pool, get_pid, zeros, pids, TASKS, 1);
    int processes = 1;
    for (int i = 1; i < TASKS; i++)
        processes += pids[i] != pids[i - 1];
    say("main", "%d tasks, at most 2 for each child: %d processes, one after another", TASKS,
        processes);
    end_pool();
}

/* ---- terminate ------------------------------------------------------------------------------- */

static long cancelled;

static bool hang(long i, long *result)
{
    (void)result;
    while (pause() < 0)
        continue;
    return i == 0;
}

static void count_cancelled(struct task *task)
{
    cancelled += task->error == ECANCELED;
}

static void play_terminate(void)
{
    static struct task tasks[QUEUED];
    open_pool(WORKERS, (struct pool_options){0});
    for (int i = 0; i < QUEUED; i++) {
        tasks[i] = (struct task){.function = hang, .error_callback = count_cancelled};
        pool_apply_async(&pool, &tasks[i]);
    }
    say("main", "%d tasks that never end: terminate", QUEUED);
    pool_terminate(&pool);
    say("main", "%ld tasks were cancelled, and each error callback has been called", cancelled);
    end_pool();
    say("main", "join: every worker has ended");
}

static int demo(void)
{
    play_initializer();
    play_max_tasks();
    play_terminate();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "How a worker begins, is replaced, and ends.", demo, NULL);
}
