/* inherit: starts a command that inherits something unusual.
 *
 *   inherit ignore|block SIGCHLD,SIGHUP COMMAND...  signals that are ignored, or blocked
 *   inherit closed 012 COMMAND...                   without these standard descriptors
 *
 * All of it survives execve(2). */
#include "stage/die.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static int number_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"SIGCHLD", SIGCHLD}, {"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},
                   {"SIGPIPE", SIGPIPE}, {"SIGQUIT", SIGQUIT}, {"SIGTERM", SIGTERM}};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (strcmp(signals[i].name, name) == 0)
            return signals[i].number;
    fail("%s: no such signal", name);
}

static void leave_signals(bool ignore, char *names)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
        if (ignore)
            signal(number_of(name), SIG_IGN);
        else
            sigaddset(&blocked, number_of(name));
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}

int main(int argc, char **argv)
{
    die_name = "inherit";
    if (argc < 4)
        fail("wants HOW WHAT COMMAND...");
    if (strcmp(argv[1], "closed") == 0) {
        for (const char *digit = argv[2]; *digit; digit++)
            close(*digit - '0');
    } else {
        leave_signals(strcmp(argv[1], "ignore") == 0, argv[2]);
    }
    execvp(argv[3], argv + 3);
    die("%s", argv[3]);
}
