/* pool: multiprocessing.Pool, with processes below (process.h).
 * Introduced by lesson 24b. 24a builds a small one longhand.
 *
 * A few processes are kept, and are handed one task after another, as messages:
 *
 *     apply_async -> waiting list -> the pipe of tasks -> a worker -> its answer -> callback, get
 *
 * No lock is shared, so none is held by a worker that dies. The task that it was at fails, and no
 * other does; a new worker takes its place.
 *
 * A pool is for one thread, and the callbacks are called in that thread, while it waits in
 * pool_get, pool_apply, pool_map or pool_join. Python has a thread of its own for that; ours would
 * be one more thread in a process that forks.
 */
#ifndef POOL_H
#define POOL_H

#include "processes/task.h"

struct pool_options {
    bool (*initializer)(long argument); /* in each worker, first of all; NULL: none */
    long initializer_argument;
    long max_tasks_per_child; /* then the worker ends, and a new one is started; 0: without limit */
};

struct pool {
    struct pool_options options;
    int worker_count;

    /* the rest is the module's own */
    struct worker *workers; /* NULL: the pool has been joined */
    struct page *pages;
    struct pollfd *polled;
    int tasks[2];              /* a pipe; [0] is read by all workers */
    unsigned long serial;      /* of the last message */
    struct task_list waiting;  /* tasks that are not in the pipe yet */
    struct task_list finished; /* tasks whose callbacks have not been called yet */
    long unfinished;           /* tasks that are not through their callbacks */
    bool closed, terminated, in_callback;
    bool is_short; /* of workers: one has to be started */
};

/* Starts this many workers. Returns false with errno set: EINVAL, fewer than one; EBUSY, a worker asks,
 * which has no pool of its own; EMFILE, each takes a descriptor; EAGAIN, the system has no more processes. (Later, when a worker has to be replaced,
 * it is asked again and again.) Without memory it ends the process with a message. Pool.__init__ */
bool pool_open(struct pool *pool, long workers, struct pool_options options);

/* Gives the task to the pool and returns at once. Returns false with errno set: ESHUTDOWN, the pool
 * has been closed; EDEADLK, a task of the pool asks: it would wait for its own worker.
 * Pool.apply_async */
bool pool_apply_async(struct pool *pool, struct task *task);

/* Waits until a task that the pool has taken has succeeded or failed, ms at most, or until the
 * callback that is under way then has returned; -1: without limit. Returns false with errno set:
 * ETIMEDOUT, the time is over, and the task goes on; EDEADLK, a task of the pool asks.
 * AsyncResult.get */
bool pool_get(struct pool *pool, const struct task *task, long ms);

/* Both in one. Returns false if the task was not taken: see apply_async. In a callback, the task's
 * own callback comes after this one: then the task must live until that. Pool.apply */
bool pool_apply(struct pool *pool, struct task *task);

/* Fills results with function(arguments[0]) and so on, 0 where a worker died. The two may be the
 * same array, and may not overlap otherwise. The tasks go to the workers in chunks of this many; 0:
 * in four chunks for each worker, as in Python. Returns false with errno set if one of them failed:
 * the first one's error, or ECHILD if its worker died; also ESHUTDOWN, EDEADLK, ENOMEM. Pool.map */
bool pool_map(struct pool *pool, bool (*function)(long argument, long *result),
              const long *arguments, long *results, long count, long chunk);

/* No more tasks from now on; those that it has are done. Pool.close */
void pool_close(struct pool *pool);

/* Ends the workers at once. Tasks that are not done fail with ECANCELED; Python leaves who waits
 * for them waiting. Pool.terminate */
void pool_terminate(struct pool *pool);

/* Waits until every task is done and every worker has ended, and gives back what the pool took.
 * Returns false with errno set: EBUSY, the pool has not been closed; EDEADLK, a callback would wait
 * for its own end. Pool.join */
bool pool_join(struct pool *pool);

/* For pool_map: whether tasks may come, with errno set if not; and one that has its numbers. */
bool pool_takes_tasks(const struct pool *pool);
void pool_submit(struct pool *pool, struct task *task);

#endif
