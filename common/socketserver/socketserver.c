#define _DEFAULT_SOURCE /* SO_REUSEPORT */
#include "socketserver/socketserver.h"

#include "sockets/address.h"
#include "sockets/net.h"
#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 100, ROOM_MS = 50 };

/* ---- Waiting --------------------------------------------------------------------------------- */

static void take_wake_bytes(struct server *server)
{
    char bytes[64];
    while (read(server->wake[0], bytes, sizeof bytes) > 0)
        continue;
}

/* True when a request is there. Ends after ms (-1: without limit), and at once when a byte is in
 * the pipe: whoever wrote it has set a flag before. As long as there is no room for a request, the
 * clients wait in the queue, and it looks again every ROOM_MS. */
static bool wait_for_request(struct server *server, int ms)
{
    bool has_room = server->class.has_room(server);
    if (!has_room && (ms < 0 || ms > ROOM_MS))
        ms = ROOM_MS;
    struct pollfd fds[] = {
        {.fd = has_room ? server->fd : -1, .events = POLLIN},
        {.fd = server->wake[0], .events = POLLIN},
    };
    int ready = poll(fds, 2, ms);
    if (ready > 0 && fds[1].revents)
        take_wake_bytes(server);
    return ready > 0 && fds[0].revents;
}

/* What was there and could not be taken, for want of descriptors or memory, is still there: asking
 * again at once would only burn the CPU. */
static void back_off(struct server *server, const char *call)
{
    bool passes =
        errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED;
    if (passes || server->shutdown_requested)
        return;
    bool is_hung_up = errno == EINVAL; /* its owner's wish, as a signal handler does it */
    if (!server->complained && !is_hung_up)
        say("server", "%s: %s: tries again until it can", call, strerror(errno));
    server->complained = true;
    struct pollfd wake = {.fd = server->wake[0], .events = POLLIN};
    poll(&wake, 1, RETRY_MS);
}

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* The shorter of the two; -1: neither is set. */
static int request_timeout(const struct server *server)
{
    int of_class = server->class.timeout, of_socket = server->socket_timeout;
    if (of_class < 0 || of_socket < 0)
        return of_class < 0 ? of_socket : of_class;
    return of_socket < of_class ? of_socket : of_class;
}

/* ---- The methods that are not replaced ------------------------------------------------------- */

/* Returns whether there was one. */
static bool handle_request_without_a_wait(struct server *server)
{
    const struct server_class *class = &server->class;
    struct request request = {.fd = -1};
    if (!class->get_request(server, &request))
        return false;
    request.number = ++server->requests;
    if (!class->verify_request(server, &request)) {
        class->shutdown_request(server, &request);
    } else if (!class->process_request(server, &request)) {
        class->handle_error(server, &request);
        class->shutdown_request(server, &request);
    }
    return true;
}

void server_serve_forever(struct server *server, int poll_interval)
{
    pthread_mutex_lock(&server->lock);
    server->serving = true;
    server->serving_thread = pthread_self();
    pthread_mutex_unlock(&server->lock);

    bool there = false; /* after a request, the next one may be: it asks at once, without a poll */
    while (!server->shutdown_requested) {
        if (!there || !server->class.has_room(server))
            there = wait_for_request(server, poll_interval);
        if (server->shutdown_requested)
            break;
        there = there && handle_request_without_a_wait(server);
        server->class.service_actions(server);
    }

    pthread_mutex_lock(&server->lock);
    server->shutdown_requested = false;
    server->serving = false;
    server->loops++;
    pthread_cond_broadcast(&server->stopped);
    pthread_mutex_unlock(&server->lock);
}

void server_handle_request(struct server *server)
{
    int timeout = request_timeout(server);
    long long deadline = now_ms() + timeout;
    int left = timeout;
    while (!wait_for_request(server, left)) {
        if (timeout < 0)
            continue;
        left = (int)(deadline - now_ms());
        if (left <= 0) {
            server->class.handle_timeout(server);
            return;
        }
    }
    handle_request_without_a_wait(server);
}

