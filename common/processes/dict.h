/* dict: a dictionary that lives in another process, as its clients see it.
 * Introduced by lesson 23.
 *
 * A struct dict is a proxy: it has a connection to a manager (manager.h), and a function for each
 * method, which sends a request and waits for its reply (words.h). multiprocessing's DictProxy
 *
 * The functions that return bool return false when they fail; then error says why in one line, and
 * errno is ENOENT for a missing key, EINVAL for what else the manager refuses, or that of the
 * connection. Once the connection is lost, every call fails with the same error: another manager at
 * this path would not know what was stored.
 *
 * The bytes of a result lie in the proxy, and are good until its next call. A proxy is for one
 * thread at a time. A child may use its parent's: its first call connects anew.
 */
#ifndef DICT_H
#define DICT_H

#include "processes/table.h"
#include "processes/words.h"
#include "sockets/lines.h"

#include <stdbool.h>
#include <sys/types.h>

struct dict {
    char error[128];
    struct bytes words[WORDS_MOST]; /* of the reply; of a line of a list, from the first on */
    int width;                      /* words on a line of the list */

    /* the rest is the module's own */
    const char *path;
    pid_t owner; /* whose connection it is */
    int fd, lost;
    long left; /* lines of a list that have not been taken */
    struct lines replies;
    struct text request;
    char buffer[8192];
};

/* A proxy for the manager at the path, which must live as long as it. The first call connects. */
void dict_init(struct dict *dict, const char *path);

/* Gives back what the proxy took; in a child, its own connection alone. */
void dict_close(struct dict *dict);

/* 1 or 0: key in dic */
bool dict_contains(struct dict *dict, struct bytes key, long *is_there);

/* dic[key], or dic.get(key, otherwise) unless otherwise is NULL */
bool dict_get(struct dict *dict, struct bytes key, const struct bytes *otherwise,
              struct bytes *value);

/* dic[key] = value */
bool dict_set(struct dict *dict, struct bytes key, struct bytes value);

/* del dic[key] */
bool dict_delete(struct dict *dict, struct bytes key);

/* len(dic) */
bool dict_len(struct dict *dict, long *count);

/* dic.clear() */
bool dict_clear(struct dict *dict);

/* A dictionary of the caller's own, which the caller clears; after a failure it is empty.
 * dic.copy() */
bool dict_copy(struct dict *dict, struct table *copy);

/* Ask for a list as it is at the time of the call; dict_next then gives line after line. What is
 * not taken is dropped by the next call. dic.items(), dic.keys(), dic.values() */
bool dict_items(struct dict *dict);
bool dict_keys(struct dict *dict);
bool dict_values(struct dict *dict);

/* The next line of the list is in words: two for items, else one. Returns false after the last,
 * when the connection is lost, and in a child that has not asked for the list itself. */
bool dict_next(struct dict *dict);

/* dic.pop(key), or dic.pop(key, otherwise) unless otherwise is NULL */
bool dict_pop(struct dict *dict, struct bytes key, const struct bytes *otherwise,
              struct bytes *value);

/* The pair that came last. dic.popitem() */
bool dict_popitem(struct dict *dict, struct bytes *key, struct bytes *value);

/* dic.setdefault(key, otherwise) */
bool dict_setdefault(struct dict *dict, struct bytes key, struct bytes otherwise,
                     struct bytes *value);

/* One request, however many pairs: all of them are set at once, or none. dic.update(pairs) */
bool dict_update(struct dict *dict, const struct table *pairs);

#endif
