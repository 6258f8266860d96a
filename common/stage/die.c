#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "stage/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *die_name = "?";

static pid_t main_process;
static atomic_int own_lost, *lost = &own_lost; /* an errno; 0: nothing has been lost */

void die_begin(void)
{
    main_process = getpid();
    void *shared =
        mmap(NULL, sizeof *lost, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared != MAP_FAILED) /* without it, main knows of its own lines alone */
        lost = shared;
}

bool die_note_lost(int error)
{
    *lost = error;
    return getpid() == main_process;
}

void die(const char *format, ...)
{
    int error = errno;
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s: %s\n", die_name, what, strerror(error));
    exit(EXIT_FAILURE);
}

void fail(const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n", die_name, what);
    exit(EXIT_FAILURE);
}

void die_unless_printed(void)
{
    bool failed = fflush(stdout) == EOF || ferror(stdout);
    if (*lost)
        errno = *lost;
    if (failed || *lost)
        die("write");
}
