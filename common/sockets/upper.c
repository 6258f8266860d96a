#include "sockets/upper.h"

#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/say.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A client for this connection, made non-blocking; NULL, with errno set: there is no memory. */
static struct upper *new_client(int fd, int number)
{
    struct upper *client = malloc(sizeof *client);
    if (!client || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        free(client);
        return NULL;
    }
    *client = (struct upper){.fd = fd, .number = number};
    return client;
}

struct upper *upper_accept(int room, bool *may_try)
{
    static int count;
    static bool complained;
    int fd = accept(stop_listener, NULL, NULL);
    if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED)
            return NULL;
        if (!complained && !stop_asked)
            say("server", "accept: %s: tries again until it can", strerror(errno));
        complained = true;
        *may_try = false;
        return NULL;
    }
    complained = false;
    struct upper *client = fd < room ? new_client(fd, count + 1) : NULL;
    if (!client) {
        const char *why = fd < room ? strerror(errno) : "it does not fit";
        say("server", "refused descriptor %d: %s", fd, why);
        close(fd);
        return NULL;
    }
    say("server", "accepted client %d", ++count);
    return client;
}

void upper_close(struct upper *client)
{
    close(client->fd);
    free(client);
}

bool upper_wants_to_send(const struct upper *client)
{
    return client->start < client->end;
}

static enum upper_result after_error(void)
{
    if (errno == EINTR)
        return UPPER_GOES_ON;
    return errno == EAGAIN || errno == EWOULDBLOCK ? UPPER_WAITS : UPPER_LEFT;
}

/* Says what has come, until a client has sent more at once than a class can read. */
static void narrate(const char *actor, struct upper *client)
{
    bool fills_the_buffer = client->end == sizeof client->data;
    if (!client->quiet)
        say(actor, "received %zu bytes%s from client %d: %s", client->end,
            fills_the_buffer ? " and more" : "", client->number,
            quote(client->data, client->end).text);
    client->quiet = client->quiet || fills_the_buffer;
}

/* Returns what recv does. */
static ssize_t receive(const char *actor, struct upper *client)
{
    ssize_t got = recv(client->fd, client->data, sizeof client->data, 0);
    if (got <= 0)
        return got;
    client->start = 0;
    client->end = (size_t)got;
    narrate(actor, client);
    for (size_t i = 0; i < client->end; i++)
        client->data[i] = (char)toupper((unsigned char)client->data[i]);
    return got;
}

enum upper_result upper_turn(struct upper *client)
{
    if (!upper_wants_to_send(client)) {
        ssize_t got = receive("server", client);
        if (got <= 0)
            return got == 0 ? UPPER_LEFT : after_error();
    }
    ssize_t sent =
        send(client->fd, client->data + client->start, client->end - client->start, MSG_NOSIGNAL);
    if (sent < 0)
        return after_error();
    client->start += (size_t)sent;
    return UPPER_GOES_ON;
}

void upper_serve(const char *actor, int fd, int number)
{
    struct upper client;
    client.fd = fd;
    client.number = number;
    client.quiet = false;
    while (!stop_asked) {
        ssize_t got = receive(actor, &client);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || !net_send_all(fd, client.data, client.end))
            break;
    }
    say(actor, "client %d has left", number);
}
