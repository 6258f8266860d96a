/* socketserver: the servers of Python's module of that name.
 * Introduced by lesson 12b.
 * socketserver/ is the framework of lessons 12 to 15, in the order of Python's own file.
 *
 * A class is a table of functions, as in lesson 12a. Functions return false and set errno where
 * Python raises an exception. What is done for one request, and by which method:
 *
 *     get_request -> verify_request -> process_request -> finish_request -> shutdown_request
 *                                                     |                  -> close_request
 *                                                     handler: setup, handle, finish
 */
#ifndef SOCKETSERVER_H
#define SOCKETSERVER_H

#include "sockets/address.h"
#include "sockets/lines.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* One request: a connection, or one datagram. */
struct request {
    int fd;                /* the connection, which shutdown_request closes; the server's socket */
    struct address client; /* client_address */
    char *packet;          /* the datagram and a NUL, freed by close_request; NULL: a connection */
    size_t length;         /* of the datagram, without the NUL */
    int number;            /* of the server's requests: 1, 2, 3 */
    char worker[24];       /* who serves it: "thread-1", "child-1"; "": no mixin */
    const char *error;     /* why the handler failed, for handle_error; NULL: see errno */
};

struct server;
struct handler;

struct server_class {
    const char *name, *base;
    const char *mixin; /* "ThreadingMixIn"; NULL: none */

    int address_family, socket_type;
    int request_queue_size; /* as many as the system allows, where Python says 5 */
    bool allow_reuse_address, allow_reuse_port;
    int timeout; /* ms that handle_request waits; -1: without limit */
    size_t max_packet_size;
    bool daemon_threads, block_on_close; /* see mixin.h */
    int max_children;

    bool (*server_bind)(struct server *server);
    bool (*server_activate)(struct server *server);
    bool (*get_request)(struct server *server, struct request *request);
    bool (*verify_request)(struct server *server, const struct request *request);
    bool (*process_request)(struct server *server, struct request *request);
    bool (*finish_request)(struct server *server, struct request *request);
    void (*shutdown_request)(struct server *server, struct request *request);
    void (*close_request)(struct server *server, struct request *request);
    void (*handle_error)(struct server *server, const struct request *request);
    void (*handle_timeout)(struct server *server);
    void (*service_actions)(struct server *server);
    void (*server_close)(struct server *server);

    /* those that a mixin has replaced */
    bool (*super_get_request)(struct server *server, struct request *request);
    void (*super_server_close)(struct server *server);
};

/* The five classes. base_server has only what is the same for all and cannot serve by itself. */
struct server_class base_server(void);
struct server_class tcp_server(void);
struct server_class udp_server(void);
struct server_class unix_stream_server(void);
struct server_class unix_datagram_server(void);

/* A handler lives as long as its request: setup, handle, and finish, also when handle failed. */
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

enum { SERVER_MOST_CHILDREN = 1000 };

/* An object: one server, with its own copy of the class. */
struct server {
    struct server_class class;
    struct handler_class handler; /* RequestHandlerClass */
    struct address address;       /* server_address; after server_bind with the real port */
    int fd;                       /* fileno(): -1 when the server is closed */
    int requests;                 /* so far */
    int worker_count;             /* of a mixin: threads at work, or children not yet waited for */

    /* the rest is the module's own */
    int wake[2]; /* a pipe: a byte in it ends the wait for requests */
    atomic_bool shutdown_requested;
    struct stat own_path; /* of a server that is bound to a path; no inode: none */
    pthread_mutex_t lock; /* guards serving, and the threads at work */
    pthread_cond_t changed;
    bool serving;
    pthread_t serving_thread;
    struct worker *workers;               /* of ThreadingMixIn */
    pid_t children[SERVER_MOST_CHILDREN]; /* of ForkingMixIn */
};

/* Makes the socket, binds and activates it; with bind_and_activate false the caller does the last
 * two. Host and port as address_parse takes them. Returns false, with nothing left open, if one of
 * them fails. TCPServer.__init__ */
bool server_init(struct server *server, struct server_class class, struct handler_class handler,
                 const char *host, long port, bool bind_and_activate);

/* Serves until server_shutdown or server_end_loop. service_actions runs after each request and at
 * least every poll_interval ms. */
void server_serve_forever(struct server *server, int poll_interval);

/* Serves one request, or none: handle_timeout is called when class.timeout is over. */
void server_handle_request(struct server *server);

/* Ends serve_forever in another thread and waits until it has ended. If it has not begun, it will
 * end as soon as it does. Returns false (EDEADLK) when the loop itself calls it, in a handler or a
 * hook, and would wait for ever. */
bool server_shutdown(struct server *server);

/* Ends the loop as server_shutdown does, but waits for nothing. */
void server_end_loop(struct server *server);

/* Closes the server; a path is unlinked. It must not be serving. */
void server_close(struct server *server);

/* ---- Handlers: what is done for one request -------------------------------------------------- */

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
