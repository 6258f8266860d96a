#include "stage/talk.h"

#include "stage/args.h"
#include "stage/die.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { LOST_AFTER_S = 1 };

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

/* Returns false if the other side takes no more. */
static bool send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

/* A reply that comes after the limit is taken for the next line's; a real protocol would number
 * them. */
static void talk_by_datagrams(int fd)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    struct timeval limit = {.tv_sec = LOST_AFTER_S};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
        die("setsockopt SO_RCVTIMEO");
    while ((length = getline(&line, &size, stdin)) > 0) {
        if (!send_all(fd, line, (size_t)length))
            die("send");
        if (print_what_comes(fd) || errno == 0)
            continue;
        if (errno != EAGAIN)
            die("recv");
        printf("(no reply within %d ms)\n", LOST_AFTER_S * 1000);
        die_unless_printed();
    }
    if (ferror(stdin))
        die("read");
    free(line);
    close(fd);
}

/* ---- A stream: a thread sends, while main receives ------------------------------------------- */

struct typing {
    int fd;
    atomic_bool is_over; /* all has been sent */
};

static void *send_what_is_typed(void *argument)
{
    static char data[4096];
    struct typing *typing = argument;
    ssize_t got;
    while ((got = read(STDIN_FILENO, data, sizeof data)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0 && !send_all(typing->fd, data, (size_t)got))
            return NULL; /* but the other side may have more to say */
    if (got < 0)
        die("read");
    typing->is_over = true;
    shutdown(typing->fd, SHUT_WR);
    return NULL;
}

bool talk_both_ways(int fd)
{
    static struct typing typing; /* the thread may outlive this call */
    pthread_t thread;
    typing.fd = fd;
    if (args_typed && isatty(STDIN_FILENO))
        fprintf(stderr, "%s", args_typed);
    errno = pthread_create(&thread, NULL, send_what_is_typed, &typing);
    if (errno != 0)
        die("pthread_create");
    pthread_detach(thread);
    while (print_what_comes(fd))
        continue;
    return errno == 0 && typing.is_over;
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
