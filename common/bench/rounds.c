#include "bench/rounds.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rounds_median(double *figures, long count)
{
    qsort(figures, (size_t)count, sizeof *figures, compare);
    return (figures[(count - 1) / 2] + figures[count / 2]) / 2;
}

double rounds_spread(double *figures, long count)
{
    double median = rounds_median(figures, count);
    return median > 0 ? 50 * (figures[count - 1] - figures[0]) / median : 0;
}
