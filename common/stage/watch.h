/* watch: who stands behind a program that plays on a terminal.
 * Introduced by lesson 01a; plumbing.
 *
 * The program is a child then, and its parent does nothing but wait for it, pass signals on, and
 * end as it ended. So somebody is left who gives the terminal its settings back, whoever of the
 * program's processes was killed, and who notices that the demo stands still.
 */
#ifndef WATCH_H
#define WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define STEP_PROMPT "Enter: next  c: run on  q: quit"

enum { SPEAKERS = 128, LANES = 32, ACTOR_BYTES = 16, COLOURS = 8 };

/* What the processes of a program know of each other. */
struct watched {
    pid_t main_process, behind; /* 0: nobody stands behind */
    atomic_int lost;        /* why something could not be printed, an errno; 0: nothing is lost */
    atomic_bool has_reason; /* somebody has said why the program ends */
    pthread_mutex_t step;   /* is held by whoever waits for a key; robust, as that one may die */
    atomic_int lines;       /* that have been said */
    atomic_int rows;        /* in lanes, since the names of the actors */
    int lane_count;         /* 0: there are no lanes */
    struct lane {
        char name[ACTOR_BYTES];
        int width;
        int said, longest; /* the columns of all that it says, and of its longest line */
    } lanes[LANES];
    atomic_bool at_key; /* somebody waits for a key */
    atomic_bool runs_on, quits;
    atomic_uint coloured[COLOURS]; /* hashes of their names, in the order in which they appear */
    struct speaker {
        atomic_int thread;
        char name[ACTOR_BYTES];
    } speakers[SPEAKERS];
};
extern struct watched *watched;

/* Makes what all share. The parent stays behind if this is process 1 (as in a container, where no
 * default action ends it, and all orphans become its children), with LANES, with STEP or CHOOSE on
 * a terminal, or when a demo plays on one; but not under a debugger, which would follow it. */
void watch_begin(bool is_demo);

/* Ends the whole program with status 0, as q does. */
void watch_quit(void);

/* Whether the environment has it, with a value that is neither empty nor 0. */
bool watch_wants(const char *variable);

#endif
