/* The four servers: a request is a connection or a datagram, an address has a port or is a path. */
#define _DEFAULT_SOURCE /* SO_REUSEPORT */
#include "sockets/net.h"
#include "socketserver/socketserver.h"
#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- TCPServer ------------------------------------------------------------------------------- */

static bool bind_address(struct server *server)
{
    int on = 1;
    const struct server_class *class = &server->class;
    if (class->allow_reuse_address &&
        setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return false;
    if (class->allow_reuse_port &&
        setsockopt(server->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return false;
    struct sockaddr *address = (struct sockaddr *)&server->address.storage;
    if (bind(server->fd, address, server->address.length) < 0)
        return false;
    server->address.length = sizeof server->address.storage;
    return getsockname(server->fd, address, &server->address.length) == 0;
}

static bool activate_listener(struct server *server)
{
    return listen(server->fd, server->class.request_queue_size) == 0;
}

static bool accept_request(struct server *server, struct request *request)
{
    struct address *client = &request->client;
    client->length = sizeof client->storage;
    do
        request->fd = accept(server->fd, (struct sockaddr *)&client->storage, &client->length);
    while (request->fd < 0 && errno == EINTR);
    if (request->fd < 0) {
        server_back_off(server, "accept");
        return false;
    }
    server->complained = false;
    fcntl(request->fd, F_SETFL, 0); /* a handler may wait. (BSD passes O_NONBLOCK on, Linux not.) */
    fcntl(request->fd, F_SETFD, FD_CLOEXEC);
    return true;
}

static void shutdown_connection(struct server *server, struct request *request)
{
    shutdown(request->fd, SHUT_WR); /* the end of file comes, whoever has a copy of it open */
    server->class.close_request(server, request);
}

static void close_connection(struct server *server, struct request *request)
{
    (void)server;
    close(request->fd);
}

struct server_class tcp_server(void)
{
    struct server_class class = base_server();
    class.name = "TCPServer";
    class.base = "BaseServer";
    class.address_family = AF_INET;
    class.socket_type = SOCK_STREAM;
    class.request_queue_size = NET_BACKLOG;
    class.server_bind = bind_address;
    class.server_activate = activate_listener;
    class.get_request = accept_request;
    class.shutdown_request = shutdown_connection;
    class.close_request = close_connection;
    return class;
}

/* ---- UDPServer: a request has no connection of its own --------------------------------------- */

static bool activate_nothing(struct server *server)
{
    (void)server;
    return true;
}

/* A datagram that is longer than the room for it is cut: recvmsg tells, recv would not. */
static bool receive_request(struct server *server, struct request *request)
{
    struct address *client = &request->client;
    size_t size = server->class.max_packet_size;
    request->fd = server->fd;
    request->packet = malloc(size + 1);
    struct iovec room = {.iov_base = request->packet, .iov_len = size};
    struct msghdr message = {.msg_name = &client->storage,
                             .msg_namelen = sizeof client->storage,
                             .msg_iov = &room,
                             .msg_iovlen = 1};
    ssize_t got = request->packet ? recvmsg(server->fd, &message, 0) : -1;
    if (got < 0) {
        free(request->packet);
        server_back_off(server, "recvmsg");
        return false;
    }
    server->complained = false;
    request->packet[got] = '\0';
    request->length = (size_t)got;
    client->length = message.msg_namelen;
    request->is_cut = message.msg_flags & MSG_TRUNC;
    if (request->is_cut)
        say("server", "cut a datagram of %s to %zu bytes", address_text(client).text, size);
    return true;
}

static void shutdown_datagram(struct server *server, struct request *request)
{
    server->class.close_request(server, request);
}

static void free_packet(struct server *server, struct request *request)
{
    (void)server;
    free(request->packet);
}

struct server_class udp_server(void)
{
    struct server_class class = tcp_server();
    class.name = "UDPServer";
    class.base = "TCPServer";
    class.socket_type = SOCK_DGRAM;
    class.max_packet_size = 8192;
    class.server_activate = activate_nothing;
    class.get_request = receive_request;
    class.shutdown_request = shutdown_datagram;
    class.close_request = free_packet;
    return class;
}

/* ---- UnixStreamServer, UnixDatagramServer ---------------------------------------------------- */

static const char *path_of(const struct server *server)
{
    return ((const struct sockaddr_un *)&server->address.storage)->sun_path;
}

/* Python changes the address family and nothing else. Here only this user may connect, and the path
 * goes when the server does. (Lesson 03 also sees to a path that a server left behind.) */
static bool bind_path(struct server *server)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* a process has one umask */
    pthread_mutex_lock(&one_at_a_time);
    mode_t mask = umask(0177);
    bool is_new = tcp_server().server_bind(server);
    umask(mask);
    pthread_mutex_unlock(&one_at_a_time);
    if (is_new) /* a second try fails, and the path of the first is still there */
        server->bound = lstat(path_of(server), &server->own_path) == 0;
    return is_new;
}

/* The path of its own alone: somebody may have removed it, and another server has it now. The
 * socket is closed afterwards, so that until then nobody takes the path for stale. */
static void close_and_unlink(struct server *server)
{
    struct stat found;
    const struct stat *own = &server->own_path;
    if (server->bound && lstat(path_of(server), &found) == 0 && found.st_dev == own->st_dev &&
        found.st_ino == own->st_ino)
        unlink(path_of(server));
    server->bound = false;
    base_server().server_close(server);
}

static void become_unix(struct server_class *class)
{
    class->address_family = AF_UNIX;
    class->server_bind = bind_path;
    class->server_close = close_and_unlink;
}

struct server_class unix_stream_server(void)
{
    struct server_class class = tcp_server();
    class.name = "UnixStreamServer";
    class.base = "TCPServer";
    become_unix(&class);
    return class;
}

struct server_class unix_datagram_server(void)
{
    struct server_class class = udp_server();
    class.name = "UnixDatagramServer";
    class.base = "UDPServer";
    become_unix(&class);
    return class;
}
