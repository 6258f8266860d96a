/* 15_custom_server: a server of one's own is a class with one entry replaced
 *
 * Predict  A client sends its request one byte at a time, and no end of it. The server waits 200 ms
 *          for each read. When does it give up?
 * Run      build/15_custom_server
 * Watch    each scene replaces an entry of the table or sets an attribute, and a client sees what
 *          that changes. A scene is also a command: build/15_custom_server allow
 * Before   12_socketserver, 13_mixins, 14_server_thread
 * After    23a_manager_dict, which is built on such a server
 * Python   class Mine(TCPServer): address_family, verify_request, handle_error, handle_timeout,
 *          service_actions, max_children, daemon_threads, bind_and_activate
 */
#include "sockets/address.h"
#include "sockets/lines.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/handler.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef SIOCOUTQNSD
#define SIOCOUTQNSD 0x894B /* Linux alone; its <linux/sockios.h> has it, musl has not */
#endif

enum { WAIT_MS = 50, BEAT_MS = 20, TRICKLE_MS = 10 };
enum { REPLY_BYTES = 5000, FIRST_BYTES = 1000 };

static const char *host = "127.0.0.1";
static long port = 0, timeout = 200, max_children = 40, deadline = 200, replies = 5;
static bool forking, timing;

/* ---- The service of the scenes, and its clients ---------------------------------------------- */

/* The address without its port, which is another each time. */
static struct address_text host_of(const struct address *address)
{
    struct address_text result = address_text(address);
    char *colon = strrchr(result.text, ':');
    if (colon)
        *colon = '\0';
    return result;
}

static bool tell(struct handler *self)
{
    char reply[160];
    int size = snprintf(reply, sizeof reply, "you are %s\n", host_of(&self->request->client).text);
    return self->class->write(self, reply, (size_t)size);
}

static struct handler_class with_handle(bool (*handle)(struct handler *self))
{
    struct handler_class class = stream_request_handler();
    class.handle = handle;
    return class;
}

/* Connects from this address of the machine itself: bind before connect. Returns -1 if nobody
 * listens. */
static int come(const struct server *server, const char *name, const char *source)
{
    say(name, "connects from %s", source);
    bool is_ipv6 = strchr(source, ':');
    int family = is_ipv6 ? AF_INET6 : AF_INET, to_port = address_port(&server->address);
    struct address from, to;
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0 || !address_parse(&from, family, source, 0) ||
        !address_parse(&to, family, is_ipv6 ? "::1" : "127.0.0.1", to_port) ||
        bind(fd, (struct sockaddr *)&from.storage, from.length) < 0)
        die("bind %s", source);
    if (connect(fd, (struct sockaddr *)&to.storage, to.length) == 0)
        return fd;
    if (errno != ECONNREFUSED)
        die("connect");
    say(name, "is refused");
    close(fd);
    return -1;
}

static void hear(const char *name, int fd)
{
    char buffer[160], *line;
    size_t length;
    struct lines reply = lines_open(fd, buffer, sizeof buffer);
    stop_connection = fd; /* this thread plays the client too, and a signal hangs up on it */
    if (lines_next(&reply, &line, &length) == LINES_LINE)
        say(name, "received %s", quote(line, length).text);
    else
        say(name, "is hung up on");
    stop_connection = -1;
}

/* The client and the server in turn, in one thread: the connection waits in the queue. */
static void visit(struct server *server, const char *name, const char *source)
{
    int fd = come(server, name, source);
    server_handle_request(server);
    hear(name, fd);
    close(fd);
}

static void open_here(struct server *server, struct server_class class,
                      struct handler_class handler)
{
    stop_on_signals();
    service_open(server, class, handler, "127.0.0.1", 0, NULL);
}

/* A scene with two visitors. */
static int serve_two(struct server_class class, struct handler_class handler, const char *bobs)
{
    struct server server;
    open_here(&server, class, handler);
    visit(&server, "ann", "127.0.0.1");
    visit(&server, "bob", bobs);
    server_close(&server);
    return EXIT_SUCCESS;
}

/* ---- Methods that are replaced --------------------------------------------------------------- */

/* An IPv4 client then comes as ::ffff:127.0.0.1. Linux has the option off as a rule, but whoever
 * runs the machine may turn it on. The option has to be set before bind: ipv6(7) */
