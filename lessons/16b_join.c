/* 16_threads: one function called many times at once, and who waits for the calls to end
 *
 * Predict  main starts a hundred threads; later it starts one more, and comes to its end while that
 *          one is at work. What becomes of it? And of one that is a daemon?
 * Run      build/16_threads
 * Watch    the actor of each line is the thread that says it. A gate holds the threads where the
 *          order matters; the kernel lists them; main ends first.
 * Before   10_thread_server
 * After    17a_lost_update, 19a_processes
 * Python   the posts' threads: threading.Thread(target=run, args=(i,)), start, join, name, daemon
 */
#define _DEFAULT_SOURCE /* mincore, madvise, MAP_ANONYMOUS: Linux and others, not POSIX */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/linux.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { JOIN_LIMIT_MS = 50, STACK_KIB = 8192, USED_KIB = 1024 };

static long threads = 100;
static long ops = 10000;
static bool same_argument, no_join, timing, bare;

/* ---- Gates: the order of what is said is not left to luck ------------------------------------ */

/* Who waits at a gate goes on when it has counted far enough. The lock and the condition are the
 * subject of lessons 17 and 18. */
struct gate {
    int count;
    pthread_cond_t counted;
};

static struct gate all_started, turn, arrived, may_end, word, begun, work_ends, never;
static struct gate *const gates[] = {&all_started, &turn,  &arrived,   &may_end,
                                     &word,        &begun, &work_ends, &never};
enum { GATES = sizeof gates / sizeof *gates };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool given_up;

static void make_gates(void)
{
    for (int i = 0; i < GATES; i++)
        pthread_cond_init(&gates[i]->counted, NULL);
}

/* Returns false when there is no point in going on. */
static bool wait_at(struct gate *gate, int count)
{
    pthread_mutex_lock(&lock);
    while (gate->count < count && !given_up)
        pthread_cond_wait(&gate->counted, &lock);
    bool go_on = !given_up;
    pthread_mutex_unlock(&lock);
    return go_on;
}

static void count_at(struct gate *gate)
{
    pthread_mutex_lock(&lock);
    gate->count++;
    pthread_cond_broadcast(&gate->counted);
    pthread_mutex_unlock(&lock);
}

/* The system has no thread for us: those that wait are let go, and waited for. */
static _Noreturn void give_up(int error)
{
    pthread_mutex_lock(&lock);
    given_up = true;
    for (int i = 0; i < GATES; i++)
        pthread_cond_broadcast(&gates[i]->counted);
    pthread_mutex_unlock(&lock);
    thread_join_all();
    errno = error;
    die("pthread_create");
}

static void start(struct thread *thread)
{
    if (!thread_start(thread))
        give_up(errno);
}

/* ---- 1. A hundred threads -------------------------------------------------------------------- */

/* What a thread is given: one pointer, to something that nobody changes and that lives as long as
 * the thread. */
struct task {
    struct thread thread;
    int place;         /* in which it says its line; -1: it says none */
    const int *number; /* its own; with --same-argument everybody's */
    int own_number;
};

static long long sum;

static void run(void *argument)
{
    struct task *task = argument;
    linux_name_thread(thread_name());
    if (!wait_at(&all_started, 1))
        return;
    int number = *task->number;
    if (task->place >= 0 && wait_at(&turn, task->place)) {
        say(thread_name(), "thread... %d", number);
        count_at(&turn);
    }
    pthread_mutex_lock(&lock);
    sum += number;
    pthread_mutex_unlock(&lock);
    count_at(&arrived);
    wait_at(&may_end, 1);
}

/* The threads of this process by that name, as the kernel lists them; -1 where it has no /proc. */
static long count_kernel_threads(const char *prefix)
{
    DIR *directory = opendir("/proc/self/task");
    if (!directory)
        return -1;
    long count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof name, file) && strncmp(name, prefix, strlen(prefix)) == 0)
            count++;
        fclose(file);
    }
    closedir(directory);
    return count;
}

/* The first two and the last say a line; a hundred would say the same. */
static int place_of(int i)
{
    if (i < 2)
        return i;
    return i == threads - 1 ? 2 : -1;
}

/* i is the caller's: with --same-argument the threads read it after this function has returned. */
static void start_tasks(struct task *tasks, int *i)
{
    for (*i = 0; *i < threads; ++*i) {
        struct task *task = &tasks[*i];
        thread_init(&task->thread, NULL, run, task);
        task->place = place_of(*i);
        task->own_number = *i;
        task->number = same_argument ? i : &task->own_number;
        start(&task->thread);
    }
}

static void play_a_hundred(void)
{
    struct task *tasks = calloc((size_t)threads, sizeof *tasks);
    if (!tasks)
        die("calloc");
    say("main", "starts Thread-1 to Thread-%ld: one function, %s", threads,
        same_argument ? "one number for all" : "a number for each");
    int i;
    start_tasks(tasks, &i);
    say("main", "has started them all, and opens the gate that held them");
    count_at(&all_started);
    wait_at(&arrived, (int)threads);
    say("main", "all have come, none has ended; their numbers add up to %lld", sum);
    long listed = count_kernel_threads("Thread-");
    if (listed >= 0)
        say("main", "the kernel lists %ld threads by the names of Thread-N", listed);
    say("main", "lets them end, and joins them");
    count_at(&may_end);
    int joined = 0;
    for (i = 0; i < threads; i++)
        joined += thread_join(&tasks[i].thread, -1);
    say("main", "has joined %d", joined);
    free(tasks);
}

/* ---- 2. Start and join, right and wrong ------------------------------------------------------ */

