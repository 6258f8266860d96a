/* manager: a process that holds a dictionary, and the proxies through which others use it.
 * Introduced by lesson 23a.
 *
 * Lesson 13's ThreadingUnixStreamServer with a handler that carries out each request under the
 * dictionary's only lock. The protocol is text that you can type: a request is a line of words, the
 * method and its arguments; the reply is a line too, "ok" and the result, or "error".
 *
 *     set KEY VALUE      get KEY [DEFAULT]      contains KEY      keys
 *     delete KEY         pop KEY [DEFAULT]      len               values
 *     clear              update [KEY VALUE]...                    items
 *
 * Left out: a word has at most 31 bytes and no spaces, and there are at most 100 pairs, so that all
 * of them fit one line. Python can pickle any object. multiprocessing.managers
 */
#ifndef MANAGER_H
#define MANAGER_H

#include "processes/process.h"
#include "sockets/lines.h"
#include "socketserver/socketserver.h"

enum {
    MANAGER_WORD = 32, /* bytes of a word, with its NUL */
    MANAGER_PAIRS = 100,
    MANAGER_LINE = 8192, /* bytes of a line, with its newline */
};

/* Opens the server of this process's only dictionary, for service_run, at the path, with mode 0600
 * (NULL: as service_open chooses it). If it cannot, the process ends with a message. */
void manager_open(struct server *server, const char *path);

/* Starts a process in which a manager serves, and returns its path as soon as it listens, a text
 * that the next call overwrites. The manager ends with the program, and the program, with a
 * message, if no manager can be started. Manager() */
const char *manager_start(struct process *process);

/* A proxy: each call goes to a manager as a message. Only one thread at a time may use it. A child
 * may use its parent's: its first call makes a new connection. DictProxy */
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
