/* task: what a pool has to do (pool.h), and the lists in which tasks wait.
 * Introduced by lesson 24b.
 */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>

enum task_state { TASK_PENDING, TASK_SUCCEEDED, TASK_FAILED };

/* The caller's object. It must live until the task has succeeded or failed and its callback has
 * returned. The caller sets the first five members. */
struct task {
    bool (*function)(long argument, long *result); /* in a worker; false, with errno: it fails */
    long argument;
    void (*callback)(struct task *task);       /* runs in the parent; NULL: none */
    void (*error_callback)(struct task *task); /* the same for a task that fails */
    void *data;                                /* whatever the callback needs to know */

    enum task_state state;
    long result;
    int error;  /* why it failed, as errno says it; 0: its worker has died */
    int status; /* of the worker that died, as process_exitcode gives it */

    /* private to the module: for map, a piece of a chunk; the pointers advance with the results */
    const long *arguments;
    long *results;
    long count; /* of numbers without a result */
    bool has_failed;
    struct task *next;
};

struct task_list {
    struct task *first, **end;
};

void task_list_init(struct task_list *list);
void task_append(struct task_list *list, struct task *task);
/* Removes the first one from a list that is not empty. */
struct task *task_pop(struct task_list *list);

/* The callback for its state; NULL: none. */
void (*task_callback(const struct task *task))(struct task *task);

/* Its next count numbers have their results; error: of the first that failed, 0: none has. */
void task_succeed(struct task *task, const long *results, long count, int error);

/* Its next count numbers will never have a result. The task fails with this error (0: its worker
 * has died), unless it had one before. */
void task_lose(struct task *task, long count, int error);

#endif
