/* turns: whose turn it is, where the outcome depends on the order.
 * Introduced by lesson 17a; plumbing.
 *
 * The players are threads or processes. Before each step a player tells main what it would do, and
 * waits for its turn. Main gives the turns to one player after the other, so a scene is the same
 * each time; with CHOOSE=1 the class decides (choose.h).
 */
#ifndef TURNS_H
#define TURNS_H

#include <pthread.h>
#include <stdbool.h>

/* ---- For a player ---------------------------------------------------------------------------- */

/* Ends the caller's turn, if it has it, announces its next step, and waits for the next turn. */
void turn_take(const char *name, const char *step, ...) __attribute__((format(printf, 2, 3)));

/* The same before pthread_mutex_lock of a mutex that is called what: "lock". If another player has
 * it, says so, and ends the turn, as the call will block. */
void turn_lock(const char *name, const char *what, pthread_mutex_t *mutex);

/* Before a call that will block, for a player who knows that: ends the turn. */
void turn_wait(const char *what);

/* Before the call that gives it back: whoever waits for it, one player at most, goes on. */
void turn_unlock(const char *what);

/* Ends the turn and announces nothing; waits for a turn that turns_give gives; has ended. All but
 * the second do nothing in whoever takes no turns. */
void turn_end(void);
void turn_await(void);
void turn_leave(void);

/* ---- For main -------------------------------------------------------------------------------- */

/* Adds a player, 16 at most, before its thread or process is started, and returns its number. Ends
 * the program with a message if the system refuses. A thread is found by its name. */
int turns_add(const char *name);

/* For a process (actor.h): after fork in both; and when it has to end, or has ended. */
void turns_fork(int player, bool is_child);
void turns_remove(int player);

/* Gives one player its turn, and waits until that ends. False: the player has ended. */
bool turns_give(int player);

/* Gives turns until each player has ended or announces no step; returns how many have not ended. If
 * those wait for each other, says so and ends the program. */
int turns_play(void);

#endif
