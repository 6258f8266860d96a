/* shared: memory that parent and children share.
 * Introduced by lesson 21a, which shows it longhand. multiprocessing.sharedctypes */
#ifndef SHARED_H
#define SHARED_H

#include <stddef.h>

/* Zeroed memory that this process and the children that it starts from now on share; the end of the
 * process with a message if there is none. It has no name, and is gone when the last of them has
 * ended or given it back. mmap(2), MAP_SHARED | MAP_ANONYMOUS */
void *shared_new(size_t bytes);

/* Gives it back, in this process. munmap(2) */
void shared_free(void *memory, size_t bytes);

#endif
