/* 19d_exec: another program in the same process: what survives, and what must not
 *
 * Predict  a child has a handler for one signal, ignores another, blocks a third, and has a file
 *          open. Then it calls exec. Which of the four does the new program still find?
 * Run      build/19d_exec
 * Watch    the pid stays, the memory is new; what was ignored, blocked or open stays so, unless the
 *          child tidies up before exec; exec returns only if it fails.
 * Before   19c_copies
 * After    20a_private_list
 * Python   subprocess.run: close_fds, restore_signals, FileNotFoundError; os.execvp
 */
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOT_FOUND = 127 }; /* the status that sh gives for a command that it cannot find */

static char *own_path;
static sigset_t inherited; /* the mask */
static int secret = -1;    /* the descriptor of a file */
static int mark = 1;

/* ---- The program that the child becomes ------------------------------------------------------ */

static const char *action_of(int signal_number)
{
    struct sigaction action;
    sigaction(signal_number, NULL, &action);
    return action.sa_handler == SIG_DFL   ? "has its default action"
           : action.sa_handler == SIG_IGN ? "is ignored"
                                          : "has a handler";
}

static int report(char **operands)
{
    int fd = (int)args_number("FD", operands[0], 0, 1000000);
    say("program", "I am %ld, mark is %d", (long)getpid(), mark);
    say("program", "SIGUSR1 %s", action_of(SIGUSR1));
    say("program", "SIGUSR2 %s", action_of(SIGUSR2));
    say("program", "SIGALRM is %s", sigismember(&inherited, SIGALRM) ? "blocked" : "not blocked");
    say("program", "the secret is %s", fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
    return 5;
}

/* ---- The child ------------------------------------------------------------------------------- */

static void handle(int signal_number)
{
    (void)signal_number;
}

static void block(int how, int signal_number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigprocmask(how, &set, NULL);
}

static void set_up(void)
{
    mark = 7;
    signal(SIGUSR1, handle);
    signal(SIGUSR2, SIG_IGN);
    block(SIG_BLOCK, SIGALRM);
    secret = open("/dev/null", O_RDONLY);
    if (secret < 0)
        die("/dev/null");
}

static void tidy_up(void)
{
    signal(SIGUSR2, SIG_DFL);
    block(SIG_UNBLOCK, SIGALRM);
    fcntl(secret, F_SETFD, FD_CLOEXEC);
}

/* Returns only if there is no such program, or if it cannot be run. */
static int become(char *program)
{
    char fd[16];
    snprintf(fd, sizeof fd, "%d", secret);
    execvp(program, (char *[]){program, "report", fd, NULL});
    say("child", "exec of \"%s\": %s", program, strerror(errno));
    return NOT_FOUND;
}

static int is_careless(void *unused)
{
    (void)unused;
    set_up();
    say("child", "I am %ld, mark is %d; I leave all of it as it is, and call exec", (long)getpid(),
        mark);
    return become(own_path);
}

static int is_careful(void *unused)
{
    (void)unused;
    set_up();
    say("child", "I am %ld, mark is %d; I tidy up, and call exec", (long)getpid(), mark);
    tidy_up();
    return become(own_path);
}

static int is_mistaken(void *unused)
{
    (void)unused;
    return become("./no-such-program");
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void play(int (*child)(void *unused))
{
    struct process process = {0};
    if (!process_start(&process, "child", child, NULL))
        die("fork");
    process_join(&process, -1);
    if (process_exitcode(&process) == EXIT_FAILURE)
        exit(EXIT_FAILURE); /* it has said why */
    say("main", "exit code %d", process_exitcode(&process));
}

static int demo(char **operands)
{
    (void)operands;
    play(is_careless);
    play(is_careful);
    play(is_mistaken);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"report", "FD", "what the child becomes: it says what it finds", report},
        {0},
    };
    static const struct option_spec options[] = {{0}};
    static const struct program program = {
        "Another program in the same process: what survives, and what must not.", commands,
        options};
    own_path = argv[0];
    sigprocmask(SIG_BLOCK, NULL, &inherited); /* before args_run, which empties it */
    return args_run(argc, argv, &program);
}
