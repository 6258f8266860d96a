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

struct upper *upper_open(int fd, int number)
{
    struct upper *client = malloc(sizeof *client);
    if (!client || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        free(client);
        return NULL;
    }
    client->fd = fd;
    client->number = number;
    client->quiet = false;
    client->start = client->end = 0;
    return client;
}

struct upper *upper_accept(int room, bool *may_try)
{
    static int count;
    static bool complained;
    int fd = accept(stop_listener, NULL, NULL);
    if (fd < 0) {
        bool nobody = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (nobody || errno == ECONNABORTED)
            return NULL;
        if (!complained && !stop_asked)
            say("server", "accept: %s: tries again until it can", strerror(errno));
        complained = true;
        *may_try = false;
        return NULL;
    }
    complained = false;
    struct upper *client = fd < room ? upper_open(fd, count + 1) : NULL;
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

/* Until a client has sent more at once than the buffer takes, and than a class can read. */
static void narrate(const char *actor, int number, const char *data, size_t length, size_t size,
                    bool *quiet)
{
    if (*quiet)
        return;
    *quiet = length == size;
    say(actor, "received %zu bytes%s from client %d: %s", length, *quiet ? " and more" : "", number,
        quote(data, length).text);
}

static enum upper_result receive(struct upper *client)
{
    ssize_t got = recv(client->fd, client->data, sizeof client->data, 0);
    if (got < 0)
        return after_error();
    if (got == 0)
        return UPPER_LEFT;
    client->start = 0;
    client->end = (size_t)got;
    narrate("server", client->number, client->data, client->end, sizeof client->data,
            &client->quiet);
    for (size_t i = 0; i < client->end; i++)
        client->data[i] = (char)toupper((unsigned char)client->data[i]);
    return UPPER_GOES_ON;
}

enum upper_result upper_turn(struct upper *client)
{
    if (!upper_wants_to_send(client)) {
        enum upper_result result = receive(client);
        if (result != UPPER_GOES_ON || !upper_wants_to_send(client))
            return result;
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
    char data[1024];
    bool quiet = false;
    while (!stop_asked) {
        ssize_t got = recv(fd, data, sizeof data, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        narrate(actor, number, data, (size_t)got, sizeof data, &quiet);
        for (ssize_t i = 0; i < got; i++)
            data[i] = (char)toupper((unsigned char)data[i]);
        if (!net_send_all(fd, data, (size_t)got))
            break;
    }
    say(actor, "client %d has left", number);
}
