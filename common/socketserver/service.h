/* service: a socketserver that runs as a program, and the service that every lesson offers.
 * Introduced by lesson 12b. */
#ifndef SERVICE_H
#define SERVICE_H

#include "socketserver/socketserver.h"

/* What comes in goes out in upper case: until the client closes its side, or datagram by datagram.
 * The actor of what is narrated is the server, or the thread or the child that the mixin made. */
struct handler_class service_upper(int socket_type);

/* The class of this name: "tcp", "udp", "unix-stream" or "unix-datagram". Any other name ends the
 * process with status 2. */
struct server_class service_class(const char *name);

/* server_init for a program: at the host and port, or, for a Unix class, at the path (NULL: one
 * with the pid in the directory for temporary files). Ends the process with a message if that
 * cannot be. SO_REUSEADDR is set for TCP: lesson 09. Returns the socket. */
int service_open(struct server *server, struct server_class class, struct handler_class handler,
                 const char *host, long port, const char *path);

/* Says where the server listens, serves until SIGINT or SIGTERM (stop.h), or until the cast of a
 * demo has ended, closes the server and says that it has stopped. One server of a process at a
 * time: the one that was opened last. */
void service_run(void);

/* The actor for this request: "server", "thread-1" or "child-1"; lives as long as the request. */
const char *service_actor(const struct handler *handler);

/* A client for a server of this class: a socket that is connected to the address, or the end of the
 * process with a message. The caller closes it. */
int service_connect(const struct server_class *class, const char *host, long port);

/* The same for this server. */
int service_client(const struct server *server);

/* ---- For the demos: clients in the process of the server ------------------------------------- */

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
