/* 23_manager_dict: the dictionary lives in a process of its own; whoever uses it sends messages
 *
 * Predict  a child sets dic[0] = 100 and does not end. What does its parent find under 0: nothing,
 *          as the child has a copy? 100, but only when the child has ended? 100, at once?
 * Run      build/23_manager_dict
 * Watch    each access is a line that a thread of the manager receives. A missing key is an error
 *          in the process that asked. In the end the manager is killed.
 * Before   13_mixins, 19_processes, 20_private_memory, 22_process_lock; then common/processes/table.h,
 *          common/processes/words.h, common/processes/manager.h and common/processes/dict.h, each with its .c, which this lesson
 *          introduces
 * After    24_process_pool
 * Python   multiprocessing.Manager().dict(), DictProxy; the posts' manage.dict()
 */
#include "processes/dict.h"
#include "processes/manager.h"
#include "processes/process.h"
#include "processes/table.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/service.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *path = NULL;
static long clients = 1, ops = 10000;
static bool timing;

/* ---- The manager as a process, and what it leaves -------------------------------------------- */

static pid_t starter;
static struct process manager_process = {.daemon = true};
static char manager_path[128];
static int told[2]; /* a pipe: the manager tells where it listens */

/* Whoever started it may have been killed. The loop comes by here twice a second. */
static void end_without_starter(struct server *server)
{
    if (getppid() != starter)
        server_end_loop(server);
}

static int run_manager(void *argument)
{
    (void)argument;
    struct server server;
    struct manager manager;
    struct server_class class = manager_server();
    class.service_actions = end_without_starter;
    close(told[0]);
    stop_on_signals();
    manager_open(&server, &manager, class, path);
    manager.quiet = timing;
    struct address_text address = address_text(&server.address);
    if (write(told[1], address.text, strlen(address.text)) < 0)
        stop_asked = SIGPIPE; /* whoever started it has gone */
    close(told[1]);
    manager_run(&server);
    return EXIT_SUCCESS;
}

static void clear_up(void)
{
    if (getpid() == starter)
        manager_remove_stale_path(manager_path);
}

/* Returns when the manager listens; its end comes with that of the program. Manager() */
static void start_manager(void)
{
    starter = getpid();
    if (pipe(told) < 0)
        die("pipe");
    if (atexit(clear_up) != 0)
        fail("atexit");
    if (!process_start(&manager_process, "manager", run_manager, NULL))
        die("fork");
    close(told[1]);
    size_t have = 0;
    ssize_t got;
    while ((got = read(told[0], manager_path + have, sizeof manager_path - 1 - have)) != 0)
        have += got > 0 ? (size_t)got : 0; /* a pipe is a stream too */
    close(told[0]);
    if (have > 0)
        return;
    process_join(&manager_process, -1); /* it has said why */
    exit(process_exitcode(&manager_process));
}

/* ---- The demo -------------------------------------------------------------------------------- */

static struct dict dic; /* main's, and each child's own when it uses it */
static int written[2], may_end[2];

static void must(bool done, const struct dict *dict, const char *what)
{
    if (!done)
        fail("%s: %s", what, dict->error);
}

static void set(struct dict *dict, const char *key, const char *value)
{
    must(dict_set(dict, table_bytes(key), table_bytes(value)), dict, "set");
}

static struct bytes get(struct dict *dict, const char *key)
{
    struct bytes value;
    must(dict_get(dict, table_bytes(key), NULL, &value), dict, "get");
    return value;
}

/* Waits for a byte in the pipe; false when all who could write one have closed it. */
static bool await_byte(int fd)
{
    char byte;
    ssize_t got;
    while ((got = read(fd, &byte, 1)) < 0 && errno == EINTR)
        continue;
    return got == 1;
}

/* A small number as text; lives until the end of the full expression. */
struct digits {
    char text[12];
};
static struct digits digits(int number)
{
    struct digits digits;
    snprintf(digits.text, sizeof digits.text, "%d", number);
    return digits;
}

static struct quoted shown(struct bytes bytes)
{
    return quote(bytes.data, bytes.length);
}

/* Says what the lines of the list that has been asked for hold. */
static void say_list(const char *actor, struct dict *dict)
{
    char text[256] = "";
    size_t used = 0;
    for (const char *comma = ""; dict_next(dict) && used < sizeof text; comma = ", ") {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", comma,
                                 shown(dict->words[0]).text);
        if (dict->width == 2 && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, ": %s",
                                     shown(dict->words[1]).text);
    }
    say(actor, "[%s]", text);
}

/* The posts' Foo. */
static int foo(void *argument)
{
    int i = *(int *)argument;
    char name[16];
    snprintf(name, sizeof name, "child-%d", i);
    close(may_end[1]);
    say(name, "dic[%d] = %d", i, 100 + i);
    set(&dic, digits(i).text, digits(100 + i).text);
    say(name, "dic.values()");
    must(dict_values(&dic), &dic, "values");
    say_list(name, &dic);
    if (write(written[1], "", 1) != 1)
        die("write");
    await_byte(may_end[0]); /* there is none: main closes its end */
    dict_close(&dic);
    return EXIT_SUCCESS;
}

