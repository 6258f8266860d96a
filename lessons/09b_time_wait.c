/* 09_reuseaddr: when a port may be bound twice, and why a server cannot always restart
 *
 * Predict  Two sockets set SO_REUSEADDR and bind one port. Do both binds work? Both listens? Who
 *          gets the clients?
 * Run      build/09_reuseaddr
 * Watch    the table is what the calls return here and now; then a server that hung up first finds
 *          its port in TIME_WAIT.
 * Try      build/09_reuseaddr --hold --port 8009 in one terminal and again in another; then
 *          connect, stop it, and restart it with and without --no-reuse
 * Before   01a_serial_server sets the option without a word
 * After    10_thread_server; 25_prefork_server uses SO_REUSEPORT on purpose
 * Python   allow_reuse_address and allow_reuse_port of socketserver, both off
 */
#define _DEFAULT_SOURCE /* SO_REUSEPORT: Linux since 3.9, and the BSDs; not in POSIX.1-2008 */

#include "sockets/net.h"
#include "sockets/serial.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *host = "127.0.0.1";
static long port = 0;
static bool hold, no_reuse, reuse_port;

/* ---- Calls that may fail, and say how -------------------------------------------------------- */

static int socket_with(int type, int option)
{
    int fd = socket(AF_INET, type, 0);
    int on = 1;
    if (fd < 0)
        die("socket");
    if (option && setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) < 0)
        die("setsockopt");
    return fd;
}

static struct sockaddr_in loopback(int port_number)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port_number),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Each returns "ok" or the name of the error that this lesson is about. */
static const char *outcome(int result)
{
    return result == 0 ? "ok" : errno == EADDRINUSE ? "EADDRINUSE" : strerror(errno);
}

static const char *try_bind(int fd, int port_number)
{
    struct sockaddr_in address = loopback(port_number);
    return outcome(bind(fd, (struct sockaddr *)&address, sizeof address));
}

static const char *try_listen(int fd)
{
    return outcome(listen(fd, SOMAXCONN));
}

/* ---- The table ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int option;
} options_to_try[] = {{"no option", 0},
                      {"SO_REUSEADDR", SO_REUSEADDR},
                      {"SO_REUSEPORT", SO_REUSEPORT}};

enum { OPTIONS = sizeof options_to_try / sizeof *options_to_try };

/* Two sockets with the same option. The second binds while the first is only bound; then both try
 * to listen. A third binds while the first listens. */
static void try_tcp(const char *name, int option)
{
    int first = socket_with(SOCK_STREAM, option);
    int second = socket_with(SOCK_STREAM, option);
    int third = socket_with(SOCK_STREAM, option);
    try_bind(first, 0);
    const char *bind_result = try_bind(second, net_port(first));
    try_listen(first);
    const char *listen_result = strcmp(bind_result, "ok") == 0 ? try_listen(second) : "-";
    const char *late_result = try_bind(third, net_port(first));
    say("tcp", "%-13s %-11s %-11s %s", name, bind_result, listen_result, late_result);
    close(first);
    close(second);
    close(third);
}

static void try_udp(const char *name, int option)
{
    int first = socket_with(SOCK_DGRAM, option);
    int second = socket_with(SOCK_DGRAM, option);
    try_bind(first, 0);
    say("udp", "%-13s %s", name, try_bind(second, net_port(first)));
    close(first);
    close(second);
}

static void show_table(void)
{
    say("tcp", "%-13s %-11s %-11s %s", "", "2nd bind", "2nd listen", "bind to a port that listens");
    for (int i = 0; i < OPTIONS; i++)
        try_tcp(options_to_try[i].name, options_to_try[i].option);
    say("udp", "%-13s %s", "", "2nd bind");
    for (int i = 0; i < OPTIONS; i++)
        try_udp(options_to_try[i].name, options_to_try[i].option);
}

/* ---- Who gets what --------------------------------------------------------------------------- */

static void show_udp_receiver(void)
{
    int first = socket_with(SOCK_DGRAM, SO_REUSEADDR);
    int second = socket_with(SOCK_DGRAM, SO_REUSEADDR);
    int client = socket_with(SOCK_DGRAM, 0);
    try_bind(first, 0);
    struct sockaddr_in address = loopback(net_port(first));
    try_bind(second, net_port(first));
    if (sendto(client, "hello", 5, 0, (struct sockaddr *)&address, sizeof address) < 0)
        die("sendto");
    struct pollfd receivers[] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
    poll(receivers, 2, -1);
    say("udp", "SO_REUSEADDR: the %s to bind gets the datagram, the other %s",
        receivers[1].revents ? "last" : "first",
        receivers[0].revents && receivers[1].revents ? "too" : "nothing");
    close(first);
    close(second);
    close(client);
}

/* Connects until both have been given a client: which of the two gets the next is for the kernel's
 * hash to say. */
