/* flaky: a system on a bad day. Linked with a lesson (ld's --wrap), it interrupts every third call
 * (or with INTERRUPT=4 every fourth: a loop of three calls would always have the same one
 * interrupted) with EINTR, as a signal may, and moves at most seven bytes at a time over a stream.
 * All of it is allowed by POSIX, so a correct program behaves as ever. With REFUSE=N in the
 * environment, the Nth thread or process is refused with EAGAIN; with CALM=1 nothing else goes
 * wrong. Every other wait on a condition ends for no reason. With QUICK=1, a thread is quicker than
 * whoever starts it: it has waited on a condition, or ended, before pthread_create returns. With
 * REPORT=1, it says at its end how many sockets it has not closed, and how often it has locked a
 * mutex and so on; meanwhile a thread pauses before every 997th lock, so that others want what it
 * has. */
#define _GNU_SOURCE /* accept4, MAP_ANONYMOUS */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHORT = 7 };

struct epoll_event; /* the header is Linux's alone */

int __real_accept(int fd, struct sockaddr *address, socklen_t *length);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
ssize_t __real_recv(int fd, void *data, size_t length, int flags);
ssize_t __real_send(int fd, const void *data, size_t length, int flags);
ssize_t __real_recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                        socklen_t *from_length);
ssize_t __real_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length);
ssize_t __real_read(int fd, void *data, size_t length);
int __real_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                  struct timeval *timeout);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
pid_t __real_fork(void);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                                  const struct timespec *deadline);
int __real_pthread_cond_broadcast(pthread_cond_t *condition);
int __real_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __real_epoll_wait(int epoll, struct epoll_event *events, int room, int timeout);

int __wrap_accept(int fd, struct sockaddr *address, socklen_t *length);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                        socklen_t *from_length);
ssize_t __wrap_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length);
ssize_t __wrap_read(int fd, void *data, size_t length);
int __wrap_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                  struct timeval *timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
pid_t __wrap_fork(void);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                                  const struct timespec *deadline);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int room, int timeout);

/* ---- The report ---- */

enum {
    LOCKS_BETWEEN_PAUSES = 997,
    PAUSE_MS = 1,
    SLOW_UNLOCKS = 10,
    SLOW_UNLOCK_MS = 10,
    MOST_FDS = 1024
};

/* Counted by all of its processes together; NULL: nobody counts. Only the calls of the lesson
 * count, which is linked before this file, and not those of common/, which is linked after it. */
static struct counts {
    atomic_long shared_mutexes, locks, unlocks, waits, bare_waits, broadcasts;
    pid_t reporter;
} * counts;

__attribute__((constructor)) static void begin_report(void)
{
    if (!getenv("REPORT"))
        return;
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    counts->reporter = getpid();
}

__attribute__((destructor)) static void report(void)
{
    int open_sockets = 0;
    struct stat what;
    if (!counts || counts->reporter != getpid())
        return;
    for (int fd = 3; fd < MOST_FDS; fd++)
        open_sockets += fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode);
    fprintf(stderr, "sockets open: %d\nshared mutexes: %ld\nwaits without the mutex: %ld\n",
            open_sockets, (long)counts->shared_mutexes, (long)counts->bare_waits);
    fprintf(stderr, "locks: %ld\nunlocks: %ld\nwaits: %ld\nbroadcasts: %ld\n", (long)counts->locks,
            (long)counts->unlocks, (long)counts->waits, (long)counts->broadcasts);
}

#define BY_THE_LESSON                                                                              \
    (counts && (uintptr_t)__builtin_return_address(0) < (uintptr_t)__wrap_epoll_wait)

int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
    int shared = PTHREAD_PROCESS_PRIVATE;
    if (attributes)
        pthread_mutexattr_getpshared(attributes, &shared);
    if (BY_THE_LESSON)
        counts->shared_mutexes += shared == PTHREAD_PROCESS_SHARED;
    return __real_pthread_mutex_init(lock, attributes);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    if (BY_THE_LESSON && ++counts->locks % LOCKS_BETWEEN_PAUSES == 0)
        __real_poll(NULL, 0, PAUSE_MS);
    return __real_pthread_mutex_lock(lock);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
    bool counted = BY_THE_LESSON;
    int error = __real_pthread_mutex_unlock(lock);
    if (counted && ++counts->unlocks <= SLOW_UNLOCKS)
        __real_poll(NULL, 0, SLOW_UNLOCK_MS); /* now others have it, and what was guarded */
    return error;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    if (BY_THE_LESSON)
        counts->broadcasts++;
    return __real_pthread_cond_broadcast(condition);
}

/* ---- A bad day ---- */

static bool is_calm(void)
{
    return getenv("CALM") != NULL;
}

static bool interrupted(void)
{
    static _Thread_local unsigned calls;
    const char *every = getenv("INTERRUPT");
    if (is_calm() || calls++ % (every ? strtoul(every, NULL, 10) : 3) != 0)
        return false;
    errno = EINTR;
    return true;
}

