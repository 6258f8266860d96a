/* pool: multiprocessing.Pool, with processes below (process.h).
 * Introduced by lesson 24b. 24a builds a small one longhand.
 *
 * A few processes are kept, and are handed one task after another. Each worker has memory of its
 * own that it shares with the parent, and in it a ring of slots:
 *
 *     apply_async -> waiting list -> slot of a worker: WAITING, RUNNING, DONE -> callback, get
 *
 * The parent fills the slots, the worker goes round after it. A slot has one task, or a piece of a
 * chunk of map. No lock is shared, so none is held by a worker that dies; and the slots that it
 * leaves behind tell which task of them it was at: that one fails, those behind it go to other
 * workers, and a new worker takes its place.
 *
 * A pool is for one thread, and the callbacks are called in that thread, while it waits in
 * pool_get, pool_apply, pool_map or pool_join. Python has a thread of its own for that; ours would
 * be one more thread in a process that forks. One pool at a time: that is our shortcut.
 */
#ifndef POOL_H
#define POOL_H

#include "processes/process.h"

#include <stdbool.h>
#include <stddef.h>

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
    long count;   /* of those that have no result yet */
    bool follows; /* the one before it, to the same worker: the chunk */
    bool has_failed;
    struct task *next;
};

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
    struct pool_shared *shared;
    size_t shared_size;
    struct task *waiting, **waiting_end;   /* tasks that no worker has yet */
    struct task *finished, **finished_end; /* tasks whose callbacks have not been called yet */
    long unfinished;                       /* tasks that are not through their callbacks */
    bool closed, terminated, in_callback;
    bool is_short;      /* of workers, as the system had no process for one */
    unsigned ends_seen; /* of children */
};

/* Starts this many workers. Returns false with errno set: EINVAL, fewer than one; EBUSY, there is a
 * pool already; EAGAIN, the system has no more processes. (Later, when a worker has to be replaced,
 * it is asked again and again.) Without memory or descriptors it ends the process with a message.
 * Pool.__init__ */
bool pool_open(struct pool *pool, long workers, struct pool_options options);

/* Gives the task to the pool and returns at once. Returns false with errno set: ESHUTDOWN, the pool
 * has been closed. Pool.apply_async */
bool pool_apply_async(struct pool *pool, struct task *task);

/* Waits until a task that the pool has taken has succeeded or failed, ms at most, or until the
 * callback that is under way then has returned; -1: without limit. Returns false, with errno
 * ETIMEDOUT, when the time is over: the task goes on. AsyncResult.get */
bool pool_get(struct pool *pool, const struct task *task, long ms);

/* Both in one. Returns false if the task was not taken: see apply_async. In a callback, the task's
 * own callback comes after this one: then the task must live until that. Pool.apply */
bool pool_apply(struct pool *pool, struct task *task);

/* Fills results with function(arguments[0]) and so on, 0 where a worker died. The two may be the
 * same array, and may not overlap otherwise. The tasks go to the workers in chunks of this many.
 * Returns false with errno set if one of them failed: the first one's error, or ECHILD if its
 * worker died; ESHUTDOWN and EINVAL: closed, or a chunk of fewer than one; ENOMEM. Pool.map */
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

/* In a worker, its name: "worker-1". In the parent "main". */
const char *pool_worker_name(void);

/* Sends a signal to a worker, from 1 to worker_count: for those who want to see it die. Returns
 * false if there is none at this moment. */
bool pool_kill_worker(struct pool *pool, int number, int signal_number);

#endif
