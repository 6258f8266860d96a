/* thread: threading.Thread, with pthreads below.
 * Introduced by lesson 16a.
 *
 * A thread starts once, may be joined many times, with or without a limit of time, and has a name.
 * A program ends with thread_join_all, which waits for all but the daemons.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* The caller's object. It must live until the thread has been joined, and whoever else joins it has
 * returned (at its end the main thread does); a daemon's, and that of a thread that a daemon
 * starts, as long as the process. */
struct thread {
    char name[24];
    bool daemon; /* set before the start, or not at all */

    /* the rest is the module's own */
    void (*run)(void *argument);
    void *argument;
    pthread_t id;
    struct thread *previous, *next;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool started, ended, joining, joined;
};

/* A thread that will run run(argument), and ends when that returns. The name may be NULL:
 * "Thread-1", "Thread-2" and so on. Thread(target=run, args=(argument,), name=name) */
void thread_init(struct thread *thread, const char *name, void (*run)(void *), void *argument);

/* Starts it. Returns false with errno set: EALREADY, it has been started before; EAGAIN, the system
 * has no more threads. Thread.start */
bool thread_start(struct thread *thread);

/* Waits until it has ended, ms at most; -1: without limit. Returns false with errno set: ETIMEDOUT,
 * it still runs; EDEADLK, a thread cannot wait for its own end; ESRCH, it was never started.
 * Thread.join */
bool thread_join(struct thread *thread, long ms);

/* Starts so many threads and joins them all. Ends the program with a message if the system has no
 * thread for one. */
void thread_run_all(struct thread *threads, int count);

/* Whether it has been started and has not ended. Thread.is_alive */
bool thread_is_alive(struct thread *thread);

/* The name of the thread that calls: "main" for one that this module did not start.
 * threading.current_thread().name */
const char *thread_name(void);

/* For the main thread, at its end: joins every thread that has been started and is no daemon,
 * oldest first, also those that are started meanwhile, as Python does. Daemons are abandoned: they
 * end with the process, wherever they are. */
void thread_join_all(void);

#endif
