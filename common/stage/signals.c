#include "stage/signals.h"

#include "stage/die.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
enum { ENDINGS = sizeof endings / sizeof *endings, STATUS_OF_SIGNAL = 128 };

static bool is_ignored(int signal_number)
{
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void signals_on(int signal_number, void (*handler)(int signal_number))
{
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART */
    sigfillset(&action.sa_mask);
    if (sigaction(signal_number, &action, NULL) < 0)
        die("sigaction");
}

void signals_that_end(sigset_t *set)
{
    sigemptyset(set);
    for (int i = 0; i < ENDINGS; i++)
        if (endings[i] != SIGHUP || !is_ignored(SIGHUP))
            sigaddset(set, endings[i]);
}

void signals_on_ending(void (*handler)(int signal_number))
{
    for (int i = 0; i < ENDINGS; i++)
        if (endings[i] != SIGHUP || !is_ignored(SIGHUP))
            signals_on(endings[i], handler);
}

void signals_begin(void)
{
    sigset_t none;
    sigemptyset(&none);
    signals_on_ending(SIG_DFL);
    signals_on(SIGCHLD, SIG_DFL);
    signals_on(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write: EFBIG */
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_end_by(int signal_number)
{
    signal(signal_number, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    raise(signal_number);
    _exit(STATUS_OF_SIGNAL + signal_number); /* not reached: raise has ended it */
}
