/* ForkingMixIn: a process for each request. */
#include "socketserver/mixin.h"

#include "stage/children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM_MS = 50 };

/* Asks for its own children one by one: waitpid(-1) would take the end of children that somebody
 * else in this program waits for. One that is no child any more has ended too: where the program
 * ignores SIGCHLD, the kernel reaps. Then its pid is nobody's, and soon another's. */
static void collect_children(struct server *server)
{
    for (int i = server->worker_count - 1; i >= 0; i--)
        if (waitpid(server->children[i], NULL, WNOHANG) != 0)
            server->children[i] = server->children[--server->worker_count];
}

static bool has_room(const struct server *server)
{
    int count = server->worker_count;
    return count < server->class.max_children && count < SERVER_MOST_CHILDREN;
}

/* As long as all places are taken, the clients wait in the queue. */
static bool get_request_if_there_is_room(struct server *server, struct request *request)
{
    collect_children(server);
    if (has_room(server))
        return server->class.super_get_request(server, request);
    poll(NULL, 0, ROOM_MS);
    errno = EAGAIN;
    return false;
}

/* The child never returns. It closes its copies of what is the parent's: a listening socket that it
 * kept would hold the port after the parent's end. A datagram is answered through the server's
 * socket, which therefore stays open. */
static _Noreturn void process_request_in_the_child(struct server *server, struct request *request)
{
    server->worker_count = 0;    /* its sisters are no children of its own, */
    server->own_path.st_ino = 0; /* and the path is its parent's */
    if (request->packet)
        server->fd = -1;
    base_server().server_close(server);

    bool finished = server->class.finish_request(server, request);
    if (!finished)
        server->class.handle_error(server, request);
    server->class.shutdown_request(server, request);
    child_exit(finished ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool process_request_in_a_child(struct server *server, struct request *request)
{
    /* not in the child, which would pay for a copy of each page of memory that it touches */
    snprintf(request->worker, sizeof request->worker, "child-%d", request->number);
    pid_t parent = getpid();
    pid_t child = child_fork();
    if (child == 0) {
        if (server->class.block_on_close)
            child_ends_with(parent, SIGKILL);
        process_request_in_the_child(server, request);
    }
    if (child < 0)
        return false;
    server->children[server->worker_count++] = child;
    server->class.close_request(server, request); /* the parent's copy */
    return true;
}

static void end_children(struct server *server)
{
    collect_children(server);
    if (server->class.block_on_close)
        child_end_all(server->children, server->worker_count);
    server->worker_count = 0;
    server->class.super_server_close(server);
}

struct server_class forking_mixin(struct server_class class)
{
    class.mixin = "ForkingMixIn";
    class.block_on_close = true;
    class.max_children = 40;
    class.super_get_request = class.get_request;
    class.get_request = get_request_if_there_is_room;
    class.process_request = process_request_in_a_child;
    class.handle_timeout = collect_children;
    class.service_actions = collect_children;
    class.super_server_close = class.server_close;
    class.server_close = end_children;
    return class;
}

struct server_class forking_tcp_server(void)
{
    return forking_mixin(tcp_server());
}
