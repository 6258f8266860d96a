#include "processes/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Messages -------------------------------------------------------------------------------- */

bool message_read(int from, struct message *message)
{
    ssize_t got;
    while ((got = read(from, message, sizeof *message)) < 0 && errno == EINTR)
        continue;
    return got == sizeof *message;
}

static bool message_write(int to, const struct message *message)
{
    ssize_t written;
    while ((written = write(to, message, sizeof *message)) < 0 && errno == EINTR)
        continue;
    return written == sizeof *message;
}

bool message_give(int tasks, unsigned long serial, struct task *task)
{
    struct message message = {.serial = serial, .task = task, .count = task->count};
    message.function = task->function;
    memcpy(message.numbers, task->arguments, (size_t)task->count * sizeof(long));
    return message_write(tasks, &message);
}

void task_advance(struct task *task, long count, int error)
{
    task->arguments += count;
    task->results += count;
    task->count -= count;
    if (task->error == 0)
        task->error = error;
}

void task_take(const struct message *message)
{
    memcpy(message->task->results, message->numbers, (size_t)message->done * sizeof(long));
    task_advance(message->task, message->done, message->error);
}

/* ---- In the worker --------------------------------------------------------------------------- */

static int own_end;

/* What a task leaves behind, a process or another program, must not keep the pipe open, or the
 * parent would see no end of file when the worker dies. pthread_atfork(3), FD_CLOEXEC */
static void close_in_child(void)
{
    close(own_end);
    own_end = -1;
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
    fflush(stdout); /* the parent ends an idle worker with SIGKILL */
}

static int work(void *worker)
{
    struct worker *self = worker;
    const struct pool_options *options = &self->pool->options;
    const int *tasks = self->pool->tasks;
    long argument = options->initializer_argument;
    long limit = options->max_tasks_per_child;
    self->pool->is_copy = true;
    own_end = self->own_end;
    close(tasks[1]);
    process_end_with_parent(SIGKILL); /* however the parent ends */
    pthread_atfork(NULL, NULL, close_in_child);
    fcntl(own_end, F_SETFD, FD_CLOEXEC);
    if (options->initializer && !options->initializer(argument))
        return EXIT_FAILURE;
    self->ready = true;
    struct message *task = &self->message;
    memset(task, 0, sizeof *task); /* touches it: from now on it is in memory */
    for (long done = 0; limit == 0 || done < limit; done++) {
        if (!message_read(tasks[0], task))
            break;
        do_task(task);
        message_write(own_end, task);
    }
    return EXIT_SUCCESS;
}

/* ---- In the parent --------------------------------------------------------------------------- */

bool worker_start(struct worker *worker)
{
    int ends[2];
    if (pipe(ends) < 0)
        return false;
    worker->process = (struct process){0};
    worker->own_end = ends[1];
    worker->answered = worker->message.serial = 0;
    worker->ready = false;
    bool started = process_start(&worker->process, "worker", work, worker);
    int error = errno;
    close(ends[1]); /* only the worker keeps it */
    if (started)
        worker->answers = ends[0];
    else
        close(ends[0]);
    errno = error;
    return started;
}
