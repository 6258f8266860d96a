#include "processes/actor.h"

#include "stage/die.h"

#include <signal.h>

bool actor_give_turn(struct actor *actor)
{
    return turns_give(actor->player);
}

static int run(void *argument)
{
    struct actor *actor = argument;
    turns_fork(actor->player, true);
    process_end_with_parent(SIGTERM); /* for an actor that waits for something else */
    return actor->play(actor->argument);
}

void actor_start(struct actor *actor, const char *name, int (*play)(void *argument), void *argument)
{
    *actor = (struct actor){.play = play, .argument = argument, .player = turns_add(name)};
    if (!process_start(&actor->process, name, run, actor))
        die("fork");
    turns_fork(actor->player, false);
}

static int wait_for_end(struct actor *actor)
{
    turns_remove(actor->player); /* first: an actor that is waiting for its turn then ends */
    if (!process_join(&actor->process, -1))
        die("waitid");
    return process_exitcode(&actor->process);
}

void actor_join(struct actor *actor)
{
    int status = wait_for_end(actor);
    if (status != 0)
        fail("%s has ended with %d", actor->process.name, status);
}

void actor_kill(struct actor *actor)
{
    process_signal(&actor->process, SIGKILL);
    wait_for_end(actor);
}
