/* manager: a process that holds a dictionary for the proxies of dict.h.
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
 * of them fit one line. Python can pickle any object. multiprocessing.managers.Server
 */
#ifndef MANAGER_H
#define MANAGER_H

#include "processes/process.h"
#include "socketserver/socketserver.h"

#include <pthread.h>

enum {
    MANAGER_WORD = 32, /* bytes of a word, with its NUL */
    MANAGER_PAIRS = 100,
    MANAGER_LINE = 8192, /* bytes of a line, with its newline */
};

/* The caller's object; it must live as long as its server. */
struct manager {
    pthread_mutex_t lock; /* guards the table */
    struct table {
        int count;
        struct item {
            char key[MANAGER_WORD], value[MANAGER_WORD];
        } items[MANAGER_PAIRS]; /* in the order of insertion, as Python keeps it */
    } table;
};

/* Opens a server with an empty dictionary, for service_run. It listens at the path, with mode 0600
 * (NULL: a path with the pid, in the directory for temporary files). If it cannot, the process ends
 * with a message. */
void manager_open(struct server *server, struct manager *manager, const char *path);

/* Starts a process in which a manager serves, and returns its path as soon as it listens. The text
 * lives as long as the program, and the manager ends with the program. If no manager can be
 * started, the program ends with a message. A program may have only one. Manager() */
const char *manager_start(struct process *process);

#endif
