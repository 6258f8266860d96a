/* costs: what the modules of lessons 21 and 23 cost, in one line of timing.
 *
 *   costs dict [CLIENTS [OPS]]   gets and sets, each client a process (common/processes/dict.h)
 *
 * Each get has to find what was set, or the program fails. For lesson 26, and for the tests, which
 * want many clients at once.
 */
#include "processes/dict.h"
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CLIENTS = 100, MOST_OPS = 10000000 };

static long clients = 1, ops = 10000; /* of all clients */
static struct dict dic;
static int ready[2], go[2];

/* Waits for a byte in the pipe; false when all who could write one have closed it. */
static bool await_byte(int fd)
{
    char byte;
    return read(fd, &byte, 1) == 1;
}

static const char *must(const char *result)
{
    if (!result)
        fail("%s", dic.error);
    return result;
}

static int set_and_get(void *argument)
{
    char key[32], value[32];
    snprintf(key, sizeof key, "client-%d", *(int *)argument);
    close(go[1]);
    must(dict_call(&dic, "len", NULL)); /* it has its connection */
    if (write(ready[1], "", 1) != 1)
        die("write");
    await_byte(go[0]); /* until main closes its end */
    for (long i = 0; i < ops / 2 / clients; i++) {
        snprintf(value, sizeof value, "%ld", i);
        must(dict_call(&dic, "set", key, value, NULL));
        if (strcmp(must(dict_call(&dic, "get", key, NULL)), value) != 0)
            fail("%s is not %s", key, value);
    }
    return EXIT_SUCCESS;
}

static void time_dict(void)
{
    struct process manager = {0}, client[MOST_CLIENTS] = {0};
    struct timespec start;
    net_raise_descriptor_limit();
    say_mute(true);
    dict_init(&dic, manager_start(&manager)); /* before the pipes: it would keep them open */
    if (pipe(ready) < 0 || pipe(go) < 0)
        die("pipe");
    for (int i = 0; i < clients; i++)
        if (!process_start(&client[i], "client", set_and_get, &i))
            die("fork");
    close(ready[1]);
    for (int i = 0; i < clients; i++)
        if (!await_byte(ready[0]))
            exit(EXIT_FAILURE); /* it has said why */
    clock_gettime(CLOCK_MONOTONIC, &start);
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < clients; i++) {
        process_join(&client[i], -1);
        if (process_exitcode(&client[i]) != EXIT_SUCCESS)
            fail("client %d has ended with %d", i, process_exitcode(&client[i]));
    }
    say_mute(false);
    say_timing(ops / 2 / clients * 2 * clients, "gets and sets", start);
    process_join_all();
}

int main(int argc, char **argv)
{
    die_name = "costs";
    if (argc < 2 || strcmp(argv[1], "dict") != 0)
        fail("which cost? They are listed at the top of the source");
    if (argc > 2)
        clients = args_number("CLIENTS", argv[2], 1, MOST_CLIENTS);
    if (argc > 3)
        ops = args_number("OPS", argv[3], 1, MOST_OPS);
    time_dict();
    return EXIT_SUCCESS;
}
