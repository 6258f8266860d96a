/* pty: runs a command on a terminal of its own, as a person at a keyboard would.
 *
 *   pty type TEXT COMMAND...  types the text at once and prints what the terminal shows
 *   pty step COMMAND...       presses Enter after each line, but first sees that nothing more comes
 * by itself; fails when one Enter brought more than one line
 *   pty hang N COMMAND...     presses Enter after each line, and closes the window after line N
 *
 * Prints what the command prints, without the carriage returns of the terminal; echo is off. Ends
 * with the status of the command.
 */
#include "stage/die.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { QUIET_MS = 50, STUCK_MS = 20000 };

static int open_master(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        die("posix_openpt");
    return master;
}

static pid_t start(int master, char **command)
{
    const char *name = ptsname(master);
    int slave = open(name, O_RDWR | O_NOCTTY);
    struct termios settings;
    if (slave < 0 || tcgetattr(slave, &settings) < 0)
        die("%s", name);
    settings.c_lflag &= (tcflag_t)~ECHO;
    tcsetattr(slave, TCSANOW, &settings);
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        setsid(); /* the terminal that a session leader opens first is its controlling one (Linux)
                   */
        int terminal = open(name, O_RDWR);
        close(master);
        close(slave);
        dup2(terminal, STDIN_FILENO);
        dup2(terminal, STDOUT_FILENO);
        dup2(terminal, STDERR_FILENO);
        close(terminal);
        execvp(command[0], command);
        die("%s", command[0]);
    }
    close(slave);
    return pid;
}

/* Copies what there is to standard output. Returns the number of lines in it, or -1 at the end. */
static int copy_output(int master)
{
    char data[4096];
    ssize_t got = read(master, data, sizeof data);
    if (got <= 0)
        return -1; /* EIO: nobody has the terminal open any more */
    int lines = 0;
    for (ssize_t i = 0; i < got; i++) {
        if (data[i] != '\r')
            putchar(data[i]);
        lines += data[i] == '\n';
    }
    return lines;
}

static bool has_output(int master, int wait_ms)
{
    struct pollfd output = {.fd = master, .events = POLLIN};
    return poll(&output, 1, wait_ms) == 1;
}

static void type(int master, const char *text)
{
    if (write(master, text, strlen(text)) < 0)
        die("write");
    while (has_output(master, STUCK_MS))
        if (copy_output(master) < 0)
            return;
    fail("nothing came for %d ms", STUCK_MS);
}

static void step(int master)
{
    bool running = true;
    while (running) {
        int lines = 0;
        if (!has_output(master, STUCK_MS))
            fail("nothing came for %d ms", STUCK_MS);
        do {
            int more = copy_output(master);
            running = more >= 0;
            lines += running ? more : 0;
        } while (running && has_output(master, QUIET_MS));
        if (lines > 1)
            fail("one Enter brought %d lines", lines);
        if (running && lines == 1 && write(master, "\n", 1) < 0)
            die("write");
    }
}

/* Whoever has this terminal gets SIGHUP. */
static void hang_up(int master, int lines)
{
    while (lines > 0) {
        if (!has_output(master, STUCK_MS))
            fail("nothing came for %d ms", STUCK_MS);
        int more = copy_output(master);
        if (more < 0)
            break;
        lines -= more;
        if (more > 0 && lines > 0 && write(master, "\n", 1) < 0)
            die("write");
    }
    close(master);
}

int main(int argc, char **argv)
{
    die_name = "pty";
    bool types = argc > 3 && strcmp(argv[1], "type") == 0;
    bool hangs = argc > 3 && strcmp(argv[1], "hang") == 0;
    bool steps = argc > 2 && strcmp(argv[1], "step") == 0;
    if (!types && !steps && !hangs)
        fail("see tests/peers/pty.c");
    int master = open_master();
    pid_t pid = start(master, argv + (steps ? 2 : 3));
    if (types)
        type(master, argv[2]);
    else if (hangs)
        hang_up(master, atoi(argv[2]));
    else
        step(master);
    int status;
    if (waitpid(pid, &status, 0) < 0)
        die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
