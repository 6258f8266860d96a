/* memory: what all processes of a group take, in KiB. For silent.c and loads.c; Linux. */
#ifndef MEMORY_H
#define MEMORY_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { KERNEL_STACK_KIB = 16 };

/* The number in KiB behind this name in a file of /proc; 0: it is not there. */
static inline double kib_in(pid_t process, const char *file, const char *name)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)process, file);
    FILE *stream = fopen(path, "r");
    while (stream && fgets(line, sizeof line, stream))
        if (strncmp(line, name, strlen(name)) == 0)
            kib += strtod(line + strlen(name), NULL);
    if (stream)
        fclose(stream);
    return kib;
}

/* Pages, where what several processes share is counted once: Pss in proc_pid_smaps(5); and what the
 * kernel keeps for each process alone: its page tables, and a stack for each of its threads. */
static inline double memory_of_group(pid_t group)
{
    double kib = 0;
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    while (all && (entry = readdir(all))) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);
        if (process > 0 && getpgid(process) == group)
            kib += kib_in(process, "smaps_rollup", "Pss:") + kib_in(process, "status", "VmPTE:") +
                   KERNEL_STACK_KIB * kib_in(process, "status", "Threads:");
    }
    if (all)
        closedir(all);
    return kib;
}

#endif
