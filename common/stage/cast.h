/* cast: the demo of a server: it serves in one child process, and its clients play in another.
 * Introduced by lesson 01a; plumbing.
 *
 * When the play is over, the server is told to end, as by kill(1). Both end when main is told to,
 * and when it has ended (children.h).
 */
#ifndef CAST_H
#define CAST_H

#include <stddef.h>
#include <sys/types.h>

/* Serves in a child process, which keeps the signal handlers that there are, and plays in another,
 * where they have their default actions and the listener is closed. Returns the status for the
 * program to end with: not 0 when a client found something wrong, or when a signal has ended the
 * server; it says which. Main's handlers are others
 * afterwards. */
int cast_play(int listener, void (*serve)(void), void (*play)(void));

/* In play: the server's process. */
pid_t cast_server(void);

/* Says what the client sends, and sends it. Dies if the server is gone. */
void cast_send(const char *name, int fd, const char *text);

/* Says that the client connects and sends, and does so. dial connects, or ends the process. Returns
 * the connection, which the caller closes. */
int cast_connect(const char *name, int (*dial)(void), const char *text);

/* Receives a reply of exactly this many bytes and says so; dies when the connection ends before. */
void cast_reply(const char *name, int fd, size_t length);

/* Says that the client leaves, closes its sending side, waits until the server has closed too, and
 * closes. */
void cast_leave(const char *name, int fd);

#endif
