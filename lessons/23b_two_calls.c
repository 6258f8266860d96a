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
#include "stage/choose.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/turns.h"

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
    turn_take(name, "gets dic[\"n\"]");
    say(name, "dic[\"n\"]");
    int found = atoi(must(dict_call(&dic, "get", "n", NULL)));
    turn_take(name, "sets dic[\"n\"] = %d", found + 1); /* the manager's lock is free now */
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

static int play_client(void *argument)
{
    const char *name = argument;
    add_one(name);
    turn_end();
    turn_await();
    if (name[0] == 'a' && !choose_is_wanted())
        ask_for_colour(name);
    return EXIT_SUCCESS;
}

/* ann and bob take turns. With CHOOSE=1 the class says whose turn it is. */
static bool play(void)
{
    enum { ORDERS = 6 };
    struct actor ann, bob;
    must(dict_call(&dic, "set", "n", "0", NULL));
    actor_start(&ann, "ann", play_client, "ann");
    actor_start(&bob, "bob", play_client, "bob");
    if (turns_play() < 2)
        exit(EXIT_FAILURE); /* whoever has ended has said why */
    say("main", "both have added one to 0: dic[\"n\"]");
    int sum = atoi(must(dict_call(&dic, "get", "n", NULL)));
    say("main", "%d", sum);
    actor_give_turn(&ann);
    actor_give_turn(&bob);
    actor_join(&ann);
    actor_join(&bob);
    if (sum == 2)
        return choose_again(ORDERS, "none is lost", "can you make 1?");
    return choose_again(ORDERS, "an update is lost", "can you make 2?");
}

static int demo(void)
{
    struct process manager = {0};
    say("main", "starts the manager: dic[\"n\"] = 0");
    dict_init(&dic, manager_start(&manager));
    while (play())
        continue;
    dict_close(&dic);
    process_join_all();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "Each call is whole, two calls are not.", demo, NULL);
}
