/* 09b_time_wait: whoever closes first has to wait, and who may restart
 *
 * Predict  a server has hung up on a client and ended. Its new version starts at once, on the same
 *          port. The old and the new one may each have SO_REUSEADDR: in which of the four cases
 *          does the new one start?
 * Run      build/09b_time_wait
 * Watch    a server that hung up first leaves its port in TIME_WAIT; both must set the option.
 * Try      build/09b_time_wait serve --port 8009, connect, stop it, and restart it with --no-reuse
 * Before   09a_bind_twice
 * After    10_thread_server
 * Python   allow_reuse_address of socketserver, off; "Address already in use"; post 003
 */
#define _DEFAULT_SOURCE /* SO_REUSEPORT: Linux since 3.9, and the BSDs; not in POSIX.1-2008 */

#include "sockets/net.h"
#include "sockets/serial.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *host = "127.0.0.1";
static long port = 0;
static bool no_reuse, reuse_port;
static bool was_missing; /* TIME_WAIT, after one of the restarts */

static int socket_with(int option)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    if (fd < 0)
        die("socket");
    if (option && setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) < 0)
        die("setsockopt");
    return fd;
}

static int bind_to(int fd, int port_number)
{
    struct sockaddr_in address = net_address("127.0.0.1", port_number);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

/* ---- TIME_WAIT ------------------------------------------------------------------------------- */

/* A server on any free port accepts one client, hangs up first, and ends. Returns the port. */
static int serve_once_and_end(int option)
{
    int listener = socket_with(option);
    if (bind_to(listener, 0) < 0 || listen(listener, SOMAXCONN) < 0)
        die("listen");
    int port_number = net_port(listener);
    int client = net_connect("127.0.0.1", port_number);
    int connection = accept(listener, NULL, NULL);
    close(connection);
    char byte;
    recv(client, &byte, 1, 0); /* end of file: the server hung up */
    /* close returns when the four-way close is over */
    struct linger patiently = {.l_onoff = 1, .l_linger = 5};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &patiently, sizeof patiently);
    close(client);
    close(listener);
    return port_number;
}

/* Whether the kernel keeps a connection of this port in TIME_WAIT, which is state 06 in Linux's
 * /proc/net/tcp. proc(5) */
static bool is_in_time_wait(int port_number)
{
    FILE *table = fopen("/proc/net/tcp", "r");
    if (!table)
        die("/proc/net/tcp");
    char line[256];
    bool found = false;
    while (fgets(line, sizeof line, table)) {
        unsigned local_port, state;
        if (sscanf(line, " %*d: %*8x:%4x %*8x:%*4x %2x", &local_port, &state) == 2)
            found = found || ((int)local_port == port_number && state == 6);
    }
    fclose(table);
    return found;
}

/* A number of the kernel's, which stands in the file as the pattern says; -1: it does not. */
static long number_in(const char *path, const char *pattern)
{
    FILE *file = fopen(path, "r");
    char line[256];
    long number = -1;
    while (file && fgets(line, sizeof line, file))
        sscanf(line, pattern, &number);
    if (file)
        fclose(file);
    return number;
}

/* A host keeps only so many: 10,000 clients of lesson 08 may use them up for a minute. tcp(7) */
static void explain_no_time_wait(void)
{
    long most = number_in("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%ld");
    long kept = number_in("/proc/net/sockstat", "TCP: inuse %*d orphan %*d tw %ld");
    if (kept >= most - most / 10)
        say("server", "no TIME_WAIT: the host keeps %ld, and tcp_max_tw_buckets is %ld", kept,
            most);
}

static void show_restart(const char *before, int first_option, const char *after, int second_option)
{
    int port_number = serve_once_and_end(first_option);
    bool is_waiting = is_in_time_wait(port_number);
    const char *state = is_waiting ? "TIME_WAIT" : "no TIME_WAIT";
    was_missing = was_missing || !is_waiting;
    int server = socket_with(second_option);
    const char *result = "ok";
    if (bind_to(server, port_number) < 0)
        result = errno == EADDRINUSE ? "EADDRINUSE" : strerror(errno);
    say("server", "old: %-12s | %-9s | new: %-12s | bind: %s", before, state, after, result);
    close(server);
}

static int demo(char **operands)
{
    (void)operands;
    if (port != 0 || no_reuse || reuse_port)
        args_refuse("--port, --no-reuse, --reuse-port: only with serve");
    show_restart("no option", 0, "no option", 0);
    show_restart("no option", 0, "SO_REUSEADDR", SO_REUSEADDR);
    show_restart("SO_REUSEADDR", SO_REUSEADDR, "no option", 0);
    show_restart("SO_REUSEADDR", SO_REUSEADDR, "SO_REUSEADDR", SO_REUSEADDR);
    if (was_missing)
        explain_no_time_wait();
    return EXIT_SUCCESS;
}

/* ---- A server that hangs up first ------------------------------------------------------------ */

/* Hangs up first, so that its port is left in TIME_WAIT. (But a client that has sent something,
 * which nobody reads here, is reset, and a reset leaves nothing behind.) */
static void hang_up(int client, int number)
{
    (void)client;
    say("server", "hangs up on client %d first", number);
}

static int serve(char **operands)
{
    (void)operands;
    if (no_reuse && reuse_port)
        args_refuse("--no-reuse, --reuse-port: one or the other");
    stop_on_signals();
    int option = reuse_port ? SO_REUSEPORT : SO_REUSEADDR;
    stop_listener = socket_with(no_reuse ? 0 : option);
    struct sockaddr_in address = net_address(host, port);
    if (bind(stop_listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s:%ld", host, port);
    if (listen(stop_listener, SOMAXCONN) < 0)
        die("listen %s:%ld", host, port);
    say("server", "listening on %s", net_local(stop_listener).text);
    serial_serve(hang_up);
    close(stop_listener);
    say("server", "stopped");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "hang up on each client, until SIGINT or SIGTERM", serve},
        {0},
    };
    static const struct option_spec options[] = {
        {"host", "H", "the address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        {"no-reuse", NULL, "serve without SO_REUSEADDR", .flag = &no_reuse},
        {"reuse-port", NULL, "serve with SO_REUSEPORT instead", .flag = &reuse_port},
        {0},
    };
    static const struct program program = {"Who closes first and has to wait, and who may restart.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
