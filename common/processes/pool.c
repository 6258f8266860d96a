#include "processes/pool.h"

#include "processes/shared.h"
#include "stage/deadline.h"
#include "stage/die.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What the parent and a worker share ------------------------------------------------------ */

enum slot_state { FREE, WAITING, RUNNING, DONE };
enum { SLOTS = 1024, SLOT_SIZE = 32, MOST_FALSE_STARTS = 3, RETRY_MS = 100 };

struct slot {
    atomic_int state;
    /* the worker is a copy of the parent: the function has the same address there */
    bool (*function)(long argument, long *result);
    atomic_long done; /* so many of the numbers are results by now, the rest are arguments */
    long count;       /* of numbers: 1, or a piece of a chunk of map */
    long numbers[SLOT_SIZE];
    int error; /* of the first that failed; 0: none has so far */
};

struct channel {
    atomic_bool sleeps;  /* the worker: whoever gives it a task rings its bell */
    atomic_bool no_more; /* the worker is to end when it has nothing to do */
    atomic_bool ready;   /* it has been through the initializer */
    struct slot slots[SLOTS];
};

struct pool_shared {
    atomic_bool parent_sleeps;
    struct channel channels[];
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2 &&
                   ATOMIC_BOOL_LOCK_FREE == 2,
               "an atomic that is made with a lock does not work between processes");

struct worker {
    struct process process;
    char name[24];
    struct channel *channel;
    int bell[2];           /* a pipe; a byte wakes the worker */
    int false_starts;      /* how often it has died before it was ready, one after the other */
    unsigned given, taken; /* tasks: into the slots, and out of them again */
    struct task *tasks[SLOTS];
};

/* ---- A worker -------------------------------------------------------------------------------- */

static const char *worker_name = "main";
static int parent_bell[2] = {-1, -1}; /* a byte in it: a task is done, or a child has ended */

static void ring(int bell)
{
    while (write(bell, "", 1) < 0 && errno == EINTR)
        continue;
}

/* The worker says that it sleeps, and then looks once more: the parent that filled the slot just
 * before may not have seen it, and would not ring. Returns false when no more tasks will come. */
static bool sleep_until_rung(struct worker *worker, const struct slot *slot)
{
    char byte;
    ssize_t got = 1;
    worker->channel->sleeps = true;
    if (slot->state != WAITING)
        while ((got = read(worker->bell[0], &byte, 1)) < 0 && errno == EINTR)
            continue;
    worker->channel->sleeps = false;
    return got == 1 && !worker->channel->no_more;
}

static void run_slot(struct pool *pool, struct slot *slot)
{
    for (long i = 0; i < slot->count; i++) {
        long result = 0;
        errno = 0;
        if (!slot->function(slot->numbers[i], &result) && slot->error == 0)
            slot->error = errno ? errno : EIO;
        slot->numbers[i] = result;
        /* release: who sees this number sees the result too, and it costs no more than a store */
        atomic_store_explicit(&slot->done, i + 1, memory_order_release);
    }
    slot->state = DONE;
    if (pool->shared->parent_sleeps && atomic_exchange(&pool->shared->parent_sleeps, false))
        ring(parent_bell[1]);
}

struct beginning {
    struct pool *pool;
    struct worker *worker;
};

static int work(void *argument)
{
    struct pool *pool = ((struct beginning *)argument)->pool;
    struct worker *worker = ((struct beginning *)argument)->worker;
    struct channel *channel = worker->channel;
    const struct pool_options *options = &pool->options;
    worker_name = worker->name;
    signal(SIGCHLD, SIG_DFL);
    process_end_with_parent(SIGKILL); /* no worker outlives its parent, however that ends */
    if (options->initializer && !options->initializer(options->initializer_argument))
        return EXIT_FAILURE;
    channel->ready = true;
    long limit = options->max_tasks_per_child;
    unsigned next = 0;
    while (limit == 0 || next < (unsigned long)limit) {
        struct slot *slot = &channel->slots[next % SLOTS];
        /* if it is WAITING it becomes RUNNING, in one step: the parent may take the task back */
        int expected = WAITING;
        if (atomic_compare_exchange_strong(&slot->state, &expected, RUNNING)) {
            run_slot(pool, slot);
            next++;
        } else if (!sleep_until_rung(worker, slot)) {
            break;
        }
    }
    return EXIT_SUCCESS;
}

