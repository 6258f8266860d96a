/* worker: one process of a pool (pool.h), and the messages by which it gets tasks and gives answers.
 * Introduced by lesson 24b.
 *
 * All workers of a pool read one pipe of tasks, as in lesson 24a: whoever is free takes the next one.
 * Each has a pipe of its own for the answers, and the end of file there is the worker's end. It reads
 * a task into a page that the parent sees as well, and works there, so when it dies the page says
 * which task it was at, and how far it came.
 */
#ifndef WORKER_H
#define WORKER_H

#include "processes/pool.h"
#include "processes/process.h"

#include <limits.h>
#include <stdatomic.h>

enum { PIECE = 122 }; /* so many numbers of a map go in one message: it has 1 KiB */

/* A task on its way to a worker, or back with its results. All messages are of one size, and a write
 * of up to PIPE_BUF bytes goes into a pipe whole: pipe(7). So each is read whole, too. */
struct message {
    unsigned long serial;
    struct task *task;                             /* for the parent alone */
    bool (*function)(long argument, long *result); /* a child has it at the same address */
    long count;                                    /* of numbers; 0: no more tasks will come */
    atomic_long done; /* so many of them are results by now, the rest are arguments */
    int error;        /* of the first that failed; 0: none has so far */
    atomic_bool begun;
    long numbers[PIECE];
};
_Static_assert(sizeof(struct message) <= PIPE_BUF, "a message is written whole");

struct page {
    atomic_bool ready;      /* the worker has been through the initializer */
    struct message message; /* what it read last; serial 0: nothing so far */
};

struct worker {
    struct process process;
    int answers; /* the parent's end of the pipe; -1: there is no worker */
    struct page *page;
    unsigned long answered; /* the serial of its last answer */
    int false_starts;       /* how often it has died before it was ready, one after the other */
};

/* Waits for a message. Returns false when there will be none. */
bool message_read(int from, struct message *message);

/* Whether the process that calls is a worker. */
bool worker_is_here(void);

/* Starts its process, which takes its tasks from this pipe. Returns false with errno set: EMFILE,
 * EAGAIN. */
bool worker_start(struct worker *worker, const int tasks[2], const struct pool_options *options);

/* Puts a task into this pipe, for whichever worker reads it; NULL: no more will come. Returns false
 * if the pipe is full. */
bool worker_give(int tasks, unsigned long serial, struct task *task);

/* Waits until it has ended, and closes its pipe. Its page and its exit code can be read then. */
void worker_join(struct worker *worker);

#endif
