/* still: a demo that stands still says which calls its actors are in. Linux
 * Introduced by lesson 01a; plumbing.
 */
#ifndef STILL_H
#define STILL_H

/* This thread says a line for the actor. */
void still_note(const char *actor);

/* Is called once a second, by whoever stands behind the demo: says on stderr, once, that no line
 * has come for five seconds, but not while SLOW pauses or somebody is asked for a key. */
void still_look(void);

#endif
