#include "sockets/net.h"
#include "socketserver/socketserver.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { BUFFER = 8192, LARGEST_DATAGRAM = 65536 };

/* ---- BaseRequestHandler ---------------------------------------------------------------------- */

static bool do_nothing(struct handler *self)
{
    (void)self;
    return true;
}

static bool write_to_stream(struct handler *self, const void *data, size_t length)
{
    return net_send_all(self->request->fd, data, length);
}

struct handler_class base_request_handler(void)
{
    return (struct handler_class){
        .name = "BaseRequestHandler",
        .timeout = -1,
        .setup = do_nothing,
        .handle = do_nothing,
        .finish = do_nothing,
        .write = write_to_stream,
    };
}

bool handler_run(const struct handler_class *class, struct server *server, struct request *request)
{
    struct handler self = {.class = class, .server = server, .request = request};
    errno = 0;
    if (!class->setup(&self))
        return false;
    errno = 0; /* a handler that fails for a reason of its own leaves it so */
    bool handled = class->handle(&self);
    int error = errno;
    bool finished = class->finish(&self);
    if (!handled)
        errno = error;
    return handled && finished;
}

/* ---- StreamRequestHandler -------------------------------------------------------------------- */

static bool set_timeout(int fd, int ms)
{
    struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    return ms <= 0 || (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
                       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
}

static bool setup_stream(struct handler *self)
{
    int fd = self->request->fd, on = 1;
    if (!set_timeout(fd, self->class->timeout))
        return false;
    if (self->class->disable_nagle_algorithm &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return false;
    self->buffer = malloc(BUFFER);
    self->rfile = lines_open(fd, self->buffer, BUFFER);
    return self->buffer != NULL;
}

static bool finish_stream(struct handler *self)
{
    free(self->buffer);
    return true;
}

struct handler_class stream_request_handler(void)
{
    struct handler_class class = base_request_handler();
    class.name = "StreamRequestHandler";
    class.base = "BaseRequestHandler";
    class.setup = setup_stream;
    class.finish = finish_stream;
    return class;
}

/* ---- DatagramRequestHandler ------------------------------------------------------------------ */

static bool setup_datagram(struct handler *self)
{
    struct request *request = self->request;
    self->rfile = (struct lines){.fd = -1,
                                 .buffer = request->packet,
                                 .size = request->length,
                                 .end = request->length,
                                 .at_end = true};
    self->buffer = malloc(LARGEST_DATAGRAM);
    return self->buffer != NULL;
}

static bool write_to_memory(struct handler *self, const void *data, size_t length)
{
    if (length > LARGEST_DATAGRAM - self->written) {
        errno = EMSGSIZE;
        return false;
    }
    memcpy(self->buffer + self->written, data, length);
    self->written += length;
    return true;
}

static bool finish_datagram(struct handler *self)
{
    const struct address *client = &self->request->client;
    ssize_t sent;
    do
        sent = sendto(self->request->fd, self->buffer, self->written, MSG_NOSIGNAL,
                      (const struct sockaddr *)&client->storage, client->length);
    while (sent < 0 && errno == EINTR);
    int error = errno;
    free(self->buffer);
    errno = error;
    return sent >= 0;
}

struct handler_class datagram_request_handler(void)
{
    struct handler_class class = base_request_handler();
    class.name = "DatagramRequestHandler";
    class.base = "BaseRequestHandler";
    class.setup = setup_datagram;
    class.finish = finish_datagram;
    class.write = write_to_memory;
    return class;
}
