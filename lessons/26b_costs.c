/* 26b_costs: what a lock, a thread, a process and a message cost
 *
 * Predict  put these in order: starting a thread, starting a process, waking another thread,
 *          sending a message to another process. How many locks does each of them cost?
 * Run      build/26b_costs
 * Watch    the column "locks": what stays in one thread is cheap, but waking another one costs
 * Needs    Linux: sched_setaffinity(2)
 * Before   18a, 19a, 21c, 23a and 24b; 26a_showdown for rounds that take turns
 * After    make bench has more of them, beside the bare calls and beside Python
 * Python   timeit.repeat: many calls in a row, and that several times
 */
#include "bench/contender.h"
#include "bench/rounds.h"
#include "processes/array.h"
#include "processes/manager.h"
#include "processes/pool.h"
#include "processes/process.h"
#include "processes/shared.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static volatile int number, turn;
static struct array *array;
static int ends[2];
static struct dict dic;
static struct pool pool;

static void lock(void)
{
    pthread_mutex_lock(&mutex);
    number = number + 1;
    pthread_mutex_unlock(&mutex);
}

static void lock_array(void) /* array[0] += 1 */
{
    array_acquire(array, true);
    array->items[0]++;
    array_release(array);
}

/* What an event is made of: a flag, a lock, a condition. */
static void give_turn(int me, int other)
{
    pthread_mutex_lock(&mutex);
    turn = other;
    pthread_cond_signal(&changed);
    while (turn != me)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void wake_and_wait(void)
{
    give_turn(0, 1);
}

static void *answer_turns(void *unused)
{
    for (;;)
        give_turn(1, 0);
    return unused;
}

static void *end_at_once(void *unused)
{
    return unused;
}

static void start_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_at_once, NULL) != 0)
        fail("pthread_create: no thread");
    pthread_join(thread, NULL);
}

static void start_process(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(EXIT_SUCCESS);
    if (child < 0 || waitpid(child, NULL, 0) < 0)
        die("fork");
}

static void send_message(void)
{
    char byte = 'x';
    if (send(ends[0], &byte, 1, MSG_NOSIGNAL) != 1 || recv(ends[0], &byte, 1, 0) != 1)
        fail("no answer");
}

static int answer_messages(void *unused)
{
    (void)unused;
    close(ends[0]); /* else it would be its own peer, and outlive a parent that is killed */
    for (char byte; recv(ends[1], &byte, 1, 0) == 1;)
        send(ends[1], &byte, 1, MSG_NOSIGNAL);
    return EXIT_SUCCESS;
}

static void set_key(void) /* dic["key"] = "value" */
{
    if (!dict_call(&dic, "set", "key", "value", NULL))
        fail("%s", dic.error);
}

static bool add_100(long argument, long *result)
{
    *result = argument + 100;
    return true;
}

static void apply(void)
{
    struct task task = {.function = add_100};
    pool_apply(&pool, &task);
}

static struct row {
    const char *name, *what;
    void (*call)(void);
    long calls; /* of a round, for which a few ms go by */
    double us[ROUNDS];
} rows[] = {
    {"lock   ", "pthread_mutex_lock, unlock", lock, 200000, {0}},
    {"array  ", "the same in shared memory, with an owner", lock_array, 200000, {0}},
    {"event  ", "pthread_cond_wait: a thread, and back", wake_and_wait, 300, {0}},
    {"message", "send, recv: a process, and back", send_message, 300, {0}},
    {"dict   ", "a message to a manager", set_key, 100, {0}},
    {"apply  ", "a task of a pool", apply, 200, {0}},
    {"thread ", "pthread_create, join", start_thread, 200, {0}},
    {"process", "fork, waitpid", start_process, 20, {0}},
    {0},
};

static void measure(struct row *row, int round)
{
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < row->calls; i++)
        row->call();
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
    row->us[round] = ns / 1e3 / (double)row->calls;
}

/* Whoever answers is there before the clock runs. */
static void prepare(void)
{
    static struct process manager, other = {.daemon = true};
    pthread_t thread;
    array = shared_new(array_bytes(1));
    array_init(array, 1);
    say_mute(true); /* the manager says what it receives */
    dict_init(&dic, manager_start(&manager));
    say_mute(false);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ||
        !process_start(&other, "other", answer_messages, NULL) ||
        !pool_open(&pool, 1, (struct pool_options){0}) ||
        pthread_create(&thread, NULL, answer_turns, NULL) != 0)
        fail("no socket, process or thread is left");
}

static int compare(char **operands)
{
    (void)operands;
    contender_share_a_cpu();
    prepare();
    for (int round = 0; round < ROUNDS; round++)
        for (struct row *row = rows; row->name; row++)
            measure(row, round);
    say("cost   ", "microseconds   locks");
    for (struct row *row = rows; row->name; row++) {
        double us = rounds_median(row->us, ROUNDS), lock_us = rounds_median(rows[0].us, ROUNDS);
        say(row->name, "%12.3f %7.0f  %s", us, us / lock_us, row->what);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {{"", "", "compare costs", compare}, {0}};
    static const struct option_spec options[] = {{0}};
    static const char idea[] = "What a lock, a thread, a process and a message cost.";
    return args_run(argc, argv, &(struct program){idea, commands, options});
}
