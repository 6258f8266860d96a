/* 14b_own_loop: a server in a loop of your own, beside the terminal
 *
 * Predict  one thread waits in select for a client and for the terminal. ann connects and says
 *          nothing; then bob types two lines, which arrive together. How often does select have to
 *          report the terminal until both lines have been seen?
 * Run      build/14b_own_loop
 * Watch    main waits in select only: ann's silence is the business of a thread of her own.
 * Before   05a_select_stdin, 13a_mixins, 14a_server_thread
 * After    14c_shutdown, 15a_overrides
 * Python   select.select([sys.stdin, server], [], []), fileno, handle_request, timeout
 */
#include "sockets/lines.h"
#include "sockets/stop.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 100 };

/* ---- A loop of your own ---------------------------------------------------------------------- */

/* Waits until the server or the terminal, or both, are ready. */
static fd_set select_both(int server, int terminal)
{
    int highest = server > terminal ? server : terminal;
    if (highest >= FD_SETSIZE) /* lesson 06 says why */
        fail("descriptor %d does not fit an fd_set", highest);
    for (;;) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(server, &readable);
        FD_SET(terminal, &readable);
        if (select(highest + 1, &readable, NULL, NULL, NULL) >= 0)
            return readable;
        if (errno != EINTR) /* a signal also hangs up on the server, and select reports that */
            die("select");
    }
}

/* One read, and then every line that it brought: select knows nothing of a buffer. Lesson 05a.
 * Returns false at "quit" and at end of file. */
static bool read_terminal(struct lines *terminal)
{
    if (lines_fill(terminal) == LINES_ERROR)
        die("read");
    char *line;
    size_t length;
    enum lines_result result;
    while ((result = lines_take(terminal, &line, &length)) != LINES_MORE) {
        if (result == LINES_END) {
            say("main", "typed: end of file");
            return false;
        }
        bool whole = result == LINES_LINE;
        say("main", "typed: %s", whole ? quote(line, length).text : "too much for one line");
        if (whole && length == 4 && memcmp(line, "quit", length) == 0)
            return false;
    }
    return true;
}

/* One round. Returns false when the terminal says that it was the last. */
static bool serve_or_read(struct server *server, struct lines *terminal)
{
    fd_set readable = select_both(server->fd, terminal->fd);
    if (FD_ISSET(server->fd, &readable) && !stop_asked) {
        say("main", "select: a client is there; handle_request");
        server_handle_request(server);
    }
    return !FD_ISSET(terminal->fd, &readable) || read_terminal(terminal);
}

/* The terminal must not wait for a client, so each client has a thread. And timeout 0: if the
 * client that select saw has gone, handle_request does not wait for the next one. */
static struct server_class class_for_select(void)
{
    struct server_class class = threading_tcp_server();
    class.timeout = 0;
    return class;
}

/* ---- The demo: a pipe takes the place of the terminal ---------------------------------------- */

static bool answer_a_line(struct handler *self)
{
    char *line, reply[64];
    size_t length;
    if (lines_next(&self->rfile, &line, &length) != LINES_LINE)
        return false;
    say(service_actor(self), "received %s", quote(line, length).text);
    int size = snprintf(reply, sizeof reply, "it has %zu bytes\n", length);
    return self->class->write(self, reply, (size_t)size);
}

static void type(int keyboard, const char *text)
{
    say("bob", "types %s", quote(text, strlen(text)).text);
    if (write(keyboard, text, strlen(text)) < 0)
        die("write");
}

static int demo(char **operands)
{
    (void)operands;
    struct server server;
    int keyboard[2];
    char buffer[1024];
    struct handler_class handler = stream_request_handler();
    handler.handle = answer_a_line;
    service_open(&server, class_for_select(), handler, "127.0.0.1", 0, NULL);
    if (pipe(keyboard) < 0)
        die("pipe");
    struct lines terminal = lines_open(keyboard[0], buffer, sizeof buffer);

    int ann = visit_from(&server, "ann", "127.0.0.1");
    serve_or_read(&server, &terminal);
    type(keyboard[1], "one\ntwo\n");
    serve_or_read(&server, &terminal);
    visit_send("ann", ann, "hello\n");
    visit_hear("ann", ann);
    type(keyboard[1], "quit\n");
    serve_or_read(&server, &terminal);
    close(keyboard[0]);
    close(keyboard[1]);
    server_close(&server);
    close(ann);
    return EXIT_SUCCESS;
}

/* ---- The other commands ---------------------------------------------------------------------- */

static void say_nobody_came(struct server *server)
{
    say("main", "handle_timeout: nobody came for %d ms", server->class.timeout);
}

static int once(char **operands)
{
    (void)operands;
    struct server server;
    struct server_class class = tcp_server();
    class.timeout = WAIT_MS;
    class.handle_timeout = say_nobody_came;
    service_open(&server, class, visit_handler(), "127.0.0.1", 0, NULL);
    say("main", "handle_request, and nobody is there");
    server_handle_request(&server);
    say("main", "handle_request, after ann has connected");
    visit(&server, "ann", "127.0.0.1");
    say("main", "shutdown, although no loop is serving");
    server_shutdown(&server);
    say("main", "has returned: there was nothing to wait for");
    server_close(&server);
    return EXIT_SUCCESS;
}

static int serve_beside_terminal(char **operands)
{
    (void)operands;
    char buffer[1024];
    struct lines terminal = lines_open(STDIN_FILENO, buffer, sizeof buffer);
    struct server server;
    stop_on_signals();
    service_open(&server, class_for_select(), service_upper(SOCK_STREAM), "127.0.0.1", 0, NULL);
    say("server", "listening on %s", address_text(&server.address).text);
    stop_listener = server.fd;
    while (!stop_asked && serve_or_read(&server, &terminal))
        continue;
    stop_listener = -1;
    server_close(&server);
    say("server", "stopped");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"once", "", "handle_request, without and with a client", once},
        {"select", "", "serve and read standard input, until \"quit\"", serve_beside_terminal},
        {0},
    };
    static const struct program program = {"A server in a loop of your own, beside the terminal.",
                                           commands, NULL};
    return args_run(argc, argv, &program);
}
