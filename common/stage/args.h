/* args: the command line, the same in every lesson.
 * Introduced by lesson 01; plumbing.
 *
 * A lesson lists its commands and options in two tables. Parsing, range checks and --help all come
 * from them, so the help leaves nothing out. (As the default it prints the present value.)
 */
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>

/* A command of the program; the table ends with one whose run is NULL. A name of "" is what runs
 * without a command. A name that stands twice, one after the other, has operands of two kinds. */
struct command {
    const char *name;
    /* as the help shows them, one word each: "HOST PORT"; "" for none */
    const char *operands;
    const char *help;
    int (*run)(char **operands); /* as many as the table names; returns the exit status */
};

/* An option; exactly one of flag, number, text and each is set, and keeps its value if the option
 * is not given. The table ends with one whose name is NULL. */
struct option_spec {
    const char *name;  /* without the dashes */
    const char *value; /* the value as the help shows it: "P"; NULL for a flag */
    const char *help;
    bool *flag;   /* set to true */
    long *number; /* set to a number from min to max */
    long min, max;
    const char **text;
    void (*each)(const char *value); /* is called for each time that the option is given */
};

struct program {
    const char *idea; /* one sentence */
    const struct command *commands;
    const struct option_spec *options; /* NULL: none but --help */
};

/* What may be typed at connect, a line or more; NULL: anything. The help says so, and talk.h on a
 * terminal. */
extern const char *args_typed;

/* Begins the program as though nothing strange had been inherited (signals.h), then parses argv
 * by the tables and runs the command. Prints the help for --help and returns 0; ends the process
 * with status 2 for a wrong word, after one line on stderr that names it, and with status 1 if
 * stdio cannot print what the command has left to it. argparse in Python. */
int args_run(int argc, char **argv, const struct program *program);

/* The same for a program that only plays its demo. options: NULL for none. */
int args_demo(int argc, char **argv, const char *idea, int (*demo)(void),
              const struct option_spec *options);

/* The number that the text says, from min to max; a wrong one ends the process with status 2 and
 * names WHAT. */
long args_number(const char *what, const char *text, long min, long max);

/* A path in TMPDIR, or in /tmp, with the pid in its name, so that thirty students can share one
 * host. Lives as long as the program. */
const char *args_own_path(void);

/* Prints "NAME: MESSAGE" and ends the process with status 2: for values that only the lesson can
 * check. */
_Noreturn void args_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
