/* UDPServer: a request is a datagram, and has no connection of its own. */
#include "socketserver/socketserver.h"
#include "stage/say.h"

#include <stdlib.h>

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
