/* upper: what comes in goes out in upper case.
 * Introduced by lesson 07; lesson 06 shows it longhand.
 *
 * A client has one buffer, and waits for data, or for room to send what is in the buffer. Nothing
 * more is received before, so a client that never reads cannot stall the others. */
#ifndef UPPER_H
#define UPPER_H

#include <stdbool.h>
#include <stddef.h>

struct upper {
    int fd;
    int number;
    bool quiet;        /* sends more than a class can read: no longer narrated */
    size_t start, end; /* the bytes from start to end wait to be sent */
    char data[1024];
};

enum upper_result {
    UPPER_GOES_ON, /* did something: there may be more to do */
    UPPER_WAITS,   /* the call would have blocked: wait until the descriptor is ready */
    UPPER_LEFT,    /* end of file, or the client is gone: upper_close it */
};

/* Accepts whoever waits at stop_listener, makes the connection non-blocking, and says so. Returns
 * NULL when nobody does, and when the client was refused: its descriptor is not below room, or
 * there is no memory. *may_try becomes false when accept has failed, and would fail again. */
struct upper *upper_accept(int room, bool *may_try);

/* Closes the connection and frees the client. */
void upper_close(struct upper *client);

/* True: waits for room to send; false: waits for data. */
bool upper_wants_to_send(const struct upper *client);

/* Receives if nothing waits to be sent, then sends what it can. Never blocks. */
enum upper_result upper_turn(struct upper *client);

/* For a worker with no other client: serves this one as lesson 01 does, blocking, until it leaves
 * or a signal asks to stop (stop.h). The actor says what happens; the caller closes it. */
void upper_serve(const char *actor, int fd, int number);

#endif
