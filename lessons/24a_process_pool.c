/* 24a_process_pool: five processes are started once, and get ten tasks
 *
 * Predict  apply_async hands ten tasks to five workers, and main says "end". Which comes first: the
 *          first result, or "end"? In which process does the callback run?
 * Run      build/24a_process_pool
 * Watch    "end" comes before every result; main itself calls the callbacks, in join.
 * Before   19a_processes
 * After    24b_results: apply, map and time limits; 24c_worker_dies
 * Python   multiprocessing.Pool(5): apply_async, callback, close, join; the program of post 003
 */
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_WORKERS = 64, MOST_TASKS = 500 };

static long worker_count = 5, task_count = 10;

/* A write of up to PIPE_BUF bytes goes into a pipe whole (pipe(7)), and all tasks have one size, so
 * they are read whole too. */
struct task {
    long argument, result;
};

static struct process workers[MOST_WORKERS];
static int tasks[2], results[2];        /* pipes; all workers read tasks[0] and write results[1] */
static int unfinished;                  /* tasks without a result so far */
static long (*function)(long argument); /* what the workers call: they inherit it by fork */

/* The work is over at end of file, so no worker may keep the writing end of the tasks. */
static int work(void *unused)
{
    (void)unused;
    struct task task;
    process_end_with_parent(SIGKILL);
    close(tasks[1]);
    while (read(tasks[0], &task, sizeof task) == sizeof task) {
        task.result = function(task.argument);
        if (write(results[1], &task, sizeof task) != sizeof task)
            die("write");
    }
    return EXIT_SUCCESS;
}

static void pool_open(long (*run)(long argument))
{
    function = run;
    if (pipe(tasks) < 0 || pipe(results) < 0)
        die("pipe");
    for (long i = 0; i < worker_count; i++)
        if (!process_start(&workers[i], "worker", work, NULL))
            die("fork");
    close(results[1]); /* only workers write there: when none is left, join reads end of file */
}

/* Returns at once. Whichever worker is free takes the task out of the pipe. */
static void apply_async(long argument)
{
    struct task task = {.argument = argument};
    if (write(tasks[1], &task, sizeof task) != sizeof task)
        die("write");
    unfinished++;
}

static void pool_close(void)
{
    close(tasks[1]);
}

/* Left out until lesson 24c: a worker that dies takes its task with it, and nobody knows which. */
static void pool_join(void (*callback)(long result))
{
    struct task task;
    while (unfinished > 0 && read(results[0], &task, sizeof task) == sizeof task) {
        unfinished--;
        callback(task.result);
    }
    for (long i = 0; i < worker_count; i++)
        process_join(&workers[i], -1);
}

/* The posts' task takes two seconds. This one waits for the callback of the one before it, so that
 * the lines always come in the same order. */
static long foo(long i)
{
    gate_wait((int)i + 1);
    say("worker", "task %ld is done", i);
    return i + 100;
}

static void bar(long result)
{
    say("main", "callback: %ld", result);
    gate_step();
}

static int demo(void)
{
    gate_make();
    pool_open(foo);
    say("main", "apply_async, %ld times; there are %ld workers", task_count, worker_count);
    for (long i = 0; i < task_count; i++)
        apply_async(i);
    say("main", "end");
    gate_step();
    pool_close();
    pool_join(bar);
    say("main", "join: %d tasks are unfinished, and every worker has ended", unfinished);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"workers", "N", "processes", .number = &worker_count, .min = 1, .max = MOST_WORKERS},
        {"tasks", "N", "tasks", .number = &task_count, .max = MOST_TASKS},
        {0},
    };
    return args_demo(argc, argv, "Five processes are started once, and get ten tasks.", demo,
                     options);
}
