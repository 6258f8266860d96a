/* 21_shared_array: an array that several processes see, with its lock inside
 *
 * Predict  two processes each do temp[0] = 1 + temp[0]. Every single read and every single write of
 *          an item is locked. temp[0] was 11: what may it be now?
 * Run      build/21_shared_array, then in two terminals: create --name /mine, show --name /mine
 * Watch    what one process writes is there for all of them: they have the same memory. A locked
 *          read and a locked write are not one locked update.
 * Before   17_locks, 20_private_memory
 * After    22_process_lock, 23a_manager_dict
 * Python   the posts' multiprocessing.Array and its get_lock; multiprocessing.shared_memory
 */
#include "processes/array.h"
#include "processes/process.h"
#include "sockets/stop.h"
#include "stage/actor.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <float.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *name, *values, *typecode = "i";
static long size, processes = 2, increments = 100000;
static bool timing;

/* ---- Values that a user has written ---------------------------------------------------------- */

static union item value_of(const struct item_type *type, const char *text)
{
    union item item;
    if (!item_parse(type, text, &item))
        args_refuse("value \"%s\": %s '%c', %s", text,
                    errno == ERANGE ? "does not fit type code" : "is none of type code", type->code,
                    type->name);
    return item;
}

/* "11,22,33,44". Array(typecode, sequence) */
static struct array *array_from(const struct item_type *type, const char *list)
{
    size_t length = 1;
    for (const char *c = list; *c; c++)
        length += *c == ',';
    struct array *array = array_new(type, length);
    for (size_t i = 0; i < length; i++) {
        size_t letters = strcspn(list, ",");
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)letters, list);
        if (letters >= sizeof word)
            args_refuse("value \"%s...\": is too long", word);
        array_set(array, (long)i, value_of(type, word));
        list += letters + 1;
    }
    return array;
}

/* ---- The demo: every type code, and what is refused ------------------------------------------ */

static struct array *arrays[ITEM_TYPES], *temp;

static const union item highest[ITEM_TYPES] = {
    {.c = 'z'},       {.u = 0x4f60},     {.b = SCHAR_MAX}, {.B = UCHAR_MAX}, {.h = SHRT_MAX},
    {.H = USHRT_MAX}, {.i = INT_MAX},    {.I = UINT_MAX},  {.l = LONG_MAX},  {.L = ULONG_MAX},
    {.q = LLONG_MAX}, {.Q = ULLONG_MAX}, {.f = FLT_MAX},   {.d = DBL_MAX},
};

static int write_the_highest(void *argument)
{
    (void)argument;
    for (int t = 0; t < ITEM_TYPES; t++)
        array_set(arrays[t], -1, highest[t]);
    return EXIT_SUCCESS;
}

static void play_types(void)
{
    struct actor child;
    say("main", "makes an array of 2 zeros for each type code; a child sets the last");
    for (int t = 0; t < ITEM_TYPES; t++)
        arrays[t] = array_new(&item_types[t], 2);
    actor_start(&child, "child", write_the_highest, NULL);
    actor_join(&child);
    for (int t = 0; t < ITEM_TYPES; t++) {
        say("main", "'%c' %-18s %zu %-5s %s", item_types[t].code, item_types[t].name,
            item_types[t].size, item_types[t].size == 1 ? "byte" : "bytes",
            array_text(arrays[t]).text);
        array_free(arrays[t]);
    }
}

static const char *answer(bool accepted)
{
    return accepted ? "accepted" : errno == ERANGE ? "ERANGE" : "EINVAL";
}

static void play_refusals(void)
{
    union item item;
    temp = array_from(item_type('i'), "11,22,33,44");
    array_get(temp, -1, &item);
    say("main", "temp = %s; temp[-1] is %d", array_text(temp).text, item.i);
    say("main", "temp[4]: %s; temp[-5]: %s; temp[-4]: %s", answer(array_get(temp, 4, &item)),
        answer(array_get(temp, -5, &item)), answer(array_get(temp, -4, &item)));
    say("main", "1.5 for an 'i': %s; 300 for a 'b': %s; -1 for a 'B': %s",
        answer(item_parse(item_type('i'), "1.5", &item)),
        answer(item_parse(item_type('b'), "300", &item)),
        answer(item_parse(item_type('B'), "-1", &item)));
    array_free(temp);
}

/* ---- The demo: the posts' two processes ------------------------------------------------------ */

static bool with_lock;

static int foo(void *argument)
{
    const char *self = argument;
    int i = self[4] - '0';
    actor_await_turn();
    say(self, "temp[%d] = %d", i, 100 + i);
    array_set(temp, i, (union item){.i = 100 + i});
    actor_end_turn();
    actor_await_turn();
    say(self, "temp is %s", array_text(temp).text);
    return EXIT_SUCCESS;
}

