#include "stage/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *die_name = "?";

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
    if (fflush(stdout) == EOF || ferror(stdout))
        die("write");
}
