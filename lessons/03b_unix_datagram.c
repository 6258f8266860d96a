/* 03b_unix_datagram: a client without a name cannot be answered
 *
 * Predict  A UDP client that sends a datagram gets a reply. Does a Unix client get one if it has
 *          not bound its socket to a path?
 * Run      build/03b_unix_datagram
 * Watch    the server receives what bob sends, but has nowhere to send the reply; when he sends
 *          from a socket with a name, which need not be a path, he gets one.
 * Before   02_datagrams, 03a_unix_stream
 * After    12b_socketserver has this server as a class
 * Python   socket(AF_UNIX, SOCK_DGRAM), recvfrom; socketserver.UnixDatagramServer, whose handler
 *          fails for a client without a name
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path;  /* where the server is */
static struct stat bound; /* what bind made there */
static bool no_name;

static struct sockaddr_un address_of(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t most = sizeof address.sun_path - 1; /* as in lesson 03a */
    if (!*name)
        args_refuse("an empty path names no socket");
    if (strlen(name) > most)
        args_refuse("%s: longer than the %zu bytes of a socket's path", name, most);
    strcpy(address.sun_path, name);
    return address;
}

/* ---- The server ------------------------------------------------------------------------------ */

/* Left to lesson 03a: a stale path. This server cannot start at one. */
static int open_server(const char *at)
{
    struct sockaddr_un address = address_of(at);
    path = at;
    stop_on_signals();
    stop_listener = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (stop_listener < 0)
        die("socket");
    mode_t mask = umask(0177);
    if (bind(stop_listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s", path);
    umask(mask);
    if (lstat(path, &bound) < 0)
        die("lstat %s", path);
    say("server", "listening on %s", path);
    return stop_listener;
}

/* A reply waits in the client's queue. When that is full, UDP drops the reply; here sendto would
 * wait for room, so we drop it ourselves. (Until the client reads it, it also counts against the
 * server's own SO_SNDBUF: many clients that never read may leave no room for the others.) */
static void reply(const char *data, size_t length, const struct sockaddr_un *client, socklen_t size)
{
    const struct sockaddr *to = (const struct sockaddr *)client;
    while (sendto(stop_listener, data, length, MSG_DONTWAIT, to, size) < 0) {
        if (errno == EINTR)
            continue;
        say("server", "sendto: %s: this reply is lost", strerror(errno));
        return;
    }
}

/* A client without a name has an address without a path, as its size shows. */
static void answer(char *data, size_t length, const struct sockaddr_un *client, socklen_t size)
{
    if (size <= offsetof(struct sockaddr_un, sun_path)) {
        say("server", "received %s from nobody: it cannot be answered", quote(data, length).text);
        return;
    }
    say("server", "received %s from a client with a name", quote(data, length).text);
    for (size_t i = 0; i < length; i++)
        data[i] = (char)toupper((unsigned char)data[i]);
    reply(data, length, client, size);
}

/* As in lesson 03a: not if another server has bound it since. */
static void unlink_own_path(void)
{
    struct stat found;
    if (lstat(path, &found) == 0 && found.st_dev == bound.st_dev && found.st_ino == bound.st_ino)
        unlink(path);
}

static void serve_until_stopped(void)
{
    static char data[65536]; /* datagrams may be longer than UDP's: hence MSG_TRUNC, lesson 02 */
    while (!stop_asked) {
        struct sockaddr_un client;
        socklen_t size = sizeof client;
        ssize_t got = recvfrom(stop_listener, data, sizeof data, MSG_TRUNC,
                               (struct sockaddr *)&client, &size);
        if (got < 0 || stop_asked)
            continue;
        if (got > (ssize_t)sizeof data) {
            say("server", "received %zu of %zd bytes: the datagram is cut", sizeof data, got);
            got = sizeof data;
        }
        if (size > sizeof client) /* a path of 108 bytes without the zero byte: unix(7), BUGS */
            size = sizeof client;
        answer(data, (size_t)got, &client, size);
    }
    unlink_own_path();
    close(stop_listener);
    say("server", "stopped");
}

/* ---- The clients ----------------------------------------------------------------------------- */

static int dial_without_name(const char *at)
{
    struct sockaddr_un address = address_of(at);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect %s", at);
    return fd;
}

/* To a socket that is bound without a path, Linux gives a name that is not a file: unix(7),
 * "Autobind feature". On other systems a client binds a path of its own, and unlinks it. */
static void take_name(int fd)
{
    struct sockaddr_un nothing = {.sun_family = AF_UNIX};
    if (bind(fd, (struct sockaddr *)&nothing, sizeof nothing.sun_family) < 0)
        die("bind without a path");
}

static int dial(const char *at)
{
    int fd = dial_without_name(at);
    if (!no_name)
        take_name(fd);
    return fd;
}

static void play(void)
{
    say("ann", "takes a name");
    int ann = dial_without_name(path);
    take_name(ann);
    cast_send("ann", ann, "hello");
    cast_reply("ann", ann, 5);

    say("bob", "sends \"one\" without a name, then \"two\" from a socket with a name");
    int nameless = dial_without_name(path);
    int bob = dial_without_name(path);
    take_name(bob);
    net_send_all(nameless, "one", 3);
    net_send_all(bob, "two", 3);
    cast_reply("bob", bob, 3);
    close(ann);
    close(bob);
    close(nameless);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"no-name", NULL, "connect without a name: nobody can answer", .flag = &no_name},
        {0},
    };
    static const struct server_program program = {
        .idea = "A client without a name cannot be answered.",
        .open_path = open_server,
        .serve = serve_until_stopped,
        .play = play,
        .dial_path = dial,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
