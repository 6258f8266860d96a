/* 18a_event: one thread sets an event, and all who wait for it go on
 *
 * Predict  Five threads wait for an event. main sets it and clears it at once: by the time that
 *          they can look, the flag is false again. How many of the five go on?
 * Run      build/18a_event, then build/18a_event --naive
 * Watch    all five go on, because they look at a counter too. With --naive there is only the flag:
 *          they look, see false, and wait until their time is over.
 * Try      build/18a_event ask: one event, asked by one thread
 * Before   16a_threads, 17b_recursive_lock
 * After    18b_the_word, 18c_bounded_buffer
 * Python   threading.Event: is_set, set, clear, wait(timeout)
 */
#include "stage/args.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <pthread.h>
#include <stdlib.h>

enum { FIVE = 5, LIMIT_MS = 50, SHORT_MS = 20 };

static bool naive;

/* ---- The event ------------------------------------------------------------------------------- */

struct event {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool is_set;
    unsigned long sets; /* so far: it never goes back, whereas the flag does */
};

static void event_init(struct event *event)
{
    *event = (struct event){.is_set = false};
    pthread_mutex_init(&event->lock, NULL);
    deadline_cond_init(&event->changed);
}

/* The answer may be out of date when it arrives: whoever wants to wait calls wait. Event.is_set */
static bool event_is_set(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    bool is_set = event->is_set;
    pthread_mutex_unlock(&event->lock);
    return is_set;
}

/* Wakes all who wait; pthread_cond_signal need not wake more than one. Each of them wants the lock
 * first, so the call comes when it is free again. Event.set */
static void event_set(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->is_set = true;
    event->sets++;
    pthread_mutex_unlock(&event->lock);
    pthread_cond_broadcast(&event->changed);
}

/* Event.clear */
static void event_clear(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->is_set = false;
    pthread_mutex_unlock(&event->lock);
}

/* Whether it is set, or has been since the counter stood at this number. With the lock held. */
static bool has_come(const struct event *event, unsigned long sets_before)
{
    return event->is_set || (!naive && event->sets != sets_before);
}

/* With the lock held: pthread_cond_wait gives it back, waits, and takes it again. A wait may end
 * although nobody has set anything, so a thread that is woken looks again. */
static bool wait_until_set(struct event *event, long ms)
{
    struct deadline deadline = deadline_in(ms);
    unsigned long sets_before = event->sets;
    bool in_time = true;
    while (!has_come(event, sets_before) && in_time)
        in_time = deadline_cond_wait(&event->changed, &event->lock, deadline);
    return has_come(event, sets_before);
}

/* Waits ms at most; 0: does not wait; -1: without limit. Returns whether it was set. Event.wait */
static bool event_wait(struct event *event, long ms)
{
    pthread_mutex_lock(&event->lock);
    bool came = wait_until_set(event, ms);
    pthread_mutex_unlock(&event->lock);
    return came;
}

/* ---- Set, and clear at once ------------------------------------------------------------------ */

static struct event word;

/* Whoever steps with the lock held is sure to wait before main has the lock. They wake at once, in
 * no order: the gate puts their lines in order, and nothing else. */
static void wait_for_word(void *place)
{
    pthread_mutex_lock(&word.lock);
    say(thread_name(), "waits");
    gate_step();
    bool came = wait_until_set(&word, naive ? LIMIT_MS : -1);
    pthread_mutex_unlock(&word.lock);
    gate_wait(FIVE + 1 + *(int *)place);
    if (came)
        say(thread_name(), "goes on: it was set");
    else
        say(thread_name(), "looked, saw false, waited on: time-out after %d ms", LIMIT_MS);
    gate_step();
}

/* The worst case, forced: nobody gets the lock between set and clear. */
static void set_and_clear(void)
{
    pthread_mutex_lock(&word.lock);
    word.is_set = true;
    word.sets++;
    word.is_set = false;
    pthread_mutex_unlock(&word.lock);
    pthread_cond_broadcast(&word.changed);
}

static void say_is_set(void)
{
    say("main", "is_set: %s", event_is_set(&word) ? "true" : "false");
}

static void say_wait(long ms)
{
    bool came = event_wait(&word, ms);
    say("main", "waits, limit %ld ms: %s", ms, came ? "true" : "false, the time is over");
}

static int demo(char **operands)
{
    static const char *const names[FIVE] = {"ann", "bob", "carl", "dora", "eve"};
    static int places[FIVE] = {0, 1, 2, 3, 4};
    struct thread threads[FIVE];
    (void)operands;
    event_init(&word);
    gate_make();
    for (int i = 0; i < FIVE; i++) {
        thread_init(&threads[i], names[i], wait_for_word, &places[i]);
        if (!thread_start(&threads[i]))
            die("pthread_create");
        gate_wait(i + 1); /* until it waits */
    }
    say("main", "sets it, and clears it before anybody can look");
    set_and_clear();
    say_is_set();
    gate_step();
    for (int i = 0; i < FIVE; i++)
        thread_join(&threads[i], -1);
    say_wait(SHORT_MS);
    return EXIT_SUCCESS;
}

/* ---- One event, asked by one thread ---------------------------------------------------------- */

static int ask(char **operands)
{
    (void)operands;
    event_init(&word);
    say_wait(0);
    say_wait(SHORT_MS);
    say("main", "sets it");
    event_set(&word);
    say_is_set();
    say_wait(-1);
    say_wait(0);
    say("main", "clears it");
    event_clear(&word);
    say_wait(0);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "set an event for which five wait, and clear it at once", demo},
        {"ask", "", "one event, asked by one thread", ask},
        {0},
    };
    static const struct option_spec options[] = {
        {"naive", NULL, "with a flag and no counter", .flag = &naive},
        {0},
    };
    static const struct program program = {
        "One thread sets an event, and all who wait for it go on.", commands, options};
    return args_run(argc, argv, &program);
}
