/* 05a_select_stdin: select waits for input and for time at once
 *
 * Predict  Two lines arrive together. select says "readable", the program reads one line and calls
 *          select again. What does select say about the second line?
 * Run      build/05a_select_stdin, then with --naive; then build/05a_select_stdin read
 * Watch    with --naive, a buffered reader sits on a line that is already here.
 * Before   04_lines, whose line reader keeps its buffer where the program can ask for it
 * After    05b_signal_in_time waits for a signal too; 06_select_server watches many sockets
 * Python   select.select([sys.stdin], [], [], 1) and sys.stdin.readline()
 */
#include "sockets/lines.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

static long timeout_ms = 200;
static bool naive;
static char buffer[1024];

/* One read, and then every line that it brought, because the next select knows only what is still
 * in the kernel. Returns false at end of file. */
static bool read_lines(struct lines *reader)
{
    if (lines_fill(reader) == LINES_ERROR)
        die("read");
    char *line;
    size_t length;
    enum lines_result result;
    while ((result = lines_take(reader, &line, &length)) == LINES_LINE)
        say("reader", "line %s", quote(line, length).text);
    if (result == LINES_TOO_LONG)
        say("reader", "a line is longer than %zu bytes: dropped", reader->size);
    if (result == LINES_END)
        say("reader", "end of file");
    return result != LINES_END;
}

/* The mistake: fgets reads all there is, but returns one line. select cannot see its buffer. */
static bool read_one_line(FILE *input)
{
    char line[1024];
    if (!fgets(line, sizeof line, input)) {
        say("fgets", "end of file");
        return false;
    }
    say("fgets", "line %s", quote(line, strcspn(line, "\n")).text);
    return true;
}

/* One select, and one read if that would not block. Returns false at end of file. */
static bool watch_once(struct lines *reader, FILE *input)
{
    fd_set readable; /* filled before each call: select overwrites it with its answer */
    FD_ZERO(&readable);
    FD_SET(reader->fd, &readable);
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    int ready = select(reader->fd + 1, &readable, NULL, NULL, &timeout);
    if (ready < 0 && errno != EINTR)
        die("select");
    if (ready == 0)
        say("select", "time-out: no input for %ld ms", timeout_ms);
    if (ready <= 0)
        return true;
    say("select", "readable");
    return naive ? read_one_line(input) : read_lines(reader);
}

static int read_standard_input(char **operands)
{
    (void)operands;
    struct lines reader = lines_open(STDIN_FILENO, buffer, sizeof buffer);
    while (watch_once(&reader, stdin))
        continue;
    return EXIT_SUCCESS;
}

/* ---- The demo: one process has both ends of a pipe, in place of a terminal ------------------- */

static void type(int keyboard, const char *text)
{
    say("ann", "types %s", quote(text, strlen(text)).text);
    if (write(keyboard, text, strlen(text)) < 0)
        die("write");
}

static int demo(char **operands)
{
    (void)operands;
    int ends[2];
    FILE *input = pipe(ends) == 0 ? fdopen(ends[0], "r") : NULL;
    if (!input)
        die("pipe");
    if (ends[0] >= FD_SETSIZE) /* lesson 06 says why */
        fail("descriptor %d does not fit an fd_set", ends[0]);
    struct lines reader = lines_open(ends[0], buffer, sizeof buffer);
    type(ends[1], "hello\n");
    watch_once(&reader, input);
    type(ends[1], "one\ntwo\n");
    watch_once(&reader, input);
    watch_once(&reader, input);
    say("ann", "types Ctrl-D");
    close(ends[1]);
    watch_once(&reader, input);
    watch_once(&reader, input);
    fclose(input);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo, with a pipe in place of the terminal", demo},
        {"read", "", "read standard input, until end of file", read_standard_input},
        {0},
    };
    static const struct option_spec options[] = {
        {"timeout", "MS", "how long to wait", .number = &timeout_ms, .min = 1, .max = 60000},
        {"naive", NULL, "read with fgets: the second of two lines comes late", .flag = &naive},
        {0},
    };
    static const struct program program = {"select waits for input and time.", commands, options};
    return args_run(argc, argv, &program);
}
