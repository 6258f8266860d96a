/* 12_socketserver: a class is a table of functions, and a subclass a copy with some replaced
 *
 * Predict  Python's TCPServer serves a request in six steps of the server and three of the handler.
 *          Which one is called first, and which of them are skipped for a datagram?
 * Run      build/12_socketserver
 * Watch    the same calls in the same order for four classes; what each of them does differs.
 * Before   01a_serial_server, 02_datagrams, 03b_unix_datagram, 04_lines; then common/socketserver/socketserver.h
 *          and common/socketserver/handler.h, which this lesson introduces
 * After    13_mixins: a thread or a process for each request, by replacing two entries
 * Python   socketserver.TCPServer, UDPServer, UnixStreamServer, UnixDatagramServer;
 *          BaseRequestHandler, StreamRequestHandler, DatagramRequestHandler
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/handler.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *host = "127.0.0.1", *path = NULL, *class_name = "tcp";
static long port = 0;

/* ---- Subclasses that say which method is called, and call the one they replaced -------------- */

static struct server_class super;
static struct handler_class super_handler;

static bool server_bind(struct server *server)
{
    say("server", "server_bind");
    return super.server_bind(server);
}

static bool server_activate(struct server *server)
{
    say("server", "server_activate");
    return super.server_activate(server);
}

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
    char reply[64]; /* sent at once: lesson 15e shows what a reply in two sends costs */
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

static void close_it(struct server *server)
{
    say("server", "server_close");
    super.server_close(server);
}

