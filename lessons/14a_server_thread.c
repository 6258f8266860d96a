/* 14_server_thread: the loop in a thread of its own, and who may tell it to end
 *
 * Predict  serve_forever runs in a thread of its own and looks up every 500 ms. The main thread
 *          calls shutdown: how long does it wait? And a handler that calls shutdown?
 * Run      build/14_server_thread
 * Watch    the actor of each line is the thread that runs: main, Thread-1 with the loop, and those
 *          of the requests. Three ways to serve without serve_forever in the main thread.
 * Before   05a_select_stdin, 10_thread_server, 13_mixins
 * After    15_custom_server
 * Python   the posts' last example: threading.Thread(target=server.serve_forever), shutdown;
 *          handle_request and timeout; select.select([sys.stdin, server], [], [])
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/handler.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_TIMEOUT_MS = 100 };

static const char *host = "127.0.0.1";
static long port = 0;
static long poll_ms = 500;
static long ops = 100;
static bool timing, upper;

/* ---- The handler: one line in, one line out, with the name of the thread --------------------- */

/* The server's data is the name of the thread that gets the requests. Without a mixin it handles
 * them too; with ThreadingMixIn each has a thread, and the numbers go on from there. */
static void name_thread(const struct handler *self, char name[32])
{
    const char *loop = self->server->data;
    int before = strcmp(loop, "main") == 0 ? 0 : 1;
    if (self->server->class.mixin)
        snprintf(name, 32, "Thread-%d", before + self->request->number);
    else
        snprintf(name, 32, "%s", loop);
}

static bool answer(struct handler *self)
{
    char *line, name[32], reply[128];
    size_t length;
    if (lines_next(&self->rfile, &line, &length) != LINES_LINE)
        return false;
    name_thread(self, name);
    say(name, "received %s", quote(line, length).text);
    int size;
    if (length != 8 || memcmp(line, "shutdown", length) != 0)
        size = snprintf(reply, sizeof reply, "%s: %.*s\n", name, (int)length, line);
    else if (server_shutdown(self->server))
        size = snprintf(reply, sizeof reply, "%s: the loop has ended\n", name);
    else /* in the thread of the loop, which would wait for itself */
        size = snprintf(reply, sizeof reply, "%s: refused%s\n", name,
                        errno == EDEADLK ? ", EDEADLK" : "");
    return size < (int)sizeof reply && self->class->write(self, reply, (size_t)size);
}

/* The posts' handler: one recv, one reply, whatever ends what was sent. */
static bool answer_as_the_posts_do(struct handler *self)
{
    char name[32], reply[32 + 1024];
    name_thread(self, name);
    int size = snprintf(reply, sizeof reply, "%s: ", name);
    ssize_t got;
    do
        got = recv(self->request->fd, reply + size, 1024, 0);
    while (got < 0 && errno == EINTR && !stop_asked);
    if (got < 0)
        return false;
    say(name, "received %s", quote(reply + size, (size_t)got).text);
    return got == 0 || net_send_all(self->request->fd, reply, (size_t)size + (size_t)got);
}

static void open_server(struct server *server, struct server_class class, const char *loop)
{
    struct handler_class handler = stream_request_handler();
    handler.handle = answer;
    service_open(server, class, handler, host, port, NULL);
    server->data = (void *)loop;
}

/* ---- The client of the demo ------------------------------------------------------------------ */

static int connect_to_it(const struct server *server)
{
    return net_connect(host, address_port(&server->address));
}

static void send_line(const char *name, int fd, const char *line)
{
    say(name, "sends %s", quote(line, strlen(line)).text);
    if (!net_send_all(fd, line, strlen(line)))
        die("send");
}

static void receive_line(const char *name, int fd)
{
    char buffer[128], *line;
    size_t length;
    struct lines reply = lines_open(fd, buffer, sizeof buffer);
    if (lines_next(&reply, &line, &length) != LINES_LINE)
        fail("%s: no reply", name);
    say(name, "Received: %.*s", (int)length, line);
    close(fd);
}

