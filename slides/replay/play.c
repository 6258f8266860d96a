/* play: plays a demo under the recorder: play TRANSCRIPT PROGRAM [WORDS...]
 *
 * What the demo says goes to the file TRANSCRIPT, what it did to standard output: the records, one
 * a line, in the order in which they were made. Ends with the demo's status.
 * See record.h and conductor.h.
 */
#define _DEFAULT_SOURCE /* mkstemp */
#include "conductor.h"
#include "record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 4 };

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static struct records *open_records(char *path)
{
    int fd = mkstemp(path);
    struct records *records = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof *records) == 0)
        records = mmap(NULL, sizeof *records, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (records == MAP_FAILED)
        die(path);
    close(fd);
    sem_init(&records->request, 1, 0);
    return records;
}

static _Noreturn void become(struct records *records, const char *transcript, char **words)
{
    int out = open(transcript, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int in = open("/dev/null", O_RDONLY);
    struct stat file;
    if (out < 0 || in < 0 || fstat(out, &file) < 0)
        die(transcript);
    records->transcript = file.st_ino;
    dup2(out, STDOUT_FILENO);
    dup2(in, STDIN_FILENO);
    close(out);
    close(in);
    execv(words[0], words);
    die(words[0]);
}

/* Until the program has ended, and whoever it has left behind. */
static int conduct_to_the_end(struct records *records, pid_t pid)
{
    int status = 0;
    bool some_are_left = true, has_ended = false;
    while (!has_ended || some_are_left) {
        struct timespec limit;
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_nsec += LOOK_AGAIN_MS * 1000000;
        limit.tv_sec += limit.tv_nsec / 1000000000;
        limit.tv_nsec %= 1000000000;
        sem_timedwait(&records->request, &limit);
        has_ended = has_ended || waitpid(pid, &status, WNOHANG) == pid;
        some_are_left = conduct(records);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    char path[] = "/tmp/replay.XXXXXX";
    if (argc < 3)
        return EXIT_FAILURE;
    struct records *records = open_records(path);
    setenv(RECORD_FILE, path, 1);
    pid_t pid = fork();
    if (pid == 0)
        become(records, argv[1], argv + 2);
    if (pid < 0)
        die("fork");
    int status = conduct_to_the_end(records, pid);
    unlink(path);
    unsigned count = records->count < RECORDS ? records->count : RECORDS;
    for (unsigned i = 0; i < count; i++)
        if (records->record[i].is_complete)
            puts(records->record[i].text);
    return status;
}
