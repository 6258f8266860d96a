#define _DEFAULT_SOURCE /* MAP_SHARED of a file, S_ISSOCK */
#include "record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FRAMES = 14, SHOWN_BYTES = 32 };

static struct records *records; /* NULL: nobody wants any */
static _Thread_local int task;

/* ---- Who ------------------------------------------------------------------------------------- */

int record_new_task(void)
{
    return records ? (int)atomic_fetch_add(&records->tasks, 1) : 0;
}

void record_become(int number)
{
    task = number;
}

int record_task(void)
{
    return task;
}

/* Also in a program that has been started by exec: its process number tells which task it was. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv(RECORD_FILE);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *records, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        return;
    records = memory;
    task = record_new_task();
    record(__builtin_frame_address(0), "begin\t%d", (int)getpid());
}

__attribute__((destructor)) static void end(void)
{
    record(__builtin_frame_address(0), "end");
}

/* ---- From where ------------------------------------------------------------------------------ */

/* The return addresses in the program itself; the objects are compiled with -fno-omit-frame-pointer
 * and without inlining, so each call has a frame: the caller's, and above it the return address. */
static size_t print_frames(char *text, size_t size, void **frame)
{
    extern char __executable_start[], etext[];
    size_t length = 0;
    for (int i = 0; i < FRAMES && length < size; i++) {
        char *address = frame[1];
        if (address < __executable_start || address >= etext)
            break;
        length += (size_t)snprintf(text + length, size - length, "%lx ",
                                   (unsigned long)(uintptr_t)(address - 1));
        if ((void **)frame[0] <= frame)
            break;
        frame = frame[0];
    }
    return length;
}

void record(void *frame, const char *format, ...)
{
    int error = errno;
    unsigned at = records ? atomic_fetch_add(&records->count, 1) : RECORDS;
    if (at < RECORDS) {
        char *text = records->record[at].text;
        size_t length = (size_t)snprintf(text, RECORD_BYTES, "%d\t", task);
        va_list arguments;
        va_start(arguments, format);
        length += (size_t)vsnprintf(text + length, RECORD_BYTES - length, format, arguments);
        va_end(arguments);
        if (length < RECORD_BYTES - 1) {
            text[length++] = '\t';
            print_frames(text + length, RECORD_BYTES - length, frame);
        }
        records->record[at].is_complete = true;
    }
    errno = error;
}

/* ---- What ------------------------------------------------------------------------------------ */

struct record_address record_address(const void *address, unsigned length)
{
    struct record_address name = {"-"};
    const struct sockaddr *any = address;
    char ip[INET6_ADDRSTRLEN];
    if (!any || length <= sizeof any->sa_family)
        return name;
    if (any->sa_family == AF_INET) {
        const struct sockaddr_in *in = address;
        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        snprintf(name.text, sizeof name.text, "%s:%d", ip, ntohs(in->sin_port));
    } else if (any->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = address;
        inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof ip);
        const char *mapped = strncmp(ip, "::ffff:", 7) == 0 ? ip + 7 : ip;
        snprintf(name.text, sizeof name.text, "%s:%d", mapped, ntohs(in->sin6_port));
    } else if (any->sa_family == AF_UNIX && *((const struct sockaddr_un *)address)->sun_path) {
        snprintf(name.text, sizeof name.text, "%s", ((const struct sockaddr_un *)address)->sun_path);
    }
    return name;
}

static struct record_object socket_object(int fd, unsigned long inode)
{
    struct sockaddr_storage local, peer;
    socklen_t local_length = sizeof local, peer_length = sizeof peer;
    int type = 0;
    socklen_t size = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if (getsockname(fd, (struct sockaddr *)&local, &local_length) < 0)
        local_length = 0;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_length) < 0)
        peer_length = 0;
    struct record_object object;
    snprintf(object.text, sizeof object.text, "%s\t%lu\t%s\t%s",
             type == SOCK_DGRAM ? "datagram" : "stream", inode,
             record_address(&local, local_length).text, record_address(&peer, peer_length).text);
    return object;
}

struct record_object record_object(int fd)
{
    int error = errno;
    struct record_object object = {"other\t-\t-\t-"};
    struct stat what;
    if (fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode))
        object = socket_object(fd, (unsigned long)what.st_ino);
    else if (fstat(fd, &what) == 0 && S_ISFIFO(what.st_mode))
        snprintf(object.text, sizeof object.text, "pipe\t%lu\t-\t-", (unsigned long)what.st_ino);
    errno = error;
    return object;
}

struct record_bytes record_bytes(const void *data, ssize_t length)
{
    struct record_bytes bytes;
    char *out = bytes.text;
    const unsigned char *in = data;
    for (ssize_t i = 0; i < length && i < SHOWN_BYTES; i++)
        if (in[i] > ' ' && in[i] <= '~' && in[i] != '%')
            *out++ = (char)in[i];
        else
            out += snprintf(out, 4, "%%%02X", in[i]);
    *out = '\0';
    return bytes;
}
