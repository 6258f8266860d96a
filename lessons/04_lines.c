/* 04_lines: a stream has no messages; a protocol makes them, here one line each
 *
 * Predict  ann sends "hel", "lo\nwor" and "ld\n". What does the server receive, and how many
 *          answers does she get?
 * Run      build/04_lines, then build/04_lines --naive
 * Watch    the server answers "hello" and "world"; with --naive it answers the pieces that recv
 *          gives, and all three answers are wrong.
 * Before   01a_serial_server, 02_datagrams; then common/sockets/lines.c, introduced here
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

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 1024 }; /* bytes in a line, its newline included */
enum { STAMP = sizeof "[Sat Nov 21 09:30:00 2026] " };

static bool naive;

/* Puts "[ctime] text" and a newline together before it sends them: the second half of a reply in
 * two sends can wait 40 ms for the acknowledgement of the first (lesson 15e). */
static bool reply(int client, const char *text, size_t length)
{
    char message[STAMP + LONGEST + 1];
    time_t now = time(NULL);
    struct tm local;
    size_t used = strftime(message, STAMP, "[%a %b %e %H:%M:%S %Y] ", localtime_r(&now, &local));
    memcpy(message + used, text, length);
    message[used + length] = '\n';
    return net_send_all(client, message, used + length + 1);
}

static void serve_lines(int client, int number)
{
    char buffer[LONGEST], *line;
    struct lines reader = lines_open(client, buffer, sizeof buffer);
    size_t length;
    bool answered = true;
    while (answered && !stop_asked) {
        switch (lines_next(&reader, &line, &length)) {
        case LINES_LINE:
            say("server", "line from client %d: %s", number, quote(line, length).text);
            answered = reply(client, line, length);
            break;
        case LINES_TOO_LONG:
            say("server", "line from client %d is longer than %d bytes: refused", number, LONGEST);
            answered = reply(client, "error: the line is too long", 27);
            break;
        default: /* the end of the file, or an error */
            answered = false;
        }
    }
}

/* The mistake: one recv taken for one message. */
static void serve_pieces(int client, int number)
{
    char data[LONGEST];
    ssize_t got;
    while ((got = recv(client, data, sizeof data, 0)) > 0) {
        say("server", "recv from client %d gave %s", number, quote(data, (size_t)got).text);
        if (!reply(client, data, (size_t)got))
            break;
    }
}

static void serve_until_stopped(void)
{
    serial_serve(naive ? serve_pieces : serve_lines);
    close(stop_listener);
    say("server", "stopped");
}

/* ---- ann ------------------------------------------------------------------------------------- */

/* A reply is as long as its text and STAMP, whose NUL stands for the newline. */
static void play(void)
{
    int ann;
    if (naive) {
        ann = cast_connect("ann", "hel");
        cast_reply("ann", ann, STAMP + 3);
        cast_send("ann", ann, "lo\nwor");
        cast_reply("ann", ann, STAMP + 6);
    } else {
        say("ann", "connects and sends \"hel\", then \"lo\\nwor\"");
        ann = server_program_dial();
        net_send_all(ann, "hel", 3);
        net_send_all(ann, "lo\nwor", 6);
        cast_reply("ann", ann, STAMP + 5);
    }
    cast_send("ann", ann, "ld\n");
    cast_reply("ann", ann, STAMP + (naive ? 3 : 5));
    cast_leave("ann", ann);
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
