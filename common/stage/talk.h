/* talk: the posts' interactive client.
 * Introduced by lesson 01a; plumbing. An input that cannot be read and an output
 * that cannot be written end the program: die. */
#ifndef TALK_H
#define TALK_H

#include <stdbool.h>

/* Sends each line of standard input to the connected socket and prints its reply, until end of
 * file; closes the socket. A reply ends with a newline, or is one datagram, which may be lost: it
 * is waited for one second. Returns the status for the program to end with. */
int talk(int fd);

/* Sends what is typed to the connected stream and prints what comes, both at once: for a server
 * that speaks first, or has one reply for several lines. At end of file it half-closes, and goes on
 * until the server closes; then closes the socket. Returns true when all has been sent and the
 * server has closed after that; false when it closed before (errno is 0) or the connection failed
 * (errno says how). */
bool talk_both_ways(int fd);

#endif