static bool start_worker(struct pool *pool, struct worker *worker)
{
    worker->process = (struct process){0};
    worker->given = worker->taken = 0;
    worker->channel->sleeps = worker->channel->ready = false;
    return process_start(&worker->process, worker->name, work, &(struct beginning){pool, worker});
}

/* ---- Tasks to the workers, and back ---------------------------------------------------------- */

static void (*callback_of(const struct task *task))(struct task *)
{
    return task->state == TASK_SUCCEEDED ? task->callback : task->error_callback;
}

static void append(struct task ***end, struct task *task)
{
    task->next = NULL;
    **end = task;
    *end = &task->next;
}

static struct task *pop(struct task **first, struct task ***end)
{
    struct task *task = *first;
    *first = task->next;
    if (!*first)
        *end = first;
    return task;
}

static bool is_at_work(const struct worker *worker)
{
    return worker->process.pid > 0 && !worker->process.joined;
}

static bool has_room(const struct pool *pool, const struct worker *worker)
{
    long limit = pool->options.max_tasks_per_child;
    return is_at_work(worker) && worker->given - worker->taken < SLOTS &&
           (limit == 0 || worker->given < (unsigned long)limit);
}

static struct worker *least_busy(struct pool *pool)
{
    struct worker *best = NULL;
    for (int i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        if (has_room(pool, worker) &&
            (!best || worker->given - worker->taken < best->given - best->taken))
            best = worker;
    }
    return best;
}

static void put(struct worker *worker, struct task *task)
{
    unsigned i = worker->given++ % SLOTS;
    struct slot *slot = &worker->channel->slots[i];
    worker->tasks[i] = task;
    slot->function = task->function;
    slot->count = task->count;
    memcpy(slot->numbers, task->arguments, (size_t)task->count * sizeof *slot->numbers);
    slot->error = 0; /* not by the worker: it may die before it has done so */
    slot->done = 0;
    slot->state = WAITING;
}

/* Gives what is waiting to the workers, a chunk at a time. */
static void hand_out(struct pool *pool)
{
    struct worker *worker;
    while (pool->waiting && (worker = least_busy(pool))) {
        do
            put(worker, pop(&pool->waiting, &pool->waiting_end));
        while (pool->waiting && pool->waiting->follows && has_room(pool, worker));
        if (worker->channel->sleeps && atomic_exchange(&worker->channel->sleeps, false))
            ring(worker->bell[1]);
    }
}

/* The first error counts. */
static void fail_task(struct task *task, int error)
{
    if (!task->has_failed)
        task->error = error;
    task->has_failed = true;
}

static void advance(struct task *task, long count)
{
    task->arguments += count;
    task->results += count;
    task->count -= count;
}

static void take_results(struct task *task, const struct slot *slot)
{
    long done = slot->done;
    memcpy(task->results, slot->numbers, (size_t)done * sizeof *slot->numbers);
    advance(task, done);
    if (slot->error != 0)
        fail_task(task, slot->error);
}

/* So many of its numbers have no result, and will have none. */
static void lose(struct task *task, long count, int error)
{
    memset(task->results, 0, (size_t)count * sizeof *task->results);
    advance(task, count);
    fail_task(task, error);
}

static void finish(struct pool *pool, struct task *task)
{
    task->state = task->has_failed ? TASK_FAILED : TASK_SUCCEEDED;
    if (callback_of(task))
        append(&pool->finished_end, task);
    else
        pool->unfinished--;
}

static void finish_without_result(struct pool *pool, struct task *task, int error)
{
    if (task->count > 0)
        lose(task, task->count, error);
    finish(pool, task);
}

static void collect_from(struct pool *pool, struct worker *worker)
{
    while (worker->taken != worker->given) {
        unsigned i = worker->taken % SLOTS;
        struct slot *slot = &worker->channel->slots[i];
        if (slot->state != DONE)
            return;
        take_results(worker->tasks[i], slot);
        slot->state = FREE;
        worker->taken++;
        finish(pool, worker->tasks[i]);
    }
}

/* Takes back the newest tasks that the worker has not begun, until it has no more than this many.
 */
