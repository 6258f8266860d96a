/* 18b_the_word: five threads run, and five wait for a word on standard input
 *
 * Predict  Ten threads start. The odd ones run, the even ones wait until true is typed. What do the
 *          waiting ones do when hello is typed? And when the input ends, and nobody will ever type?
 * Run      build/18b_the_word
 * Watch    the odd ones are done before anything is typed; hello changes nothing; at true the even
 *          ones all go on.
 * Try      build/18b_the_word read: type hello, then true; then again with Ctrl-D
 * Before   18a_event; 04_lines for what a line is
 * After    18c_bounded_buffer
 * Python   post 003: ten threads, event.wait() if the number is even, raw_input, event.set()
 */
#include "sockets/lines.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEN = 10, LINE_BYTES = 256 };

/* ---- The word -------------------------------------------------------------------------------- */

/* An event that nobody clears needs no counter. But it may be that it will never be set. */
enum answer { NOT_YET, SAID, GIVEN_UP };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static enum answer answer;

static void tell(enum answer news)
{
    pthread_mutex_lock(&lock);
    answer = news;
    pthread_mutex_unlock(&lock);
    pthread_cond_broadcast(&answered);
}

/* Whoever steps with the lock held is sure to wait before main can tell anything. */
static enum answer wait_for_the_word(int number)
{
    pthread_mutex_lock(&lock);
    say(thread_name(), "start %d: waits for the word", number);
    gate_step();
    while (answer == NOT_YET)
        pthread_cond_wait(&answered, &lock);
    enum answer news = answer;
    pthread_mutex_unlock(&lock);
    return news;
}

/* ---- The threads ----------------------------------------------------------------------------- */

/* They wake at once, in no order: the gate puts their lines in order, and nothing else. */
static void run_even(int number)
{
    enum answer news = wait_for_the_word(number);
    gate_wait(TEN + number / 2);
    say(thread_name(), news == SAID ? "execute %d" : "gives up %d", number);
    gate_step();
}

static void run_odd(int number)
{
    say(thread_name(), "start %d: does not wait", number);
    say(thread_name(), "execute %d", number);
    gate_step();
}

static void run(void *argument)
{
    int number = *(int *)argument;
    if (number % 2 == 0)
        run_even(number);
    else
        run_odd(number);
}

static struct thread threads[TEN];
static int numbers[TEN];

/* Each is started when the one before it waits, or has run. */
static void start_all(void)
{
    gate_make();
    for (int i = 0; i < TEN; i++) {
        char name[sizeof threads[i].name];
        snprintf(name, sizeof name, "thread-%d", i);
        numbers[i] = i;
        thread_init(&threads[i], name, run, &numbers[i]);
        if (!thread_start(&threads[i]))
            die("pthread_create");
        gate_wait(i + 1);
    }
}

static void join_all(void)
{
    for (int i = 0; i < TEN; i++)
        thread_join(&threads[i], -1);
}

/* ---- The keyboard ---------------------------------------------------------------------------- */

static int keyboard_error;

/* Reads one line, and returns what it means for those who wait. */
static enum answer listen_once(struct lines *keyboard)
{
    char *line;
    size_t length;
    switch (lines_next(keyboard, &line, &length)) {
    case LINES_LINE:
        if (length == strlen("true") && memcmp(line, "true", length) == 0) {
            say("main", "that is the word: set");
            return SAID;
        }
        say("main", "%s is not the word", quote(line, length).text);
        return NOT_YET;
    case LINES_TOO_LONG:
        say("main", "a line of more than %zu bytes is not the word", keyboard->size);
        return NOT_YET;
    case LINES_END:
        say("main", "end of file: the word will not come, so nobody need wait for it");
        return GIVEN_UP;
    case LINES_ERROR:
    default:
        keyboard_error = errno;
        return GIVEN_UP;
    }
}

/* A pipe takes the place of the terminal. */
static int demo(char **operands)
{
    static const char *const typed[] = {"hello\n", "true\n"};
    char buffer[LINE_BYTES];
    int ends[2];
    (void)operands;
    if (pipe(ends) < 0)
        die("pipe");
    struct lines keyboard = lines_open(ends[0], buffer, sizeof buffer);
    start_all();
    for (int i = 0; i < 2; i++) {
        say("ann", "types %s", quote(typed[i], strlen(typed[i])).text);
        if (write(ends[1], typed[i], strlen(typed[i])) < 0)
            die("write");
        tell(listen_once(&keyboard));
    }
    join_all();
    close(ends[0]);
    close(ends[1]);
    return EXIT_SUCCESS;
}

static int read_standard_input(char **operands)
{
    char buffer[LINE_BYTES];
    struct lines keyboard = lines_open(STDIN_FILENO, buffer, sizeof buffer);
    enum answer news = NOT_YET;
    (void)operands;
    start_all();
    say("main", "type true, and Enter");
    while (news == NOT_YET)
        news = listen_once(&keyboard);
    tell(news);
    join_all();
    errno = keyboard_error;
    if (errno != 0)
        die("read");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo, with a pipe in place of the terminal", demo},
        {"read", "", "wait for the word on standard input", read_standard_input},
        {0},
    };
    static const struct option_spec options[] = {{0}};
    static const struct program program = {
        "Five threads run, and five wait for a word on standard input.", commands, options};
    return args_run(argc, argv, &program);
}
