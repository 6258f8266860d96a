/* classes: the tree of the classes of common/socketserver/: what each has replaced in the table
 * that it is a copy of, found by comparing the tables. The picture of lesson 12b is compared with
 * it.
 */
#include "socketserver/socketserver.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entries of a table, and where in it they are: offsetof(3). */
struct entry {
    const char *name;
    size_t offset;
};

static const struct entry of_a_server[] = {
    {"server_bind", offsetof(struct server_class, server_bind)},
    {"server_activate", offsetof(struct server_class, server_activate)},
    {"get_request", offsetof(struct server_class, get_request)},
    {"verify_request", offsetof(struct server_class, verify_request)},
    {"process_request", offsetof(struct server_class, process_request)},
    {"finish_request", offsetof(struct server_class, finish_request)},
    {"shutdown_request", offsetof(struct server_class, shutdown_request)},
    {"close_request", offsetof(struct server_class, close_request)},
    {"handle_error", offsetof(struct server_class, handle_error)},
    {"handle_timeout", offsetof(struct server_class, handle_timeout)},
    {"service_actions", offsetof(struct server_class, service_actions)},
    {"server_close", offsetof(struct server_class, server_close)},
    {0},
};

static const struct entry of_a_handler[] = {
    {"setup", offsetof(struct handler_class, setup)},
    {"handle", offsetof(struct handler_class, handle)},
    {"finish", offsetof(struct handler_class, finish)},
    {"write", offsetof(struct handler_class, write)},
    {0},
};

static void print_differences(const struct entry *entry, const void *class, const void *base)
{
    for (; entry->name; entry++) {
        const char *ours = (const char *)class + entry->offset;
        const char *theirs = (const char *)base + entry->offset;
        if (memcmp(ours, theirs, sizeof(void (*)(void))) != 0)
            printf(" %s", entry->name);
    }
    printf("\n");
}

static void print_server(struct server_class class, struct server_class base)
{
    printf("%s(%s):", class.name, class.base ? class.base : "");
    print_differences(of_a_server, &class, &base);
}

static void print_handler(struct handler_class class, struct handler_class base)
{
    printf("%s(%s):", class.name, class.base ? class.base : "");
    print_differences(of_a_handler, &class, &base);
}

int main(void)
{
    print_server(base_server(), (struct server_class){0});
    print_server(tcp_server(), base_server());
    print_server(udp_server(), tcp_server());
    print_server(unix_stream_server(), tcp_server());
    print_server(unix_datagram_server(), udp_server());
    print_handler(base_request_handler(), (struct handler_class){0});
    print_handler(stream_request_handler(), base_request_handler());
    print_handler(datagram_request_handler(), base_request_handler());
    return EXIT_SUCCESS;
}
