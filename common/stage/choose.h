/* choose: with CHOOSE=1 the class is the scheduler, where players take turns (turns.h).
 * Introduced by lesson 17a; plumbing.
 *
 * When a scene is over, its order is counted, and it can be played again in another one. Keys come
 * from standard input; q and the end of the input end the program.
 */
#ifndef CHOOSE_H
#define CHOOSE_H

#include <stdbool.h>

bool choose_is_wanted(void);

/* Shows the menu, whose lines each end in "\n", and returns which of the keys is pressed; not q. */
char choose_key(const char *menu, const char *keys);

/* After a scene: says what came of the order, how many of its orders have been played, and the
 * challenge, until there was another outcome too. True: the scene is wanted again. orders: how many
 * there are; 0: nobody has counted them. Without CHOOSE: false, and not a word. */
bool choose_again(int orders, const char *outcome, const char *challenge);

#endif
