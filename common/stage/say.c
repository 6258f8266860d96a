#include "stage/say.h"

#include "stage/colour.h"
#include "stage/die.h"
#include "stage/lanes.h"
#include "stage/still.h"
#include "stage/terminal.h"
#include "stage/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMNS = 80, ACTOR_COLUMNS = 6, TEXT_BYTES = 512, LOOK_AGAIN_MS = 100 };

atomic_bool say_hurried;
void (*say_end_program)(void);
static atomic_bool muted;

void say_mute(bool mute)
{
    muted = mute;
}

/* Cuts the text to the columns that it may take. */
static void shorten(char *text, int columns)
{
    if (columns_of(text, strlen(text)) > columns)
        strcpy(text + bytes_within(text, columns - 3), "...");
}

/* Before each line but the first: nothing waits after the last. */
static void step(void)
{
    if (watched->lines == 0 || watched->runs_on || watched->quits || say_hurried)
        return;
    int key = terminal_key(STEP_PROMPT, "\n\r cq");
    if (key == 'c')
        watched->runs_on = true;
    if (key == 'q')
        watch_quit();
    if (key < 0)
        say_hurried = true; /* nobody is there to press it */
}

static void pause_if_slow(void)
{
    const char *slow = getenv("SLOW"); /* in args.c it was found to be a number */
    if (slow && !say_hurried)
        poll(NULL, 0, atoi(slow));
}

/* A full disk: the transcript would have a gap, so the program ends. Main says why, once; a child
 * only says no more. (A reader that has left is another matter: that is SIGPIPE.) */
static void give_up(int error)
{
    if (error == EPIPE || atomic_exchange(&muted, true))
        return;
    if (error == EIO)
        raise(SIGHUP); /* the terminal is gone, and this may be known before the signal comes */
    watched->lost = error;
    if (getpid() != watched->main_process)
        return;
    if (!say_end_program)
        die_unless_printed();
    say_end_program();
}

static bool reader_is_ready(void)
{
    /* looks again, as the signal may have come just before poll, or to another thread */
    struct pollfd reader = {.fd = STDOUT_FILENO, .events = POLLOUT};
    int ready;
    while ((ready = poll(&reader, 1, LOOK_AGAIN_MS)) <= 0)
        if (ready == 0 && say_hurried) {
            muted = true; /* whoever should read has stopped: the next line would wait too */
            return false;
        }
    return true;
}

static void write_line(const char *line, size_t length)
{
    while (length > 0 && reader_is_ready()) {
        ssize_t written = write(STDOUT_FILENO, line, length);
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            give_up(errno);
            return;
        }
        line += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
}

/* One key, one line, also when several threads and processes wait for theirs. */
static void wait_and_write_line(const char *line, size_t length)
{
    if (pthread_mutex_lock(&watched->step) == EOWNERDEAD)
        pthread_mutex_consistent(&watched->step);
    step();
    if (!watched->quits)
        write_line(line, length);
    watched->lines++;
    pthread_mutex_unlock(&watched->step);
}

static size_t make_line(char *line, size_t size, const char *actor, char *text)
{
    int colour = colour_of(actor), length;
    if (colour != 0)
        length = snprintf(line, size, "\033[1;38;5;%dm%-*s\033[0m | %s\n", colour, ACTOR_COLUMNS,
                          actor, text);
    else
        length = snprintf(line, size, "%-*s | %s\n", ACTOR_COLUMNS, actor, text);
    return (size_t)length;
}

void say(const char *actor, const char *format, ...)
{
    if (muted || watched->quits)
        return;
    int error = errno;
    char text[TEXT_BYTES], line[TEXT_BYTES + 64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int columns = strlen(actor) > ACTOR_COLUMNS ? (int)strlen(actor) : ACTOR_COLUMNS;
    shorten(text, COLUMNS - columns - 3);
    char *rows = lanes_draw(actor, text);
    size_t length = rows ? strlen(rows) : make_line(line, sizeof line, actor, text);
    still_note(actor);
    if (watch_wants("STEP") && !say_hurried) {
        wait_and_write_line(rows ? rows : line, length);
    } else {
        watched->lines++;
        write_line(rows ? rows : line, length);
        pause_if_slow();
    }
    free(rows);
    if (watch_wants("QUIET"))
        muted = true;
    errno = error;
}

struct quoted quote(const void *data, size_t length)
{
    static const char short_for[256] = {['\n'] = 'n', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    const unsigned char *bytes = data;
    struct quoted quoted;
    char *out = quoted.text;
    const char *last = quoted.text + sizeof quoted.text - sizeof "\\xff...\"";
    size_t i = 0;
    *out++ = '"';
    for (; i < length && out <= last; i++) {
        if (short_for[bytes[i]]) {
            *out++ = '\\';
            *out++ = short_for[bytes[i]];
        } else if (bytes[i] < ' ' || bytes[i] > '~') {
            out += snprintf(out, sizeof "\\xff", "\\x%02x", bytes[i]);
        } else {
            *out++ = (char)bytes[i];
        }
    }
    strcpy(out, i < length ? "...\"" : "\"");
    return quoted;
}
