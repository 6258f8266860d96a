/* record: see record.h. */
#define _DEFAULT_SOURCE /* MAP_SHARED of a file, syscall */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

int __real_sem_init(sem_t *semaphore, int is_shared, unsigned value);
int __real_sem_wait(sem_t *semaphore);
int __real_sem_post(sem_t *semaphore);

/* of what a benchmark does, the first is enough; its lines are all kept */
enum { FRAMES = 14, SOME_STARTS = 300, SOME_TURNS = 200, KEPT_FOR_LINES = 1000 };

static struct records *records; /* NULL: nobody wants any */
static _Thread_local int task;

/* ---- Who ------------------------------------------------------------------------------------- */

static struct task *own_task(void)
{
    return records && task < TASKS ? &records->task[task] : NULL;
}

int record_new_task(void)
{
    if (!records)
        return 0;
    int number = (int)atomic_fetch_add(&records->tasks, 1);
    if (number < TASKS)
        records->task[number].state = EXPECTED;
    return number;
}

void record_no_task(int number)
{
    if (records && number < TASKS)
        records->task[number].state = ENDED;
}

void record_become(int number)
{
    task = number;
    struct task *own = own_task();
    if (!own)
        return;
    __real_sem_init(&own->may_speak, 1, 0);
    own->pid = getpid();
#ifdef __linux__
    own->tid = (int)syscall(SYS_gettid);
#endif
    own->state = ALIVE;
}

/* A program that has been started by exec is the task that it was before. */
static void find_own_task(void)
{
    int tasks = (int)records->tasks;
    for (task = 0; task < tasks && task < TASKS; task++)
        if (records->task[task].state == ALIVE && records->task[task].pid == getpid())
            return;
    record_become(record_new_task());
}

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
    find_own_task();
    record(__builtin_frame_address(0), "begin\t%d", (int)getpid());
}

__attribute__((destructor)) static void end(void)
{
    record(__builtin_frame_address(0), "end");
}

bool record_is_on_stage(void)
{
    struct stat file;
    int error = errno;
    bool it_is = records && fstat(STDOUT_FILENO, &file) == 0 && file.st_ino == records->transcript;
    errno = error;
    return it_is;
}

/* ---- When: a line is said when all others are at rest ---------------------------------------- */

void record_wait_for_rest(void)
{
    static _Thread_local bool waiting;
    struct task *own = own_task();
    if (!own || waiting) /* a signal handler has interrupted a wait: one is enough */
        return;
    int error = errno;
    waiting = true;
    own->wants_to_speak = true;
    __real_sem_post(&records->request);
    while (__real_sem_wait(&own->may_speak) < 0 && errno == EINTR)
        continue;
    waiting = false;
    errno = error;
}

void record_wait_for_start(int started)
{
    if (started < SOME_STARTS)
        record_wait_for_rest();
}

void record_wait_for_turn(void)
{
    static _Thread_local int turns;
    if (turns++ < SOME_TURNS)
        record_wait_for_rest();
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
    bool has_room = records && (records->count < RECORDS - KEPT_FOR_LINES || *format == 'l');
    unsigned at = has_room ? atomic_fetch_add(&records->count, 1) : RECORDS;
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

void record_waiter(int one_more_or_less)
{
    if (records)
        atomic_fetch_add(&records->waiters, one_more_or_less);
}

void record_release(void *frame, const char *how, const void *object)
{
    if (records && records->waiters > 0)
        record(frame, "release\t%s\t%p", how, object);
}
