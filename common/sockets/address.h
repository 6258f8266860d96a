/* address: where a socket is, in any of three families, and as text.
 * Introduced by lesson 12b; net.h knows IPv4 alone. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/* The address of AF_INET or AF_INET6 from a number ("127.0.0.1", "::1") and a port, of AF_UNIX from
 * a path. Returns false, with errno set, when that is none. getaddrinfo(3), unix(7) */
bool address_parse(struct address *address, int family, const char *host, long port);

/* An address as text, "127.0.0.1:8002", "[::1]:8002", "/path" or, for a Unix socket that is not
 * bound, "(no name)"; it lives until the end of the full expression. */
struct address_text {
    char text[128];
};
struct address_text address_text(const struct address *address);

/* The port of an Internet address; 0 for a path. */
int address_port(const struct address *address);

#endif
