/* task: what a pool is given to do (pool.h), and the lists in which it waits.
 * Introduced by lesson 24b.
 */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>

enum task_state { TASK_PENDING, TASK_SUCCEEDED, TASK_FAILED };

/* The caller's object. It must live until the task has succeeded or failed and its callback has
 * been called; the caller sets the first five. */
struct task {
    bool (*function)(long argument, long *result); /* in a worker; false, with errno: it fails */
    long argument;
    void (*callback)(struct task *task);       /* in the parent; NULL: none */
    void (*error_callback)(struct task *task); /* the same for a task that fails */
    void *data;                                /* whatever its owner wants to find in a callback */

    enum task_state state;
    long result;
    int error;  /* why it failed, as errno says it; 0: its worker has died */
    int status; /* of the worker that died, as process_exitcode gives it */

    /* the rest is the module's own */
    /* in map it stands for a piece of a chunk; these go forward as results come in */
    const long *arguments;
    long *results;
    long count; /* of those that have no result yet */
    bool has_failed;
    struct task *next;
};

struct task_list {
    struct task *first, **end;
};

void task_list_init(struct task_list *list);
void task_append(struct task_list *list, struct task *task);
/* Takes the first one out of a list that is not empty. */
struct task *task_pop(struct task_list *list);

/* The callback that its state asks for; NULL: none. */
void (*task_callback(const struct task *task))(struct task *task);

/* So many of its numbers have results; error: of the first that failed, 0: none has. */
void task_succeed(struct task *task, const long *results, long count, int error);

/* So many of its numbers have no result, and will have none. The task has failed, with this error;
 * 0: its worker has died. The first error counts. */
void task_lose(struct task *task, long count, int error);

#endif
