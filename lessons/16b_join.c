/* 16b_join: one join for many waiters, with a time limit
 *
 * Predict  a thread is joined, and then joined again: what does the second join do? And what if a
 *          thread joins itself?
 * Run      build/16b_join
 * Watch    a join with a limit returns when the time is up, and the thread carries on; three
 *          mistakes get three answers.
 * Before   16a_threads
 * After    16c_daemons
 * Python   Thread.join(timeout), is_alive; RuntimeError where this lesson's join refuses
 */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { JOIN_LIMIT_MS = 50 };

static const char *answer(bool done)
{
    if (done)
        return "done";
    switch (errno) {
    case EALREADY:
        return "EALREADY, it was started before";
    case EDEADLK:
        return "EDEADLK, a thread cannot wait for its own end";
    case ESRCH:
        return "ESRCH, it was never started";
    default:
        return "ETIMEDOUT, it is still running";
    }
}

static void start(struct thread *thread)
{
    if (!thread_start(thread))
        die("pthread_create");
}

static const char *alive(struct thread *thread)
{
    return thread_is_alive(thread) ? "alive" : "not alive";
}

static void wait_for_the_word(void *argument)
{
    (void)argument;
    gate_wait(1);
    say(thread_name(), "gets the word, and ends");
}

static void join_it(void *other)
{
    thread_join(other, -1);
}

static void join_itself(void *itself)
{
    say(thread_name(), "joins itself: %s", answer(thread_join(itself, -1)));
}

static double ms_since(struct timespec from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from.tv_sec) * 1e3 + (double)(now.tv_nsec - from.tv_nsec) / 1e6;
}

static void join_with_a_limit(struct thread *slow)
{
    struct timespec from;
    clock_gettime(CLOCK_MONOTONIC, &from);
    const char *said = answer(thread_join(slow, JOIN_LIMIT_MS));
    bool waited = ms_since(from) >= JOIN_LIMIT_MS;
    say("main", "join slow, %d ms at most: %s", JOIN_LIMIT_MS, said);
    say("main", "the time is %s; slow is %s", waited ? "up" : "not up yet", alive(slow));
}

static int demo(void)
{
    struct thread slow, bob, unused, loner;
    gate_make();
    thread_init(&slow, "slow", wait_for_the_word, NULL);
    thread_init(&bob, "bob", join_it, &slow);
    thread_init(&unused, "unused", wait_for_the_word, NULL);
    thread_init(&loner, "loner", join_itself, &loner);

    say("main", "slow is %s; starts it, and it waits for the word", alive(&slow));
    start(&slow);
    join_with_a_limit(&slow);
    say("main", "gives the word; main and bob both join slow");
    start(&bob);
    gate_step();
    const char *said = answer(thread_join(&slow, -1));
    thread_join(&bob, -1);
    say("main", "join slow: %s; slow is %s", said, alive(&slow));
    say("main", "join slow once more: %s", answer(thread_join(&slow, -1)));

    say("main", "start slow once more: %s", answer(thread_start(&slow)));
    say("main", "join unused: %s", answer(thread_join(&unused, -1)));
    start(&loner);
    thread_join(&loner, -1);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "One join for many waiters, with a time limit.", demo, NULL);
}
