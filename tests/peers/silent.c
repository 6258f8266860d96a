/* silent: the memory that a server takes for each client that is connected and silent, beside the
 * sockets themselves, which are the same for all servers.
 *
 *   silent COMMAND [CLIENTS]   prints it in KiB; "-": the server does not serve so many at once
 *
 * Each client has been served once. For make bench; Linux.
 */
#include "bench/contender.h"
#include "memory.h"
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"

#include <sys/time.h>

enum { CLIENTS = 400, QUIET_MS = 3000 };

/* Connects, and waits for the first reply; what is then connected stays so. */
static bool is_served(const struct contender *contender)
{
    const struct address *server = &contender->address;
    struct timeval limit = {.tv_sec = QUIET_MS / 1000, .tv_usec = QUIET_MS % 1000 * 1000};
    char byte = 'x';
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return connect(fd, (const struct sockaddr *)&server->storage, server->length) == 0 &&
           send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
}

int main(int argc, char **argv)
{
    struct contender contender;
    die_name = "silent";
    if (argc < 2 || argc > 3)
        args_refuse("wants a command");
    long clients = argc > 2 ? args_number("CLIENTS", argv[2], 1, 20000) : CLIENTS, served = 0;
    net_raise_descriptor_limit();
    const char *why = contender_start(&contender, argv[1]);
    if (why)
        fail("%s: %s", argv[1], why);
    if (!is_served(&contender)) /* what the first one takes is not each's */
        fail("%s: no reply", argv[1]);
    double before = memory_of_group(contender.process);
    while (served < clients && is_served(&contender))
        served++;
    double after = memory_of_group(contender.process);
    contender_stop(&contender);
    if (served < clients)
        printf("-\n");
    else
        printf("%.1f\n", (after - before) / (double)clients);
    return EXIT_SUCCESS;
}
