/* 17c_deadlock: each has what the other wants, and nobody can go on
 *
 * Predict  ann has the pen and waits for the paper, bob has the paper and waits for the pen. How
 *          long? And what could the two have agreed on beforehand?
 * Run      build/17c_deadlock
 * Watch    bob, who would close the circle, gets EDEADLK. Then both take the pen first.
 * Before   17b_recursive_lock
 * After    18a_event
 * Python   nothing: threading.Lock and RLock do not look for circles, and wait for ever
 */
#include "stage/args.h"
#include "stage/choose.h"
#include "stage/say.h"
#include "stage/turns.h"
#include "threads/thread.h"

#include <pthread.h>
#include <stdlib.h>

struct thing {
    const char *name;
    struct writer *owner; /* NULL: nobody has it */
};

struct writer {
    const char *name;
    struct thing *first, *then; /* it needs both to write */
    struct thing *wants;        /* it is waiting for this one; NULL: it is not waiting */
};

enum { MOST_WRITERS = 5 };

static long writers = 2;
static struct thing things[MOST_WRITERS] = {
    {"pen", NULL}, {"paper", NULL}, {"ruler", NULL}, {"ink", NULL}, {"stamp", NULL}};
static bool deadlock; /* there was one */

/* The mutex guards every owner and every wish. The condition means: something was put down. */
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t put_down = PTHREAD_COND_INITIALIZER;

/* From the thing to its owner, to what that owner wants, to its owner, and so on. The chain ends at
 * somebody who is not waiting, or it leads back to me: then none of us could ever proceed. */
static bool closes_a_circle(const struct writer *me, const struct thing *thing)
{
    while (thing && thing->owner && thing->owner != me)
        thing = thing->owner->wants;
    return thing && thing->owner == me;
}

static void name_the_circle(const struct writer *me)
{
    const struct writer *writer = me;
    do {
        say(me->name, "EDEADLK: %s waits for the %s, which %s has", writer->name,
            writer->wants->name, writer->wants->owner->name);
        writer = writer->wants->owner;
    } while (writer != me);
}

/* Returns false instead of waiting for ever. Only the last wait closes the circle, so each looks
 * once, before it waits. */
static bool take(struct writer *me, struct thing *thing)
{
    pthread_mutex_lock(&table);
    me->wants = thing;
    bool refused = closes_a_circle(me, thing);
    if (refused) {
        deadlock = true;
        name_the_circle(me);
    } else if (thing->owner) {
        say(me->name, "waits for the %s", thing->name);
        turn_wait(thing->name);
    } else if (thing == me->first) {
        say(me->name, "takes the %s", thing->name);
    }
    while (!refused && thing->owner)
        pthread_cond_wait(&put_down, &table);
    if (!refused)
        thing->owner = me;
    me->wants = NULL;
    pthread_mutex_unlock(&table);
    return !refused;
}

static void put_it_down(struct thing *thing)
{
    pthread_mutex_lock(&table);
    thing->owner = NULL;
    turn_unlock(thing->name);
    pthread_cond_broadcast(&put_down); /* to all: each may be waiting for something else */
    pthread_mutex_unlock(&table);
}

static void write_letter(void *argument)
{
    struct writer *me = argument;
    turn_take(me->name, "wants the %s", me->first->name);
    take(me, me->first);
    turn_take(me->name, "wants the %s", me->then->name);
    if (take(me, me->then)) {
        say(me->name, "has the %s and the %s: writes", me->first->name, me->then->name);
        put_it_down(me->then);
    } else {
        say(me->name, "puts the %s down", me->first->name);
    }
    put_it_down(me->first);
}

/* Each needs two things that lie side by side. in_order: the last writer too takes the earlier of
 * its two first. True: the class wants to see it again. */
static bool play(bool in_order)
{
    static const char *const names[MOST_WRITERS] = {"ann", "bob", "carl", "dora", "eve"};
    struct writer all[MOST_WRITERS];
    struct thread threads[MOST_WRITERS];
    for (int i = 0; i < writers; i++) {
        struct thing *own = &things[i], *next = &things[(i + 1) % writers];
        bool swap = in_order && next < own;
        all[i] = (struct writer){names[i], swap ? next : own, swap ? own : next, NULL};
        thread_init(&threads[i], names[i], write_letter, &all[i]);
        turns_add(names[i]);
    }
    deadlock = false;
    thread_run_all(threads, (int)writers); /* they take turns; with CHOOSE=1 the class decides */
    int orders = writers > 2 ? 0 : in_order ? 4 : 6;
    return deadlock ? choose_again(orders, "a deadlock", "can you do without?")
                    : choose_again(orders, "no deadlock", "can you make one?");
}

static int demo(void)
{
    while (play(false))
        continue;
    say("main", "the cure: everybody takes things in one order, the pen first");
    while (play(true))
        continue;
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"writers", "N", "threads in the circle", .number = &writers, .min = 2,
         .max = MOST_WRITERS},
        {0},
    };
    return args_demo(argc, argv, "Each has what the other wants, and nobody can go on.", demo,
                     options);
}
