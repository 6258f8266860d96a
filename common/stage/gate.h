/* gate: whose turn it is, where luck would decide.
 * Introduced by lesson 01b; plumbing.
 *
 * A count that begins at 0 and only grows. Whoever must not be early waits for it, so a scene is
 * the same each time. Threads and processes use it alike, and one that dies at the gate keeps
 * nobody from going on.
 */
#ifndef GATE_H
#define GATE_H

enum { GATE_STEPS = 1000 };

/* Makes the gate, or a new one that begins at 0 again: while there is one thread and one process.
 * Ends the program with a message if there is no memory for it. */
void gate_make(void);

/* Takes the count one further; nobody can wait for more than GATE_STEPS. */
void gate_step(void);

/* Waits until so many steps have been taken. */
void gate_wait(int count);

#endif
