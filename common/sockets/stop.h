/* stop: a signal ends a server cleanly.
 * Introduced by lesson 01b; plumbing. */
#ifndef STOP_H
#define STOP_H

#include <signal.h>
#include <stdatomic.h>

/* The signal that asked the server to stop; 0: none yet. The handler may run in any thread: hence
 * atomic, where in a process with one thread volatile sig_atomic_t would do. */
extern atomic_int stop_asked;

/* The descriptors that the signal hangs up with shutdown(2), so that no call stays blocked on them;
 * -1: none. Set one back to -1 before its descriptor is closed. */
extern atomic_int stop_listener, stop_connection;

/* The write end of a pipe that does not block, which the signal rings with a byte; -1: none. For a
 * listener that has a path: one that is hung up on refuses whoever knocks, and looks as though
 * nobody were there any more. */
extern atomic_int stop_bell;

/* From now on each signal that ends a program (signals.h) asks the server to stop. */
void stop_on_signals(void);

#endif