static struct server_class talkative(struct server_class class)
{
    super = class;
    class.server_bind = server_bind;
    class.server_activate = server_activate;
    class.get_request = get_request;
    class.verify_request = verify_request;
    class.process_request = process_request;
    class.finish_request = finish_request;
    class.shutdown_request = shutdown_request;
    class.close_request = close_request;
    class.server_close = close_it;
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

static void serve_one_request(struct server_class class, struct handler_class handler)
{
    if (stop_asked)
        return;
    say("server", "---- a %s with a %s", class.name, handler.name);
    struct server server;
    service_open(&server, talkative(class), talkative_handler(handler), host, port, path);
    struct address_text at = address_text(&server.address);
    const char *where = class.address_family == AF_UNIX ? at.text : host;
    say("ann", "sends \"ann\\n\"");
    int ann = service_connect(&class, where, address_port(&server.address));
    if (!net_send_all(ann, "ann\n", 4))
        die("send");
    server_handle_request(&server);

    char buffer[128], *line;
    size_t length;
    struct lines reply = lines_open(ann, buffer, sizeof buffer);
    stop_connection = ann; /* this thread plays ann too, and a signal hangs up on her */
    bool replied = lines_next(&reply, &line, &length) == LINES_LINE;
    if (replied)
        say("ann", "received %s", quote(line, length).text);
    stop_connection = -1;
    close(ann);
    server_close(&server); /* also when a signal has ended the request: it removes the path */
    if (!replied && !stop_asked)
        fail("ann: no reply");
}

static struct server_class chosen_class(void)
{
    if (strcmp(class_name, "tcp") == 0)
        return tcp_server();
    if (strcmp(class_name, "udp") == 0)
        return udp_server();
    if (strcmp(class_name, "unix-stream") == 0)
        return unix_stream_server();
    if (strcmp(class_name, "unix-datagram") == 0)
        return unix_datagram_server();
    args_refuse("--class %s: not one of tcp, udp, unix-stream, unix-datagram", class_name);
}

static int demo(char **operands)
{
    (void)operands;
    chosen_class();    /* a wrong name is refused, also where none is needed */
    stop_on_signals(); /* so that no path is left behind */
    serve_one_request(tcp_server(), stream_request_handler());
    serve_one_request(udp_server(), datagram_request_handler());
    serve_one_request(unix_stream_server(), stream_request_handler());
    serve_one_request(unix_datagram_server(), datagram_request_handler());
    return EXIT_SUCCESS;
}

/* ---- The tree: what a class has replaced, found by comparing the tables ---------------------- */

/* The entries of a table, and where in it they are: offsetof(3). */
struct entry {
    const char *name;
    size_t offset;
};

static const struct entry of_a_server[] = {
    {"server_bind", offsetof(struct server_class, server_bind)},
    {"server_activate", offsetof(struct server_class, server_activate)},
    {"get_request", offsetof(struct server_class, get_request)},
    {"verify_request", offsetof(struct server_class, verify_request)},
    {"process_request", offsetof(struct server_class, process_request)},
    {"finish_request", offsetof(struct server_class, finish_request)},
    {"shutdown_request", offsetof(struct server_class, shutdown_request)},
    {"close_request", offsetof(struct server_class, close_request)},
    {"handle_error", offsetof(struct server_class, handle_error)},
    {"handle_timeout", offsetof(struct server_class, handle_timeout)},
    {"service_actions", offsetof(struct server_class, service_actions)},
    {"server_close", offsetof(struct server_class, server_close)},
    {0},
};

static const struct entry of_a_handler[] = {
    {"setup", offsetof(struct handler_class, setup)},
    {"handle", offsetof(struct handler_class, handle)},
    {"finish", offsetof(struct handler_class, finish)},
    {"write", offsetof(struct handler_class, write)},
    {0},
};

static void print_differences(const struct entry *entry, const void *class, const void *base)
{
    for (; entry->name; entry++) {
        const char *ours = (const char *)class + entry->offset;
        const char *theirs = (const char *)base + entry->offset;
        if (memcmp(ours, theirs, sizeof(void (*)(void))) != 0)
            printf(" %s", entry->name);
    }
    printf("\n");
}

static void print_server(struct server_class class, struct server_class base)
{
    printf("%s(%s):", class.name, class.base ? class.base : "");
    print_differences(of_a_server, &class, &base);
}

static void print_handler(struct handler_class class, struct handler_class base)
{
    printf("%s(%s):", class.name, class.base ? class.base : "");
    print_differences(of_a_handler, &class, &base);
}

static int tree(char **operands)
{
    (void)operands;
    print_server(base_server(), (struct server_class){0});
    print_server(tcp_server(), base_server());
    print_server(udp_server(), tcp_server());
    print_server(unix_stream_server(), tcp_server());
    print_server(unix_datagram_server(), udp_server());
    print_handler(base_request_handler(), (struct handler_class){0});
    print_handler(stream_request_handler(), base_request_handler());
    print_handler(datagram_request_handler(), base_request_handler());
    return EXIT_SUCCESS;
}

/* ---- The other commands ---------------------------------------------------------------------- */

static int serve(char **operands)
{
    (void)operands;
    struct server_class class = chosen_class();
    struct server server;
    stop_on_signals();
    service_open(&server, class, service_upper(class.socket_type), host, port, path);
    service_run(&server);
    return EXIT_SUCCESS;
}

static int connect_to_host(char **operands)
{
    struct server_class class = chosen_class();
    long to_port = args_number("PORT", operands[1], 1, 65535);
    return talk(service_connect(&class, operands[0], to_port));
}

static int connect_to_path(char **operands)
{
    bool is_usual = strcmp(class_name, "tcp") == 0;
    struct server_class class = is_usual ? unix_stream_server() : chosen_class();
    if (class.address_family != AF_UNIX)
        args_refuse("--class %s: has no path", class_name);
    return talk(service_connect(&class, operands[0], 0));
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"tree", "", "print what each class has replaced in its base", tree},
        {"serve", "", "serve until SIGINT or SIGTERM", serve},
        {"connect", "HOST PORT", "send each line that is typed, print its reply", connect_to_host},
        {"connect", "PATH", "the same with a Unix socket", connect_to_path},
        {0},
    };
    static const struct option_spec options[] = {
        {"class", "C", "tcp, udp, unix-stream or unix-datagram", .text = &class_name},
        {"host", "H", "the address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        {"path", "P", "the path of a Unix socket (default one with the pid)", .text = &path},
        {0},
    };
    static const struct program program = {
        "A class is a table of functions, and a subclass a copy with some replaced.", commands,
        options};
    return args_run(argc, argv, &program);
}
