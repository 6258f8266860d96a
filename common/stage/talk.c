#include "stage/talk.h"

#include "stage/die.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOST_AFTER_MS = 1000 };

static bool is_datagram(int fd)
{
    int type;
    socklen_t length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        die("getsockopt SO_TYPE");
    return type == SOCK_DGRAM;
}

/* A line longer than the buffers of both sides would wait here for ever: the server waits for its
 * replies to be read. Lesson 06 shows how to do both at once. */
static void send_line(int fd, const char *line, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, line, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            die("send");
        if (sent > 0) {
            line += sent;
            length -= (size_t)sent;
        }
    }
}

/* A reply that comes after that is taken for the next line's; a real protocol would number them. */
static bool is_lost(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&readable, 1, LOST_AFTER_MS)) < 0 && errno == EINTR)
        continue;
    return ready == 0;
}

/* Prints what comes, until a newline or, without one, the end of the stream. */
static void print_reply(int fd, bool datagram, bool until_newline)
{
    static char data[65536]; /* UDP has no longer datagram */
    ssize_t got;
    do {
        if (datagram && is_lost(fd)) {
            printf("(no reply within %d ms)\n", LOST_AFTER_MS);
            fflush(stdout);
            return;
        }
        while ((got = recv(fd, data, sizeof data, 0)) < 0 && errno == EINTR)
            continue;
        if (got < 0)
            die("recv");
        if (got == 0 && until_newline && !datagram)
            fail("the server closed the connection");
        fwrite(data, 1, (size_t)got, stdout);
        die_unless_printed();
    } while (!datagram && got > 0 && !(until_newline && data[got - 1] == '\n'));
}

int talk(int fd)
{
    bool datagram = is_datagram(fd);
    bool prompts = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while (fputs(prompts ? "please input: " : "", stderr),
           (length = getline(&line, &size, stdin)) > 0) {
        bool whole = line[length - 1] == '\n';
        send_line(fd, line, (size_t)length);
        if (!whole)
            shutdown(fd, SHUT_WR); /* the last line may lack its newline: end of file is its end */
        print_reply(fd, datagram, whole);
    }
    if (ferror(stdin))
        die("read");
    free(line);
    close(fd);
    return EXIT_SUCCESS;
}

/* ---- Both ways at once ----------------------------------------------------------------------- */

struct typed {
    char data[4096];
    size_t start, end; /* of what has not been sent */
    bool at_end;       /* nothing more will be typed, or may be sent */
    int refused;       /* errno of a send: the other side takes no more, but may have more to say */
};

/* Returns false at the end of the stream, with errno 0, or after an error. */
static bool print_what_comes(int fd)
{
    char data[4096];
    ssize_t got = recv(fd, data, sizeof data, 0);
    if (got == 0)
        errno = 0;
    if (got <= 0)
        return got < 0 && errno == EINTR;
    fwrite(data, 1, (size_t)got, stdout);
    die_unless_printed();
    return true;
}

static void send_what_was_typed(int fd, struct typed *typed)
{
    ssize_t sent = send(fd, typed->data + typed->start, typed->end - typed->start,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        typed->start += (size_t)sent;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        typed->refused = errno;
        typed->at_end = true;
        typed->start = typed->end;
    }
}

static void read_what_is_typed(int fd, struct typed *typed)
{
    ssize_t got = read(STDIN_FILENO, typed->data, sizeof typed->data);
    if (got < 0 && errno != EINTR)
        die("read");
    typed->start = 0;
    typed->end = got > 0 ? (size_t)got : 0;
    typed->at_end = got == 0;
    if (typed->at_end)
        shutdown(fd, SHUT_WR);
}

/* What was typed is sent as the socket takes it, and nothing more is read before it is gone. */
bool talk_both_ways(int fd)
{
    struct typed typed = {0};
    for (;;) {
        bool unsent = typed.start < typed.end;
        struct pollfd fds[] = {
            {.fd = typed.at_end || unsent ? -1 : STDIN_FILENO, .events = POLLIN},
            {.fd = fd, .events = unsent ? POLLIN | POLLOUT : POLLIN},
        };
        if (poll(fds, 2, -1) < 0)
            continue; /* a signal */
        if (fds[1].revents & (POLLIN | POLLHUP | POLLERR)) {
            if (!print_what_comes(fd))
                break;
        } else if (fds[1].revents) {
            send_what_was_typed(fd, &typed);
        } else if (fds[0].revents) {
            read_what_is_typed(fd, &typed);
        }
    }
    int error = errno ? errno : typed.refused;
    close(fd);
    errno = error;
    return error == 0 && typed.at_end;
}
