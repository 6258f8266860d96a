/* crowd: the clients in the demos of the servers for many, to whom they all look the same.
 * Introduced by lesson 06; they play to lessons 07, 08, 10 and 11a too. What goes wrong ends the
 * process with a message.
 */
#ifndef CROWD_H
#define CROWD_H

/* ann is silent while bob is served; carl sends and does not read, and ann is served all the same;
 * carl reads at last. They dial by server_program_dial. */
void crowd_play(void);

/* ann stays connected while bob is served. dial connects, or ends the process. */
void crowd_pair(int (*dial)(void));

#endif