static const char *answer(bool done)
{
    if (done)
        return "done";
    switch (errno) {
    case EALREADY:
        return "EALREADY, it has been started before";
    case EDEADLK:
        return "EDEADLK, nobody can wait for his own end";
    case ESRCH:
        return "ESRCH, it was never started";
    case ETIMEDOUT:
        return "ETIMEDOUT, it still runs";
    default:
        return strerror(errno);
    }
}

static const char *alive(struct thread *thread)
{
    return thread_is_alive(thread) ? "alive" : "not alive";
}

static void wait_for_the_word(void *argument)
{
    (void)argument;
    if (wait_at(&word, 1))
        say(thread_name(), "has the word, and ends");
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
    say("main", "%s; slow is %s", waited ? "the time is over" : "it is not yet time", alive(slow));
}

static void play_start_and_join(void)
{
    struct thread slow, bob, unused, loner;
    thread_init(&slow, "slow", wait_for_the_word, NULL);
    thread_init(&bob, "bob", join_it, &slow);
    thread_init(&unused, "unused", wait_for_the_word, NULL);
    thread_init(&loner, "loner", join_itself, &loner);

    say("main", "---- join");
    say("main", "starts slow, which waits for a word; slow is %s", alive(&slow));
    start(&slow);
    join_with_a_limit(&slow);
    say("main", "gives the word; main and bob both join slow");
    start(&bob);
    count_at(&word);
    const char *said = answer(thread_join(&slow, -1));
    thread_join(&bob, -1);
    say("main", "join slow: %s; slow is %s", said, alive(&slow));
    say("main", "join slow once more: %s", answer(thread_join(&slow, -1)));

    say("main", "---- three mistakes");
    say("main", "start slow once more: %s", answer(thread_start(&slow)));
    say("main", "join unused: %s", answer(thread_join(&unused, -1)));
    start(&loner);
    thread_join(&loner, -1);
}

/* ---- 3. What a thread takes ------------------------------------------------------------------ */

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

/* With pthreads alone, and with a stack of our own, so that we know where it is. */
static void play_stack(void)
{
    void *stack = mmap(NULL, STACK_KIB * 1024, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        die("mmap");
#ifdef MADV_NOHUGEPAGE
    madvise(stack, STACK_KIB * 1024, MADV_NOHUGEPAGE); /* a page at a time, not 2 MiB */
#endif
    say("main", "---- what a thread takes");
    say("main", "reserves %d KiB for the stack of deep: %ld KiB are in memory", STACK_KIB,
        resident_kib(stack));
    pthread_t deep;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int error = pthread_attr_setstack(&attributes, stack, STACK_KIB * 1024);
    if (error == 0)
        error = pthread_create(&deep, &attributes, go_deep, stack);
    if (error != 0)
        give_up(error);
    pthread_join(deep, NULL);
    pthread_attr_destroy(&attributes);
    munmap(stack, STACK_KIB * 1024);
}

/* ---- 4. main ends first ---------------------------------------------------------------------- */

static void work_until(void *gate)
{
    say(thread_name(), "is at work");
    count_at(&begun);
    if (wait_at(gate, 1))
        say(thread_name(), "has done its work");
}

/* They outlive this function, so they are not on its stack. */
static void play_the_end(void)
{
    static struct thread worker, backup;
    thread_init(&worker, "worker", work_until, &work_ends);
    thread_init(&backup, "backup", work_until, &never);
    backup.daemon = true;

    say("main", "---- main ends first");
    say("main", "starts worker, and backup, which is a daemon");
    start(&worker);
    wait_at(&begun, 1);
    start(&backup);
    wait_at(&begun, 2);
    if (no_join) {
        say("main", "is at its end, and returns: the process ends, with all its threads");
        return;
    }
    say("main", "is at its end, and waits for all but the daemons");
    count_at(&work_ends);
    thread_join_all();
    say("main", "worker is %s, backup is %s: returns", alive(&worker), alive(&backup));
}

/* ---- The commands ---------------------------------------------------------------------------- */

static atomic_long have_run;

static void run_once(void *argument)
{
    (void)argument;
    have_run++;
}

static void *run_once_bare(void *argument)
{
    have_run++;
    return argument;
}

static void start_and_join(void)
{
    struct thread thread;
    thread_init(&thread, NULL, run_once, NULL);
    start(&thread);
    thread_join(&thread, -1);
}

static void create_and_join(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run_once_bare, NULL);
    if (error != 0)
        give_up(error);
    pthread_join(thread, NULL);
}

static void measure(void)
{
    struct timespec from;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < ops; i++)
        if (bare)
            create_and_join();
        else
            start_and_join();
    say_timing(have_run, "threads", from);
}

static int demo(char **operands)
{
    (void)operands;
    make_gates();
    if (timing) {
        measure();
        return EXIT_SUCCESS;
    }
    play_a_hundred();
    play_start_and_join();
    play_stack();
    play_the_end();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {0},
    };
    static const struct option_spec options[] = {
        {"threads", "N", "threads to start at once", .number = &threads, .min = 1, .max = 100000},
        {"same-argument", NULL, "give them all the address of one number", .flag = &same_argument},
        {"no-join", NULL, "return from main and wait for nobody", .flag = &no_join},
        {"timing", NULL, "measure threads, one after the other", .flag = &timing},
        {"ops", "N", "threads to measure", .number = &ops, .min = 1, .max = 10000000},
        {"bare", NULL, "measure pthread_create and pthread_join alone", .flag = &bare},
        {0},
    };
    static const struct program program = {
        "One function called many times at once, and who waits for the calls to end.", commands,
        options};
    return args_run(argc, argv, &program);
}
