#include "stage/die.h"

#include "stage/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *die_name = "?";

/* One reason is enough: what goes wrong in one process soon does so in another. */
static _Noreturn void end_with(const char *format, va_list arguments, const char *reason)
{
    char what[256];
    vsnprintf(what, sizeof what, format, arguments);
    bool is_first = !atomic_exchange(&watched->has_reason, true);
    if (!watched->quits && (is_first || getpid() == watched->main_process))
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
    bool failed = fflush(stdout) == EOF || ferror(stdout) || watched->lost;
    if (watched->lost)
        errno = watched->lost;
    if (failed)
        die("write");
}
