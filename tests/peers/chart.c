/* chart: how rates grow with the number of clients, as an SVG with logarithmic axes.
 *
 *   chart TITLE < FIGURES > FILE
 *
 * A line of FIGURES is "CLIENTS NAME RATE", from few clients to many. Each name has a line with a
 * mark and a dash of its own, and stands at its end, so that it can be read without colours. A line
 * ends where there are no more figures for it.
 */
#include "stage/args.h"
#include "stage/die.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POINTS = 12,
    LINES = 40,
    LEFT = 110,
    RIGHT = 900,
    TOP = 60,
    BOTTOM = 560,
    WIDTH = 1060,
    HEIGHT = 630,
    LABEL_GAP = 20
};

struct chart {
    const char *title;
    int points, lines; /* at most POINTS and LINES */
    double x[POINTS];
    struct chart_line {
        char name[24];
        double y[POINTS]; /* 0: there is no figure */
    } line[LINES];
};

struct scale {
    double low, high;
};

static const char *const colours[] = {"#0b559f", "#b3472d", "#2b7a3d",
                                      "#7a3d8f", "#555555", "#a86a00"};
static const char *const dashes[] = {"none", "9 4", "2 4", "12 4 2 4", "5 3"};
enum { COLOURS = 6, DASHES = 5, MARKS = 4 };

/* The next of ..., 10, 20, 50, 100, ... */
static double next_step(double step)
{
    double power = pow(10, floor(log10(step) + 1e-9));
    double first = step / power;
    return power * (first < 1.5 ? 2 : first < 3 ? 5 : 10);
}

/* Steps that have all figures between them. */
static struct scale scale_of(const struct chart *chart)
{
    double low = INFINITY, high = 0;
    for (int i = 0; i < chart->lines; i++)
        for (int j = 0; j < chart->points; j++) {
            double y = chart->line[i].y[j];
            low = y > 0 && y < low ? y : low;
            high = y > high ? y : high;
        }
    if (high <= 0)
        return (struct scale){1, 10};
    struct scale scale = {pow(10, floor(log10(low))), 0};
    while (next_step(scale.low) <= low)
        scale.low = next_step(scale.low);
    for (scale.high = next_step(scale.low); scale.high < high;)
        scale.high = next_step(scale.high);
    return scale;
}

static double x_at(const struct chart *chart, double x)
{
    double low = log10(chart->x[0]), high = log10(chart->x[chart->points - 1]);
    return chart->points < 2 ? (LEFT + RIGHT) / 2.0
                             : LEFT + 20 + (log10(x) - low) / (high - low) * (RIGHT - LEFT - 40);
}

static double y_at(struct scale scale, double y)
{
    return BOTTOM - log10(y / scale.low) / log10(scale.high / scale.low) * (BOTTOM - TOP);
}

static void write_text(FILE *file, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '&')
            fputs(*text == '<' ? "&lt;" : "&amp;", file);
        else
            fputc(*text, file);
}

static void draw_text(FILE *file, double x, double y, const char *attributes, const char *text)
{
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    write_text(file, text);
    fprintf(file, "</text>\n");
}

static void draw_axes(FILE *file, const struct chart *chart, struct scale scale)
{
    char text[32];
    for (double step = scale.low; step < scale.high * 1.1; step = next_step(step)) {
        double y = y_at(scale, step);
        fprintf(file, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ccc\"/>\n", LEFT,
                y, RIGHT, y);
        snprintf(text, sizeof text, step < 1 ? "%g" : "%.0f", step);
        draw_text(file, LEFT - 10, y + 6, "text-anchor=\"end\"", text);
    }
    for (int i = 0; i < chart->points; i++) {
        double x = x_at(chart, chart->x[i]);
        fprintf(file, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#eee\"/>\n", x,
                TOP, x, BOTTOM);
        snprintf(text, sizeof text, "%.0f", chart->x[i]);
        draw_text(file, x, BOTTOM + 26, "text-anchor=\"middle\"", text);
    }
    draw_text(file, LEFT, 34, "font-size=\"22\" font-weight=\"bold\"", chart->title);
    draw_text(file, (LEFT + RIGHT) / 2.0, HEIGHT - 14, "text-anchor=\"middle\"", "clients");
    draw_text(file, 0, 0, "text-anchor=\"middle\" transform=\"translate(18 310) rotate(-90)\"",
              "requests a second");
}

static void draw_mark(FILE *file, double x, double y, int number)
{
    const char *colour = colours[number % COLOURS];
    const char *fill = number / MARKS % 2 ? "#fff" : colour;
    fprintf(file, "<path transform=\"translate(%.1f %.1f)\" fill=\"%s\" stroke=\"%s\" d=\"%s\"/>\n",
            x, y, fill, colour,
            (const char *const[]){"M-5,-5h10v10h-10z", "M0,-7L7,5H-7z", "M0,-7L7,0L0,7L-7,0z",
                                  "M-7,-5H7L0,7z"}[number % MARKS]);
}