static bool bind_both(struct server *server)
{
    int off = 0;
    return setsockopt(server->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
           tcp_server().server_bind(server); /* super().server_bind() */
}

static int ipv6(char **none)
{
    (void)none;
    struct server_class class = tcp_server();
    struct server server;
    class.address_family = AF_INET6;
    stop_on_signals();
    if (!server_init(&server, class, with_handle(tell), "::1", 0, true)) {
        say("server", "this machine has no IPv6");
        return EXIT_SUCCESS;
    }
    say("server", "listens on ::1");
    visit(&server, "ann", "::1");
    server_close(&server);

    class.server_bind = bind_both;
    service_open(&server, class, with_handle(tell), "::", 0, NULL);
    say("server", "listens on ::, for both families");
    visit(&server, "ann", "::1");
    visit(&server, "bob", "127.0.0.1");
    server_close(&server);
    return EXIT_SUCCESS;
}

static bool is_on_the_list(struct server *server, const struct request *request)
{
    (void)server;
    struct address_text client = host_of(&request->client);
    bool found = strcmp(client.text, "127.0.0.1") == 0;
    say("server", "verify_request: %s is %son the list", client.text, found ? "" : "not ");
    return found;
}

static int allow(char **none)
{
    (void)none;
    struct server_class class = tcp_server();
    class.verify_request = is_on_the_list;
    return serve_two(class, with_handle(tell), "127.0.0.2");
}

static bool fail_for_the_first(struct handler *self)
{
    if (self->request->number > 1)
        return tell(self);
    self->request->error = "the handler has failed";
    return false;
}

/* The connection is still open: shutdown_request comes after this. */
static void apologise(struct server *server, const struct request *request)
{
    tcp_server().handle_error(server, request);
    net_send_all(request->fd, "sorry\n", 6);
}

static int error(char **none)
{
    (void)none;
    struct server_class class = tcp_server();
    class.handle_error = apologise;
    return serve_two(class, with_handle(fail_for_the_first), "127.0.0.1");
}

static void complain(struct server *server)
{
    say("server", "handle_timeout: nobody came for %d ms", server->class.timeout);
}

static int nobody(char **none)
{
    (void)none;
    struct server_class class = tcp_server();
    struct server server;
    class.timeout = WAIT_MS;
    class.handle_timeout = complain;
    open_here(&server, class, with_handle(tell));
    server_handle_request(&server);
    visit(&server, "ann", "127.0.0.1");
    server_close(&server);
    return EXIT_SUCCESS;
}

static int beats;

static void beat(struct server *server)
{
    say("server", "service_actions: beat %d", ++beats);
    if (beats == 3) /* the first came after a request, the others when poll_interval was over */
        server_end_loop(server);
}

static int heartbeat(char **none)
{
    (void)none;
    struct server_class class = tcp_server();
    struct server server;
    class.service_actions = beat;
    open_here(&server, class, with_handle(tell));
    int ann = come(&server, "ann", "127.0.0.1");
    server_serve_forever(&server, BEAT_MS);
    hear("ann", ann);
    close(ann);
    server_close(&server);
    return EXIT_SUCCESS;
}

static int by_hand(char **none)
{
    (void)none;
    struct server server;
    stop_on_signals();
    if (!server_init(&server, tcp_server(), with_handle(tell), "127.0.0.1", 0, false))
        die("socket");
    say("server", "server_bind: there is a port, and nobody listens");
    if (!server.class.server_bind(&server))
        die("bind");
    if (come(&server, "ann", "127.0.0.1") >= 0)
        fail("ann: was not refused");
    say("server", "server_activate: listens");
    if (!server.class.server_activate(&server))
        die("listen");
    visit(&server, "ann", "127.0.0.1");
    server_close(&server);
    return EXIT_SUCCESS;
}

/* ---- Workers at their limits ----------------------------------------------------------------- */

static bool tell_until_the_end(struct handler *self)
{
    char *line;
    size_t length;
    do
        if (!tell(self))
            return false;
    while (lines_next(&self->rfile, &line, &length) == LINES_LINE);
    return true;
}

static int guests[3] = {-1, -1, -1}; /* the clients' ends */

/* Whose copy of which descriptor: lesson 11a. The clients are in the parent, so a child has copies
 * of their ends, and with these open its client would never be gone. */
static bool tell_in_a_child(struct handler *self)
{
    for (int i = 0; i < 3; i++)
        if (guests[i] >= 0)
            close(guests[i]);
    return tell_until_the_end(self);
}

static void say_full(struct server *server)
{
    forking_tcp_server().handle_timeout(server); /* collects the children that have ended */
    say("server", "%d children are at work: the next client waits", server->worker_count);
}

static int children(char **none)
{
    (void)none;
    struct server_class class = forking_mixin(tcp_server());
    struct server server;
    class.max_children = 2;
    class.timeout = WAIT_MS;
    class.handle_timeout = say_full;
    open_here(&server, class, with_handle(tell_in_a_child));
    const char *names[] = {"ann", "bob", "carl"};
    for (int i = 0; i < 3; i++) {
        guests[i] = come(&server, names[i], "127.0.0.1");
        server_handle_request(&server); /* in vain for carl: the time-out ends it */
        if (i < 2)
            hear(names[i], guests[i]);
    }
    say("ann", "leaves");
    close(guests[0]);
    guests[0] = -1;
    server.class.handle_timeout = forking_tcp_server().handle_timeout;
    while (server.requests < 3) /* 3 already if Ctrl-C has ended a child */
        server_handle_request(&server);
    hear("carl", guests[2]);
    server_close(&server);
    for (int i = 1; i < 3; i++)
        close(guests[i]);
    return EXIT_SUCCESS;
}

static int daemons(char **none)
{
    (void)none;
    static struct server servers[2]; /* a daemon thread uses its server after server_close */
    for (int is_daemon = 0; is_daemon < 2; is_daemon++) {
        struct server_class class = threading_mixin(tcp_server());
        struct server *server = &servers[is_daemon];
        class.daemon_threads = is_daemon;
        open_here(server, class, with_handle(tell_until_the_end));
        int ann = come(server, "ann", "127.0.0.1");
        server_handle_request(server);
        hear("ann", ann);
        say("server", "daemon_threads is %s: closes", is_daemon ? "true" : "false");
        server_close(server);
        say("ann", "sends \"still there?\"");
        net_send_all(ann, "still there?\n", 13);
        hear("ann", ann);
        close(ann);
    }
    return EXIT_SUCCESS;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* handler.timeout is that of one read, and each byte that comes starts it anew. The clock that is
 * looked at after each read is that of the request. */
static bool tell_in_time(struct handler *self)
{
    long long end = now_ms() + deadline;
    enum lines_result result;
    char *line;
    size_t length;
    self->request->error = "no line";
    while ((result = lines_take(&self->rfile, &line, &length)) == LINES_MORE) {
        enum lines_result filled = lines_fill(&self->rfile);
        bool is_late = deadline > 0 && now_ms() >= end;
        if (is_late || filled == LINES_ERROR) {
            self->request->error = is_late ? "no line by the deadline" : "a read timed out";
            return false;
        }
    }
    return result == LINES_LINE && tell(self);
}

/* For twice as long as a read may take. */
static void trickle(int fd)
{
    for (int i = 0; i < 2 * timeout / TRICKLE_MS && !stop_asked && net_send_all(fd, "x", 1); i++)
        poll(NULL, 0, TRICKLE_MS);
    net_send_all(fd, "\n", 1);
}

static int trickler(char **none)
{
    (void)none;
    struct server_class class = threading_mixin(tcp_server());
    struct handler_class handler = with_handle(tell_in_time);
    struct server server;
    handler.timeout = (int)timeout;
    open_here(&server, class, handler);
    int ann = come(&server, "ann", "127.0.0.1");
    say("server", "a read may take %ld ms", timeout);
    if (deadline > 0)
        say("server", "all of the request may take %ld ms", deadline);
    say("ann", "sends a byte every %d ms", TRICKLE_MS);
    server_handle_request(&server);
    trickle(ann);
    hear("ann", ann);
    close(ann);
    server_close(&server);
    return EXIT_SUCCESS;
}

static bool in_two_sends;

/* Nagle: a small segment waits as long as the one before is not acknowledged. The client's kernel
 * holds that back for 40 ms, so that it can go with a request. tcp(7), TCP_NODELAY */
static bool reply_at_length(struct handler *self)
{
    static const char reply[REPLY_BYTES];
    size_t first = in_two_sends ? FIRST_BYTES : REPLY_BYTES, length;
    int waits, most = 0;
    char *line;
    while (lines_next(&self->rfile, &line, &length) == LINES_LINE) {
        if (!self->class->write(self, reply, first) ||
            !self->class->write(self, reply + first, REPLY_BYTES - first) ||
            ioctl(self->request->fd, SIOCOUTQNSD, &waits) < 0)
            return false;
        most = waits > most ? waits : most; /* the first reply of all is acknowledged at once */
    }
    say(service_actor(self), "up to %d bytes of a reply waited here", most);
    return true;
}

static void ask(const char *how, bool in_two, bool no_delay)
{
    char reply[REPLY_BYTES];
    struct handler_class handler = with_handle(reply_at_length);
    struct server server;
    struct timespec start;
    handler.disable_nagle_algorithm = no_delay;
    in_two_sends = in_two;
    open_here(&server, threading_mixin(tcp_server()), handler);
    int ann = come(&server, "ann", "127.0.0.1");
    say("ann", "asks %ld times: %s", replies, how);
    server_handle_request(&server);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < replies && !stop_asked && net_send_all(ann, "more\n", 5); i++)
        recv(ann, reply, sizeof reply, MSG_WAITALL);
    say_mute(false);
    if (timing && !stop_asked)
        say_timing(replies, how, start);
    say_mute(timing);
    close(ann);
    server_close(&server);
}

static int nagle(char **none)
{
    (void)none;
    say_mute(timing);
    ask("two-send replies", true, false);
    ask("nodelay replies", true, true);
    ask("one-send replies", false, false);
    return EXIT_SUCCESS;
}

/* ---- The other commands ---------------------------------------------------------------------- */

static struct server_class class_for(const char *address)
{
    struct server_class class = tcp_server();
    struct address probe;
    bool is_ipv6 = strchr(address, ':');
    if (is_ipv6) {
        class.address_family = AF_INET6;
        class.server_bind = bind_both;
    }
    if (!address_parse(&probe, class.address_family, address, 0))
        args_refuse(is_ipv6 ? "%s: not an IPv6 address like ::1"
                            : "%s: not an IPv4 address like 127.0.0.1",
                    address);
    return class;
}

static int serve(char **operands)
{
    (void)operands;
    struct server_class class = class_for(host);
    struct server server;
    class = forking ? forking_mixin(class) : threading_mixin(class);
    class.max_children = (int)max_children;
    stop_on_signals();
    service_open(&server, class, service_upper(SOCK_STREAM), host, port, NULL);
    service_run(&server);
    return EXIT_SUCCESS;
}

static int connect_to(char **operands)
{
    struct server_class class = class_for(operands[0]);
    long to_port = args_number("PORT", operands[1], 1, 65535);
    return talk(service_connect(&class, operands[0], to_port));
}

static int demo(char **operands);

static const struct command commands[] = {
    {"", "", "play all scenes, one after the other", demo},
    {"ipv6", "", "address_family, and server_bind for both families", ipv6},
    {"allow", "", "verify_request as an allow-list", allow},
    {"error", "", "handle_error, and the server goes on", error},
    {"nobody", "", "timeout and handle_timeout", nobody},
    {"heartbeat", "", "service_actions, once in each round of the loop", heartbeat},
    {"by-hand", "", "server_bind and server_activate, one after the other", by_hand},
    {"children", "", "max_children, and the queue", children},
    {"daemons", "", "server_close without and with daemon_threads", daemons},
    {"trickler", "", "a time-out for each read, a deadline for the request", trickler},
    {"nagle", "", "disable_nagle_algorithm, or one send for one reply", nagle},
    {"serve", "", "serve until SIGINT or SIGTERM", serve},
    {"connect", "HOST PORT", "send each line that is typed, print its reply", connect_to},
    {0},
};

static int demo(char **operands)
{
    if (timing)
        return nagle(operands);
    stop_on_signals();
    for (const struct command *scene = commands + 1; scene->run != serve && !stop_asked; scene++) {
        say("server", "---- %s: %s", scene->name, scene->help);
        scene->run(operands);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"host", "H", "the IPv4 or IPv6 address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        {"fork", NULL, "serve each client in a process, not in a thread", .flag = &forking},
        {"max-children", "N", "so many processes at once", .number = &max_children, 1, 1000},
        {"timeout", "MS", "of a read, in trickler", .number = &timeout, 2 * TRICKLE_MS,
         60000},
        {"deadline", "MS", "of the scene trickler; 0: none", .number = &deadline, .max = 60000},
        {"timing", NULL, "measure the replies of the scene nagle", .flag = &timing},
        {"ops", "N", "replies to ask for", .number = &replies, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "A server of one's own is a class with one entry replaced.", commands, options};
    return args_run(argc, argv, &program);
}
