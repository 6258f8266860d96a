/* pty: runs a command on a terminal of its own, as a person at a keyboard would.
 *
 *   pty type TEXT COMMAND...  types the text at once and prints what the terminal shows
 *   pty step COMMAND...       presses Enter at each prompt, but first sees that nothing more comes
 * by itself; fails when one Enter brought more than one line, or two at the end
 *   pty hang N COMMAND...     presses Enter at each prompt, and closes the window after line N
 *   pty act WORDS KEYS [WORDS KEYS]... -- COMMAND...  types the keys when the words have come; echo
 * is on here, and off in the others
 *
 * Prints the lines as they stand on the terminal in the end: what was overwritten is gone. Ends
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

static pid_t start(int master, char **command, bool echoes)
{
    const char *name = ptsname(master);
    int slave = open(name, O_RDWR | O_NOCTTY);
    struct termios settings;
    if (slave < 0 || tcgetattr(slave, &settings) < 0)
        die("%s", name);
    if (!echoes)
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

/* The line on which the cursor stands. */
static char line[4096];
static size_t column, width;

static void print_line(const char *end)
{
    while (width > 0 && line[width - 1] == ' ')
        width--;
    printf("%.*s%s", (int)width, line, end);
    column = width = 0;
}

static void show(char character)
{
    if (character == '\n') {
        print_line("\n");
    } else if (character == '\r') {
        column = 0;
    } else if (column < sizeof line) {
        line[column++] = character;
        width = column > width ? column : width;
    }
}

static char seen[8192]; /* the end of all that has come */

/* Copies what there is to standard output. Returns the number of lines in it, or -1 at the end. */
static int copy_output(int master)
{
    char data[4096];
    ssize_t got = read(master, data, sizeof data - 1);
    if (got <= 0) {
        print_line("");
        return -1; /* EIO: nobody has the terminal open any more */
    }
    int lines = 0;
    for (ssize_t i = 0; i < got; i++) {
        show(data[i]);
        lines += data[i] == '\n';
        data[i] = data[i] ? data[i] : '?';
    }
    data[got] = '\0';
    if (strlen(seen) + (size_t)got >= sizeof seen)
        memmove(seen, seen + sizeof data, sizeof seen - sizeof data);
    strcat(seen, data);
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

static void press(int master, const char *keys)
{
    if (write(master, keys, strlen(keys)) < 0)
        die("write");
}

static int copy_output_soon(int master)
{
    if (!has_output(master, STUCK_MS))
        fail("nothing came for %d ms", STUCK_MS);
    return copy_output(master);
}

static void step(int master)
{
    bool running = true;
    while (running) {
        int lines = 0;
        do {
            int more = copy_output_soon(master);
            running = more >= 0;
            lines += running ? more : 0;
        } while (running && (column == 0 || has_output(master, QUIET_MS)));
        if (lines > (running ? 1 : 2))
            fail("one Enter brought %d lines", lines);
        if (running)
            press(master, "\n");
    }
}

/* Whoever has this terminal gets SIGHUP. */
static void hang_up(int master, int lines)
{
    while (lines > 0) {
        int more = copy_output_soon(master);
        if (more < 0)
            break;
        lines -= more;
        if (column > 0 && lines > 0)
            press(master, "\n");
    }
    close(master);
}

static void act(int master, char **words)
{
    for (; strcmp(words[0], "--") != 0; words += 2) {
        char *found;
        while (!(found = strstr(seen, words[0])))
            if (copy_output_soon(master) < 0)
                fail("it has ended before it said: %s", words[0]);
        found += strlen(words[0]);
        memmove(seen, found, strlen(found) + 1);
        press(master, words[1]);
    }
    while (copy_output_soon(master) >= 0)
        continue;
}

/* Where the command begins. */
static int command_of(char **argv)
{
    int i = 2;
    if (strcmp(argv[1], "act") == 0)
        while (argv[i] && strcmp(argv[i], "--") != 0)
            i += argv[i + 1] ? 2 : 1;
    return strcmp(argv[1], "step") == 0 ? 2 : argv[i] ? i + 1 : i;
}

int main(int argc, char **argv)
{
    die_name = "pty";
    int command = argc > 2 ? command_of(argv) : argc;
    if (command >= argc)
        fail("see tests/peers/pty.c");
    int master = open_master();
    pid_t pid = start(master, argv + command, strcmp(argv[1], "act") == 0);
    if (strcmp(argv[1], "type") == 0)
        type(master, argv[2]);
    else if (strcmp(argv[1], "hang") == 0)
        hang_up(master, atoi(argv[2]));
    else if (strcmp(argv[1], "act") == 0)
        act(master, argv + 2);
    else
        step(master);
    int status;
    if (waitpid(pid, &status, 0) < 0)
        die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
