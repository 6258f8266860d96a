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
#include <unistd.h>

enum { WORKERS = 5, OTHERS = 1000 };

static struct pool pool;
static int steps; /* of the gate: how many have been used */

static void say_end(const char *what, const struct task *task)
{
    if (task->state == TASK_SUCCEEDED)
        say("main", "%s: %ld", what, task->result);
    else if (task->status < 0)
        say("main", "%s: its worker died: %s", what, strsignal(-task->status));
    else
        say("main", "%s: its worker ended with status %d", what, task->status);
}

/* ---- Five tasks that meet -------------------------------------------------------------------- */

/* Each waits for the others: they end only if five workers run them at the same time. */
static bool meet(long count, long *result)
{
    gate_step();
    gate_wait((int)count);
    *result = getpid();
    return true;
}

static void say_strength(void)
{
    struct task tasks[WORKERS];
    steps += WORKERS;
    for (int i = 0; i < WORKERS; i++) {
        tasks[i] = (struct task){.function = meet, .argument = steps};
        pool_apply_async(&pool, &tasks[i]);
    }
    int met = 0;
    for (int i = 0; i < WORKERS; i++)
        met += pool_get(&pool, &tasks[i], -1) && tasks[i].state == TASK_SUCCEEDED;
    say("main", "%d tasks have met, so %d workers run at the same time", met, met);
}

/* ---- A worker dies --------------------------------------------------------------------------- */

static bool leave(long status, long *result)
{
    (void)result;
    _exit((int)status);
}

static bool square(long i, long *result)
{
    if (i == 5)
        abort();
    *result = i * i;
    return true;
}

static bool get_pid(long i, long *result)
{
    *result = getpid() + i;
    return true;
}

static void play_crash(void)
{
    long numbers[] = {1, 2, 3, 4, 5, 6, 7, 8}, squares[8];
    struct task task = {.function = leave, .argument = 7};
    pool_apply(&pool, &task);
    say_end("a task that calls _exit(7)", &task);
    pool_map(&pool, square, numbers, squares, 8, 8);
    say("main", "map, and a worker crashes at the 5: %ld %ld %ld %ld %ld %ld %ld %ld", squares[0],
        squares[1], squares[2], squares[3], squares[4], squares[5], squares[6], squares[7]);
}

static void play_idle(void)
{
    struct task task = {.function = get_pid};
    pool_apply(&pool, &task);
    say("main", "kills a worker that has nothing to do");
    kill((pid_t)task.result, SIGKILL);
    say_strength();
}

/* ---- In the middle of a task ----------------------------------------------------------------- */

/* As if somebody had killed it: the kernel, for example, when memory is short. */
static bool be_killed(long count, long *result)
{
    (void)result;
    gate_wait((int)count);
    return raise(SIGKILL) == 0;
}

static void play_busy(void)
{
    static struct task others[OTHERS];
    struct task task = {.function = be_killed, .argument = ++steps};
    pool_apply_async(&pool, &task);
    for (long i = 0; i < OTHERS; i++) {
        others[i] = (struct task){.function = get_pid, .argument = i};
        pool_apply_async(&pool, &others[i]);
    }
    say("main", "a worker is killed in the middle of a task; %d tasks wait", OTHERS);
    gate_step();
    pool_get(&pool, &task, -1);
    say_end("that task", &task);
    int succeeded = 0;
    for (int i = 0; i < OTHERS; i++)
        succeeded += pool_get(&pool, &others[i], -1) && others[i].state == TASK_SUCCEEDED;
    say("main", "of the %d others, %d succeeded", OTHERS, succeeded);
    say_strength();
}

static int demo(char **operands)
{
    (void)operands;
    gate_make();
    if (!pool_open(&pool, WORKERS, (struct pool_options){0}))
        die("fork");
    say_strength();
    play_crash();
    play_idle();
    play_busy();
    pool_close(&pool);
    if (!pool_join(&pool))
        die("pool_join");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {{"", "", "play the demo", demo}, {0}};
    static const struct option_spec options[] = {{0}};
    static const struct program program = {"One task is lost with its worker, and no other.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