static void play_the_post(void)
{
    struct process child[2] = {{.daemon = true}, {.daemon = true}};
    say("main", "---- the post: a child for each i sets dic[i] = 100 + i");
    for (int i = 0; i < 2; i++) {
        if (pipe(written) < 0 || pipe(may_end) < 0)
            die("pipe");
        if (!process_start(&child[i], "child", foo, &i))
            die("fork");
        close(written[1]);
        if (!await_byte(written[0]))
            exit(EXIT_FAILURE); /* it has said why */
        say("main", "child-%d has not ended. dic[%d]", i, i);
        say("main", "%s", shown(get(&dic, digits(i).text)).text);
        close(written[0]);
        close(may_end[0]);
        close(may_end[1]);
        process_join(&child[i], -1);
    }
}

static void play_missing_key(void)
{
    struct bytes value, colour = table_bytes("colour"), none = table_bytes("none");
    say("main", "---- an error travels to whoever asked");
    say("main", "dic[\"colour\"]");
    if (!dict_get(&dic, colour, NULL, &value))
        say("main", "%s", dic.error);
    say("main", "dic.get(\"colour\", \"none\")");
    must(dict_get(&dic, colour, &none, &value), &dic, "get");
    say("main", "%s", shown(value).text);
}

static void play_methods(void)
{
    struct table pairs = {0};
    struct bytes key, value, any = {(char[]){'\0', '\n', ' ', '%'}, 4};
    say("main", "---- one function for each method");
    must(dict_clear(&dic), &dic, "clear");
    if (!table_set(&pairs, table_bytes("error"), table_bytes("3")) ||
        !table_set(&pairs, table_bytes("fig"), table_bytes("7")))
        fail("no memory");
    say("main", "dic.update({\"error\": 3, \"fig\": 7})");
    must(dict_update(&dic, &pairs), &dic, "update");
    table_clear(&pairs);
    say("main", "dic.setdefault(\"apple\", 5)");
    must(dict_setdefault(&dic, table_bytes("apple"), table_bytes("5"), &value), &dic, "setdefault");
    say("main", "dic.items()");
    must(dict_items(&dic), &dic, "items");
    say_list("main", &dic);
    say("main", "dic.popitem()");
    must(dict_popitem(&dic, &key, &value), &dic, "popitem");
    say("main", "%s, which came last", shown(key).text);
    say("main", "dic.copy(), and the copy is changed");
    must(dict_copy(&dic, &pairs), &dic, "copy");
    if (!table_set(&pairs, table_bytes("error"), table_bytes("0")))
        fail("no memory");
    table_clear(&pairs);
    say("main", "dic[\"error\"] is %s", shown(get(&dic, "error")).text);
    say("main", "a key of any bytes");
    must(dict_set(&dic, any, table_bytes("x")), &dic, "set");
    must(dict_pop(&dic, any, NULL, &value), &dic, "pop");
}

/* What Python writes as dic["n"] += 1 is a get and a set. Each has the lock; nobody has it between
 * the two. */
static void play_two_calls(void)
{
    static const char *const names[] = {"ann", "bob"};
    struct dict each[2];
    int found[2];
    say("main", "---- each call is whole, two calls are not");
    set(&dic, "n", "0");
    for (int i = 0; i < 2; i++) {
        dict_init(&each[i], manager_path);
        say(names[i], "dic[\"n\"]");
        found[i] = *get(&each[i], "n").data - '0';
    }
    for (int i = 0; i < 2; i++) {
        say(names[i], "has found %d, adds one: dic[\"n\"] = %d", found[i], found[i] + 1);
        set(&each[i], "n", digits(found[i] + 1).text);
        dict_close(&each[i]);
    }
    say("main", "two have added one to 0: dic[\"n\"] is %s", shown(get(&dic, "n")).text);
}

static void play_end_of_manager(void)
{
    struct dict late;
    struct table pairs = {0};
    struct bytes key = table_bytes("n"), value;
    long count;
    sigset_t ending, before;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGPIPE);
    say("main", "---- the manager is killed");
    pthread_sigmask(SIG_BLOCK, &ending, &before); /* they wait until the path is gone */
    process_signal(&manager_process, SIGKILL);
    process_join(&manager_process, -1);
    say("main", "the manager's exit code is %d", process_exitcode(&manager_process));
    bool done[] = {
        dict_contains(&dic, key, &count),
        dict_get(&dic, key, NULL, &value),
        dict_set(&dic, key, key),
        dict_delete(&dic, key),
        dict_len(&dic, &count),
        dict_clear(&dic),
        dict_copy(&dic, &pairs),
        dict_items(&dic),
        dict_keys(&dic),
        dict_values(&dic),
        dict_pop(&dic, key, NULL, &value),
        dict_popitem(&dic, &key, &value),
        dict_setdefault(&dic, key, key, &value),
        dict_update(&dic, &pairs),
    };
    int methods = sizeof done / sizeof *done, failures = 0;
    for (int i = 0; i < methods; i++)
        failures += !done[i];
    say("main", "%d of %d methods fail, at once", failures, methods);
    say("main", "%s", dic.error);
    dict_init(&late, manager_path);
    if (!dict_len(&late, &count))
        say("carl", "comes late: %s", late.error);
    dict_close(&late);
    if (manager_remove_stale_path(manager_path))
        say("main", "removes the path, which the manager could not");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- Many clients ---------------------------------------------------------------------------- */

