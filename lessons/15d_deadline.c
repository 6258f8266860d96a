/* 15d_deadline: a time-out for each read does not limit the request
 *
 * Predict  a client sends its request one byte at a time, and never ends it. The server waits
 *          200 ms for each read. When does it give up?
 * Run      build/15d_deadline
 * Watch    the deadline ends the request. With --deadline 0 there is none, and ann takes twice as
 *          long as a read may take: --timeout 1000 --deadline 0
 * Before   04_lines, 15a_overrides
 * After    15e_nagle
 * Python   StreamRequestHandler.timeout, which is socket.settimeout; time.monotonic
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/say.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TRICKLE_MS = 10 };

static long timeout = 200, deadline = 200;

/* ---- The handler ----------------------------------------------------------------------------- */

/* A clock that nobody sets: the clock on the wall may jump while the request comes. */
static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* handler.timeout is that of one read, and each byte that comes starts it again. The clock that is
 * looked at after each read is that of the request. */
static bool answer_in_time(struct handler *self)
{
    long long end = now_ms() + deadline;
    enum lines_result result;
    char *line;
    size_t length;
    self->request->error = "no line";
    while ((result = lines_take(&self->rfile, &line, &length)) == LINES_MORE) {
        enum lines_result filled = lines_fill(&self->rfile);
        bool is_late = deadline > 0 && now_ms() >= end;
        if (is_late || filled == LINES_ERROR) {
            self->request->error = is_late ? "no line by the deadline" : "a read timed out";
            return false;
        }
    }
    return result == LINES_LINE && visit_handler().handle(self);
}

/* ---- The demo -------------------------------------------------------------------------------- */

/* For twice as long as a read may take, unless the server hangs up. */
static void trickle(int fd)
{
    for (int i = 0; i < 2 * timeout / TRICKLE_MS && net_send_all(fd, "x", 1); i++)
        poll(NULL, 0, TRICKLE_MS);
    net_send_all(fd, "\n", 1);
}

static int demo(void)
{
    struct handler_class handler = visit_handler();
    struct server server;
    handler.timeout = (int)timeout;
    handler.handle = answer_in_time;
    service_open(&server, threading_mixin(tcp_server()), handler, "127.0.0.1", 0, NULL);
    int ann = visit_from(&server, "ann", "127.0.0.1");
    say("server", "a read may take %ld ms", timeout);
    if (deadline > 0)
        say("server", "all of the request may take %ld ms", deadline);
    say("ann", "sends a byte every %d ms", TRICKLE_MS);
    server_handle_request(&server);
    trickle(ann);
    visit_hear("ann", ann);
    close(ann);
    server_close(&server);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"timeout", "MS", "of a read", .number = &timeout, 2 * TRICKLE_MS, 60000},
        {"deadline", "MS", "of the request; 0: none", .number = &deadline, .max = 60000},
        {0},
    };
    return args_demo(argc, argv, "A time-out for each read does not limit the request.", demo,
                     options);
}
