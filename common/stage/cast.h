/* cast: the clients of a demo, which play in a child process.
 * Introduced by lesson 02; lesson 01 shows it longhand.
 *
 * The server stays in the parent, as in serve. It stops when the cast has ended: that is the signal
 * SIGCHLD. A server that is told to stop ends its cast first. The cast of one that is killed ends too
 * (children.h).
 */
#ifndef CAST_H
#define CAST_H

#include <stddef.h>

/* Starts play in a child process, with stop_listener closed there; the end of the cast now stops
 * the server. */
void cast_start(void (*play)(void));

/* Ends the cast if it still plays and waits for it. Returns the status for the program to end with:
 * not 0 when a client found something wrong, but 0 when SIGINT or SIGTERM broke the play off. */
int cast_end(void);

/* Receives a reply of exactly this many bytes and says so; dies when the connection ends before. */
void cast_reply(const char *name, int fd, size_t length);

/* Says that the client leaves, closes its sending side, waits until the server has closed too, and
 * closes. */
void cast_leave(const char *name, int fd);

#endif
