/* 03a_unix_stream: a Unix socket's path outlives its server
 *
 * Predict  A server closes its socket and ends. What do connect and bind then say at its path?
 * Run      build/03a_unix_stream
 * Watch    nobody listens at the old path, and yet it is in use; a server that looks first
 *          replaces a stale path, and nothing else.
 * Before   01b_rude_clients, whose server this is
 * After    03b_unix_datagram; 12b_socketserver has both kinds as classes
 * Python   socket(AF_UNIX); socketserver.UnixStreamServer, which leaves its path behind
 */
#include "sockets/net.h"
#include "sockets/serial.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path;  /* where the server listens */
static struct stat bound; /* what bind made there */

/* ---- What is at a path ----------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t most = sizeof address.sun_path - 1; /* 107 on Linux, and the zero byte */
    if (!*name)
        args_refuse("an empty path names no socket");
    if (strlen(name) > most)
        args_refuse("%s: longer than the %zu bytes of a socket's path", name, most);
    strcpy(address.sun_path, name);
    return address;
}

static int make_socket(int type)
{
    int fd = socket(AF_UNIX, type, 0);
    if (fd < 0)
        die("socket");
    return fd;
}

enum found { NOTHING, NO_SOCKET, STALE, ALIVE };

/* Knocks with a datagram socket, which no server notices: a stream socket refuses it as the wrong
 * type (EPROTOTYPE), and to a datagram socket, connect sends nothing. */
static enum found look_at(const char *name)
{
    struct stat status;
    struct sockaddr_un address = address_of(name);
    if (lstat(name, &status) < 0)
        return NOTHING;
    if (!S_ISSOCK(status.st_mode))
        return NO_SOCKET;
    int probe = make_socket(SOCK_DGRAM);
    int result = connect(probe, (struct sockaddr *)&address, sizeof address);
    bool is_stale = result < 0 && errno == ECONNREFUSED;
    close(probe);
    return is_stale ? STALE : ALIVE;
}

/* Removes a stale path, and nothing else. Returns whether it did. (Two servers that start in the
 * same instant could both find it stale; a lock file would settle that.) */
static bool remove_if_stale(void)
{
    enum found found = look_at(path);
    if (found == NOTHING)
        return false;
    if (found == NO_SOCKET)
        fail("%s is not a socket, and is left alone", path);
    if (found == ALIVE)
        fail("%s is in use: another server is alive there", path);
    if (unlink(path) < 0)
        die("unlink %s", path);
    return true;
}

/* ---- The server ------------------------------------------------------------------------------ */

/* Mode 0600: only this user's clients may connect. unix(7), "Pathname socket ownership" */
static int listen_at_path(void)
{
    struct sockaddr_un address = address_of(path);
    int fd = make_socket(SOCK_STREAM);
    mode_t mask = umask(0177);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s", path);
    umask(mask);
    if (lstat(path, &bound) < 0 || listen(fd, SOMAXCONN) < 0)
        die("listen %s", path);
    return fd;
}

/* Not if somebody has removed it and another server has bound it since. */
static void unlink_own_path(void)
{
    struct stat found;
    if (lstat(path, &found) == 0 && found.st_dev == bound.st_dev && found.st_ino == bound.st_ino)
        unlink(path);
}

/* As in lesson 01b. */
static void serve_client(int client, int number)
{
    char data[1024];
    while (!stop_asked) {
        ssize_t got = recv(client, data, sizeof data, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        say("server", "received %s from client %d", quote(data, (size_t)got).text, number);
        for (ssize_t i = 0; i < got; i++)
            data[i] = (char)toupper((unsigned char)data[i]);
        if (!net_send_all(client, data, (size_t)got))
            break;
    }
}

/* Unlinks the path before it closes the socket, so that no stale path is left in between. */
static void serve_until_stopped(void)
{
    serial_serve(serve_client);
    unlink_own_path();
    close(stop_listener);
    say("server", "stopped");
}

/* ---- The demo -------------------------------------------------------------------------------- */

/* It ends as Python's server does: it closes its socket and does no more. */
static void play_old_server(void)
{
    remove_if_stale(); /* a demo that was killed may have had the same pid */
    say("old", "creates the path, listens, closes its socket");
    close(listen_at_path());
    int fd = make_socket(SOCK_STREAM);
    struct sockaddr_un address = address_of(path);
    int result = connect(fd, (struct sockaddr *)&address, sizeof address);
    say("ann", "connects: %s", result < 0 ? strerror(errno) : "somebody listens");
    result = bind(fd, (struct sockaddr *)&address, sizeof address);
    say("new", "binds the path: %s", result < 0 ? strerror(errno) : "it is free");
    close(fd);
}

static int open_server(const char *at)
{
    path = at;
    stop_on_signals();
    if (server_program_is_demo())
        play_old_server();
    bool was_stale = remove_if_stale();
    stop_listener = listen_at_path();
    say("server", "listening on %s", path);
    if (was_stale)
        say("server", "the path was stale, because nobody listened there: replaced");
    return stop_listener;
}

static int dial(const char *at)
{
    struct sockaddr_un address = address_of(at);
    int fd = make_socket(SOCK_STREAM);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect %s", at);
    return fd;
}

static void play(void)
{
    static const char *const what[] = {"nothing", "not a socket", "stale", "a server is alive"};
    int ann = cast_connect("ann", "hello");
    cast_reply("ann", ann, 5);
    say("bob", "looks at the same path: %s", what[look_at(path)]);
    say("bob", "looks at /tmp: %s", what[look_at("/tmp")]);
    cast_leave("ann", ann);
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "A Unix socket's path outlives its server.",
        .open_path = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial_path = dial,
    };
    return server_program_run(argc, argv, &program);
}
