#include "stage/cast.h"

#include "sockets/stop.h"
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
    fflush(NULL); /* what is buffered now would be printed twice */
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* or the child might hang up on the shared listener */
    pid_t cast = fork();
    if (cast < 0)
        die("fork");
    if (cast == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(stop_listener);
        play();
        _exit(EXIT_SUCCESS);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    stop_with_cast(cast);
}

int cast_end(void)
{
    signal(SIGCHLD, SIG_DFL); /* from here on nobody else waits for the cast */
    int status = stop_cast_status;
    pid_t cast = stop_cast;
    stop_cast = 0;
    if (cast > 0) {
        kill(cast, SIGTERM);
        while (waitpid(cast, &status, 0) < 0 && errno == EINTR)
            continue;
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
