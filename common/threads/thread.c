#include "threads/thread.h"

#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/turns.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static _Thread_local struct thread *current;

/* One lock guards the state of all threads, and one condition tells of each change. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;

static int unfinished; /* threads that are no daemons */

void thread_init(struct thread *thread, const char *name, void (*run)(void *), void *argument)
{
    static atomic_int unnamed;
    *thread = (struct thread){.run = run, .argument = argument};
    if (name)
        snprintf(thread->name, sizeof thread->name, "%s", name);
    else
        snprintf(thread->name, sizeof thread->name, "Thread-%d", ++unnamed);
}

static void *run_thread(void *argument)
{
    struct thread *thread = argument;
    current = thread;
    thread->run(thread->argument);
    turn_leave();
    pthread_mutex_lock(&lock);
    thread->state = THREAD_ENDED;
    if (!thread->daemon)
        unfinished--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void prepare(void)
{
    deadline_cond_init(&changed);
}

bool thread_start(struct thread *thread)
{
    static pthread_once_t is_prepared = PTHREAD_ONCE_INIT;
    pthread_t id;
    int error = EALREADY;
    pthread_once(&is_prepared, prepare);
    pthread_mutex_lock(&lock);
    if (thread->state == THREAD_NEW)
        error = pthread_create(&id, NULL, run_thread, thread);
    if (error == 0) {
        pthread_detach(id);
        thread->state = THREAD_RUNNING;
        if (!thread->daemon)
            unfinished++;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return error == 0;
}

/* Called with the lock held. */
static bool wait_for_end(struct thread *thread, struct deadline deadline)
{
    bool in_time = true;
    while (thread->state == THREAD_RUNNING && in_time)
        in_time = deadline_cond_wait(&changed, &lock, deadline);
    return thread->state == THREAD_ENDED;
}

bool thread_join(struct thread *thread, long ms)
{
    int error = 0;
    pthread_mutex_lock(&lock);
    if (thread->state == THREAD_NEW)
        error = ESRCH;
    else if (thread == current)
        error = EDEADLK;
    else if (!wait_for_end(thread, deadline_in(ms)))
        error = ETIMEDOUT;
    pthread_mutex_unlock(&lock);
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
    pthread_mutex_lock(&lock);
    bool is_alive = thread->state == THREAD_RUNNING;
    pthread_mutex_unlock(&lock);
    return is_alive;
}

const char *thread_name(void)
{
    return current ? current->name : "main";
}

void thread_join_all(void)
{
    pthread_mutex_lock(&lock);
    while (unfinished > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}
