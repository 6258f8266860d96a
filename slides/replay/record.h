/* record: the memory in which all threads and processes of a demo write down what they do.
 *
 * A file that each of them has mapped: a record is complete or is not there, whoever is killed in
 * between, and no descriptor is open that the lesson could miss. Each record is one line of text:
 * who (a number for each thread of each process), what, its operands, and from where it was called
 * (return addresses, the innermost first), with a tab in between.
 */
#ifndef RECORD_H
#define RECORD_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { RECORDS = 100000, RECORD_BYTES = 480, TASKS = 2000 };

struct records {
    sem_t request;            /* posted by whoever wants to say a line */
    atomic_uint count, tasks; /* how many there are; more than RECORDS and TASKS are not kept */
    atomic_int waiters;       /* who wait for a lock or a condition */
    ino_t transcript;         /* the file that gets the lines of the demo */
    struct task {
        atomic_int state; /* of enum task_state */
        atomic_int pid, tid;
        atomic_int wants_to_speak;
        sem_t may_speak;
    } task[TASKS];
    struct record {
        atomic_int is_complete;
        char text[RECORD_BYTES];
    } record[RECORDS];
};

enum task_state { NOBODY, EXPECTED, ALIVE, ENDED };

/* The variable of the environment that names the file; play.c sets it. */
#define RECORD_FILE "REPLAY_RECORD"

/* A task is a thread of a process. Its number is asked for by whoever starts it. */
int record_new_task(void);
void record_become(int task);
void record_no_task(int task); /* it could not be started */

/* Returns when every other task is at rest: blocked in a call, or gone. So what a line sets going
 * has happened before the next one, whatever the clock says. See conductor.c. */
void record_wait_for_rest(void);

/* The same after the start of a task, and after a semaphore, where luck would decide which of
 * several goes on first; not after more than a few hundred. */
void record_wait_for_start(int started);
void record_wait_for_turn(void);

/* Whether what is written to standard output is a line of the demo: a program that it has started
 * may write elsewhere. */
bool record_is_on_stage(void);

/* Writes a record; keeps errno. frame is __builtin_frame_address(0) of the function that stands in
 * for the call. */
void record(void *frame, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Unlocks and signals are written down only while somebody waits for one. */
void record_waiter(int one_more_or_less);
void record_release(void *frame, const char *how, const void *object);

/* What a descriptor is connected to: "stream INODE LOCAL PEER", "datagram ...", "pipe INODE - -" or
 * "other". Lives until the end of the full expression. */
struct record_object {
    char text[280];
};
struct record_object record_object(int fd);

/* The first bytes, with %XX for those that cannot be printed. */
struct record_bytes {
    char text[100];
};
struct record_bytes record_bytes(const void *data, ssize_t length);

/* An address as "IP:PORT", a path, or "-" */
struct record_address {
    char text[112];
};
struct record_address record_address(const void *address, unsigned length);

#endif
