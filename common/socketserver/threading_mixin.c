/* ThreadingMixIn: a thread for each request. */
#include "socketserver/mixin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* One request that is being served, in the list of its server. */
struct worker {
    struct worker *next;
    struct server *server;
    struct request request;
};

/* With the lock held. */
static void remove_worker(struct server *server, struct worker *worker)
{
    struct worker **link = &server->workers;
    while (*link != worker)
        link = &(*link)->next;
    *link = worker->next;
    server->worker_count--;
    pthread_cond_broadcast(&server->changed);
    free(worker);
}

/* What becomes of a request is the same in a thread as without one. The connection is closed with
 * the lock held: when server_close hangs up on it, its number is not another's yet. */
static void *process_request_thread(void *argument)
{
    struct worker *worker = argument;
    struct server *server = worker->server;
    const struct server_class *class = &server->class;
    if (!class->finish_request(server, &worker->request))
        class->handle_error(server, &worker->request);
    pthread_mutex_lock(&server->lock);
    class->shutdown_request(server, &worker->request);
    remove_worker(server, worker);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* A thread that nobody joins is detached, or its stack would stay. */
static bool process_request_in_a_thread(struct server *server, struct request *request)
{
    snprintf(request->worker, sizeof request->worker, "thread-%d", request->number);
    struct worker *worker = malloc(sizeof *worker);
    if (!worker)
        return false;
    pthread_mutex_lock(&server->lock);
    *worker = (struct worker){server->workers, server, *request};
    server->workers = worker;
    server->worker_count++;
    pthread_t thread;
    int error = pthread_create(&thread, NULL, process_request_thread, worker);
    if (error == 0)
        pthread_detach(thread);
    else
        remove_worker(server, worker);
    pthread_mutex_unlock(&server->lock);
    errno = error;
    return error == 0;
}

/* A thread that waits for its client never ends by itself. */
static void hang_up_and_wait(struct server *server)
{
    bool waits = server->class.block_on_close && !server->class.daemon_threads;
    pthread_mutex_lock(&server->lock);
    for (struct worker *worker = server->workers; waits && worker; worker = worker->next)
        if (!worker->request.packet)
            shutdown(worker->request.fd, SHUT_RDWR);
    while (waits && server->workers)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
    server->class.super_server_close(server);
}

struct server_class threading_mixin(struct server_class class)
{
    class.mixin = "ThreadingMixIn";
    class.block_on_close = true;
    class.process_request = process_request_in_a_thread;
    class.super_server_close = class.server_close;
    class.server_close = hang_up_and_wait;
    return class;
}

struct server_class threading_tcp_server(void)
{
    return threading_mixin(tcp_server());
}
