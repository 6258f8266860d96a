#include "processes/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Bytes to words -------------------------------------------------------------------------- */

static char *make_room(struct text *text, size_t more)
{
    if (text->length + more > text->size) {
        size_t size = 2 * (text->length + more);
        char *data = realloc(text->data, size);
        if (!data) {
            text->failed = true;
            return NULL;
        }
        text->data = data;
        text->size = size;
    }
    return text->data + text->length;
}

void words_add(struct text *text, const char *plain)
{
    size_t length = strlen(plain);
    char *room = make_room(text, length);
    if (!room)
        return;
    memcpy(room, plain, length);
    text->length += length;
}

void words_add_number(struct text *text, size_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, " %zu", number);
    words_add(text, digits);
}

void words_add_bytes(struct text *text, struct bytes word)
{
    char *start = make_room(text, 3 * word.length + 3), *out = start;
    if (!start)
        return;
    if (text->length > 0 && out[-1] != '\n')
        *out++ = ' ';
    if (word.length == 0)
        *out++ = '%';
    for (size_t i = 0; i < word.length; i++) {
        unsigned char byte = (unsigned char)word.data[i];
        if (byte > ' ' && byte <= '~' && byte != '%')
            *out++ = (char)byte;
        else
            out += snprintf(out, 4, "%%%02X", byte);
    }
    text->length += (size_t)(out - start);
}

/* ---- Words to bytes -------------------------------------------------------------------------- */

/* Decodes the bytes up to the end where they stand: they never grow. */
static bool decode(struct bytes *word, const char *end)
{
    const char *in = word->data;
    char *out = word->data;
    if (*in == '%' && in + 1 == end)
        return true;
    for (; in < end; in++, out++) {
        *out = *in;
        if (*in == '%') {
            if (end - in < 3 || !isxdigit((unsigned char)in[1]) || !isxdigit((unsigned char)in[2]))
                return false;
            *out = (char)strtol((char[]){in[1], in[2], '\0'}, NULL, 16);
            in += 2;
        }
    }
    word->length = (size_t)(out - word->data);
    return true;
}

const char *words_split(char *line, size_t length, struct bytes words[WORDS_MOST], int *count)
{
    char *end = line + length;
    for (*count = 0;; ++*count) {
        while (line < end && *line == ' ')
            line++;
        if (line == end)
            return NULL;
        if (*count == WORDS_MOST)
            return "TypeError: too many words";
        struct bytes *word = &words[*count];
        *word = (struct bytes){.data = line};
        char *space = memchr(line, ' ', (size_t)(end - line));
        line = space ? space : end;
        if (!decode(word, line))
            return "ValueError: after % come two hexadecimal digits";
        if (word->length > WORDS_LONGEST)
            return "ValueError: a word has 1000 bytes at most";
    }
}

long words_number(struct bytes word, long largest)
{
    long number = word.length > 0 ? 0 : -1;
    for (size_t i = 0; i < word.length; i++) {
        int digit = word.data[i] - '0';
        if (digit < 0 || digit > 9 || number > (largest - digit) / 10)
            return -1;
        number = 10 * number + digit;
    }
    return number;
}
