/* bounded: runs a command, and bounds the time, the number, the memory and the output of it and of
 * all who descend from it; when it ends, for whatever reason, none of them is left
 *
 *     bounded SECONDS PROCESSES MIB COMMAND [ARGUMENT...]
 *
 * PROCESSES counts threads too. No one process may take MIB of memory, nor all of them together;
 * none may write so much, to a file or a pipe. Returns the command's status; or 99, and says on
 * stderr which bound was passed. Whoever loses its parent becomes a child of this process
 * (PR_SET_CHILD_SUBREAPER of Linux), so nobody gets out of sight.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PASSED = 99, LOOK_MS = 5, MOST = 1 << 16, MOST_STOPS = 50 };

struct process {
    pid_t pid, parent, group;
    long threads;
    bool ours, runs;
};

static struct process seen[MOST];
static int count;
static long threads_of_user;
static long most_tasks, most_mib;
static char passed[100]; /* which bound, in words; empty: none */
static volatile sig_atomic_t asked;

static void ask(int signal)
{
    asked = signal;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Reads a file of /proc into text; false when the process is gone, or somebody else's. */
static bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t got = fread(text, 1, size - 1, file);
    fclose(file);
    text[got] = '\0';
    return got > 0;
}

/* proc_pid_stat(5): the name, in brackets, may hold anything. A zombie needs no end. */
static bool look_at(pid_t pid, struct process *process)
{
    char text[1024], state;
    int parent, group;
    long threads;
    struct stat owner;
    const char *rest = read_proc(pid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!rest ||
        sscanf(rest, ") %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld",
               &state, &parent, &group, &threads) != 4)
        return false;
    snprintf(text, sizeof text, "/proc/%d", (int)pid);
    if (stat(text, &owner) == 0 && owner.st_uid == getuid())
        threads_of_user += threads;
    *process = (struct process){pid,   parent,
                                group, state == 'Z' ? 0 : threads,
                                false, !strchr("ZTt", state)};
    return true;
}

static int by_pid(const void *a, const void *b)
{
    const struct process *one = a, *other = b;
    return (one->pid > other->pid) - (one->pid < other->pid);
}

/* Marks those who descend from this process. A child may have a lower pid than its parent, so it
 * goes on as long as one more is found. */
static void mark(void)
{
    bool more = true;
    qsort(seen, (size_t)count, sizeof *seen, by_pid);
    while (more) {
        more = false;
        for (int i = 0; i < count; i++) {
            struct process key = {.pid = seen[i].parent};
            struct process *parent = bsearch(&key, seen, (size_t)count, sizeof *seen, by_pid);
            if (!seen[i].ours && (key.pid == getpid() || (parent && parent->ours)))
                more = seen[i].ours = true;
        }
    }
}

/* How many threads there are on this machine; proc_loadavg(5). */
static long threads_of_all(void)
{
    char text[100];
    long all = 0;
    FILE *file = fopen("/proc/loadavg", "r");
    if (file && fgets(text, sizeof text, file))
        sscanf(text, "%*f %*f %*f %*d/%ld", &all);
    if (file)
        fclose(file);
    return all;
}

/* Returns how many threads descend from this process. */
static long look_around(void)
{
    long threads = 0;
    struct dirent *entry;
    DIR *folder = opendir("/proc");
    count = 0;
    threads_of_user = 0;
    while (folder && (entry = readdir(folder)) && count < MOST) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && look_at(pid, &seen[count]))
            count++;
    }
    if (folder)
        closedir(folder);
    mark();
    for (int i = 0; i < count; i++)
        threads += seen[i].ours ? seen[i].threads : 0;
    return threads;
}

/* By group, which the kernel does at one stroke: nobody forks fast enough to escape. All the groups
 * are ours, as start made a session of its own. */
static void kill_groups(int signal)
{
    pid_t last = 0;
    for (int i = 0; i < count; i++) {
        if (seen[i].ours && seen[i].group != last && seen[i].group != getpgrp())
            kill(-seen[i].group, signal);
        last = seen[i].ours ? seen[i].group : last;
    }
}

