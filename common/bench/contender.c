#define _GNU_SOURCE /* sched_setaffinity */
#include "bench/contender.h"

#include "sockets/stop.h"
#include "stage/deadline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    START_MS = 10000,
    STOP_MS = 5000,
    LOOK_AGAIN_MS = 10,
    LOOK_UP_MS = 100,
    KERNEL_STACK_KIB = 16
};

/* ---- CPUs ------------------------------------------------------------------------------------ */

static cpu_set_t allowed; /* at the start of the program */

static void remember_allowed(void)
{
    if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        CPU_SET(0, &allowed);
}

void contender_pin(int cpu)
{
    remember_allowed();
    cpu_set_t one;
    CPU_ZERO(&one);
    if (cpu >= 0)
        CPU_SET((size_t)cpu, &one);
    sched_setaffinity(0, sizeof one, cpu >= 0 ? &one : &allowed);
}

int contender_allowed_cpu(int n)
{
    remember_allowed();
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &allowed) && n-- == 0)
            return cpu;
    return -1;
}

/* ---- Start and stop -------------------------------------------------------------------------- */

static _Noreturn void become(const char *command, int says, int cpu, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* it does not outlive a showdown that is killed */
    if (getppid() != parent)
        _exit(EXIT_FAILURE); /* it had ended before */
    contender_pin(cpu);
    setenv("QUIET", "1", 1); /* say.h: no line but the first */
    unsetenv("STEP");
    unsetenv("SLOW");
    dup2(says, STDOUT_FILENO);
    close(says);
    signal(SIGPIPE, SIG_DFL);
    char line[8192];
    snprintf(line, sizeof line, "exec %s < /dev/null", command);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

pid_t contender_run(const char *command, int cpu, int *says)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -1;
    pid_t parent = getpid(), process = fork();
    if (process == 0) {
        close(ends[0]);
        become(command, ends[1], cpu, parent);
    }
    close(ends[1]);
    if (process < 0) {
        close(ends[0]);
        return -1;
    }
    setpgid(process, process); /* whoever of the two comes first */
    *says = ends[0];
    return process;
}

/* The first line, as far as it has come in time. */
static void read_first_line(int fd, char *line, size_t size)
{
    struct deadline deadline = deadline_in(START_MS);
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    size_t length = 0;
    int ready = 1;
    while (length + 1 < size && (length == 0 || line[length - 1] != '\n') && !stop_asked &&
           (ready = poll(&readable, 1, deadline_left(deadline))) != 0) {
        if (ready > 0 && read(fd, line + length, 1) <= 0)
            break; /* it has ended */
        length += ready > 0;
    }
    line[length] = '\0';
    line[strcspn(line, "\n")] = '\0';
}

/* Takes "... listening on IPv4:PORT" apart. */
static bool parse_address(struct address *address, const char *line)
{
    static const char words[] = "listening on ";
    const char *where = strstr(line, words);
    const char *colon = strrchr(line, ':');
    char host[64];
    if (!where || !colon || (size_t)(colon - where) - strlen(words) >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - where - (long)strlen(words)),
             where + strlen(words));
    return address_parse(address, AF_INET, host, strtol(colon + 1, NULL, 10));
}

/* A server that has more to say must not wait for a reader. Who has left its group may hold the
 * pipe for longer than it lives: so this looks up now and then. */
static void *drain(void *argument)
{
    struct contender *contender = argument;
    struct pollfd readable = {.fd = contender->says, .events = POLLIN};
    char data[4096];
    while (!contender->has_ended)
        if (poll(&readable, 1, LOOK_UP_MS) > 0 && read(contender->says, data, sizeof data) <= 0)
            break;
    return NULL;
}

