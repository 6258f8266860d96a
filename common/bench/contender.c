#define _GNU_SOURCE /* memfd_create, sched_setaffinity, program_invocation_name */
#include "bench/contender.h"

#include "sockets/stop.h"
#include "stage/children.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 10000, STOP_MS = 5000, LOOK_AGAIN_MS = 2 };

void contender_share_a_cpu(void)
{
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET((unsigned)sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here);
}

/* ---- Start and stop -------------------------------------------------------------------------- */

/* The shell, whose $0 is this program, looks for the command in this program's folder first. */
static _Noreturn void become(const char *command, int says, pid_t parent)
{
    char line[8192];
    setpgid(0, 0);
    child_ends_with(parent, SIGTERM); /* it does not outlive a showdown that is killed */
    setenv("QUIET", "1", 1);          /* say.h: no line but the first */
    unsetenv("STEP");
    unsetenv("SLOW");
    unsetenv("LESSON_STAGE"); /* watch.h: it is no part of this program */
    dup2(says, STDOUT_FILENO);
    snprintf(line, sizeof line, "PATH=\"${0%%/*}:$PATH\"; exec %s < /dev/null", command);
    execl("/bin/sh", "sh", "-c", line, program_invocation_name, (char *)NULL);
    _exit(127);
}

/* It is not waited for yet: until then nobody else can have its number. */
static bool has_ended(pid_t process)
{
    siginfo_t end = {.si_pid = 0};
    return waitid(P_PID, (id_t)process, &end, WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid != 0;
}

/* Looks again and again until there is one, or there will be none. */
static void await_first_line(const struct contender *contender, char *line, size_t size)
{
    struct deadline deadline = deadline_in(START_MS);
    bool goes_on = true;
    *line = '\0';
    while (goes_on && !strchr(line, '\n')) {
        poll(NULL, 0, LOOK_AGAIN_MS);
        goes_on = !has_ended(contender->process) && !stop_asked && deadline_left(deadline) > 0;
        ssize_t length = pread(contender->says, line, size - 1, 0);
        line[length > 0 ? length : 0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
}

static bool parse_address(struct address *address, const char *line)
{
    char host[64];
    long port;
    const char *where = strstr(line, "listening on ");
    return where && sscanf(where, "listening on %63[0-9.]:%ld", host, &port) == 2 &&
           address_parse(address, AF_INET, host, port);
}

const char *contender_start(struct contender *contender, const char *command)
{
    static char why[160];
    char line[160];
    pid_t parent = getpid();
    contender->says = memfd_create("says", MFD_CLOEXEC); /* a pipe would have to be read */
    if (contender->says < 0)
        return "cannot be started";
    contender->process = child_fork();
    if (contender->process == 0)
        become(command, contender->says, parent);
    if (contender->process < 0) {
        close(contender->says);
        return "cannot be started";
    }
    setpgid(contender->process, contender->process); /* whoever of the two comes first */
    await_first_line(contender, line, sizeof line);
    if (parse_address(&contender->address, line))
        return NULL;
    snprintf(why, sizeof why, "says \"%.60s\", not \"listening on IPv4:PORT\"", line);
    contender_stop(contender);
    return why;
}

void contender_stop(struct contender *contender)
{
    kill(contender->process, SIGTERM);
    child_await_end(contender->process, deadline_in(STOP_MS));
    kill(-contender->process, SIGKILL); /* children that it has left behind */
    close(contender->says);
}

/* ---- The time that it takes ------------------------------------------------------------------ */

/* The time of this process if it is of the group, and of its children that have been waited for.
 * (The second field of the file is a name, which may hold spaces.) proc_pid_stat(5) */
static double cpu_of(pid_t process, pid_t group)
{
    static const char fields[] =
        ") %*s %*s %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld %ld"; /* 5, 16 and 17 */
    char path[64], text[1024] = "";
    int its_group;
    long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    char *end_of_name = strrchr(text, ')');
    if (!end_of_name || sscanf(end_of_name, fields, &its_group, &user, &system) != 3 ||
        its_group != group)
        return 0;
    clockid_t clock;
    struct timespec time = {0};
    if (clock_getcpuclockid(process, &clock) == 0)
        clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9 +
           (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double contender_cpu(const struct contender *contender)
{
    double seconds = 0;
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    while (all && (entry = readdir(all)))
        if (*entry->d_name >= '1' && *entry->d_name <= '9')
            seconds += cpu_of((pid_t)strtol(entry->d_name, NULL, 10), contender->process);
    if (all)
        closedir(all);
    return seconds;
}
