/* TCPServer: a request is a connection. */
#define _DEFAULT_SOURCE /* SO_REUSEPORT */
#include "sockets/net.h"
#include "socketserver/socketserver.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

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
