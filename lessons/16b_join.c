/* 16b_join: one join for many waiters, with a time limit; how much memory a stack takes
 *
 * Predict  a thread is joined, and then joined again: what does the second join do? And what if a
 *          thread joins itself?
 * Run      build/16b_join
 * Watch    a join with a limit returns when the time is up, and the thread carries on; three
 *          mistakes get three answers; a stack of 8 MiB takes a few KiB of memory.
 * Before   16a_threads
 * After    16c_daemons
 * Python   Thread.join(timeout), is_alive; RuntimeError where this lesson's join refuses
 */
#define _DEFAULT_SOURCE /* mincore, madvise, MAP_ANONYMOUS: Linux and others, not POSIX */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { JOIN_LIMIT_MS = 50, STACK_KIB = 8192, USED_KIB = 1024 };

/* ---- Join, right and wrong ------------------------------------------------------------------- */

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

static void play_start_and_join(void)
{
    struct thread slow, bob, unused, loner;
    thread_init(&slow, "slow", wait_for_the_word, NULL);
    thread_init(&bob, "bob", join_it, &slow);
    thread_init(&unused, "unused", wait_for_the_word, NULL);
    thread_init(&loner, "loner", join_itself, &loner);

    say("main", "starts slow, which waits for the word; slow is %s", alive(&slow));
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
}

/* ---- How much memory a stack takes ----------------------------------------------------------- */

/* How much of the stack is in memory. Linux: mincore(2) */
static long resident_kib(void *stack)
{
    static unsigned char pages[STACK_KIB / 4]; /* no page is smaller than 4 KiB */
    long page_kib = sysconf(_SC_PAGESIZE) / 1024, kib = 0;
    if (mincore(stack, STACK_KIB * 1024, pages) < 0)
        die("mincore");
    for (long i = 0; i < STACK_KIB / page_kib; i++)
        if (pages[i] & 1)
            kib += page_kib;
    return kib;
}

__attribute__((noinline)) static void use_stack(void)
{
    volatile char array[USED_KIB * 1024];
    for (size_t i = 0; i < sizeof array; i += 1024)
        array[i] = 1;
}

static void *go_deep(void *stack)
{
    say("deep", "begins: %ld KiB of its stack are in memory", resident_kib(stack));
    use_stack();
    say("deep", "has used %d KiB: %ld KiB are in memory", USED_KIB, resident_kib(stack));
    return NULL;
}

/* Bare pthreads, with a stack that we allocate ourselves, so that we know where it is. */
static void play_stack(void)
{
    void *stack = mmap(NULL, STACK_KIB * 1024, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        die("mmap");
#ifdef MADV_NOHUGEPAGE
    madvise(stack, STACK_KIB * 1024, MADV_NOHUGEPAGE); /* a page at a time, not 2 MiB */
#endif
    say("main", "reserves %d KiB for the stack of deep: %ld KiB are in memory", STACK_KIB,
        resident_kib(stack));
    pthread_t deep;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int error = pthread_attr_setstack(&attributes, stack, STACK_KIB * 1024);
    if (error == 0)
        error = pthread_create(&deep, &attributes, go_deep, stack);
    if (error != 0) {
        errno = error;
        die("pthread_create");
    }
    pthread_join(deep, NULL);
    pthread_attr_destroy(&attributes);
    munmap(stack, STACK_KIB * 1024);
}

static int demo(void)
{
    gate_make();
    play_start_and_join();
    play_stack();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "One join for many waiters, and the memory of a stack.", demo,
                     NULL);
}
