#include "sockets/stop.h"

#include "stage/say.h"
#include "stage/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

atomic_int stop_asked;
atomic_int stop_listener = -1, stop_connection = -1, stop_bell = -1;

/* Hanging up is for the signal that comes just before a blocking call: the call then finds nothing
 * to wait for. (Linux; elsewhere shutdown of a listening socket may fail, and the signal still
 * interrupts a call that has begun.) All that is called here may be called in a signal handler:
 * signal-safety(7). */
static void stop(int signal_number)
{
    int error = errno;
    say_hurried = true;
    stop_asked = signal_number;
    shutdown(stop_listener, SHUT_RDWR);
    shutdown(stop_connection, SHUT_RDWR);
    if (stop_bell >= 0 && write(stop_bell, "", 1) < 0) {
        /* the pipe is full of such bytes: one is enough */
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
