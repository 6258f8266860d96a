/* 18b_the_word: five threads run, and five wait for a word on standard input
 *
 * Predict  Ten threads start. The odd ones run, the even ones wait until true is typed. What do the
 *          waiting ones do when hello is typed? And when the input ends, and nobody will ever type?
 * Run      build/18b_the_word, then build/18b_the_word read: type hello, then true
 * Watch    hello changes nothing; at true the even ones all go on.
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

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEN = 10 };

/* An event that nobody clears needs no counter. But it may be that it will never be set. */
static enum answer { NOT_YET, SAID, GIVEN_UP } answer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

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

static void run(void *argument)
{
    int number = *(int *)argument;
    if (number % 2 != 0) {
        say(thread_name(), "start %d: does not wait", number);
        say(thread_name(), "execute %d", number);
    } else {
        enum answer news = wait_for_the_word(number);
        gate_wait(TEN + number / 2); /* they wake in no order, but speak one after the other */
        say(thread_name(), news == SAID ? "execute %d" : "gives up %d", number);
    }
    gate_step();
}

/* Reads one line, and returns what it means for those who wait. */
static enum answer listen_once(struct lines *keyboard)
{
    char *line;
    size_t length;
    enum lines_result result = lines_next(keyboard, &line, &length);
    if (result == LINES_ERROR)
        die("read");
    if (result == LINES_END) {
        say("main", "end of file: the word will not come, so nobody need wait for it");
        return GIVEN_UP;
    }
    if (result == LINES_LINE && length == strlen("true") && memcmp(line, "true", length) == 0) {
        say("main", "that is the word: set");
        return SAID;
    }
    say("main", "%s is not the word", quote(line, length).text);
    return NOT_YET;
}

static struct thread threads[TEN];

/* Each is started when the one before it waits, or has run. */
static void start_all(void)
{
    static int numbers[TEN];
    char name[16];
    gate_make();
    for (int i = 0; i < TEN; i++) {
        numbers[i] = i;
        snprintf(name, sizeof name, "thread-%d", i);
        thread_init(&threads[i], name, run, &numbers[i]);
        if (!thread_start(&threads[i]))
            die("pthread_create");
        gate_wait(i + 1);
    }
}

static void listen_and_join(int keyboard_fd)
{
    char buffer[256];
    struct lines keyboard = lines_open(keyboard_fd, buffer, sizeof buffer);
    enum answer news = NOT_YET;
    while (news == NOT_YET)
        news = listen_once(&keyboard);
    tell(news);
    for (int i = 0; i < TEN; i++)
        thread_join(&threads[i], -1);
}

/* A pipe takes the place of the terminal. */
static int demo(char **operands)
{
    static const char typed[] = "hello\ntrue\n";
    int ends[2];
    (void)operands;
    start_all();
    say("ann", "types %s", quote(typed, strlen(typed)).text);
    if (pipe(ends) < 0 || write(ends[1], typed, strlen(typed)) < 0)
        die("pipe");
    listen_and_join(ends[0]);
    return EXIT_SUCCESS;
}

static int read_standard_input(char **operands)
{
    (void)operands;
    start_all();
    say("main", "type true, and Enter");
    listen_and_join(STDIN_FILENO);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo, with a pipe in place of the terminal", demo},
        {"read", "", "wait for the word on standard input", read_standard_input},
        {0},
    };
    static const struct program program = {
        .idea = "Five threads run, and five wait for a word on standard input.",
        .commands = commands,
    };
    return args_run(argc, argv, &program);
}
