#include "stage/colour.h"

#include "stage/watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Blue, orange, yellow and green are those of the pictures, and then four more. All can be read on
 * black and on white: their contrast is about four to one with both. */
static const int colours[COLOURS] = {27, 166, 100, 28, 164, 30, 160, 97};

static bool is_wanted(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
           !(terminal && strcmp(terminal, "dumb") == 0);
}

/* slides/replay/svg.awk and page.js know the same ones. */
static bool has_none(const char *actor)
{
    static const char *const dark[] = {"server", "main", "parent", "kernel"};
    for (size_t i = 0; i < sizeof dark / sizeof *dark; i++)
        if (strcmp(actor, dark[i]) == 0)
            return true;
    return false;
}

int colour_of(const char *actor)
{
    unsigned hash = 1;
    if (!is_wanted() || has_none(actor))
        return 0;
    for (const char *c = actor; *c; c++)
        hash = hash * 43 + (unsigned char)*c;
    for (int i = 0; i < COLOURS; i++) {
        unsigned nobody = 0;
        atomic_uint *place = &watched->coloured[i];
        if (atomic_compare_exchange_strong(place, &nobody, hash) || nobody == hash)
            return colours[i];
    }
    return colours[hash % COLOURS];
}
