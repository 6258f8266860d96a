#include "stage/server_program.h"

#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/signals.h"
#include "stage/talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct server_program *lesson;
static const char *host = "127.0.0.1", *path;
static bool is_demo;
static long port; /* 0: any free one; once the socket is bound, the one that it is bound to */
static int listener;

/* ---- The demo: two processes, and main, which waits for them --------------------------------- */

static volatile sig_atomic_t server, player; /* their pids, in main; 0: none */
static pid_t server_of_the_player;

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

/* For the server, which keeps its signal handlers. */
static pid_t fork_with_handlers(void)
{
    fflush(stdout); /* or what is in its buffer would be printed twice */
    return fork();
}

/* Signals are blocked until the new pid stands where break_off finds it. */
static bool start(volatile sig_atomic_t *child, pid_t (*fork_it)(void), void (*run)(void),
                  int at_the_parents_end)
{
    pid_t parent = getpid();
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork_it();
    if (pid > 0) {
        *child = pid;
        say_end_program = NULL;
        signals_on_ending(break_off);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid == 0) {
        child_ends_with(parent, at_the_parents_end);
        run();
        child_exit(EXIT_SUCCESS);
    }
    return pid > 0;
}

/* The server is not the player's child: it may not end it. */
static void play(void)
{
    server_of_the_player = server;
    server = 0;
    close(listener);
    lesson->play();
}

/* A server that is told to end before it begins gives back what it has, its path for example. */
static _Noreturn void refuse(void)
{
    int error = errno;
    if (say_end_program) {
        say_end_program();
        lesson->serve();
    }
    errno = error;
    die("fork");
}

static int await_end(volatile sig_atomic_t *child, const char *who)
{
    siginfo_t end;
    while (waitid(P_PID, (id_t)*child, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    *child = 0; /* before it is reaped: from then on the pid may be another's */
    waitpid(end.si_pid, NULL, 0);
    if (end.si_code == CLD_EXITED)
        return end.si_status;
    if (end.si_status == SIGTERM)
        return EXIT_SUCCESS;
    fprintf(stderr, "%s: signal %d has ended the %s: %s\n", die_name, end.si_status, who,
            strsignal(end.si_status));
    return EXIT_FAILURE;
}

static int play_in_two_processes(void)
{
    if (!start(&server, fork_with_handlers, lesson->serve, SIGTERM))
        refuse();
    atexit(end_both);
    die_unless_printed(); /* a server that found the disk full is about to end */
    if (!start(&player, child_fork, play, SIGKILL))
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

/* ---- The commands ---------------------------------------------------------------------------- */

/* With the pid in it, so that thirty students can share one host. */
static const char *path_of_its_own(void)
{
    static char own[4096];
    const char *directory = getenv("TMPDIR");
    snprintf(own, sizeof own, "%s/%s.%d", directory && *directory ? directory : "/tmp", die_name,
             (int)getpid());
    return own;
}

static void open_socket(void)
{
    if (lesson->open_path) {
        path = path ? path : path_of_its_own();
        listener = lesson->open_path(path);
        return;
    }
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    listener = lesson->open(host, port);
    if (getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        die("getsockname");
    port = ntohs(address.sin_port);
}

static int demo(char **operands)
{
    (void)operands;
    if (lesson->demo)
        return lesson->demo();
    is_demo = true;
    open_socket();
    return play_in_two_processes();
}

static int serve(char **operands)
{
    (void)operands;
    open_socket();
    lesson->serve();
    return EXIT_SUCCESS;
}

static int connect_to(char **operands)
{
    return talk(lesson->dial(operands[0], args_number("PORT", operands[1], 1, 65535)));
}

static int connect_to_path(char **operands)
{
    return talk(lesson->dial_path(operands[0]));
}

int server_program_dial(void)
{
    return lesson->open_path ? lesson->dial_path(path) : lesson->dial(host, port);
}

pid_t server_program_pid(void)
{
    return server_of_the_player;
}

bool server_program_is_demo(void)
{
    return is_demo;
}

/* ---- The command line ------------------------------------------------------------------------ */

enum { OPTIONS = 10, COMMANDS = 6 };

static struct command commands[COMMANDS + 1] = {
    {"", "", "play the demo", demo},
    {"serve", "", "serve until SIGINT or SIGTERM", serve},
};
static const struct command connects_to_port = {"connect", "HOST PORT",
                                                "send each line that is typed, print its reply",
                                                connect_to};
static const struct command connects_to_path = {"connect", "PATH",
                                                "send each line that is typed, print its reply",
                                                connect_to_path};

static struct option_spec options[OPTIONS + 1] = {
    {"host", "H", "the address to listen on", .text = &host},
    {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
};
static const struct option_spec for_path = {"path", "P",
                                            "the path to listen on (default: in TMPDIR or /tmp)",
                                            .text = &path};

int server_program_run(int argc, char **argv, const struct server_program *program)
{
    lesson = program;
    int count = 2;
    if (program->dial)
        commands[count++] = connects_to_port;
    if (program->dial_path)
        commands[count++] = connects_to_path;
    for (const struct command *own = program->commands; own && own->run; own++)
        commands[count++] = *own;
    count = 2;
    if (program->open_path) {
        options[0] = for_path;
        options[1] = (struct option_spec){0};
        count = 1;
    }
    for (const struct option_spec *own = program->options; own && own->name; own++)
        options[count++] = *own;
    struct program all = {program->idea, commands, options};
    return args_run(argc, argv, &all);
}
