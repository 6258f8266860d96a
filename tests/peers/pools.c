/* pools: what a process pool promises (common/processes/pool.h), tested from inside: no task
 * lost, none done twice, whoever is killed.
 *
 *   pools CLAIM   one line that says what was measured, or one line on stderr and status 1
 */
#include "claims.h"
#include "processes/pool.h"
#include "processes/process.h"
#include "processes/shared.h"
#include "processes/worker.h"

#include <semaphore.h>
#include <stdatomic.h>

enum { WORKERS = 4, MANY = 20000 };

/* What the workers tell the tests. */
static struct shared_things {
    atomic_int runs[MANY];
    atomic_int starts;
    atomic_int die_at_birth; /* how many of the next children end before they do anything */
    sem_t begun, go_on, ready;
} * shared;

static struct pool pool;
static struct task tasks[MANY];
static long called_back, called_back_with_error;

static void open_pool(long workers, struct pool_options options)
{
    if (!pool_open(&pool, workers, options))
        die("pool_open");
}

static void end_pool(void)
{
    pool_close(&pool);
    if (!pool_join(&pool))
        die("pool_join");
}

/* Returns whether there was one. */
static bool kill_worker(int number)
{
    struct process *process = &pool.workers[number].process;
    bool is_there = process_is_alive(process);
    process_signal(process, SIGKILL);
    return is_there;
}

static bool run(long i, long *result)
{
    shared->runs[i]++;
    *result = i + 100;
    return true;
}

static void count_success(struct task *task)
{
    called_back += task->result == task->argument + 100;
}

static void count_error(struct task *task)
{
    (void)task;
    called_back_with_error++;
}

static void submit(long count, bool (*function)(long, long *), void (*callback)(struct task *))
{
    for (long i = 0; i < count; i++) {
        tasks[i] = (struct task){.function = function, .argument = i, .callback = callback};
        tasks[i].error_callback = count_error;
        if (!pool_apply_async(&pool, &tasks[i]))
            die("pool_apply_async");
    }
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0 && errno == EINTR)
        continue;
}

/* ---- No task lost, none done twice ----------------------------------------------------------- */

static void each_once(void)
{
    int before = count_descriptors();
    open_pool(WORKERS, (struct pool_options){0});
    submit(MANY, run, count_success);
    end_pool();
    if (!pool_get(&pool, &tasks[0], -1) || !pool_join(&pool)) /* after the end, as the posts may */
        fail("no result after join");
    for (int i = 0; i < MANY; i++)
        if (shared->runs[i] != 1)
            fail("task %d ran %d times", i, shared->runs[i]);
    if (called_back != MANY || called_back_with_error != 0)
        fail("%ld of %d tasks were called back with their result", called_back, MANY);
    if (count_descriptors() != before)
        fail("%d descriptors before, %d after", before, count_descriptors());
    printf("%ld tasks, each once\n", called_back);
}

static int kills;

static void kill_now_and_then(struct task *task)
{
    static unsigned calls;
    count_success(task);
    if (++calls % 100 == 0)
        kills += kill_worker((int)(calls / 100 % WORKERS));
}

static void killed_at_random(void)
{
    open_pool(WORKERS, (struct pool_options){0});
    submit(MANY, run, kill_now_and_then);
    end_pool();
    for (int i = 0; i < MANY; i++) {
        bool succeeded = tasks[i].state == TASK_SUCCEEDED;
        if (shared->runs[i] > 1 || (succeeded && shared->runs[i] != 1))
            fail("task %d ran %d times", i, shared->runs[i]);
        if (!succeeded && (tasks[i].error != ECHILD || tasks[i].status != -SIGKILL))
            fail("task %d failed with error %d, status %d", i, tasks[i].error, tasks[i].status);
    }
    if (kills < 50 || called_back + called_back_with_error != MANY)
        fail("%d kills, %ld + %ld callbacks", kills, called_back, called_back_with_error);
    if (called_back_with_error > kills)
        fail("%d kills, and %ld tasks failed", kills, called_back_with_error);
    printf("%d workers killed among %d tasks: %ld failed, none was lost or ran twice\n", kills,
           MANY, called_back_with_error);
}

static bool meet(long i, long *result)
{
    sem_post(&shared->begun);
    wait_for(&shared->go_on);
    *result = i + 100;
    return true;
}