/* Stopped first: whoever is stopped forks no more, and takes the place of one that could. */
static void end_all(void)
{
    bool runs = true;
    for (int i = 0; i < MOST_STOPS && runs; i++) {
        kill_groups(SIGSTOP);
        look_around();
        runs = false;
        for (int j = 0; j < count; j++)
            runs |= seen[j].ours && seen[j].runs;
    }
    do {
        kill_groups(SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    } while (look_around() > 0);
}

/* Memory that is shared is counted once, with the process that has most of it. */
static void look_at_sizes(void)
{
    const long page = sysconf(_SC_PAGESIZE), most = most_mib << 20;
    long all = 0;
    char text[1024];
    for (int i = 0; i < count && !passed[0]; i++) {
        long resident = 0, shared = 0;
        unsigned long long written = 0;
        if (!seen[i].ours)
            continue;
        if (read_proc(seen[i].pid, "statm", text, sizeof text))
            sscanf(text, "%*d %ld %ld", &resident, &shared);
        if (read_proc(seen[i].pid, "io", text, sizeof text))
            sscanf(text, "rchar: %*u wchar: %llu", &written);
        all += (resident - shared) * page;
        if (resident * page > most || all > most)
            snprintf(passed, sizeof passed, "it took more than %ld MiB of memory", most_mib);
        else if (written > (unsigned long long)most)
            snprintf(passed, sizeof passed, "it printed more than %ld MiB", most_mib);
    }
}

/* To look at each process takes time, and thousands may be forked meanwhile. So a look at a number
 * comes first, and while it is too high nobody of ours runs. */
static long how_many(void)
{
    static long all, ours;
    static double next;
    const double start = now();
    bool bursts = all > 0 && ours + threads_of_all() - all > most_tasks;
    if (!bursts && start < next)
        return ours;
    if (bursts)
        kill_groups(SIGSTOP);
    all = threads_of_all();
    ours = look_around();
    if (bursts && ours <= most_tasks)
        kill_groups(SIGCONT);
    look_at_sizes();
    next = now() + 0.02 + 10 * (now() - start); /* a look at a busy machine is not cheap */
    return ours;
}

/* A user's processes are counted all together, whoever started them; nobody counts root's. */
static void limit_processes(void)
{
    const rlim_t most = (rlim_t)threads_of_user + 4 * (rlim_t)most_tasks;
    struct rlimit limit;
    getrlimit(RLIMIT_NPROC, &limit);
    if (limit.rlim_cur > most)
        limit.rlim_cur = most;
    setrlimit(RLIMIT_NPROC, &limit);
}

/* The lowest priority but the command's own: whoever watches has to come to it. */
static pid_t start(char **command)
{
    const struct rlimit none = {0, 0};
    const struct rlimit file = {(rlim_t)most_mib << 21, (rlim_t)most_mib << 21}; /* seen before */
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    setpriority(PRIO_PROCESS, 0, 5);
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &file);
    limit_processes();
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

/* Returns whether the child has ended; its status is then in status. Reaps the others too. */
static bool has_ended(pid_t child, int *status)
{
    int one;
    pid_t pid;
    bool ended = false;
    while ((pid = waitpid(-1, &one, WNOHANG)) > 0)
        if (pid == child) {
            ended = true;
            *status = WIFEXITED(one) ? WEXITSTATUS(one) : 128 + WTERMSIG(one);
        }
    return ended;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("bounded: wants SECONDS PROCESSES MIB COMMAND\n", stderr);
        return 2;
    }
    const double seconds = strtod(argv[1], NULL), end = now() + seconds;
    const struct sigaction action = {.sa_handler = ask};
    int status = PASSED;
    most_tasks = strtol(argv[2], NULL, 10);
    most_mib = strtol(argv[3], NULL, 10);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 3; i++)
        sigaction((const int[]){SIGINT, SIGTERM, SIGHUP}[i], &action, NULL);
    look_around();
    pid_t child = start(argv + 4);
    setpriority(PRIO_PROCESS, 0, -10); /* if it may */
    while (!asked && !passed[0] && !has_ended(child, &status)) {
        poll(NULL, 0, LOOK_MS);
        if (how_many() > most_tasks)
            snprintf(passed, sizeof passed, "it started more than %ld processes", most_tasks);
        else if (now() > end)
            snprintf(passed, sizeof passed, "it did not come to an end in %g seconds", seconds);
    }
    look_around();
    end_all();
    if (passed[0])
        fprintf(stderr, "%s\n", passed);
    return asked ? 128 + (int)asked : passed[0] ? PASSED : status;
}
