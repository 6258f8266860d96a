/* worker: one process of a pool (pool.h), and the messages that bring it tasks and return answers.
 * Introduced by lesson 24b.
 *
 * All workers of a pool read one pipe of tasks, as in lesson 24a: whichever is free takes the next
 * one. Each has its own pipe for the answers, and end of file there means that the worker has
 * ended. It reads a task into memory that it shares with the parent, and works there, so when it
 * dies the parent sees which task it was working on, and how far it got.
 */
#ifndef WORKER_H
#define WORKER_H

#include "processes/pool.h"
#include "processes/process.h"

#include <limits.h>
#include <stdatomic.h>

enum { LARGEST_CHUNK = 122 }; /* so many numbers fit a message of 1 KiB */

/* A task on its way to a worker, or back with its results. A write of up to PIPE_BUF bytes goes
 * into a pipe whole (pipe(7)), and all messages have one size, so each is read whole, too. */
struct message {
    unsigned long serial;
    struct task *task;                             /* means something only to the parent */
    bool (*function)(long argument, long *result); /* at the same address in a child */
    long count;                                    /* of numbers */
    atomic_long done; /* how many of them are results by now; the rest are arguments */
    int error;        /* of the first that failed; 0: none has so far */
    atomic_bool begun;
    long numbers[LARGEST_CHUNK];
};
_Static_assert(sizeof(struct message) <= PIPE_BUF, "a message is written whole");

/* It stands in shared memory. */
struct worker {
    struct pool *pool;
    struct process process;
    int answers, own_end;   /* the parent's end of the pipe (-1: there is no worker), and its own */
    unsigned long answered; /* the serial of its last answer */
    int false_starts;       /* how many in a row have died before they were ready */

    /* the worker writes what follows, and the parent reads it when the worker has ended */
    bool ready;             /* the initializer has succeeded */
    struct message message; /* what it has read last; serial 0: nothing yet */
};

/* Waits for a message. Returns false at end of file. */
bool message_read(int from, struct message *message);

/* Puts the task into this pipe, for whichever worker reads it first. Returns false if the pipe is
 * full. */
bool message_give(int tasks, unsigned long serial, struct task *task);

/* The task takes the results of this message: of all its numbers, or of as many as are done. */
void task_take(const struct message *message);

/* So many numbers of the task are done, or lost. It keeps the first error. */
void task_advance(struct task *task, long count, int error);

/* Starts the worker's process. Returns false with errno set: EMFILE, EAGAIN. */
bool worker_start(struct worker *worker);

#endif
