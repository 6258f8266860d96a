/* linux: what Linux alone can do, by prctl(2) and prlimit(2).
 * Introduced by lesson 01; plumbing.
 *
 * Elsewhere (elsewhere.c) these functions do nothing, and return false.
 */
#ifndef LINUX_H
#define LINUX_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether the thread that calls is the main thread. */
bool linux_is_main_thread(void);

/* The signal comes when the thread that forked this process ends, or its process does. */
bool linux_end_with_parent(int signal_number);

/* From now on orphans among the descendants of this process become its children. */
bool linux_adopt_orphans(void);

/* Names the thread that calls for the kernel: the first 15 bytes, which top -H shows. */
bool linux_name_thread(const char *name);

/* Sets how many descriptors the process may have: ulimit -Sn. */
bool linux_limit_descriptors(pid_t process, long limit);

#endif
