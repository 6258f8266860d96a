/* 12b_socketserver: a request is served in the same steps, whatever the class
 *
 * Predict  Python's TCPServer serves a request in six steps of the server and three of the handler.
 *          Which one is called first, and which of them are skipped for a datagram?
 * Run      build/12b_socketserver
 * Watch    each step says its name, and then calls what it replaced. Then the same calls in the
 *          same order with --class udp, unix-stream and unix-datagram.
 * Before   03a_unix_stream, 04_lines, 12a_class; then common/socketserver/socketserver.h, which
 *          this lesson introduces
 * After    13a_mixins: a thread or a process for each request
 * Python   socketserver.TCPServer, UDPServer, UnixStreamServer, UnixDatagramServer;
 *          BaseRequestHandler, StreamRequestHandler, DatagramRequestHandler
 */
#include "sockets/lines.h"
#include "sockets/stop.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *class_name, *path;

static struct server_class chosen_class(void)
{
    return service_class(class_name ? class_name : "tcp");
}

/* ---- Subclasses that say which method is called, and call the one they replaced -------------- */

static struct server_class super;
static struct handler_class super_handler;

static bool get_request(struct server *server, struct request *request)
{
    say("server", "get_request");
    return super.get_request(server, request);
}

static bool verify_request(struct server *server, const struct request *request)
{
    say("server", "verify_request");
    return super.verify_request(server, request);
}

static bool process_request(struct server *server, struct request *request)
{
    say("server", "process_request");
    return super.process_request(server, request);
}

static bool finish_request(struct server *server, struct request *request)
{
    say("server", "  finish_request");
    return super.finish_request(server, request);
}

static bool setup(struct handler *self)
{
    say("server", "    setup");
    return super_handler.setup(self);
}

/* What the handler is for. rfile and write are the same for a connection and for a datagram. */
static bool handle(struct handler *self)
{
    say("server", "    handle");
    char *line;
    size_t length;
    if (lines_next(&self->rfile, &line, &length) != LINES_LINE)
        return false;
    char reply[64]; /* sent at once: 15e shows what a reply in two sends costs */
    int size = snprintf(reply, sizeof reply, "good morning, %.*s\n", (int)length, line);
    return size < (int)sizeof reply && self->class->write(self, reply, (size_t)size);
}

static bool finish(struct handler *self)
{
    say("server", "    finish");
    return super_handler.finish(self);
}

static void shutdown_request(struct server *server, struct request *request)
{
    say("server", "  shutdown_request");
    super.shutdown_request(server, request);
}

static void close_request(struct server *server, struct request *request)
{
    say("server", "    close_request");
    super.close_request(server, request);
}

static struct server_class talkative(struct server_class class)
{
    super = class;
    class.get_request = get_request;
    class.verify_request = verify_request;
    class.process_request = process_request;
    class.finish_request = finish_request;
    class.shutdown_request = shutdown_request;
    class.close_request = close_request;
    return class;
}

static struct handler_class talkative_handler(struct handler_class class)
{
    super_handler = class;
    class.setup = setup;
    class.handle = handle;
    class.finish = finish;
    return class;
}

/* ---- The demo: one thread is the server and its client in turn ------------------------------- */

static struct server server;

static int open_server(const char *host, long port)
{
    stop_on_signals(); /* so that no path is left behind */
    struct server_class class = chosen_class();
    return service_open(&server, class, service_upper(class.socket_type), host, port, path);
}

static int serve_one_request(void)
{
    struct server_class class = chosen_class();
    bool is_stream = class.socket_type == SOCK_STREAM;
    struct handler_class handler =
        is_stream ? stream_request_handler() : datagram_request_handler();
    stop_on_signals();
    say("server", "a %s with a %s", class.name, handler.name);
    service_open(&server, talkative(class), talkative_handler(handler), "127.0.0.1", 0, path);
    int ann = service_client(&server);
    cast_send("ann", ann, "ann\n");
    while (server.requests == 0 && !stop_asked) /* without descriptors, it tries again */
        server_handle_request(&server);
    if (!stop_asked)
        cast_reply("ann", ann, strlen("good morning, ann\n"));
    close(ann);
    server_close(&server); /* also when a signal has ended the request: it removes the path */
    return EXIT_SUCCESS;
}

/* ---- The command line ------------------------------------------------------------------------ */

static int dial(const char *host, long port)
{
    struct server_class class = chosen_class();
    return service_connect(&class, host, port);
}

static int dial_path(const char *to)
{
    struct server_class class = class_name ? chosen_class() : unix_stream_server();
    if (class.address_family != AF_UNIX)
        args_refuse("--class %s: has no path", class_name);
    return service_connect(&class, to, 0);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"class", "C", "tcp, udp, unix-stream or unix-datagram", .text = &class_name},
        {"path", "P", "the path of a Unix socket (default one with the pid)", .text = &path},
        {0},
    };
    static const struct server_program program = {
        .idea = "Four classes, and the same calls in the same order.",
        .open = open_server,
        .serve = service_run,
        .dial = dial,
        .dial_path = dial_path,
        .demo = serve_one_request,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