static void ask(const char *name, const struct server *server, const char *line)
{
    int fd = connect_to_it(server);
    send_line(name, fd, line);
    receive_line(name, fd);
}

/* ---- 1. serve_forever in a thread of its own ------------------------------------------------- */

static void *run_loop(void *server)
{
    server_serve_forever(server, (int)poll_ms);
    return NULL;
}

static pthread_t start_loop(struct server *server)
{
    pthread_t loop;
    int error = pthread_create(&loop, NULL, run_loop, server);
    if (error != 0) {
        errno = error;
        die("pthread_create");
    }
    return loop;
}

/* The order matters. shutdown returns when the loop has ended, but its thread may still be on its
 * way out: the server is closed when nobody uses it any more. */
static void end_loop(struct server *server, pthread_t loop)
{
    server_shutdown(server);
    pthread_join(loop, NULL);
    server_close(server);
}

static void play_the_post(void)
{
    struct server server;
    open_server(&server, threading_tcp_server(), "Thread-1");
    say("main", "server_address is %s", address_text(&server.address).text);
    say("main", "Server loop running in thread: Thread-1");
    pthread_t loop = start_loop(&server);
    ask("main", &server, "Hello World 1\n");
    ask("main", &server, "Hello World 2\n");
    ask("main", &server, "Hello World 3\n");
    say("main", "shutdown, join Thread-1, server_close");
    end_loop(&server, loop);
    say("main", "fileno is %d", server.fd);
}

/* ---- 2. One request, or none ----------------------------------------------------------------- */

static void handle_timeout(struct server *server)
{
    say("main", "handle_timeout: nobody came for %d ms", server->class.timeout);
}

static void play_one_request(void)
{
    struct server_class class = tcp_server();
    class.timeout = REQUEST_TIMEOUT_MS;
    class.handle_timeout = handle_timeout;
    struct server server;
    open_server(&server, class, "main");
    say("main", "---- handle_request, without a loop");
    say("main", "handle_request");
    server_handle_request(&server);

    int ann = connect_to_it(&server);
    send_line("ann", ann, "hello\n");
    say("main", "handle_request");
    server_handle_request(&server);
    receive_line("ann", ann);

    say("main", "shutdown, although nothing is serving");
    server_shutdown(&server);
    say("main", "has returned: there was nothing to wait for");
    server_close(&server);
}

/* ---- 3. A loop of one's own, which also waits for the terminal ------------------------------- */

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

/* The terminal must not wait for a client: each has a thread. And timeout 0: if the client that
 * select saw has gone, handle_request does not wait for the next one. */
static struct server_class class_for_select(void)
{
    struct server_class class = threading_tcp_server();
    class.timeout = 0;
    return class;
}

static void type(int keyboard, const char *text)
{
    say("bob", "types %s", quote(text, strlen(text)).text);
    if (write(keyboard, text, strlen(text)) < 0)
        die("write");
}

/* A pipe takes the place of the terminal. */
static void play_select(void)
{
    struct server server;
    int keyboard[2];
    char buffer[1024];
    open_server(&server, class_for_select(), "main");
    if (pipe(keyboard) < 0)
        die("pipe");
    struct lines terminal = lines_open(keyboard[0], buffer, sizeof buffer);

    say("main", "---- fileno, in a select of one's own beside the terminal");
    say("ann", "connects, and says nothing yet");
    int ann = connect_to_it(&server);
    serve_or_read(&server, &terminal);
    type(keyboard[1], "one\ntwo\n");
    serve_or_read(&server, &terminal);
    send_line("ann", ann, "hello\n");
    receive_line("ann", ann);
    type(keyboard[1], "quit\n");
    serve_or_read(&server, &terminal);
    close(keyboard[0]);
    close(keyboard[1]);
    server_close(&server);
}

/* ---- 4. shutdown in a handler ---------------------------------------------------------------- */

