/* 03_unix_sockets: the same calls, with a path in place of an address
 *
 * Predict  The server closes its socket and ends. Can it start again at the same path?
 * Run      build/03_unix_sockets
 * Watch    lesson 01's conversation again; then a path that outlives its socket; then a
 *          client that cannot be answered, because it has no name.
 * Before   01a_serial_server, 02_datagrams
 * After    12_socketserver has both kinds as classes; 23a_manager_dict talks to its process through
 *          such a socket
 * Python   socket(AF_UNIX, SOCK_STREAM or SOCK_DGRAM); socketserver.UnixStreamServer,
 *          UnixDatagramServer, which leave the path behind
 */
#include "sockets/serial.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* 108 on Linux, with the zero byte at the end */
enum { PATH_SIZE = sizeof((struct sockaddr_un *)0)->sun_path };

static const char *path;  /* where the server listens */
static struct stat bound; /* what bind made there */
static bool datagram, no_name;

/* ---- Paths ----------------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!*name)
        args_refuse("an empty path names no socket");
    if (strlen(name) >= PATH_SIZE)
        args_refuse("%s: longer than the %d bytes of a socket's path", name, PATH_SIZE - 1);
    strcpy(address.sun_path, name);
    return address;
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

/* A path outlives the socket that made it. Removes it if nobody listens there any more, and nothing
 * else: no other file, no living server's path. Returns whether it did. (Two servers that start in
 * the same instant could both find it stale; a lock file would settle that.) */
