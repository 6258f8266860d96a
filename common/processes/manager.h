/* manager: a server that holds a dictionary, for the proxies of dict.h.
 * Introduced by lesson 23.
 *
 * Lesson 13's ThreadingUnixStreamServer with a handler that carries out requests (words.h), each
 * under the dictionary's one lock. Only the same user may connect. multiprocessing.managers.Server
 */
#ifndef MANAGER_H
#define MANAGER_H

#include "processes/table.h"
#include "socketserver/socketserver.h"

#include <pthread.h>
#include <stdbool.h>

/* The caller's object; it must live as long as its server. */
struct manager {
    bool quiet;           /* says nothing of the requests: set before manager_run */
    pthread_mutex_t lock; /* guards what follows */
    struct table table;
};

/* The class of the server: a thread for each client, whose user is looked at. Further entries may
 * be replaced before manager_open, but not daemon_threads: manager_run frees the dictionary. */
struct server_class manager_server(void);

/* Opens a manager with an empty dictionary; it listens at the path, of mode 0600 (NULL: one with
 * the pid in the directory for temporary files). Ends the process with a message if that cannot
 * be. */
void manager_open(struct server *server, struct manager *manager, struct server_class class,
                  const char *path);

/* Serves until a signal asks it to stop (stop.h) or the loop is ended; then closes the server,
 * unlinks the path and frees the dictionary. Server.serve_forever */
void manager_run(struct server *server);

/* Connects to the manager at the path; the caller closes the descriptor. Returns -1 with errno set:
 * ECONNREFUSED, nobody listens there any more; without wait also EAGAIN, too many wait already.
 * BaseManager.connect */
int manager_connect(const char *path, bool wait);

/* Unlinks the path if it is a socket at which nobody listens: a manager that was killed could not.
 * Returns true only if it did. Never waits. Lesson 03 has more about this. */
bool manager_remove_stale_path(const char *path);

#endif
