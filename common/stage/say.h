/* say: narration.
 * Introduced by lesson 01; plumbing.
 * stage/ makes a program a lesson, and teaches nothing: you may skip it.
 *
 * Every line that a lesson shows its class goes through say, as "actor  | what happens". The rule
 * that makes a transcript the same every time: say the line first, then make the call that lets
 * another actor go on.
 *
 * STEP, SLOW, LANES, NO_COLOR and QUIET in the environment change how: see any lesson's --help.
 */
#ifndef SAY_H
#define SAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Prints one line, at most 80 columns (what is longer ends in "..."), in one write(2): lines of
 * several threads and processes never mix. A line that cannot be written (a full disk) ends the
 * program with a message and status 1; one that nobody reads any more is lost. Keeps errno. */
void say(const char *actor, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on this process says nothing, as --timing wants it; false: it speaks again. */
void say_mute(bool mute);

/* A signal handler that ends the program sets it, in whatever thread it runs: lines wait no longer,
 * neither for Enter nor for a reader that has stopped. */
extern atomic_bool say_hurried;

/* Ends the program in good order when a line cannot be written; NULL: exit(3) does. */
extern void (*say_end_program)(void);

/* Bytes as a C string literal shows them, "like\nthis"; what is long is shortened. Safe for bytes
 * from the network. Lives until the end of the full expression: say("ann", "received %s",
 * quote(data, length).text) */
struct quoted {
    char text[48];
};
struct quoted quote(const void *data, size_t length);

#endif
