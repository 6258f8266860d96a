#include "stage/terminal.h"

#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 100, CTRL_Z = 26 };

static struct termios settings;
static bool is_noted;

/* Lesson 01b lets a server run out of descriptors, but these are open. */
static int open_terminal(void)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    return terminal < 0 && errno == EMFILE ? STDERR_FILENO : terminal;
}

static void close_terminal(int terminal)
{
    if (terminal > STDERR_FILENO)
        close(terminal);
}

bool terminal_begin(void)
{
    int terminal = open_terminal();
    is_noted = terminal >= 0 && tcgetattr(terminal, &settings) == 0;
    close_terminal(terminal);
    return is_noted;
}

static void take_back(int terminal, const char *prompt)
{
    dprintf(terminal, "\r%*s\r", (int)strlen(prompt), "");
    tcsetattr(terminal, TCSANOW, &settings);
}

void terminal_restore(const char *prompt)
{
    int terminal = is_noted ? open_terminal() : -1;
    if (terminal < 0)
        return;
    if (tcgetpgrp(terminal) == getpgrp())
        take_back(terminal, prompt);
    close_terminal(terminal);
}

static int read_key(int terminal)
{
    /* looks again, as the signal may have come just before poll, or to another thread */
    struct pollfd pressed = {.fd = terminal, .events = POLLIN};
    while (!say_hurried && poll(&pressed, 1, LOOK_AGAIN_MS) <= 0)
        continue;
    unsigned char key;
    return !say_hurried && read(terminal, &key, 1) == 1 ? key : -1;
}

static int ask(int terminal, const char *prompt)
{
    struct termios by_key = settings;
    by_key.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    by_key.c_cc[VSUSP] = _POSIX_VDISABLE;
    by_key.c_cc[VMIN] = 1;
    by_key.c_cc[VTIME] = 0;
    if (tcsetattr(terminal, TCSANOW, &by_key) < 0)
        return -1;
    dprintf(terminal, "%s", prompt);
    int key = read_key(terminal);
    take_back(terminal, prompt);
    return key;
}

int terminal_key(const char *prompt)
{
    int terminal = is_noted ? open_terminal() : -1;
    int key = -1;
    while (terminal >= 0 && (key = ask(terminal, prompt)) == CTRL_Z) {
        kill(-tcgetpgrp(terminal), SIGTSTP);
        poll(NULL, 0, LOOK_AGAIN_MS); /* until it stops us too: another thread may be the first */
    }
    close_terminal(terminal);
    return key;
}
