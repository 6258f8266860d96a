#include "processes/pool.h"

#include "processes/shared.h"
#include "processes/worker.h"
#include "stage/deadline.h"
#include "stage/die.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_FALSE_STARTS = 3, RETRY_MS = 100 };

/* ---- Tasks ----------------------------------------------------------------------------------- */

static void append(struct task_list *list, struct task *task)
{
    task->next = NULL;
    if (list->first)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
}

static struct task *pop(struct task_list *list)
{
    struct task *task = list->first;
    list->first = task->next;
    return task;
}

static void (*callback_of(const struct task *task))(struct task *)
{
    return task->state == TASK_SUCCEEDED ? task->callback : task->error_callback;
}

static void finish(struct pool *pool, struct task *task)
{
    task->state = task->has_failed ? TASK_FAILED : TASK_SUCCEEDED;
    if (callback_of(task))
        append(&pool->finished, task);
    else
        pool->unfinished--;
}

/* ---- Tasks to the workers, and answers from them --------------------------------------------- */

/* Writes what is waiting, as long as the pipe has room. */
static void hand_out(struct pool *pool)
{
    while (pool->waiting.first && worker_give(pool->tasks[1], ++pool->serial, pool->waiting.first))
        pop(&pool->waiting);
}

/* There is no worker, so all tasks fail, in the pipe and on the waiting list. */
static void give_up(struct pool *pool, int error)
{
    struct pollfd left = {.fd = pool->tasks[0], .events = POLLIN};
    struct message message;
    int ready;
    while ((ready = poll(&left, 1, 0)) != 0)
        if (ready > 0 && message_read(pool->tasks[0], &message))
            append(&pool->waiting, message.task);
    while (pool->waiting.first) {
        struct task *task = pop(&pool->waiting);
        task_lose(task, task->count, error);
        finish(pool, task);
    }
}

/* Waits for an answer of the worker. Returns false when it has ended. */
static bool take_answer(struct pool *pool, struct worker *worker)
{
    struct message answer;
    if (!message_read(worker->answers, &answer))
        return false;
    worker->answered = answer.serial;
    task_succeed(answer.task, &answer);
    finish(pool, answer.task);
    return true;
}

/* The worker has ended, and all its answers are here. Its page says what it was working on: of that
 * task one number is lost, which nobody may try again, and the rest go to another worker. */
static void clear_up_after(struct pool *pool, struct worker *worker)
{
    const struct message *last = &worker->page->message;
    process_signal(&worker->process, SIGKILL); /* it may only have closed its pipe */
    worker_join(worker);
    worker->false_starts = worker->page->ready ? 0 : worker->false_starts + 1;
    if (last->serial == worker->answered || last->count == 0)
        return; /* it was idle, or dismissed */
    struct task *task = last->task;
    task_succeed(task, last);
    if (task->count > 0 && last->begun && !pool->terminated) {
        task->status = process_exitcode(&worker->process);
        task_lose(task, 1, 0);
    }
    if (task->count > 0)
        append(&pool->waiting, task);
    else
        finish(pool, task);
}

static int workers_at_work(const struct pool *pool)
{
    int count = 0;
    for (int i = 0; i < pool->worker_count; i++)
        count += pool->workers[i].answers >= 0;
    return count;
}

/* Returns true if the system refuses one. */
static bool start_missing_workers(struct pool *pool)
{
    bool is_needed = !pool->terminated && (!pool->closed || pool->unfinished > 0);
    bool is_refused = false;
    for (struct worker *worker = pool->workers; worker < pool->workers + pool->worker_count;
         worker++)
        if (is_needed && worker->answers < 0 && worker->false_starts < MOST_FALSE_STARTS)
            is_refused |= !worker_start(worker);
    if (pool->unfinished > 0 && !is_refused && workers_at_work(pool) == 0)
        give_up(pool, ECHILD); /* nobody would ever do it */
    return is_refused;
}

/* ---- The parent waits ------------------------------------------------------------------------ */

/* Waits for an answer or the end of a worker, or until a missing one is to be tried again. Returns
 * false after the deadline. */
static bool wait_for_answers(struct pool *pool, struct deadline deadline, bool is_missing)
{
    int ms = deadline_left(deadline);
    if (is_missing && (ms < 0 || ms > RETRY_MS))
        ms = RETRY_MS;
    for (int i = 0; i < pool->worker_count; i++)
        pool->polled[i] = (struct pollfd){.fd = pool->workers[i].answers, .events = POLLIN};
    if (poll(pool->polled, (nfds_t)pool->worker_count, ms) > 0)
        for (int i = 0; i < pool->worker_count; i++)
            if (pool->polled[i].revents != 0 && !take_answer(pool, &pool->workers[i]))
                clear_up_after(pool, &pool->workers[i]);
    return deadline_left(deadline) != 0;
}

/* A callback may call the pool: tasks that finish meanwhile are called back after it, not inside
 * it. After the deadline, the rest is left for the next wait. */