static void draw_line(FILE *file, const struct chart *chart, struct scale scale, int number)
{
    const struct chart_line *line = &chart->line[number];
    fprintf(file,
            "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
            "points=\"",
            colours[number % COLOURS], dashes[number % DASHES]);
    for (int i = 0; i < chart->points; i++)
        if (line->y[i] > 0)
            fprintf(file, "%.1f,%.1f ", x_at(chart, chart->x[i]), y_at(scale, line->y[i]));
    fprintf(file, "\"/>\n");
    for (int i = 0; i < chart->points; i++)
        if (line->y[i] > 0)
            draw_mark(file, x_at(chart, chart->x[i]), y_at(scale, line->y[i]), number);
}

struct label {
    int number, point; /* of the line, and of the figure at its end */
    double x, y;       /* where the line ends */
    double text_y;     /* where its name stands */
};

static int compare_labels(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    return x->point != y->point ? x->point - y->point : (x->y > y->y) - (x->y < y->y);
}

static int collect_labels(const struct chart *chart, struct scale scale, struct label *labels)
{
    int count = 0;
    for (int i = 0; i < chart->lines; i++)
        for (int j = chart->points - 1; j >= 0; j--)
            if (chart->line[i].y[j] > 0) {
                double x = x_at(chart, chart->x[j]), y = y_at(scale, chart->line[i].y[j]);
                labels[count++] = (struct label){i, j, x, y, y};
                break;
            }
    qsort(labels, (size_t)count, sizeof *labels, compare_labels);
    return count;
}

/* Names of lines that end at the same x stand in the order of their ends, none on another. */
static void move_apart(struct label *labels, int count)
{
    double gap = fmin(LABEL_GAP, (double)(BOTTOM - TOP) / count), lowest = BOTTOM;
    for (int i = 1; i < count; i++)
        if (labels[i].point == labels[i - 1].point)
            labels[i].text_y = fmax(labels[i].text_y, labels[i - 1].text_y + gap);
    for (int i = count - 1; i >= 0; i--, lowest -= gap) {
        if (i < count - 1 && labels[i].point != labels[i + 1].point)
            lowest = BOTTOM;
        labels[i].text_y = fmin(labels[i].text_y, lowest);
    }
}

static void draw_label(FILE *file, const struct chart *chart, const struct label *label)
{
    char attributes[96];
    const char *colour = colours[label->number % COLOURS];
    fprintf(file,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"0.7\" "
            "d=\"M%.1f,%.1fL%.1f,%.1f\"/>\n",
            colour, label->x + 9, label->y, label->x + 38, label->text_y);
    draw_mark(file, label->x + 46, label->text_y, label->number);
    snprintf(attributes, sizeof attributes,
             "fill=\"%s\" stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\"", colour);
    draw_text(file, label->x + 58, label->text_y + 6, attributes, chart->line[label->number].name);
}

static void draw(FILE *file, const struct chart *chart)
{
    struct scale scale = scale_of(chart);
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"17\" role=\"img\">\n<title>",
            WIDTH, HEIGHT);
    write_text(file, chart->title);
    fprintf(file, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", WIDTH, HEIGHT);
    draw_axes(file, chart, scale);
    for (int i = 0; i < chart->lines; i++)
        draw_line(file, chart, scale, i);
    struct label labels[LINES];
    int count = collect_labels(chart, scale, labels);
    move_apart(labels, count);
    for (int i = 0; i < count; i++)
        draw_label(file, chart, &labels[i]);
    fprintf(file, "</svg>\n");
}

static struct chart_line *line_called(struct chart *chart, const char *name)
{
    int i = 0;
    while (i < chart->lines && strcmp(chart->line[i].name, name) != 0)
        i++;
    if (i == LINES)
        fail("more than %d names", LINES);
    if (i == chart->lines)
        strcpy(chart->line[chart->lines++].name, name);
    return &chart->line[i];
}

static void add_figure(struct chart *chart, double clients, const char *name, double rate)
{
    if (chart->points == 0 || clients > chart->x[chart->points - 1]) {
        if (chart->points == POINTS)
            fail("more than %d numbers of clients", POINTS);
        chart->x[chart->points++] = clients;
    }
    line_called(chart, name)->y[chart->points - 1] = rate;
}

int main(int argc, char **argv)
{
    static struct chart chart;
    char name[24];
    double clients, rate;
    die_name = "chart";
    if (argc != 2)
        args_refuse("wants a title");
    chart.title = argv[1];
    while (scanf("%lf %23s %lf", &clients, name, &rate) == 3)
        add_figure(&chart, clients, name, rate);
    if (!feof(stdin) || chart.points == 0)
        fail("a line is CLIENTS NAME RATE");
    draw(stdout, &chart);
    if (ferror(stdout) || fflush(stdout) != 0)
        die("write");
    return EXIT_SUCCESS;
}
