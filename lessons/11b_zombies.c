/* 11b_zombies: a child that has ended stays until its parent asks
 *
 * Predict  three children ended while SIGCHLD was blocked. Now it is unblocked: how often does
 *          its handler run, and how many children must it wait for?
 * Run      build/11b_zombies, then with --once, with --ignore and with --no-reap
 * Watch    the zombies, which are counted; one signal may stand for several ends.
 * Before   11a_fork_server, which asks in each round; 05b_signal_in_time
 * After    13a_mixins; 19b_exit_status; 25a_prefork_server, which learns by SIGCHLD whom to replace
 * Python   post 003: ForkingTCPServer; os.waitpid, signal.signal(signal.SIGCHLD, signal.SIG_IGN)
 */
#include "stage/args.h"
#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_CHILDREN = 100 };

static long count = 3;
static bool once, ignore, no_reap;

static pid_t children[MOST_CHILDREN];

/* The handler notes, and main says: say may not be called in a handler. signal-safety(7) */
static volatile sig_atomic_t runs, reaped, statuses[MOST_CHILDREN];

static void note_end(pid_t child, int status)
{
    for (long i = 0; i < count; i++)
        if (children[i] == child) {
            statuses[i] = WEXITSTATUS(status);
            reaped = reaped + 1;
        }
}

/* A SIGCHLD that is pending already is not queued a second time, so one signal may stand for
 * several ends: the handler asks until nobody is left. It asks for any child, -1, and so takes ends
 * that another part of the program may wait for; lesson 11a asks by pid. */
static void reap(int signal_number)
{
    (void)signal_number;
    int error = errno, status;
    runs = runs + 1;
    pid_t child;
    while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
        note_end(child, status);
        if (once)
            break;
    }
    errno = error; /* of the call that the handler has interrupted */
}

/* The default action is to do nothing, and the zombie stays. SIG_IGN is another thing: the kernel
 * keeps no zombie. sigaction(2) */
static void set_up_sigchld(void)
{
    struct sigaction action = {.sa_handler = no_reap ? SIG_DFL : ignore ? SIG_IGN : reap};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGCHLD, &action, NULL) < 0)
        die("sigaction");
}

/* WNOWAIT waits for the end, and leaves the zombie for others to ask. With SIG_IGN there is none,
 * and the call fails when the child has gone. waitid(2) */
static void await_end(pid_t child)
{
    siginfo_t end;
    while (waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
}

static void fork_children(void)
{
    pid_t parent = getpid();
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "child-%d", i + 1);
        children[i] = child_fork();
        if (children[i] < 0)
            die("fork");
        if (children[i] == 0) {
            child_ends_with(parent, SIGKILL);
            say(name, "ends with status %d", i + 1);
            _exit(i + 1);
        }
        await_end(children[i]);
    }
}

/* A zombie can be looked at again and again; a child that has been reaped is a child no more. */
static int count_zombies(void)
{
    int zombies = 0;
    for (long i = 0; i < count; i++) {
        siginfo_t end = {.si_pid = 0};
        if (waitid(P_PID, (id_t)children[i], &end, WEXITED | WNOHANG | WNOWAIT) == 0)
            zombies += end.si_pid == children[i];
    }
    return zombies;
}

static void say_zombies(const char *when)
{
    int zombies = count_zombies();
    say("main", "%s: %d zombie%s", when, zombies, zombies == 1 ? "" : "s");
}

/* The handler has run when sigprocmask returns. Main is in the middle of something: a call of its
 * has failed, and it has not looked at errno yet. */
static void let_sigchld_in(const sigset_t *usual)
{
    say("main", "lets SIGCHLD in");
    errno = EAGAIN;
    sigprocmask(SIG_SETMASK, usual, NULL);
    if (errno != EAGAIN)
        fail("the handler has changed errno: %s", strerror(errno));
    say("main", "the handler has run %d time%s, and has reaped %d of %ld", (int)runs,
        runs == 1 ? "" : "s", (int)reaped, count);
    for (long i = 0; i < count && !once; i++)
        say("main", "child-%ld has ended with status %d", i + 1, (int)statuses[i]);
}

static void ask_for_the_status(void)
{
    if (waitpid(children[0], NULL, 0) < 0)
        say("main", "asks for the status of child-1: %s", strerror(errno));
}

/* Otherwise process 1 inherits them, and in a container it may be one that never asks. */
static void reap_those_that_are_left(void)
{
    for (long i = 0; i < count; i++)
        waitpid(children[i], NULL, 0);
}

static int demo(char **operands)
{
    (void)operands;
    if (once + ignore + no_reap > 1)
        args_refuse("--once, --ignore, --no-reap: one at a time");
    sigset_t sigchld, usual;
    sigemptyset(&sigchld);
    sigaddset(&sigchld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &sigchld, &usual);
    set_up_sigchld();
    say("main", "forks %ld children, and blocks SIGCHLD until all have ended", count);
    fork_children();
    say_zombies("all have ended");
    if (ignore)
        ask_for_the_status();
    else if (!no_reap)
        let_sigchld_in(&usual);
    say_zombies("before main ends");
    reap_those_that_are_left();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "children end, and their parent asks for them", demo},
        {0},
    };
    static const struct option_spec options[] = {
        {"children", "N", "how many", .number = &count, .min = 1, .max = MOST_CHILDREN},
        {"once", NULL, "the handler waits for one child, not for all", .flag = &once},
        {"ignore", NULL, "ignore SIGCHLD (SIG_IGN)", .flag = &ignore},
        {"no-reap", NULL, "nobody waits for a child", .flag = &no_reap},
        {0},
    };
    static const struct program program = {"A child that has ended stays until its parent asks.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
