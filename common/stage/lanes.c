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

enum { MOST = 32, NARROWEST = 8, LONG_WORD = 12, BORDER = 2, PAGE = 20, LINE_BYTES = 1024 };

static struct lane {
    char name[ACTOR_BYTES];
    int width;
    int word, line, text; /* the columns of its longest word and line, and of all that it says */
} lanes[MOST];
static int count;

/* A UTF-8 character is one column. */
static bool begins_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static int columns_of(const char *text, size_t bytes)
{
    int columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += begins_character(text[i]);
    return columns;
}

static struct lane *lane_of(const char *actor)
{
    for (int i = 0; i < count; i++)
        if (strcmp(lanes[i].name, actor) == 0)
            return &lanes[i];
    return NULL;
}

/* ---- The columns ----------------------------------------------------------------------------- */

/* Returns what the demo says when nobody watches; in the child, which says it, NULL. */
static FILE *rehearse(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    close(ends[child == 0 ? 0 : 1]);
    if (child > 0)
        return fdopen(ends[0], "r");
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    close(nothing);
    close(ends[1]);
    unsetenv("LANES");
    unsetenv("STEP");
    unsetenv("SLOW");
    unsetenv("CHOOSE");
    return NULL;
}

static void note(char *line)
{
    char *text = strstr(line, " | ");
    if (!text)
        return;
    *text = '\0';
    text += strlen(" | ");
    line[strcspn(line, " ")] = '\0';
    struct lane *lane = lane_of(line);
    if (!lane && count < MOST) {
        lane = &lanes[count++];
        snprintf(lane->name, sizeof lane->name, "%.15s", line);
        lane->width = (int)strlen(lane->name);
    }
    if (!lane)
        return;
    int columns = columns_of(text, strcspn(text, "\n"));
    lane->text += columns;
    lane->line = columns > lane->line ? columns : lane->line;
    for (; *text; text += strspn(text, " \n")) {
        int word = columns_of(text, strcspn(text, " \n"));
        lane->word = word > lane->word ? word : lane->word;
        text += strcspn(text, " \n");
    }
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

/* How much another column would shorten the lane; most of all where a word is not whole. */
static double gain(const struct lane *lane)
{
    double rows_saved = (double)lane->text / lane->width / lane->width;
    bool is_cut = lane->width < lane->word && lane->width < LONG_WORD;
    return is_cut ? rows_saved + 1000 : lane->width < lane->line ? rows_saved : 0;
}

static struct lane *narrowest(void)
{
    struct lane *found = lanes;
    for (struct lane *lane = lanes + 1; lane < lanes + count; lane++)
        if (gain(lane) > gain(found))
            found = lane;
    return found;
}

/* Returns false if there is no room. */
static bool share_columns(int columns)
{
    int spare = columns - BORDER * (count - 1);
    for (int i = 0; i < count; i++) {
        lanes[i].width = lanes[i].width < NARROWEST ? NARROWEST : lanes[i].width;
        spare -= lanes[i].width;
    }
    if (spare < 0)
        fprintf(stderr, "%s: LANES: %d actors need %d columns, and there are %d\n", die_name, count,
                columns - spare, columns);
    for (int left = spare; left > 0 && count > 0; left--)
        narrowest()->width++;
    return spare >= 0;
}

/* For the program that a child may become, as in lesson 19d. */
static void hand_on(void)
{
    char value[MOST * (ACTOR_BYTES + 16)] = "", *end = value;
    for (int i = 0; i < count; i++)
        end += sprintf(end, "%s=%d,", lanes[i].name, lanes[i].width);
    setenv("LANES", value, true);
}

static void take_over(const char *value)
{
    int used;
    while (count < MOST &&
           sscanf(value, "%15[^=]=%4d,%n", lanes[count].name, &lanes[count].width, &used) == 2 &&
           lanes[count].width > 0) {
        value += used;
        count++;
    }
}

void lanes_begin(bool is_demo)
{
    if (!watch_wants("LANES"))
        return;
    if (strchr(getenv("LANES"), '=')) {
        take_over(getenv("LANES"));
        return;
    }
    FILE *said = is_demo ? rehearse() : NULL;
    if (!said)
        return;
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, said))
        note(line);
    fclose(said);
    wait(NULL);
    watched->lines = 0;
    if (!share_columns(columns_of_the_terminal()))
        count = 0;
    hand_on();
}

/* ---- A row ----------------------------------------------------------------------------------- */

/* The bytes of as many words as the width has room for; of a longer word, what fits. */
static size_t length_of_row(const char *text, int width)
{
    size_t whole = 0, i = 0;
    for (int column = 0; text[i]; i++) {
        if (begins_character(text[i]) && column++ == width)
            return whole > 0 ? whole : i;
        if (text[i + 1] == ' ' || text[i + 1] == '\0')
            whole = i + 1;
    }
    return i;
}

static void draw_cell(FILE *out, const struct lane *lane, const char *text, size_t length)
{
    int colour = length > 0 ? colour_of(lane->name) : 0;
    bool is_last = lane == lanes + count - 1;
    if (lane > lanes)
        fprintf(out, length == 0 && is_last ? "|" : "| ");
    if (colour)
        fprintf(out, "\033[1;38;5;%dm", colour);
    fprintf(out, "%.*s%s", (int)length, text, colour ? "\033[0m" : "");
    if (!is_last)
        fprintf(out, "%*s", lane->width - columns_of(text, length), "");
}

static void draw_names(FILE *out)
{
    for (struct lane *lane = lanes; lane < lanes + count; lane++)
        draw_cell(out, lane, lane->name, strlen(lane->name));
    fprintf(out, "\n");
    for (struct lane *lane = lanes; lane < lanes + count; lane++) {
        for (int i = 0; i < lane->width; i++)
            fputc('-', out);
        fprintf(out, lane < lanes + count - 1 ? "+-" : "\n");
    }
}

static int count_rows(const char *text, int width)
{
    int rows = 0;
    for (; *text; text += strspn(text, " ")) {
        text += length_of_row(text, width);
        rows++;
    }
    return rows;
}

char *lanes_draw(const char *actor, const char *text)
{
    const struct lane *speaker = lane_of(actor);
    char *drawn = NULL;
    size_t size;
    FILE *out = speaker ? open_memstream(&drawn, &size) : NULL;
    if (!out)
        return NULL;
    int rows = count_rows(text, speaker->width);
    int before = atomic_fetch_add(&watched->rows, rows);
    if (before == 0 || before / PAGE != (before + rows) / PAGE)
        draw_names(out);
    while (*text) {
        size_t length = length_of_row(text, speaker->width);
        for (const struct lane *lane = lanes; lane < lanes + count; lane++)
            draw_cell(out, lane, text, lane == speaker ? length : 0);
        fprintf(out, "\n");
        text += length;
        text += strspn(text, " ");
    }
    fclose(out);
    return drawn;
}