void server_end_loop(struct server *server)
{
    int error = errno;
    server->shutdown_requested = true;
    if (write(server->wake[1], "", 1) < 0) {
        /* the pipe is full of such bytes: one is enough */
    }
    errno = error;
}

bool server_shutdown(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool from_loop = server->serving && pthread_equal(server->serving_thread, pthread_self());
    if (!from_loop) {
        server_end_loop(server);
        unsigned loop = server->loops; /* another one may begin before this thread looks */
        while (server->serving && server->loops == loop)
            pthread_cond_wait(&server->stopped, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
    if (from_loop)
        errno = EDEADLK;
    return !from_loop;
}

static bool make_socket(struct server *server, const char *host, long port)
{
    const struct server_class *class = &server->class;
    int ends[2];
    if (!address_parse(&server->address, class->address_family, host, port) || pipe(ends) < 0)
        return false;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        server->wake[i] = ends[i];
    }
    server->fd = socket(class->address_family, class->socket_type, 0);
    if (server->fd < 0)
        return false;
    /* who waited may have gone before accept, and who is sent a datagram may not read: neither may
     * hold up the loop */
    return fcntl(server->fd, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(server->fd, F_SETFD, FD_CLOEXEC) == 0;
}

static void close_descriptors(struct server *server)
{
    int all[] = {server->fd, server->wake[0], server->wake[1]};
    /* first: a signal handler that ends the loop must not write to what has been closed */
    server->fd = -1;
    server->wake[0] = -1;
    server->wake[1] = -1;
    for (int i = 0; i < 3; i++)
        if (all[i] >= 0)
            close(all[i]);
}

bool server_init(struct server *server, struct server_class class, struct handler_class handler,
                 const char *host, long port, bool bind_and_activate)
{
    *server = (struct server){
        .class = class, .handler = handler, .fd = -1, .wake = {-1, -1}, .socket_timeout = -1};
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->stopped, NULL);
    if (make_socket(server, host, port) &&
        (!bind_and_activate ||
         (server->class.server_bind(server) && server->class.server_activate(server))))
        return true;
    int error = errno;
    server->class.server_close(server);
    errno = error;
    return false;
}

void server_close(struct server *server)
{
    server->class.server_close(server);
}

/* ---- BaseServer ------------------------------------------------------------------------------ */

static bool has_room(struct server *server)
{
    (void)server;
    return true;
}

static bool verify_request(struct server *server, const struct request *request)
{
    (void)server, (void)request;
    return true;
}

static bool process_request(struct server *server, struct request *request)
{
    if (!server->class.finish_request(server, request))
        return false;
    server->class.shutdown_request(server, request);
    return true;
}

static bool finish_request(struct server *server, struct request *request)
{
    return handler_run(&server->handler, server, request);
}

static void handle_error(struct server *server, const struct request *request)
{
    (void)server;
    const char *why = errno ? strerror(errno) : "the handler gave up";
    say("server", "error serving %s: %s", address_text(&request->client).text,
        request->error ? request->error : why);
}

static void do_nothing(struct server *server)
{
    (void)server;
}

static void close_server(struct server *server)
{
    close_descriptors(server);
}

struct server_class base_server(void)
{
    return (struct server_class){
        .name = "BaseServer",
        .timeout = -1,
        .has_room = has_room,
        .verify_request = verify_request,
        .process_request = process_request,
        .finish_request = finish_request,
        .handle_error = handle_error,
        .handle_timeout = do_nothing,
        .service_actions = do_nothing,
        .server_close = close_server,
    };
}

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
        back_off(server, "accept");
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

/* ---- UDPServer ------------------------------------------------------------------------------- */

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
        back_off(server, "recvmsg");
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
    bool is_new = bind_address(server);
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
    close_descriptors(server);
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
