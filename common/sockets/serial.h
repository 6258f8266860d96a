/* serial: one client at a time.
 * Introduced by lesson 03a; lesson 01b shows it longhand. */
#ifndef SERIAL_H
#define SERIAL_H

/* Accepts a client at stop_listener, calls serve_client with its descriptor and its number from 1
 * on, closes it, and takes the next, until a signal asks to stop (stop.h). */
void serial_serve(void (*serve_client)(int client, int number));

#endif
