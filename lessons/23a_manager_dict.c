/* 23a_manager_dict: the dictionary lives in a process of its own, and others send it messages
 *
 * Predict  a child does dic[0] = 100, and does not end. What does its parent find under 0: nothing,
 *          because the child has a copy? 100, but only after the child has ended? 100, at once?
 * Run      build/23a_manager_dict
 * Watch    each access to the dictionary is a line that a thread of the manager receives
 * Before   13a_mixins, 19a_processes, 20a_private_list. The rest is in common/processes/dict.c and
 *          common/processes/manager.c
 * After    23b_two_calls
 * Python   the posts' manage.dict(): multiprocessing.Manager().dict(), DictProxy
 */
#include "processes/actor.h"
#include "processes/manager.h"
#include "processes/process.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- The posts' program ---------------------------------------------------------------------- */

/* The proxy. A child inherits it with its connection, which the child must not use: dict.c */
static struct dict dic;

static const char *must(const char *result)
{
    if (!result)
        fail("%s", dic.error);
    return result;
}

/* def Foo(i): dic[i] = 100 + i; print dic.values() */
static int foo(void *argument)
{
    int i = *(int *)argument;
    char name[16], key[16], value[16];
    snprintf(name, sizeof name, "child-%d", i);
    snprintf(key, sizeof key, "%d", i);
    snprintf(value, sizeof value, "%d", 100 + i);
    turn_await();
    say(name, "dic[%s] = %s", key, value);
    must(dict_call(&dic, "set", key, value, NULL));
    say(name, "dic.values()");
    say(name, "%s", must(dict_call(&dic, "values", NULL)));
    turn_end();
    turn_await(); /* it is still alive when main looks */
    return EXIT_SUCCESS;
}

static void start_children(void)
{
    for (int i = 0; i < 2; i++) {
        struct actor child;
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        actor_start(&child, "child", foo, &i);
        if (!actor_give_turn(&child))
            exit(EXIT_FAILURE); /* it has said why */
        say("main", "child-%d has not ended. dic[%d]", i, i);
        say("main", "%s", must(dict_call(&dic, "get", key, NULL)));
        actor_give_turn(&child);
        actor_join(&child);
    }
}

static int demo(char **operands)
{
    (void)operands;
    struct process manager = {0};
    net_raise_descriptor_limit();
    say("main", "starts the manager, and asks it for len(dic)");
    dict_init(&dic, manager_start(&manager));
    say("main", "%s", must(dict_call(&dic, "len", NULL)));
    start_children();
    dict_close(&dic);
    process_join_all(); /* the manager too: a daemon process */
    return EXIT_SUCCESS;
}

/* ---- The same manager, for talking to by hand ------------------------------------------------ */

static const char *path;

static int serve(char **operands)
{
    (void)operands;
    struct server server;
    net_raise_descriptor_limit();
    stop_on_signals();
    manager_open(&server, path);
    service_run();
    return EXIT_SUCCESS;
}

static int connect_to(char **operands)
{
    struct server_class class = unix_stream_server();
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
        {0},
    };
    static const struct program program = {
        "The dictionary lives in a process of its own; whoever uses it sends messages.", commands,
        options};
    args_typed = "  set KEY VALUE    get KEY [DEFAULT]    contains KEY    keys    values    items\n"
                 "  delete KEY       pop KEY [DEFAULT]    len             clear\n"
                 "  update [KEY VALUE]...                 Ctrl-D ends it\n";
    return args_run(argc, argv, &program);
}
