#include "sockets/serial.h"

#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/say.h"

#include <unistd.h>

void serial_serve(void (*serve_client)(int client, int number))
{
    int number = 0;
    while (!stop_asked) {
        int client = net_accept(stop_listener);
        if (client < 0)
            continue;
        stop_connection = client;
        say("server", "accepted client %d", ++number);
        serve_client(client, number);
        say("server", "client %d has left", number);
        /* first: a signal between the two calls must not hang up a descriptor that is closed */
        stop_connection = -1;
        close(client);
    }
}
