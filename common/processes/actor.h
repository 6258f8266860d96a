/* actor: the children of a demo take turns, so their order is decided, and not left to chance.
 * Introduced by lesson 19a; plumbing.
 *
 * Main and each actor are connected by a pair of sockets (turns.h). When an actor ends, main reads
 * end of file, and stops waiting. When main ends, every actor that is waiting for a turn ends too.
 * On Linux an actor that is not waiting for a turn ends as well, by SIGTERM: prctl(2).
 */
#ifndef ACTOR_H
#define ACTOR_H

#include "processes/process.h"
#include "stage/turns.h"

#include <stdbool.h>

/* The caller's object; it must live until the actor has been joined. */
struct actor {
    struct process process;

    /* private to the module */
    int player; /* turns.h */
    int (*play)(void *argument);
    void *argument;
};

/* Starts a child that runs play(argument) and ends with the status that this returns; or ends the
 * program with a message. Process.start */
void actor_start(struct actor *actor, const char *name, int (*play)(void *argument),
                 void *argument);

/* For main: gives the actor its turn, and waits until that ends. False: the actor has ended.
 * The actor itself calls turn_await and turn_end. */
bool actor_give_turn(struct actor *actor);

/* Waits until it has ended; a status that is not 0 ends the program with a message. Process.join */
void actor_join(struct actor *actor);

/* Kills it, and waits until it has ended. Process.kill */
void actor_kill(struct actor *actor);

#endif
