/* names: what a descriptor is connected to, an address, the first bytes: as one line of text. */
#define _DEFAULT_SOURCE /* S_ISSOCK */
#include "record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { SHOWN_BYTES = 32 };

struct record_address record_address(const void *address, unsigned length)
{
    struct record_address name = {"-"};
    const struct sockaddr *any = address;
    char ip[INET6_ADDRSTRLEN];
    if (!any || length <= sizeof any->sa_family)
        return name;
    if (any->sa_family == AF_INET) {
        const struct sockaddr_in *in = address;
        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        snprintf(name.text, sizeof name.text, "%s:%d", ip, ntohs(in->sin_port));
    } else if (any->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = address;
        inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof ip);
        const char *mapped = strncmp(ip, "::ffff:", 7) == 0 ? ip + 7 : ip;
        snprintf(name.text, sizeof name.text, "%s:%d", mapped, ntohs(in->sin6_port));
    } else if (any->sa_family == AF_UNIX && *((const struct sockaddr_un *)address)->sun_path) {
        snprintf(name.text, sizeof name.text, "%s",
                 ((const struct sockaddr_un *)address)->sun_path);
    }
    return name;
}

static struct record_object socket_object(int fd, unsigned long inode)
{
    struct sockaddr_storage local, peer;
    socklen_t local_length = sizeof local, peer_length = sizeof peer;
    int type = 0;
    socklen_t size = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if (getsockname(fd, (struct sockaddr *)&local, &local_length) < 0)
        local_length = 0;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_length) < 0)
        peer_length = 0;
    struct record_object object;
    snprintf(object.text, sizeof object.text, "%s\t%lu\t%s\t%s",
             type == SOCK_DGRAM ? "datagram" : "stream", inode,
             record_address(&local, local_length).text, record_address(&peer, peer_length).text);
    return object;
}

struct record_object record_object(int fd)
{
    int error = errno;
    struct record_object object = {"other\t-\t-\t-"};
    struct stat what;
    if (fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode))
        object = socket_object(fd, (unsigned long)what.st_ino);
    else if (fstat(fd, &what) == 0 && S_ISFIFO(what.st_mode))
        snprintf(object.text, sizeof object.text, "pipe\t%lu\t-\t-", (unsigned long)what.st_ino);
    errno = error;
    return object;
}

struct record_bytes record_bytes(const void *data, ssize_t length)
{
    struct record_bytes bytes;
    char *out = bytes.text;
    const unsigned char *in = data;
    for (ssize_t i = 0; i < length && i < SHOWN_BYTES; i++)
        if (in[i] > ' ' && in[i] <= '~' && in[i] != '%')
            *out++ = (char)in[i];
        else
            out += snprintf(out, 4, "%%%02X", in[i]);
    *out = '\0';
    return bytes;
}
