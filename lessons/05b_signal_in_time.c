/* 05b_signal_in_time: a signal between the check and the wait is lost
 *
 * Predict  A handler sets a flag. The program checks it, finds it unset, and waits in select. The
 *          signal comes between the check and the wait. Does it end the wait?
 * Run      build/05b_signal_in_time
 * Watch    select waits until its time is up, although the signal has come; with pselect, and
 *          with a pipe, the wait ends at once.
 * Before   01b_rude_clients, whose signal interrupts a call; 05a_select_stdin
 * After    06_select_server; 14a_server_thread has the pipe, 25a_prefork_server has pselect
 * Python   signal.set_wakeup_fd, which is the pipe; Python has no pselect
 */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static long timeout_ms = 200, signals = 1;

static volatile sig_atomic_t seen;      /* how often the handler has run */
static volatile sig_atomic_t bell = -1; /* where it writes a byte; -1: nowhere */

/* It may run between a call and the test of errno that follows, so it leaves errno as it was. */
static void on_signal(int signal_number)
{
    (void)signal_number;
    int error = errno;
    seen = seen + 1;
    if (bell >= 0 && write(bell, "", 1) < 0) {
        /* the pipe is full, so it is readable: that is enough */
    }
    errno = error;
}

static void begin(const char *way)
{
    say("main", "%s", way);
    seen = 0;
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGUSR1, &action, NULL) < 0)
        die("sigaction");
}

/* ---- The check, the signal, the wait --------------------------------------------------------- */

static bool signal_has_come(void)
{
    say("main", "checks the flag: %s", seen == 0 ? "no signal has come" : "the handler has run");
    return seen > 0;
}

/* The worst moment, forced to happen each time: main has checked the flag and does not wait yet.
 * raise(3) returns after the handler, unless the signal is blocked. */
static void ann_sends_a_signal(void)
{
    int before = seen;
    for (long i = 0; i < signals; i++)
        raise(SIGUSR1);
    if (signals > 0)
        say("ann", "sends SIGUSR1%s", seen > before ? ": the handler runs" : ", which is blocked");
}

static void report(const char *call, int ready)
{
    if (ready < 0 && errno != EINTR)
        die("%s", call);
    if (ready < 0)
        say("main", "%s is interrupted", call);
    else if (ready == 0)
        say("main", "%s: time-out after %ld ms", call, timeout_ms);
    else
        say("main", "%s: the pipe is readable", call);
}

/* ---- The mistake ----------------------------------------------------------------------------- */

/* A signal ends a call that is waiting. If the handler has run before the call, nothing is left to
 * end it: without the time-out, it would wait for ever. */
static int check_then_select(char **operands)
{
    (void)operands;
    begin("select alone");
    while (!signal_has_come()) {
        ann_sends_a_signal();
        struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
        report("select", select(0, NULL, NULL, NULL, &timeout));
    }
    return EXIT_SUCCESS;
}

/* ---- The cure: a signal that is blocked from the check on ------------------------------------ */

/* A blocked signal stays pending. pselect unblocks it and waits in a single step, so that nothing
 * can come in between. Its mask holds only during the wait. */
static int check_then_pselect(char **operands)
{
    (void)operands;
    begin("pselect, and SIGUSR1 is blocked except during the wait");
    sigset_t one, usual;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    sigprocmask(SIG_BLOCK, &one, &usual);
    while (!signal_has_come()) {
        ann_sends_a_signal();
        struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
        report("pselect", pselect(0, NULL, NULL, NULL, &timeout, &usual));
    }
    sigprocmask(SIG_SETMASK, &usual, NULL);
    return EXIT_SUCCESS;
}

/* ---- The other cure: a pipe that remembers --------------------------------------------------- */

/* Neither end blocks: the handler must not wait when the pipe is full, nor main when it is empty.
 * Returns the reading end. */
static int make_bell(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        die("pipe");
    if (ends[0] >= FD_SETSIZE) /* lesson 06 says why */
        fail("descriptor %d does not fit an fd_set", ends[0]);
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0)
            die("fcntl");
    bell = ends[1];
    return ends[0];
}

/* Empties it, because a byte that is left would end the next wait; and before the next check,
 * because a byte that comes after the check must stay. */
static void empty_bell(int fd)
{
    char bytes[16];
    long count = 0;
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        count += got;
    }
    say("main", "empties the pipe: %ld byte%s", count, count == 1 ? "" : "s");
}

/* The byte stays in the pipe, and select reports it like any other input. */
static int check_then_select_with_a_pipe(char **operands)
{
    (void)operands;
    begin("select, and a pipe that the handler writes to");
    int fd = make_bell();
    while (!signal_has_come()) {
        ann_sends_a_signal();
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
        int ready = select(fd + 1, &readable, NULL, NULL, &timeout);
        report("select", ready);
        if (ready != 0)
            empty_bell(fd);
    }
    return EXIT_SUCCESS;
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int demo(char **operands)
{
    check_then_select(operands);
    check_then_pselect(operands);
    return check_then_select_with_a_pipe(operands);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "a signal between the check and the wait, three times", demo},
        {"select", "", "the mistake alone", check_then_select},
        {"pselect", "", "the signal is blocked from the check to the wait", check_then_pselect},
        {"pipe", "", "the handler writes into a pipe", check_then_select_with_a_pipe},
        {0},
    };
    static const struct option_spec options[] = {
        {"timeout", "MS", "how long to wait", .number = &timeout_ms, .min = 1, .max = 60000},
        {"signals", "N", "how many ann sends", .number = &signals, .min = 0, .max = 100000},
        {0},
    };
    static const struct program program = {"A signal between the check and the wait is lost.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
