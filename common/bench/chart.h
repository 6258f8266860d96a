/* chart: how figures grow, as a picture.
 * Introduced by lesson 26.
 *
 * An SVG with logarithmic axes. Each line has a mark and a dash of its own, and its name at its
 * end, so that it can be read without colours.
 */
#ifndef CHART_H
#define CHART_H

#include <stdbool.h>

enum { CHART_POINTS = 12, CHART_LINES = 40 };

struct chart_line {
    const char *name;
    double y[CHART_POINTS]; /* 0: there is no figure */
};

struct chart {
    const char *title, *x_title, *y_title;
    int points, lines; /* at most CHART_POINTS and CHART_LINES */
    double x[CHART_POINTS];
    struct chart_line line[CHART_LINES];
};

/* Writes the picture to this file. Returns false, with errno set, where that cannot be. */
bool chart_write(const struct chart *chart, const char *path);

#endif
