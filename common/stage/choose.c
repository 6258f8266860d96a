#include "stage/choose.h"

#include "stage/die.h"
#include "stage/say.h"
#include "stage/terminal.h"
#include "stage/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char menu[1024];
static char offered[16]; /* the keys of the menu */
static char order[32];   /* the keys of this scene so far */

bool choose_is_wanted(void)
{
    return watch_wants("CHOOSE");
}

/* ---- A key ----------------------------------------------------------------------------------- */

static void show(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        die("write");
}

/* From the terminal, where the prompt then vanishes, or from whatever stands in for it. */
static int read_key(const char *prompt)
{
    unsigned char key;
    ssize_t got;
    if (isatty(STDIN_FILENO))
        return terminal_key(prompt);
    do
        got = read(STDIN_FILENO, &key, 1);
    while (got < 0 && errno == EINTR);
    return got == 1 ? key : -1;
}

/* Shows the lines and the prompt until one of the keys is pressed, and returns that. On a terminal
 * they then vanish. */
static char ask(const char *lines, const char *prompt, const char *keys)
{
    int key;
    show(lines);
    if (!isatty(STDIN_FILENO))
        show(prompt);
    watched->at_key = true;
    do
        key = read_key(prompt);
    while (key >= 0 && key != 'q' && !strchr(keys, key));
    watched->at_key = false;
    for (; *lines && isatty(STDOUT_FILENO); lines++)
        if (*lines == '\n')
            show("\033[A\033[K"); /* one up, and nothing there */
    if (!isatty(STDIN_FILENO))
        show("\n");
    if (key < 0 || key == 'q')
        exit(EXIT_SUCCESS);
    return (char)key;
}

/* ---- The menu -------------------------------------------------------------------------------- */

void choose_line(int player, const char *format, ...)
{
    char key = player < 0 ? ' ' : (char)('1' + player), text[128];
    size_t length = strlen(menu);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(menu + length, sizeof menu - length, "  %c  %s\n", key, text);
    if (player >= 0)
        offered[strlen(offered)] = key;
}

int choose_player(void)
{
    char key = ask(menu, "Who goes on?  q: quit ", offered);
    if (strlen(order) + 1 < sizeof order)
        order[strlen(order)] = key;
    menu[0] = '\0';
    memset(offered, 0, sizeof offered);
    return key - '1';
}

/* ---- The orders ------------------------------------------------------------------------------ */

bool choose_again(int orders, const char *outcome, const char *challenge)
{
    static struct played {
        char orders[4096]; /* a space before and after each */
        int count;
        const char *first;
        bool has_another; /* outcome */
    } played;
    char this_order[sizeof order + 2], of[16] = "";
    if (!choose_is_wanted())
        return false;
    snprintf(this_order, sizeof this_order, " %s ", order);
    memset(order, 0, sizeof order);
    if (!strstr(played.orders, this_order)) {
        strncat(played.orders, this_order, sizeof played.orders - strlen(played.orders) - 1);
        played.count++;
    }
    if (!played.first)
        played.first = outcome;
    if (strcmp(outcome, played.first) != 0)
        played.has_another = true;
    if (orders > 0)
        snprintf(of, sizeof of, " of %d", orders);
    say("main", "%s. Orders so far: %d%s%s%s", outcome, played.count, of,
        played.has_another ? "" : "; ", played.has_another ? "" : challenge);
    if (ask("", "Enter: again  n: next  q: quit ", "\nn") == '\n')
        return true;
    played = (struct played){0};
    return false;
}
