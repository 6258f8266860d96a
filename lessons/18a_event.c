/* 18_events: one thread says the word, and all who wait for it go on
 *
 * Predict  Five threads wait. main calls set, and clear at once after it: by the time that they
 *          look, the flag is false again. How many of the five go on?
 * Run      build/18_events, then with --naive
 * Watch    who waits, who does not, and who says the word; set and clear wake all five, because
 *          they look at a counter too; with --naive the same call wakes them for nothing.
 * Try      build/18_events read: type hello, then true; or Ctrl-D
 * Before   16a_threads, 17b_recursive_lock
 * After    19a_processes; 24a_process_pool
 * Python   threading.Event: is_set, set, clear, wait(timeout)
 */
#include "sockets/lines.h"
#include "stage/args.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long thread_count = 10;
static long waiter_count = 5;
static long limit_ms = 50;
static long round_trips = 20000;
static bool naive, timing;

/* ---- The event ------------------------------------------------------------------------------- */

struct event {
    pthread_mutex_t lock; /* guards all the rest */
    pthread_cond_t changed;
    bool is_set;
    unsigned long sets; /* so far: it never goes back, whereas the flag does */
    bool is_given_up;   /* nobody will set it any more */

    /* for one who wants to be sure that the others wait, and not to hope for it */
    long looks, second_looks; /* how many waits have looked once, and how many again */
    pthread_cond_t looked;
};

static void event_init(struct event *event)
{
    *event = (struct event){.is_set = false};
    pthread_mutex_init(&event->lock, NULL);
    deadline_cond_init(&event->changed);
    deadline_cond_init(&event->looked);
}

/* Nobody may wait any more. */
static void event_destroy(struct event *event)
{
    pthread_cond_destroy(&event->looked);
    pthread_cond_destroy(&event->changed);
    pthread_mutex_destroy(&event->lock);
}

/* What it says may be over when it has returned: to wait, call wait. Event.is_set */
static bool event_is_set(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    bool is_set = event->is_set;
    pthread_mutex_unlock(&event->lock);
    return is_set;
}

/* These two are called with the lock held. */
static void set(struct event *event)
{
    event->is_set = true;
    event->sets++;
}

static void clear(struct event *event)
{
    event->is_set = false;
}

/* Wakes all who wait; pthread_cond_signal would wake one. Whoever is woken wants the lock first: so
 * the call comes when it is free again, and a round trip is faster. Event.set */
static void event_set(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    set(event);
    pthread_mutex_unlock(&event->lock);
    pthread_cond_broadcast(&event->changed);
}

/* Event.clear */
static void event_clear(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    clear(event);
    pthread_mutex_unlock(&event->lock);
}

/* For the scenes below, which wait until all have looked. Called with the lock held. */
static void count_look(struct event *event, int nth_look)
{
    event->looks += nth_look == 1;
    event->second_looks += nth_look == 2;
    pthread_cond_signal(&event->looked);
}

/* Whether it is set, or was since the counter stood at this number. Called with the lock held. */
static bool has_come(const struct event *event, unsigned long sets_before)
{
    return event->is_set || (!naive && event->sets != sets_before);
}

/* Waits until it is set, ms at most; 0: does not wait; -1: without limit. Returns false with errno
 * set: ETIMEDOUT, the time is over; ECANCELED, it was given up. Event.wait */
static bool event_wait(struct event *event, long ms)
{
    struct deadline deadline = deadline_in(ms);
    pthread_mutex_lock(&event->lock);
    unsigned long sets_before = event->sets;
    bool in_time = true;
    int looks = 0;
    while (!has_come(event, sets_before) && !event->is_given_up && in_time) {
        count_look(event, ++looks);
        in_time = deadline_cond_wait(&event->changed, &event->lock, deadline);
    }
    count_look(event, ++looks);
    bool came = has_come(event, sets_before);
    int error = came ? 0 : event->is_given_up ? ECANCELED : ETIMEDOUT;
    pthread_mutex_unlock(&event->lock);
    errno = error;
    return came;
}

/* Ends every wait, now and later, with false: it will not be set. Python has no such method. */
static void event_give_up(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->is_given_up = true;
    pthread_mutex_unlock(&event->lock);
    pthread_cond_broadcast(&event->changed);
}

/* Returns when looks, or second_looks, has come to this number. A thread that looks in vain has the
 * lock until it waits: once five have looked, five wait. */
static void event_await(struct event *event, const long *looks, long number)
{
    pthread_mutex_lock(&event->lock);
    while (*looks < number)
        pthread_cond_wait(&event->looked, &event->lock);
    pthread_mutex_unlock(&event->lock);
}

/* ---- One thread asks ------------------------------------------------------------------------- */

static void say_wait(struct event *event, long ms)
{
    char limit[32];
    snprintf(limit, sizeof limit, ms < 0 ? "no limit" : "%ld ms", ms);
    bool came = event_wait(event, ms);
    say("main", "wait, %s: %s", limit, came ? "true" : "false, the time is over");
}

