/* 16a_threads: one function, called by a hundred threads at once
 *
 * Predict  a loop starts a hundred threads and gives each of them the address of its counter i.
 *          Which numbers do they see?
 * Run      build/16a_threads, then build/16a_threads --same-argument
 * Watch    each thread has its own name and number; with --same-argument all see the same number.
 * Before   10_thread_server
 * After    16b_join
 * Python   threading.Thread(target=run, args=(i,)), start, join, name; the hundred of post 003
 */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <stdbool.h>
#include <stdlib.h>

static long count = 100;
static bool same_argument;

/* A thread gets one pointer. Whatever it points to must stay there, unchanged, for as long as the
 * thread may look at it. */
struct task {
    struct thread thread;
    int number;        /* its own */
    const int *wanted; /* where it looks: at its own number, or at the loop's counter */
    int seen;          /* what it saw there; main reads it after join */
};

static void start(struct thread *thread)
{
    if (!thread_start(thread))
        die("pthread_create");
}

/* ---- One at a time --------------------------------------------------------------------------- */

static void say_number(void *argument)
{
    struct task *task = argument;
    say(thread_name(), "thread... %d", task->number);
}

static void run_one_by_one(void)
{
    for (int i = 0; i < 3; i++) {
        struct task task = {.number = i};
        thread_init(&task.thread, NULL, say_number, &task);
        start(&task.thread);
        thread_join(&task.thread, -1); /* task is a local variable, so wait here */
    }
}

/* ---- All at once ----------------------------------------------------------------------------- */

static void look(void *argument)
{
    struct task *task = argument;
    if (same_argument)
        gate_wait(1); /* for the loop's end, so that the mistake shows every time */
    task->seen = *task->wanted;
}

/* i belongs to the caller: it must live as long as the threads do. */
static void start_all(struct task *tasks, int *i)
{
    for (*i = 0; *i < count; ++*i) {
        struct task *task = &tasks[*i];
        task->number = *i;
        task->wanted = same_argument ? i : &task->number;
        thread_init(&task->thread, NULL, look, task);
        start(&task->thread);
    }
}

/* Each thread writes to its own task, and main reads only after join, so no lock is needed. */
static long long join_all(struct task *tasks)
{
    long long sum = 0;
    for (int i = 0; i < count; i++) {
        thread_join(&tasks[i].thread, -1);
        sum += tasks[i].seen;
    }
    return sum;
}

static int demo(void)
{
    int i;
    struct task *tasks = calloc((size_t)count, sizeof *tasks);
    if (!tasks)
        die("calloc");
    gate_make();
    say("main", "starts a thread and joins it, three times");
    run_one_by_one();
    say("main", "starts %ld at once, each with %s", count,
        same_argument ? "the address of i" : "a number of its own");
    start_all(tasks, &i);
    say("main", "has started them all, and joins them");
    gate_step();
    long long sum = join_all(tasks);
    say("main", "%s saw %d", tasks[0].thread.name, tasks[0].seen);
    say("main", "%s saw %d", tasks[count - 1].thread.name, tasks[count - 1].seen);
    say("main", "their numbers add up to %lld", sum);
    free(tasks);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"threads", "N", "threads to start at once", .number = &count, .min = 1, .max = 100000},
        {"same-argument", NULL, "give them all the address of i", .flag = &same_argument},
        {0},
    };
    return args_demo(argc, argv, "One function, called by a hundred threads at once.", demo,
                     options);
}
