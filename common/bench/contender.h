/* contender: a server that runs as a program of its own, and what it uses.
 * Introduced by lesson 26.
 *
 * It is started by a command, says where it listens, and has a process group of its own: what it
 * uses is what all processes of the group use. Read from /proc, so for Linux.
 */
#ifndef CONTENDER_H
#define CONTENDER_H

#include "sockets/address.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct contender {
    pid_t process;
    int says; /* its standard output: after the first line read by drain, and ignored */
    pthread_t drain;
    bool is_drained;
    atomic_bool has_ended;
    struct address address; /* where it listens */
};

/* Starts the command, one program with its words as the shell reads them, on this CPU; -1: on any.
 * It has a process group of its own, and ends with this program at the latest. What it says can be
 * read from *says, which the caller closes. Returns its pid, or -1 with errno set. popen(3) */
pid_t contender_run(const char *command, int cpu, int *says);

/* Starts a server in that way, and waits for its first line, for 10 s at most: it ends in
 * "listening on IPv4:PORT". Returns false, with a message in why, where that line does not come;
 * nothing is left then. */
struct contender_error {
    char text[160];
};
bool contender_start(struct contender *contender, const char *command, int cpu,
                     struct contender_error *why);

/* Ends it with SIGTERM, and with SIGKILL what has not ended after 5 s. */
void contender_stop(struct contender *contender);

/* The time that it has spent on CPUs, in seconds. Of children that have ended and been waited for
 * the kernel tells it in steps of 10 ms. clock_getcpuclockid(3), proc_pid_stat(5) */
double contender_cpu(const struct contender *contender);

/* The memory of its processes, in KiB: pages, where what several of them share is counted once (Pss
 * in proc_pid_smaps(5)), page tables (VmPTE in proc_pid_status(5)), and the stacks that the kernel has
 * for their threads, 16 KiB each. */
long contender_memory(const struct contender *contender);

/* Binds the calling thread, and what it starts from now on, to this CPU; -1: to all that it had.
 * sched_setaffinity(2) */
void contender_pin(int cpu);

/* The number of the n-th CPU that this process may use, counted from 0; -1: there are not so many.
 */
int contender_allowed_cpu(int n);

#endif
