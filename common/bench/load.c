#define _GNU_SOURCE /* SOCK_NONBLOCK: POSIX.1-2024 */
#include "bench/load.h"

#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/die.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 128 }; /* clients that begin at the same time, so that no queue is full */

enum client_state { SILENT, CONNECTING, ASKING, GONE };

struct client {
    int fd;
    enum client_state state;
    bool served;     /* at least once */
    size_t received; /* of this reply */
};

struct load {
    struct load_plan plan;
    int epoll;
    int failed, wrong;
    long done;  /* requests that came to an end, one way or the other */
    long left;  /* requests that are still to be sent, beyond the first of each client */
    long count; /* of those, the ones with a reply */
    long client_count;
    struct client clients[];
};

/* What is sent, what ought to come back, and what does. All loads of a program have the same. */
static char request[LOAD_LARGEST], reply[LOAD_LARGEST], received[LOAD_LARGEST];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Connections ----------------------------------------------------------------------------- */

static void hang_up(struct client *client)
{
    close(client->fd); /* epoll forgets it: epoll(7), Q6 */
    client->fd = -1;
}

static void give_up(struct load *load, struct client *client)
{
    if (client->fd >= 0)
        hang_up(client);
    client->state = GONE;
    load->failed++;
    load->done++;
}

/* Begins to connect. Returns false if the server refuses. */
static bool start_to_connect(struct load *load, struct client *client)
{
    const struct address *server = &load->plan.server;
    client->fd = socket(server->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        die("%ld clients", load->client_count);
    client->state = CONNECTING; /* until there is room to send */
    if (connect(client->fd, (const struct sockaddr *)&server->storage, server->length) < 0 &&
        errno != EINPROGRESS)
        return false;
    struct epoll_event event = {.events = EPOLLET | EPOLLIN | EPOLLOUT, .data.ptr = client};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
        die("epoll_ctl");
    return true;
}

/* ---- A request and its reply ----------------------------------------------------------------- */

/* The one before has been read, so there is room for all of it. */
static bool send_request(struct load *load, struct client *client)
{
    client->state = ASKING;
    client->received = 0;
    return net_send_all(client->fd, request, (size_t)load->plan.size);
}

/* Whoever has no connection connects, and sends when that is done. */
static bool ask(struct load *load, struct client *client)
{
    if (client->fd < 0 && !start_to_connect(load, client))
        return false;
    return client->state == CONNECTING || send_request(load, client);
}

static bool ask_again(struct load *load, struct client *client)
{
    if (load->left == 0 || client >= load->clients + load->plan.clients) /* that one is idle */
        return true;
    load->left--;
    return ask(load, client);
}

/* The reply is whole. The first one says only that the server serves this client. */
static bool take_reply(struct load *load, struct client *client)
{
    if (client->served)
        load->count++;
    client->served = true;
    if (load->plan.mode == LOAD_CONNECT)
        hang_up(client);
    client->state = SILENT;
    load->done++;
    return ask_again(load, client);
}

/* Takes all that is there, in as many parts as it comes. */
static bool receive_reply(struct load *load, struct client *client)
{
    for (;;) {
        ssize_t got = recv(client->fd, received, sizeof received, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        size_t left = (size_t)load->plan.size - client->received, length = (size_t)got;
        if (length > left || memcmp(received, reply + client->received, length) != 0) {
            load->wrong++;
            return false;
        }
        client->received += length;
        if (length == left)
            return take_reply(load, client);
    }
}

/* Returns false when it is over with this client. */
static bool take_turn(struct load *load, struct client *client, uint32_t events)
{
    if (events & EPOLLERR)
        return false;
    if (client->state == CONNECTING && !send_request(load, client))
        return false;
    return !(events & (EPOLLIN | EPOLLHUP)) || receive_reply(load, client);
}

/* Returns how many clients had something to do; 0: nothing has come for LOAD_QUIET_MS. */
static int take_turns(struct load *load)
{
    struct epoll_event events[AT_ONCE];
    int count = epoll_wait(load->epoll, events, AT_ONCE, LOAD_QUIET_MS);
    for (int i = 0; i < count; i++)
        if (!take_turn(load, events[i].data.ptr, events[i].events))
            give_up(load, events[i].data.ptr);
    return count;
}

/* Every client asks once: whoever has been served has been accepted. */
static void let_all_ask_once(struct load *load)
{
    long next = 0;
    do {
        for (; next < load->client_count && next - load->done < AT_ONCE; next++)
            if (!ask(load, &load->clients[next]))
                give_up(load, &load->clients[next]);
    } while (!stop_asked && load->done < load->client_count && take_turns(load) != 0);
}

struct load *load_open(const struct load_plan *plan)
{
    long count = plan->clients + plan->idle;
    struct load *load = calloc(1, sizeof *load + (size_t)count * sizeof load->clients[0]);
    if (!load)
        die("%ld clients", count);
    *load = (struct load){.plan = *plan, .client_count = count};
    for (long i = 0; i < count; i++)
        load->clients[i].fd = -1;
    for (long i = 0; i < plan->size; i++) {
        request[i] = (char)('a' + i % 26);
        reply[i] = (char)('A' + i % 26);
    }
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll < 0)
        die("epoll_create1");
    let_all_ask_once(load);
    return load;
}

/* Returns the seconds that it took. */
static double measure(struct load *load)
{
    double start = now(), end = start;
    load->left = load->plan.requests;
    for (long i = 0; i < load->plan.clients; i++)
        if (load->clients[i].state == SILENT && !ask_again(load, &load->clients[i]))
            give_up(load, &load->clients[i]);
    if (load->left == load->plan.requests)
        return 0; /* nobody has been served */
    while (!stop_asked && load->count < load->plan.requests && take_turns(load) != 0)
        end = now(); /* a wait in vain does not count */
    return end - start;
}

struct load_result load_run(struct load *load)
{
    struct load_result result = {.seconds = measure(load)};
    result.requests = load->count;
    result.failed = load->failed;
    result.wrong = load->wrong;
    for (long i = 0; i < load->plan.clients; i++) {
        const struct client *client = &load->clients[i];
        if (client->served && client->state == SILENT)
            result.served++;
        else if (client->served && client->state != GONE)
            result.failed++; /* its reply is lost */
    }
    return result;
}

void load_free(struct load *load)
{
    for (long i = 0; i < load->client_count; i++)
        if (load->clients[i].fd >= 0)
            close(load->clients[i].fd);
    close(load->epoll);
    free(load);
}
