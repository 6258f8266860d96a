/* visit: clients in the demos of a socketserver, in the process of the server.
 * Introduced by lesson 14b; plumbing. What goes wrong ends the program with a message.
 */
#ifndef VISIT_H
#define VISIT_H

#include "socketserver/handler.h"
#include "socketserver/socketserver.h"

/* Says so and connects from this address of the machine itself: 127.0.0.1, any other of 127.0.0.0/8
 * on Linux, or ::1. Returns the connection, which the caller closes; -1 if nobody listens. */
int visit_from(const struct server *server, const char *name, const char *source);

/* Says what is sent, and sends it. If nobody is there any more, no reply comes. */
void visit_send(const char *name, int fd, const char *text);

/* Receives one line and says so, or says that there is none. */
void visit_hear(const char *name, int fd);

/* All of a visit, for a server in the same thread: connects, has it handled, hears, closes. */
void visit(struct server *server, const char *name, const char *source);

/* The address without its port, which is another each time. */
struct address_text visit_host(const struct address *address);

/* A handler that says to its client: you are 127.0.0.1. */
struct handler_class visit_handler(void);

#endif
