/* choose: with CHOOSE=1 the class is the scheduler.
 * Introduced by lesson 17a; plumbing.
 *
 * Where players take turns (turns.h), a menu shows who could go on and what each would do next, and
 * a key chooses. When the scene is over, its order is counted, and it can be played again in
 * another one. Keys come from standard input; q and the end of the input end the program.
 */
#ifndef CHOOSE_H
#define CHOOSE_H

#include <stdbool.h>

bool choose_is_wanted(void);

/* Adds a line to the menu; player -1: it cannot be chosen. */
void choose_line(int player, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Shows the menu, waits for a key, and returns the player that it chooses. */
int choose_player(void);

/* After a scene: says what came of the order, how many of its orders have been played, and the
 * challenge, until there was another outcome too. True: the scene is wanted again. orders: how many
 * there are; 0: nobody has counted them. Without CHOOSE: false, and not a word. */
bool choose_again(int orders, const char *outcome, const char *challenge);

#endif
