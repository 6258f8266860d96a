/* thread: threading.Thread, built on pthreads.
 * Introduced by lesson 16a.
 *
 * pthread_join(3) may be called once, and has no time limit. So a thread is detached, and says
 * itself that it has ended, as in CPython until 3.12.
 *
 * threads/ has what lesson 16 teaches once and later ones use again.
 */
#ifndef THREAD_H
#define THREAD_H

#include <stdbool.h>

/* The caller's object. It must live until every join of the thread has returned; a daemon's, and
 * that of any thread started by a daemon, as long as the process. */
struct thread {
    char name[24];
    bool daemon; /* set before the start, or not at all */

    /* private to the module */
    void (*run)(void *argument);
    void *argument;
    enum { THREAD_NEW, THREAD_RUNNING, THREAD_ENDED } state;
};

/* Prepares a thread that will call run(argument) and end when that returns. NULL: it is called
 * "Thread-1", "Thread-2" and so on. Thread(target=run, args=(argument,), name=name) */
void thread_init(struct thread *thread, const char *name, void (*run)(void *), void *argument);

/* Starts it. Returns false with errno set: EALREADY, it was started before; EAGAIN, the system has
 * no more threads. Thread.start */
bool thread_start(struct thread *thread);

/* Waits until it has ended, for ms milliseconds at most (-1: without limit). Returns false with
 * errno set: ETIMEDOUT, it is still running; EDEADLK, a thread cannot wait for its own end; ESRCH,
 * it was never started. Thread.join */
bool thread_join(struct thread *thread, long ms);

/* Starts count threads, gives turns to those who take any (turns.h), and joins them all; or ends
 * the program with a message. */
void thread_run_all(struct thread *threads, int count);

/* Whether it has been started and has not ended. Thread.is_alive */
bool thread_is_alive(struct thread *thread);

/* The name of the calling thread: "main" for one that this module did not start.
 * threading.current_thread().name */
const char *thread_name(void);

/* For the main thread, at its end: waits until every thread that has been started and is not a
 * daemon has ended, also those that are started meanwhile, as Python does. */
void thread_join_all(void);

#endif
