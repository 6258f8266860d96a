/* workers: a number of processes that all do the same; each is replaced when it ends.
 * Introduced by lesson 25a.
 *
 * A worker has a place, counted from 0, which its successor inherits, and a number, which it gets
 * with its first client: the first to serve is worker-1. A signal simply ends it, and so does the
 * end of its parent.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <sys/types.h>

enum { MOST_WORKERS = 1000 };

/* Makes what the parent, its workers and the demo's clients share, before any of them is forked. */
void workers_prepare(void);

/* Keeps count workers running until a signal asks to stop (stop.h), then ends them. If one ends
 * without a client, or cannot be forked, the next start comes after a pause: 100 ms, doubled each
 * time, 5 s at most, until one that had a client ends. work gets its place, and never returns. */
void workers_run(int count, void (*work)(int place));

/* In a worker: accepts the next client, however often it has to try. net.h */
int workers_accept(int listener);

/* In a worker that has accepted a client: returns the client's number. */
int workers_count_client(int place);

/* "worker-2", or "a worker" before its first client. The text lives until the end of the full
 * expression. */
struct workers_name {
    char text[32];
};
struct workers_name workers_name(int place);

/* The place and the process of the worker with this number. If there is none, the process ends with
 * a message. */
int workers_place(int number);
pid_t workers_pid(int number);

#endif
