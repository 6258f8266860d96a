/* ThreadingMixIn: a thread for each request. */
#include "socketserver/mixin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One request that is being served. */
struct worker {
    struct worker *next;
    struct server *server;
    struct request request;
    bool has_ended;    /* this and the next are guarded by the server's lock */
    bool is_connected; /* server_close may hang up on it */
    bool is_daemon;    /* nobody joins it */
    bool has_copy;     /* its descriptor is a copy of the server's */
    pthread_t thread;
};

static void free_worker(struct worker *worker)
{
    if (worker->has_copy)
        close(worker->request.fd);
    free(worker);
}

/* What becomes of a request is the same in a thread as without one. */
static void *process_request_thread(void *argument)
{
    struct worker *worker = argument;
    struct server *server = worker->server;
    const struct server_class *class = &server->class;
    if (!class->finish_request(server, &worker->request))
        class->handle_error(server, &worker->request);

    pthread_mutex_lock(&server->lock);
    worker->is_connected = false; /* before it is closed: its number may be another's then */
    pthread_mutex_unlock(&server->lock);
    class->shutdown_request(server, &worker->request);

    if (worker->is_daemon) {
        free_worker(worker);
        return NULL;
    }
    pthread_mutex_lock(&server->lock);
    worker->has_ended = true;
    server->ended++;
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* A thread that nobody joins keeps its stack. One that has ended needs the lock no more, so it is
 * joined without delay. The latest stand first in the list and often end first, so the walk is
 * short when many are connected and silent. */
static void join_threads_that_have_ended(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct worker **link = &server->workers; server->ended > 0;) {
        struct worker *worker = *link;
        if (!worker->has_ended) {
            link = &worker->next;
            continue;
        }
        *link = worker->next;
        server->ended--;
        server->worker_count--;
        pthread_join(worker->thread, NULL);
        free_worker(worker);
    }
    pthread_mutex_unlock(&server->lock);
}

/* Nobody waits for a daemon before the socket is closed through which it answers a datagram: so it
 * has a copy. Returns NULL if there is no memory or no descriptor for it. */
static struct worker *new_worker(struct server *server, const struct request *request)
{
    struct worker *worker = malloc(sizeof *worker);
    if (!worker)
        return NULL;
    bool is_daemon = server->class.daemon_threads || !server->class.block_on_close;
    *worker = (struct worker){.server = server,
                              .request = *request,
                              .is_connected = !request->packet,
                              .is_daemon = is_daemon,
                              .has_copy = is_daemon && request->packet};
    if (worker->has_copy && (worker->request.fd = dup(request->fd)) < 0) {
        free(worker);
        return NULL;
    }
    return worker;
}

static bool process_request_in_a_thread(struct server *server, struct request *request)
{
    join_threads_that_have_ended(server);
    snprintf(request->worker, sizeof request->worker, "thread-%d", request->number);
    struct worker *worker = new_worker(server, request);
    if (!worker)
        return false;
    bool is_daemon = worker->is_daemon; /* a daemon may have freed its worker below */
    pthread_t thread;
    int error = pthread_create(&thread, NULL, process_request_thread, worker);
    if (error != 0) {
        free_worker(worker);
        errno = error;
        return false;
    }
    if (is_daemon) {
        pthread_detach(thread);
    } else {
        worker->thread = thread;
        worker->next = server->workers;
        server->workers = worker;
        server->worker_count++;
    }
    return true;
}

/* A thread that waits for its client never ends by itself. */
static void hang_up_and_join(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct worker *worker = server->workers; worker; worker = worker->next)
        if (worker->is_connected)
            shutdown(worker->request.fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    while (server->workers) {
        struct worker *worker = server->workers;
        server->workers = worker->next;
        if (pthread_equal(worker->thread, pthread_self())) { /* a handler that closes its server */
            worker->is_daemon = true;
            pthread_detach(worker->thread);
            continue;
        }
        pthread_join(worker->thread, NULL);
        free_worker(worker);
    }
    server->worker_count = server->ended = 0;
    server->class.super_server_close(server);
}

struct server_class threading_mixin(struct server_class class)
{
    class.mixin = "ThreadingMixIn";
    class.block_on_close = true;
    class.process_request = process_request_in_a_thread;
    class.super_server_close = class.server_close;
    class.server_close = hang_up_and_join;
    return class;
}

struct server_class threading_tcp_server(void)
{
    return threading_mixin(tcp_server());
}
