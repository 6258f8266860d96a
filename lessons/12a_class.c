/* 12a_class: a class is a table of functions, a subclass a copy with some replaced
 *
 * Predict  UDPServer begins as a copy of TCPServer's table. Which entries must it replace? And what
 *          does a client see of a new close_request that does not call the one it replaced?
 * Run      build/12a_class
 * Watch    three servers and one handle_request: the same steps, but what each step does differs.
 * Before   01a_serial_server, 02_datagrams
 * After    12b_socketserver: the same with every step of Python's module
 * Python   class UDPServer(TCPServer); def get_request(self); super().close_request(request)
 */
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* An object: its class, and data of its own. */
struct server {
    const struct server_class *class;
    int fd;
};

/* A class: a table of its methods. Each gets the object, self; a request is the socket to read. */
struct server_class {
    int socket_type;
    int (*get_request)(struct server *self);
    void (*finish_request)(struct server *self, int request);
    void (*close_request)(struct server *self, int request);
};

/* Written once, for all classes: it takes each step through the table. */
static void handle_request(struct server *self)
{
    int request = self->class->get_request(self);
    self->class->finish_request(self, request);
    self->class->close_request(self, request);
}

/* ---- The methods ----------------------------------------------------------------------------- */

static void read_the_text(struct server *self, int request)
{
    (void)self;
    char text[64];
    ssize_t length = recv(request, text, sizeof text, 0);
    if (length < 0)
        die("recv");
    say("server", "finish_request: the text is %s", quote(text, (size_t)length).text);
}

static int accept_a_connection(struct server *self)
{
    say("server", "get_request: accept");
    return accept(self->fd, NULL, NULL);
}

static void close_the_connection(struct server *self, int request)
{
    (void)self;
    say("server", "close_request: close");
    close(request);
}

static int take_the_servers_own(struct server *self)
{
    say("server", "get_request: nothing to accept");
    return self->fd;
}

static void close_nothing(struct server *self, int request)
{
    (void)self, (void)request;
    say("server", "close_request: nothing to close");
}

static struct server_class tcp_server;

static void count_and_close(struct server *self, int request)
{
    static int count;
    say("server", "close_request: request %d is done", ++count);
    tcp_server.close_request(self, request); /* super().close_request(request) */
}

/* ---- The classes ----------------------------------------------------------------------------- */

/* One thread is in turn ann and the server, an object of this class. */
static void play(const char *name, const struct server_class *class)
{
    struct server server = {class, socket(AF_INET, class->socket_type, 0)};
    int ann = socket(AF_INET, class->socket_type, 0);
    struct sockaddr_in address = net_address("127.0.0.1", 0);
    bool is_stream = class->socket_type == SOCK_STREAM;
    if (server.fd < 0 || ann < 0 ||
        bind(server.fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        (is_stream && listen(server.fd, 1) < 0))
        die("socket, bind, listen");
    address.sin_port = htons((uint16_t)net_port(server.fd));
    say("ann", "sends \"hello\" to a %s", name);
    if (connect(ann, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    net_send_all(ann, "hello", 5);
    handle_request(&server);
    struct pollfd end = {.fd = ann, .events = POLLIN};
    int ended = poll(&end, 1, is_stream ? 500 : 0);
    say("ann", "sees %s", ended ? "the end of file" : "no end of file");
    close(ann);
    close(server.fd);
}

static int demo(void)
{
    struct server_class base_server = {.finish_request = read_the_text};

    tcp_server = base_server;
    tcp_server.socket_type = SOCK_STREAM;
    tcp_server.get_request = accept_a_connection;
    tcp_server.close_request = close_the_connection;

    struct server_class udp_server = tcp_server;
    udp_server.socket_type = SOCK_DGRAM;
    udp_server.get_request = take_the_servers_own;
    udp_server.close_request = close_nothing;

    struct server_class counting_server = tcp_server;
    counting_server.close_request = count_and_close;

    play("TCPServer", &tcp_server);
    play("UDPServer", &udp_server);
    play("CountingServer", &counting_server);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "A class is a table of functions.", demo, NULL);
}
