#include "stage/terminal.h"

#include "stage/say.h"
#include "stage/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 100, CTRL_Z = 26 };

static struct termios settings;
static bool is_noted;

bool terminal_begin(void)
{
    is_noted = tcgetattr(STDIN_FILENO, &settings) == 0;
    return is_noted;
}

static void take_back(const char *prompt)
{
    dprintf(STDIN_FILENO, "\r%*s\r", (int)strlen(prompt), "");
    tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

void terminal_restore(const char *prompt)
{
    if (is_noted && tcgetpgrp(STDIN_FILENO) == getpgrp())
        take_back(prompt);
}

static int read_key(void)
{
    /* looks again, as the signal may have come just before poll, or to another thread */
    struct pollfd pressed = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!say_hurried && poll(&pressed, 1, LOOK_AGAIN_MS) <= 0)
        continue;
    unsigned char key;
    return !say_hurried && read(STDIN_FILENO, &key, 1) == 1 ? key : -1;
}

static int ask(const char *prompt)
{
    struct termios by_key = settings;
    by_key.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    by_key.c_cc[VSUSP] = _POSIX_VDISABLE;
    by_key.c_cc[VMIN] = 1;
    by_key.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &by_key) < 0)
        return -1;
    dprintf(STDIN_FILENO, "%s", prompt);
    int key = read_key();
    take_back(prompt);
    return key;
}

int terminal_key(const char *prompt, const char *keys)
{
    int key = -1;
    watched->at_key = true;
    do {
        key = is_noted ? ask(prompt) : -1;
        if (key == CTRL_Z) {
            kill(-tcgetpgrp(STDIN_FILENO), SIGTSTP);
            poll(NULL, 0, LOOK_AGAIN_MS); /* until it stops us too: another thread may be first */
        }
    } while (key >= 0 && !strchr(keys, key));
    watched->at_key = false;
    return key;
}
