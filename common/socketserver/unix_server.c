/* UnixStreamServer, UnixDatagramServer: the same two with a path for an address. */
#include "socketserver/socketserver.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path_of(const struct server *server)
{
    return ((const struct sockaddr_un *)&server->address.storage)->sun_path;
}

/* Python changes the address family and nothing else. Here only this user may connect, and the path
 * goes when the server does. (Lesson 03 also sees to a path that a server left behind.) */
static bool bind_path(struct server *server)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* a process has one umask */
    pthread_mutex_lock(&one_at_a_time);
    mode_t mask = umask(0177);
    bool is_new = tcp_server().server_bind(server);
    umask(mask);
    pthread_mutex_unlock(&one_at_a_time);
    if (is_new) /* a second try fails, and the path of the first is still there */
        server->bound = lstat(path_of(server), &server->own_path) == 0;
    return is_new;
}

/* The path of its own alone: somebody may have removed it, and another server has it now. The
 * socket is closed afterwards, so that until then nobody takes the path for stale. */
static void close_and_unlink(struct server *server)
{
    struct stat found;
    const struct stat *own = &server->own_path;
    if (server->bound && lstat(path_of(server), &found) == 0 && found.st_dev == own->st_dev &&
        found.st_ino == own->st_ino)
        unlink(path_of(server));
    server->bound = false;
    base_server().server_close(server);
}

static void become_unix(struct server_class *class)
{
    class->address_family = AF_UNIX;
    class->server_bind = bind_path;
    class->server_close = close_and_unlink;
}

struct server_class unix_stream_server(void)
{
    struct server_class class = tcp_server();
    class.name = "UnixStreamServer";
    class.base = "TCPServer";
    become_unix(&class);
    return class;
}

struct server_class unix_datagram_server(void)
{
    struct server_class class = udp_server();
    class.name = "UnixDatagramServer";
    class.base = "UDPServer";
    become_unix(&class);
    return class;
}
