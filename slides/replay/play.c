/* play: plays a demo under the recorder: play TRANSCRIPT PROGRAM [WORDS...]
 *
 * What the demo says goes to the file TRANSCRIPT, what it did to standard output: the records, one
 * a line, in the order in which they were made. Ends with the demo's status.
 */
#define _DEFAULT_SOURCE /* mkstemp */
#include "record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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
        records = mmap(NULL, sizeof *records, PROT_READ, MAP_SHARED, fd, 0);
    if (records == MAP_FAILED)
        die(path);
    close(fd);
    return records;
}

static _Noreturn void become(const char *transcript, char **words)
{
    int out = open(transcript, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0)
        die(transcript);
    dup2(out, STDOUT_FILENO);
    dup2(in, STDIN_FILENO);
    close(out);
    close(in);
    execv(words[0], words);
    die(words[0]);
}

int main(int argc, char **argv)
{
    char path[] = "/tmp/replay.XXXXXX";
    int status;
    if (argc < 3)
        return EXIT_FAILURE;
    struct records *records = open_records(path);
    setenv(RECORD_FILE, path, 1);
    pid_t pid = fork();
    if (pid == 0)
        become(argv[1], argv + 2);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        die("fork");
    unlink(path);
    unsigned count = records->count < RECORDS ? records->count : RECORDS;
    for (unsigned i = 0; i < count; i++)
        if (records->record[i].is_complete)
            puts(records->record[i].text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
