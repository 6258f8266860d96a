/* shared: memory that parent and children share.
 * Introduced by lesson 21a, which shows it longhand. multiprocessing.sharedctypes */
#ifndef SHARED_H
#define SHARED_H

#include <stddef.h>

/* Returns zeroed memory, which this process shares with the children that it starts from now on. It
 * has no name, and is gone when the last of them has ended or given it back. If there is no memory,
 * the process ends with a message. mmap(2), MAP_SHARED | MAP_ANONYMOUS */
void *shared_new(size_t bytes);

/* Gives it back, in this process only. munmap(2) */
void shared_free(void *memory, size_t bytes);

#endif
