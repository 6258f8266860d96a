#define _GNU_SOURCE /* IP_BIND_ADDRESS_NO_PORT */
#include "bench/load.h"

#include "sockets/stop.h"
#include "stage/deadline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ADDRESSES = 16,     /* of 127.0.0.0/8, in turn: see bind_to_the_next_address */
    AT_ONCE = 128,      /* clients that connect at the same time, so that no queue is full */
    WARM_UP_MS = 3000,  /* the longest time before it measures, and beyond what was asked for */
    BUFFER_SIZE = 65536 /* for what is received at once */
};

enum client_state { NEW, CONNECTING, ASKING, SILENT, GONE };
enum phase { ASK_ONCE, WARM_UP, MEASURE, FINISH };

struct client {
    int fd;
    enum client_state state;
    bool is_idle, wants_to_send;
    long served;
    size_t sent, received; /* of this request and its reply */
    double asked;          /* when, in seconds */
};

struct load {
    struct load_plan plan;
    int epoll, count; /* of all clients */
    int open;         /* that are connected, or try to */
    int served;       /* that have had a reply */
    int failed, wrong;
    unsigned next_address;
    struct client *clients;
    char *request, *reply; /* what is sent, and what ought to come back */
    char *buffer;
    enum phase phase;
    long replies;  /* since the warm-up began */
    long requests; /* that were measured */
    float *us;     /* of each request that was measured */
    size_t room;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* A client that closes first keeps its port for a minute (TIME_WAIT, lesson 09), and an address has
 * about 28,000 of them, half of which connect(2) likes to take: from one address alone the ports
 * are used up after 14,000 connections; Linux gives one back after a second at the earliest. All of
 * 127.0.0.0/8 is this machine, and the load leaves 127.0.0.1 to the others. With
 * IP_BIND_ADDRESS_NO_PORT, connect chooses the port, which need be free for this server alone. */
static void bind_to_the_next_address(struct load *load, int fd)
{
    const struct sockaddr_in *server = (const struct sockaddr_in *)&load->plan.server.storage;
    if (server->sin_family != AF_INET || ntohl(server->sin_addr.s_addr) >> 24 != 127)
        return;
    int on = 1;
    struct sockaddr_in own = {.sin_family = AF_INET};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + load->next_address++ % ADDRESSES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    (void)!bind(fd, (struct sockaddr *)&own, sizeof own); /* if not: any address will do */
}

/* Returns false where the client cannot even try: no descriptor is left. */
static bool start_to_connect(struct load *load, struct client *client)
{
    const struct address *server = &load->plan.server;
    bool is_datagram = load->plan.mode == LOAD_DATAGRAM;
    int type = is_datagram ? SOCK_DGRAM : SOCK_STREAM, on = 1;
    client->fd = socket(server->storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return false;
    if (!is_datagram) /* a request in several pieces would wait for acknowledgements: Nagle */
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bind_to_the_next_address(load, client->fd);
    bool connected =
        connect(client->fd, (const struct sockaddr *)&server->storage, server->length) == 0;
    bool refused = !connected && errno != EINPROGRESS;
    client->wants_to_send = !connected;
    struct epoll_event event = {.events = EPOLLIN | (connected ? 0 : EPOLLOUT), .data.ptr = client};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0) {
        close(client->fd);
        client->fd = -1;
        return false;
    }
    client->state = refused ? GONE : connected ? ASKING : CONNECTING;
    client->sent = client->received = 0;
    load->open++;
    return true;
}

static void hang_up(struct load *load, struct client *client)
{
    close(client->fd); /* epoll forgets it: epoll(7), Q6 */
    client->fd = -1;
    load->open--;
}

static void give_up(struct load *load, struct client *client)
{
    if (client->fd >= 0)
        hang_up(load, client);
    client->state = GONE;
    load->failed++;
}

/* ---- A request and its reply ----------------------------------------------------------------- */

static void watch(struct load *load, struct client *client, bool wants_to_send)
{
    if (wants_to_send == client->wants_to_send)
        return;
    struct epoll_event event = {.events = EPOLLIN | (wants_to_send ? EPOLLOUT : 0),
                                .data.ptr = client};
    epoll_ctl(load->epoll, EPOLL_CTL_MOD, client->fd, &event);
    client->wants_to_send = wants_to_send;
}

/* Sends what the socket takes; the rest when there is room again. */
static bool send_request(struct load *load, struct client *client)
{
    size_t left = load->plan.size - client->sent;
    ssize_t sent = send(client->fd, load->request + client->sent, left, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    client->sent += sent > 0 ? (size_t)sent : 0;
    watch(load, client, client->sent < load->plan.size);
    return true;
}

static bool ask(struct load *load, struct client *client)
{
    client->asked = now();
    client->sent = client->received = 0;
    if (load->plan.mode == LOAD_CONNECT && !start_to_connect(load, client))
        return false;
    if (client->state == CONNECTING)
        return true; /* sends when it is connected */
    return client->state == ASKING && send_request(load, client);
}

static void record(struct load *load, const struct client *client)
{
    size_t count = (size_t)load->requests;
    if (count == load->room) {
        size_t room = load->room ? 2 * load->room : 4096;
        float *more = realloc(load->us, room * sizeof *more);
        if (!more)
            return; /* the rate is counted all the same, of what there was room for */
        load->us = more;
        load->room = room;
    }
    load->us[count] = (float)((now() - client->asked) * 1e6);
    load->requests++;
}

/* The reply is whole. */
static bool ask_again(struct load *load, struct client *client)
{
    load->served += client->served++ == 0;
    load->replies++;
    if (load->phase == MEASURE)
        record(load, client);
    if (load->plan.mode == LOAD_CONNECT)
        hang_up(load, client);
    if (client->is_idle || load->phase == ASK_ONCE || load->phase == FINISH) {
        client->state = SILENT;
        return true;
    }
    client->state = ASKING;
    return ask(load, client);
}

static bool receive_reply(struct load *load, struct client *client)
{
    ssize_t got = recv(client->fd, load->buffer, BUFFER_SIZE, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    size_t left = load->plan.size - client->received, length = (size_t)got;
    if (length > left || memcmp(load->buffer, load->reply + client->received, length) != 0) {
        load->wrong++;
        return false;
    }
    client->received += length;
    return client->received < load->plan.size || ask_again(load, client);
}

static void take_turn(struct load *load, struct client *client, uint32_t events)
{
    bool goes_on = true;
    if (client->state == CONNECTING) {
        client->state = ASKING;
        goes_on = !(events & (EPOLLERR | EPOLLHUP)) && send_request(load, client);
    } else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        goes_on = receive_reply(load, client);
    } else if (events & EPOLLOUT) {
        goes_on = send_request(load, client);
    }
    if (!goes_on)
        give_up(load, client);
}

/* Waits for ms at most. Returns how many clients had something to do. */
static int take_turns(struct load *load, int ms)
{
    struct epoll_event events[256];
    int count = epoll_wait(load->epoll, events, 256, ms);
    for (int i = 0; i < count; i++)
        take_turn(load, events[i].data.ptr, events[i].events);
    return count;
}

/* ---- The run --------------------------------------------------------------------------------- */

/* Every client asks once: whoever has been served has been accepted. */
static bool let_all_ask_once(struct load *load)
{
    struct deadline quiet = deadline_in(LOAD_QUIET_MS);
    int next = 0;
    while (!stop_asked && deadline_left(quiet) > 0) {
        int before = load->served + load->failed;
        for (; next < load->count && next - before < AT_ONCE; next++) {
            struct client *client = &load->clients[next];
            client->asked = now();
            if (!start_to_connect(load, client))
                return false;
            if (client->state != CONNECTING &&
                (client->state == GONE || !send_request(load, client)))
                give_up(load, client);
        }
        int busy = take_turns(load, deadline_left(quiet));
        if (load->served + load->failed == load->count)
            return true;
        if (busy > 0) /* a long reply comes in parts */
            quiet = deadline_in(LOAD_QUIET_MS);
    }
    return true;
}

struct load *load_open(const struct load_plan *plan)
{
    struct load *load = calloc(1, sizeof *load);
    if (!load)
        return NULL;
    load->plan = *plan;
    load->count = plan->clients + plan->idle;
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->clients = calloc((size_t)load->count, sizeof *load->clients);
    load->request = malloc(plan->size);
    load->reply = malloc(plan->size);
    load->buffer = malloc(BUFFER_SIZE);
    bool is_made =
        load->epoll >= 0 && load->clients && load->request && load->reply && load->buffer;
    for (int i = 0; is_made && i < load->count; i++)
        load->clients[i] = (struct client){.fd = -1, .is_idle = i >= plan->clients};
    for (size_t i = 0; is_made && i < plan->size; i++) {
        load->request[i] = (char)('a' + i % 26);
        load->reply[i] = (char)('A' + i % 26);
    }
    if (is_made && let_all_ask_once(load))
        return load;
    int error = errno;
    load_free(load);
    errno = error;
    return NULL;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Lets the clients ask without end, a portion at a time: 10,000 requests at once are a wave, and
 * overflow a queue. What is measured begins when there was a reply for each. Returns how
 * many ask. */
static long warm_up(struct load *load)
{
    struct deadline limit = deadline_in(WARM_UP_MS);
    long asking = 0;
    int next = 0;
    load->phase = WARM_UP;
    load->replies = 0;
    while (!stop_asked && deadline_left(limit) > 0) {
        for (; next < load->plan.clients && asking - load->replies < AT_ONCE; next++) {
            struct client *client = &load->clients[next];
            if (client->state != SILENT)
                continue; /* it waits for its first reply, or has been refused */
            client->state = ASKING;
            asking++;
            if (!ask(load, client))
                give_up(load, client);
        }
        if (next == load->plan.clients && load->replies >= asking)
            break;
        if (take_turns(load, LOAD_QUIET_MS) == 0)
            break;
    }
    return asking;
}

/* Returns the seconds that it took. */
static double measure(struct load *load, long asking)
{
    const struct load_plan *plan = &load->plan;
    double start = now(), time = start, end = start + (double)plan->ms / 1000;
    double latest = plan->requests > 0 ? INFINITY : end + WARM_UP_MS / 1000.0;
    long wanted = plan->requests > 0 ? plan->requests : 2 * asking;
    load->phase = MEASURE;
    while (!stop_asked && load->open > 0 && time < latest) {
        if (load->requests >= wanted && (plan->requests > 0 || time >= end))
            break;
        bool quiet = take_turns(load, LOAD_QUIET_MS) == 0;
        if (quiet && plan->requests > 0)
            break; /* no more will come; this wait does not count */
        time = now();
        if (quiet && time >= end)
            break;
    }
    return time - start;
}

/* Who waits for the first reply does not count: a serial server may never come to it. */
static bool is_under_way(const struct client *client)
{
    return client->served > 0 && (client->state == ASKING || client->state == CONNECTING);
}

static int count_under_way(const struct load *load)
{
    int count = 0;
    for (int i = 0; i < load->plan.clients; i++)
        count += is_under_way(&load->clients[i]);
    return count;
}

/* What is under way is still the server's work, and would be counted as the time of others. A reply
 * that does not come now is lost. */
static void finish(struct load *load)
{
    load->phase = FINISH;
    while (!stop_asked && count_under_way(load) > 0 && take_turns(load, LOAD_QUIET_MS) > 0)
        continue;
    for (int i = 0; !stop_asked && i < load->plan.clients; i++)
        if (is_under_way(&load->clients[i]))
            give_up(load, &load->clients[i]);
}

struct load_result load_run(struct load *load)
{
    struct load_result result = {.seconds = 0};
    long asking = warm_up(load);
    if (asking > 0) { /* else nobody has had a first reply: there is nothing to measure */
        result.seconds = measure(load, asking);
        finish(load);
    }
    result.requests = load->requests;
    result.replies = load->replies;
    if (load->requests > 0) {
        qsort(load->us, (size_t)load->requests, sizeof *load->us, compare);
        result.median_us = (double)load->us[load->requests / 2];
        result.p99_us = (double)load->us[load->requests * 99 / 100];
    }
    for (int i = 0; i < load->plan.clients; i++)
        result.served += load->clients[i].served > 0 && load->clients[i].state != GONE;
    result.failed = load->failed;
    result.wrong = load->wrong;
    return result;
}

int load_served(const struct load *load)
{
    return load->served;
}

void load_free(struct load *load)
{
    for (int i = 0; load->clients && i < load->count; i++)
        if (load->clients[i].fd >= 0)
            close(load->clients[i].fd);
    if (load->epoll >= 0)
        close(load->epoll);
    free(load->clients);
    free(load->request);
    free(load->reply);
    free(load->buffer);
    free(load->us);
    free(load);
}