/* As many tasks as there are workers have begun, and none has ended. */
static void see_full_strength(void)
{
    submit(WORKERS, meet, NULL);
    for (int i = 0; i < WORKERS; i++) {
        while (sem_trywait(&shared->begun) < 0)
            if (pool_get(&pool, &tasks[0], 1))
                fail("a task has ended before all had begun");
    }
    for (int i = 0; i < WORKERS; i++)
        sem_post(&shared->go_on);
    for (int i = 0; i < WORKERS; i++)
        if (!pool_get(&pool, &tasks[i], -1) || tasks[i].state != TASK_SUCCEEDED)
            fail("task %d failed", i);
}

static void killed_while_idle(void)
{
    open_pool(WORKERS, (struct pool_options){0});
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < WORKERS; i++)
            kill_worker(i);
        see_full_strength();
    }
    end_pool();
    open_pool(100, (struct pool_options){0}); /* more than the pipe has room for messages */
    for (int i = 0; i < 100; i++)
        kill_worker(i);
    end_pool();
    printf("20 times all workers were killed, and all were there again\n");
}

/* ---- What a task may do to its worker -------------------------------------------------------- */

static bool leave_the_first_time(long i, long *result)
{
    *result = ++shared->runs[i];
    if (*result == 1)
        _exit((int)i);
    return true;
}

/* What has been joined stays so, however it ended: nothing waits, and nothing is read. */
static void see_that_it_is_over(const struct task *task)
{
    pool_terminate(&pool);
    if (!pool_get(&pool, task, 100) || !pool_join(&pool))
        fail("a pool that has been joined waits");
}

static void exit_in_a_task(void)
{
    open_pool(1, (struct pool_options){0});
    struct task task = {.function = leave_the_first_time, .argument = 7};
    pool_apply(&pool, &task);
    if (task.state != TASK_FAILED || task.error != ECHILD || task.status != 7)
        fail("ran %d times; state %d, error %d, status %d", shared->runs[7], task.state, task.error,
             task.status);
    task = (struct task){.function = leave_the_first_time, .argument = 8};
    pool_apply_async(&pool, &task);
    end_pool();
    see_that_it_is_over(&task);
    printf("a worker that ends with status 7: its task failed, with that status\n");
}

static void die_at_birth(void)
{
    if (shared->die_at_birth > 0) {
        shared->die_at_birth--;
        kill(getpid(), SIGKILL);
    }
}

/* Its page is still that of the worker whose place it takes: it must not be held to that one's
 * task. pthread_atfork(3) */
static void killed_at_birth(void)
{
    pthread_atfork(NULL, NULL, die_at_birth);
    open_pool(1, (struct pool_options){0});
    struct task lost = {.function = leave_the_first_time,
                        .argument = 7,
                        .callback = count_success,
                        .error_callback = count_error};
    pool_apply(&pool, &lost);
    shared->die_at_birth = 2;
    struct task next = {.function = run, .argument = 8};
    pool_apply(&pool, &next);
    if (shared->die_at_birth != 0)
        fail("two replacements ought to have been killed; %d are left", shared->die_at_birth);
    if (called_back != 0 || called_back_with_error != 1)
        fail("one task was lost: expected 0 + 1 callbacks, got %ld + %ld", called_back,
             called_back_with_error);
    if (shared->runs[7] != 1 || shared->runs[8] != 1 || next.result != 108)
        fail("expected one run of each task and 108, got %d and %d runs, and %ld", shared->runs[7],
             shared->runs[8], next.result);
    end_pool();
    printf("two replacements were killed before they had begun: no task was lost with them\n");
}

/* A process that the task leaves behind has copies of all pipes of the worker. */
static bool leave_a_child_and_crash(long i, long *result)
{
    (void)i, (void)result;
    if (fork() == 0) {
        wait_for(&shared->go_on);
        _exit(EXIT_SUCCESS);
    }
    abort();
}

static void grandchild(void)
{
    open_pool(2, (struct pool_options){0});
    struct task task = {.function = leave_a_child_and_crash};
    pool_apply_async(&pool, &task);
    if (!pool_get(&pool, &task, limit(5000)))
        fail("the end of the worker is not seen as long as its child lives");
    if (task.status != -SIGABRT)
        fail("status %d", task.status);
    sem_post(&shared->go_on);
    end_pool();
    printf("the task failed although a child of its worker lives on\n");
}

/* What waits behind a long task goes to another worker. */
static void behind_a_long_task(void)
{
    open_pool(2, (struct pool_options){0});
    struct task long_task = {.function = meet};
    pool_apply_async(&pool, &long_task);
    submit(1000, run, count_success);
    for (int i = 0; i < 1000; i++)
        if (!pool_get(&pool, &tasks[i], limit(5000)))
            fail("task %d waits behind one that does not end", i);
    if (long_task.state != TASK_PENDING)
        fail("the long task has ended");
    sem_post(&shared->go_on);
    end_pool();
    printf("1000 tasks passed one that did not end\n");
}

