/* talk: the posts' interactive client.
 * Introduced by lesson 01a; plumbing. What can be neither read nor printed ends the program. */
#ifndef TALK_H
#define TALK_H

#include <stdbool.h>

/* Sends standard input to the connected socket and prints what comes, until the server closes. A
 * line is one datagram, and its reply, which may be lost, is waited for one second. Returns the
 * status that the program then has to end with. */
int talk(int fd);

/* The same over a stream alone: half-closes at end of file. Returns false when the server closed
 * before all had been sent (errno is 0), or the connection failed (errno says how). */
bool talk_both_ways(int fd);

#endif
