/* load: many clients in one thread, who measure a server.
 * Introduced by lesson 26a.
 * bench/ has the load generator and the contest of lesson 26.
 *
 * Each client sends a request of so many bytes, waits for the reply, and sends the next: as many
 * requests are under way as there are clients. The generator itself is an epoll server turned
 * round (lesson 08), so it is for Linux.
 */
#ifndef LOAD_H
#define LOAD_H

#include "sockets/address.h"

enum load_mode {
    LOAD_ECHO,     /* each client keeps its connection */
    LOAD_CONNECT,  /* each request has a connection of its own */
    LOAD_DATAGRAM, /* as LOAD_ECHO, through UDP; a datagram that is lost is not sent again */
};

enum {
    LOAD_QUIET_MS = 300,   /* nothing has come for so long, so no more will */
    LOAD_LARGEST = 1 << 20 /* bytes of a request */
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
    double median_us,
        p99_us; /* half of the requests, and 99 of 100, took no longer; from the request
                                 (with LOAD_CONNECT: from connect) to the end of its reply */
    int served; /* clients with at least one reply, and none lost; without the idle */
    int failed; /* clients that were refused or hung up on, or whose reply was lost */
    int wrong;  /* replies that were not the request in upper case */
};

struct load;

/* Connects all clients and lets each ask once, until all have had a reply or nothing more comes
 * (LOAD_QUIET_MS): a client that has had none by then takes no part. NULL, with errno set, where
 * that cannot be (out of descriptors or memory). The caller frees it. */
struct load *load_open(const struct load_plan *plan);

/* Measures by the plan, until every request has had its reply. Ends early where no more replies
 * come, and, without harm, when stop_asked (stop.h). */
struct load_result load_run(struct load *load);

/* Closes the connections and frees what load_open made. */
void load_free(struct load *load);

#endif
