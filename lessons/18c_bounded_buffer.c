/* 18c_bounded_buffer: one puts, others take, and each waits for the other
 *
 * Predict  A buffer has room for two. ann waits because it is empty. carl puts an item in; before
 *          he has woken ann, bob comes and takes it. Then carl wakes ann. What does she find?
 * Run      build/18c_bounded_buffer, then build/18c_bounded_buffer --if
 * Watch    carl waits while the buffer is full. ann is woken, looks again, and waits on. With --if
 *          she does not look: she takes an item for the second time, and the last one is lost.
 * Before   18a_event
 * After    18d_thread_pool
 * Python   queue.Queue(maxsize=2): put, get; its conditions are called not_full and not_empty too
 */
#include "stage/args.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ROOM = 2, MANY = 8, EACH = 10000 };

static bool no_second_look;

/* ---- The buffer: a ring ---------------------------------------------------------------------- */

static struct buffer {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t not_empty, not_full;
    int items[ROOM];
    int first, count;
} buffer = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, 0, 0};

/* With the lock held: whoever steps here is sure to wait before anybody else has the lock. */
static void wait_for(pthread_cond_t *condition, const char *why)
{
    say(thread_name(), "%s: waits", why);
    gate_step();
    pthread_cond_wait(condition, &buffer.lock);
}

static void put_in(int item)
{
    pthread_mutex_lock(&buffer.lock);
    while (buffer.count == ROOM)
        wait_for(&buffer.not_full, "the buffer is full");
    say(thread_name(), "puts %d in", item);
    buffer.items[(buffer.first + buffer.count) % ROOM] = item;
    buffer.count++;
    pthread_mutex_unlock(&buffer.lock);
}

/* Wakes one: there is an item for one. Queue.put */
static void put(int item)
{
    put_in(item);
    pthread_cond_signal(&buffer.not_empty);
}

/* Queue.get */
static int take(void)
{
    pthread_mutex_lock(&buffer.lock);
    while (buffer.count == 0) {
        wait_for(&buffer.not_empty, "the buffer is empty");
        if (no_second_look)
            break;
    }
    int item = buffer.items[buffer.first];
    say(thread_name(), "takes %d out", item);
    buffer.first = (buffer.first + 1) % ROOM;
    buffer.count--;
    pthread_mutex_unlock(&buffer.lock);
    pthread_cond_signal(&buffer.not_full);
    return item;
}

/* ---- The scene ------------------------------------------------------------------------------- */

enum { CARL_WAITS = 1, CARL_HAS_PUT_3, ANN_WAITS, CARL_HAS_PUT_4, BOB_HAS_TAKEN_4, ANN_HAS_LOOKED };
enum { ITEMS = 5 };

static int taken[ITEMS];
static atomic_int takes;

static void take_and_note(void)
{
    int item = take();
    taken[takes++] = item;
}

static void carl_puts(void *unused)
{
    (void)unused;
    put(1);
    put(2);
    put(3);
    gate_step();
    gate_wait(ANN_WAITS);
    put_in(4);
    gate_step();
    gate_wait(BOB_HAS_TAKEN_4); /* the worst moment for bob to come, forced */
    say("carl", "wakes a thread that waits for an item");
    pthread_cond_signal(&buffer.not_empty);
    gate_wait(ANN_HAS_LOOKED);
    put(5);
}

static void ann_takes(void *unused)
{
    (void)unused;
    gate_wait(CARL_WAITS);
    take_and_note();
    gate_wait(CARL_HAS_PUT_3);
    take_and_note();
    take_and_note();
    take_and_note();
    gate_step();
}

static void bob_takes(void *unused)
{
    (void)unused;
    gate_wait(CARL_HAS_PUT_4);
    take_and_note();
    gate_step();
}

static void start_and_join(int count, void (*const run[])(void *), const char *const names[])
{
    struct thread threads[MANY];
    gate_make();
    for (int i = 0; i < count; i++)
        thread_init(&threads[i], names[i], run[i], NULL);
    thread_run_all(threads, count);
}

static int demo(char **operands)
{
    void (*const run[])(void *) = {ann_takes, bob_takes, carl_puts};
    static const char *const names[] = {"ann", "bob", "carl"};
    (void)operands;
    start_and_join(3, run, names);
    say("main", "put in: 1 2 3 4 5, taken out: %d %d %d %d %d", taken[0], taken[1], taken[2],
        taken[3], taken[4]);
    return EXIT_SUCCESS;
}

/* ---- Many ------------------------------------------------------------------------------------ */

static atomic_long sum; /* of what was put in, less what was taken out */

static void put_many(void *unused)
{
    (void)unused;
    for (int i = 1; i <= EACH; i++) {
        sum += i;
        put(i);
    }
}

static void take_many(void *unused)
{
    (void)unused;
    for (int i = 1; i <= EACH; i++)
        sum -= take();
}

static int many(char **operands)
{
    void (*const run[MANY])(void *) = {put_many, take_many, put_many, take_many,
                                       put_many, take_many, put_many, take_many};
    static const char *const names[MANY] = {0};
    (void)operands;
    if (no_second_look)
        args_refuse("many --if: its count would lead out of the array");
    say_mute(true);
    start_and_join(MANY, run, names);
    say_mute(false);
    say("main", "%d items through a buffer for %d: %s", MANY / 2 * EACH, ROOM,
        sum == 0 && buffer.count == 0 ? "all came out" : "some did not come out");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "carl puts items in, ann and bob take them out", demo},
        {"many", "", "four threads put, four take, as fast as they can", many},
        {0},
    };
    static const struct option_spec options[] = {
        {"if", NULL, "whoever is woken does not look again", .flag = &no_second_look},
        {0},
    };
    static const struct program program = {"One puts, others take, and each waits for the other.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