static size_t shortened(int fd, size_t length, size_t most)
{
    int type = 0;
    socklen_t size = sizeof type;
    bool is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    return is_calm() || (is_socket && type != SOCK_STREAM) || length < most ? length : most;
}

int __wrap_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    return interrupted() ? -1 : __real_accept(fd, address, length);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return interrupted() ? -1 : __real_accept4(fd, address, length, flags);
}

ssize_t __wrap_recv(int fd, void *data, size_t length, int flags)
{
    return interrupted() ? -1 : __real_recv(fd, data, shortened(fd, length, SHORT), flags);
}

ssize_t __wrap_send(int fd, const void *data, size_t length, int flags)
{
    /* less than a receive has given, or nobody would miss the rest */
    return interrupted() ? -1 : __real_send(fd, data, shortened(fd, length, SHORT / 2), flags);
}

ssize_t __wrap_recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                        socklen_t *from_length)
{
    return interrupted() ? -1 : __real_recvfrom(fd, data, length, flags, from, from_length);
}

ssize_t __wrap_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length)
{
    return interrupted() ? -1 : __real_sendto(fd, data, length, flags, to, to_length);
}

/* A pipe that holds as much as is asked for gives all of it: pipe(7). Waits until it holds
 * something. */
static bool holds_as_much(int fd, size_t length)
{
    struct pollfd pipe = {.fd = fd, .events = POLLIN};
    struct stat what;
    int held = 0;
    if (fstat(fd, &what) < 0 || !S_ISFIFO(what.st_mode) || (fcntl(fd, F_GETFL) & O_NONBLOCK))
        return false;
    while (held == 0 && (pipe.revents & POLLHUP) == 0)
        if (__real_poll(&pipe, 1, -1) < 0 || ioctl(fd, FIONREAD, &held) < 0)
            return false;
    return held >= (int)length;
}

ssize_t __wrap_read(int fd, void *data, size_t length)
{
    if (interrupted())
        return -1;
    return __real_read(fd, data, holds_as_much(fd, length) ? length : shortened(fd, length, SHORT));
}

int __wrap_select(int count, fd_set *readable, fd_set *writable, fd_set *other,
                  struct timeval *timeout)
{
    return interrupted() ? -1 : __real_select(count, readable, writable, other, timeout);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return interrupted() ? -1 : __real_poll(fds, count, timeout);
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int room, int timeout)
{
    return interrupted() ? -1 : __real_epoll_wait(epoll, events, room, timeout);
}

static bool refused(void)
{
    static atomic_long started;
    const char *refuse = getenv("REFUSE");
    return refuse && ++started == strtol(refuse, NULL, 10);
}

struct quick {
    void *(*start)(void *);
    void *argument;
    sem_t waits_or_ended;
    struct quick *before; /* none is freed: its thread may post it once more */
};

static pthread_key_t quick_thread;

static void has_ended(void *quick)
{
    sem_post(&((struct quick *)quick)->waits_or_ended);
}

static void *start_quick(void *argument)
{
    struct quick *quick = argument;
    pthread_setspecific(quick_thread, quick); /* its destructor runs when the thread ends */
    return quick->start(quick->argument);
}

static int create_quick(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                        void *argument)
{
    static atomic_bool has_key;
    static struct quick *_Atomic last;
    struct quick *quick = malloc(sizeof *quick);
    if (!quick)
        return EAGAIN;
    if (!atomic_exchange(&has_key, true))
        pthread_key_create(&quick_thread, has_ended);
    *quick = (struct quick){.start = start, .argument = argument};
    sem_init(&quick->waits_or_ended, 0, 0);
    quick->before = atomic_exchange(&last, quick);
    int error = __real_pthread_create(thread, attributes, start_quick, quick);
    if (error == 0)
        while (sem_wait(&quick->waits_or_ended) < 0)
            continue;
    return error;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    if (refused())
        return EAGAIN;
    return (getenv("QUICK") ? create_quick : __real_pthread_create)(thread, attributes, start,
                                                                    argument);
}

pid_t __wrap_fork(void)
{
    if (!refused())
        return __real_fork();
    errno = EAGAIN;
    return -1;
}

static bool ends_for_nothing(pthread_mutex_t *lock)
{
    static _Thread_local unsigned own_waits;
    if (counts)
        counts->waits++;
    if (is_calm() || own_waits++ % 2 != 0)
        return false;
    __real_pthread_mutex_unlock(lock);
    sched_yield();
    __real_pthread_mutex_lock(lock);
    return true;
}

static void tell_that_it_waits(void)
{
    if (getenv("QUICK") && pthread_getspecific(quick_thread))
        has_ended(pthread_getspecific(quick_thread));
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    if (BY_THE_LESSON && pthread_mutex_trylock(lock) == 0) {
        counts->bare_waits++;
        __real_pthread_mutex_unlock(lock);
    }
    if (ends_for_nothing(lock))
        return 0;
    tell_that_it_waits();
    return __real_pthread_cond_wait(condition, lock);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                                  const struct timespec *deadline)
{
    return ends_for_nothing(lock) ? 0 : __real_pthread_cond_timedwait(condition, lock, deadline);
}
