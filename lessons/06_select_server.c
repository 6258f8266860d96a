/* 06_select_server: one thread serves many clients, because it never waits for one of them
 *
 * Predict  ann is connected and silent when bob sends. When does bob get his reply? Then carl
 *          sends without reading: whom does he stall?
 * Run      build/06_select_server
 * Watch    bob is served at once, unlike in lesson 01; carl stalls nobody, and loses nothing.
 * Before   01a_serial_server, 05a_select_stdin
 * After    diff lessons/06_select_server.c lessons/07_poll_server.c
 * Python   the posts' select server and its list of inputs; the selectors module
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 64 }; /* how many clients to accept before the next select */

/* ---- A client and its turn: nothing here may block ------------------------------------------- */

/* It does one thing at a time: it waits for data, or for room to send what it has. */
struct upper {
    int fd, number;
    bool quiet;        /* it sends more than a class can read: no longer narrated */
    size_t start, end; /* the bytes from start to end wait to be sent */
    char data[1024];
};

static struct upper *upper_open(int fd, int number)
{
    struct upper *client = malloc(sizeof *client);
    if (!client)
        return NULL;
    *client = (struct upper){.fd = fd, .number = number};
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return client;
}

static void upper_close(struct upper *client)
{
    close(client->fd);
    free(client);
}

static bool upper_wants_to_send(const struct upper *client)
{
    return client->start < client->end;
}

/* EAGAIN (not now) and EINTR (try again) are not errors: the client gets another turn. */
static bool is_gone(ssize_t result)
{
    return result == 0 || (result < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Receives if nothing is waiting to be sent, then sends what it can. Receives no more until all of
 * it has been sent. Returns false when the client has left. */
static bool upper_turn(struct upper *client)
{
    if (!upper_wants_to_send(client)) {
        ssize_t got = recv(client->fd, client->data, sizeof client->data, 0);
        if (got <= 0)
            return !is_gone(got);
        client->start = 0;
        client->end = (size_t)got;
        if (!client->quiet)
            say("server", "received %zd bytes%s from client %d: %s", got,
                client->end == sizeof client->data ? " and more" : "", client->number,
                quote(client->data, client->end).text);
        client->quiet |= client->end == sizeof client->data;
        for (size_t i = 0; i < client->end; i++)
            client->data[i] = (char)toupper((unsigned char)client->data[i]);
    }
    ssize_t sent =
        send(client->fd, client->data + client->start, client->end - client->start, MSG_NOSIGNAL);
    client->start += sent > 0 ? (size_t)sent : 0;
    return !is_gone(sent);
}

/* ---- The server ------------------------------------------------------------------------------ */

/* By descriptor. An fd_set has no place for a higher one: FD_SET would write past its end. */
static struct upper *clients[FD_SETSIZE];
static int highest = -1; /* no client has a higher descriptor */
static int count;        /* of clients so far */
/* false: accept failed and would fail again, so do not watch the listener for a while */
static bool accepting = true;

static void add(int fd)
{
    struct upper *client = fd < FD_SETSIZE ? upper_open(fd, count + 1) : NULL;
    if (!client) {
        const char *why = fd < FD_SETSIZE ? strerror(errno) : "it does not fit";
        say("server", "refused descriptor %d: %s", fd, why);
        close(fd);
        return;
    }
    count++;
    clients[fd] = client;
    if (fd > highest)
        highest = fd;
    say("server", "accepted client %d", client->number);
}

static void drop(struct upper *client)
{
    say("server", "client %d has left", client->number);
    clients[client->fd] = NULL;
    upper_close(client);
}

/* Returns whether more clients may be waiting. */
static bool accept_client(void)
{
    static bool complained;
    int fd = accept(stop_listener, NULL, NULL);
    if (fd >= 0)
        add(fd);
    else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED)
        return false; /* nobody is waiting, or a signal came */
    else if (!complained && !stop_asked)
        say("server", "accept: %s: tries again until it can", strerror(errno));
    accepting = fd >= 0;
    complained = fd < 0;
    return fd >= 0;
}

/* select overwrites the sets, so they are filled again each time. Returns how many are ready. */
static int wait_until_ready(fd_set *readable, fd_set *writable)
{
    FD_ZERO(readable);
    FD_ZERO(writable);
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            FD_SET(fd, upper_wants_to_send(clients[fd]) ? writable : readable);
    if (accepting)
        FD_SET(stop_listener, readable);
    struct timeval retry = {.tv_usec = 100 * 1000};
    int top = highest > stop_listener ? highest : stop_listener;
    int ready = select(top + 1, readable, writable, NULL, accepting ? NULL : &retry);
    if (ready < 0 && errno != EINTR)
        die("select");
    accepting = true;
    return ready;
}

static void serve_until_stopped(void)
{
    fd_set readable, writable;
    while (!stop_asked) {
        if (wait_until_ready(&readable, &writable) <= 0)
            continue; /* the sets mean nothing then */
        for (int fd = 0; fd <= highest; fd++)
            if (clients[fd] && (FD_ISSET(fd, &readable) || FD_ISSET(fd, &writable)))
                if (!upper_turn(clients[fd]))
                    drop(clients[fd]);
        if (FD_ISSET(stop_listener, &readable))
            for (int i = 0; i < AT_ONCE && accept_client(); i++)
                continue; /* not for ever: the clients that are here want their turn too */
    }
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            upper_close(clients[fd]);
    close(stop_listener);
    say("server", "stopped");
}

static int open_server(const char *host, long port)
{
    stop_on_signals();
    stop_listener = net_listen(host, port);
    if (stop_listener >= FD_SETSIZE)
        fail("descriptor %d does not fit an fd_set", (int)stop_listener);
    fcntl(stop_listener, F_SETFL, O_NONBLOCK); /* accept_client may find nobody there */
    net_raise_descriptor_limit();
    return stop_listener;
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "One thread serves many clients, because it never waits for one of them.",
        .open = open_server,
        .serve = serve_until_stopped,
        .play = cast_crowd,
        .dial = net_connect,
    };
    return server_program_run(argc, argv, &program);
}