enum { MAPPED = 1000, CRASHES = 250, FAILS = 251, LAST_OF_A_CHUNK = 99 };

static bool run_or_crash(long i, long *result)
{
    run(i, result);
    if (i == CRASHES || i == LAST_OF_A_CHUNK)
        abort();
    errno = EDOM;
    return i != FAILS;
}

static void see_map(long from, int error)
{
    long numbers[MAPPED], results[MAPPED];
    for (int i = 0; i < MAPPED; i++) {
        numbers[i] = from + i;
        results[i] = -1;
        shared->runs[from + i] = 0;
    }
    if (pool_map(&pool, run_or_crash, numbers, results, MAPPED, 100) || errno != error)
        fail("map from %ld: %s, not %s", from, strerror(errno), strerror(error));
    for (int i = 0; i < MAPPED; i++) {
        long number = from + i;
        bool is_lost = number == CRASHES || number == FAILS || number == LAST_OF_A_CHUNK;
        if (shared->runs[number] != 1)
            fail("number %ld ran %d times", number, shared->runs[number]);
        if (results[i] != number + 100 && !is_lost)
            fail("the result of %ld is %ld", number, results[i]);
        if (number != FAILS && is_lost && results[i] != 0)
            fail("the result of %ld, which has none, is %ld", number, results[i]);
    }
}

/* The tasks of a chunk are done by one worker, and yet only one of them is lost with it. */
static void crash_in_a_chunk(void)
{
    open_pool(2, (struct pool_options){0});
    see_map(0, ECHILD);       /* 99, the last of a chunk, crashes, 250 too, 251 fails */
    see_map(FAILS, EDOM);     /* 251 fails, and is the first of a chunk */
    see_map(CRASHES, ECHILD); /* 250 crashes, then 251 fails */
    end_pool();
    printf("map: a worker that dies in a chunk loses one task of it\n");
}

/* ---- The parent's waits ---------------------------------------------------------------------- */

static void submit_it_again(struct task *task)
{
    poll(NULL, 0, 1);
    if (called_back == 0)
        pool_apply_async(&pool, task);
}

/* There are news all the time, and never of the task that is waited for. */
static void limit_among_news(void)
{
    open_pool(2, (struct pool_options){0});
    struct task task = {.function = meet};
    pool_apply_async(&pool, &task);
    submit(2000, run, submit_it_again);
    double from = now_ms();
    bool in_time = pool_get(&pool, &task, 50);
    double took = now_ms() - from;
    if (in_time || took < 50 || took > limit(1000)) /* all callbacks take two seconds */
        fail("a limit of 50 ms took %.0f ms", took);
    called_back = 1; /* enough */
    sem_post(&shared->go_on);
    end_pool();
    printf("a limit of 50 ms is over after %.0f ms, whatever else happens\n", took);
}

static int wait_to_go_on(void *argument)
{
    (void)argument;
    wait_for(&shared->go_on);
    return EXIT_SUCCESS;
}

static bool leave_after_a_while(long i, long *result)
{
    poll(NULL, 0, 100);
    return leave_the_first_time(i, result);
}

static volatile sig_atomic_t ends;

static void count_end(int signal_number)
{
    (void)signal_number;
    ends++;
}

/* A worker dies while another child is waited for, with a limit; and somebody counts the ends. */
static void beside_another_child(void)
{
    struct process sister = {0};
    signal(SIGCHLD, count_end);
    open_pool(1, (struct pool_options){0});
    if (!process_start(&sister, "sister", wait_to_go_on, NULL))
        die("process_start");
    struct task first = {.function = run}, task = {.function = leave_after_a_while, .argument = 7};
    pool_apply(&pool, &first);
    pool_apply_async(&pool, &task);
    if (process_join(&sister, 300))
        fail("the sister has ended");
    if (ends == 0)
        fail("the signal of the worker's end has been taken from whoever counts them");
    if (!pool_get(&pool, &task, limit(3000)) || task.status != 7)
        fail("the end of the worker went unnoticed");
    end_pool(); /* although the sister has copies of all pipes */
    sem_post(&shared->go_on);
    process_join(&sister, -1);
    printf("a pool and another child do not disturb each other\n");
}

/* ---- Callbacks ------------------------------------------------------------------------------- */

