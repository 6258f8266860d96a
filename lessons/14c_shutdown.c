/* 14c_shutdown: who may tell a server to end
 *
 * Predict  a client sends "shutdown", and the handler calls shutdown, which waits until the loop
 *          has ended. Without a mixin, the handler runs in the thread of the loop. What happens?
 * Run      build/14c_shutdown
 * Watch    the actor of each line is the thread that runs: the loop's, main's, or a handler's own.
 * Before   14a_server_thread; 05b_signal_in_time has a bell too
 * After    15a_overrides
 * Python   server.shutdown() from another thread, from a handler, without a loop; signal.signal
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/handler.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "socketserver/visit.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- A handler that is told to end its server ------------------------------------------------ */

static bool reply(struct handler *self, const char *text)
{
    return self->class->write(self, text, strlen(text));
}

static bool obey(struct handler *self)
{
    const char *worker = self->request->worker;
    const char *thread = *worker ? worker : "loop"; /* which handles the requests without a mixin */
    char word[64];
    ssize_t got = recv(self->request->fd, word, sizeof word - 1, 0);
    if (got < 0)
        return false;
    word[got] = '\0';
    say(thread, "received %s", quote(word, (size_t)got).text);
    if (strcmp(word, "shutdown") == 0) {
        if (server_shutdown(self->server))
            return reply(self, "the loop has ended");
        return reply(self, errno == EDEADLK ? "refused, EDEADLK" : "refused");
    }
    if (strcmp(word, "signal") == 0) {
        say(thread, "raises SIGTERM");
        return raise(SIGTERM) == 0;
    }
    return reply(self, word);
}

/* ---- The loop in a thread, and a bell -------------------------------------------------------- */

static void *run_loop(void *server)
{
    server_serve_forever(server, 500);
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

static void end_loop(struct server *server, pthread_t loop)
{
    server_shutdown(server);
    pthread_join(loop, NULL);
    server_close(server);
}

static int bell[2];

/* A signal for the process comes to any of its threads. Whichever it is, its handler hangs up on
 * this socket (stop.h), and the main thread, which waits at it, receives end of file. */
static void make_bell(void)
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, bell) < 0)
        die("socketpair");
    stop_listener = bell[0];
    stop_on_signals();
}

static void wait_at_the_bell(void)
{
    char byte;
    while (recv(bell[0], &byte, 1, 0) < 0 && errno == EINTR)
        continue;
    stop_listener = -1;
}

/* ---- The demo -------------------------------------------------------------------------------- */

static void open_server(struct server *server, struct server_class class)
{
    struct handler_class handler = base_request_handler();
    handler.handle = obey;
    service_open(server, class, handler, "127.0.0.1", 0, NULL);
}

static void ask(const struct server *server, const char *name, const char *word)
{
    int fd = net_connect("127.0.0.1", address_port(&server->address));
    visit_send(name, fd, word);
    visit_hear(name, fd);
    close(fd);
}

static void play_shutdown(struct server_class class)
{
    struct server server;
    open_server(&server, class);
    pthread_t loop = start_loop(&server);
    ask(&server, "ann", "shutdown");
    if (!class.mixin)
        ask(&server, "bob", "still there?");
    end_loop(&server, loop);
}

static void play_signal(void)
{
    struct server server;
    make_bell();
    open_server(&server, threading_tcp_server());
    pthread_t loop = start_loop(&server);
    ask(&server, "ann", "signal");
    wait_at_the_bell();
    say("main", "the bell has rung: shutdown, join, server_close");
    end_loop(&server, loop);
}

static int demo(void)
{
    say("main", "a TCPServer: the loop calls the handlers");
    play_shutdown(tcp_server());
    say("main", "a ThreadingTCPServer: each handler has a thread");
    play_shutdown(threading_tcp_server());
    say("main", "another, and whoever gets the signal rings the bell");
    play_signal();
    return EXIT_SUCCESS;
}

/* ---- The other commands ---------------------------------------------------------------------- */

static struct server server;

static int open_to_serve(const char *host, long port)
{
    struct server_class class = threading_tcp_server();
    make_bell();
    return service_open(&server, class, service_upper(SOCK_STREAM), host, port, NULL);
}

static void serve(void)
{
    say("server", "listening on %s", address_text(&server.address).text);
    pthread_t loop = start_loop(&server);
    wait_at_the_bell();
    end_loop(&server, loop);
    say("server", "stopped");
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "Who may tell a server to end.",
        .open = open_to_serve,
        .serve = serve,
        .dial = net_connect,
        .demo = demo,
    };
    return server_program_run(argc, argv, &program);
}
