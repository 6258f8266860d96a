/* 24c_worker_dies: one task is lost with its worker, and no other
 *
 * Predict  a worker is killed in the middle of a task, and 1,000 tasks wait. What happens to that
 *          task, to the others, and to the pool? Should the task be tried again?
 * Run      build/24c_worker_dies
 * Watch    the task fails with the signal's name; all others succeed; and five workers again
 * Before   24b_results
 * After    24d_lifetime
 * Python   multiprocessing.Pool, where get and join wait for ever after a worker has been killed
 */
#include "processes/pool.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 5, OTHERS = 1000 };

/* The steps of the gate: the others wait in the pool; so many tasks have met. */
enum { ALL_WAIT = 1, ALL_HAVE_MET = ALL_WAIT + WORKERS };

static struct pool pool;

/* ---- In the middle of a map ------------------------------------------------------------------ */

static bool square(long i, long *result)
{
    if (i == 5)
        abort();
    *result = i * i;
    return true;
}

static void play_crash(void)
{
    long numbers[] = {1, 2, 3, 4, 5, 6, 7, 8}, squares[8];
    pool_map(&pool, square, numbers, squares, 8, 8);
    say("main", "map, and a worker crashes at the 5: %ld %ld %ld %ld %ld %ld %ld %ld", squares[0],
        squares[1], squares[2], squares[3], squares[4], squares[5], squares[6], squares[7]);
}

/* ---- In the middle of a task ----------------------------------------------------------------- */

/* As if somebody had killed it: the kernel, for example, when memory is short. */
static bool be_killed(long i, long *result)
{
    gate_wait(ALL_WAIT);
    *result = i;
    return raise(SIGKILL) == 0;
}

static bool add_100(long i, long *result)
{
    *result = i + 100;
    return true;
}

static void play_killed(void)
{
    static struct task others[OTHERS];
    struct task task = {.function = be_killed};
    pool_apply_async(&pool, &task);
    for (long i = 0; i < OTHERS; i++) {
        others[i] = (struct task){.function = add_100, .argument = i};
        pool_apply_async(&pool, &others[i]);
    }
    say("main", "a worker is killed in the middle of a task; %d tasks wait", OTHERS);
    gate_step();
    pool_get(&pool, &task, -1);
    say("main", "that task: %s", task.state == TASK_FAILED ? strsignal(-task.status) : "done");
    int succeeded = 0;
    for (int i = 0; i < OTHERS; i++)
        succeeded += pool_get(&pool, &others[i], -1) && others[i].state == TASK_SUCCEEDED;
    say("main", "of the %d others, %d succeeded", OTHERS, succeeded);
}

/* ---- Five tasks that meet -------------------------------------------------------------------- */

/* Each waits for the others: they end only if five workers run them at the same time. */
static bool meet(long i, long *result)
{
    gate_step();
    gate_wait(ALL_HAVE_MET);
    return add_100(i, result);
}

static void play_meeting(void)
{
    struct task tasks[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        tasks[i] = (struct task){.function = meet};
        pool_apply_async(&pool, &tasks[i]);
    }
    int met = 0;
    for (int i = 0; i < WORKERS; i++)
        met += pool_get(&pool, &tasks[i], -1) && tasks[i].state == TASK_SUCCEEDED;
    say("main", "%d tasks have met, so %d workers run at the same time again", met, met);
}

static int demo(void)
{
    gate_make();
    if (!pool_open(&pool, WORKERS, (struct pool_options){0}))
        die("fork");
    play_crash();
    play_killed();
    play_meeting();
    pool_close(&pool);
    if (!pool_join(&pool))
        die("pool_join");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "One task is lost with its worker, and no other.", demo, NULL);
}
