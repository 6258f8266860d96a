/* 12a_class: a class is a table of functions, a subclass a copy with some replaced
 *
 * Predict  handle_request is written once, and takes each step through the table of its server's
 *          class. Which steps must a server for datagrams replace? And what does a client see of a
 *          new close_request that does not call the one it replaced?
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

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool no_super;

/* What a client asks for: over a connection, or in a datagram. */
struct request {
    int fd;                /* the connection, or the server's own socket */
    struct sockaddr_in to; /* where the reply to a datagram goes */
    socklen_t to_length;   /* 0: a connection knows where it leads */
    char text[64];
    size_t length;
};

struct server;

/* A class: its name, and its methods. The first argument of each is self. */
struct server_class {
    const char *name;
    int socket_type;
    void (*get_request)(struct server *self, struct request *request);
    void (*finish_request)(struct server *self, struct request *request);
    void (*close_request)(struct server *self, struct request *request);
};

/* An object: its class, and data of its own. */
struct server {
    struct server_class class;
    int fd;
};

static size_t checked(ssize_t result, const char *call)
{
    if (result < 0)
        die("%s", call);
    return (size_t)result;
}

/* ---- BaseServer: what is the same for all ---------------------------------------------------- */

static void answer_in_upper_case(struct server *self, struct request *request)
{
    (void)self;
    say("server", "  finish_request: the reply in upper case");
    for (size_t i = 0; i < request->length; i++)
        request->text[i] = (char)toupper((unsigned char)request->text[i]);
    struct sockaddr *to = request->to_length > 0 ? (struct sockaddr *)&request->to : NULL;
    checked(sendto(request->fd, request->text, request->length, 0, to, request->to_length), "send");
}

/* It cannot serve by itself: the other entries are NULL. */
static struct server_class base_server(void)
{
    return (struct server_class){.name = "BaseServer", .finish_request = answer_in_upper_case};
}

/* It is not replaced, so it is no entry of the table. */
static void handle_request(struct server *self)
{
    struct request request = {0};
    say("server", "handle_request of a %s", self->class.name);
    self->class.get_request(self, &request);
    self->class.finish_request(self, &request);
    self->class.close_request(self, &request);
}

/* ---- TCPServer(BaseServer) ------------------------------------------------------------------- */

static void accept_a_connection(struct server *self, struct request *request)
{
    say("server", "  get_request: accept, recv");
    request->fd = (int)checked(accept(self->fd, NULL, NULL), "accept");
    request->length = checked(recv(request->fd, request->text, sizeof request->text, 0), "recv");
}

static void close_the_connection(struct server *self, struct request *request)
{
    (void)self;
    say("server", "  close_request: close");
    close(request->fd);
}

static struct server_class tcp_server(void)
{
    struct server_class class = base_server();
    class.name = "TCPServer";
    class.socket_type = SOCK_STREAM;
    class.get_request = accept_a_connection;
    class.close_request = close_the_connection;
    return class;
}

/* ---- UDPServer(TCPServer) -------------------------------------------------------------------- */

static void receive_a_datagram(struct server *self, struct request *request)
{
    say("server", "  get_request: recvfrom");
    request->fd = self->fd;
    request->to_length = sizeof request->to;
    ssize_t got = recvfrom(self->fd, request->text, sizeof request->text, 0,
                           (struct sockaddr *)&request->to, &request->to_length);
    request->length = checked(got, "recvfrom");
}

static void close_nothing(struct server *self, struct request *request)
{
    (void)self, (void)request;
    say("server", "  close_request: nothing to do");
}

static struct server_class udp_server(void)
{
    struct server_class class = tcp_server();
    class.name = "UDPServer";
    class.socket_type = SOCK_DGRAM;
    class.get_request = receive_a_datagram;
    class.close_request = close_nothing;
    return class;
}

/* ---- CountingServer(TCPServer): one entry replaced, and the one that it replaced is called --- */

static void count_and_close(struct server *self, struct request *request)
{
    static int count;
    say("server", "  close_request: request %d is done", ++count);
    if (!no_super)
        tcp_server().close_request(self, request); /* super().close_request(request) */
}

static struct server_class counting_server(void)
{
    struct server_class class = tcp_server();
    class.name = "CountingServer";
    class.close_request = count_and_close;
    return class;
}

/* ---- The demo: one thread is the server and ann in turn -------------------------------------- */

static void play(struct server_class class)
{
    struct server server = {class, (int)checked(socket(AF_INET, class.socket_type, 0), "socket")};
    struct sockaddr_in address = net_address("127.0.0.1", 0);
    checked(bind(server.fd, (struct sockaddr *)&address, sizeof address), "bind");
    if (class.socket_type == SOCK_STREAM) /* 12b makes this a method too: server_activate */
        checked(listen(server.fd, 5), "listen");
    char reply[64];
    int ann = (int)checked(socket(AF_INET, class.socket_type, 0), "socket");
    address.sin_port = htons((uint16_t)net_port(server.fd));
    say("ann", "sends \"hello\"");
    checked(connect(ann, (struct sockaddr *)&address, sizeof address), "connect");
    checked(send(ann, "hello", 5, 0), "send");
    handle_request(&server);
    size_t length = checked(recv(ann, reply, sizeof reply, 0), "recv");
    struct pollfd end = {.fd = ann, .events = POLLIN};
    bool has_ended = poll(&end, 1, class.socket_type == SOCK_STREAM ? 500 : 0) > 0;
    say("ann", "received %s, %s end of file", quote(reply, length).text, has_ended ? "then" : "no");
    close(ann);
    close(server.fd);
}

static int demo(void)
{
    play(tcp_server());
    play(udp_server());
    play(counting_server());
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"no-super", NULL, "do not call the close_request that was replaced", .flag = &no_super},
        {0},
    };
    return args_demo(argc, argv, "A class is a table of functions.", demo, options);
}