static void say_is_set(struct event *event)
{
    say("main", "is_set: %s", event_is_set(event) ? "true" : "false");
}

static void ask_an_event(void)
{
    struct event event;
    event_init(&event);
    say("main", "---- one event, one thread");
    say_is_set(&event);
    say_wait(&event, 0);
    say_wait(&event, 20);
    say("main", "set");
    event_set(&event);
    say_is_set(&event);
    say_wait(&event, -1);
    say_wait(&event, 0);
    say("main", "clear");
    event_clear(&event);
    say_is_set(&event);
    say_wait(&event, 0);
    event_destroy(&event);
}

/* ---- Many threads, and a word ---------------------------------------------------------------- */

struct member {
    struct thread thread;
    int number;
    struct scene *scene;
    struct thread *before; /* whose lines come before mine; NULL: nobody's */
};

struct scene {
    struct event word;
    struct event told; /* the story has come to the lines that follow the word */
    long count;        /* of members that have been started */
    struct member *members;
};

static struct scene *scene_open(long count)
{
    struct scene *scene = malloc(sizeof *scene);
    struct member *members = calloc((size_t)count, sizeof *members);
    if (!scene || !members)
        die("malloc");
    *scene = (struct scene){.members = members};
    event_init(&scene->word);
    event_init(&scene->told);
    return scene;
}

/* Waits for all; nobody of them may still hope for a word that does not come. */
static void scene_close(struct scene *scene)
{
    event_set(&scene->told);
    for (long i = 0; i < scene->count; i++)
        thread_join(&scene->members[i].thread, -1);
    event_destroy(&scene->told);
    event_destroy(&scene->word);
    free(scene->members);
    free(scene);
}

/* Starts one more member. When the system has no thread for it, the others are sent home. */
static struct member *scene_start(struct scene *scene, void (*run)(void *), int number,
                                  struct thread *before)
{
    struct member *member = &scene->members[scene->count];
    member->scene = scene;
    member->number = number;
    member->before = before;
    char name[sizeof member->thread.name];
    snprintf(name, sizeof name, "thread-%d", number);
    thread_init(&member->thread, name, run, member);
    if (!thread_start(&member->thread)) {
        int error = errno;
        event_give_up(&scene->word);
        scene_close(scene);
        errno = error;
        die("pthread_create");
    }
    scene->count++;
    return member;
}

/* All wake at once, in no order. That each waits for the end of the one before it puts their lines
 * in order, and nothing else. */
static void take_turn(struct member *member)
{
    event_wait(&member->scene->told, -1);
    if (member->before)
        thread_join(member->before, -1);
}

/* ---- The post's program ---------------------------------------------------------------------- */

static void execute(void *argument)
{
    struct member *member = argument;
    int number = member->number;
    if (number % 2 == 0) {
        say(thread_name(), "start %d: waits for the word", number);
        bool came = event_wait(&member->scene->word, -1);
        take_turn(member);
        say(thread_name(), came ? "execute %d" : "gives up %d", number);
    } else {
        say(thread_name(), "start %d: does not wait", number);
        say(thread_name(), "execute %d", number);
    }
}

/* Each is started when the one before it waits, or has ended, so that there is one order. */
static struct scene *start_odd_and_even(void)
{
    struct scene *scene = scene_open(thread_count);
    struct thread *last_even = NULL;
    long waiting = 0;
    for (int i = 0; i < thread_count; i++) {
        struct member *member = scene_start(scene, execute, i, i % 2 == 0 ? last_even : NULL);
        if (i % 2 == 0) {
            last_even = &member->thread;
            event_await(&scene->word, &scene->word.looks, ++waiting);
        } else {
            thread_join(&member->thread, -1);
        }
    }
    say("main", "%ld of %ld wait", waiting, thread_count);
    return scene;
}

static int keyboard_error;

/* Reads one line. Returns false when no other is wanted: the word has been said, or will not be. */
static bool listen_for_the_word(struct lines *keyboard, struct event *word)
{
    char *line;
    size_t length;
    switch (lines_next(keyboard, &line, &length)) {
    case LINES_LINE:
        if (length == strlen("true") && memcmp(line, "true", length) == 0) {
            say("main", "that is the word: set");
            event_set(word);
            return false;
        }
        say("main", "%s is not the word", quote(line, length).text);
        return true;
    case LINES_TOO_LONG:
        say("main", "a line of more than %zu bytes is not the word", keyboard->size);
        return true;
    case LINES_END:
        say("main", "end of file: the word will not come, so nobody shall wait for it");
        event_give_up(word);
        return false;
    case LINES_ERROR:
    default:
        keyboard_error = errno;
        event_give_up(word);
        return false;
    }
}

static void type(int keyboard, const char *text)
{
    say("ann", "types %s", quote(text, strlen(text)).text);
    if (write(keyboard, text, strlen(text)) < 0)
        die("write");
}

