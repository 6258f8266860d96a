#define _GNU_SOURCE /* memfd_create */
#include "stage/watch.h"

#include "stage/die.h"
#include "stage/say.h"
#include "stage/signals.h"
#include "stage/still.h"
#include "stage/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

/* In the environment: where a program that a child becomes, as in 19d, finds the memory. proc(5) */
#define MEMORY "LESSON_STAGE"

enum { QUIT_MS = 500 };

static struct watched own_watched;
struct watched *watched = &own_watched;

bool watch_wants(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value && strcmp(value, "0") != 0;
}

void watch_quit(void)
{
    watched->quits = true;
    if (watched->behind)
        kill(watched->behind, SIGUSR1);
    else
        kill(watched->main_process, SIGTERM);
    for (int i = 0; i < QUIT_MS && !say_hurried; i++)
        poll(NULL, 0, 1); /* whoever has no handler ends here, and does nothing more before */
}

/* Ctrl-C reaches the program as well; any other signal was meant for it. */
static void pass_on(const siginfo_t *signal)
{
    if (signal->si_code <= 0 || signal->si_signo == SIGHUP)
        kill(watched->main_process, signal->si_signo);
}

/* Returns the status of the program. Orphans are process 1's to reap. */
static int await_program(const sigset_t *signals, bool is_demo)
{
    static const struct timespec second = {.tv_sec = 1};
    for (;;) {
        siginfo_t signal;
        int got = sigtimedwait(signals, &signal, &second);
        int status;
        pid_t ended;
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
            if (ended == watched->main_process)
                return status;
        if (got == SIGUSR1) {
            watched->quits = true;
            kill(watched->main_process, SIGTERM);
        } else if (got > 0 && got != SIGCHLD) {
            pass_on(&signal);
        }
        if (got < 0 && is_demo)
            still_look();
    }
}

/* Linux: proc(5); elsewhere nobody is. */
static bool is_traced(void)
{
    char line[128];
    int tracer = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "TracerPid: %d", &tracer) == 1)
            break;
    if (file)
        fclose(file);
    return tracer != 0;
}

static _Noreturn void stay_behind(const sigset_t *signals, bool is_demo)
{
#ifdef __linux__
    prctl(PR_SET_NAME, "stage"); /* ps -C NAME finds the program alone */
#endif
    int status = await_program(signals, is_demo);
    if (watched->at_key)
        terminal_restore(STEP_PROMPT);
    if (watched->quits)
        _exit(EXIT_SUCCESS);
    if (!WIFSIGNALED(status))
        _exit(WEXITSTATUS(status));
    setrlimit(RLIMIT_CORE, &(struct rlimit){0}); /* the core is the program's */
    signals_end_by(WTERMSIG(status));
}

/* Returns in the program, which is a child of whoever stays behind. */
static void become_a_child(bool is_demo, int memory)
{
    sigset_t signals, before;
    signals_that_end(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, &before);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), memory);
    watched->behind = getpid();
    pid_t program = fork();
    watched->main_process = program > 0 ? program : getpid();
    if (program > 0)
        stay_behind(&signals, is_demo);
    if (program == 0)
        setenv(MEMORY, path, true);
    else
        watched->behind = 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* What a program that a child becomes can find; -1: there is none, and it plays on its own. */
static int new_memory(void)
{
#ifdef __linux__
    int memory = memfd_create("stage", 0);
    if (memory >= 0 && ftruncate(memory, sizeof *watched) < 0)
        die("ftruncate");
    return memory;
#else
    return -1;
#endif
}

static void share(int memory)
{
    int flags = memory < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    void *shared = mmap(NULL, sizeof *watched, PROT_READ | PROT_WRITE, flags, memory, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    watched = shared;
}

static void make_lock(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&watched->step, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void watch_begin(bool is_demo)
{
    bool steps = (watch_wants("STEP") || watch_wants("CHOOSE")) && terminal_begin();
    bool shows = is_demo && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    bool stays = getpid() == 1 || ((steps || shows || watch_wants("LANES")) && !is_traced());
    const char *path = getenv(MEMORY);
    int memory = path ? open(path, O_RDWR) : stays ? new_memory() : -1;
    share(memory);
    if (!watched->main_process) {
        if (watch_wants("STEP"))
            make_lock();
        watched->main_process = getpid();
        if (stays)
            become_a_child(shows, memory);
    }
    close(memory);
}
