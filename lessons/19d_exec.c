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

static char *own_path;
static sigset_t inherited; /* the mask with which the program began */
static sigset_t alarm_set; /* SIGALRM, and no other */
static int secret;         /* the descriptor of a file */
static int mark = 1;

static void handle(int signal_number)
{
    (void)signal_number;
}

static void set_up(void)
{
    mark = 7;
    signal(SIGUSR1, handle);
    signal(SIGUSR2, SIG_IGN);
    sigprocmask(SIG_BLOCK, &alarm_set, NULL);
    secret = open("/dev/null", O_RDONLY);
    if (secret < 0)
        die("/dev/null");
}

static void tidy_up(void)
{
    signal(SIGUSR2, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &alarm_set, NULL);
    fcntl(secret, F_SETFD, FD_CLOEXEC);
}

static int become(void *program)
{
    char fd[16];
    snprintf(fd, sizeof fd, "%d", secret);
    execvp(program, (char *[]){program, "report", fd, NULL});
    say("child", "exec of \"%s\": %s", (char *)program, strerror(errno));
    return 127; /* as sh does for a command that it cannot find */
}

static int child(void *is_careful)
{
    set_up();
    say("child", "I am %ld, mark is %d; I %s, and call exec", (long)getpid(), mark,
        is_careful ? "tidy up" : "leave all of it as it is");
    if (is_careful)
        tidy_up();
    return become(own_path);
}

static const char *action_of(int signal_number)
{
    struct sigaction action;
    sigaction(signal_number, NULL, &action);
    return action.sa_handler == SIG_DFL   ? "has its default action"
           : action.sa_handler == SIG_IGN ? "is ignored"
                                          : "has a handler";
}

/* What the child becomes: this program, from the beginning of main. */
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

static void play(int (*run)(void *argument), void *argument)
{
    struct process process = {0};
    if (!process_start(&process, "child", run, argument))
        die("fork");
    process_join(&process, -1);
    if (process_exitcode(&process) == EXIT_FAILURE)
        exit(EXIT_FAILURE); /* it has said why */
    say("main", "exit code %d", process_exitcode(&process));
}

static int demo(char **operands)
{
    (void)operands;
    play(child, NULL);
    play(child, "careful");
    play(become, "./no-such-program");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"report", "FD", "what the child becomes: it says what it finds", report},
        {0},
    };
    static const struct program program = {
        .idea = "Another program in the same process: what survives, and what must not.",
        .commands = commands,
    };
    own_path = argv[0];
    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, SIGALRM);
    sigprocmask(SIG_BLOCK, NULL, &inherited); /* before args_run, which empties it */
    return args_run(argc, argv, &program);
}
