/* server_program: the command line that the servers of lessons 01 to 13 share.
 * Introduced by lesson 01a; plumbing.
 *
 *     NNx_name                        plays the demo: the server in a child process (cast.h)
 *     NNx_name serve [--host H] [--port P]
 *     NNx_name connect HOST PORT      a client: what is typed is sent, its reply is printed
 *
 * A server at a path has serve [--path P] and connect PATH; one for either, connect of both kinds.
 */
#ifndef SERVER_PROGRAM_H
#define SERVER_PROGRAM_H

#include "stage/args.h"

#include <stdbool.h>

struct server_program {
    const char *idea; /* one sentence */

    /* Binds to the address (port 0: any free one) and says where. Returns the socket. */
    int (*open)(const char *host, long port);
    /* Serves until a signal asks it to stop. */
    void (*serve)(void);
    /* The clients of the demo. */
    void (*play)(void);
    /* A client's socket, connected to the address. */
    int (*dial)(const char *host, long port);

    /* Instead of open and dial, for a server at a path. Unless told otherwise, the path has the pid
     * in its name. With open and dial_path, the lesson's own options say where it listens. */
    int (*open_path)(const char *path);
    int (*dial_path)(const char *path);

    /* Instead of talk (talk.h), what connect does with its socket, which it closes. Returns the
     * exit status. */
    int (*talk)(int fd);

    /* Instead of serve and play in two processes: the whole demo. Returns the exit status. */
    int (*demo)(void);

    const struct option_spec *options; /* of its own, as args_run takes them; NULL: none */
};

/* args_run for a server. */
int server_program_run(int argc, char **argv, const struct server_program *program);

/* In play: dials the server of this demo. */
int server_program_dial(void);

/* In serve: whether it is the demo's server. */
bool server_program_is_demo(void);

#endif
