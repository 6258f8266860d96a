/* 23b_two_calls: each call to the manager is whole, two calls are not
 *
 * Predict  dic["n"] is 0. ann and bob, two processes, each do dic["n"] += 1. The manager has a
 *          lock. Can the result be 1? And when ann asks for a key that is not there, who gets the
 *          error?
 * Run      build/23b_two_calls
 * Watch    dic["n"] += 1 is two messages, get and set, and another client's get may come in between
 * Before   17a_lost_update, 23a_manager_dict
 * After    23c_manager_gone
 * Python   Manager().dict(): "each call is atomic" says nothing about two calls; KeyError
 */
#include "processes/actor.h"
#include "processes/manager.h"
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <stdio.h>
#include <stdlib.h>

static struct dict dic;

static const char *must(const char *result)
{
    if (!result)
        fail("%s", dic.error);
    return result;
}

/* dic["n"] += 1 */
static void add_one(const char *name)
{
    char sum[16];
    say(name, "dic[\"n\"]");
    int found = atoi(must(dict_call(&dic, "get", "n", NULL)));
    actor_end_turn(); /* the manager's lock is free, and the other has its turn */
    actor_await_turn();
    say(name, "found %d, adds one: dic[\"n\"] = %d", found, found + 1);
    snprintf(sum, sizeof sum, "%d", found + 1);
    must(dict_call(&dic, "set", "n", sum, NULL));
}

/* The manager carries on; the error arrives where the call was made. */
static void ask_for_colour(const char *name)
{
    say(name, "dic[\"colour\"]");
    if (!dict_call(&dic, "get", "colour", NULL))
        say(name, "%s", dic.error);
    say(name, "dic.get(\"colour\", \"none\")");
    say(name, "%s", must(dict_call(&dic, "get", "colour", "none", NULL)));
}

static int play(void *argument)
{
    const char *name = argument;
    actor_await_turn();
    add_one(name);
    actor_end_turn();
    actor_await_turn();
    if (name[0] == 'a')
        ask_for_colour(name);
    return EXIT_SUCCESS;
}

static int demo(char **operands)
{
    (void)operands;
    enum { TURNS = 2 };
    struct process manager = {0};
    struct actor ann, bob;
    say("main", "starts the manager: dic[\"n\"] = 0");
    dict_init(&dic, manager_start(&manager));
    must(dict_call(&dic, "set", "n", "0", NULL));
    actor_start(&ann, "ann", play, "ann");
    actor_start(&bob, "bob", play, "bob");
    for (int turn = 0; turn < TURNS; turn++)
        if (!actor_give_turn(&ann) || !actor_give_turn(&bob))
            exit(EXIT_FAILURE); /* it has said why */
    say("main", "both have added one to 0: dic[\"n\"]");
    say("main", "%s", must(dict_call(&dic, "get", "n", NULL)));
    actor_give_turn(&ann);
    actor_give_turn(&bob);
    actor_join(&ann);
    actor_join(&bob);
    dict_close(&dic);
    process_join_all();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {{"", "", "play the demo", demo}, {0}};
    static const struct option_spec options[] = {{0}};
    static const struct program program = {"Each call is whole, two calls are not.", commands,
                                           options};
    return args_run(argc, argv, &program);
}
