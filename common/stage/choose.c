#include "stage/choose.h"

#include "stage/say.h"
#include "stage/terminal.h"
#include "stage/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char order[32]; /* the keys of this scene so far */

bool choose_is_wanted(void)
{
    return watch_wants("CHOOSE");
}

/* From the terminal, where the prompt then vanishes, or from whatever stands in for it. */
static int read_key(const char *prompt, const char *keys)
{
    unsigned char key = '\0';
    ssize_t got;
    if (isatty(STDIN_FILENO))
        return terminal_key(prompt, keys);
    do
        got = read(STDIN_FILENO, &key, 1);
    while ((got < 0 && errno == EINTR) || (got == 1 && !strchr(keys, key)));
    return got == 1 ? key : -1;
}

/* Shows the menu and the prompt until one of the keys is pressed, and returns that. On a terminal
 * they then vanish. The key q, and the end of the input, end the program. */
static char ask(const char *menu, const char *prompt, const char *keys)
{
    bool is_terminal = isatty(STDIN_FILENO);
    dprintf(STDOUT_FILENO, "%s%s", menu, is_terminal ? "" : prompt);
    int key = read_key(prompt, keys);
    for (const char *c = menu; *c && isatty(STDOUT_FILENO); c++)
        if (*c == '\n')
            dprintf(STDOUT_FILENO, "\033[A\033[K"); /* one up, and nothing there */
    if (!is_terminal)
        dprintf(STDOUT_FILENO, "\n");
    if (key < 0 || key == 'q')
        exit(EXIT_SUCCESS);
    return (char)key;
}

char choose_key(const char *menu, const char *keys)
{
    char key = ask(menu, "Who goes on?  q: quit ", keys);
    if (strlen(order) + 1 < sizeof order)
        order[strlen(order)] = key;
    return key;
}

bool choose_again(int orders, const char *outcome, const char *challenge)
{
    static struct played {
        char orders[4096]; /* a space before and after each */
        int count;
        const char *first; /* outcome */
        bool has_another;
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
    if (ask("", "Enter: again  n: next  q: quit ", "\nnq") == '\n')
        return true;
    played = (struct played){0};
    return false;
}
