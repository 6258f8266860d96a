#include "stage/server_program.h"

#include "stage/cast.h"
#include "stage/die.h"
#include "stage/talk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_OPTIONS = 10 };

static const struct server_program *lesson;
static const char *host = "127.0.0.1", *path;
static bool is_demo;
static long port; /* 0: any free one; once the socket is bound, the one that it is bound to */

/* With the pid in it, so that thirty students can share one host. */
static const char *path_of_its_own(void)
{
    static char own[4096];
    const char *directory = getenv("TMPDIR");
    if (!directory || !*directory)
        directory = "/tmp";
    snprintf(own, sizeof own, "%s/%s.%d", directory, die_name, (int)getpid());
    return own;
}

static int open_socket(void)
{
    if (lesson->open_path) {
        path = path ? path : path_of_its_own();
        return lesson->open_path(path);
    }
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = lesson->open(host, port);
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        die("getsockname");
    port = ntohs(address.sin_port);
    return fd;
}

static int demo(char **operands)
{
    (void)operands;
    if (lesson->demo)
        return lesson->demo();
    is_demo = true;
    return cast_play(open_socket(), lesson->serve, lesson->play);
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
    int fd = lesson->dial(operands[0], args_number("PORT", operands[1], 1, 65535));
    return lesson->talk ? lesson->talk(fd) : talk(fd);
}

static int connect_to_path(char **operands)
{
    return talk(lesson->dial_path(operands[0]));
}

int server_program_dial(void)
{
    return lesson->open_path ? lesson->dial_path(path) : lesson->dial(host, port);
}

bool server_program_is_demo(void)
{
    return is_demo;
}

/* ---- The command line ------------------------------------------------------------------------ */

static const struct command at_a_port[] = {
    {"", "", "play the demo", demo},
    {"serve", "", "serve until SIGINT or SIGTERM", serve},
    {"connect", "HOST PORT", "send each line that is typed, print its reply", connect_to},
    {0},
};
static const struct option_spec options_of_a_port[] = {
    {"host", "H", "the address to listen on", .text = &host},
    {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
    {0},
};

static const struct command at_either[] = {
    {"", "", "play the demo", demo},
    {"serve", "", "serve until SIGINT or SIGTERM", serve},
    {"connect", "HOST PORT", "send each line that is typed, print its reply", connect_to},
    {"connect", "PATH", "the same with a Unix socket", connect_to_path},
    {0},
};

static const struct command at_a_path[] = {
    {"", "", "play the demo", demo},
    {"serve", "", "serve until SIGINT or SIGTERM", serve},
    {"connect", "PATH", "send each line that is typed, print its reply", connect_to_path},
    {0},
};
static const struct option_spec options_of_a_path[] = {
    {"path", "P", "the path to listen on (default: in TMPDIR or /tmp)", .text = &path},
    {0},
};

static int append(struct option_spec *options, int count, const struct option_spec *more)
{
    for (; more && more->name && count < MOST_OPTIONS; more++)
        options[count++] = *more;
    return count;
}

int server_program_run(int argc, char **argv, const struct server_program *program)
{
    struct option_spec options[MOST_OPTIONS + 1] = {0};
    bool has_path = program->open_path != NULL;
    int count = append(options, 0, has_path ? options_of_a_path : options_of_a_port);
    append(options, count, program->options);
    lesson = program;
    const struct command *at_a_host = program->dial_path ? at_either : at_a_port;
    struct program all = {program->idea, has_path ? at_a_path : at_a_host, options};
    return args_run(argc, argv, &all);
}
