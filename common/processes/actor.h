/* actor: the children of a demo, which take turns: who goes on is decided, and not left to luck.
 * Introduced by lesson 19a; plumbing.
 *
 * Main and each actor have one end each of a pair of sockets: socketpair(2). A byte to the actor
 * gives it the turn, a byte back ends it. When an actor ends, main finds the end of the file, and
 * waits no longer. When main ends, every actor that waits for a turn ends too: the one started last
 * at once, the others one after another, because later actors hold copies of main's ends. On Linux
 * the others end as well, by SIGTERM: prctl(2).
 */
#ifndef ACTOR_H
#define ACTOR_H

#include "processes/process.h"

#include <stdbool.h>

/* The caller's object; it must live until the actor has been joined. */
struct actor {
    struct process process; /* may be given signals, and be waited for */

    /* the rest is the module's own */
    int ends[2]; /* main's and the actor's */
    int (*play)(void *argument);
    void *argument;
};

/* Starts a child that runs play(argument), which begins at once, and ends with the status that it
 * returns. Ends the program with a message, and the other actors with it, if the system has no more
 * processes or descriptors. Process.start */
void actor_start(struct actor *actor, const char *name, int (*play)(void *argument),
                 void *argument);

/* Main: lets it go on, and waits until it ends its turn. Returns false if it has ended instead. */
bool actor_give_turn(struct actor *actor);

/* The actor: waits for its turn. Ends the actor if there is no main any more. */
void actor_await_turn(void);

/* The actor: ends its turn. Does nothing in a process that is no actor. */
void actor_end_turn(void);

/* Waits until it has ended. Ends the program with a message if its status is not 0. Process.join */
void actor_join(struct actor *actor);

/* Kills it, wherever it is, and waits until it has ended. Process.kill */
void actor_kill(struct actor *actor);

#endif
