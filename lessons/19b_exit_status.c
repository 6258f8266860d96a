/* 19b_exit_status: how a child ends, and how its parent learns of it
 *
 * Predict  a child returns 256: which exit code does its parent see? And which one when SIGTERM
 *          kills the child?
 * Run      build/19b_exit_status, then with --limit 2000
 * Watch    eight bits of status, or the signal; a child that ignores SIGTERM, and a join that gives
 *          up; main ends the daemon, and waits for the worker.
 * Before   19a_processes
 * After    19c_copies
 * Python   Process: exitcode, terminate, kill, join(timeout), daemon
 */
#include "processes/actor.h"
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static long limit_ms = 20;

static void start(struct process *process, int (*run)(void *argument), void *argument)
{
    if (!process_start(process, "child", run, argument))
        die("fork");
}

static int returns(void *argument)
{
    return *(int *)argument;
}

static int waits(void *argument)
{
    (void)argument;
    process_end_with_parent(SIGTERM);
    while (poll(NULL, 0, -1) < 0)
        continue;
    return EXIT_SUCCESS;
}

static void say_code(const char *what, const struct process *process)
{
    int code = process_exitcode(process);
    if (code < 0)
        say("main", "%s: exit code %d (%s)", what, code, strsignal(-code));
    else
        say("main", "%s: exit code %d", what, code);
}

static void play_ends(void)
{
    struct process three = {0}, many = {0}, polite = {0};
    start(&three, returns, &(int){3});
    process_join(&three, -1);
    say_code("a child that returns 3", &three);
    start(&many, returns, &(int){256});
    process_join(&many, -1);
    say_code("a child that returns 256", &many);
    start(&polite, waits, NULL);
    process_signal(&polite, SIGTERM);
    process_join(&polite, -1);
    say_code("a child that is terminated", &polite);
}

static int ignores_sigterm(void *argument)
{
    (void)argument;
    turn_await();
    signal(SIGTERM, SIG_IGN);
    turn_end();
    turn_await();
    return EXIT_SUCCESS;
}

static void play_limit(void)
{
    struct actor stubborn;
    actor_start(&stubborn, "stubborn", ignores_sigterm, NULL);
    actor_give_turn(&stubborn);
    say("main", "terminates one that ignores SIGTERM, and joins it with a limit");
    process_signal(&stubborn.process, SIGTERM);
    bool joined = process_join(&stubborn.process, limit_ms);
    say("main", "%s",
        !joined && errno == ETIMEDOUT ? "ETIMEDOUT: it is still running" : "it has ended");
    actor_kill(&stubborn);
    say_code("the same child is killed", &stubborn.process);
}

static int finishes(void *argument)
{
    (void)argument;
    poll(NULL, 0, 20);
    say("worker", "has finished its work");
    return EXIT_SUCCESS;
}

static void play_end(void)
{
    struct process daemon = {.daemon = true}, worker = {0};
    start(&daemon, waits, NULL);
    say("main", "starts a worker, and ends: terminates the daemon, waits for the worker");
    start(&worker, finishes, NULL);
    process_join_all();
    say_code("the worker", &worker);
    say_code("the daemon", &daemon);
}

static int demo(void)
{
    play_ends();
    play_limit();
    play_end();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"limit", "MS", "how long main waits for a child", .number = &limit_ms, .min = 1,
         .max = 10000},
        {0},
    };
    return args_demo(argc, argv, "How a child ends, and how its parent learns of it.", demo,
                     options);
}
