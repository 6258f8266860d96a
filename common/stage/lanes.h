/* lanes: with LANES=1, a column for each actor, and time goes down.
 * Introduced by lesson 01a; plumbing.
 *
 * Who appears, and how much each says, is known only at the end, so the demo is first played
 * unseen.
 */
#ifndef LANES_H
#define LANES_H

#include <stdbool.h>
#include <stddef.h>

/* With LANES=1, and for a demo: plays it unseen, in a child that goes on as the program. Where the
 * actors have no room, stderr says so, and the lines are those of the transcript. */
void lanes_begin(bool is_demo);

/* The text, wrapped into the actor's column, as whole rows; now and then with the names above them.
 * The caller frees it. NULL: the actor has no column. */
char *lanes_draw(const char *actor, const char *text);

/* The columns that so many bytes of UTF-8 take on a terminal, and the bytes that fit into so many
 * columns: no character is cut in two. */
int columns_of(const char *text, size_t bytes);
size_t bytes_within(const char *text, int columns);

#endif
