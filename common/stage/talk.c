#include "stage/talk.h"

#include "stage/args.h"
#include "stage/die.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOST_AFTER_MS = 1000 };

/* Returns false at the end of the stream, with errno 0, or after an error. */
static bool print_what_comes(int fd)
{
    static char data[65536]; /* UDP has no longer datagram */
    ssize_t got;
    while ((got = recv(fd, data, sizeof data, 0)) < 0 && errno == EINTR)
        continue;
    if (got == 0)
        errno = 0;
    if (got > 0)
        fwrite(data, 1, (size_t)got, stdout);
    die_unless_printed();
    return got > 0;
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

/* A reply that comes after that is taken for the next line's; a real protocol would number them. */
static bool is_lost(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&readable, 1, LOST_AFTER_MS)) < 0 && errno == EINTR)
        continue;
    return ready == 0;
}

static void talk_by_datagrams(int fd)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        while (send(fd, line, (size_t)length, MSG_NOSIGNAL) < 0)
            if (errno != EINTR)
                die("send");
        if (is_lost(fd))
            printf("(no reply within %d ms)\n", LOST_AFTER_MS);
        else if (!print_what_comes(fd) && errno != 0)
            die("recv");
        die_unless_printed();
    }
    if (ferror(stdin))
        die("read");
    free(line);
    close(fd);
}

/* ---- A stream: both ways at once ------------------------------------------------------------- */

struct typed {
    char data[4096];
    size_t start, end; /* of what has not been sent */
    bool at_end;       /* nothing more will be typed */
    bool refused;      /* the other side takes no more, but may have more to say */
};

/* As much as the socket takes: a server that waits for its replies to be read takes no more. */
static void send_what_was_typed(int fd, struct typed *typed)
{
    ssize_t sent = send(fd, typed->data + typed->start, typed->end - typed->start,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        typed->start += (size_t)sent;
    else if (errno != EAGAIN && errno != EINTR)
        typed->refused = true;
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

bool talk_both_ways(int fd)
{
    struct typed typed = {0};
    if (args_typed && isatty(STDIN_FILENO))
        fprintf(stderr, "%s", args_typed);
    for (;;) {
        bool unsent = typed.start < typed.end && !typed.refused;
        bool reads = !unsent && !typed.at_end && !typed.refused;
        struct pollfd fds[] = {
            {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN},
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
    int error = errno;
    close(fd);
    errno = error;
    return error == 0 && typed.at_end;
}

int talk(int fd)
{
    int type;
    socklen_t length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        die("getsockopt SO_TYPE");
    if (type == SOCK_DGRAM)
        talk_by_datagrams(fd);
    else if (!talk_both_ways(fd) && errno != 0)
        die("recv");
    return EXIT_SUCCESS;
}
