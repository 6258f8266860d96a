#include "threads/thread.h"

#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/turns.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

static _Thread_local struct thread *current;

/* The threads that thread_join_all has to join, oldest first. "ring" itself is not a thread: it
 * marks the beginning and the end. */
static struct thread ring = {.previous = &ring, .next = &ring};
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;

static void add_to_ring(struct thread *thread)
{
    pthread_mutex_lock(&ring_lock);
    thread->previous = ring.previous;
    thread->next = &ring;
    thread->previous->next = thread->next->previous = thread;
    pthread_mutex_unlock(&ring_lock);
}

static void remove_from_ring(struct thread *thread)
{
    pthread_mutex_lock(&ring_lock);
    thread->previous->next = thread->next;
    thread->next->previous = thread->previous;
    pthread_mutex_unlock(&ring_lock);
}

void thread_init(struct thread *thread, const char *name, void (*run)(void *), void *argument)
{
    static atomic_int unnamed;
    *thread = (struct thread){.run = run, .argument = argument};
    if (name)
        snprintf(thread->name, sizeof thread->name, "%s", name);
    else
        snprintf(thread->name, sizeof thread->name, "Thread-%d", ++unnamed);
    pthread_mutex_init(&thread->lock, NULL);
    deadline_cond_init(&thread->changed);
}

static void *run_thread(void *argument)
{
    struct thread *thread = argument;
    current = thread;
    thread->run(thread->argument);
    turn_leave();
    pthread_mutex_lock(&thread->lock);
    thread->ended = true;
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
    return NULL;
}

/* The child of a fork has one thread: nobody holds the lock there, and there is nobody to join. */
static void forget_the_others(void)
{
    ring_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    ring.previous = ring.next = &ring;
}

static void prepare_for_fork(void)
{
    pthread_atfork(NULL, NULL, forget_the_others);
}

/* It enters the ring before it runs, and so before any thread that it starts itself. */
bool thread_start(struct thread *thread)
{
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    pthread_once(&prepared, prepare_for_fork);
    pthread_mutex_lock(&thread->lock);
    int error = thread->started ? EALREADY : 0;
    if (error == 0) {
        if (!thread->daemon)
            add_to_ring(thread);
        error = pthread_create(&thread->id, NULL, run_thread, thread);
        thread->started = error == 0;
        if (error != 0 && !thread->daemon)
            remove_from_ring(thread);
    }
    pthread_mutex_unlock(&thread->lock);
    errno = error;
    return error == 0;
}

/* pthread_join cannot time out, so we wait for the thread to announce its end. Called with the lock
 * held, as join_once is. */
static bool wait_for_end(struct thread *thread, struct deadline deadline)
{
    bool in_time = true;
    while (!thread->ended && in_time)
        in_time = deadline_cond_wait(&thread->changed, &thread->lock, deadline);
    return thread->ended;
}

/* The thread has announced its end, and needs the lock no more: pthread_join returns at once. */
static void join_once(struct thread *thread)
{
    if (thread->joined)
        return;
    pthread_join(thread->id, NULL);
    if (!thread->daemon)
        remove_from_ring(thread);
    thread->joined = true;
}

bool thread_join(struct thread *thread, long ms)
{
    int error = 0;
    pthread_mutex_lock(&thread->lock);
    if (!thread->started)
        error = ESRCH;
    else if (thread == current)
        error = EDEADLK;
    else if (!wait_for_end(thread, deadline_in(ms)))
        error = ETIMEDOUT;
    else
        join_once(thread);
    pthread_mutex_unlock(&thread->lock);
    errno = error;
    return error == 0;
}

void thread_run_all(struct thread *threads, int count)
{
    for (int i = 0; i < count; i++)
        if (!thread_start(&threads[i]))
            die("pthread_create");
    turns_play();
    for (int i = 0; i < count; i++)
        thread_join(&threads[i], -1);
}

bool thread_is_alive(struct thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    bool is_alive = thread->started && !thread->ended;
    pthread_mutex_unlock(&thread->lock);
    return is_alive;
}

const char *thread_name(void)
{
    return current ? current->name : "main";
}

/* Oldest first. If a thread joins threads of its own, they have left the ring by the time it has
 * been joined itself: their objects may have been on its stack, which is gone by then. */
void thread_join_all(void)
{
    for (;;) {
        pthread_mutex_lock(&ring_lock);
        struct thread *oldest = ring.next;
        pthread_mutex_unlock(&ring_lock);
        if (oldest == &ring || !thread_join(oldest, -1))
            return; /* whoever calls this must not wait for itself */
    }
}