static int add_one(void *argument)
{
    const char *self = argument;
    union item item;
    actor_await_turn();
    if (with_lock && !array_acquire(temp, false)) {
        say(self, "somebody has the lock: waits");
        actor_end_turn();
        array_acquire(temp, true);
    }
    array_get(temp, 0, &item);
    say(self, "%sreads temp[0]: %d", with_lock ? "has the lock, " : "", item.i);
    actor_end_turn();
    actor_await_turn();
    item.i++;
    say(self, "writes temp[0] = %d%s", item.i, with_lock ? ", gives the lock back" : "");
    array_set(temp, 0, item);
    if (with_lock)
        array_release(temp);
    return EXIT_SUCCESS;
}

/* Each digit of the order is a turn of the first or of the second child. */
static void play_in_order(const char *order, int (*play)(void *argument), char *const names[2])
{
    struct actor children[2];
    temp = array_from(item_type('i'), "11,22,33,44");
    for (int i = 0; i < 2; i++)
        actor_start(&children[i], names[i], play, names[i]);
    for (const char *turn = order; *turn; turn++)
        actor_give_turn(&children[*turn - '0']);
    for (int i = 0; i < 2; i++)
        actor_join(&children[i]);
    if (play == add_one)
        say("main", "temp is %s", array_text(temp).text);
    array_free(temp);
}

static void play_posts(void)
{
    static char *const foos[] = {"foo(0)", "foo(1)"}, *const people[] = {"ann", "bob"};
    say("main", "temp = {11, 22, 33, 44}; the posts' two processes, foo(0) first");
    play_in_order("0011", foo, foos);
    say("main", "the same, foo(1) first");
    play_in_order("1100", foo, foos);
    say("main", "the same, both write before they look");
    play_in_order("0101", foo, foos);
    say("main", "ann and bob add one to temp[0]: each access is locked");
    play_in_order("0101", add_one, people);
    say("main", "the same, and each holds the lock from the read to the write");
    with_lock = true;
    play_in_order("0101", add_one, people);
}

/* ---- The demo: a name ------------------------------------------------------------------------ */

