#include "sockets/serial.h"

#include "sockets/stop.h"
#include "stage/say.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_MS = 100 };

/* The next client, or -1 when it is time to stop. A failed accept costs one client, never the
 * server. */
static int accept_client(void)
{
    bool complained = false;
    while (!stop_asked) {
        int client = accept(stop_listener, NULL, NULL);
        if (client >= 0)
            return client;
        if (stop_asked || errno == EINTR || errno == ECONNABORTED)
            continue;
        if (!complained)
            say("server", "accept: %s: tries again until it can", strerror(errno));
        complained = true;
        /* EMFILE, ENOBUFS and the like last: asking again at once would only burn the CPU */
        poll(NULL, 0, RETRY_MS);
    }
    return -1;
}

void serial_serve(void (*serve_client)(int client, int number))
{
    int client, number = 0;
    while ((client = accept_client()) >= 0) {
        stop_connection = client;
        number++;
        say("server", "accepted client %d", number);
        serve_client(client, number);
        /* first: a signal between the two calls must not hang up a descriptor that is closed */
        stop_connection = -1;
        close(client);
    }
}
