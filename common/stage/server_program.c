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

/* ---- The demo: two children, the server and the player of all clients ------------------------ */

static pid_t main_process, server, player; /* 0: none, or it has ended */
static sigset_t awaited, usual; /* main waits for a child's end and for what ends a program */

/* At the end of main; its children have the same list of what to do at exit. */
static void end_both(void)
{
    if (getpid() == main_process)
        child_end_all((pid_t[]){player, server}, 2);
}

static _Noreturn void be(void (*run)(void), int at_the_parents_end)
{
    child_ends_with(main_process, at_the_parents_end);
    run();
    child_exit(EXIT_SUCCESS);
}

/* A child that keeps its signal handlers. If there is none to be had, a server that is told to end
 * before it begins gives back what it has, its path for example. */
static void start_server(void)
{
    fflush(stdout); /* or what is in its buffer would be printed twice */
    server = fork();
    if (server > 0)
        return;
    sigprocmask(SIG_SETMASK, &usual, NULL);
    if (server == 0)
        be(lesson->serve, SIGTERM);
    int error = errno;
    if (say_end_program) {
        say_end_program();
        lesson->serve();
    }
    errno = error;
    die("fork");
}

static void play(void)
{
    close(listener);
    lesson->play();
}

static int status_of(const char *who, int end)
{
    if (WIFEXITED(end))
        return WEXITSTATUS(end);
    if (WTERMSIG(end) == SIGTERM)
        return EXIT_SUCCESS;
    fprintf(stderr, "%s: signal %d has ended the %s: %s\n", die_name, WTERMSIG(end), who,
            strsignal(WTERMSIG(end)));
    return EXIT_FAILURE;
}

/* When one has ended, the other is told to end: the player could wait for its server for ever. */
static int await_both(void)
{
    int status = EXIT_SUCCESS, signal_number = SIGCHLD, end;
    while ((server > 0 || player > 0) && signal_number == SIGCHLD) {
        pid_t ended = waitpid(-1, &end, WNOHANG);
        if (ended <= 0) {
            sigwait(&awaited, &signal_number);
        } else if (ended == server) {
            server = 0;
            status = status ? status : status_of("server", end);
            child_ask_to_end(player);
        } else if (ended == player) {
            player = 0;
            status = status ? status : status_of("clients", end);
            child_ask_to_end(server);
        }
    }
    return status;
}

static int play_in_two_processes(void)
{
    main_process = getpid();
    signals_that_end(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, &usual);
    start_server();
    say_end_program = NULL;
    atexit(end_both);
    die_unless_printed(); /* a server that found the disk full is about to end */
    player = child_fork();
    if (player == 0)
        be(play, SIGKILL);
    if (player < 0)
        die("fork");
    close(listener);
    return await_both();
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void open_socket(void)
{
    if (lesson->open_path) {
        path = path ? path : args_own_path();
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
    return server;
}

bool server_program_is_demo(void)
{
    return is_demo;
}

/* ---- The command line ------------------------------------------------------------------------ */

enum { OPTIONS = 10, COMMANDS = 6 };

static void list_commands(struct command *commands)
{
    static const char *const talks = "send each line that is typed, print its reply";
    *commands++ = (struct command){"", "", "play the demo", demo};
    *commands++ = (struct command){"serve", "", "serve until SIGINT or SIGTERM", serve};
    if (lesson->dial)
        *commands++ = (struct command){"connect", "HOST PORT", talks, connect_to};
    if (lesson->dial_path)
        *commands++ = (struct command){"connect", "PATH", talks, connect_to_path};
    for (const struct command *own = lesson->commands; own && own->run; own++)
        *commands++ = *own;
}

static void list_options(struct option_spec *options)
{
    static const struct option_spec
        for_host = {"host", "H", "the address to listen on", .text = &host},
        for_port = {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        for_path = {"path", "P", "the path to listen on (default: in TMPDIR or /tmp)",
                    .text = &path};
    if (lesson->open_path) {
        *options++ = for_path;
    } else {
        *options++ = for_host;
        *options++ = for_port;
    }
    for (const struct option_spec *own = lesson->options; own && own->name; own++)
        *options++ = *own;
}

int server_program_run(int argc, char **argv, const struct server_program *program)
{
    struct command commands[COMMANDS + 1] = {0};
    struct option_spec options[OPTIONS + 1] = {0};
    lesson = program;
    list_commands(commands);
    list_options(options);
    return args_run(argc, argv, &(struct program){program->idea, commands, options});
}
