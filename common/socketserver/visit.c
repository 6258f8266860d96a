#include "socketserver/visit.h"

#include "sockets/address.h"
#include "sockets/lines.h"
#include "sockets/net.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int visit_from(const struct server *server, const char *name, const char *source)
{
    say(name, "connects from %s", source);
    bool is_ipv6 = strchr(source, ':');
    int family = is_ipv6 ? AF_INET6 : AF_INET, port = address_port(&server->address);
    struct address from, to;
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0 || !address_parse(&from, family, source, 0) ||
        !address_parse(&to, family, is_ipv6 ? "::1" : "127.0.0.1", port) ||
        bind(fd, (struct sockaddr *)&from.storage, from.length) < 0)
        die("bind %s", source);
    if (connect(fd, (struct sockaddr *)&to.storage, to.length) == 0)
        return fd;
    if (errno != ECONNREFUSED)
        die("connect");
    say(name, "is refused");
    close(fd);
    return -1;
}

void visit_send(const char *name, int fd, const char *text)
{
    say(name, "sends %s", quote(text, strlen(text)).text);
    net_send_all(fd, text, strlen(text));
}

void visit_hear(const char *name, int fd)
{
    char buffer[160], *line;
    size_t length;
    struct lines reply = lines_open(fd, buffer, sizeof buffer);
    if (lines_next(&reply, &line, &length) == LINES_LINE)
        say(name, "received %s", quote(line, length).text);
    else
        say(name, "is hung up on");
}

void visit(struct server *server, const char *name, const char *source)
{
    int fd = visit_from(server, name, source);
    server_handle_request(server);
    visit_hear(name, fd);
    close(fd);
}

struct address_text visit_host(const struct address *address)
{
    struct address_text result = address_text(address);
    char *colon = strrchr(result.text, ':');
    if (colon)
        *colon = '\0';
    return result;
}

static bool tell(struct handler *self)
{
    char reply[160];
    struct address_text host = visit_host(&self->request->client);
    int size = snprintf(reply, sizeof reply, "you are %s\n", host.text);
    return self->class->write(self, reply, (size_t)size);
}

struct handler_class visit_handler(void)
{
    struct handler_class class = stream_request_handler();
    class.handle = tell;
    return class;
}
