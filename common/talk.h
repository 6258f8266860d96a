/* talk: the posts' interactive client.
 * Introduced by lesson 02; lesson 01 shows it longhand. */
#ifndef TALK_H
#define TALK_H

/* Sends each line of standard input to the connected socket and prints its reply, until end of
 * file; closes the socket. A reply ends with a newline, or is one datagram, which may be lost: it
 * is waited for one second. Returns the status for the program to end with. */
int talk(int fd);

#endif
