/* server_program: the command line and the demo that the servers of lessons 01 to 13 share.
 * Introduced by lesson 01a; plumbing.
 *
 *     NNx_name                        plays the demo, in two processes
 *     NNx_name serve [--host H] [--port P]      at a path: [--path P]
 *     NNx_name connect HOST PORT                at a path: connect PATH
 */
#ifndef SERVER_PROGRAM_H
#define SERVER_PROGRAM_H

#include "stage/args.h"

#include <sys/types.h>

struct server_program {
    const char *idea; /* one sentence */

    /* Binds to the address (port 0: any free one) and says where. Returns the socket. */
    int (*open)(const char *host, long port);
    /* Serves until a signal asks it to stop. */
    void (*serve)(void);
    /* The clients of the demo: cast.h. */
    void (*play)(void);
    /* A client's socket, connected to the address. */
    int (*dial)(const char *host, long port);

    /* Instead of open and dial, for a server at a path. Unless told otherwise, the path has the pid
     * in its name. With open and dial_path, the lesson's own options say where it listens. */
    int (*open_path)(const char *path);
    int (*dial_path)(const char *path);

    /* Instead of serve and play in two processes: the whole demo. Returns the exit status. */
    int (*demo)(void);

    /* Of its own, as args_run takes them; NULL: none. */
    const struct command *commands;
    const struct option_spec *options;
};

/* args_run for a server. After the play, the server is told to end, as by kill(1). The status of a
 * demo is not 0 when a client found something wrong, or when a signal has ended the server. */
int server_program_run(int argc, char **argv, const struct server_program *program);

/* In play: a socket that is connected to the server of this demo, and the server's process. */
int server_program_dial(void);
pid_t server_program_pid(void);

/* In serve: whether it is the demo's server. */
bool server_program_is_demo(void);

#endif
