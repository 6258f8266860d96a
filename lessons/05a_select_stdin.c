/* 05a_select_stdin: select waits for input and for time at once
 *
 * Predict  Two lines arrive together. select says "readable", the program reads one line and calls
 *          select again. What does select say about the second line?
 * Run      build/05a_select_stdin play --timeout 200
 * Watch    time-out, line, end of file; then the same with a buffered reader, which sits on a line
 *          that is already here.
 * Try      build/05a_select_stdin on a terminal: type lines, wait, end with Ctrl-D; printf 'a\nb\n'
 *          | build/05a_select_stdin
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

static long timeout_ms = 1000;
static bool naive;

/* ---- Waiting --------------------------------------------------------------------------------- */

/* True when a read would not block: there is input, or end of file. False when the time is up. */
static bool wait_until_readable(int fd)
{
    for (;;) {
        fd_set readable; /* filled before each call: select overwrites it with its answer */
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
        int ready = select(fd + 1, &readable, NULL, NULL, &timeout);
        if (ready < 0 && errno == EINTR)
            continue; /* restarts the full time-out; Python waits only for what is left */
        if (ready < 0)
            die("select");
        if (ready == 0)
            say("select", "time-out: no input for %ld ms", timeout_ms);
        else
            say("select", "readable");
        return ready > 0;
    }
}

/* One select, one read, and then every line that the read brought, because the next select knows
 * only what is still in the kernel. Returns false at end of file. */
static bool watch_once(struct lines *reader)
{
    if (!wait_until_readable(reader->fd))
        return true;
    if (lines_fill(reader) == LINES_ERROR)
        die("read");
    char *line;
    size_t length;
    for (;;) {
        switch (lines_take(reader, &line, &length)) {
        case LINES_LINE:
            say("reader", "line %s", quote(line, length).text);
            break;
        case LINES_TOO_LONG:
            say("reader", "a line is longer than %zu bytes: dropped", reader->size);
            break;
        case LINES_END:
            say("reader", "end of file");
            return false;
        case LINES_MORE:
        case LINES_ERROR:
            return true;
        }
    }
}

/* The mistake: fgets reads all that there is into a buffer that select cannot see, and returns one
 * line of it. */
static bool watch_once_naive(FILE *input)
{
    char line[1024];
    if (!wait_until_readable(fileno(input)))
        return true;
    if (!fgets(line, sizeof line, input)) {
        if (ferror(input))
            die("fgets");
        say("fgets", "end of file");
        return false;
    }
    say("fgets", "line %s", quote(line, strcspn(line, "\n")).text);
    return true;
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int watch_standard_input(char **operands)
{
    (void)operands;
    char buffer[1024];
    struct lines reader = lines_open(STDIN_FILENO, buffer, sizeof buffer);
    while (naive ? watch_once_naive(stdin) : watch_once(&reader))
        continue;
    return EXIT_SUCCESS;
}

static void type(int keyboard, const char *text)
{
    say("ann", "types %s", quote(text, strlen(text)).text);
    if (write(keyboard, text, strlen(text)) < 0)
        die("write");
}

/* A pipe takes the place of the terminal. One process has both ends, so everything happens in the
 * order in which it is written here. */
static void open_keyboard(int *input, int *keyboard)
{
    int ends[2];
    if (pipe(ends) < 0)
        die("pipe");
    if (ends[0] >= FD_SETSIZE) /* lesson 06 says why */
        fail("descriptor %d does not fit an fd_set", ends[0]);
    *input = ends[0];
    *keyboard = ends[1];
}

static void play_select(void)
{
    int input, keyboard;
    open_keyboard(&input, &keyboard);
    char buffer[1024];
    struct lines reader = lines_open(input, buffer, sizeof buffer);
    say("ann", "types nothing");
    watch_once(&reader);
    type(keyboard, "hello\n");
    watch_once(&reader);
    type(keyboard, "one\ntwo\n");
    watch_once(&reader);
    say("ann", "types Ctrl-D");
    close(keyboard);
    watch_once(&reader);
    watch_once(&reader);
    close(input);
}

static void play_naive(void)
{
    int input, keyboard;
    open_keyboard(&input, &keyboard);
    FILE *file = fdopen(input, "r");
    if (!file)
        die("fdopen");
    say("ann", "begins again, with fgets in place of the line reader");
    type(keyboard, "one\ntwo\n");
    watch_once_naive(file);
    watch_once_naive(file);
    say("ann", "types Ctrl-D: the kernel has something to report at last");
    close(keyboard);
    watch_once_naive(file);
    watch_once_naive(file);
    fclose(file);
}

static int play(char **operands)
{
    (void)operands;
    play_select();
    play_naive();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "watch standard input, until end of file", watch_standard_input},
        {"play", "", "play the demo, with a pipe in place of the terminal", play},
        {0},
    };
    static const struct option_spec options[] = {
        {"timeout", "MS", "how long to wait", .number = &timeout_ms, .min = 1, .max = 60000},
        {"naive", NULL, "read with fgets: the second of two lines comes late", .flag = &naive},
        {0},
    };
    static const struct program program = {"select waits for input and for time at once.", commands,
                                           options};
    return args_run(argc, argv, &program);
}