static void call_back(struct pool *pool, struct deadline deadline)
{
    while (!pool->in_callback && pool->finished.first) {
        struct task *task = pop(&pool->finished);
        pool->in_callback = true;
        callback_of(task)(task);
        pool->in_callback = false;
        pool->unfinished--;
        if (deadline_left(deadline) == 0)
            break;
    }
}

/* Waits for this task, or for all of them (NULL). */
static bool wait_for(struct pool *pool, const struct task *task, struct deadline deadline)
{
    for (bool in_time = true;;) {
        bool is_missing = start_missing_workers(pool);
        hand_out(pool);
        call_back(pool, deadline);
        if (task ? task->state != TASK_PENDING : pool->unfinished == 0)
            return true;
        if (!in_time)
            return false;
        in_time = wait_for_answers(pool, deadline, is_missing);
    }
}

/* ---- What the caller sees -------------------------------------------------------------------- */

/* A worker has a copy of the pool. It would wait for the other workers, and they for it. */
bool pool_apply_async(struct pool *pool, struct task *task)
{
    errno = worker_is_here() ? EDEADLK : ESHUTDOWN;
    if (worker_is_here() || pool->closed)
        return false;
    if (task->count == 0) { /* not of a map */
        task->arguments = &task->argument;
        task->results = &task->result;
        task->count = 1;
    }
    task->state = TASK_PENDING;
    task->has_failed = false;
    task->error = 0;
    pool->unfinished++;
    append(&pool->waiting, task);
    hand_out(pool);
    return true;
}

bool pool_get(struct pool *pool, const struct task *task, long ms)
{
    bool in_time = !worker_is_here() && wait_for(pool, task, deadline_in(ms));
    errno = worker_is_here() ? EDEADLK : ETIMEDOUT;
    return in_time;
}

bool pool_apply(struct pool *pool, struct task *task)
{
    return pool_apply_async(pool, task) && pool_get(pool, task, -1);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static void make_workers(struct pool *pool, size_t count)
{
    pool->worker_count = (int)count;
    pool->pages = shared_new(count * sizeof *pool->pages);
    pool->polled = calloc(count, sizeof *pool->polled);
    pool->workers = calloc(count, sizeof *pool->workers);
    if (!pool->polled || !pool->workers)
        die("calloc");
    for (size_t i = 0; i < count; i++)
        pool->workers[i] = (struct worker){.pool = pool, .page = &pool->pages[i], .answers = -1};
}

bool pool_open(struct pool *pool, long workers, struct pool_options options)
{
    errno = worker_is_here() ? EBUSY : EINVAL;
    if (worker_is_here() || workers < 1 || options.max_tasks_per_child < 0)
        return false;
    *pool = (struct pool){.options = options};
    if (!pipe_open(pool->tasks))
        return false;
    fcntl(pool->tasks[1], F_SETFL, O_NONBLOCK); /* what does not fit the pipe waits here */
    make_workers(pool, (size_t)workers);
    for (int i = 0; i < pool->worker_count; i++)
        if (!worker_start(&pool->workers[i])) {
            int error = errno;
            pool_terminate(pool);
            pool_join(pool);
            errno = error;
            return false;
        }
    return true;
}

void pool_close(struct pool *pool)
{
    pool->closed = true;
}

void pool_terminate(struct pool *pool)
{
    if (worker_is_here() || !pool->workers)
        return; /* its sisters are not its children; it has been joined */
    pool->closed = pool->terminated = true;
    for (int i = 0; i < pool->worker_count; i++) /* SIGTERM can be blocked */
        process_signal(&pool->workers[i].process, SIGKILL);
    for (int i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->answers < 0)
            continue;
        while (take_answer(pool, worker))
            continue;
        clear_up_after(pool, worker);
    }
    give_up(pool, ECANCELED);
    call_back(pool, deadline_in(-1));
}

/* Each worker takes one message that says that no more will come. (Not the end of file: a child of
 * the parent may have a copy of the pipe.) The pipe may have no room for all of them at once. */
static void dismiss(struct pool *pool)
{
    while (workers_at_work(pool) > 0) {
        for (int i = workers_at_work(pool); i > 0 && worker_give(pool->tasks[1], 0, NULL); i--)
            continue;
        wait_for_answers(pool, deadline_in(-1), false);
    }
}

bool pool_join(struct pool *pool)
{
    bool would_wait_for_itself = pool->in_callback || worker_is_here();
    errno = would_wait_for_itself ? EDEADLK : EBUSY;
    if (!pool->closed || would_wait_for_itself)
        return false;
    if (!pool->workers)
        return true; /* once more */
    wait_for(pool, NULL, deadline_in(-1));
    dismiss(pool);
    close(pool->tasks[0]);
    close(pool->tasks[1]);
    shared_free(pool->pages, (size_t)pool->worker_count * sizeof *pool->pages);
    free(pool->polled);
    free(pool->workers);
    *pool = (struct pool){.closed = true};
    return true;
}
