#include "processes/actor.h"

#include "stage/die.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int own_end = -1; /* the actor's */

static bool get_byte(int fd)
{
    char byte;
    ssize_t got;
    do
        got = recv(fd, &byte, 1, 0);
    while (got < 0 && errno == EINTR);
    return got == 1;
}

static void put_byte(int fd)
{
    while (send(fd, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

bool actor_give_turn(struct actor *actor)
{
    put_byte(actor->ends[0]);
    return get_byte(actor->ends[0]);
}

void actor_await_turn(void)
{
    if (!get_byte(own_end))
        _exit(EXIT_FAILURE);
}

void actor_end_turn(void)
{
    put_byte(own_end);
}

static int run(void *argument)
{
    struct actor *actor = argument;
    own_end = actor->ends[1];
    close(actor->ends[0]); /* when its last copy closes, main has gone; later actors have copies */
    process_end_with_parent(SIGTERM); /* for an actor that waits for something else */
    return actor->play(actor->argument);
}

void actor_start(struct actor *actor, const char *name, int (*play)(void *argument), void *argument)
{
    *actor = (struct actor){.play = play, .argument = argument};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, actor->ends) < 0)
        die("socketpair");
    if (!process_start(&actor->process, name, run, actor))
        die("fork");
    close(actor->ends[1]);
}

static int wait_for_end(struct actor *actor)
{
    close(actor->ends[0]); /* first: an actor that is waiting for its turn then ends */
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
