#include "processes/task.h"

#include <stddef.h>
#include <string.h>

void task_list_init(struct task_list *list)
{
    *list = (struct task_list){NULL, &list->first};
}

void task_append(struct task_list *list, struct task *task)
{
    task->next = NULL;
    *list->end = task;
    list->end = &task->next;
}

struct task *task_pop(struct task_list *list)
{
    struct task *task = list->first;
    list->first = task->next;
    if (!list->first)
        list->end = &list->first;
    return task;
}

void (*task_callback(const struct task *task))(struct task *)
{
    return task->state == TASK_SUCCEEDED ? task->callback : task->error_callback;
}

static void fail_first(struct task *task, int error)
{
    if (!task->has_failed)
        task->error = error;
    task->has_failed = true;
}

static void advance(struct task *task, long count)
{
    task->arguments += count;
    task->results += count;
    task->count -= count;
}

void task_succeed(struct task *task, const long *results, long count, int error)
{
    memcpy(task->results, results, (size_t)count * sizeof *results);
    advance(task, count);
    if (error != 0)
        fail_first(task, error);
}

void task_lose(struct task *task, long count, int error)
{
    memset(task->results, 0, (size_t)count * sizeof *task->results);
    advance(task, count);
    fail_first(task, error);
}