static void apply_in_callback(struct task *task)
{
    struct task again = {.function = run, .argument = task->argument};
    pool_apply(&pool, &again);
    called_back += again.result == task->result;
}

static struct task chain;
static long links;

static void submit_again(struct task *task)
{
    if (++links < MANY)
        pool_apply_async(&pool, task);
}

static void callback_calls_the_pool(void)
{
    open_pool(WORKERS, (struct pool_options){0});
    submit(5000, run, apply_in_callback);
    for (int i = 0; i < 5000; i++)
        pool_get(&pool, &tasks[i], -1);
    chain = (struct task){.function = run, .callback = submit_again};
    pool_apply_async(&pool, &chain);
    while (links < MANY)
        pool_get(&pool, &chain, -1);
    end_pool();
    if (called_back != 5000)
        fail("%ld callbacks applied", called_back);
    printf("5000 callbacks applied a task each, and one task was submitted %ld times\n", links);
}

/* ---- Beginnings and ends --------------------------------------------------------------------- */

static bool cannot_begin(long argument)
{
    (void)argument;
    shared->starts++;
    return false;
}

static void false_starts(void)
{
    open_pool(WORKERS, (struct pool_options){.initializer = cannot_begin});
    for (int i = 0; i < 2; i++) {
        struct task task = {.function = run};
        pool_apply(&pool, &task);
        if (task.state != TASK_FAILED || task.error != ECHILD)
            fail("task %d: state %d, error %d", i, task.state, task.error);
    }
    end_pool();
    if (shared->starts > 3 * WORKERS)
        fail("%d starts", shared->starts);
    printf("no worker can begin: %d starts, and every task failed\n", shared->starts);
}

static bool get_pid(long i, long *result)
{
    (void)i;
    *result = getpid();
    return true;
}

static void one_task_each(void)
{
    enum { COUNT = 50 };
    static long zeros[COUNT], pids[COUNT];
    open_pool(1, (struct pool_options){.max_tasks_per_child = 1});
    if (!pool_map(&pool, get_pid, zeros, pids, COUNT, 1))
        die("pool_map");
    for (int i = 1; i < COUNT; i++)
        if (pids[i] == pids[i - 1])
            fail("tasks %d and %d were done by the same process", i - 1, i);
    end_pool();
    printf("%d tasks by as many processes, in order\n", COUNT);
}

static void count_and_wait_for_the_last(struct task *task)
{
    count_error(task);
    pool_get(&pool, &tasks[9999], -1);
}

static void terminated(void)
{
    open_pool(WORKERS, (struct pool_options){0});
    submit(10000, meet, count_success);
    tasks[0].error_callback = count_and_wait_for_the_last;
    for (int i = 0; i < WORKERS; i++)
        wait_for(&shared->begun);
    double from = now_ms();
    pool_terminate(&pool);
    if (!pool_join(&pool))
        die("pool_join");
    double took = now_ms() - from;
    for (int i = 0; i < 10000; i++)
        if (tasks[i].state != TASK_FAILED || tasks[i].error != ECANCELED)
            fail("task %d: state %d, error %d", i, tasks[i].state, tasks[i].error);
    if (called_back_with_error != 10000 || took > limit(1000))
        fail("%ld callbacks, %.0f ms", called_back_with_error, took);
    printf("10000 tasks ended in %.0f ms\n", took);
}

enum { MAP_OF = 32 };

static bool run_fail_or_hang(long i, long *result)
{
    run(i, result);
    if (i == MAP_OF - 1) {
        sem_post(&shared->begun);
        wait_for(&shared->go_on);
    }
    errno = EDOM;
    return i > 0;
}

static void terminate_it(struct task *task)
{
    (void)task;
    wait_for(&shared->begun);
    pool_terminate(&pool);
}

/* All numbers but the last have their results when the pool is terminated. */
static void terminated_in_a_chunk(void)
{
    long numbers[MAP_OF], results[MAP_OF];
    for (int i = 0; i < MAP_OF; i++)
        numbers[i] = i;
    open_pool(2, (struct pool_options){0});
    struct task task = {.function = run, .callback = terminate_it};
    pool_apply_async(&pool, &task);
    if (pool_map(&pool, run_fail_or_hang, numbers, results, MAP_OF, MAP_OF) || errno != EDOM)
        fail("map: %s", strerror(errno));
    for (int i = 1; i < MAP_OF; i++)
        if (results[i] != (i < MAP_OF - 1 ? i + 100 : 0))
            fail("the result of %d is %ld", i, results[i]);
    end_pool();
    printf("map, terminated in its last task: the first error, and the results that there are\n");
}