bool contender_start(struct contender *contender, const char *command, int cpu,
                     struct contender_error *why)
{
    char line[160];
    snprintf(why->text, sizeof why->text, "cannot be started");
    contender->process = contender_run(command, cpu, &contender->says);
    if (contender->process < 0)
        return false;
    read_first_line(contender->says, line, sizeof line);
    contender->is_drained = false;
    contender->has_ended = false;
    if (!parse_address(&contender->address, line))
        snprintf(why->text, sizeof why->text, "says \"%.60s\", not \"listening on IPv4:PORT\"",
                 line);
    else
        contender->is_drained = pthread_create(&contender->drain, NULL, drain, contender) == 0;
    if (!contender->is_drained)
        contender_stop(contender);
    return contender->is_drained;
}

/* It has ended, and is not waited for yet: until then nobody else can have its number. */
static bool has_ended(pid_t process)
{
    siginfo_t end = {.si_pid = 0};
    return waitid(P_PID, (id_t)process, &end, WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid != 0;
}

void contender_stop(struct contender *contender)
{
    struct deadline deadline = deadline_in(STOP_MS);
    kill(contender->process, SIGTERM);
    for (int ms = 0; !has_ended(contender->process) && deadline_left(deadline) > 0;)
        poll(NULL, 0, ms < LOOK_AGAIN_MS ? ms++ : ms);
    kill(-contender->process, SIGKILL); /* what has not ended, and children left behind */
    while (waitpid(contender->process, NULL, 0) < 0 && errno == EINTR)
        continue;
    contender->has_ended = true;
    if (contender->is_drained)
        pthread_join(contender->drain, NULL);
    close(contender->says);
}

/* ---- What it uses ---------------------------------------------------------------------------- */

struct stat_line {
    long long group, ticks_of_children; /* of those that have been waited for */
};

/* The fields of /proc/PID/stat are counted from 1; the second is a name, which may hold spaces.
 * proc_pid_stat(5) */
static struct stat_line read_stat(pid_t process)
{
    enum { PGRP = 5, CUTIME = 16, CSTIME = 17 };
    char path[64], text[1024];
    struct stat_line line = {-1, 0};
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return line;
    text[length] = '\0';
    char *field = strrchr(text, ')');
    for (int number = 3; field && number <= CSTIME; number++) {
        field = strchr(field + 1, ' ');
        if (field && number == PGRP)
            line.group = strtoll(field, NULL, 10);
        if (field && number >= CUTIME)
            line.ticks_of_children += strtoll(field, NULL, 10);
    }
    return line;
}

/* The number in KiB behind this name in a file of /proc; 0: it is not there. */
static long kib_in(const char *path, const char *name)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib += strtol(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

/* Calls add for each process of the group, which adds to the sum. */
static void for_each_process(pid_t group,
                             void (*add)(pid_t process, const struct stat_line *line, double *sum),
                             double *sum)
{
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    while (all && (entry = readdir(all))) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);
        struct stat_line line = {-1, 0};
        if (process > 0)
            line = read_stat(process);
        if (line.group == group)
            add(process, &line, sum);
    }
    if (all)
        closedir(all);
}

static void add_cpu(pid_t process, const struct stat_line *line, double *seconds)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(process, &clock) == 0 && clock_gettime(clock, &time) == 0)
        *seconds += (double)time.tv_sec + (double)time.tv_nsec / 1e9;
    *seconds += (double)line->ticks_of_children / (double)sysconf(_SC_CLK_TCK);
}

double contender_cpu(const struct contender *contender)
{
    double seconds = 0;
    for_each_process(contender->process, add_cpu, &seconds);
    return seconds;
}

/* Its pages; and what the kernel keeps for it alone: its page tables, and a stack for each thread. */
static void add_memory(pid_t process, const struct stat_line *line, double *kib)
{
    (void)line;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)process);
    *kib += (double)kib_in(path, "Pss:");
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    *kib += (double)(kib_in(path, "VmPTE:") + KERNEL_STACK_KIB * kib_in(path, "Threads:"));
}

long contender_memory(const struct contender *contender)
{
    double kib = 0;
    for_each_process(contender->process, add_memory, &kib);
    return (long)kib;
}
