/* 19c_copies: fork copies more than you think
 *
 * Predict  main prints "[main]" into a buffer and forks; the child prints "[child]" and calls exit.
 *          What arrives when both have ended?
 * Run      build/19c_copies, then with --adopt
 * Watch    a text that was printed once arrives twice; a socket without end of file, although its
 *          writer has ended; a lock that is held by a thread that was not copied.
 * Before   17a_lost_update, 19b_exit_status
 * After    19d_exec
 * Python   os.fork, os._exit, sys.stdout.flush; the warning of os.fork in a program with threads
 */
#include "processes/process.h"
#include "stage/args.h"
#include "stage/children.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bool adopt;

/* Reads until the end of the file, or until there are room bytes. Returns how many it has read. */
static size_t read_fully(int fd, void *data, size_t room)
{
    size_t length = 0;
    ssize_t got;
    while (length < room && ((got = read(fd, (char *)data + length, room - length)) > 0 ||
                             (got < 0 && errno == EINTR)))
        length += got > 0 ? (size_t)got : 0;
    return length;
}

static void wait_for(pid_t child)
{
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* ---- A buffer is copied ---------------------------------------------------------------------- */

/* stdio's buffer is memory, so fork copies it. Prints to a pipe in both, and says what arrives. */
static void print_in_both(const char *what, bool flush, void (*end)(int status))
{
    int ends[2];
    FILE *out = pipe(ends) == 0 ? fdopen(ends[1], "w") : NULL;
    if (!out)
        die("pipe");
    fputs("[main]", out);
    if (flush)
        fflush(out);
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        fputs("[child]", out);
        if (flush)
            fflush(out);
        end(EXIT_SUCCESS);
    }
    wait_for(child);
    fclose(out);
    char text[64] = "";
    read_fully(ends[0], text, sizeof text - 1);
    close(ends[0]);
    say("main", "%s: %s", what, text);
}

/* ---- A descriptor is copied, and an orphan is left ------------------------------------------- */

static int line[2]; /* a pair of sockets: main's end, and that of the child and its child */

static int is_left_alone(void *argument)
{
    pid_t parent = *(pid_t *)argument, self = getpid();
    char turn;
    if (read_fully(line[1], &turn, 1) != 1)
        return EXIT_FAILURE; /* main has gone */
    say("orphan", "my parent was %ld, now it is %ld", (long)parent, (long)getppid());
    if (write(line[1], &self, sizeof self) < 0)
        die("write");
    return 7;
}

static int leaves_a_child(void *argument)
{
    (void)argument;
    static struct process grandchild;
    pid_t self = getpid();
    close(line[0]);
    say("child", "starts a child of its own, and ends");
    if (!process_start(&grandchild, "grandchild", is_left_alone, &self))
        die("fork");
    return EXIT_SUCCESS;
}

/* The kernel hands an orphan to the nearest ancestor that has asked for it, a subreaper, or else to
 * process 1. (Linux: PR_SET_CHILD_SUBREAPER, prctl(2).) */
static void play_orphan(void)
{
    struct process child = {0};
    pid_t orphan = 0;
    int status;
    if (adopt && !child_adopt_orphans())
        fail("--adopt: this system has no subreapers");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, line) < 0)
        die("socketpair");
    if (!process_start(&child, "child", leaves_a_child, NULL))
        die("fork");
    close(line[1]);
    process_join(&child, -1);
    if (process_exitcode(&child) != EXIT_SUCCESS)
        exit(EXIT_FAILURE); /* it has said why */
    struct pollfd end = {.fd = line[0], .events = POLLIN};
    bool has_ended = poll(&end, 1, 0) > 0;
    say("main", "has joined it; its end of our socket is %s", has_ended ? "closed" : "still open");
    send(line[0], "", 1, MSG_NOSIGNAL);
    if (read_fully(line[0], &orphan, sizeof orphan) != sizeof orphan)
        fail("the orphan has said nothing");
    close(line[0]);
    if (waitpid(orphan, &status, 0) == orphan)
        say("main", "waits for the orphan: exit code %d", WEXITSTATUS(status));
    else
        say("main", "waits for the orphan: it is not my child");
}

/* ---- A lock is copied, and its owner is not -------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both; /* main and the thread */

static void *hold_the_lock(void *unused)
{
    pthread_mutex_lock(&lock);
    say("thread", "has the lock; main forks");
    pthread_barrier_wait(&both);
    pthread_barrier_wait(&both); /* main has forked, and its child has ended */
    pthread_mutex_unlock(&lock);
    return unused;
}

static void say_lock(const char *actor, const char *what)
{
    bool is_free = pthread_mutex_trylock(&lock) == 0;
    say(actor, "%s %s", what, is_free ? "free" : "held");
}

static void play_thread(void)
{
    pthread_t thread;
    pthread_barrier_init(&both, NULL, 2);
    if ((errno = pthread_create(&thread, NULL, hold_the_lock, NULL)) != 0)
        die("pthread_create");
    pthread_barrier_wait(&both);
    pid_t child = child_fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        say_lock("child", "has only one thread; its copy of the lock is");
        child_exit(EXIT_SUCCESS);
    }
    wait_for(child);
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    say_lock("main", "the thread has released the lock: it is");
}

static int demo(void)
{
    print_in_both("nobody flushes, the child calls exit", false, exit);
    print_in_both("nobody flushes, the child calls _exit", false, _exit);
    print_in_both("each flushes, the child calls _exit", true, _exit);
    play_orphan();
    play_thread();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"adopt", NULL, "main becomes the parent of orphans (Linux)", .flag = &adopt},
        {0},
    };
    return args_demo(argc, argv, "Fork copies more than you think.", demo, options);
}
