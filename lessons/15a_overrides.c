/* 15a_overrides: a server of your own is a class with a few entries replaced
 *
 * Predict  the server has a list of the addresses that it serves, and bob's is not on it. What does
 *          bob see: a refused connection, an end of file, or silence?
 * Run      build/15a_overrides
 * Watch    four methods are replaced, and each says a line when it is called.
 * Before   12b_socketserver, 14b_own_loop
 * After    15b_families, 15c_limits; 23a_manager_dict is built on such a server
 * Python   class Mine(TCPServer) of posts 002 and 004: verify_request, handle_error,
 *          handle_timeout, service_actions; super().handle_error(...)
 */
#include "sockets/net.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/say.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 50, BEAT_MS = 20, BEATS = 3, CARL = 3 };

/* ---- Four methods of the server -------------------------------------------------------------- */

/* The connection is there already: the kernel has accepted it. False: it is hung up on. */
static bool is_on_the_list(struct server *server, const struct request *request)
{
    (void)server;
    struct address_text client = visit_host(&request->client);
    bool found = strcmp(client.text, "127.0.0.1") == 0;
    say("server", "verify_request: %s is %son the list", client.text, found ? "" : "not ");
    return found;
}

/* The connection is still open: shutdown_request comes after this. */
static void apologise(struct server *server, const struct request *request)
{
    tcp_server().handle_error(server, request); /* super().handle_error(...) */
    net_send_all(request->fd, "sorry\n", 6);
}

static void complain(struct server *server)
{
    say("server", "handle_timeout: nobody came for %d ms", server->class.timeout);
}

/* Once in each round of serve_forever, whether there was a request or not. */
static void beat(struct server *server)
{
    static int beats;
    say("server", "service_actions: beat %d", ++beats);
    if (beats == BEATS)
        server_end_loop(server);
}

static struct server_class my_server(void)
{
    struct server_class class = tcp_server(); /* class MyServer(TCPServer): */
    class.timeout = WAIT_MS;
    class.verify_request = is_on_the_list;
    class.handle_error = apologise;
    class.handle_timeout = complain;
    class.service_actions = beat;
    return class;
}

/* ---- And one of the handler ------------------------------------------------------------------ */

static bool fail_for_carl(struct handler *self)
{
    if (self->request->number != CARL)
        return visit_handler().handle(self); /* super().handle() */
    self->request->error = "the handler has failed";
    return false;
}

static struct handler_class my_handler(void)
{
    struct handler_class class = visit_handler();
    class.handle = fail_for_carl;
    return class;
}

/* ---- The demo: a client connects before the server, in the same thread, looks ---------------- */

static int demo(void)
{
    struct server server;
    service_open(&server, my_server(), my_handler(), "127.0.0.1", 0, NULL);
    visit(&server, "ann", "127.0.0.1");
    visit(&server, "bob", "127.0.0.2");
    visit(&server, "carl", "127.0.0.1");
    say("server", "handle_request, and nobody is there");
    server_handle_request(&server);
    int dora = visit_from(&server, "dora", "127.0.0.1");
    say("server", "serve_forever, in rounds of %d ms", BEAT_MS);
    server_serve_forever(&server, BEAT_MS);
    visit_hear("dora", dora);
    close(dora);
    server_close(&server);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "A server of your own is a class with a few entries replaced.",
                     demo, NULL);
}
