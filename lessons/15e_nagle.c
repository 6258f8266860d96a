/* 15e_nagle: one send for one reply
 *
 * Predict  a reply of 5,000 bytes, in one send or in two: what is the difference to the client?
 * Run      build/15e_nagle
 * Watch    how many bytes of a reply wait in the server's kernel when the last send has returned.
 * Needs    Linux: SIOCOUTQNSD, which tells what has not been sent yet. tcp(7)
 * Before   04_lines, 15a_overrides
 * After    16a_threads; 26a_showdown has a server whose reply is one byte too long
 * Python   StreamRequestHandler.disable_nagle_algorithm, wbufsize; wfile.write twice
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/say.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SIOCOUTQNSD
#define SIOCOUTQNSD 0x894B /* <linux/sockios.h> has it, musl has not */
#endif

enum { REPLY_BYTES = 5000, FIRST_BYTES = 1000 };

static long replies = 5;
static bool in_two_sends;

/* ---- The handler ----------------------------------------------------------------------------- */

/* Nagle: what does not fill a segment waits as long as something before it is not acknowledged. And
 * the client's kernel delays that for 40 ms, so that it can go with a request: tcp(7).
 * The very first reply is acknowledged at once, so the largest figure of all replies counts. */
static bool reply_at_length(struct handler *self)
{
    static const char reply[REPLY_BYTES];
    size_t first = in_two_sends ? FIRST_BYTES : REPLY_BYTES, length;
    int waits, most = 0;
    char *line;
    while (lines_next(&self->rfile, &line, &length) == LINES_LINE) {
        if (!self->class->write(self, reply, first) ||
            !self->class->write(self, reply + first, REPLY_BYTES - first) ||
            ioctl(self->request->fd, SIOCOUTQNSD, &waits) < 0)
            return false;
        most = waits > most ? waits : most;
    }
    say(service_actor(self), "up to %d bytes of a reply waited here", most);
    return true;
}

/* ---- The demo -------------------------------------------------------------------------------- */

static void ask(const char *how, bool in_two, bool without_delay)
{
    char reply[REPLY_BYTES];
    struct handler_class handler = visit_handler();
    struct server server;
    handler.handle = reply_at_length;
    handler.disable_nagle_algorithm = without_delay; /* TCP_NODELAY */
    in_two_sends = in_two;
    service_open(&server, threading_mixin(tcp_server()), handler, "127.0.0.1", 0, NULL);
    int ann = net_connect("127.0.0.1", address_port(&server.address));
    say("ann", "asks %ld times: %s", replies, how);
    server_handle_request(&server);
    for (long i = 0; i < replies && net_send_all(ann, "more\n", 5); i++)
        recv(ann, reply, sizeof reply, MSG_WAITALL);
    close(ann);
    server_close(&server); /* waits for the thread, which tells what it has seen */
}

static int two_sends(char **operands)
{
    (void)operands;
    ask("a reply in two sends", true, false);
    return EXIT_SUCCESS;
}

static int no_delay(char **operands)
{
    (void)operands;
    ask("a reply in two sends, TCP_NODELAY", true, true);
    return EXIT_SUCCESS;
}

static int one_send(char **operands)
{
    (void)operands;
    ask("a reply in one send", false, false);
    return EXIT_SUCCESS;
}

static int demo(char **operands)
{
    two_sends(operands);
    no_delay(operands);
    return one_send(operands);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo: all three", demo},
        {"two-sends", "", "a reply in two sends", two_sends},
        {"no-delay", "", "the same with TCP_NODELAY", no_delay},
        {"one-send", "", "a reply in one send", one_send},
        {0},
    };
    static const struct option_spec options[] = {
        {"replies", "N", "how many ann asks for", .number = &replies, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {"One send for one reply.", commands, options};
    return args_run(argc, argv, &program);
}
