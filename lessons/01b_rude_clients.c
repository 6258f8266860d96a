/* 01b_rude_clients: what ends a plain server, and four changes that keep it up
 *
 * Predict  bob resets his connection; carl is gone before his reply is sent; a signal comes while
 *          the server waits; no descriptor is left for dora. Which of these end 01a's server?
 * Run      build/01b_rude_clients, then build/01b_rude_clients --plain --rude gone
 * Watch    the server says what went wrong and serves on; with --plain, each of the four ends it.
 * Before   01a_serial_server
 * After    01c_half_close; from here on every server survives all of this: common/sockets/serial.c
 * Python   ConnectionResetError, BrokenPipeError; a signal: PEP 475; "Too many open files"
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/children.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "stage/server_program.h"
#include "stage/signals.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_MS = 100, SIGNALS = 20, BRIEFLY_MS = 1, STANDARD_ONES = 3, SOME = 64 };
static bool plain;
static const char *rude = "all";

/* ---- The server: each line with "plain" is what lesson 01a does ------------------------------ */

/* 1. Sending to a client that is gone is an error, and does not end the process: MSG_NOSIGNAL.
 * 2. A signal does no harm: after EINTR, or a send that took only part, call again. send(2) */
static bool send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, plain ? 0 : MSG_NOSIGNAL);
        if (sent < 0 && plain)
            die("send");
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* 3. An error on a connection ends that connection, not the server. */
static void serve_client(int client, int number)
{
    char data[1024];
    bool has_error = false, at_end = false;
    while (!has_error && !at_end && !stop_asked) {
        ssize_t got = recv(client, data, sizeof data, 0);
        if (got < 0 && plain)
            die("recv");
        if (got < 0 && errno == EINTR)
            continue;
        at_end = got == 0;
        for (ssize_t i = 0; i < got; i++)
            data[i] = (char)toupper((unsigned char)data[i]);
        has_error = got < 0 || !send_all(client, data, (size_t)got);
    }
    say("server", "client %d has left: %s", number, has_error ? strerror(errno) : "end of file");
}

/* 4. A client for whom there is no descriptor waits. So does the server, because accept would fail
 * again at once. Returns -1 when a signal asks to stop. */
static int accept_client(void)
{
    bool complained = false;
    while (!stop_asked) {
        int client = accept(stop_listener, NULL, NULL);
        if (client >= 0)
            return client;
        if (plain)
            die("accept");
        if (stop_asked || errno == EINTR || errno == ECONNABORTED)
            continue;
        if (!complained)
            say("server", "accept: %s: tries again until it can", strerror(errno));
        complained = true;
        gate_step();
        poll(NULL, 0, RETRY_MS);
    }
    return -1;
}

static void serve(void)
{
    int client, number = 0;
    while ((client = accept_client()) >= 0) {
        stop_connection = client;
        number++;
        say("server", "accepted client %d", number);
        serve_client(client, number);
        stop_connection = -1;
        close(client);
    }
    close(stop_listener);
    say("server", "stopped");
}

/* ---- The rude clients ------------------------------------------------------------------------ */

static bool plays(const char *what)
{
    return strcmp(rude, "all") == 0 || strcmp(rude, what) == 0;
}

/* A close that sends a reset: socket(7), SO_LINGER. */
static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static void be_rude(void)
{
    if (plays("reset")) {
        say("bob", "connects, and resets the connection");
        reset(server_program_dial());
    }
    if (plays("gone")) {
        int carl = cast_connect("carl", "hi");
        say("carl", "is gone before his reply is sent");
        shutdown(carl, SHUT_WR); /* after end of file, it is send that meets the reset: EPIPE */
        reset(carl);
    }
    if (plays("signal")) {
        say("user", "sends the server signals, as a timer would");
        for (int i = 0; i < SIGNALS || plain; i++) { /* until one interrupts a call */
            kill(server_program_pid(), SIGUSR1);
            poll(NULL, 0, BRIEFLY_MS);
        }
    }
    if (plays("full")) {
        say("user", "forbids the server to open more files");
        child_limit_descriptors(server_program_pid(), STANDARD_ONES);
    }
}

/* While ann is served, the others wait in the backlog. */
static void play(void)
{
    int ann = cast_connect("ann", "hello");
    cast_reply("ann", ann, 5);
    be_rude();
    int dora = cast_connect("dora", "hello");
    cast_leave("ann", ann);
    if (plays("full")) {
        gate_wait(1);
        say("user", "lets it open files again");
        child_limit_descriptors(server_program_pid(), SOME);
    }
    cast_reply("dora", dora, 5);
    cast_leave("dora", dora);
}

static void ignore(int signal_number)
{
    (void)signal_number; /* all it has to do is interrupt a call */
}

static int open_listener(const char *host, long port)
{
    if (!plays("reset") && !plays("gone") && !plays("signal") && !plays("full"))
        args_refuse("--rude %s: not reset, gone, signal, full or all", rude);
    gate_make();
    signals_on(SIGUSR1, ignore);
    if (!plain)
        stop_on_signals();
    stop_listener = net_listen(host, port);
    return stop_listener;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"plain", NULL, "lesson 01a's server", .flag = &plain},
        {"rude", "WHAT", "reset, gone, signal, full or all of them", .text = &rude},
        {0},
    };
    static const struct server_program program = {
        .idea = "What ends a plain server, and four changes that keep it up.",
        .open = open_listener,
        .serve = serve,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
