#define _GNU_SOURCE /* accept4: POSIX.1-2024 */
#include "sockets/net.h"

#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_MS = 100 };

struct sockaddr_in net_address(const char *host, long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const char *ip = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) /* IPv6 is left to lesson 15b */
        args_refuse("%s: not an IPv4 address like 127.0.0.1", host);
    return address;
}

int net_listen(const char *host, long port)
{
    struct sockaddr_in address = net_address(host, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    int on = 1; /* before bind; lesson 09b shows what this is for */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        die("setsockopt SO_REUSEADDR");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s:%ld", host, port);
    if (listen(fd, NET_BACKLOG) < 0)
        die("listen %s:%ld", host, port);
    say("server", "listening on %s", net_local(fd).text);
    return fd;
}

int net_accept(int listener)
{
    static atomic_bool complained;
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int error = errno;
    if (client >= 0) {
        if (complained) /* to write in vain would cost a server that forks the copy of a page */
            complained = false;
    } else if (!stop_asked && error != EAGAIN && error != EWOULDBLOCK && error != EINTR &&
               error != ECONNABORTED) {
        if (!complained)
            say("server", "accept: %s: tries again until it can", strerror(error));
        complained = true;
        poll(NULL, 0, RETRY_MS);
    }
    errno = error;
    return client;
}

int net_connect(const char *host, long port)
{
    struct sockaddr_in address = net_address(host, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect %s:%ld", host, port);
    return fd;
}

static struct address local_address(int fd)
{
    struct address address = {.length = sizeof address.storage};
    if (getsockname(fd, (struct sockaddr *)&address.storage, &address.length) < 0)
        die("getsockname");
    return address;
}

int net_port(int fd)
{
    struct address address = local_address(fd);
    return address_port(&address);
}

struct address_text net_local(int fd)
{
    struct address address = local_address(fd);
    return address_text(&address);
}

bool net_send_all(int fd, const void *data, size_t length)
{
    const char *next = data;
    while (length > 0) {
        ssize_t sent = send(fd, next, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        next += sent; /* a short write: the socket took only a part */
        length -= (size_t)sent;
    }
    return true;
}

void net_refuse(int fd, const char *text)
{
    char unread[1024];
    net_send_all(fd, text, strlen(text)); /* does not block: the connection is new */
    shutdown(fd, SHUT_WR);
    while (recv(fd, unread, sizeof unread, MSG_DONTWAIT) < 0 && errno == EINTR)
        continue;
    close(fd);
}

long net_raise_descriptor_limit(void)
{
    enum { ENOUGH = 65536 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        die("getrlimit");
    limit.rlim_cur = limit.rlim_max < ENOUGH ? limit.rlim_max : ENOUGH;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        die("setrlimit");
    return (long)limit.rlim_cur;
}
