/* 14a_server_thread: serve_forever in a thread of its own, and shutdown from another
 *
 * Predict  serve_forever runs in Thread-1 and waits up to 500 ms for a request before it looks up.
 *          The main thread calls shutdown: how long does it wait?
 * Run      build/14a_server_thread
 * Watch    the actor of each line is the thread that runs: main plays the client, Thread-1 runs the
 *          loop but says nothing, and each request has a thread.
 * Before   10_thread_server, 13a_mixins
 * After    14b_own_loop, 14c_shutdown
 * Python   post 004's last example: Thread(target=server.serve_forever), port 0, server.shutdown()
 */
#include "sockets/net.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE = 1024 };
static long poll_ms = 500;

/* One recv and one reply, as in the post. Thread-1 has the loop, so request 1 has Thread-2. */
static bool answer(struct handler *self)
{
    char name[32], reply[32 + MESSAGE];
    snprintf(name, sizeof name, "Thread-%d", 1 + self->request->number);
    int size = snprintf(reply, sizeof reply, "%s: ", name);
    ssize_t got = recv(self->request->fd, reply + size, MESSAGE, 0);
    if (got < 0)
        return false;
    say(name, "received %s", quote(reply + size, (size_t)got).text);
    return net_send_all(self->request->fd, reply, (size_t)(size + got));
}

/* ---- The loop in a thread -------------------------------------------------------------------- */

static void *run_loop(void *server)
{
    server_serve_forever(server, (int)poll_ms);
    return NULL;
}

/* Port 0 asks for any free port; after server_bind, server.address says which one it is. */
static pthread_t start_server(struct server *server)
{
    struct handler_class handler = base_request_handler();
    handler.handle = answer;
    service_open(server, threading_tcp_server(), handler, "127.0.0.1", 0, NULL);
    say("main", "server_address is %s", address_text(&server->address).text);
    say("main", "Server loop running in thread: Thread-1");
    pthread_t loop;
    if ((errno = pthread_create(&loop, NULL, run_loop, server)) != 0)
        die("pthread_create");
    return loop;
}

/* The order matters. shutdown returns when the loop has ended, but its thread may still be on its
 * way out. Only when it has been joined does nobody use the server any more. */
static void end_server(struct server *server, pthread_t loop)
{
    server_shutdown(server);
    pthread_join(loop, NULL);
    server_close(server);
}

static void client(const struct server *server, const char *message)
{
    char reply[32 + MESSAGE];
    int fd = net_connect("127.0.0.1", address_port(&server->address));
    say("main", "sends \"%s\"", message);
    net_send_all(fd, message, strlen(message));
    ssize_t got = recv(fd, reply, sizeof reply, 0);
    if (got <= 0)
        fail("no reply to %s", message);
    say("main", "Received: %.*s", (int)got, reply);
    close(fd);
}

static int demo(char **operands)
{
    (void)operands;
    struct server server;
    pthread_t loop = start_server(&server);
    client(&server, "Hello World 1");
    client(&server, "Hello World 2");
    client(&server, "Hello World 3");
    say("main", "shutdown, join Thread-1, server_close");
    end_server(&server, loop);
    say("main", "fileno is %d", server.fd);
    return EXIT_SUCCESS;
}

static int many(char **operands)
{
    long count = args_number("COUNT", operands[0], 1, 10000);
    say_mute(true);
    for (long i = 0; i < count; i++) {
        struct server server;
        pthread_t loop = start_server(&server);
        client(&server, "Hello World");
        end_server(&server, loop);
    }
    say_mute(false);
    say("main", "%ld servers have begun and ended", count);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"many", "COUNT", "start and end that many servers, one after another", many},
        {0},
    };
    static const struct option_spec options[] = {
        {"poll", "MS", "poll_interval of the loop", .number = &poll_ms, .min = 1, .max = 60000},
        {0},
    };
    static const struct program program = {
        "serve_forever in a thread of its own, and shutdown from another.", commands, options};
    return args_run(argc, argv, &program);
}
