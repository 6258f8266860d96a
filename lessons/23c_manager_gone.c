/* 23c_manager_gone: the manager is killed; its data is gone, and each call reports it
 *
 * Predict  the manager is killed with SIGKILL. What happens to the next dic["n"]: does it wait, end
 *          the program, or fail? What has become of the data, and of the path?
 * Run      build/23c_manager_gone
 * Watch    no call waits; the path outlives its server
 * Before   03a_unix_stream, 23b_two_calls
 * After    24a_process_pool
 * Python   Manager().dict(): BrokenPipeError, then ConnectionRefusedError; Process.exitcode
 */
#include "processes/manager.h"
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include "stage/signals.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *path;

/* Here there is a manager, so a call must succeed. */
static void must(struct dict *dict, const char *result)
{
    if (!result)
        fail("%s", dict->error);
}

/* Here there is none, so a call must fail. */
static void must_fail(const char *who, struct dict *dict, const char *result)
{
    if (result)
        fail("a reply, although there is no manager");
    say(who, "%s", dict->error);
}

/* A manager that has been killed cannot remove its path, so now that is its parent's task. */
static void remove_path_and_end(int signal_number)
{
    unlink(path);
    signals_end_by(signal_number);
}

static void kill_manager(struct process *manager)
{
    say("main", "kills the manager with SIGKILL");
    signals_on_ending(remove_path_and_end);
    process_signal(manager, SIGKILL);
    process_join(manager, -1);
    say("main", "its exit code is %d", process_exitcode(manager));
}

/* The kernel has two answers: one for a connection that existed, one for a new client. */
static void call_nobody(struct dict *dic)
{
    struct dict late;
    say("main", "dic[\"n\"]");
    must_fail("main", dic, dict_call(dic, "get", "n", NULL));
    say("main", "dic[\"n\"] = 2");
    must_fail("main", dic, dict_call(dic, "set", "n", "2", NULL));
    say("carl", "comes late: dic[\"n\"]");
    dict_init(&late, path);
    must_fail("carl", &late, dict_call(&late, "get", "n", NULL));
    dict_close(&late);
    if (unlink(path) == 0)
        say("main", "removes the path, which the manager could not");
}

static void start_again(struct dict *old)
{
    struct process manager = {0};
    struct dict dic;
    say("main", "starts another manager: len(dic)");
    path = manager_start(&manager);
    dict_init(&dic, path);
    const char *length = dict_call(&dic, "len", NULL);
    must(&dic, length);
    say("main", "%s: nobody else had the data", length);
    say("main", "the old dic[\"n\"]");
    must_fail("main", old, dict_call(old, "get", "n", NULL));
    dict_close(&dic);
    process_join_all();
}

static int demo(void)
{
    struct process manager = {0};
    struct dict dic;
    say("main", "starts the manager: dic[\"n\"] = 1");
    path = manager_start(&manager);
    dict_init(&dic, path);
    must(&dic, dict_call(&dic, "set", "n", "1", NULL));
    kill_manager(&manager);
    call_nobody(&dic);
    start_again(&dic);
    dict_close(&dic);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "The manager is killed, and each call reports it.", demo, NULL);
}
