/* dict: a dictionary that lives in another process, as its clients see it.
 * Introduced by lesson 23a.
 *
 * A struct dict is a proxy: each call goes to a manager (manager.h) as a message. Keys and values
 * are words of 1 to 31 bytes. Only one thread at a time may use a proxy. A child may use its
 * parent's, because the child's first call makes a new connection. multiprocessing's DictProxy
 */
#ifndef DICT_H
#define DICT_H

#include "processes/manager.h"
#include "sockets/lines.h"

#include <sys/types.h>

struct dict {
    char error[128]; /* why the last call failed, in one line */

    /* private to the module */
    const char *path;
    pid_t owner; /* whose connection it is */
    int fd, lost;
    struct lines replies;
    char buffer[MANAGER_LINE];
};

/* Makes a proxy for the manager at this path, a text that must live as long as the proxy. */
void dict_init(struct dict *dict, const char *path);

/* Sends the method and its arguments, which end with a NULL, and waits for the reply. Returns the
 * result, a text that is valid until the next call: "" if there is none; for a list, words with
 * spaces between them.
 *
 *     dict_call(&dic, "set", "colour", "red", NULL)     dic["colour"] = "red"
 *     dict_call(&dic, "get", "colour", NULL)            dic["colour"]
 *     dict_call(&dic, "get", "size", "7", NULL)         dic.get("size", "7")
 *     dict_call(&dic, "items", NULL)                    dic.items(), "colour red"
 *
 * Returns NULL on failure, with errno set: ENOENT, a missing key; EINVAL, anything else that the
 * manager refuses; or the connection's error. After that every call fails with the same error, as
 * another manager at this path would not know what was stored. BaseProxy._callmethod */
const char *dict_call(struct dict *dict, const char *method, ...) __attribute__((sentinel));

/* Closes the proxy's connection; in a child, only the child's own copy. */
void dict_close(struct dict *dict);

#endif
