/* handler: what is done for one request of a server (socketserver.h).
 * Introduced by lesson 12b.
 *
 * A handler lives as long as its request: setup, handle, and finish, also when handle failed. */
#ifndef HANDLER_H
#define HANDLER_H

#include "sockets/lines.h"

#include <stdbool.h>
#include <stddef.h>

struct server;
struct request;
struct handler;

struct handler_class {
    const char *name, *base;
    int timeout;                  /* ms for each call on a stream; 0 or -1: without limit */
    bool disable_nagle_algorithm; /* TCP_NODELAY: tcp(7) */
    bool (*setup)(struct handler *self);
    bool (*handle)(struct handler *self);
    bool (*finish)(struct handler *self);
    bool (*write)(struct handler *self, const void *data, size_t length); /* wfile.write */
};

struct handler {
    const struct handler_class *class;
    struct server *server;
    struct request *request;
    struct lines rfile; /* lines_next reads it; a datagram's ends with the packet */
    char *buffer;       /* rfile's, or what waits to be sent as one datagram */
    size_t written;     /* bytes of that datagram */
};

/* setup and finish do nothing: handle uses request->fd itself. */
struct handler_class base_request_handler(void);

/* rfile reads the connection through a buffer; write sends all of it, at once. */
struct handler_class stream_request_handler(void);

/* rfile reads the packet; what is written is sent by finish as one datagram, even if it is empty.
 * A client that has no name cannot be answered: finish fails. */
struct handler_class datagram_request_handler(void);

/* Makes a handler of this class and has it serve the request. Returns false if setup, handle or
 * finish failed. BaseRequestHandler.__init__ */
bool handler_run(const struct handler_class *class, struct server *server, struct request *request);

#endif
