#include "stage/cast.h"

#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Two processes, and main, which waits for them ------------------------------------------- */

static volatile sig_atomic_t server, player; /* their pids, in main; 0: none */
static pid_t server_to_the_player;

static void end_both(void)
{
    pid_t pids[] = {player, server};
    player = server = 0;
    child_ask_to_end(pids[0]);
    child_ask_to_end(pids[1]);
    struct deadline grace = deadline_in(CHILD_GRACE_MS);
    for (int i = 0; i < 2; i++)
        if (pids[i] > 0)
            child_await_end(pids[i], grace);
}

/* The play is broken off, and that is no client's fault. */
static void break_off(int signal_number)
{
    (void)signal_number;
    end_both();
    _exit(EXIT_SUCCESS);
}

/* Until the pid of a new child stands where break_off finds it. */
static sigset_t block_signals(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    return before;
}

static bool start_server(void (*serve)(void))
{
    static bool prepared;
    pid_t parent = getpid();
    fflush(stdout); /* or what is in its buffer would be printed twice */
    sigset_t before = block_signals();
    pid_t pid = fork(); /* not child_fork: the server keeps its handlers */
    if (pid > 0) {
        server = pid;
        if (!prepared)
            atexit(end_both);
        prepared = true;
        say_end_program = NULL;
        signals_on_ending(break_off);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid == 0) {
        child_ends_with(parent, SIGTERM);
        serve();
        child_exit(EXIT_SUCCESS);
    }
    return pid > 0;
}

static bool start_player(void (*play)(void), int listener)
{
    pid_t parent = getpid();
    sigset_t before = block_signals();
    pid_t pid = child_fork();
    if (pid == 0) {
        server_to_the_player = server;
        server = 0; /* it is not the player's child */
        child_ends_with(parent, SIGKILL);
        close(listener);
        play();
        child_exit(EXIT_SUCCESS);
    }
    player = pid > 0 ? pid : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid > 0;
}

static bool has_handler(void)
{
    struct sigaction action;
    return sigaction(SIGTERM, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
}

/* A server that is told to end before it begins gives back what it has, its path for example. */
static _Noreturn void refuse(void (*serve)(void))
{
    int error = errno;
    if (has_handler()) {
        raise(SIGTERM);
        serve();
    }
    errno = error;
    die("fork");
}

/* Its pid is forgotten before it is reaped: from then on it may be another's. */
static int await_end(volatile sig_atomic_t *child, const char *who)
{
    siginfo_t end;
    int status;
    while (waitid(P_PID, (id_t)*child, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    pid_t pid = *child;
    *child = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    if (WTERMSIG(status) == SIGTERM)
        return EXIT_SUCCESS;
    fprintf(stderr, "%s: signal %d has ended the %s: %s\n", die_name, WTERMSIG(status), who,
            strsignal(WTERMSIG(status)));
    return EXIT_FAILURE;
}

int cast_play(int listener, void (*serve)(void), void (*play)(void))
{
    if (!start_server(serve))
        refuse(serve);
    die_unless_printed(); /* a server that found the disk full is about to end */
    if (!start_player(play, listener))
        die("fork");
    close(listener);
    siginfo_t first;
    while (waitid(P_ALL, 0, &first, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    if (first.si_pid == server) { /* whoever plays may wait for it for ever */
        int status = await_end(&server, "server");
        child_ask_to_end(player);
        await_end(&player, "clients");
        return status;
    }
    int status = await_end(&player, "clients");
    child_ask_to_end(server);
    int status_of_server = await_end(&server, "server");
    return status != EXIT_SUCCESS ? status : status_of_server;
}

pid_t cast_server(void)
{
    return server_to_the_player;
}

/* ---- A client -------------------------------------------------------------------------------- */

/* If it is the server that has ended, main says why, and ends this process meanwhile. */
static _Noreturn void has_lost_its_server(const char *name)
{
    poll(NULL, 0, CHILD_GRACE_MS);
    fail("%s: the server closed the connection", name);
}

static void send_all(const char *name, int fd, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            has_lost_its_server(name);
        text += sent;
        length -= (size_t)sent;
    }
}

void cast_send(const char *name, int fd, const char *text)
{
    say(name, "sends %s", quote(text, strlen(text)).text);
    send_all(name, fd, text);
}

int cast_connect(const char *name, int (*dial)(void), const char *text)
{
    say(name, "connects and sends %s", quote(text, strlen(text)).text);
    int fd = dial();
    send_all(name, fd, text);
    return fd;
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
            has_lost_its_server(name);
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
