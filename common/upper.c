#include "upper.h"

#include "say.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

static void narrate(struct upper *client)
{
    if (client->quiet)
        return;
    client->quiet = client->end == sizeof client->data;
    say("server", "received %zu bytes%s from client %d: %s", client->end,
        client->quiet ? " and more" : "", client->number, quote(client->data, client->end).text);
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
    narrate(client);
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
