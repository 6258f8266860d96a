#include "stage/server_program.h"

#include "stage/cast.h"
#include "stage/die.h"
#include "stage/talk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { MOST_OPTIONS = 8 };

static const struct server_program *lesson;
static const char *host = "127.0.0.1";
static bool is_demo;
static long port; /* 0: any free one; once the socket is bound, the one that it is bound to */

static int open_socket(void)
{
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
    return talk(lesson->dial(operands[0], args_number("PORT", operands[1], 1, 65535)));
}

int server_program_dial(void)
{
    return lesson->dial(host, port);
}

bool server_program_is_demo(void)
{
    return is_demo;
}

int server_program_run(int argc, char **argv, const struct server_program *program)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "serve until SIGINT or SIGTERM", serve},
        {"connect", "HOST PORT", "send each line that is typed, print its reply", connect_to},
        {0},
    };
    struct option_spec options[MOST_OPTIONS + 3] = {
        {"host", "H", "the address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
    };
    for (int i = 0; program->options && i < MOST_OPTIONS && program->options[i].name; i++)
        options[2 + i] = program->options[i];
    lesson = program;
    struct program all = {program->idea, commands, options};
    return args_run(argc, argv, &all);
}
