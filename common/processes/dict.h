/* dict: a dictionary that lives in another process, as its clients see it.
 * Introduced by lesson 23a.
 *
 * A struct dict is a proxy: what is called on it goes to a manager (manager.h) as a message. Keys
 * and values are words of 1 to 31 bytes. A proxy is for one thread at a time; a child may use its
 * parent's, and its first call connects anew. multiprocessing's DictProxy
 */
#ifndef DICT_H
#define DICT_H

#include "processes/manager.h"
#include "sockets/lines.h"

#include <sys/types.h>

struct dict {
    char error[128]; /* why the last call failed, in one line */

    /* the rest is the module's own */
    const char *path;
    pid_t owner; /* whose connection it is */
    int fd, lost;
    struct lines replies;
    char buffer[MANAGER_LINE];
};

/* A proxy for the manager at the path, which must live as long as it. The first call connects. */
void dict_init(struct dict *dict, const char *path);

/* Sends the method and its arguments, which end with a NULL, and waits for the reply. Returns the
 * result, a text that is good until the next call: "" if there is none; a list is words with a
 * space between them.
 *
 *     dict_call(&dic, "set", "colour", "red", NULL)     dic["colour"] = "red"
 *     dict_call(&dic, "get", "colour", NULL)            dic["colour"]
 *     dict_call(&dic, "get", "size", "7", NULL)         dic.get("size", "7")
 *     dict_call(&dic, "items", NULL)                    dic.items(), "colour red"
 *
 * Returns NULL when it fails, with errno set: ENOENT, a missing key; EINVAL, what else the manager
 * refuses; or what became of the connection. Once that is lost, every call fails with the same
 * error: another manager at this path would not know what was stored. BaseProxy._callmethod */
const char *dict_call(struct dict *dict, const char *method, ...) __attribute__((sentinel));

/* Closes the proxy's connection; in a child, its own alone. */
void dict_close(struct dict *dict);

#endif