static void take_back(struct pool *pool, struct worker *worker, unsigned keep)
{
    while (worker->given - worker->taken > keep) {
        unsigned i = (worker->given - 1) % SLOTS;
        int expected = WAITING;
        if (!atomic_compare_exchange_strong(&worker->channel->slots[i].state, &expected, FREE))
            return;
        worker->given--;
        struct task *task = worker->tasks[i];
        if (!pool->waiting)
            pool->waiting_end = &task->next;
        task->next = pool->waiting;
        pool->waiting = task;
    }
}

/* What was handed out early is shared anew when a worker has nothing to do. */
static void share_with_the_idle(struct pool *pool)
{
    struct worker *busiest = least_busy(pool);
    if (pool->waiting || !busiest || busiest->given != busiest->taken)
        return; /* nobody is idle, or there is more for those who are */
    for (int i = 0; i < pool->worker_count; i++)
        if (pool->workers[i].given - pool->workers[i].taken > busiest->given - busiest->taken)
            busiest = &pool->workers[i];
    unsigned tasks = busiest->given - busiest->taken;
    if (tasks > 1)
        take_back(pool, busiest, (tasks + 1) / 2);
}

/* ---- A worker that has ended ----------------------------------------------------------------- */

static volatile sig_atomic_t ends; /* of children, so far */
static struct sigaction before_pool;

static void child_ended(int signal_number)
{
    (void)signal_number;
    int error = errno;
    ends++;
    ring(parent_bell[1]);
    errno = error;
}

/* The slots say what it was at. Only that number is lost; what waited goes to other workers. */
static void clear_up_after(struct pool *pool, struct worker *worker)
{
    collect_from(pool, worker);
    unsigned i = worker->taken % SLOTS;
    struct slot *slot = &worker->channel->slots[i];
    struct task *task = worker->tasks[i];
    if (slot->state == RUNNING) {
        take_results(task, slot);
        if (task->count > 0) {
            task->status = process_exitcode(&worker->process);
            lose(task, 1, 0);
        }
        slot->state = task->count > 0 ? WAITING : FREE; /* for what is behind the lost one */
        if (task->count == 0) {
            worker->taken++;
            finish(pool, task);
        }
    }
    take_back(pool, worker, 0);
    worker->false_starts = worker->channel->ready ? 0 : worker->false_starts + 1;
}

/* The system may refuse a new one: then it is tried again later. */
static void replace_those_that_ended(struct pool *pool)
{
    bool is_needed = !pool->terminated && (!pool->closed || pool->unfinished > 0);
    pool->is_short = false;
    for (int i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        if (is_at_work(worker) && !process_is_alive(&worker->process))
            clear_up_after(pool, worker);
        if (is_needed && !is_at_work(worker) && worker->false_starts < MOST_FALSE_STARTS)
            pool->is_short |= !start_worker(pool, worker);
    }
}

/* Without a single worker, nobody would ever do what is waiting. */
static void give_up_if_alone(struct pool *pool)
{
    if (pool->is_short)
        return; /* there may be one later */
    for (int i = 0; i < pool->worker_count; i++)
        if (is_at_work(&pool->workers[i]))
            return;
    while (pool->waiting)
        finish_without_result(pool, pop(&pool->waiting, &pool->waiting_end), ECHILD);
}

static void look_after_workers(struct pool *pool)
{
    for (int i = 0; i < pool->worker_count; i++)
        collect_from(pool, &pool->workers[i]);
    if (pool->is_short || pool->ends_seen != (unsigned)ends) {
        pool->ends_seen = (unsigned)ends;
        replace_those_that_ended(pool);
    }
    share_with_the_idle(pool);
    hand_out(pool);
    give_up_if_alone(pool);
}

/* ---- The parent waits ------------------------------------------------------------------------ */

/* A callback may call the pool. What finishes meanwhile is called back after it, not inside it.
 * When the deadline is over, the rest is left for the next wait. */
static void call_back(struct pool *pool, struct deadline deadline)
{
    bool in_time = true;
    while (!pool->in_callback && pool->finished && in_time) {
        struct task *task = pop(&pool->finished, &pool->finished_end);
        pool->in_callback = true;
        callback_of(task)(task);
        pool->in_callback = false;
        pool->unfinished--;
        in_time = deadline_left(deadline) != 0;
    }
}

