/* terminal: one key from whoever watches, if standard input is a terminal.
 * Introduced by lesson 01a; plumbing. termios(3)
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

/* Notes the settings of the terminal, before anybody changes them; false: there is no terminal. */
bool terminal_begin(void);

/* Shows the prompt, waits for one of the keys, which is not echoed, and takes the prompt away. The
 * settings are changed only meanwhile. Ctrl-C is a signal as always; Ctrl-Z stops the foreground,
 * and after fg the prompt is there again. Returns the key; -1 if nobody can press one any more, or
 * once say_hurried is set. */
int terminal_key(const char *prompt, const char *keys);

/* Takes the prompt away, and gives the terminal the settings that were noted, if this process is in
 * the foreground: for the case that whoever waited for a key was killed. */
void terminal_restore(const char *prompt);

#endif