enum { DRIVERS = 8 };
static int connected[2], go[2];

/* A set, then a get, which has to find what was set. */
static void do_op(struct dict *dict, long client, long op)
{
    char key[32], wanted[32];
    snprintf(key, sizeof key, "client-%ld", client);
    snprintf(wanted, sizeof wanted, "%ld", op / 2);
    if (op % 2 == 0) {
        set(dict, key, wanted);
        return;
    }
    struct bytes value = get(dict, key);
    if (value.length != strlen(wanted) || memcmp(value.data, wanted, value.length) != 0)
        fail("%s is %s, not %s", key, shown(value).text, wanted);
}

/* One process plays every DRIVERS-th client, each with a connection of its own. */
static int drive(void *argument)
{
    long first = *(int *)argument, count, left = 1;
    struct dict *dicts = calloc((size_t)(clients / DRIVERS + 1), sizeof *dicts);
    if (!dicts)
        die("calloc");
    close(go[1]);
    for (long client = first, i = 0; client < clients; client += DRIVERS, i++) {
        dict_init(&dicts[i], manager_path);
        must(dict_len(&dicts[i], &count), &dicts[i], "len");
    }
    if (write(connected[1], "", 1) != 1)
        die("write");
    close(connected[1]); /* as long as one of them could write, main would wait for all */
    await_byte(go[0]);   /* until main closes its end */
    for (long op = 0; left > 0; op++) {
        left = 0;
        for (long client = first, i = 0; client < clients; client += DRIVERS, i++)
            if (op < ops / clients + (client < ops % clients)) {
                do_op(&dicts[i], client, op);
                left++;
            }
    }
    for (long client = first, i = 0; client < clients; client += DRIVERS, i++)
        dict_close(&dicts[i]);
    free(dicts);
    return EXIT_SUCCESS;
}

static void measure(void)
{
    int drivers = clients < DRIVERS ? (int)clients : DRIVERS;
    struct process driver[DRIVERS];
    struct timespec start;
    long keys;
    if (pipe(connected) < 0 || pipe(go) < 0)
        die("pipe");
    for (int i = 0; i < drivers; i++) {
        driver[i] = (struct process){.daemon = true};
        if (!process_start(&driver[i], "driver", drive, &i))
            die("fork");
    }
    close(connected[1]);
    for (int i = 0; i < drivers; i++)
        if (!await_byte(connected[0]))
            exit(EXIT_FAILURE); /* it has said why */
    clock_gettime(CLOCK_MONOTONIC, &start);
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < drivers; i++) {
        process_join(&driver[i], -1);
        int status = process_exitcode(&driver[i]);
        if (status < 0)
            fail("driver %d was killed by signal %d", i, -status);
        if (status != EXIT_SUCCESS)
            exit(status);
    }
    say_mute(false);
    say_timing(ops, "gets and sets", start);
    must(dict_len(&dic, &keys), &dic, "len");
    say("main", "%ld keys of %ld clients; each get found what its client had set", keys, clients);
    close(connected[0]);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int demo(char **operands)
{
    (void)operands;
    long count;
    net_raise_descriptor_limit();
    say_mute(timing);
    say("main", "starts the manager");
    start_manager();
    dict_init(&dic, manager_path);
    must(dict_len(&dic, &count), &dic, "len"); /* comes after the manager's first line */
    if (timing) {
        measure();
    } else {
        play_the_post();
        play_missing_key();
        play_methods();
        play_two_calls();
        play_end_of_manager();
    }
    dict_close(&dic);
    process_join_all();
    return EXIT_SUCCESS;
}

static int serve(char **operands)
{
    (void)operands;
    struct server server;
    struct manager manager;
    net_raise_descriptor_limit();
    stop_on_signals();
    if (path)
        manager_remove_stale_path(path);
    manager_open(&server, &manager, manager_server(), path);
    manager.quiet = timing;
    manager_run(&server);
    return EXIT_SUCCESS;
}

/* An update is several lines with one reply, which talk would wait for after each line. */
static int connect_to(char **operands)
{
    struct server_class class = manager_server();
    if (!talk_both_ways(service_connect(&class, operands[0], 0)))
        fail("the manager has closed the connection");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "be the manager until SIGINT or SIGTERM", serve},
        {"connect", "PATH", "send what is typed, print what comes", connect_to},
        {0},
    };
    static const struct option_spec options[] = {
        {"path", "P", "the path of the socket (default one with the pid)", .text = &path},
        {"timing", NULL, "measure gets and sets, with no narration", .flag = &timing},
        {"clients", "N", "clients at once", .number = &clients, .min = 1, .max = 10000},
        {"ops", "N", "gets and sets, all clients", .number = &ops, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "The dictionary lives in a process of its own; whoever uses it sends messages.", commands,
        options};
    return args_run(argc, argv, &program);
}