static bool has_news(const struct pool *pool)
{
    for (int i = 0; i < pool->worker_count; i++) {
        const struct worker *worker = &pool->workers[i];
        if (worker->taken != worker->given &&
            worker->channel->slots[worker->taken % SLOTS].state == DONE)
            return true;
    }
    return pool->ends_seen != (unsigned)ends;
}

/* As a worker sleeps: says so first, and then looks once more. Returns false when the deadline is
 * over. */
static bool sleep_until_news(struct pool *pool, struct deadline deadline)
{
    struct pollfd bell = {.fd = parent_bell[0], .events = POLLIN};
    char bytes[64];
    int ready = 1, left = deadline_left(deadline);
    bool tries_again = pool->is_short && (left < 0 || left > RETRY_MS);
    pool->shared->parent_sleeps = true;
    if (!has_news(pool)) {
        ready = poll(&bell, 1, tries_again ? RETRY_MS : left);
        if (ready == 1 && read(parent_bell[0], bytes, sizeof bytes) < 0)
            ready = -1; /* a signal: looks again */
    }
    pool->shared->parent_sleeps = false;
    return left != 0 && (ready != 0 || tries_again);
}

/* Waits for this task, or for all of them (NULL). */
static bool wait_for(struct pool *pool, const struct task *task, struct deadline deadline)
{
    bool in_time = true;
    for (;;) {
        look_after_workers(pool);
        call_back(pool, deadline);
        if (task ? task->state != TASK_PENDING : pool->unfinished == 0)
            return true;
        if (!in_time)
            return false;
        in_time = sleep_until_news(pool, deadline);
    }
}

/* ---- What the caller sees -------------------------------------------------------------------- */

static void submit(struct pool *pool, struct task *task)
{
    task->state = TASK_PENDING;
    task->has_failed = false;
    task->error = 0;
    pool->unfinished++;
    append(&pool->waiting_end, task);
}

bool pool_apply_async(struct pool *pool, struct task *task)
{
    if (pool->closed) {
        errno = ESHUTDOWN;
        return false;
    }
    task->arguments = &task->argument;
    task->results = &task->result;
    task->count = 1;
    task->follows = false;
    submit(pool, task);
    hand_out(pool);
    return true;
}

bool pool_get(struct pool *pool, const struct task *task, long ms)
{
    if (wait_for(pool, task, deadline_in(ms)))
        return true;
    errno = ETIMEDOUT;
    return false;
}

bool pool_apply(struct pool *pool, struct task *task)
{
    return pool_apply_async(pool, task) && pool_get(pool, task, -1);
}

static long smaller(long a, long b)
{
    return a < b ? a : b;
}

/* A chunk becomes pieces that fit a slot, which go to the same worker. With max_tasks_per_child a
 * piece is one number, as slots are what is counted. */
bool pool_map(struct pool *pool, bool (*function)(long, long *), const long *arguments,
              long *results, long count, long chunk)
{
    long piece = pool->options.max_tasks_per_child > 0 ? 1 : SLOT_SIZE;
    struct task *pieces = NULL;
    if (pool->closed)
        errno = ESHUTDOWN;
    else if (chunk < 1)
        errno = EINVAL;
    else
        pieces = calloc((size_t)(count / piece + count / chunk + 2), sizeof *pieces); /* at most */
    if (!pieces)
        return false;
    long made = 0;
    for (long i = 0; i < count; made++) {
        long length = smaller(piece, smaller(chunk - i % chunk, count - i));
        pieces[made] = (struct task){.function = function,
                                     .arguments = arguments + i,
                                     .results = results + i,
                                     .count = length,
                                     .follows = i % chunk != 0};
        submit(pool, &pieces[made]);
        i += length;
    }
    int error = 0;
    for (struct task *task = pieces; task < pieces + made; task++) {
        if (task->state == TASK_PENDING)
            pool_get(pool, task, -1);
        if (task->state == TASK_FAILED && error == 0)
            error = task->error ? task->error : ECHILD;
    }
    free(pieces);
    errno = error;
    return error == 0;
}

void pool_close(struct pool *pool)
{
    pool->closed = true;
}

