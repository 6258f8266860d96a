/* wrap_io: in place of the calls that send, receive and wait for descriptors (ld's --wrap). What
 * lets others go on is written down before the call, what may have had to wait before and after
 * it: so in the records a receive comes after the send that it took. */
#include "record.h"

#include <errno.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define HERE __builtin_frame_address(0)

struct epoll_event; /* the header is Linux's alone */

int __real_socketpair(int domain, int type, int protocol, int ends[2]);
int __real_connect(int fd, const struct sockaddr *address, socklen_t length);
int __real_accept(int fd, struct sockaddr *address, socklen_t *length);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
ssize_t __real_send(int fd, const void *data, size_t length, int flags);
ssize_t __real_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length);
ssize_t __real_write(int fd, const void *data, size_t length);
ssize_t __real_recv(int fd, void *data, size_t length, int flags);
ssize_t __real_recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                        socklen_t *from_length);
ssize_t __real_read(int fd, void *data, size_t length);
int __real_shutdown(int fd, int how);
int __real_close(int fd);
int __real_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                  struct timeval *timeout);
int __real_pselect(int count, fd_set *readable, fd_set *writable, fd_set *other,
                   const struct timespec *timeout, const sigset_t *mask);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_epoll_wait(int epoll, struct epoll_event *events, int room, int timeout);

int __wrap_socketpair(int domain, int type, int protocol, int ends[2]);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_accept(int fd, struct sockaddr *address, socklen_t *length);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length);
ssize_t __wrap_write(int fd, const void *data, size_t length);
ssize_t __wrap_recv(int fd, void *data, size_t length, int flags);
ssize_t __wrap_recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                        socklen_t *from_length);
ssize_t __wrap_read(int fd, void *data, size_t length);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);
int __wrap_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                  struct timeval *timeout);
int __wrap_pselect(int count, fd_set *readable, fd_set *writable, fd_set *other,
                   const struct timespec *timeout, const sigset_t *mask);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int room, int timeout);

/* ---- Connections ----------------------------------------------------------------------------- */

int __wrap_socketpair(int domain, int type, int protocol, int ends[2])
{
    int result = __real_socketpair(domain, type, protocol, ends);
    if (result == 0)
        record(HERE, "pair\t%s\t%s", record_object(ends[0]).text, record_object(ends[1]).text);
    return result;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    record(HERE, "connect\t%s\t%s", record_object(fd).text, record_address(address, length).text);
    int result = __real_connect(fd, address, length);
    record(HERE, "connected\t%d\t%s", result, record_object(fd).text);
    return result;
}

static int after_accept(void *frame, int fd, int result)
{
    record(frame, "got\taccept\t%d\t%d\t%s\t", result, result < 0 ? errno : 0,
           record_object(result < 0 ? fd : result).text);
    return result;
}

int __wrap_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    record(HERE, "wait\taccept\t%s", record_object(fd).text);
    return after_accept(HERE, fd, __real_accept(fd, address, length));
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    record(HERE, "wait\taccept\t%s", record_object(fd).text);
    return after_accept(HERE, fd, __real_accept4(fd, address, length, flags));
}

int __wrap_shutdown(int fd, int how)
{
    if (how != SHUT_RD)
        record(HERE, "close\tshutdown\t%s", record_object(fd).text);
    return __real_shutdown(fd, how);
}

int __wrap_close(int fd)
{
    record(HERE, "close\tclose\t%s", record_object(fd).text);
    return __real_close(fd);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void before_send(void *frame, const char *call, int fd, const char *to, const void *data,
                        size_t length)
{
    record(frame, "send\t%s\t%s\t%s\t%zu\t%s", call, record_object(fd).text, to, length,
           record_bytes(data, (ssize_t)length).text);
}

ssize_t __wrap_send(int fd, const void *data, size_t length, int flags)
{
    before_send(HERE, "send", fd, "-", data, length);
    ssize_t sent = __real_send(fd, data, length, flags);
    record(HERE, "sent\t%zd", sent);
    return sent;
}

ssize_t __wrap_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length)
{
    before_send(HERE, "sendto", fd, record_address(to, to_length).text, data, length);
    ssize_t sent = __real_sendto(fd, data, length, flags, to, to_length);
    record(HERE, "sent\t%zd", sent);
    return sent;
}

/* A line of the transcript is written to standard output in one call. */
ssize_t __wrap_write(int fd, const void *data, size_t length)
{
    bool is_line = fd == STDOUT_FILENO && record_is_on_stage();
    if (is_line) {
        record_wait_for_rest();
        record(HERE, "line\t%.*s", (int)length - 1, (const char *)data);
    } else {
        before_send(HERE, "write", fd, "-", data, length);
    }
    ssize_t sent = __real_write(fd, data, length);
    if (!is_line)
        record(HERE, "sent\t%zd", sent);
    return sent;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static ssize_t after_receive(void *frame, const char *call, int fd, const void *data, ssize_t got)
{
    record(frame, "got\t%s\t%zd\t%d\t%s\t%s", call, got, got < 0 ? errno : 0,
           record_object(fd).text, record_bytes(data, got).text);
    return got;
}

ssize_t __wrap_recv(int fd, void *data, size_t length, int flags)
{
    record(HERE, "wait\trecv\t%s", record_object(fd).text);
    return after_receive(HERE, flags & MSG_PEEK ? "peek" : "recv", fd, data,
                         __real_recv(fd, data, length, flags));
}

ssize_t __wrap_recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                        socklen_t *from_length)
{
    record(HERE, "wait\trecvfrom\t%s", record_object(fd).text);
    return after_receive(HERE, flags & MSG_PEEK ? "peek" : "recvfrom", fd, data,
                         __real_recvfrom(fd, data, length, flags, from, from_length));
}

ssize_t __wrap_read(int fd, void *data, size_t length)
{
    record(HERE, "wait\tread\t%s", record_object(fd).text);
    return after_receive(HERE, "read", fd, data, __real_read(fd, data, length));
}

/* ---- Waiting for several --------------------------------------------------------------------- */

static int after_wait(void *frame, const char *call, int result)
{
    record(frame, "ready\t%s\t%d\t%d", call, result, result < 0 ? errno : 0);
    return result;
}

int __wrap_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                  struct timeval *timeout)
{
    record(HERE, "wait\tselect\tmany\t-\t-\t-");
    return after_wait(HERE, "select", __real_select(count, readable, writable, other, timeout));
}

int __wrap_pselect(int count, fd_set *readable, fd_set *writable, fd_set *other,
                   const struct timespec *timeout, const sigset_t *mask)
{
    record(HERE, "wait\tpselect\tmany\t-\t-\t-");
    return after_wait(HERE, "pselect",
                      __real_pselect(count, readable, writable, other, timeout, mask));
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    record(HERE, "wait\tpoll\t%s\t-\t-\t-", timeout == 0 ? "none" : "many");
    return after_wait(HERE, "poll", __real_poll(fds, count, timeout));
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int room, int timeout)
{
    record(HERE, "wait\tepoll_wait\t%s\t-\t-\t-", timeout == 0 ? "none" : "many");
    return after_wait(HERE, "epoll_wait", __real_epoll_wait(epoll, events, room, timeout));
}
