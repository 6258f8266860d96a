/* The four servers: a request is a connection or a datagram, an address has a port or is a path. */
#define _DEFAULT_SOURCE /* SO_REUSEPORT */
#include "sockets/net.h"
#include "socketserver/socketserver.h"
#include "stage/say.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- TCPServer ------------------------------------------------------------------------------- */

static bool bind_address(struct server *server)
{
    int reuse_address = server->class.allow_reuse_address;
    int reuse_port = server->class.allow_reuse_port;
    struct sockaddr *address = (struct sockaddr *)&server->address.storage;
    if (setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &reuse_address, sizeof(int)) < 0 ||
        setsockopt(server->fd, SOL_SOCKET, SO_REUSEPORT, &reuse_port, sizeof(int)) < 0 ||
        bind(server->fd, address, server->address.length) < 0)
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
    request->fd = net_accept(server->fd);
    if (request->fd < 0)
        return false;
    client->length = sizeof client->storage;
    if (getpeername(request->fd, (struct sockaddr *)&client->storage, &client->length) < 0)
        client->length = 0; /* it has left, and with it its name */
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

/* MSG_TRUNC (Linux): returns how long the datagram was, even if not all of it fitted: lesson 02. */
static bool receive_request(struct server *server, struct request *request)
{
    struct sockaddr *client = (struct sockaddr *)&request->client.storage;
    size_t size = server->class.max_packet_size;
    char *packet = malloc(size + 1);
    request->client.length = sizeof request->client.storage;
    ssize_t got =
        packet ? recvfrom(server->fd, packet, size, MSG_TRUNC, client, &request->client.length)
               : -1;
    if (got < 0) {
        free(packet);
        return false;
    }
    if ((size_t)got > size)
        say("server", "cut a datagram of %s to %zu bytes", address_text(&request->client).text,
            size);
    request->fd = server->fd;
    request->packet = packet;
    request->length = (size_t)got < size ? (size_t)got : size;
    packet[request->length] = '\0';
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
    mode_t mask = umask(0177); /* of the whole process, so bind before there are threads */
    bool is_new = tcp_server().server_bind(server);
    umask(mask);
    return is_new && lstat(path_of(server), &server->own_path) == 0;
}

/* The path of its own alone: somebody may have removed it, and another server has it now. The
 * socket is closed afterwards, so that until then nobody takes the path for stale. */
static void close_and_unlink(struct server *server)
{
    struct stat found;
    const struct stat *own = &server->own_path;
    if (own->st_ino != 0 && lstat(path_of(server), &found) == 0 && found.st_dev == own->st_dev &&
        found.st_ino == own->st_ino)
        unlink(path_of(server));
    server->own_path.st_ino = 0;
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
