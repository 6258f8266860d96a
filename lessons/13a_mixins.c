/* 13a_mixins: a mixin gives each request a worker of its own: a thread, or a process
 *
 * Predict  four clients come at once, and each takes one unit of time. How many units have passed
 *          when TCPServer has served them all? And ThreadingTCPServer, and ForkingTCPServer?
 * Run      build/13a_mixins
 * Watch    with --class forking-tcp and --class tcp the handler is the same, but not who runs it.
 * Before   10_thread_server, 11a_fork_server, 12b_socketserver; then common/socketserver/mixin.h,
 *          threading_mixin.c and forking_mixin.c, which this lesson introduces
 * After    13b_hotline, 14a_server_thread
 * Python   class ThreadingTCPServer(ThreadingMixIn, TCPServer), ForkingUDPServer and so on
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *class_name = "threading-tcp";

/* Twelve classes: four servers, as they are and with each mixin. */
static struct server_class chosen_class(void)
{
    if (strncmp(class_name, "threading-", 10) == 0)
        return threading_mixin(service_class(class_name + 10));
    if (strncmp(class_name, "forking-", 8) == 0)
        return forking_mixin(service_class(class_name + 8));
    return service_class(class_name);
}

/* ---- A request that takes one unit of time --------------------------------------------------- */

enum { CLIENTS = 4 };
static const char *const names[CLIENTS] = {"ann", "bob", "carl", "dora"};

/* No clock, whose units a busy machine would stretch: the request is done when its client says that
 * the time is over. */
static bool take_one_unit(struct handler *self)
{
    const char *actor = service_actor(self);
    const char *client = names[(self->request->number - 1) % CLIENTS];
    char *line;
    size_t length;
    say(actor, "begins with %s", client);
    if (!self->class->write(self, "!", 1) || lines_next(&self->rfile, &line, &length) != LINES_LINE)
        return false;
    say(actor, "is done with %s", client);
    return true;
}

static struct server server;
static int clients[CLIENTS];

/* One byte when its request has begun, and none at the end of the file. */
static void must_receive(int client, ssize_t bytes)
{
    char byte;
    if (recv(clients[client], &byte, 1, 0) != bytes)
        fail("%s: wanted %s", names[client], bytes ? "to be served" : "the end of the file");
}

static void play(void)
{
    int at_once = server.class.mixin ? CLIENTS : 1, units = 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = service_client(&server);
        if (i < at_once)
            must_receive(i, 1);
        else
            say(names[i], "is connected, and waits");
    }
    for (int first = 0; first < CLIENTS; first += at_once) {
        if (first > 0)
            must_receive(first, 1);
        say("clock", "one unit of time passes");
        units++;
        for (int i = first; i < first + at_once; i++) {
            net_send_all(clients[i], "tick\n", 5);
            must_receive(i, 0);
            close(clients[i]);
        }
    }
    say("clock", "%s: four clients, units of time: %d", class_name, units);
}

/* ---- The command line ------------------------------------------------------------------------ */

static int open_server(const char *host, long port)
{
    struct server_class class = chosen_class();
    struct handler_class handler = service_upper(class.socket_type);
    if (server_program_is_demo()) {
        if (class.socket_type != SOCK_STREAM)
            args_refuse("--class %s: serves, but the demo plays over connections", class_name);
        handler = stream_request_handler();
        handler.handle = take_one_unit;
    }
    stop_on_signals();
    return service_open(&server, class, handler, host, port, NULL);
}

static int dial(const char *host, long port)
{
    struct server_class class = chosen_class();
    return service_connect(&class, host, port);
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"class", "C", "tcp, forking-unix-datagram, ...", .text = &class_name},
        {0},
    };
    static const struct server_program program = {
        .idea = "A mixin gives each request a worker of its own: a thread, or a process.",
        .open = open_server,
        .serve = service_run,
        .play = play,
        .dial = dial,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
