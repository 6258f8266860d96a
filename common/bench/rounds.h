/* rounds: what was measured several times, as one figure and its spread.
 * Introduced by lesson 26a.
 *
 * A machine is slow for a while, and its figures are then far off: they would spoil a mean, and
 * leave a median as it is.
 */
#ifndef ROUNDS_H
#define ROUNDS_H

/* The middle one of these figures, or the mean of the middle two. It leaves them sorted.
 * statistics.median */
double rounds_median(double *figures, long count);

/* Half of the distance from the lowest to the highest, in percent of the median. Sorts them too. */
double rounds_spread(double *figures, long count);

#endif
