/* colour: an actor's colour on the terminal is the next one, in the order in which they appear.
 * Introduced by lesson 01a; plumbing.
 */
#ifndef COLOUR_H
#define COLOUR_H

/* A number of the terminal's 256 colours: the same for the same actor, in each process. 0: no
 * colour, as for server, main, parent and kernel, and for all if standard output wants none. */
int colour_of(const char *actor);

#endif
