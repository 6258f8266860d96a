#include "thread.h"

#include "deadline.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

static _Thread_local struct thread *current;

/* The threads that have been started, are no daemons and have not been joined. */
static struct thread *to_join;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

static void add_to_list(struct thread *thread)
{
    pthread_mutex_lock(&list_lock);
    thread->next = to_join;
    to_join = thread;
    pthread_mutex_unlock(&list_lock);
}

static void remove_from_list(struct thread *thread)
{
    pthread_mutex_lock(&list_lock);
    for (struct thread **link = &to_join; *link; link = &(*link)->next)
        if (*link == thread) {
            *link = thread->next;
            break;
        }
    pthread_mutex_unlock(&list_lock);
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
    pthread_mutex_lock(&thread->lock);
    thread->ended = true;
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
    return NULL;
}

bool thread_start(struct thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    int error = thread->started ? EALREADY : 0;
    if (error == 0)
        error = pthread_create(&thread->id, NULL, run_thread, thread);
    thread->started |= error == 0;
    if (error == 0 && !thread->daemon)
        add_to_list(thread);
    pthread_mutex_unlock(&thread->lock);
    errno = error;
    return error == 0;
}

/* pthread_join may be called once. So the first who comes calls it; the others wait until that has
 * returned. With a limit of time it is called when the thread has ended, and then takes no time
 * worth counting. Called with the lock held. */
static bool join_or_wait(struct thread *thread, struct deadline deadline)
{
    bool in_time = true;
    while (!thread->joined && in_time) {
        if (thread->joining || (deadline.is_set && !thread->ended)) {
            in_time = deadline_cond_wait(&thread->changed, &thread->lock, deadline);
            continue;
        }
        thread->joining = true;
        pthread_mutex_unlock(&thread->lock);
        pthread_join(thread->id, NULL);
        if (!thread->daemon)
            remove_from_list(thread);
        pthread_mutex_lock(&thread->lock);
        thread->joined = true;
        pthread_cond_broadcast(&thread->changed);
    }
    return thread->joined;
}

bool thread_join(struct thread *thread, long ms)
{
    int error = 0;
    pthread_mutex_lock(&thread->lock);
    if (!thread->started)
        error = ESRCH;
    else if (thread == current)
        error = EDEADLK;
    else if (!join_or_wait(thread, deadline_in(ms)))
        error = ETIMEDOUT;
    pthread_mutex_unlock(&thread->lock);
    errno = error;
    return error == 0;
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

void thread_join_all(void)
{
    for (;;) {
        pthread_mutex_lock(&list_lock);
        struct thread *thread = to_join;
        pthread_mutex_unlock(&list_lock);
        if (!thread)
            return;
        thread_join(thread, -1);
    }
}
