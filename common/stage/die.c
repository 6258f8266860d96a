#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "stage/die.h"

#include "stage/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *die_name = "?";

static pid_t main_process;
/* What all processes of the program know of each other. */
static struct known {
    atomic_int lost;  /* an errno; 0: nothing has been lost */
    atomic_bool said; /* somebody has said why the program ends */
} own_known, *known = &own_known;

void die_begin(void)
{
    main_process = getpid();
    void *shared =
        mmap(NULL, sizeof *known, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared != MAP_FAILED) /* without it, each process knows of itself alone */
        known = shared;
}

bool die_note_lost(int error)
{
    known->lost = error;
    return getpid() == main_process;
}

/* One reason is enough: what goes wrong in one process soon does so in another. */
static _Noreturn void end_with(const char *format, va_list arguments, const char *reason)
{
    char what[256];
    vsnprintf(what, sizeof what, format, arguments);
    if (!watched->quits && (!atomic_exchange(&known->said, true) || getpid() == main_process))
        fprintf(stderr, "%s: %s%s%s\n", die_name, what, *reason ? ": " : "", reason);
    exit(EXIT_FAILURE);
}

void die(const char *format, ...)
{
    const char *reason = strerror(errno);
    va_list arguments;
    va_start(arguments, format);
    end_with(format, arguments, reason);
}

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_with(format, arguments, "");
}

void die_unless_printed(void)
{
    bool failed = fflush(stdout) == EOF || ferror(stdout);
    if (known->lost)
        errno = known->lost;
    if (failed || known->lost)
        die("write");
}
