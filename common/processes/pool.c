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
    task->state = task->error == 0 ? TASK_SUCCEEDED : TASK_FAILED;
    if (callback_of(task))
        append(&pool->finished, task);
    else
        pool->unfinished--;
}

/* ---- Tasks to the workers, and answers from them --------------------------------------------- */

/* Writes what is waiting, as long as the pipe has room. */
static void hand_out(struct pool *pool)
{
    while (pool->waiting.first && message_give(pool->tasks[1], ++pool->serial, pool->waiting.first))
        pop(&pool->waiting);
}

/* No worker is left, and none will come: all tasks fail, in the pipe and on the waiting list. */
static void give_up(struct pool *pool, int error)
{
    struct pollfd left = {.fd = pool->tasks[0], .events = POLLIN};
    struct message message;
    int ready;
    while ((ready = poll(&left, 1, 0)) != 0)
        if (ready > 0 && message_read(left.fd, &message))
            append(&pool->waiting, message.task);
    while (pool->waiting.first) {
        struct task *task = pop(&pool->waiting);
        task_advance(task, task->count, error);
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
    task_take(&answer);
    finish(pool, answer.task);
    return true;
}

/* Kills the worker, and takes its answers. Returns the task that it was working on; NULL: none. */
static struct task *end_worker(struct pool *pool, struct worker *worker)
{
    const struct message *last = &worker->message;
    process_signal(&worker->process, SIGKILL);
    while (take_answer(pool, worker))
        continue;
    process_join(&worker->process, -1);
    close(worker->answers);
    worker->answers = -1;
    if (last->serial == worker->answered)
        return NULL; /* it was idle */
    task_take(last);
    if (last->task->count > 0)
        return last->task;
    finish(pool, last->task); /* all was done, but the answer not written */
    return NULL;
}

/* The worker has ended, or closed its pipe. If it had begun its task, one number is lost, which
 * nobody may try again. The rest go to another worker. */
static void clear_up_after(struct pool *pool, struct worker *worker)
{
    struct task *task = end_worker(pool, worker);
    worker->false_starts = worker->ready ? 0 : worker->false_starts + 1;
    if (!task)
        return;
    if (worker->message.begun) {
        task->status = process_exitcode(&worker->process);
        task_advance(task, 1, ECHILD);
    }
    if (task->count > 0)
        append(&pool->waiting, task);
    else
        finish(pool, task);
}

/* If the system refuses a process, the next wait tries again. */
static void start_missing_workers(struct pool *pool)
{
    int hopeless = 0;
    for (int i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->false_starts == MOST_FALSE_STARTS)
            hopeless++;
        else if (worker->answers < 0)
            worker_start(worker);
    }
    if (hopeless == pool->worker_count)
        give_up(pool, ECHILD); /* nobody would ever do it */
}

/* ---- The parent waits ------------------------------------------------------------------------ */

/* Waits for an answer or the end of a worker, until the deadline, or until it is time to try again
 * to start a missing one. */
static void wait_for_answers(struct pool *pool, struct deadline deadline)
{
    int ms = deadline_left(deadline);
    for (int i = 0; i < pool->worker_count; i++) {
        pool->polled[i] = (struct pollfd){.fd = pool->workers[i].answers, .events = POLLIN};
        if (pool->workers[i].answers < 0 && (ms < 0 || ms > RETRY_MS))
            ms = RETRY_MS;
    }
    if (poll(pool->polled, (nfds_t)pool->worker_count, ms) <= 0)
        return;
    for (int i = 0; i < pool->worker_count; i++)
        if (pool->polled[i].revents != 0 && !take_answer(pool, &pool->workers[i]))
            clear_up_after(pool, &pool->workers[i]);
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
    for (bool in_time = true;; in_time = deadline_left(deadline) != 0) {
        hand_out(pool);
        call_back(pool, deadline);
        if (task ? task->state != TASK_PENDING : pool->unfinished == 0)
            return true;
        if (!in_time)
            return false;
        start_missing_workers(pool);
        wait_for_answers(pool, deadline);
    }
}

/* ---- What the caller sees -------------------------------------------------------------------- */

bool pool_apply_async(struct pool *pool, struct task *task)
{
    errno = pool->is_copy ? EDEADLK : ESHUTDOWN;
    if (pool->is_copy || pool->closed)
        return false;
    if (task->count == 0) { /* not of a map */
        task->arguments = &task->argument;
        task->results = &task->result;
        task->count = 1;
    }
    task->state = TASK_PENDING;
    task->result = 0;
    task->error = 0;
    pool->unfinished++;
    append(&pool->waiting, task);
    hand_out(pool);
    return true;
}

bool pool_get(struct pool *pool, const struct task *task, long ms)
{
    bool in_time = !pool->is_copy && wait_for(pool, task, deadline_in(ms));
    errno = pool->is_copy ? EDEADLK : ETIMEDOUT;
    return in_time;
}

bool pool_apply(struct pool *pool, struct task *task)
{
    return pool_apply_async(pool, task) && pool_get(pool, task, -1);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

bool pool_open(struct pool *pool, long workers, struct pool_options options)
{
    size_t count = (size_t)workers;
    *pool = (struct pool){.options = options, .worker_count = (int)workers};
    errno = EINVAL;
    if (workers < 1 || pipe(pool->tasks) < 0)
        return false;
    fcntl(pool->tasks[1], F_SETFL, O_NONBLOCK); /* what does not fit the pipe waits here */
    pool->workers = shared_new(count * sizeof *pool->workers);
    pool->polled = calloc(count, sizeof *pool->polled);
    if (!pool->polled)
        die("calloc");
    for (size_t i = 0; i < count; i++)
        pool->workers[i] = (struct worker){.pool = pool, .answers = -1};
    for (size_t i = 0; i < count; i++)
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
    if (pool->is_copy || !pool->workers)
        return;
    pool->closed = true;
    for (int i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        struct task *task = worker->answers < 0 ? NULL : end_worker(pool, worker);
        if (task)
            append(&pool->waiting, task);
    }
    give_up(pool, ECANCELED);
    call_back(pool, deadline_in(-1));
}

bool pool_join(struct pool *pool)
{
    bool would_wait_for_itself = pool->in_callback || pool->is_copy;
    errno = would_wait_for_itself ? EDEADLK : EBUSY;
    if (!pool->closed || would_wait_for_itself)
        return false;
    if (!pool->workers)
        return true; /* once more */
    wait_for(pool, NULL, deadline_in(-1));
    pool_terminate(pool); /* every worker is idle, so nothing is lost */
    close(pool->tasks[0]);
    close(pool->tasks[1]);
    shared_free(pool->workers, (size_t)pool->worker_count * sizeof *pool->workers);
    free(pool->polled);
    pool->workers = NULL;
    return true;
}