static bool remove_if_stale(const char *name)
{
    struct stat status;
    if (lstat(name, &status) < 0)
        return false;
    if (!S_ISSOCK(status.st_mode)) {
        errno = EEXIST;
        die("%s is not a socket and is left alone", name);
    }
    int probe = socket(AF_UNIX, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (probe < 0)
        die("socket");
    fcntl(probe, F_SETFL, O_NONBLOCK); /* a server with a full backlog is alive too */
    struct sockaddr_un address = address_of(name);
    bool stale =
        connect(probe, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED;
    close(probe);
    if (!stale) {
        errno = EADDRINUSE;
        die("bind %s", name);
    }
    if (unlink(name) < 0)
        die("unlink %s", name);
    return true;
}

/* Unless somebody has removed it, and another server has it now. Both calls are async-signal-safe. */
static void unlink_own_path(void)
{
    struct stat found;
    if (lstat(path, &found) == 0 && found.st_dev == bound.st_dev && found.st_ino == bound.st_ino)
        unlink(path);
}

/* The path is made with mode 0600: only this user's clients may connect. unix(7), "Pathname socket
 * ownership" */
static int open_server(void)
{
    int fd = socket(AF_UNIX, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    struct sockaddr_un address = address_of(path);
    mode_t mask = umask(0177);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s", path);
    umask(mask);
    if (lstat(path, &bound) < 0)
        die("lstat %s", path);
    stop_first = unlink_own_path; /* or whoever knocks after the hang-up would take it for stale */
    if (!datagram && listen(fd, SOMAXCONN) < 0)
        die("listen %s", path);
    say("server", "listening on %s", path);
    return fd;
}

/* ---- The server for streams: lesson 01's, call by call --------------------------------------- */

static bool send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void to_upper(char *data, ssize_t length)
{
    for (ssize_t i = 0; i < length; i++)
        data[i] = (char)toupper((unsigned char)data[i]);
}

static void serve_client(int client, int number)
{
    char data[1024];
    while (!stop_asked) {
        ssize_t got = recv(client, data, sizeof data, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        say("server", "received %zd bytes from client %d: %s", got, number,
            quote(data, (size_t)got).text);
        to_upper(data, got);
        if (!send_all(client, data, (size_t)got))
            break;
    }
    say("server", "client %d has left", number);
}

/* ---- The server for datagrams ---------------------------------------------------------------- */

/* Unlike UDP's, this queue is the client's and a full one makes sendto wait: who does not read gets
 * nothing. What waits there also takes room from this socket (SO_SNDBUF), so many such clients, or
 * long replies, cost the others theirs. */
static void reply(const char *data, size_t length, const struct sockaddr_un *client,
                  socklen_t client_length)
{
    while (sendto(stop_listener, data, length, MSG_DONTWAIT, (const struct sockaddr *)client,
                  client_length) < 0) {
        if (errno == EINTR)
            continue;
        say("server", "sendto: %s: this reply is lost", strerror(errno));
        return;
    }
}

static void serve_datagrams(void)
{
    static char data[65536];
    while (!stop_asked) {
        struct sockaddr_un client;
        socklen_t length = sizeof client;
        /* MSG_TRUNC as in lesson 02; a Unix datagram may be longer than any of UDP's */
        ssize_t got = recvfrom(stop_listener, data, sizeof data, MSG_TRUNC,
                               (struct sockaddr *)&client, &length);
        if (got < 0 || stop_asked)
            continue;
        if (got > (ssize_t)sizeof data) {
            say("server", "received %zu of %zd bytes: the datagram is cut", sizeof data, got);
            got = sizeof data;
        }
        if (length <= offsetof(struct sockaddr_un, sun_path)) {
            say("server", "received %s from nobody: it cannot be answered",
                quote(data, (size_t)got).text);
            continue;
        }
        if (length > sizeof client) /* a path of 108 bytes without the zero byte: unix(7), BUGS */
            length = sizeof client;
        say("server", "received %s from a client with a name", quote(data, (size_t)got).text);
        to_upper(data, got);
        reply(data, (size_t)got, &client, length);
    }
}

static void serve_until_stopped(void)
{
    if (datagram)
        serve_datagrams();
    else
        serial_serve(serve_client);
    int done = stop_listener;
    stop_listener = -1;
    unlink_own_path();
    close(done);
    say("server", "stopped");
}

/* ---- The clients ----------------------------------------------------------------------------- */

static int dial(const char *server)
{
    int fd = socket(AF_UNIX, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    struct sockaddr_un address = address_of(server);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect %s", server);
    return fd;
}

/* A datagram client that wants an answer needs a name. Linux gives one that is no file, so nothing
 * is left behind (unix(7), "Autobind feature"); elsewhere a client binds a path of its own and
 * unlinks it. */
static void take_name(int fd)
{
    struct sockaddr_un nameless = {.sun_family = AF_UNIX};
    if (bind(fd, (struct sockaddr *)&nameless, sizeof nameless.sun_family) < 0)
        die("bind without a path");
}

static void play_streams(void)
{
    say("ann", "connects and sends \"hello\"");
    int ann = dial(path);
    send_all(ann, "hello", 5);
    cast_reply("ann", ann, 5);

    say("bob", "connects and sends \"hi\"");
    int bob = dial(path);
    send_all(bob, "hi", 2);

    cast_leave("ann", ann);
    cast_reply("bob", bob, 2);
    cast_leave("bob", bob);
}

static void play_datagrams(void)
{
    say("ann", "takes a name and sends \"hello\"");
    int ann = dial(path);
    take_name(ann);
    send_all(ann, "hello", 5);
    cast_reply("ann", ann, 5);
    close(ann);

    say("bob", "sends \"one\" without a name, then \"two\" from a socket with a name");
    int nameless = dial(path);
    int bob = dial(path);
    take_name(bob);
    send_all(nameless, "one", 3);
    send_all(bob, "two", 3);
    cast_reply("bob", bob, 3);
    close(nameless);
    close(bob);
}

/* ---- The commands ---------------------------------------------------------------------------- */

/* Without --path: a name with the pid in it, so that thirty students can share one host. */
static void choose_path(void)
{
    static char own[PATH_SIZE];
    const char *directory = getenv("TMPDIR");
    if (path)
        return;
    if (!directory || !*directory)
        directory = "/tmp";
    int length = snprintf(own, sizeof own, "%s/%s.%d", directory, die_name, (int)getpid());
    if (length >= (int)sizeof own)
        args_refuse("TMPDIR %s: too long for a socket's path", directory);
    path = own;
}

static int serve(char **operands)
{
    (void)operands;
    choose_path();
    stop_on_signals();
    bool was_stale = remove_if_stale(path);
    stop_listener = open_server();
    if (was_stale)
        say("server", "%s was stale: nobody listened there; has replaced it", last_part(path));
    serve_until_stopped();
    return EXIT_SUCCESS;
}

static int play_scene(void (*play)(void))
{
    stop_listener = open_server();
    return cast_play(stop_listener, serve_until_stopped, play);
}

/* Closes a server's socket as Python does, without unlink, and looks at what is left. */
static void show_stale_path(void)
{
    close(open_server());
    say("server", "closes its socket and forgets the path");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = address_of(path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        die("the path was expected to be stale");
    say("ann", "connects: %s", strerror(errno));
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && !stop_asked)
        die("the path was expected to be in use");
    say("server", "binds the path again: %s", strerror(errno));
    close(fd);
    if (remove_if_stale(path))
        say("server", "%s was stale: nobody listened there; has removed it", last_part(path));
}

static int demo(char **operands)
{
    (void)operands;
    datagram = false; /* it shows both kinds */
    stop_on_signals();
    choose_path();
    remove_if_stale(path);
    int status = play_scene(play_streams);
    if (status != EXIT_SUCCESS)
        return status;
    stop_on_signals(); /* again: the play had other handlers */
    stop_listener = -1;
    show_stale_path();
    datagram = true;
    status = play_scene(play_datagrams);
    say("server", "%s is %s", last_part(path), access(path, F_OK) < 0 ? "gone" : "still there");
    return status;
}

static int connect_to(char **operands)
{
    int fd = dial(operands[0]);
    if (datagram && !no_name)
        take_name(fd);
    return talk(fd);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "serve until SIGINT or SIGTERM", serve},
        {"connect", "PATH", "send each line that is typed, print its reply", connect_to},
        {0},
    };
    static const struct option_spec options[] = {
        {"path", "P", "the path to listen on (default: in TMPDIR or /tmp)", .text = &path},
        {"datagram", NULL, "datagrams instead of a stream, in serve and connect",
         .flag = &datagram},
        {"no-name", NULL, "connect --datagram without a name: nobody can answer", .flag = &no_name},
        {0},
    };
    static const struct program program = {"The same calls, with a path in place of an address.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
