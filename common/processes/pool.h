/* pool: multiprocessing.Pool, built on process.h.
 * Introduced by lesson 24b. 24a builds a small one longhand.
 *
 * A few processes are started once, and get one task after another, as messages:
 *
 *     apply_async -> waiting list -> the pipe of tasks -> a worker -> its answer -> callback, get
 *
 * No lock is shared, so a worker that dies cannot hold one. The task that it was working on fails,
 * no other does, and a new worker takes its place.
 *
 * Only one thread may use a pool. Callbacks run in that thread, while it waits in pool_get,
 * pool_apply, pool_map or pool_join. (Python has a separate thread for them.)
 */
#ifndef POOL_H
#define POOL_H

#include "processes/task.h"

struct pool_options {
    bool (*initializer)(long argument); /* called first in each worker; NULL: none */
    long initializer_argument;
    long max_tasks_per_child; /* then the worker ends, and a new one is started; 0: without limit */
};

struct pool {
    struct pool_options options;
    int worker_count;

    /* private to the module */
    struct worker *workers; /* NULL: the pool has been joined */
    struct page *pages;
    struct pollfd *polled;
    int tasks[2];              /* a pipe; [0] is read by all workers */
    unsigned long serial;      /* of the last message */
    struct task_list waiting;  /* tasks that are not in the pipe yet */
    struct task_list finished; /* tasks whose callbacks have not been called yet */
    long unfinished;           /* tasks whose callbacks have not returned yet */
    bool closed, terminated, in_callback;
    bool is_short; /* of workers: at least one has to be started */
};

/* Starts this many workers. Returns false with errno set: EINVAL, fewer than one; EBUSY, called
 * by a worker; EMFILE, no descriptor for a worker's pipe; EAGAIN, the system has no more processes.
 * (Later, when a worker has to be replaced, the pool keeps trying.) If there is no memory, the
 * process ends with a message. Pool.__init__ */
bool pool_open(struct pool *pool, long workers, struct pool_options options);

/* Gives the task to the pool and returns at once. Returns false with errno set: ESHUTDOWN, the pool
 * has been closed; EDEADLK, called by a task of the pool, which would wait for its own worker.
 * Pool.apply_async */
bool pool_apply_async(struct pool *pool, struct task *task);

/* Waits until the task has succeeded or failed, for ms milliseconds at most (-1: without limit), or
 * until the end of a callback that is running then. Returns false with errno set: ETIMEDOUT, the
 * task carries on; EDEADLK, called by a task of the pool. AsyncResult.get */
bool pool_get(struct pool *pool, const struct task *task, long ms);

/* Both in one. Returns false if the task was not taken: see apply_async. In a callback, the
 * task's own callback comes later, and the task must live until then. Pool.apply */
bool pool_apply(struct pool *pool, struct task *task);

/* Fills results with function(arguments[0]) and so on, with 0 where a worker died. The two may be
 * the same array, but may not overlap otherwise. The tasks go to the workers in chunks of this
 * size; 0: in four chunks for each worker, as in Python. Returns false with errno set: the first
 * error of a task, or ECHILD if its worker died; also ESHUTDOWN, EDEADLK, ENOMEM. Pool.map */
bool pool_map(struct pool *pool, bool (*function)(long argument, long *result),
              const long *arguments, long *results, long count, long chunk);

/* The pool takes no more tasks from now on, but will do those that it has. Pool.close */
void pool_close(struct pool *pool);

/* Ends the workers at once. Tasks that are not done fail with ECANCELED; in Python, whoever waits
 * for them keeps waiting. Pool.terminate */
void pool_terminate(struct pool *pool);

/* Waits until every task is done and every worker has ended, and gives back what the pool took.
 * Returns false with errno set: EBUSY, the pool has not been closed; EDEADLK, a callback would wait
 * for its own end. Pool.join */
bool pool_join(struct pool *pool);

/* For pool_map: whether the pool takes tasks (errno says why not), and a task with its numbers. */
bool pool_takes_tasks(const struct pool *pool);
void pool_submit(struct pool *pool, struct task *task);

#endif