/* Until SIGINT or SIGTERM, which are blocked between the look and the wait: sigsuspend(2). */
static void wait_for_the_end(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    while (!stop_asked)
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* The one who makes the name also removes it: otherwise it stays until the system restarts. */
static void hold_name(const char *actor, struct array *source)
{
    stop_on_signals(); /* first: from now on no signal leaves the name behind */
    struct array *array = array_create(name, source);
    say(actor, "made %s: %s", name, array_text(source).text);
    actor_end_turn();
    wait_for_the_end();
    bool locked = array_acquire(array, false); /* who has the lock does not hold up the end */
    say(actor, "is asked to end: removes the name; the array is %s",
        locked ? array_text(array).text : "locked");
    array_unlink(name);
    if (locked)
        array_release(array);
    array_free(array);
}

static int play_maker(void *argument)
{
    (void)argument;
    actor_await_turn();
    hold_name("maker", array_from(item_type('i'), "11,22,33,44"));
    return EXIT_SUCCESS;
}

static void play_name(void)
{
    struct actor maker;
    actor_start(&maker, "maker", play_maker, NULL);
    if (actor_give_turn(&maker)) {
        struct array *array = array_open(name);
        say("main", "opens that name and sets [-1] = 144; asks the maker to end");
        array_set(array, -1, (union item){.i = 144});
        process_signal(&maker.process, SIGTERM);
        process_join(&maker.process, -1);
        say("main", "the name is %s; what is mapped stays: %s",
            array_unlink(name) ? "still there" : "gone", array_text(array).text);
        array_free(array);
    }
    process_join(&maker.process, -1);
    if (process_exitcode(&maker.process) < 0)
        array_unlink(name); /* a maker that was killed could not */
    actor_join(&maker);
}

/* ---- --timing -------------------------------------------------------------------------------- */

static int increment(void *argument)
{
    (void)argument;
    for (long i = 0; i < increments; i++) {
        array_acquire(temp, true);
        ++*(long long *)array_item(temp, 0); /* get and set would take the lock once more each */
        array_release(temp);
    }
    return EXIT_SUCCESS;
}

static int time_increments(void)
{
    struct actor *children = calloc((size_t)processes, sizeof *children);
    if (!children)
        die("calloc");
    struct timespec start;
    union item sum;
    temp = array_new(item_type('q'), 1);
    array_acquire(temp, true); /* nobody begins before all are there */
    for (long i = 0; i < processes; i++)
        actor_start(&children[i], "child", increment, NULL);
    clock_gettime(CLOCK_MONOTONIC, &start);
    array_release(temp);
    for (long i = 0; i < processes; i++)
        actor_join(&children[i]);
    say_timing(processes * increments, "locked increments", start);
    array_get(temp, 0, &sum);
    if (sum.q != processes * increments)
        fail("temp[0] is %lld, but ought to be %ld", sum.q, processes * increments);
    say("main", "temp[0] is %lld: none was lost", sum.q);
    array_free(temp);
    free(children);
    return EXIT_SUCCESS;
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void default_name(void)
{
    static char text[40];
    snprintf(text, sizeof text, "/21_shared_array.%ld", (long)getpid());
    if (!name) {
        name = text;
        array_unlink(name); /* a pid comes round again: left by a maker that was killed */
    }
    if (*name != '/' || strchr(name + 1, '/') || name[1] == '\0')
        args_refuse("--name %s: wants one slash, in front", name);
}

static struct array *open_by_name(void)
{
    if (!name)
        args_refuse("--name: wanted, as create has said it");
    default_name();
    return array_open(name);
}

static int demo(char **operands)
{
    (void)operands;
    if (timing)
        return time_increments();
    if (name)
        args_refuse("--name: the demo has a name of its own");
    default_name();
    play_types();
    play_refusals();
    play_posts();
    play_name();
    return EXIT_SUCCESS;
}

static int create(char **operands)
{
    (void)operands;
    const struct item_type *type = item_type(*typecode);
    if (!type || typecode[1] != '\0')
        args_refuse("--type %s: none of c u b B h H i I l L q Q f d", typecode);
    if (values && size)
        args_refuse("--size %ld: the size follows from --values", size);
    default_name();
    if (!values)
        values = type->kind == ITEM_CHARACTER ? "a,b,c,d" : "11,22,33,44";
    struct array *source = size ? array_new(type, (size_t)size) : array_from(type, values);
    hold_name("create", source);
    array_free(source);
    return EXIT_SUCCESS;
}

static long index_of(struct array *array, const char *text)
{
    long length = (long)array->length;
    return args_number("index", text, -length, length - 1);
}

static int get(char **operands)
{
    struct array *array = open_by_name();
    union item item;
    array_get(array, index_of(array, operands[0]), &item);
    say("get", "[%s] is %s", operands[0], item_text(array_type(array), item).text);
    array_free(array);
    return EXIT_SUCCESS;
}

static int set(char **operands)
{
    struct array *array = open_by_name();
    long index = index_of(array, operands[0]);
    array_set(array, index, value_of(array_type(array), operands[1]));
    say("set", "%s", array_text(array).text);
    array_free(array);
    return EXIT_SUCCESS;
}

static int show(char **operands)
{
    (void)operands;
    struct array *array = open_by_name();
    say("show", "'%c', %zu items: %s", array->typecode, array->length, array_text(array).text);
    array_free(array);
    return EXIT_SUCCESS;
}

static int hold(char **operands)
{
    (void)operands;
    struct array *array = open_by_name();
    array_acquire(array, true);
    stop_on_signals();
    say("hold", "has the lock of %s", name);
    wait_for_the_end();
    say("hold", "gives it back");
    array_release(array);
    array_free(array);
    return EXIT_SUCCESS;
}

static int remove_name(char **operands)
{
    (void)operands;
    array_free(open_by_name());
    if (!array_unlink(name))
        die("shm_unlink %s", name);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"create", "", "make a named array, hold it until SIGINT or SIGTERM", create},
        {"get", "INDEX", "print an item; the last one: get -- -1", get},
        {"set", "INDEX VALUE", "change an item", set},
        {"show", "", "print all items", show},
        {"hold", "", "hold the lock until SIGINT or SIGTERM", hold},
        {"remove", "", "remove a name that was left behind", remove_name},
        {0},
    };
    static const struct option_spec options[] = {
        {"name", "/N", "the name; create: else one with the pid", .text = &name},
        {"type", "C", "create: the type code", .text = &typecode},
        {"values", "V,V,V", "create: the items", .text = &values},
        {"size", "N", "create: zeros; 0: see --values", .number = &size, .max = 10000000},
        {"timing", NULL, "measure locked increments", .flag = &timing},
        {"processes", "N", "that increment", .number = &processes, .min = 1, .max = 1000},
        {"ops", "N", "increments of each", .number = &increments, .min = 1, .max = 10000000},
        {0},
    };
    static const struct program program = {
        "An array that several processes see, with its lock inside.", commands, options};
    return args_run(argc, argv, &program);
}
