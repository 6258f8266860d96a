/* 15c_limits: how many workers run at once, and where the next client waits
 *
 * Predict  a forking server may have two children at once, and both are at work. carl connects. Is
 *          he refused?
 * Run      build/15c_limits
 * Watch    carl is connected and waits in the queue of the listening socket, until ann leaves.
 * Before   11a_fork_server, 13a_mixins, 15a_overrides
 * After    15d_deadline
 * Python   ForkingMixIn.max_children, request_queue_size
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 50, GUESTS = 3 };

static int guests[GUESTS] = {-1, -1, -1}; /* the clients' ends */

/* A reply at once, and one for each line. The clients are in the parent, so a child has copies of
 * their ends, and with these open its client would never be gone: lesson 11a. */
static bool answer_until_the_end(struct handler *self)
{
    char *line;
    size_t length;
    for (int i = 0; i < GUESTS; i++)
        if (guests[i] >= 0)
            close(guests[i]);
    do
        if (!visit_handler().handle(self))
            return false;
    while (lines_next(&self->rfile, &line, &length) == LINES_LINE);
    return true;
}

static void say_full(struct server *server)
{
    forking_tcp_server().handle_timeout(server); /* collects those that have ended */
    say("server", "%d children are at work: the next client waits", server->worker_count);
}

/* The mixin first, then what is set: the mixin sets max_children too. */
static struct server_class server_for_two(void)
{
    struct server_class class = forking_mixin(tcp_server());
    class.max_children = 2;
    class.timeout = WAIT_MS;
    class.handle_timeout = say_full;
    return class;
}

static int demo(void)
{
    static const char *const names[GUESTS] = {"ann", "bob", "carl"};
    struct server server;
    struct handler_class handler = visit_handler();
    handler.handle = answer_until_the_end;
    service_open(&server, server_for_two(), handler, "127.0.0.1", 0, NULL);
    for (int i = 0; i < GUESTS; i++) {
        guests[i] = visit_from(&server, names[i], "127.0.0.1");
        server_handle_request(&server); /* in vain for carl: the time-out ends it */
        if (i < 2)
            visit_hear(names[i], guests[i]);
    }
    say("ann", "leaves");
    close(guests[0]);
    guests[0] = -1;
    server.class.handle_timeout = forking_tcp_server().handle_timeout;
    while (server.requests < GUESTS)
        server_handle_request(&server);
    visit_hear("carl", guests[2]);
    server_close(&server);
    close(guests[1]);
    close(guests[2]);
    return EXIT_SUCCESS;
}

/* ---- The server and its client --------------------------------------------------------------- */

static long max_children = 40;

static int open_server(const char *host, long port)
{
    static struct server server;
    struct server_class class = forking_tcp_server();
    class.max_children = (int)max_children;
    stop_on_signals();
    return service_open(&server, class, service_upper(SOCK_STREAM), host, port, NULL);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"max-children", "N", "at most N children at once", .number = &max_children, 1, 1000},
        {0},
    };
    static const struct server_program program = {
        .idea = "How many workers run at once, and where the next client waits.",
        .open = open_server,
        .serve = service_run,
        .dial = net_connect,
        .demo = demo,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
