#include "stage/args.h"

#include "stage/choose.h"
#include "stage/die.h"
#include "stage/lanes.h"
#include "stage/signals.h"
#include "stage/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *args_typed;

enum { MAX_OPTIONS = 32, HELP = 256, FIRST, STATUS_USAGE = 2 };

void args_refuse(const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n", die_name, message);
    exit(STATUS_USAGE);
}

long args_number(const char *what, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE || number < min || number > max)
        args_refuse("%s %s: not a number from %ld to %ld", what, text, min, max);
    return number;
}

const char *args_own_path(void)
{
    static char path[4096];
    const char *directory = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s.%d", directory && *directory ? directory : "/tmp", die_name,
             (int)getpid());
    return path;
}

static void print_help(const struct program *program)
{
    printf("Usage: %s [OPTION...] [COMMAND]\n%s\n\nCommands:\n", die_name, program->idea);
    for (const struct command *c = program->commands; c->run; c++) {
        char words[80];
        snprintf(words, sizeof words, "%s %s", *c->name ? c->name : "(none)", c->operands);
        printf("  %-20s %s\n", words, c->help);
    }
    if (args_typed)
        printf("\nTo type at connect:\n%s", args_typed);
    printf("\nOptions:\n");
    for (const struct option_spec *o = program->options; o && o->name; o++) {
        char words[80];
        snprintf(words, sizeof words, "--%s %s", o->name, o->value ? o->value : "");
        printf("  %-20s %s", words, o->help);
        if (o->number)
            printf(" (%ld to %ld, default %ld)", o->min, o->max, *o->number);
        if (o->text && *o->text)
            printf(" (default %s)", *o->text);
        printf("\n");
    }
    printf("  %-20s %s\n\nEnvironment:\n", "--help", "print this text");
    printf("  %-20s %s\n", "STEP=1", "after each line, wait for Enter; c runs on, q quits");
    printf("  %-20s %s\n", "SLOW=MS", "pause after each line instead");
    printf("  %-20s %s\n", "CHOOSE=1", "choose who goes on, where actors take turns (17a)");
    printf("  %-20s %s\n", "LANES=1", "a column for each actor of the demo");
    printf("  %-20s %s\n", "NO_COLOR=1", "no colours");
    printf("  %-20s %s\n", "QUIET=1", "no line but the first");
}

static void set_option(const struct option_spec *option, const char *value)
{
    char name[64];
    snprintf(name, sizeof name, "--%s", option->name);
    if (option->flag)
        *option->flag = true;
    else if (option->number)
        *option->number = args_number(name, value, option->min, option->max);
    else if (option->each)
        option->each(value);
    else
        *option->text = value;
}

/* Reads the options; returns false when --help was asked for. getopt_long(3) also moves the other
 * words to the end. */
static bool read_options(int argc, char **argv, const struct option_spec *options)
{
    struct option table[MAX_OPTIONS + 2] = {0};
    int count = 0;
    for (; options && options[count].name && count < MAX_OPTIONS; count++) {
        table[count].name = options[count].name;
        table[count].has_arg = options[count].flag ? no_argument : required_argument;
        table[count].val = FIRST + count;
    }
    table[count] = (struct option){.name = "help", .has_arg = no_argument, .val = HELP};

    opterr = 0;
    for (;;) {
        int found = getopt_long(argc, argv, ":", table, NULL);
        if (found == -1)
            return true;
        if (found == HELP)
            return false;
        if (found == ':')
            args_refuse("%s: wants a value", argv[optind - 1]);
        if (found == '?' && optopt >= FIRST)
            args_refuse("%s: takes no value", argv[optind - 1]);
        if (found == '?' && optopt)
            args_refuse("-%c: no such option; see --help", optopt);
        if (found == '?')
            args_refuse("%s: no such option; see --help", argv[optind - 1]);
        set_option(&options[found - FIRST], optarg);
    }
}

static int count_words(const char *text)
{
    int words = 0;
    for (; *text; text++)
        if (*text != ' ' && (text[1] == ' ' || text[1] == '\0'))
            words++;
    return words;
}

/* A program that is started without standard input, output or error must not give their numbers to
 * a socket: what it says would reach a client. */
static void open_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

/* Two commands of one name, one after the other, differ in the number of their operands. */
static const struct command *find_command(const struct command *commands, const char *name,
                                          char **operands)
{
    int given = 0;
    while (operands[given])
        given++;
    const struct command *found = NULL;
    for (const struct command *c = commands; c->run; c++)
        if (strcmp(c->name, name) == 0 && (!found || count_words(c->operands) == given))
            found = c;
    if (!found)
        args_refuse("%s: no such command; see --help", name);
    int wanted = count_words(found->operands);
    if (given > wanted)
        args_refuse("%s: unexpected", operands[wanted]);
    if (given < wanted)
        args_refuse("%s: wants %s", name, found->operands);
    return found;
}

int args_run(int argc, char **argv, const struct program *program)
{
    open_standard_descriptors();
    signals_begin();
    const char *slash = strrchr(argv[0], '/'), *slow = getenv("SLOW");
    die_name = slash ? slash + 1 : argv[0];
    if (slow && *slow)
        args_number("SLOW", slow, 0, 60000);
    if (choose_is_wanted())
        unsetenv("STEP");
    if (!read_options(argc, argv, program->options)) {
        print_help(program);
        die_unless_printed();
        return EXIT_SUCCESS;
    }
    char **words = argv + optind;
    const char *name = *words ? *words++ : "";
    const struct command *command = find_command(program->commands, name, words);
    bool is_demo = !*name || strcmp(name, "play") == 0;
    watch_begin(is_demo);
    lanes_begin(is_demo);
    int status = command->run(words);
    die_unless_printed();
    return status;
}

static int (*only_demo)(void);

static int play(char **operands)
{
    (void)operands;
    return only_demo();
}

int args_demo(int argc, char **argv, const char *idea, int (*demo)(void),
              const struct option_spec *options)
{
    static const struct command commands[] = {{"", "", "play the demo", play}, {0}};
    only_demo = demo;
    return args_run(argc, argv, &(struct program){idea, commands, options});
}
