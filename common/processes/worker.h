/* worker: one process of a pool (pool.h), and the messages that bring it tasks and return answers.
 * Introduced by lesson 24b.
 *
 * All workers of a pool read one pipe of tasks, as in lesson 24a: whichever is free takes the next
 * one. Each has its own pipe for the answers, and end of file there means that the worker has
 * ended. It reads a task into a page that it shares with the parent, and works there, so when it
 * dies the page says which task it was working on, and how far it got.
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
    long count;                                    /* of numbers; 0: no more tasks will come */
    atomic_long done; /* how many of them are results by now; the rest are arguments */
    int error;        /* of the first that failed; 0: none has so far */
    atomic_bool begun;
    long numbers[LARGEST_CHUNK];
};
_Static_assert(sizeof(struct message) <= PIPE_BUF, "a message is written whole");

struct page {
    atomic_bool ready;      /* the initializer has succeeded */
    struct message message; /* what it has read last; serial 0: nothing yet */
};

struct worker {
    struct process process;
    const struct pool *pool;
    struct page *page;
    int answers, own_end;   /* the parent's end of the pipe (-1: there is no worker), and its own */
    unsigned long answered; /* the serial of its last answer */
    int false_starts;       /* how many in a row have died before they were ready */
};

/* pipe(2), but another program that a process starts gets no copy. */
bool pipe_open(int ends[2]);

/* Waits for a message. Returns false at end of file. */
bool message_read(int from, struct message *message);

/* The task takes the results of this answer, which may be a part of its own, and the error. */
void task_succeed(struct task *task, const struct message *answer);

/* Its next count numbers will never have a result. The task fails with this error (0: its worker
 * has died), unless it had one before. */
void task_lose(struct task *task, long count, int error);

/* Whether the calling process is a worker. */
bool worker_is_here(void);

/* Starts the worker's process. Returns false with errno set: EMFILE, EAGAIN. */
bool worker_start(struct worker *worker);

/* Puts a task into this pipe, for whichever worker reads it first; NULL: no more will come. Returns
 * false if the pipe is full. */
bool worker_give(int tasks, unsigned long serial, struct task *task);

/* Waits until it has ended, and closes its pipe. After that its page and exit code can be read. */
void worker_join(struct worker *worker);

#endif
