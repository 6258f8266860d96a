/* 01_serial_server: a server is six calls, and it serves one client at a time
 *
 * Predict  ann is being served when bob connects and sends. When does bob get his reply?
 * Run      build/01_serial_server
 * Watch    bob's connect and send succeed at once; his reply comes when ann has left.
 * Before   nothing: start here
 * After    06_select_server serves both at once, in one thread; 10_thread_server in two
 * Python   socket.socket, bind, listen, accept, recv, sendall; socketserver.TCPServer is this
 *          server
 *
 * Every socket call stands in this file. Later lessons take from common/ what this one shows
 * longhand.
 */
#include "stage/args.h"
#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/signals.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The server ------------------------------------------------------------------------------ */

static volatile sig_atomic_t stopping;
static volatile sig_atomic_t listener = -1, connection = -1; /* -1: none */

static int open_listener(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    int on = 1; /* before bind; lesson 09 shows what this is for */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        die("setsockopt SO_REUSEADDR");

    int port = ntohs(address->sin_port);
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
    if (bind(fd, (struct sockaddr *)address, sizeof *address) < 0)
        die("bind %s:%d", host, port);
    if (listen(fd, SOMAXCONN) < 0)
        die("listen %s:%d", host, port);

    /* port 0 asked for any free port: this tells which one it is */
    socklen_t length = sizeof *address;
    if (getsockname(fd, (struct sockaddr *)address, &length) < 0)
        die("getsockname");
    say("server", "listening on %s:%d", host, ntohs(address->sin_port));
    return fd;
}

/* send may take less than it is given. MSG_NOSIGNAL: a client that is gone costs an error, not the
 * process (SIGPIPE). */
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

/* Everything that the client sends goes back in upper case, until it closes its side or is gone. */
static void serve_client(int client, int number)
{
    char data[1024];
    while (!stopping) {
        ssize_t got = recv(client, data, sizeof data, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        say("server", "received %zd bytes from client %d: %s", got, number,
            quote(data, (size_t)got).text);
        for (ssize_t i = 0; i < got; i++)
            data[i] = (char)toupper((unsigned char)data[i]);
        if (!send_all(client, data, (size_t)got))
            break;
    }
    say("server", "client %d has left", number);
}

/* The next client, or -1 when it is time to stop. A failed accept costs one client, never the
 * server. */
static int accept_client(void)
{
    bool complained = false;
    while (!stopping) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0)
            return client;
        if (stopping || errno == EINTR || errno == ECONNABORTED)
            continue;
        if (!complained)
            say("server", "accept: %s: tries again until it can", strerror(errno));
        complained = true;
        /* ms. EMFILE, ENOBUFS and the like last: asking again at once would only burn the CPU */
        poll(NULL, 0, 100);
    }
    return -1;
}

static void serve_until_stopped(void)
{
    int number = 0;
    while ((connection = accept_client()) >= 0) {
        number++;
        say("server", "accepted client %d", number);
        serve_client(connection, number);
        int done = connection;
        /* first: a signal between the two calls must not hang up a descriptor that is closed */
        connection = -1;
        close(done);
    }
    int done = listener;
    listener = -1;
    close(done);
    say("server", "stopped");
}

/* Hangs up, so that accept, recv and send return at once, also when the signal comes just before
 * the call. (Linux; elsewhere shutdown of a listening socket may fail, and the signal still
 * interrupts a call that has begun.) */
static void stop(int signal_number)
{
    (void)signal_number;
    int error = errno;
    stopping = 1;
    say_hurried = true; /* with STEP, no line waits for Enter any more */
    shutdown(listener, SHUT_RDWR);
    shutdown(connection, SHUT_RDWR);
    errno = error;
}

static void stop_on(int signal_number)
{
    /* no SA_RESTART: a blocked call returns with EINTR; a child that Ctrl-Z stops has not ended */
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_NOCLDSTOP};
    sigemptyset(&action.sa_mask);
    if (sigaction(signal_number, &action, NULL) < 0)
        die("sigaction");
}

