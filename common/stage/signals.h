/* signals: what a program inherits, and what ends it.
 * Introduced by lesson 01; plumbing.
 *
 * The actions that are "ignore" and the mask of blocked signals survive execve(2): whoever starts a
 * program leaves it theirs. So each program begins by setting them back. The signals that end a
 * program are SIGINT (Ctrl-C), SIGTERM (kill), SIGHUP (the terminal is closed), SIGQUIT (Ctrl-\)
 * and SIGPIPE (nobody reads what it says any more).
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

/* First of all in a program: the signals that end it and SIGCHLD have their default actions, and
 * no signal is blocked. A SIGHUP that is ignored stays ignored: that is what nohup(1) asks for. */
void signals_begin(void);

/* The signals that end a program, but for an ignored SIGHUP. */
void signals_that_end(sigset_t *set);

/* The handler is called for each signal that ends a program, but for an ignored SIGHUP. All signals
 * are blocked while it runs, and an interrupted call fails with EINTR. SIG_DFL: as it was. */
void signals_on_ending(void (*handler)(int signal_number));

/* The same for one signal. sigaction(2) */
void signals_on(int signal_number, void (*handler)(int signal_number));

/* Ends the process by the signal, as if it had no handler. Async-signal-safe. */
_Noreturn void signals_end_by(int signal_number);

#endif
