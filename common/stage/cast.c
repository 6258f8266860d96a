#include "stage/cast.h"

#include "sockets/stop.h"
#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void cast_start(void (*play)(void))
{
    if (stop_asked && stop_asked != SIGCHLD)
        return; /* the play is over before it has begun */
    pid_t server = getpid();
    pid_t cast = child_fork(); /* which has no handler that might hang up on the shared listener */
    if (cast < 0) {
        int error = errno;
        if (stop_first)
            stop_first(); /* the server ends before it has begun, and so must its path */
        errno = error;
        die("fork");
    }
    if (cast == 0) {
        child_ends_with(server, SIGKILL);
        close(stop_listener);
        stop_asked = 0; /* the cast of the scene before has ended, not this one */
        play();
        _exit(EXIT_SUCCESS);
    }
    stop_with_cast(cast);
}

int cast_end(void)
{
    signal(SIGCHLD, SIG_DFL); /* from here on nobody else waits for the cast */
    int status = stop_cast_status;
    pid_t cast = stop_cast;
    stop_cast = 0;
    if (cast > 0) {
        child_ask_to_end(cast);
        status = child_await_end(cast, deadline_in(CHILD_GRACE_MS));
    }
    if (stop_asked != SIGCHLD)
        return EXIT_SUCCESS; /* the play was broken off, and that is no client's fault */
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

void cast_reply(const char *name, int fd, size_t length)
{
    char reply[256];
    size_t have = 0;
    if (length > sizeof reply)
        length = sizeof reply;
    while (have < length) {
        ssize_t got = recv(fd, reply + have, length - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            fail("%s: the server closed the connection", name);
        have += (size_t)got;
    }
    say(name, "received %s", quote(reply, length).text);
}

void cast_leave(const char *name, int fd)
{
    say(name, "leaves");
    char extra;
    if (shutdown(fd, SHUT_WR) < 0 || recv(fd, &extra, 1, 0) != 0)
        fail("%s: wanted to leave, and the server did not close", name);
    close(fd);
}
