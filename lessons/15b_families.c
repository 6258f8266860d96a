/* 15b_families: a server for IPv6, and one for both families
 *
 * Predict  a server listens on ::, the IPv6 address for "any". A client connects to 127.0.0.1. Does
 *          it get through, and from which address does it come?
 * Run      build/15b_families
 * Watch    the address from which bob comes. An allow-list with 127.0.0.1 would not know him.
 * Before   09b_time_wait, 12b_socketserver, 15a_overrides
 * After    15c_limits
 * Python   class Mine(TCPServer): address_family = socket.AF_INET6; def server_bind(self);
 *          TCPServer(address, handler, bind_and_activate=False)
 */
#include "sockets/stop.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- Two classes ----------------------------------------------------------------------------- */

static struct server_class ipv6_server(void)
{
    struct server_class class = tcp_server();
    class.address_family = AF_INET6;
    return class;
}

/* An IPv4 client then comes as ::ffff:127.0.0.1. Linux has the option off as a rule, but whoever
 * runs the machine may turn it on. It has to be set before bind: ipv6(7) */
static bool bind_both(struct server *server)
{
    int off = 0;
    return setsockopt(server->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
           tcp_server().server_bind(server); /* super().server_bind() */
}

static struct server_class server_for_both(void)
{
    struct server_class class = ipv6_server();
    class.server_bind = bind_both;
    return class;
}

/* ---- The scenes ------------------------------------------------------------------------------ */

static struct server server;

static int demo(void)
{
    if (!server_init(&server, ipv6_server(), visit_handler(), "::1", 0, true)) {
        say("server", "this machine has no IPv6");
        return EXIT_SUCCESS;
    }
    say("server", "listens on ::1");
    visit(&server, "ann", "::1");
    server_close(&server);

    service_open(&server, server_for_both(), visit_handler(), "::", 0, NULL);
    say("server", "listens on ::, for both families");
    visit(&server, "ann", "::1");
    visit(&server, "bob", "127.0.0.1");
    server_close(&server);
    return EXIT_SUCCESS;
}

/* What the constructor does, one step at a time. Between the two steps a program can tell others
 * its port, or give up privileges. */
static int by_hand(char **operands)
{
    (void)operands;
    if (!server_init(&server, tcp_server(), visit_handler(), "127.0.0.1", 0, false))
        die("socket");
    say("server", "server_bind: there is a port, and nobody listens");
    if (!server.class.server_bind(&server))
        die("bind");
    if (visit_from(&server, "ann", "127.0.0.1") >= 0)
        fail("ann: was not refused");
    say("server", "server_activate: listens");
    if (!server.class.server_activate(&server))
        die("listen");
    visit(&server, "ann", "127.0.0.1");
    server_close(&server);
    return EXIT_SUCCESS;
}

/* ---- The server and its client --------------------------------------------------------------- */

static struct server_class class_for(const char *address)
{
    return strchr(address, ':') ? server_for_both() : tcp_server();
}

static int open_server(const char *host, long port)
{
    struct server_class class = threading_mixin(class_for(host));
    stop_on_signals();
    return service_open(&server, class, service_upper(SOCK_STREAM), host, port, NULL);
}

static int dial(const char *host, long port)
{
    struct server_class class = class_for(host);
    return service_connect(&class, host, port);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"by-hand", "", "server_bind and server_activate, one after the other", by_hand},
        {0},
    };
    static const struct server_program program = {
        .idea = "A server for IPv6, and one for both families.",
        .open = open_server,
        .serve = service_run,
        .dial = dial,
        .demo = demo,
        .commands = commands,
    };
    return server_program_run(argc, argv, &program);
}
