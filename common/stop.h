/* stop: a signal ends a server cleanly.
 * Introduced by lesson 02; lesson 01 shows it longhand. */
#ifndef STOP_H
#define STOP_H

#include <signal.h>

/* The signal that asked the server to stop; 0: none yet. SIGCHLD: the cast of a demo has ended. */
extern volatile sig_atomic_t stop_asked;

/* The descriptors that the signal hangs up with shutdown(2), so that no call stays blocked on them;
 * -1: none. Set one back to -1 before its descriptor is closed. */
extern volatile sig_atomic_t stop_listener, stop_connection;

/* The cast of a demo (cast.h), which SIGINT and SIGTERM end before they hang up on it; 0: none. */
extern volatile sig_atomic_t stop_cast;

/* From now on SIGINT and SIGTERM ask the server to stop, and so does SIGPIPE: nobody reads what it
 * says any more. */
void stop_on_signals(void);

/* From now on the signal asks the server to stop, and ends a blocked call with EINTR.
 * sigaction(2) */
void stop_on(int signal_number);

#endif
