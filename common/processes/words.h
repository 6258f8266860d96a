/* words: any bytes as words on a line, and back. The protocol of the manager and its clients.
 * Introduced by lesson 23.
 *
 * A request is a line of words: the method, its arguments. The reply is "ok" and the result, or
 * "error", the kind and what it is about. A list is a count, and then that many lines. Bytes other
 * than printable ASCII, the space and % are written as % and two hexadecimal digits; a % by itself
 * is the empty word. urllib.parse.quote does it much the same way.
 */
#ifndef WORDS_H
#define WORDS_H

#include "processes/table.h"

#include <stdbool.h>
#include <stddef.h>

enum { WORDS_MOST = 3 };       /* on a line */
enum { WORDS_LONGEST = 1000 }; /* bytes of a word */

/* What is being written, and is sent when it is complete. {0} is an empty text; the caller frees
 * data. */
struct text {
    char *data;
    size_t length, size; /* bytes: used, and allocated */
    bool failed;         /* for want of memory: what was to be added since is missing */
};

/* Adds what is written as it stands: "ok", "\n". */
void words_add(struct text *text, const char *plain);

/* Adds one encoded word, after a space unless it is the first of its line. */
void words_add_bytes(struct text *text, struct bytes word);

/* Adds a number, after a space. */
void words_add_number(struct text *text, size_t number);

/* Cuts a line of so many bytes, without its newline, into words and decodes them. All of this is
 * done in place: the words are bytes of the line. Returns NULL, or what is wrong as an error says
 * it: "TypeError: too many words". */
const char *words_split(char *line, size_t length, struct bytes words[WORDS_MOST], int *count);

/* The number from 0 to the largest that a word says; -1: it says none, or a larger one. int() */
long words_number(struct bytes word, long largest);

#endif