static void show_reuseport_listeners(void)
{
    int first = socket_with(SOCK_STREAM, SO_REUSEPORT);
    int second = socket_with(SOCK_STREAM, SO_REUSEPORT);
    try_bind(first, 0);
    struct sockaddr_in address = loopback(net_port(first));
    try_bind(second, net_port(first));
    try_listen(first);
    try_listen(second);
    bool first_got = false, second_got = false;
    while (!first_got || !second_got) {
        int client = socket_with(SOCK_STREAM, 0);
        if (connect(client, (struct sockaddr *)&address, sizeof address) < 0)
            die("connect");
        struct pollfd listeners[] = {{.fd = first, .events = POLLIN},
                                     {.fd = second, .events = POLLIN}};
        poll(listeners, 2, -1);
        int accepted = accept(listeners[0].revents ? first : second, NULL, NULL);
        if (accepted < 0)
            die("accept");
        *(listeners[0].revents ? &first_got : &second_got) = true;
        close(client);
        close(accepted);
    }
    say("tcp", "SO_REUSEPORT: both listen, and each was given clients by the kernel");
    close(first);
    close(second);
}

/* ---- TIME_WAIT ------------------------------------------------------------------------------- */

/* A server on any free port serves one client and hangs up first; then it ends. Returns the
 * port. */
static int serve_once_and_end(int option)
{
    int listener = socket_with(SOCK_STREAM, option);
    try_bind(listener, 0);
    try_listen(listener);
    int port_number = net_port(listener);
    struct sockaddr_in address = loopback(port_number);
    int client = socket_with(SOCK_STREAM, 0);
    if (connect(client, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    int connection = accept(listener, NULL, NULL);
    close(connection);
    char byte;
    recv(client, &byte, 1, 0); /* end of file: the server hung up */
    /* close waits, so the four-way goodbye is over */
    struct linger until_acknowledged = {.l_onoff = 1, .l_linger = 5};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &until_acknowledged, sizeof until_acknowledged);
    close(client);
    close(listener);
    return port_number;
}

/* Whether the system keeps a connection of this port in TIME_WAIT. proc(5), /proc/net/tcp (Linux):
 * state 06 */
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

static void show_restart(const char *before, int first_option, const char *after, int second_option)
{
    int port_number = serve_once_and_end(first_option);
    const char *state = is_in_time_wait(port_number) ? "TIME_WAIT" : "no TIME_WAIT";
    int server = socket_with(SOCK_STREAM, second_option);
    say("server", "%-8s %-9s %-8s bind: %s", before, state, after, try_bind(server, port_number));
    close(server);
}

static void show_time_wait(void)
{
    say("server", "%-8s %-9s %-8s", "started", "its port", "restarts");
    show_restart("without", 0, "without", 0);
    show_restart("without", 0, "with", SO_REUSEADDR);
    show_restart("with", SO_REUSEADDR, "without", 0);
    show_restart("with", SO_REUSEADDR, "with", SO_REUSEADDR);
}

/* ---- The commands ---------------------------------------------------------------------------- */

/* Hangs up first, so that its port is left in TIME_WAIT. (But a client that has sent something,
 * which nobody reads here, is reset, and a reset leaves nothing behind.) */
static void hang_up(int client, int number)
{
    (void)client;
    say("server", "hangs up on client %d before it does", number);
}

static int hold_port(void)
{
    if (no_reuse && reuse_port)
        args_refuse("--no-reuse, --reuse-port: one or the other");
    stop_on_signals();
    int option = reuse_port ? SO_REUSEPORT : SO_REUSEADDR;
    stop_listener = socket_with(SOCK_STREAM, no_reuse ? 0 : option);
    struct sockaddr_in address = net_address(host, port);
    if (bind(stop_listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind %s:%ld", host, port);
    if (listen(stop_listener, SOMAXCONN) < 0)
        die("listen %s:%ld", host, port);
    say("server", "listening on %s", net_local(stop_listener).text);
    serial_serve(hang_up);
    int done = stop_listener;
    stop_listener = -1;
    close(done);
    say("server", "stopped");
    return EXIT_SUCCESS;
}

static int demo(char **operands)
{
    (void)operands;
    if (hold)
        return hold_port();
    if (port != 0 || no_reuse || reuse_port)
        args_refuse("--port, --no-reuse, --reuse-port: only with --hold");
    show_table();
    show_udp_receiver();
    show_reuseport_listeners();
    show_time_wait();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo; with --hold, keep a port instead", demo},
        {0},
    };
    static const struct option_spec options[] = {
        {"hold", NULL, "listen until SIGINT or SIGTERM and hang up on each client", .flag = &hold},
        {"host", "H", "the address to hold", .text = &host},
        {"port", "P", "the port to hold; 0: any free one", .number = &port, .max = 65535},
        {"no-reuse", NULL, "hold it without SO_REUSEADDR", .flag = &no_reuse},
        {"reuse-port", NULL, "hold it with SO_REUSEPORT instead", .flag = &reuse_port},
        {0},
    };
    static const struct program program = {
        "When a port may be bound twice, and why a server cannot always restart.", commands,
        options};
    return args_run(argc, argv, &program);
}
