/* 21d_shared_name: shared memory with a name, for any process that knows it
 *
 * Predict  a program makes shared memory with a name, and is killed. Does the name still exist? And
 *          if the name is removed, what is left to a process that has opened it?
 * Run      build/21d_shared_name, then in two terminals: create --name /mine, show --name /mine
 * Watch    a name is for finding the memory; whoever has mapped it keeps it
 * Before   03a_unix_stream, 21c_compound_update
 * After    22a_process_lock
 * Python   multiprocessing.shared_memory.SharedMemory(name, create=True)
 */
#include "processes/actor.h"
#include "processes/array.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LENGTH = 4 };
static const char *name;

/* ---- An array with a name -------------------------------------------------------------------- */

static struct array *map(int fd, size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd); /* the mapping stays */
    return memory;
}

/* O_EXCL: a name that exists is somebody else's. The mode: only this user may open it. */
static struct array *create_array(void)
{
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (fd < 0)
        die("shm_open %s", name);
    signal(SIGXFSZ, SIG_IGN); /* a limit is an error, not the end */
    do /* ftruncate would promise memory that is not there: SIGBUS on access */
        errno = posix_fallocate(fd, 0, (off_t)array_bytes(LENGTH));
    while (errno == EINTR);
    struct array *array = errno == 0 ? map(fd, array_bytes(LENGTH)) : MAP_FAILED;
    if (array == MAP_FAILED) {
        int error = errno;
        shm_unlink(name);
        errno = error;
        die("%s: %zu bytes", name, array_bytes(LENGTH));
    }
    array_init(array, LENGTH);
    for (int i = 0; i < LENGTH; i++)
        array_set(array, i, 11 * (i + 1));
    return array;
}

/* Anybody may have made the name, or its maker may not be ready yet: size and magic number tell. */
static struct array *open_array(void)
{
    int fd = shm_open(name, O_RDWR, 0);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        die("shm_open %s", name);
    size_t bytes = (size_t)status.st_size;
    struct array *array = bytes >= sizeof *array ? map(fd, bytes) : NULL;
    if (array == MAP_FAILED)
        die("mmap %s", name);
    if (!array || !array_is_valid(array, bytes))
        fail("%s: not an array that this program has made", name);
    return array;
}

/* ---- The maker ------------------------------------------------------------------------------- */

/* Whoever makes the name removes it: otherwise it stays until the system restarts. Signals are
 * blocked between the look and the wait: sigsuspend(2). */
static void hold_name(const char *actor)
{
    sigset_t all, before;
    stop_on_signals(); /* first: from now on only SIGKILL leaves the name behind */
    struct array *array = create_array();
    say(actor, "has made %s: %s", name, array_text(array).text);
    turn_end();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    while (!stop_asked)
        sigsuspend(&before);
    shm_unlink(name);
    say(actor, "is asked to end, and has removed the name");
}

static int play_maker(void *argument)
{
    (void)argument;
    turn_await();
    hold_name("maker");
    return EXIT_SUCCESS;
}

/* Kills the maker, which cannot remove the name then. Signals wait until main has removed it. */
static void kill_maker(struct actor *maker)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    actor_kill(maker);
    int fd = shm_open(name, O_RDWR, 0);
    shm_unlink(name);
    sigprocmask(SIG_SETMASK, &before, NULL);
    say("main", "the name is %s; main has removed it", fd < 0 ? "gone" : "still there");
}

static int demo(char **operands)
{
    (void)operands;
    static char own_name[40];
    snprintf(own_name, sizeof own_name, "/21d_shared_name.%ld", (long)getpid());
    name = own_name;
    shm_unlink(name); /* pids are reused: an earlier process with this one may have left the name */
    struct actor maker;
    actor_start(&maker, "maker", play_maker, NULL);
    if (!actor_give_turn(&maker))
        exit(EXIT_FAILURE); /* it has said why */
    struct array *array = open_array();
    say("main", "opens the name, and sets [-1] = 144");
    array_set(array, -1, 144);
    say("main", "kills the maker with SIGKILL");
    kill_maker(&maker);
    say("main", "the memory: %s", array_text(array).text);
    return EXIT_SUCCESS;
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void check_name(void)
{
    if (!name || *name != '/' || strchr(name + 1, '/') || name[1] == '\0')
        args_refuse("--name %s: wants one slash, in front", name ? name : "/N");
}

static int create(char **operands)
{
    (void)operands;
    check_name();
    hold_name("create");
    return EXIT_SUCCESS;
}

static int show(char **operands)
{
    (void)operands;
    check_name();
    say("show", "%s", array_text(open_array()).text);
    return EXIT_SUCCESS;
}

static int set(char **operands)
{
    check_name();
    struct array *array = open_array();
    long last = (long)array->length - 1;
    long index = args_number("INDEX", operands[0], -last - 1, last);
    array_set(array, index, (int)args_number("VALUE", operands[1], INT_MIN, INT_MAX));
    say("set", "%s", array_text(array).text);
    return EXIT_SUCCESS;
}

static int remove_name(char **operands)
{
    (void)operands;
    check_name();
    if (shm_unlink(name) < 0)
        die("shm_unlink %s", name);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"create", "", "make the name, hold it until a signal", create},
        {"show", "", "print all items", show},
        {"set", "INDEX VALUE", "change one; the last: set -- -1 VALUE", set},
        {"remove", "", "remove a name that was left behind", remove_name},
        {0},
    };
    static const struct option_spec options[] = {
        {"name", "/N", "the name", .text = &name},
        {0},
    };
    static const struct program program = {"Shared memory with a name.", commands, options};
    return args_run(argc, argv, &program);
}
