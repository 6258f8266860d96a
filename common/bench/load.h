/* load: many clients in one thread, who measure a server: an epoll server turned round (lesson 08).
 * Introduced by lesson 26a.
 * bench/ has the load generator and the contest of lesson 26.
 *
 * Each client sends a request, waits for the reply, and sends the next.
 */
#ifndef LOAD_H
#define LOAD_H

#include "sockets/address.h"

enum load_mode {
    LOAD_ECHO,    /* each client keeps its connection */
    LOAD_CONNECT, /* each request has a connection of its own */
};

enum {
    LOAD_QUIET_MS = 600, /* nothing has come for so long, so no more will */
    LOAD_LARGEST = 8192  /* bytes of a request: always room for one in a socket */
};

struct load_plan {
    struct address server;
    enum load_mode mode;
    long clients;  /* who ask */
    long idle;     /* more clients, who have been served once and are silent from then on */
    long size;     /* of a request, and of its reply, in bytes */
    long requests; /* of all clients together, who have asked once before */
};

struct load_result {
    long requests; /* that had their reply */
    double seconds;
    int served; /* clients with at least one reply, and none lost; without the idle */
    int failed; /* clients that were refused or hung up on, or whose reply was lost */
    int wrong;  /* replies that were not the request in upper case */
};

struct load;

/* Connects all clients and lets each ask once: whoever has had no reply when nothing more comes
 * takes no part. Ends the process if there are too few descriptors. The caller frees it. */
struct load *load_open(const struct load_plan *plan);

/* Measures by the plan, until every request has had its reply, no more replies come, or
 * stop_asked (stop.h). */
struct load_result load_run(struct load *load);

/* Closes the connections and frees what load_open made. */
void load_free(struct load *load);

#endif
