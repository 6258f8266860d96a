/* lines: messages out of a stream, one line each, with a bound on their length.
 * Introduced by lesson 04. The reader keeps what is left over until the rest of the line comes. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>

enum lines_result {
    LINES_LINE, /* *line and *length are a line, without its LF or CRLF */
    /* a line did not fit the buffer; it is dropped up to its end and the next one can be read */
    LINES_TOO_LONG,
    LINES_MORE,  /* no whole line yet: fill, then take again */
    LINES_END,   /* end of file, and every line has been taken */
    LINES_ERROR, /* errno says which */
};

struct lines {
    int fd;
    char *buffer;
    size_t size, start, end; /* the bytes from start to end have been read and not yet taken */
    bool skipping, at_end;
};

/* A reader of this descriptor. The caller owns both; the size bounds a line, its LF included. */
struct lines lines_open(int fd, char *buffer, size_t size);

/* One read(2) into the buffer: where select or poll said that there is something, it does not
 * block. Returns LINES_MORE, LINES_END or LINES_ERROR. */
enum lines_result lines_fill(struct lines *reader);

/* The next line that is in the buffer already, without a system call. The line lies in the buffer,
 * may hold any byte and is good until the next fill. A last line without LF counts as a line. */
enum lines_result lines_take(struct lines *reader, char **line, size_t *length);

/* The next line, waiting for it: fill and take. Never returns LINES_MORE. readline in Python */
enum lines_result lines_next(struct lines *reader, char **line, size_t *length);

#endif
