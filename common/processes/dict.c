#include "processes/dict.h"

#include "processes/manager.h"
#include "sockets/net.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The connection -------------------------------------------------------------------------- */

void dict_init(struct dict *dict, const char *path)
{
    dict->path = path;
    dict->owner = 0;
    dict->fd = -1;
    dict->left = 0;
    dict->request = (struct text){0};
}

void dict_close(struct dict *dict)
{
    if (dict->fd >= 0)
        close(dict->fd);
    free(dict->request.data);
    dict_init(dict, dict->path);
}

static bool lose(struct dict *dict, int error)
{
    if (dict->fd >= 0)
        close(dict->fd);
    dict->fd = -1;
    dict->left = 0;
    dict->lost = error;
    snprintf(dict->error, sizeof dict->error, "no connection to the manager: %s", strerror(error));
    errno = error;
    return false;
}

/* Two processes on one connection would read each other's replies. */
static bool connect_own(struct dict *dict)
{
    if (dict->owner == getpid())
        return dict->fd >= 0 || lose(dict, dict->lost);
    if (dict->fd >= 0)
        close(dict->fd); /* this process's copy of its parent's */
    dict->owner = getpid();
    dict->left = 0;
    dict->fd = manager_connect(dict->path, true);
    dict->replies = lines_open(dict->fd, dict->buffer, sizeof dict->buffer);
    return dict->fd >= 0 || lose(dict, errno);
}

/* ---- A request and its reply ----------------------------------------------------------------- */

/* The next line of the reply: the first may be an error, those of a list are what they are. */
static bool receive_words(struct dict *dict, int wanted, bool is_first)
{
    char *line;
    size_t length;
    int count;
    enum lines_result result = lines_next(&dict->replies, &line, &length);
    if (result != LINES_LINE || dict->replies.at_end)
        return lose(dict, result == LINES_ERROR ? errno : ECONNRESET);
    if (is_first && length > 6 && memcmp(line, "error ", 6) == 0) {
        snprintf(dict->error, sizeof dict->error, "%.*s", (int)length - 6, line + 6);
        errno = strncmp(dict->error, "KeyError", 8) == 0 ? ENOENT : EINVAL;
        return false;
    }
    return (!words_split(line, length, dict->words, &count) && count == wanted) ||
           lose(dict, EPROTO);
}

bool dict_next(struct dict *dict)
{
    if (dict->left == 0 || dict->owner != getpid())
        return false;
    dict->left--;
    return receive_words(dict, dict->width, false);
}

/* Writes the method and its arguments, as many as there are before a NULL. */
static void write_request(struct dict *dict, const char *method, const struct bytes *first,
                          const struct bytes *second)
{
    dict->request.length = 0;
    words_add(&dict->request, method);
    if (first)
        words_add_bytes(&dict->request, *first);
    if (second)
        words_add_bytes(&dict->request, *second);
}

/* Sends the request that has been written and receives "ok" and so many results. A manager that
 * refuses to serve has closed the connection, but has said why. */
static bool exchange(struct dict *dict, int results)
{
    if (!connect_own(dict))
        return false;
    while (dict_next(dict))
        continue; /* what the caller has left of a list */
    if (dict->fd < 0)
        return lose(dict, dict->lost); /* it was lost in that list */
    words_add(&dict->request, "\n");
    if (dict->request.failed)
        return lose(dict, ENOMEM);
    bool sent = net_send_all(dict->fd, dict->request.data, dict->request.length);
    int error = errno;
    if (receive_words(dict, 1 + results, true))
        return true;
    return dict->fd < 0 && !sent ? lose(dict, error) : false;
}

/* A request without a result. */
static bool call(struct dict *dict, const char *method, const struct bytes *first,
                 const struct bytes *second)
{
    write_request(dict, method, first, second);
    return exchange(dict, 0);
}

static bool call_for(struct dict *dict, struct bytes *result, const char *method,
                     const struct bytes *first, const struct bytes *second)
{
    write_request(dict, method, first, second);
    if (!exchange(dict, 1))
        return false;
    *result = dict->words[1];
    return true;
}

static bool call_for_number(struct dict *dict, long *result, const char *method,
                            const struct bytes *first)
{
    struct bytes digits;
    if (!call_for(dict, &digits, method, first, NULL))
        return false;
    *result = words_number(digits, LONG_MAX);
    return *result >= 0 || lose(dict, EPROTO);
}

/* The number of lines comes first. */
static bool call_for_list(struct dict *dict, const char *method, int width)
{
    long count;
    if (!call_for_number(dict, &count, method, NULL))
        return false;
    dict->left = count;
    dict->width = width;
    return true;
}

/* ---- A function for each method -------------------------------------------------------------- */

bool dict_contains(struct dict *dict, struct bytes key, long *is_there)
{
    return call_for_number(dict, is_there, "contains", &key);
}

bool dict_get(struct dict *dict, struct bytes key, const struct bytes *otherwise,
              struct bytes *value)
{
    return call_for(dict, value, "get", &key, otherwise);
}

bool dict_set(struct dict *dict, struct bytes key, struct bytes value)
{
    return call(dict, "set", &key, &value);
}

bool dict_delete(struct dict *dict, struct bytes key)
{
    return call(dict, "delete", &key, NULL);
}

bool dict_len(struct dict *dict, long *count)
{
    return call_for_number(dict, count, "len", NULL);
}

bool dict_clear(struct dict *dict)
{
    return call(dict, "clear", NULL, NULL);
}

bool dict_items(struct dict *dict)
{
    return call_for_list(dict, "items", 2);
}

bool dict_keys(struct dict *dict)
{
    return call_for_list(dict, "keys", 1);
}

bool dict_values(struct dict *dict)
{
    return call_for_list(dict, "values", 1);
}

bool dict_copy(struct dict *dict, struct table *copy)
{
    *copy = (struct table){0};
    if (!call_for_list(dict, "copy", 2))
        return false;
    while (dict_next(dict))
        if (!table_set(copy, dict->words[0], dict->words[1]))
            lose(dict, ENOMEM);
    if (dict->fd < 0)
        table_clear(copy);
    return dict->fd >= 0;
}

bool dict_pop(struct dict *dict, struct bytes key, const struct bytes *otherwise,
              struct bytes *value)
{
    return call_for(dict, value, "pop", &key, otherwise);
}

bool dict_popitem(struct dict *dict, struct bytes *key, struct bytes *value)
{
    write_request(dict, "popitem", NULL, NULL);
    if (!exchange(dict, 2))
        return false;
    *key = dict->words[1];
    *value = dict->words[2];
    return true;
}

bool dict_setdefault(struct dict *dict, struct bytes key, struct bytes otherwise,
                     struct bytes *value)
{
    return call_for(dict, value, "setdefault", &key, &otherwise);
}

bool dict_update(struct dict *dict, const struct table *pairs)
{
    write_request(dict, "update", NULL, NULL);
    words_add_number(&dict->request, pairs->count);
    for (const struct item *pair = pairs->first; pair; pair = pair->next) {
        words_add(&dict->request, "\n");
        words_add_bytes(&dict->request, pair->key);
        words_add_bytes(&dict->request, pair->value);
    }
    return exchange(dict, 0);
}
