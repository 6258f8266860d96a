/* tsan_select: select for the builds with SAN=thread. ThreadSanitizer holds a signal back until the
 * program's next call that it knows; it knows ppoll and does not know select, so a loop that waits
 * in select alone would never run its handlers. Linked with the lessons in place of libc's. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/select.h>

static void report(fd_set *set, struct pollfd polled, short events, int *ready)
{
    if (!set || !FD_ISSET(polled.fd, set))
        return;
    if (polled.revents & events)
        (*ready)++;
    else
        FD_CLR(polled.fd, set);
}

int select(int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
           struct timeval *timeout)
{
    struct pollfd polled[FD_SETSIZE];
    for (int fd = 0; fd < count; fd++) {
        bool in = readable && FD_ISSET(fd, readable), out = writable && FD_ISSET(fd, writable);
        polled[fd] = (struct pollfd){.fd = in || out ? fd : -1,
                                     .events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0))};
    }
    struct timespec limit = {0};
    if (timeout)
        limit = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
    if (ppoll(polled, (nfds_t)count, timeout ? &limit : NULL, NULL) < 0)
        return -1;
    int ready = 0;
    for (int fd = 0; fd < count; fd++) {
        polled[fd].fd = fd;
        report(readable, polled[fd], POLLIN | POLLHUP | POLLERR, &ready);
        report(writable, polled[fd], POLLOUT | POLLERR, &ready);
    }
    if (exceptional)
        FD_ZERO(exceptional);
    return ready;
}
