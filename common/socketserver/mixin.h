/* mixin: a thread or a process for each request of a server (socketserver.h).
 * Introduced by lesson 13a; lessons 10 and 11 show it longhand.
 *
 * A mixin takes any of the four classes and gives it back with a few entries replaced. Apply it
 * first, once, and override other entries afterwards; otherwise it overwrites them.
 */
#ifndef MIXIN_H
#define MIXIN_H

#include "socketserver/socketserver.h"

/* A thread for each request. server_close hangs up on those that are still connected, and waits
 * until their threads are done, so no handler may call it; Python waits for the clients instead.
 * With daemon_threads, or without block_on_close, it leaves them alone: then the server object has
 * to live as long as the process does. ThreadingMixIn */
struct server_class threading_mixin(struct server_class class);

/* A process for each request, max_children of them at once: more wait in the queue of the
 * listening socket. server_close ends and reaps those that are left, but no child of anybody else;
 * without block_on_close it leaves them alone. With it, the children also end when the process
 * does, however it ends: child_ends_with. ForkingMixIn */
struct server_class forking_mixin(struct server_class class);

/* The two that are used most, by their names in Python. */
struct server_class threading_tcp_server(void);
struct server_class forking_tcp_server(void);

#endif
