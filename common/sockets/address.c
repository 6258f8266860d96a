#include "sockets/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static bool parse_path(struct sockaddr_un *address, const char *path)
{
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
    bool fits = length > 0 && length < (int)sizeof address->sun_path;
    if (!fits) /* an empty one would be a name of Linux that is no path */
        errno = length > 0 ? ENAMETOOLONG : ENOENT;
    return fits;
}

bool address_parse(struct address *address, int family, const char *host, long port)
{
    bool is_localhost = strcmp(host, "localhost") == 0, is_address;
    memset(address, 0, sizeof *address);
    address->storage.ss_family = (sa_family_t)family;
    if (family == AF_UNIX) {
        address->length = sizeof(struct sockaddr_un);
        return parse_path((struct sockaddr_un *)&address->storage, host);
    }
    if (family == AF_INET6) {
        struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address->storage;
        address->length = sizeof *ipv6;
        ipv6->sin6_port = htons((uint16_t)port);
        is_address = inet_pton(AF_INET6, is_localhost ? "::1" : host, &ipv6->sin6_addr) == 1;
    } else {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)&address->storage;
        address->length = sizeof *ipv4;
        ipv4->sin_port = htons((uint16_t)port);
        is_address = inet_pton(AF_INET, is_localhost ? "127.0.0.1" : host, &ipv4->sin_addr) == 1;
    }
    is_address = is_address && port >= 0 && port <= 65535;
    if (!is_address)
        errno = EINVAL;
    return is_address;
}

int address_port(const struct address *address)
{
    if (address->storage.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
    if (address->storage.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port);
    return 0;
}

struct address_text address_text(const struct address *address)
{
    struct address_text result;
    char ip[INET6_ADDRSTRLEN];
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->storage;
        inet_ntop(AF_INET, &ipv4->sin_addr, ip, sizeof ip);
        snprintf(result.text, sizeof result.text, "%s:%d", ip, address_port(address));
    } else if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address->storage;
        inet_ntop(AF_INET6, &ipv6->sin6_addr, ip, sizeof ip);
        snprintf(result.text, sizeof result.text, "[%s]:%d", ip, address_port(address));
    } else if (address->length > offsetof(struct sockaddr_un, sun_path)) {
        const struct sockaddr_un *path = (const struct sockaddr_un *)&address->storage;
        bool is_abstract = path->sun_path[0] == '\0'; /* a name of Linux that is no path: unix(7) */
        int length = (int)(address->length - offsetof(struct sockaddr_un, sun_path)) - is_abstract;
        snprintf(result.text, sizeof result.text, "%s%.*s", is_abstract ? "@" : "", length,
                 path->sun_path + is_abstract);
        for (char *c = result.text; *c; c++)
            if (iscntrl((unsigned char)*c))
                *c = '?'; /* a client chose it */
    } else {
        snprintf(result.text, sizeof result.text, "(no name)");
    }
    return result;
}
