#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "stage/colour.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Blue, orange, yellow and green are those of the pictures, and then four more. All can be read on
 * black and on white: their contrast is about four to one with both. */
static const int colours[] = {27, 166, 100, 28, 164, 30, 160, 97};
enum { COLOURS = sizeof colours / sizeof *colours };

static struct actors {
    atomic_int count;
    atomic_uint hashes[COLOURS];
} own_actors, *actors = &own_actors;

void colour_begin(void)
{
    void *shared =
        mmap(NULL, sizeof *actors, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared != MAP_FAILED)
        actors = shared;
}

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
    for (int i = 0; i < COLOURS && i < actors->count; i++)
        if (actors->hashes[i] == hash)
            return colours[i];
    int next = actors->count < COLOURS ? atomic_fetch_add(&actors->count, 1) : COLOURS;
    if (next < COLOURS)
        actors->hashes[next] = hash;
    return colours[next < COLOURS ? next : (int)(hash % COLOURS)];
}