static bool never_end(long i, long *result)
{
    run(i, result);
    while (pause() < 0)
        continue;
    return false;
}

/* However the parent ends, the end of file of this pipe says that no worker is left. */
static void parent_ends_of(int signal_number, bool is_busy)
{
    int alive[2];
    if (pipe(alive) < 0)
        die("pipe");
    pid_t parent = fork();
    if (parent == 0) {
        open_pool(WORKERS, (struct pool_options){0});
        see_full_strength();
        if (is_busy)
            submit(1000, never_end, NULL);
        sem_post(&shared->ready);
        for (;;)
            pause();
    }
    close(alive[1]);
    wait_for(&shared->ready);
    kill(parent, signal_number);
    struct pollfd end = {.fd = alive[0], .events = POLLIN};
    if (poll(&end, 1, limit(5000)) != 1)
        fail("workers are left behind");
    waitpid(parent, NULL, 0);
    close(alive[0]);
}

static void parent_ends(void)
{
    parent_ends_of(SIGKILL, false);
    parent_ends_of(SIGKILL, true);
    parent_ends_of(SIGTERM, true);
    printf("no worker outlives its parent\n");
}

/* In a worker: what is called counts if it is refused with the right reason. */
static bool call_the_pool(long i, long *result)
{
    struct task task = {.function = run, .argument = i};
    *result = !pool_apply_async(&pool, &task) && errno == EDEADLK;
    *result += !pool_get(&pool, &task, -1) && errno == EDEADLK;
    *result += !pool_join(&pool) && errno == EDEADLK;
    pool_terminate(&pool); /* does nothing */
    return true;
}

static void refused(void)
{
    struct pool other;
    struct task task = {.function = run};
    if (pool_open(&pool, 0, (struct pool_options){0}) || errno != EINVAL)
        fail("a pool without workers");
    open_pool(1, (struct pool_options){0});
    if (!pool_open(&other, 1, (struct pool_options){0}) || !pool_apply(&other, &task))
        fail("no second pool");
    pool_close(&other);
    if (!pool_join(&other))
        fail("the second pool does not end");
    struct task inner = {.function = call_the_pool};
    if (!pool_apply(&pool, &inner) || inner.result != 3)
        fail("a task may call its own pool: %ld", inner.result);
    if (pool_join(&pool) || errno != EBUSY)
        fail("join before close");
    pool_close(&pool);
    if (pool_apply_async(&pool, &task) || errno != ESHUTDOWN)
        fail("apply_async after close");
    long number = 0;
    if (pool_map(&pool, run, &number, &number, 1, 1) || errno != ESHUTDOWN)
        fail("map after close");
    end_pool();
    printf("what has to be refused is refused\n");
}

static bool let_them_go(long i, long *result)
{
    for (int waiting = 0; waiting < WORKERS; waiting++)
        sem_post(&shared->go_on);
    return run(i, result);
}

/* Each worker has a task that waits for one more, and nobody is left to begin that one. */
static void starved(void)
{
    open_pool(WORKERS, (struct pool_options){0});
    submit(WORKERS, meet, NULL);
    struct task last = {.function = let_them_go};
    pool_apply_async(&pool, &last);
    if (pool_get(&pool, &last, 50))
        fail("somebody has begun the last one");
    pool_terminate(&pool);
    end_pool();
    if (last.state != TASK_FAILED || last.error != ECANCELED)
        fail("state %d, error %d", last.state, last.error);
    printf("tasks that wait for one of their own pool end with terminate\n");
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"each-once", each_once},
        {"killed-at-random", killed_at_random},
        {"killed-while-idle", killed_while_idle},
        {"exit-in-a-task", exit_in_a_task},
        {"killed-at-birth", killed_at_birth},
        {"grandchild", grandchild},
        {"behind-a-long-task", behind_a_long_task},
        {"crash-in-a-chunk", crash_in_a_chunk},
        {"limit-among-news", limit_among_news},
        {"beside-another-child", beside_another_child},
        {"callback-calls-the-pool", callback_calls_the_pool},
        {"false-starts", false_starts},
        {"one-task-each", one_task_each},
        {"terminated", terminated},
        {"terminated-in-a-chunk", terminated_in_a_chunk},
        {"parent-ends", parent_ends},
        {"refused", refused},
        {"starved", starved},
        {0},
    };
    shared = shared_new(sizeof *shared);
    sem_init(&shared->begun, 1, 0);
    sem_init(&shared->go_on, 1, 0);
    sem_init(&shared->ready, 1, 0);
    return claims_run(argc, argv, claims);
}
