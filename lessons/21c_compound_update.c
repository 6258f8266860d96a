/* 21c_compound_update: each access is locked, and still an update is lost
 *
 * Predict  ann and bob, two processes, each do temp[0] = 1 + temp[0]. Each read and each write
 *          of an item is locked. temp[0] was 11. What may it be now?
 * Run      build/21c_compound_update
 * Watch    a locked read and a locked write are not one locked update. With a lock that is held
 *          from the read to the write, nothing is lost.
 * Before   17a_lost_update, 21a_shared_array; common/processes/array.c
 * After    21d_shared_name, 22a_process_lock, 23b_two_calls
 * Python   temp[0] += 1 on multiprocessing.Array; with temp.get_lock():
 */
#include "processes/actor.h"
#include "processes/array.h"
#include "processes/shared.h"
#include "stage/args.h"
#include "stage/choose.h"
#include "stage/say.h"
#include "stage/turns.h"

#include <stdlib.h>

static struct array *temp;

/* ---- temp[0] = 1 + temp[0] ------------------------------------------------------------------- */

/* Each access takes the lock and gives it back. Between the two nobody has it. */
static int add_one(void *argument)
{
    const char *self = argument;
    int item;
    turn_take(self, "reads temp[0]");
    array_get(temp, 0, &item);
    say(self, "reads temp[0]: %d", item);
    turn_take(self, "writes temp[0] = %d", item + 1);
    say(self, "writes temp[0] = %d", item + 1);
    array_set(temp, 0, item + 1);
    return EXIT_SUCCESS;
}

/* with temp.get_lock(): array_get and array_set take the lock once more, as it is recursive. */
static int add_one_locked(void *argument)
{
    const char *self = argument;
    int item;
    turn_take(self, "wants the lock");
    if (!array_acquire(temp, false)) {
        say(self, "somebody has the lock: waits");
        turn_wait("lock");
        array_acquire(temp, true);
    }
    array_get(temp, 0, &item);
    say(self, "has the lock, reads temp[0]: %d", item);
    turn_take(self, "writes temp[0] = %d", item + 1);
    say(self, "writes temp[0] = %d, gives the lock back", item + 1);
    array_set(temp, 0, item + 1);
    turn_unlock("lock");
    array_release(temp);
    return EXIT_SUCCESS;
}

/* ---- ann and bob ----------------------------------------------------------------------------- */

/* ann and bob take turns. A turn that ends in a wait for the lock continues when the other one
 * gives it back. With CHOOSE=1 the class says whose turn it is. */
static bool play(int (*update)(void *argument), int orders)
{
    enum { LENGTH = 4 };
    struct actor ann, bob;
    int sum;
    temp = shared_new(array_bytes(LENGTH));
    array_init(temp, LENGTH);
    for (int i = 0; i < LENGTH; i++)
        array_set(temp, i, 11 * (i + 1));
    actor_start(&ann, "ann", update, "ann");
    actor_start(&bob, "bob", update, "bob");
    turns_play();
    actor_join(&ann);
    actor_join(&bob);
    say("main", "temp is %s", array_text(temp).text);
    array_get(temp, 0, &sum);
    shared_free(temp, array_bytes(LENGTH));
    if (sum == 13)
        return choose_again(orders, "none is lost", "can you make 12?");
    return choose_again(orders, "an update is lost", "can you make 13?");
}

static int demo(void)
{
    say("main", "ann and bob add one to temp[0], which is 11");
    while (play(add_one, 6))
        continue;
    say("main", "the same, and each holds the lock from the read to the write");
    while (play(add_one_locked, 4))
        continue;
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "Each access is locked, and still an update is lost.", demo, NULL);
}
