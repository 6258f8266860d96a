/* die: a fatal error while a program sets itself up.
 * Introduced by lesson 01; plumbing.
 *
 * Only for set-up: a server that cannot start says why and ends. A client that misbehaves is
 * dropped, never died of.
 */
#ifndef DIE_H
#define DIE_H

/* The program's name as messages show it; args_run sets it from argv[0]. */
extern const char *die_name;

/* Prints "NAME: WHAT: reason of errno" as one line on stderr and ends the process with status 1.
 * err(3) */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "NAME: WHAT" and ends with status 1: for what is wrong although no call failed. errx(3) */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flushes stdout, and dies if that fails, or if something printed before was lost: an error stays
 * with the stream. */
void die_unless_printed(void);

#endif
