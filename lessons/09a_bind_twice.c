/* 09a_bind_twice: when two sockets may bind one port
 *
 * Predict  two TCP sockets set SO_REUSEADDR and bind one port. Do both binds work? Both listens?
 *          And two UDP sockets: who gets the datagram?
 * Run      build/09a_bind_twice
 * Watch    the table is what the calls return here and now.
 * Before   01a_serial_server, which sets the option without a word
 * After    09b_time_wait; 25b_reuseport binds one port many times
 * Python   allow_reuse_address and allow_reuse_port of socketserver, both off; post 003
 */
#define _DEFAULT_SOURCE /* SO_REUSEPORT: Linux since 3.9, and the BSDs; not in POSIX.1-2008 */
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* Each returns "ok" or the name of the error that this lesson is about. */
static const char *outcome(int result)
{
    return result == 0 ? "ok" : errno == EADDRINUSE ? "EADDRINUSE" : strerror(errno);
}

static const char *try_bind(int fd, int port_number)
{
    struct sockaddr_in address = net_address("127.0.0.1", port_number);
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

/* Two UDP sockets that share a port, and one datagram. */
static void try_udp_receiver(void)
{
    int first = socket_with(SOCK_DGRAM, SO_REUSEADDR);
    int second = socket_with(SOCK_DGRAM, SO_REUSEADDR);
    int client = socket_with(SOCK_DGRAM, 0);
    try_bind(first, 0);
    try_bind(second, net_port(first));
    struct sockaddr_in address = net_address("127.0.0.1", net_port(first));
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

static int demo(void)
{
    say("tcp", "%-13s %-11s %-11s %s", "", "2nd bind", "2nd listen", "bind to a port that listens");
    for (int i = 0; i < OPTIONS; i++)
        try_tcp(options_to_try[i].name, options_to_try[i].option);
    say("udp", "%-13s %s", "", "2nd bind");
    for (int i = 0; i < OPTIONS; i++)
        try_udp(options_to_try[i].name, options_to_try[i].option);
    try_udp_receiver();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "When two sockets may bind one port.", demo, NULL);
}
