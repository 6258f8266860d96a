#include "stop.h"

#include "die.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

volatile sig_atomic_t stop_asked;
volatile sig_atomic_t stop_listener = -1, stop_connection = -1;
volatile sig_atomic_t stop_cast;

/* Hanging up is for the signal that comes just before a blocking call: the call then finds nothing
 * to wait for. (Linux; elsewhere shutdown of a listening socket may fail, and the signal still
 * interrupts a call that has begun.) shutdown and kill are async-signal-safe: signal-safety(7). */
static void stop(int signal_number)
{
    int error = errno;
    if (!stop_asked || signal_number != SIGCHLD)
        stop_asked = signal_number;
    if (signal_number != SIGCHLD && stop_cast > 0)
        kill(stop_cast, SIGTERM);
    shutdown(stop_listener, SHUT_RDWR);
    shutdown(stop_connection, SHUT_RDWR);
    errno = error;
}

void stop_on(int signal_number)
{
    /* no SA_RESTART; and a cast that Ctrl-Z stops has not ended */
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_NOCLDSTOP};
    sigemptyset(&action.sa_mask);
    if (sigaction(signal_number, &action, NULL) < 0)
        die("sigaction");
}

void stop_on_signals(void)
{
    stop_on(SIGINT);
    stop_on(SIGTERM);
    stop_on(SIGPIPE);
}