void pool_terminate(struct pool *pool)
{
    pool->closed = pool->terminated = true;
    for (int i = 0; i < pool->worker_count; i++) /* SIGKILL: a task may have blocked SIGTERM */
        process_signal(&pool->workers[i].process, SIGKILL);
    for (int i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        process_join(&worker->process, -1);
        collect_from(pool, worker);
        while (worker->taken != worker->given) {
            unsigned slot = worker->taken++ % SLOTS;
            take_results(worker->tasks[slot], &worker->channel->slots[slot]);
            finish_without_result(pool, worker->tasks[slot], ECANCELED);
        }
    }
    while (pool->waiting)
        finish_without_result(pool, pop(&pool->waiting, &pool->waiting_end), ECANCELED);
    call_back(pool, deadline_in(-1));
}

bool pool_join(struct pool *pool)
{
    if (!pool->closed || pool->in_callback) {
        errno = pool->closed ? EDEADLK : EBUSY;
        return false;
    }
    if (!pool->workers)
        return true; /* once more */
    wait_for(pool, NULL, deadline_in(-1));
    for (int i = 0; i < pool->worker_count; i++) {
        pool->workers[i].channel->no_more = true;
        ring(pool->workers[i].bell[1]);
    }
    for (int i = 0; i < pool->worker_count; i++) {
        process_join(&pool->workers[i].process, -1);
        close(pool->workers[i].bell[0]);
        close(pool->workers[i].bell[1]);
    }
    sigaction(SIGCHLD, &before_pool, NULL);
    close(parent_bell[0]);
    close(parent_bell[1]);
    parent_bell[0] = parent_bell[1] = -1;
    shared_free(pool->shared, pool->shared_size);
    free(pool->workers);
    pool->workers = NULL;
    pool->worker_count = 0;
    return true;
}

static void open_pipe(int ends_of_pipe[2])
{
    if (pipe(ends_of_pipe) < 0)
        die("pipe");
    fcntl(ends_of_pipe[0], F_SETFD, FD_CLOEXEC); /* a task may start another program */
    fcntl(ends_of_pipe[1], F_SETFD, FD_CLOEXEC);
}

static void open_parent_bell(void)
{
    open_pipe(parent_bell);
    /* a bell that is full has been rung often enough; the signal handler must not wait */
    fcntl(parent_bell[0], F_SETFL, O_NONBLOCK);
    fcntl(parent_bell[1], F_SETFL, O_NONBLOCK);
}

static void make_workers(struct pool *pool, long count)
{
    pool->worker_count = (int)count;
    pool->workers = calloc((size_t)count, sizeof *pool->workers);
    if (!pool->workers)
        die("calloc");
    pool->shared_size = sizeof *pool->shared + (size_t)count * sizeof *pool->shared->channels;
    pool->shared = shared_new(pool->shared_size);
    for (int i = 0; i < count; i++) {
        struct worker *worker = &pool->workers[i];
        worker->channel = &pool->shared->channels[i];
        snprintf(worker->name, sizeof worker->name, "worker-%d", i + 1);
        open_pipe(worker->bell);
    }
}

bool pool_open(struct pool *pool, long workers, struct pool_options options)
{
    if (workers < 1 || parent_bell[0] >= 0) {
        errno = workers < 1 ? EINVAL : EBUSY;
        return false;
    }
    *pool = (struct pool){.options = options};
    pool->ends_seen = (unsigned)ends - 1; /* so that the first look is made in any case */
    pool->waiting_end = &pool->waiting;
    pool->finished_end = &pool->finished;
    open_parent_bell();
    make_workers(pool, workers);
    struct sigaction action = {.sa_handler = child_ended, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    int error = 0;
    for (int i = 0; i < pool->worker_count && error == 0; i++) {
        if (!start_worker(pool, &pool->workers[i]))
            error = errno;
        if (i == 0) /* process_start has set its own */
            sigaction(SIGCHLD, &action, &before_pool);
    }
    if (error != 0) {
        pool_terminate(pool);
        pool_join(pool);
    }
    errno = error;
    return error == 0;
}

const char *pool_worker_name(void)
{
    return worker_name;
}

bool pool_kill_worker(struct pool *pool, int number, int signal_number)
{
    struct worker *worker = &pool->workers[number - 1];
    bool is_there = is_at_work(worker);
    process_signal(&worker->process, signal_number);
    return is_there;
}
