/* 01a_serial_server: a server is six calls, and it serves one client at a time
 *
 * Predict  ann is being served when bob connects and sends. When does bob get his reply?
 * Run      build/01a_serial_server
 * Watch    bob's connect and send succeed at once; his reply comes only when ann has left.
 * Before   nothing: start here
 * After    01b_rude_clients; 06_select_server serves both at once, in one thread
 * Python   socket.socket, bind, listen, accept, recv, sendall, the posts' "raw sockets"; TCPServer
 */
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 128 }; /* how many clients may wait to be accepted */

static int listener;

/* An address is a family, an IP address and a port, in network byte order. */
static struct sockaddr_in address_of(const char *host, long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const char *ip = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1)
        args_refuse("%s: not an IPv4 address like 127.0.0.1", host);
    return address;
}

/* bind takes addresses of any family. Each family has its own struct, hence the cast. */
static int open_listener(const char *host, long port)
{
    struct sockaddr_in address = address_of(host, port);
    socklen_t length = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0)
        die("socket");
    int on = 1; /* before bind: lesson 09b shows what this is for */
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, length) < 0)
        die("bind %s:%ld", host, port);
    if (listen(listener, BACKLOG) < 0)
        die("listen %s:%ld", host, port);

    /* port 0 asked for any free port: find out which one it is */
    getsockname(listener, (struct sockaddr *)&address, &length);
    char ip[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address.sin_addr, ip, sizeof ip);
    say("server", "listening on %s:%d", ip, ntohs(address.sin_port));
    return listener;
}

/* Sends back in upper case whatever the client sends, until it closes its side: then recv returns
 * 0. Left out until lesson 01b: a client that is gone, and a send that is interrupted. */
static void serve_client(int client, int number)
{
    char data[1024];
    ssize_t got;
    while ((got = recv(client, data, sizeof data, 0)) > 0) {
        say("server", "received %zd bytes from client %d: %s", got, number,
            quote(data, (size_t)got).text);
        for (ssize_t i = 0; i < got; i++)
            data[i] = (char)toupper((unsigned char)data[i]);
        if (send(client, data, (size_t)got, 0) < 0)
            die("send");
    }
    if (got < 0)
        die("recv");
    say("server", "client %d has left", number);
}

static void serve(void)
{
    for (int number = 1;; number++) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            die("accept");
        say("server", "accepted client %d", number);
        serve_client(client, number);
        close(client);
    }
}

/* ---- The clients ----------------------------------------------------------------------------- */

static int dial(const char *host, long port)
{
    struct sockaddr_in address = address_of(host, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect %s:%ld", host, port);
    return fd;
}

static void play(void)
{
    int ann = cast_connect("ann", "hello");
    cast_reply("ann", ann, 5);
    int bob = cast_connect("bob", "hi");

    char byte;
    if (recv(bob, &byte, 1, MSG_DONTWAIT) >= 0) /* looks, but does not wait */
        fail("bob: served before ann left");
    say("bob", "has no reply yet: the server is waiting for ann");

    cast_leave("ann", ann);
    cast_reply("bob", bob, 2);
    cast_leave("bob", bob);
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "A server is six calls, and it serves one client at a time.",
        .open = open_listener,
        .serve = serve,
        .play = play,
        .dial = dial,
    };
    return server_program_run(argc, argv, &program);
}