/* ---- The clients ----------------------------------------------------------------------------- */

static int dial(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        die("connect %s:%d", host, ntohs(address->sin_port));
    return fd;
}

/* recv gives what has come so far, which may be less than the whole reply. Returns how much came
 * before the end. */
static size_t receive_all(int fd, char *reply, size_t length)
{
    size_t have = 0;
    while (have < length) {
        ssize_t got = recv(fd, reply + have, length - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

static void get_reply(const char *name, int fd, size_t length)
{
    char reply[64];
    if (receive_all(fd, reply, length) != length)
        fail("%s: the server closed the connection", name);
    say(name, "received %s", quote(reply, length).text);
}

/* Closes the sending side, which the server sees as end of file, and waits until the server has
 * closed the other. */
static void leave(const char *name, int fd)
{
    say(name, "leaves");
    char extra;
    if (shutdown(fd, SHUT_WR) < 0 || recv(fd, &extra, 1, 0) != 0)
        fail("%s: wanted to leave, and the server did not close", name);
    close(fd);
}

static void play(const struct sockaddr_in *address)
{
    say("ann", "connects and sends \"hello\"");
    int ann = dial(address);
    send_all(ann, "hello", 5);
    get_reply("ann", ann, 5);

    say("bob", "connects and sends \"hi\"");
    int bob = dial(address);
    send_all(bob, "hi", 2);

    char reply[2];
    if (recv(bob, reply, sizeof reply, MSG_DONTWAIT) >= 0)
        fail("bob: served before ann left");
    say("bob", "has no reply: the server waits for what ann says next");

    leave("ann", ann);
    get_reply("bob", bob, 2);
    leave("bob", bob);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static const char *host = "127.0.0.1";
static long port = 0;

static struct sockaddr_in address_of(const char *ip, long port_number)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_number)};
    if (strcmp(ip, "localhost") == 0)
        ip = "127.0.0.1";
    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) /* IPv6 is left to lesson 15 */
        args_refuse("%s: not an IPv4 address like 127.0.0.1", ip);
    return address;
}

static int serve(char **operands)
{
    (void)operands;
    struct sockaddr_in address = address_of(host, port);
    signals_on_ending(stop);
    listener = open_listener(&address);
    serve_until_stopped();
    return EXIT_SUCCESS;
}

/* The clients play in a child process (fork is lesson 11's). Its end is the signal SIGCHLD, which
 * stops the server. */
static int demo(char **operands)
{
    (void)operands;
    struct sockaddr_in address = address_of(host, port);
    stop_on(SIGCHLD);
    listener = open_listener(&address);
    pid_t server = getpid(), cast = child_fork();
    if (cast < 0)
        die("fork");
    if (cast == 0) {
        child_ends_with(server, SIGKILL);
        close(listener);
        play(&address);
        _exit(EXIT_SUCCESS);
    }
    serve_until_stopped();
    int status;
    while (waitpid(cast, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* The posts' client: a line from the terminal, its reply, until end of file. */
static int talk(char **operands)
{
    struct sockaddr_in address =
        address_of(operands[0], args_number("PORT", operands[1], 1, 65535));
    int fd = dial(&address);
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    while ((got = getline(&line, &room, stdin)) > 0) { /* a line may hold any byte, also zeros */
        size_t length = (size_t)got;
        if (!send_all(fd, line, length) || receive_all(fd, line, length) != length)
            fail("the server closed the connection");
        fwrite(line, 1, length, stdout);
        die_unless_printed();
    }
    if (ferror(stdin))
        die("read");
    free(line);
    close(fd);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "serve until SIGINT or SIGTERM", serve},
        {"connect", "HOST PORT", "send each line that is typed, print its reply", talk},
        {0},
    };
    static const struct option_spec options[] = {
        {"host", "H", "the address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        {0},
    };
    static const struct program program = {
        "A server is six calls, and it serves one client at a time.", commands, options};
    return args_run(argc, argv, &program);
}
