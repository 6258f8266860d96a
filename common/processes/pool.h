/* pool: multiprocessing.Pool, built on process.h.
 * Introduced by lesson 24b. 24a builds a small one longhand.
 *
 *     apply_async -> waiting list -> the pipe of tasks -> a worker -> its answer -> callback, get
 *
 * No lock is shared, so a worker that dies cannot hold one. The task that it was working on fails,
 * no other does, and a new worker takes its place. Only one thread may use a pool. Callbacks run in
 * that thread, while it waits in pool_get, pool_apply, pool_map or pool_join. (Python has a thread
 * for them.)
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>

enum task_state { TASK_PENDING, TASK_SUCCEEDED, TASK_FAILED };

/* The caller's object: all zero, but for the first four members. It must live until the task has
 * succeeded or failed and its callback has returned. */
struct task {
    bool (*function)(long argument, long *result); /* in a worker; false, with errno: it fails */
    long argument;
    void (*callback)(struct task *task);       /* runs in the parent; NULL: none */
    void (*error_callback)(struct task *task); /* the same for a task that fails */

    enum task_state state;
    long result;
    int error; /* why it failed, as errno says it; ECHILD: its worker has died, or none can begin */
    int status; /* of the worker that died, as process_exitcode gives it */

    /* private to the module: a chunk of a map; both pointers advance with the results */
    const long *arguments;
    long *results;
    long count; /* of numbers without a result */
    struct task *next;
};

struct pool_options {
    bool (*initializer)(long argument); /* called first in each worker; NULL: none */
    long initializer_argument;
    long max_tasks_per_child; /* then a new worker takes its place; 0: without limit */
};

/* private to the module */
struct pool {
    struct pool_options options;
    int worker_count;
    struct worker *workers; /* in shared memory; NULL: the pool has been joined */
    struct pollfd *polled;
    int tasks[2];         /* a pipe; [0] is read by all workers */
    unsigned long serial; /* of the last message */
    struct task_list {
        struct task *first, *last;
    } waiting, finished; /* not in the pipe yet; the callback has not been called yet */
    long unfinished;     /* tasks whose callbacks have not returned yet */
    bool closed, in_callback;
    bool is_copy; /* a worker's: whoever used it would wait for other workers, and they for it */
};

/* Starts this many workers. Returns false with errno set: EINVAL, fewer than one; EMFILE, EAGAIN,
 * no descriptor or process is left. (A worker that has to be replaced later is tried again and
 * again.) If there is no memory, the process ends. Pool.__init__ */
bool pool_open(struct pool *pool, long workers, struct pool_options options);

/* Gives the task to the pool and returns at once. Returns false with errno set: ESHUTDOWN, the pool
 * has been closed; EDEADLK, called by a task, which would wait for itself. Pool.apply_async */
bool pool_apply_async(struct pool *pool, struct task *task);

/* Waits for the task's end, for ms milliseconds at most (-1: without limit) and the end of a
 * callback that runs then. Returns false with errno set: ETIMEDOUT, the task carries on; EDEADLK,
 * called by a task. AsyncResult.get */
bool pool_get(struct pool *pool, const struct task *task, long ms);

/* Both in one. In a callback, the task's own callback comes later: the task must live until then.
 * Pool.apply */
bool pool_apply(struct pool *pool, struct task *task);

/* Fills results with function(arguments[0]) and so on, with 0 where a worker died. A worker gets
 * chunks of this size (0: four for each worker, as in Python), but of 122 numbers at most. Returns
 * false with errno set: the first error; also ESHUTDOWN, EDEADLK. Pool.map */
bool pool_map(struct pool *pool, bool (*function)(long argument, long *result),
              const long *arguments, long *results, long count, long chunk);

/* The pool takes no more tasks from now on, but will do those that it has. Pool.close */
void pool_close(struct pool *pool);

/* Ends the workers at once. Tasks that are not done fail with ECANCELED (in Python, whoever waits
 * for them keeps waiting). Pool.terminate */
void pool_terminate(struct pool *pool);

/* Waits until every task is done, ends the workers, and gives back what the pool took. Returns
 * false with errno set: EBUSY, the pool has not been closed; EDEADLK, a callback would wait for its
 * own end. Pool.join */
bool pool_join(struct pool *pool);

#endif
