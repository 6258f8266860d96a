/* contender: a server that runs as a program of its own, and the CPU time that it takes.
 * Introduced by lesson 26a.
 *
 * It is started by a command, says where it listens, and has a process group of its own: what it
 * uses is what all processes of the group use. Read from /proc, so for Linux.
 */
#ifndef CONTENDER_H
#define CONTENDER_H

#include "sockets/address.h"

#include <sys/types.h>

struct contender {
    pid_t process;
    int says;               /* a file in memory, which takes all that it prints */
    struct address address; /* where it listens */
};

/* Starts the command, one program with its words as the shell reads them; the folder of this
 * program is the first of its PATH. Waits for its first line, for 10 s at most: it ends in
 * "listening on IPv4:PORT". Returns NULL, or what is wrong: then nothing is left of it. */
const char *contender_start(struct contender *contender, const char *command);

/* Ends it with SIGTERM, and with SIGKILL what has not ended after 5 s. */
void contender_stop(struct contender *contender);

/* The time that it has spent on CPUs, in seconds. Of children that have ended and been waited for
 * the kernel tells it in steps of 10 ms. clock_getcpuclockid(3), proc_pid_stat(5) */
double contender_cpu(const struct contender *contender);

/* From now on this program, and what it starts, runs on the CPU on which it is now.
 * sched_setaffinity(2) */
void contender_share_a_cpu(void);

#endif