static void play_shutdown_inside(void)
{
    struct server server;
    open_server(&server, tcp_server(), "Thread-1");
    say("main", "---- shutdown in a handler of a TCPServer: it runs in the loop's thread");
    pthread_t loop = start_loop(&server);
    ask("ann", &server, "shutdown\n");
    ask("bob", &server, "still there?\n");
    end_loop(&server, loop);

    open_server(&server, threading_tcp_server(), "Thread-1");
    say("main", "---- shutdown in a handler of a ThreadingTCPServer");
    loop = start_loop(&server);
    ask("ann", &server, "shutdown\n");
    pthread_join(loop, NULL);
    server_close(&server);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void measure(void)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    say_mute(true);
    for (long i = 0; i < ops; i++) {
        struct server server;
        open_server(&server, threading_tcp_server(), "Thread-1");
        pthread_t loop = start_loop(&server);
        ask("main", &server, "hello\n"); /* so that the loop has begun */
        end_loop(&server, loop);
    }
    say_mute(false);
    say_timing(ops, "starts and shutdowns", start);
}

static int demo(char **operands)
{
    (void)operands;
    if (timing) {
        measure();
    } else {
        play_the_post();
        play_one_request();
        play_select();
        play_shutdown_inside();
    }
    return EXIT_SUCCESS;
}

/* A signal comes to any thread. Whichever it is, it hangs up on this socket (stop.h), and the main
 * thread, which waits at it, receives end of file. */
static void wait_for_signal(int bell)
{
    char byte;
    while (recv(bell, &byte, 1, 0) < 0 && errno == EINTR)
        continue;
    stop_listener = -1;
    close(bell);
}

static int serve(char **operands)
{
    (void)operands;
    int bell[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, bell) < 0)
        die("socketpair");
    stop_listener = bell[0];
    stop_on_signals();
    struct server server;
    struct handler_class handler = upper ? service_upper(SOCK_STREAM) : base_request_handler();
    if (!upper)
        handler.handle = answer_as_the_posts_do;
    service_open(&server, threading_tcp_server(), handler, host, port, NULL);
    server.data = "Thread-1";
    say("server", "listening on %s", address_text(&server.address).text);
    pthread_t loop = start_loop(&server);
    wait_for_signal(bell[0]);
    end_loop(&server, loop);
    close(bell[1]);
    say("server", "stopped");
    return EXIT_SUCCESS;
}

static int serve_beside_terminal(char **operands)
{
    (void)operands;
    char buffer[1024];
    struct lines terminal = lines_open(STDIN_FILENO, buffer, sizeof buffer);
    struct server server;
    stop_on_signals();
    service_open(&server, class_for_select(), service_upper(SOCK_STREAM), host, port, NULL);
    say("server", "listening on %s", address_text(&server.address).text);
    stop_listener = server.fd;
    while (!stop_asked && serve_or_read(&server, &terminal))
        continue;
    stop_listener = -1;
    server_close(&server);
    say("server", "stopped");
    return EXIT_SUCCESS;
}

static int connect_to(char **operands)
{
    return talk(net_connect(operands[0], args_number("PORT", operands[1], 1, 65535)));
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "serve in a thread, until SIGINT or SIGTERM", serve},
        {"select", "", "serve and read standard input, until \"quit\"", serve_beside_terminal},
        {"connect", "HOST PORT", "send each line that is typed, print its reply", connect_to},
        {0},
    };
    static const struct option_spec options[] = {
        {"host", "H", "the address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        {"poll", "MS", "poll_interval of the loop", .number = &poll_ms, .min = 1, .max = 60000},
        {"upper", NULL, "serve: answer in upper case, as other lessons do", .flag = &upper},
        {"timing", NULL, "measure servers that serve once, with no narration", .flag = &timing},
        {"ops", "N", "servers to start", .number = &ops, .min = 1, .max = 100000},
        {0},
    };
    static const struct program program = {
        "The loop in a thread of its own, and who may tell it to end.", commands, options};
    return args_run(argc, argv, &program);
}
