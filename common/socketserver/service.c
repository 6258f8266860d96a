#include "socketserver/service.h"

#include "sockets/net.h"
#include "sockets/stop.h"
#include "sockets/upper.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *service_actor(const struct handler *handler)
{
    const char *worker = handler->request->worker;
    return *worker ? worker : "server";
}

static bool serve_connection(struct handler *self)
{
    say(service_actor(self), "accepted client %d", self->request->number);
    upper_serve(service_actor(self), self->request->fd, self->request->number);
    return true;
}

static bool serve_datagram(struct handler *self)
{
    struct request *request = self->request;
    say(service_actor(self), "received %zu bytes: %s", request->length,
        quote(request->packet, request->length).text);
    for (size_t i = 0; i < request->length; i++)
        request->packet[i] = (char)toupper((unsigned char)request->packet[i]);
    return self->class->write(self, request->packet, request->length);
}

struct handler_class service_upper(int socket_type)
{
    bool is_stream = socket_type == SOCK_STREAM;
    struct handler_class class = is_stream ? base_request_handler() : datagram_request_handler();
    class.handle = is_stream ? serve_connection : serve_datagram;
    return class;
}

struct server_class service_class(const char *name)
{
    if (strcmp(name, "tcp") == 0)
        return tcp_server();
    if (strcmp(name, "udp") == 0)
        return udp_server();
    if (strcmp(name, "unix-stream") == 0)
        return unix_stream_server();
    if (strcmp(name, "unix-datagram") == 0)
        return unix_datagram_server();
    args_refuse("--class %s: not one of tcp, udp, unix-stream, unix-datagram", name);
}

/* A pid comes round again: what has this name was left by a process that was killed. */
static const char *own_path(void)
{
    const char *path = args_own_path();
    unlink(path);
    return path;
}

/* The address, or the end of the process with a line that names what is wrong with it. */
static struct address parse(int family, const char *host, long port)
{
    struct address address;
    if (address_parse(&address, family, host, port))
        return address;
    if (family != AF_UNIX)
        args_refuse(family == AF_INET6 ? "%s: not an IPv6 address like ::1"
                                       : "%s: not an IPv4 address like 127.0.0.1",
                    host);
    if (*host == '\0')
        args_refuse("an empty path names no socket");
    args_refuse("%s: too long for the path of a socket", host);
}

static struct server *opened;
static struct server_class super;

/* A signal that ends the program hangs up on the client that is being served: stop.h. */
static bool process_request_until_stopped(struct server *server, struct request *request)
{
    if (!request->packet)
        stop_connection = request->fd;
    if (stop_asked)
        shutdown(stop_connection, SHUT_RDWR); /* it came before it could know of this one */
    bool done = super.process_request(server, request);
    stop_connection = -1;
    return done;
}

int service_open(struct server *server, struct server_class class, struct handler_class handler,
                 const char *host, long port, const char *path)
{
    bool is_unix = class.address_family == AF_UNIX;
    if (is_unix)
        host = path ? path : own_path();
    struct address address = parse(class.address_family, host, port);
    /* not for UDP: a second server could bind the port too, and the first would get nothing */
    class.allow_reuse_address = class.socket_type == SOCK_STREAM && !is_unix;
    super = class;
    if (!class.mixin)
        class.process_request = process_request_until_stopped;
    if (!server_init(server, class, handler, host, port, true))
        die("bind %s", address_text(&address).text);
    opened = server;
    return server->fd;
}

/* The signal has rung the loop's own bell, so it comes by here at once. */
static void stop_when_asked(struct server *server)
{
    super.service_actions(server);
    if (stop_asked)
        server_end_loop(server);
}

void service_run(void)
{
    struct server *server = opened;
    server->class.service_actions = stop_when_asked;
    say("server", "listening on %s", address_text(&server->address).text);
    stop_bell = server->wake[1];
    if (stop_asked)
        server_end_loop(server);
    server_serve_forever(server, 500);
    stop_bell = -1;
    server_close(server);
    say("server", "stopped");
}

static int connect_to(const struct server_class *class, const struct address *address)
{
    int fd = socket(class->address_family, class->socket_type, 0);
    if (fd < 0)
        die("socket");
    /* a name of the kernel's choice, or a Unix datagram could not be answered (Linux: unix(7),
     * "Autobind feature") */
    struct sockaddr nameless = {.sa_family = AF_UNIX};
    if (class->address_family == AF_UNIX && class->socket_type == SOCK_DGRAM &&
        bind(fd, &nameless, sizeof nameless.sa_family) < 0)
        die("bind");
    if (connect(fd, (const struct sockaddr *)&address->storage, address->length) < 0)
        die("connect %s", address_text(address).text);
    return fd;
}

int service_connect(const struct server_class *class, const char *host, long port)
{
    struct address address = parse(class->address_family, host, port);
    return connect_to(class, &address);
}

int service_client(const struct server *server)
{
    return connect_to(&server->class, &server->address);
}

/* ---- Clients in the process of the server ---------------------------------------------------- */

int visit_from(const struct server *server, const char *name, const char *source)
{
    say(name, "connects from %s", source);
    int family = strchr(source, ':') ? AF_INET6 : AF_INET;
    struct address from = parse(family, source, 0);
    struct address to = parse(family, "localhost", address_port(&server->address));
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from.storage, from.length) < 0)
        die("bind %s", source);
    if (connect(fd, (struct sockaddr *)&to.storage, to.length) == 0)
        return fd;
    if (errno != ECONNREFUSED)
        die("connect");
    say(name, "is refused");
    close(fd);
    return -1;
}

void visit_send(const char *name, int fd, const char *text)
{
    say(name, "sends %s", quote(text, strlen(text)).text);
    net_send_all(fd, text, strlen(text));
}

void visit_hear(const char *name, int fd)
{
    char buffer[160], *line;
    size_t length;
    struct lines reply = lines_open(fd, buffer, sizeof buffer);
    if (lines_next(&reply, &line, &length) == LINES_LINE)
        say(name, "received %s", quote(line, length).text);
    else
        say(name, "is hung up on");
}

void visit(struct server *server, const char *name, const char *source)
{
    int fd = visit_from(server, name, source);
    server_handle_request(server);
    visit_hear(name, fd);
    close(fd);
}

struct address_text visit_host(const struct address *address)
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
    struct address_text host = visit_host(&self->request->client);
    int size = snprintf(reply, sizeof reply, "you are %s\n", host.text);
    return self->class->write(self, reply, (size_t)size);
}

struct handler_class visit_handler(void)
{
    struct handler_class class = stream_request_handler();
    class.handle = tell;
    return class;
}
