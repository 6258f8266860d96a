#include "sockets/lines.h"

#include "sockets/stop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct lines lines_open(int fd, char *buffer, size_t size)
{
    return (struct lines){.fd = fd, .buffer = buffer, .size = size};
}

enum lines_result lines_fill(struct lines *reader)
{
    size_t kept = reader->end - reader->start;
    memmove(reader->buffer, reader->buffer + reader->start, kept);
    reader->start = 0;
    reader->end = kept;
    ssize_t got = -1;
    errno = EINTR;
    while (got < 0 && errno == EINTR && !stop_asked)
        got = read(reader->fd, reader->buffer + kept, reader->size - kept);
    if (got < 0)
        return LINES_ERROR;
    reader->at_end = got == 0;
    reader->end += (size_t)got;
    return reader->at_end ? LINES_END : LINES_MORE;
}

/* What is in the buffer is the start of a line, and no LF has come yet. */
static enum lines_result take_unfinished(struct lines *reader, char **line, size_t *length)
{
    *line = reader->buffer + reader->start;
    *length = reader->end - reader->start;
    if (reader->at_end) {
        reader->start = reader->end;
        return *length > 0 && !reader->skipping ? LINES_LINE : LINES_END;
    }
    if (reader->skipping) {
        reader->start = reader->end;
        return LINES_MORE;
    }
    if (*length == reader->size) {
        reader->start = reader->end;
        reader->skipping = true;
        return LINES_TOO_LONG;
    }
    return LINES_MORE;
}

enum lines_result lines_take(struct lines *reader, char **line, size_t *length)
{
    for (;;) {
        char *first = reader->buffer + reader->start;
        char *newline = memchr(first, '\n', reader->end - reader->start);
        if (!newline)
            return take_unfinished(reader, line, length);
        reader->start = (size_t)(newline + 1 - reader->buffer);
        if (reader->skipping) {
            reader->skipping = false; /* the end of the line that was too long */
            continue;
        }
        *line = first;
        *length = (size_t)(newline - first);
        if (*length > 0 && first[*length - 1] == '\r')
            --*length;
        return LINES_LINE;
    }
}

enum lines_result lines_next(struct lines *reader, char **line, size_t *length)
{
    for (;;) {
        enum lines_result result = lines_take(reader, line, length);
        if (result != LINES_MORE)
            return result;
        if (lines_fill(reader) == LINES_ERROR)
            return LINES_ERROR;
    }
}
