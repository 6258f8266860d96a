/* timing: how costs.c and limits.c report what they have measured. */
#ifndef TIMING_H
#define TIMING_H

#include "stage/say.h"

#include <time.h>

/* Prints "timing | COUNT THINGS in S s, R THINGS/s" for what was done since START, a time of
 * CLOCK_MONOTONIC. */
static inline void say_timing(long count, const char *things, struct timespec start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds =
        (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
    say("timing", "%ld %s in %.3f s, %.0f %s/s", count, things, seconds, (double)count / seconds,
        things);
}

#endif
