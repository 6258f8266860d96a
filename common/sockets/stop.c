#include "sockets/stop.h"

#include "stage/children.h"
#include "stage/say.h"
#include "stage/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

atomic_int stop_asked;
atomic_int stop_listener = -1, stop_connection = -1, stop_bell = -1;
atomic_int stop_cast, stop_cast_status;
void (*stop_first)(void);

/* Hanging up is for the signal that comes just before a blocking call: the call then finds nothing
 * to wait for. (Linux; elsewhere shutdown of a listening socket may fail, and the signal still
 * interrupts a call that has begun.) All that is called here may be called in a signal handler:
 * signal-safety(7). */
static void hang_up(int signal_number)
{
    int none = 0;
    if (signal_number != SIGCHLD)
        stop_asked = signal_number;
    else
        atomic_compare_exchange_strong(&stop_asked, &none, SIGCHLD);
    if (stop_first)
        stop_first();
    shutdown(stop_listener, SHUT_RDWR);
    shutdown(stop_connection, SHUT_RDWR);
    if (stop_bell >= 0 && write(stop_bell, "", 1) < 0) {
        /* the pipe is full of such bytes: one is enough */
    }
}

static void stop(int signal_number)
{
    int error = errno;
    say_hurried = true;
    if (stop_cast > 0)
        child_ask_to_end(stop_cast);
    hang_up(signal_number);
    errno = error;
}

/* A server has other children too: asks for the cast alone. waitpid is async-signal-safe. */
static void child_ended(int signal_number)
{
    int error = errno, status;
    pid_t cast = atomic_exchange(&stop_cast, 0); /* so that no other thread ends what is free */
    if (cast > 0 && waitpid(cast, &status, WNOHANG) == cast) {
        stop_cast_status = status;
        hang_up(signal_number);
    } else {
        stop_cast = cast;
    }
    errno = error;
}

static void stop_self(void)
{
    raise(SIGTERM);
}

void stop_on_signals(void)
{
    say_end_program = stop_self;
    signals_on_ending(stop);
}

void stop_with_cast(pid_t cast)
{
    int ended = SIGCHLD; /* the cast of the scene before; another signal stays */
    atomic_compare_exchange_strong(&stop_asked, &ended, 0);
    signals_on(SIGCHLD, child_ended);
    stop_cast = cast;
    raise(SIGCHLD); /* it may have ended before its pid was known here */
}
