#include "processes/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Messages -------------------------------------------------------------------------------- */

bool pipe_open(int ends[2])
{
    if (pipe(ends) < 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC); /* a task may start another program */
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return true;
}

static bool message_write(int to, const struct message *message)
{
    ssize_t written;
    while ((written = write(to, message, sizeof *message)) < 0 && errno == EINTR)
        continue;
    return written == sizeof *message;
}

bool message_read(int from, struct message *message)
{
    ssize_t got;
    while ((got = read(from, message, sizeof *message)) < 0 && errno == EINTR)
        continue;
    return got == sizeof *message;
}

bool worker_give(int tasks, unsigned long serial, struct task *task)
{
    struct message message = {.serial = serial, .task = task};
    if (task) {
        message.function = task->function;
        message.count = task->count;
        memcpy(message.numbers, task->arguments, (size_t)task->count * sizeof(long));
    }
    return message_write(tasks, &message);
}

/* ---- A task's numbers ------------------------------------------------------------------------ */

static void advance(struct task *task, long count)
{
    task->arguments += count;
    task->results += count;
    task->count -= count;
}

static void fail_first(struct task *task, int error)
{
    if (!task->has_failed)
        task->error = error;
    task->has_failed = true;
}

void task_succeed(struct task *task, const struct message *answer)
{
    memcpy(task->results, answer->numbers, (size_t)answer->done * sizeof(long));
    advance(task, answer->done);
    if (answer->error != 0)
        fail_first(task, answer->error);
}

void task_lose(struct task *task, long count, int error)
{
    memset(task->results, 0, (size_t)count * sizeof(long));
    advance(task, count);
    fail_first(task, error);
}

/* ---- In the worker --------------------------------------------------------------------------- */

static struct worker *self; /* NULL: this process is none */

bool worker_is_here(void)
{
    return self != NULL;
}

/* A process that a task leaves behind must not keep the pipe open, or the parent would see no end
 * of file when the worker dies. pthread_atfork(3) */
static void close_in_child(void)
{
    close(self->own_end);
    self->own_end = -1;
}

static void do_task(struct message *task)
{
    task->begun = true;
    for (long i = 0; i < task->count; i++) {
        long result = 0;
        errno = 0;
        if (!task->function(task->numbers[i], &result) && task->error == 0)
            task->error = errno ? errno : EIO;
        task->numbers[i] = result;
        atomic_store_explicit(&task->done, i + 1, memory_order_release);
    }
}

static int work(void *worker)
{
    self = worker;
    const struct pool_options *options = &self->pool->options;
    const int *tasks = self->pool->tasks;
    struct page *page = self->page;
    long argument = options->initializer_argument, limit = options->max_tasks_per_child;
    close(tasks[1]);
    process_end_with_parent(SIGKILL); /* however the parent ends */
    pthread_atfork(NULL, NULL, close_in_child);
    memset(page, 0, sizeof *page); /* touches it: from now on it is in memory */
    if (options->initializer && !options->initializer(argument))
        return EXIT_FAILURE;
    page->ready = true;
    struct message *task = &page->message;
    for (long done = 0; limit == 0 || done < limit; done++) {
        if (!message_read(tasks[0], task) || task->count == 0)
            break;
        do_task(task);
        message_write(self->own_end, task);
    }
    return EXIT_SUCCESS;
}

/* ---- In the parent --------------------------------------------------------------------------- */

bool worker_start(struct worker *worker)
{
    int ends[2];
    if (!pipe_open(ends))
        return false;
    worker->process = (struct process){0};
    worker->answers = ends[0];
    worker->own_end = ends[1];
    worker->answered = worker->page->message.serial = 0;
    worker->page->ready = false;
    bool started = process_start(&worker->process, "worker", work, worker);
    int error = errno;
    close(ends[1]); /* only the worker keeps it */
    if (!started) {
        close(ends[0]);
        worker->answers = -1;
    }
    errno = error;
    return started;
}

void worker_join(struct worker *worker)
{
    process_join(&worker->process, -1);
    close(worker->answers);
    worker->answers = -1;
}
