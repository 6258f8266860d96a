/* cast: the clients in the demo of a server (server_program.h).
 * Introduced by lesson 01a; plumbing. What goes wrong ends the process with a message. */
#ifndef CAST_H
#define CAST_H

#include <stddef.h>

/* Says what the client sends, and sends it. */
void cast_send(const char *name, int fd, const char *text);

/* Says that the client connects and sends, and does so. Returns the connection, which the caller
 * closes. */
int cast_connect(const char *name, const char *text);

/* Receives a reply of exactly this many bytes and says so. */
void cast_reply(const char *name, int fd, size_t length);

/* Says that the client leaves, closes its sending side, waits until the server has closed too, and
 * closes. */
void cast_leave(const char *name, int fd);

/* The clients of every server for many: ann stays connected while bob is served. */
void cast_pair(void);

/* The same, and carl sends and does not read, ann is served all the same, carl reads at last. */
void cast_crowd(void);

#endif
