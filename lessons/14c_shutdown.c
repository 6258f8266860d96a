/* 14c_shutdown: who may tell a server to end
 *
 * Predict  a client sends "shutdown", and the handler calls shutdown, which waits until the loop
 *          has ended. Without a mixin, the handler runs in the thread of the loop. What happens?
 * Run      build/14c_shutdown
 * Watch    the actor of each line is the thread that runs: the loop's, main's, or a handler's own.
 * Before   14a_server_thread
 * After    15a_overrides
 * Python   server.shutdown() from another thread, and from a handler
 */
#include "sockets/net.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "socketserver/socketserver.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
    if (strcmp(word, "shutdown") != 0)
        return reply(self, word);
    if (server_shutdown(self->server))
        return reply(self, "the loop has ended");
    return reply(self, errno == EDEADLK ? "refused, EDEADLK" : "refused");
}

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
    struct handler_class handler = base_request_handler();
    handler.handle = obey;
    service_open(&server, class, handler, "127.0.0.1", 0, NULL);
    pthread_t loop = start_loop(&server);
    ask(&server, "ann", "shutdown");
    if (!class.mixin)
        ask(&server, "bob", "still there?");
    end_loop(&server, loop);
}

static int demo(void)
{
    say("main", "a TCPServer: the loop calls the handlers");
    play_shutdown(tcp_server());
    say("main", "a ThreadingTCPServer: each handler has a thread");
    play_shutdown(threading_tcp_server());
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "Who may tell a server to end.", demo, NULL);
}
