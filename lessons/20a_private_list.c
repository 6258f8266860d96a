/* 20a_private_list: each process has its own memory, and sees nothing that others write
 *
 * Predict  ten children append their numbers to a list. All ten have done so, and the list of each
 *          has the same address as the parent's. What does the parent print?
 * Run      build/20a_private_list, then with --addresses
 * Watch    eleven lists at one address, all at the same time; the parent learns what a child sends,
 *          and nothing else.
 * Before   19a_processes
 * After    20b_copy_on_write; 21a_shared_array, where all see each write
 * Python   the posts' li.append(i) in ten processes; id(li)
 */
#include "processes/actor.h"
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHILDREN = 10, ROOM = 10 };

struct list {
    int items[ROOM];
    int count;
};

static struct list li; /* the posts' li = [] */
static bool addresses;

/* ---- The list -------------------------------------------------------------------------------- */

static void append(struct list *list, int item)
{
    if (list->count == ROOM)
        fail("the list is full");
    list->items[list->count++] = item;
}

/* Prints the list as Python does, "[1, 2]", and with --addresses its address. */
static void say_list(const char *actor, const char *what, const struct list *list)
{
    char text[64] = "", place[32] = "";
    int used = 0;
    for (int i = 0; i < list->count && used < (int)sizeof text - 12; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, i == 0 ? "%d" : ", %d",
                         list->items[i]);
    if (addresses)
        snprintf(place, sizeof place, " at %p", (const void *)list);
    say(actor, "%s [%s]%s", what, text, place);
}

/* ---- Ten children ---------------------------------------------------------------------------- */

/* What a child sends. The address is only a number, which means nothing outside the child. */
struct report {
    const struct list *list;
    int count;
};

static int reports[2]; /* a pipe from all children to the parent */

/* def foo(i): li.append(i); print 'say hi', li */
static int foo(void *argument)
{
    int i = *(int *)argument;
    char name[16], what[32];
    snprintf(name, sizeof name, "child-%d", i);
    snprintf(what, sizeof what, "appends %d: the list is", i);
    turn_await();
    append(&li, i);
    say_list(name, what, &li);
    struct report report = {.list = &li, .count = li.count};
    if (write(reports[1], &report, sizeof report) < 0)
        die("write");
    turn_end();
    turn_await(); /* stays alive, so that all lists exist at the same time */
    return EXIT_SUCCESS;
}

/* A pipe is a stream: a read may bring less than was asked for. */
static struct report receive_report(void)
{
    struct report report;
    for (size_t length = 0; length < sizeof report;) {
        ssize_t got = read(reports[0], (char *)&report + length, sizeof report - length);
        if (got < 0 && errno != EINTR)
            die("read");
        length += got > 0 ? (size_t)got : 0;
    }
    return report;
}

static int demo(void)
{
    struct actor children[CHILDREN];
    int items = 0, same = 0;
    if (pipe(reports) < 0)
        die("pipe");
    say_list("parent", "starts ten children; the list is", &li);
    for (int i = 0; i < CHILDREN; i++) {
        actor_start(&children[i], "child", foo, &i);
        if (!actor_give_turn(&children[i]))
            actor_join(&children[i]); /* says how it has ended */
        struct report report = receive_report();
        items += report.count;
        same += report.list == &li;
    }
    say("parent", "their ten lists hold %d items; %d have the address of mine", items, same);
    say_list("parent", "ending: the list is", &li);
    for (int i = 0; i < CHILDREN; i++) {
        actor_give_turn(&children[i]);
        actor_join(&children[i]);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"addresses", NULL, "print the address of each list", .flag = &addresses},
        {0},
    };
    return args_demo(argc, argv,
                     "Each process has its own memory, and sees nothing that others write.", demo,
                     options);
}
