/* 04_lines: a stream has no messages; a protocol makes them, here one line each
 *
 * Predict  ann sends "hel", "lo\nwor" and "ld\n". What does the server receive, and how many
 *          answers does she get?
 * Run      build/04_lines, then build/04_lines --naive
 * Watch    the server answers "hello" and "world"; with --naive it answers the pieces that recv
 *          gives, and all three answers are wrong.
 * Before   01a_serial_server, and 02_datagrams for a socket that does keep messages; then
 *          common/sockets/lines.c, which this lesson introduces
 * After    05a_select_stdin has the same reader behind select
 * Python   the time server of the posts: StreamRequestHandler with rfile.readline and wfile.write
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "sockets/serial.h"
#include "sockets/stop.h"
#include "stage/cast.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 65536, STAMP = sizeof "[Sat Nov 21 09:30:00 2026] " };

static long longest = 1024; /* bytes in a line, its newline included */
static bool naive;

/* ---- The time server ------------------------------------------------------------------------- */

/* Puts "[ctime] text" and a newline together before it sends them: the second half of a reply in
 * two sends can wait 40 ms for the acknowledgement of the first (lesson 15e). */
static bool reply(int client, const char *text, size_t length)
{
    static char message[STAMP + LONGEST + 1];
    time_t now = time(NULL);
    struct tm local;
    size_t used = strftime(message, STAMP, "[%a %b %e %H:%M:%S %Y] ", localtime_r(&now, &local));
    memcpy(message + used, text, length);
    message[used + length] = '\n';
    return net_send_all(client, message, used + length + 1);
}

static void serve_lines(int client, int number)
{
    static char buffer[LONGEST];
    struct lines reader = lines_open(client, buffer, (size_t)longest);
    char *line;
    size_t length;
    bool answered = true;
    while (answered && !stop_asked) {
        switch (lines_next(&reader, &line, &length)) {
        case LINES_LINE:
            say("server", "line of %zu bytes from client %d: %s", length, number,
                quote(line, length).text);
            answered = reply(client, line, length);
            break;
        case LINES_TOO_LONG:
            say("server", "line from client %d is longer than %ld bytes: refused", number, longest);
            answered = reply(client, "error: the line is too long", 27);
            break;
        case LINES_END:
        case LINES_ERROR:
        case LINES_MORE:
            answered = false;
            break;
        }
    }
    say("server", "client %d has left", number);
}

/* The mistake: one recv taken for one message. */
static void serve_pieces(int client, int number)
{
    char data[1024];
    while (!stop_asked) {
        ssize_t got = recv(client, data, sizeof data, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        say("server", "recv gave %zd bytes from client %d: %s", got, number,
            quote(data, (size_t)got).text);
        if (!reply(client, data, (size_t)got))
            break;
    }
    say("server", "client %d has left", number);
}

static void serve_until_stopped(void)
{
    serial_serve(naive ? serve_pieces : serve_lines);
    close(stop_listener);
    say("server", "stopped");
}

/* ---- The clients ----------------------------------------------------------------------------- */

/* The reply is as long as the text, plus the time before it and the newline after it. */
static void get_reply(int fd, size_t length)
{
    cast_reply("ann", fd, STAMP - 1 + length + 1);
}

static void play_pieces(void)
{
    int ann = cast_connect("ann", "hel");
    get_reply(ann, 3);
    cast_send("ann", ann, "lo\nwor");
    get_reply(ann, 6);
    cast_send("ann", ann, "ld\n");
    get_reply(ann, 3);
    cast_leave("ann", ann);
}

static void play_lines(void)
{
    say("ann", "connects and sends \"hel\", then \"lo\\nwor\"");
    int ann = server_program_dial();
    net_send_all(ann, "hel", 3);
    net_send_all(ann, "lo\nwor", 6);
    get_reply(ann, 5);
    cast_send("ann", ann, "ld\n");
    get_reply(ann, 5);

    static char flood[LONGEST + 1];
    memset(flood, 'x', sizeof flood);
    flood[longest] = '\n';
    say("ann", "sends a line of %ld bytes", longest + 1);
    net_send_all(ann, flood, (size_t)longest + 1);
    get_reply(ann, 27);
    cast_leave("ann", ann);
}

static void play(void)
{
    if (naive)
        play_pieces();
    else
        play_lines();
}

static int open_listener(const char *host, long port)
{
    tzset(); /* localtime_r(3) need not do it */
    stop_on_signals();
    stop_listener = net_listen(host, port);
    return stop_listener;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"longest", "N", "bytes in a line", .number = &longest, .min = 64, .max = LONGEST},
        {"naive", NULL, "treat each recv as one message", .flag = &naive},
        {0},
    };
    static const struct server_program program = {
        .idea = "A stream has no messages; a protocol makes them.",
        .open = open_listener,
        .serve = serve_until_stopped,
        .play = play,
        .dial = net_connect,
        .options = options,
    };
    return server_program_run(argc, argv, &program);
}
