#define _GNU_SOURCE /* pipe2: POSIX.1-2024 */
#include "socketserver/socketserver.h"

#include "stage/deadline.h"
#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* ---- The constructor ------------------------------------------------------------------------- */

/* None of them blocks: a client that waited may have gone before accept, one that is sent a
 * datagram may not read, and the pipe may be full. */
static bool make_descriptors(struct server *server)
{
    const struct server_class *class = &server->class;
    int type = class->socket_type | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (pipe2(server->wake, O_NONBLOCK | O_CLOEXEC) < 0)
        return false;
    server->fd = socket(class->address_family, type, 0);
    return server->fd >= 0;
}

bool server_init(struct server *server, struct server_class class, struct handler_class handler,
                 const char *host, long port, bool bind_and_activate)
{
    *server = (struct server){.class = class, .handler = handler, .fd = -1, .wake = {-1, -1}};
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    if (address_parse(&server->address, class.address_family, host, port) &&
        make_descriptors(server) &&
        (!bind_and_activate || (class.server_bind(server) && class.server_activate(server))))
        return true;
    int error = errno;
    server_close(server);
    errno = error;
    return false;
}

void server_close(struct server *server)
{
    server->class.server_close(server);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* True when a request is there. Ends after ms (-1: without limit), and at once when a byte is in
 * the pipe: whoever wrote it has set a flag before. */
static bool wait_for_request(struct server *server, int ms)
{
    char bytes[64];
    struct pollfd fds[] = {
        {.fd = server->fd, .events = POLLIN},
        {.fd = server->wake[0], .events = POLLIN},
    };
    int ready = poll(fds, 2, ms);
    if (ready > 0 && fds[1].revents)
        while (read(server->wake[0], bytes, sizeof bytes) > 0)
            continue;
    return ready > 0 && fds[0].revents;
}

/* ---- One request, and all of them ------------------------------------------------------------ */

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
        there = (there && handle_request_without_a_wait(server)) ||
                (wait_for_request(server, poll_interval) && !server->shutdown_requested &&
                 handle_request_without_a_wait(server));
        server->class.service_actions(server);
    }

    pthread_mutex_lock(&server->lock);
    server->shutdown_requested = false;
    server->serving = false;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* What has gone meanwhile, or has to wait (EAGAIN), is no request: it waits for what is left. */
void server_handle_request(struct server *server)
{
    struct deadline deadline = deadline_in(server->class.timeout);
    do
        if (wait_for_request(server, deadline_left(deadline)) &&
            (handle_request_without_a_wait(server) || (errno != EAGAIN && errno != EINTR)))
            return;
    while (deadline_left(deadline) != 0);
    server->class.handle_timeout(server);
}

/* ---- The end of the loop --------------------------------------------------------------------- */

void server_end_loop(struct server *server)
{
    server->shutdown_requested = true;
    if (write(server->wake[1], "", 1) < 0) {
        /* the pipe is full of such bytes: one is enough */
    }
}

/* The loop withdraws the request when it ends. (Another loop may have begun since.) */
bool server_shutdown(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool from_loop = server->serving && pthread_equal(server->serving_thread, pthread_self());
    if (!from_loop) {
        server_end_loop(server);
        while (server->serving && server->shutdown_requested)
            pthread_cond_wait(&server->changed, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
    if (from_loop)
        errno = EDEADLK;
    return !from_loop;
}

/* ---- BaseServer: the methods ----------------------------------------------------------------- */

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

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_descriptors(struct server *server)
{
    close_if_open(&server->fd);
    close_if_open(&server->wake[0]);
    close_if_open(&server->wake[1]);
}

struct server_class base_server(void)
{
    return (struct server_class){
        .name = "BaseServer",
        .timeout = -1,
        .verify_request = verify_request,
        .process_request = process_request,
        .finish_request = finish_request,
        .handle_error = handle_error,
        .handle_timeout = do_nothing,
        .service_actions = do_nothing,
        .server_close = close_descriptors,
    };
}
