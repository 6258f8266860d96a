#define _DEFAULT_SOURCE /* winsize */
#include "stage/lanes.h"

#include "stage/colour.h"
#include "stage/die.h"
#include "stage/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NARROWEST = 8, ADDRESS = 15, FEW = 24, BORDER = 2, PAGE = 20, LINE_BYTES = 1024 };

static struct lane *lane_of(const char *actor)
{
    for (int i = 0; i < watched->lane_count; i++)
        if (strcmp(watched->lanes[i].name, actor) == 0)
            return &watched->lanes[i];
    return NULL;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* Of the character that begins here. What begins with E3 to ED, or with F0 9F and more, is Chinese,
 * Japanese, Korean or a pictograph, and so is the full width of EF BC. */
static int columns_at(const char *text)
{
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
    bool goes_on = (first & 0xC0) == 0x80;
    bool combines = first == 0xCC || (first == 0xCD && second < 0xB0); /* an accent */
    bool is_wide = (first >= 0xE3 && first <= 0xED) || (first == 0xF0 && second >= 0x9F) ||
                   (first == 0xEF && second == 0xBC);
    return goes_on || combines ? 0 : is_wide ? 2 : 1;
}

int columns_of(const char *text, size_t bytes)
{
    int columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += columns_at(text + i);
    return columns;
}

size_t bytes_within(const char *text, int columns)
{
    size_t bytes = 0;
    while (text[bytes] && (columns -= columns_at(text + bytes)) >= 0)
        bytes++;
    return bytes;
}

/* ---- The columns ----------------------------------------------------------------------------- */

/* Returns what the demo says when nobody watches; in the child, which says it, NULL. */
static FILE *rehearse(void)
{
    FILE *said = tmpfile();
    pid_t child = said ? fork() : -1;
    if (child < 0)
        die("LANES");
    if (child > 0) {
        waitpid(child, NULL, 0);
        rewind(said);
        return said;
    }
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(fileno(said), STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    close(nothing);
    fclose(said);
    unsetenv("LANES");
    unsetenv("STEP");
    unsetenv("SLOW");
    unsetenv("CHOOSE");
    return NULL;
}

static int larger(int one, int other)
{
    return one > other ? one : other;
}

static void note(const char *line)
{
    char name[ACTOR_BYTES], text[LINE_BYTES];
    if (sscanf(line, "%15s | %1023[^\n]", name, text) != 2)
        return;
    struct lane *lane = lane_of(name);
    if (!lane && watched->lane_count < LANES) {
        lane = &watched->lanes[watched->lane_count++];
        strcpy(lane->name, name);
        lane->longest = larger(NARROWEST, (int)strlen(name));
    }
    if (!lane)
        return;
    int columns = columns_of(text, strlen(text));
    lane->said += columns;
    lane->longest = larger(lane->longest, columns);
}

static int columns_of_the_terminal(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    long wanted = columns ? strtol(columns, NULL, 10) : 0;
    return wanted > 0 && wanted < 1000 ? (int)wanted : 80;
}

/* Each gets what its name takes, or an address with its port where there are few; then whoever says
 * much gets much of the rest, but nobody more than the longest line takes. */
static void share_columns(int columns)
{
    int count = watched->lane_count, left = columns - BORDER * (count - 1), said = 0;
    for (struct lane *lane = watched->lanes; lane < watched->lanes + count; lane++) {
        bool are_few = columns / count > FEW;
        lane->width = larger(are_few ? ADDRESS : NARROWEST, (int)strlen(lane->name));
        left -= lane->width;
        said += lane->said;
    }
    if (left < 0) {
        fprintf(stderr, "%s: LANES: %d actors need %d columns, and there are %d\n", die_name, count,
                columns - left, columns);
        watched->lane_count = 0;
    }
    for (struct lane *lane = watched->lanes; lane < watched->lanes + watched->lane_count; lane++) {
        int more = left * lane->said / said;
        if (more > lane->longest - lane->width)
            more = lane->longest - lane->width;
        lane->width += more;
        left -= more;
        said -= lane->said;
    }
}

void lanes_begin(bool is_demo)
{
    FILE *said = is_demo && watch_wants("LANES") ? rehearse() : NULL;
    if (!said)
        return;
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, said))
        note(line);
    fclose(said);
    watched->lines = 0;
    watched->has_reason = false;
    share_columns(columns_of_the_terminal());
}

/* ---- A row ----------------------------------------------------------------------------------- */

/* The bytes of as many words as the width has room for; of a longer word, what fits. */
static size_t length_of_row(const char *text, int width)
{
    size_t fits = bytes_within(text, width), whole = fits;
    if (text[fits] == '\0' || text[fits] == ' ')
        return fits;
    while (whole > 0 && text[whole] != ' ')
        whole--;
    return whole > 0 ? whole : fits;
}

static void draw_cell(FILE *out, int number, const char *text, size_t length)
{
    const struct lane *lane = &watched->lanes[number];
    int colour = length > 0 ? colour_of(lane->name) : 0;
    bool is_last = number == watched->lane_count - 1;
    if (number > 0)
        fprintf(out, length == 0 && is_last ? "|" : "| ");
    if (colour)
        fprintf(out, "\033[1;38;5;%dm", colour);
    fprintf(out, "%.*s%s", (int)length, text, colour ? "\033[0m" : "");
    if (!is_last)
        fprintf(out, "%*s", lane->width - columns_of(text, length), "");
}

static void draw_names(FILE *out)
{
    int count = watched->lane_count;
    for (int i = 0; i < count; i++)
        draw_cell(out, i, watched->lanes[i].name, strlen(watched->lanes[i].name));
    fprintf(out, "\n");
    for (int i = 0; i < count; i++) {
        for (int column = 0; column < watched->lanes[i].width; column++)
            fputc('-', out);
        fprintf(out, i < count - 1 ? "+-" : "\n");
    }
}

char *lanes_draw(const char *actor, const char *text)
{
    const struct lane *speaker = lane_of(actor);
    char *drawn = NULL;
    size_t size;
    FILE *out = speaker ? open_memstream(&drawn, &size) : NULL;
    if (!out)
        return NULL;
    if (watched->rows == 0)
        draw_names(out);
    while (*text) {
        size_t length = length_of_row(text, speaker->width);
        for (int i = 0; i < watched->lane_count; i++)
            draw_cell(out, i, text, &watched->lanes[i] == speaker ? length : 0);
        fprintf(out, "\n");
        text += length;
        text += strspn(text, " ");
        watched->rows++;
    }
    if (watched->rows >= PAGE)
        watched->rows = 0;
    fclose(out);
    return drawn;
}
