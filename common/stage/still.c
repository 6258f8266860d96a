#define _GNU_SOURCE /* gettid */
#include "stage/still.h"

#include "stage/die.h"
#include "stage/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STILL_S = 5 };

#ifdef __linux__
#include <sys/syscall.h>

static const struct {
    long number;
    const char *name;
} calls[] = {{SYS_accept, "accept"},
             {SYS_accept4, "accept"},
             {SYS_connect, "connect"},
             {SYS_recvfrom, "recv"},
             {SYS_sendto, "send"},
             {SYS_read, "read"},
             {SYS_write, "write"},
             {SYS_wait4, "waitpid"},
             {SYS_waitid, "waitid"},
             {SYS_pselect6, "select"},
             {SYS_ppoll, "poll"},
#ifdef SYS_poll /* newer machines do without these */
             {SYS_poll, "poll"},
             {SYS_select, "select"},
             {SYS_epoll_wait, "epoll_wait"},
#endif
             {SYS_epoll_pwait, "epoll_wait"}};

/* The kernel knows a lock, a condition, a semaphore and a join by one name, and glibc calls it for
 * each in another way. futex(2) */
static const char *name_of(long number, unsigned long operation)
{
    enum { WAIT = 0, PRIVATE = 128 };
    if (number == SYS_futex && (operation & 127) == WAIT)
        return "pthread_mutex_lock";
    if (number == SYS_futex)
        return operation & PRIVATE ? "pthread_cond_wait" : "pthread_join or sem_wait";
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number)
            return calls[i].name;
    return "a call";
}

/* The call in which the thread waits; NULL: it has ended, or the kernel does not tell. proc(5) */
static const char *call_of(int thread)
{
    char path[64], text[128] = "";
    long number;
    unsigned long operation = 0;
    snprintf(path, sizeof path, "/proc/%d/syscall", thread);
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    bool is_told = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    if (is_told && strncmp(text, "running", 7) == 0)
        return "no call: it computes";
    if (!is_told || sscanf(text, "%ld %*x %lx", &number, &operation) < 1)
        return NULL;
    return name_of(number, operation);
}

#else

static int gettid(void)
{
    return (int)getpid();
}

static const char *call_of(int thread)
{
    return thread ? "a call" : NULL;
}

#endif

void still_note(const char *actor)
{
    int thread = gettid();
    for (int i = 0; i < SPEAKERS; i++) {
        struct speaker *speaker = &watched->speakers[i];
        int nobody = 0;
        if (atomic_compare_exchange_strong(&speaker->thread, &nobody, thread) || nobody == thread) {
            snprintf(speaker->name, sizeof speaker->name, "%s", actor);
            return;
        }
    }
}

/* Whoever has spoken and not ended: "ann in pthread_mutex_lock, main in waitpid". */
static void say_who_waits(void)
{
    const char *before = ": ";
    fprintf(stderr, "%s: no line for %d s (Ctrl-C ends it)", die_name, STILL_S);
    for (int i = 0; i < SPEAKERS; i++) {
        const struct speaker *speaker = &watched->speakers[i];
        const char *call = speaker->thread ? call_of(speaker->thread) : NULL;
        if (call) {
            fprintf(stderr, "%s%s in %s", before, speaker->name, call);
            before = ", ";
        }
    }
    fprintf(stderr, "\n");
}

void still_look(void)
{
    static int lines, seconds;
    const char *slow = getenv("SLOW");
    if (watched->lines != lines || watched->at_key)
        seconds = 0;
    lines = watched->lines;
    if (++seconds == STILL_S + 1 + (slow ? atoi(slow) / 1000 : 0))
        say_who_waits();
}
