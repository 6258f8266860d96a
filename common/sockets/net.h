/* net: TCP sockets in the steps that every later lesson takes.
 * Introduced by lesson 01b; lesson 01a shows it longhand.
 * sockets/ has what lessons 01 to 11 teach once and later ones use again.
 */
#ifndef NET_H
#define NET_H

#include "sockets/address.h"

#include <netinet/in.h>
#include <stddef.h>

/* How many clients may wait to be accepted. The kernel caps it at net.core.somaxconn, a better
 * limit than the C library's SOMAXCONN (128 in musl). listen(2) */
enum { NET_BACKLOG = 4096 };

/* The IPv4 address and port as bind and connect take them; "localhost" is 127.0.0.1. Any other
 * name, and what is no address, ends the process with status 2. inet_pton(3) */
struct sockaddr_in net_address(const char *host, long port);

/* Listens on the IPv4 address and port (0: any free one) with SO_REUSEADDR and says where. A bad
 * address ends the process with status 2, a failed call with status 1. socket.create_server */
int net_listen(const char *host, long port);

/* The next client on a blocking socket, or -1, with errno set: whoever was waiting has gone, it is
 * time to stop, or accept fails, as it does when no descriptor is left. That lasts, so it is said
 * once, and the call pauses for 100 ms: to ask again at once would only burn the CPU. Lesson 01b;
 * accept(2) */
int net_accept(int listener);

/* Connects to the address, or ends the process as net_listen does. socket.create_connection */
int net_connect(const char *host, long port);

/* The port that the socket is bound to. getsockname(2) */
int net_port(int fd);

/* The address that the socket is bound to, "127.0.0.1:8002"; address.h. getsockname(2) */
struct address_text net_local(int fd);

/* Sends all of it on a blocking socket. Returns false, with errno set, when the peer is gone: an
 * error, never SIGPIPE. socket.sendall */
bool net_send_all(int fd, const void *data, size_t length);

/* Tells a client that it will not be served, and closes. What the client has sent is taken first: a
 * close that leaves bytes unread resets the connection, and may cost the client the text. */
void net_refuse(int fd, const char *text);

/* Sets this process's limit on open descriptors to 65536, or as near as it may. Returns how many
 * that are. setrlimit(2); resource.setrlimit */
long net_raise_descriptor_limit(void);

#endif
