/* die: a fatal error while a program sets itself up. No server dies because of a client.
 * Introduced by lesson 01; plumbing. */
#ifndef DIE_H
#define DIE_H

/* The program's name as messages show it; args_run sets it from argv[0]. */
extern const char *die_name;

/* Prints "NAME: WHAT: reason of errno" as one line on stderr and ends the process with status 1.
 * A child keeps quiet where another process of the program has said its reason before. err(3) */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "NAME: WHAT" and ends with status 1: for what is wrong although no call failed. errx(3) */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flushes stdout, and dies if that fails, or if something was lost before, in this process or in
 * one of its children: an error stays with the stream. */
void die_unless_printed(void);

#endif
