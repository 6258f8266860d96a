#define _GNU_SOURCE /* memfd_create, sched_setaffinity */
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 10000, STOP_MS = 5000, LONGEST_LOOK_MS = 10 };

void contender_share_a_cpu(void)
{
    cpu_set_t allowed, first;
    size_t cpu = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return;
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET(cpu, &first);
    sched_setaffinity(0, sizeof first, &first);
}

/* ---- Start and stop -------------------------------------------------------------------------- */

/* A command finds the programs of the folder that this one lies in. proc_pid_exe(5) */
static void look_here_first(void)
{
    const char *elsewhere = getenv("PATH");
    char path[8192];
    ssize_t length = readlink("/proc/self/exe", path, 4096);
    path[length > 0 ? length : 0] = '\0';
    char *end = strrchr(path, '/');
    if (end && elsewhere)
        snprintf(end, sizeof path - (size_t)(end - path), ":%s", elsewhere);
    setenv("PATH", path, 1);
}

static _Noreturn void become(const char *command, int says, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* it does not outlive a showdown that is killed */
    if (getppid() != parent)
        _exit(EXIT_FAILURE); /* it had ended before */
    look_here_first();
    setenv("QUIET", "1", 1); /* say.h: no line but the first */
    unsetenv("STEP");
    unsetenv("SLOW");
    unsetenv("LESSON_STAGE"); /* watch.h: it is no part of this program */
    dup2(says, STDOUT_FILENO);
    signal(SIGPIPE, SIG_DFL);
    char line[8192];
    snprintf(line, sizeof line, "exec %s < /dev/null", command);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

/* It has ended, and is not waited for yet: until then nobody else can have its number. */
static bool has_ended(const struct contender *contender)
{
    siginfo_t end = {.si_pid = 0};
    return waitid(P_PID, (id_t)contender->process, &end, WEXITED | WNOHANG | WNOWAIT) < 0 ||
           end.si_pid != 0;
}

/* Looks again and again, at once at first, until it has ended or this is true of it. */
static void await(const struct contender *contender, long limit_ms, bool (*is_so)(int says))
{
    struct deadline deadline = deadline_in(limit_ms);
    for (int ms = 0; !has_ended(contender) && deadline_left(deadline) > 0; ms++) {
        if (is_so && (stop_asked || is_so(contender->says)))
            return;
        poll(NULL, 0, ms < LONGEST_LOOK_MS ? ms : LONGEST_LOOK_MS);
    }
}

static char *read_first_line(int says, char *line, size_t size)
{
    ssize_t length = pread(says, line, size - 1, 0);
    line[length > 0 ? length : 0] = '\0';
    return strchr(line, '\n');
}

static bool has_first_line(int says)
{
    char line[160];
    return read_first_line(says, line, sizeof line) != NULL;
}

/* Takes "... listening on IPv4:PORT" apart. */
static bool parse_address(struct address *address, const char *line)
{
    static const char words[] = "listening on ";
    const char *where = strstr(line, words), *colon = strrchr(line, ':');
    char host[64];
    if (!where || !colon || (size_t)(colon - where) - strlen(words) >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - where - (long)strlen(words)),
             where + strlen(words));
    return address_parse(address, AF_INET, host, strtol(colon + 1, NULL, 10));
}

const char *contender_start(struct contender *contender, const char *command)
{
    static char why[160];
    char line[160];
    pid_t parent = getpid();
    contender->says = memfd_create("says", MFD_CLOEXEC); /* a pipe would have to be read */
    if (contender->says < 0)
        return "cannot be started";
    contender->process = fork();
    if (contender->process == 0)
        become(command, contender->says, parent);
    if (contender->process < 0) {
        close(contender->says);
        return "cannot be started";
    }
    setpgid(contender->process, contender->process); /* whoever of the two comes first */
    await(contender, START_MS, has_first_line);
    read_first_line(contender->says, line, sizeof line);
    line[strcspn(line, "\n")] = '\0';
    if (parse_address(&contender->address, line))
        return NULL;
    snprintf(why, sizeof why, "says \"%.60s\", not \"listening on IPv4:PORT\"", line);
    contender_stop(contender);
    return why;
}

void contender_stop(struct contender *contender)
{
    kill(contender->process, SIGTERM);
    await(contender, STOP_MS, NULL);
    kill(-contender->process, SIGKILL); /* what has not ended, and children left behind */
    while (waitpid(contender->process, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(contender->says);
}

/* ---- The time that it takes ------------------------------------------------------------------ */

/* The time of its children that have ended and been waited for. The fields of /proc/PID/stat are
 * counted from 1; the second is a name, which may hold spaces. proc_pid_stat(5) */
static double cpu_of_the_ended(pid_t process)
{
    enum { CUTIME = 16, CSTIME = 17 };
    char path[64], text[1024];
    long long ticks = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    char *field = strrchr(text, ')');
    for (int number = 3; field && number <= CSTIME; number++) {
        field = strchr(field + 1, ' ');
        if (field && number >= CUTIME)
            ticks += strtoll(field, NULL, 10);
    }
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double cpu_of(pid_t process)
{
    clockid_t clock;
    struct timespec time = {0};
    if (clock_getcpuclockid(process, &clock) == 0)
        clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9 + cpu_of_the_ended(process);
}

double contender_cpu(const struct contender *contender)
{
    double seconds = 0;
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    while (all && (entry = readdir(all))) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);
        if (process > 0 && getpgid(process) == contender->process)
            seconds += cpu_of(process);
    }
    if (all)
        closedir(all);
    return seconds;
}