/* A pipe takes the place of the terminal. */
static void play_the_post(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        die("pipe");
    say("main", "---- the post's program: the odd ones run, the even ones wait");
    struct scene *scene = start_odd_and_even();
    char buffer[256];
    struct lines keyboard = lines_open(ends[0], buffer, sizeof buffer);
    type(ends[1], "hello\n");
    listen_for_the_word(&keyboard, &scene->word);
    type(ends[1], "true\n");
    listen_for_the_word(&keyboard, &scene->word);
    scene_close(scene);
    close(ends[0]);
    close(ends[1]);
}

/* ---- Set, and clear at once ------------------------------------------------------------------ */

static void wait_for_word(void *argument)
{
    struct member *member = argument;
    say(thread_name(), "waits");
    bool came = event_wait(&member->scene->word, naive ? limit_ms : -1);
    int error = errno;
    take_turn(member);
    if (came)
        say(thread_name(), "goes on: it was set");
    else if (error == ETIMEDOUT)
        say(thread_name(), "looked, saw false, waited on: time-out after %ld ms", limit_ms);
    else
        say(thread_name(), "gives up");
}

/* A wait may return although nobody has called: POSIX allows it, so a thread looks again. */
static void wake_for_nothing(struct event *event)
{
    pthread_cond_broadcast(&event->changed);
}

/* The worst case, forced: nobody who is woken by set gets the lock before clear has been called. */
static void set_and_clear(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    set(event);
    clear(event);
    pthread_mutex_unlock(&event->lock);
    pthread_cond_broadcast(&event->changed);
}

static void play_set_and_clear(void)
{
    say("main", "---- set, and clear at once%s", naive ? ", with a flag and no counter" : "");
    struct scene *scene = scene_open(waiter_count);
    struct thread *last = NULL;
    for (int i = 1; i <= waiter_count; i++) {
        last = &scene_start(scene, wait_for_word, i, last)->thread;
        event_await(&scene->word, &scene->word.looks, i);
    }
    say("main", "wakes all %ld, and has not set it", waiter_count);
    wake_for_nothing(&scene->word);
    event_await(&scene->word, &scene->word.second_looks, waiter_count);
    say("main", "they have looked, and wait on");
    say("main", "set, and clear before anybody can look");
    set_and_clear(&scene->word);
    scene_close(scene);
}

/* ---- Set to wake, measured ------------------------------------------------------------------- */

struct pair {
    struct event ping, pong;
    long answered;
};

static void answer(void *argument)
{
    struct pair *pair = argument;
    while (event_wait(&pair->ping, -1)) {
        event_clear(&pair->ping);
        pair->answered++;
        event_set(&pair->pong);
    }
}

/* One round trip is two times set to wake. Each event has one who sets it and one who waits, and
 * who waits clears it before the next set can come. */
static int time_round_trips(void)
{
    struct pair pair = {.answered = 0};
    event_init(&pair.ping);
    event_init(&pair.pong);
    struct thread other;
    thread_init(&other, "answer", answer, &pair);
    if (!thread_start(&other))
        die("pthread_create");
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < round_trips; i++) {
        event_set(&pair.ping);
        event_wait(&pair.pong, -1);
        event_clear(&pair.pong);
    }
    say_timing(round_trips, "round trips", start);
    event_give_up(&pair.ping);
    thread_join(&other, -1);
    event_destroy(&pair.pong);
    event_destroy(&pair.ping);
    if (pair.answered != round_trips)
        fail("%ld round trips, but %ld answers", round_trips, pair.answered);
    return EXIT_SUCCESS;
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int play(char **operands)
{
    (void)operands;
    if (timing)
        return time_round_trips();
    ask_an_event();
    play_the_post();
    play_set_and_clear();
    return EXIT_SUCCESS;
}

static int read_standard_input(char **operands)
{
    (void)operands;
    struct scene *scene = start_odd_and_even();
    char buffer[256];
    struct lines keyboard = lines_open(STDIN_FILENO, buffer, sizeof buffer);
    say("main", "type true, and Enter");
    while (listen_for_the_word(&keyboard, &scene->word))
        continue;
    scene_close(scene);
    if (keyboard_error != 0) {
        errno = keyboard_error;
        die("read");
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo, with a pipe in place of the terminal", play},
        {"read", "", "the post's program: wait for the word on standard input",
         read_standard_input},
        {0},
    };
    static const struct option_spec options[] = {
        {"threads", "N", "of the post's program", .number = &thread_count, .min = 1, .max = 1000},
        {"waiters", "N", "for set and clear", .number = &waiter_count, .min = 1, .max = 1000},
        {"naive", NULL, "a flag alone: set and clear is lost", .flag = &naive},
        {"limit", "MS", "with --naive, wait so long", .number = &limit_ms, .min = 1, .max = 60000},
        {"timing", NULL, "measure set to wake, there and back", .flag = &timing},
        {"ops", "N", "round trips", .number = &round_trips, .min = 1, .max = 10000000},
        {0},
    };
    static const struct program program = {
        "One thread says the word, and all who wait for it go on.", commands, options};
    return args_run(argc, argv, &program);
}
