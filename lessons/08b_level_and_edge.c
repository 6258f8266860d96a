/* 08b_level_and_edge: epoll reports what is ready, or only what is new (Linux)
 *
 * Predict  six bytes arrive and the program reads three of them. Does the next epoll_wait report
 *          the other three?
 * Run      build/08b_level_and_edge
 * Watch    level and edge side by side: one line differs.
 * Needs    Linux: epoll(7)
 * Before   08a_epoll_server
 * After    09a_bind_twice
 * Python   select.EPOLLET; post 003: "select returns the handles that have changed"
 */
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void report(const char *trigger, int list, const char *after)
{
    struct epoll_event event;
    int ready = epoll_wait(list, &event, 1, 0); /* looks, but does not wait */
    say(trigger, "%s: epoll_wait reports %s", after, ready == 1 ? "it" : "nothing");
}

/* ends are two Unix sockets that are connected to each other: socketpair(2). */
static void show_trigger(const char *trigger, uint32_t events)
{
    int ends[2];
    char data[6];
    int list = epoll_create1(EPOLL_CLOEXEC);
    if (list < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        die("socketpair");
    struct epoll_event event = {.events = events};
    if (epoll_ctl(list, EPOLL_CTL_ADD, ends[0], &event) < 0)
        die("epoll_ctl");
    net_send_all(ends[1], "abcdef", 6);
    report(trigger, list, "\"abcdef\" arrives");
    if (recv(ends[0], data, 3, 0) != 3)
        die("recv");
    report(trigger, list, "3 of 6 bytes are read");
    net_send_all(ends[1], "g", 1);
    report(trigger, list, "\"g\" arrives");
    close(ends[0]);
    close(ends[1]);
    close(list);
}

static int demo(void)
{
    show_trigger("level", EPOLLIN);
    show_trigger("edge", EPOLLIN | EPOLLET);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "epoll reports what is ready, or only what is new.", demo, NULL);
}
