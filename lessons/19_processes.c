/* 19_processes: a child is a copy that lives on its own, and somebody must wait for it
 *
 * Predict  ten children work for 20 ms each, and main joins each inside the loop that starts them.
 *          How long does it take? And when a second loop joins them?
 * Run      build/19_processes, then with --join-inside, then with --no-flush
 * Watch    ten children alive at the same time; how each end looks to the parent; join waits for
 *          the child itself; an orphan; text that was printed once and arrives twice.
 * Before   11_fork_server, 16_threads
 * After    20_private_memory, 22_process_lock
 * Python   multiprocessing.Process: start, join, terminate, kill, exitcode, daemon
 */
#include "processes/process.h"
#include "stage/args.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/linux.h"
#include "stage/say.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_MS = 10000 };

static long processes = 10;
static long unit_ms = 20;
static long operations = 1000;
static bool join_inside, no_flush, adopt, timing;

/* ---- A gate, so that nothing depends on luck ------------------------------------------------- */

/* Children wait until main opens it. It is a pipe that nobody writes to: read returns when its last
 * writing end is closed, also when main is killed. */
struct gate {
    int wait_end, open_end;
};

static struct gate gate_new(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        die("pipe");
    return (struct gate){.wait_end = ends[0], .open_end = ends[1]};
}

static void gate_wait(struct gate *gate)
{
    close(gate->open_end); /* this child's copy */
    char byte;
    while (read(gate->wait_end, &byte, 1) < 0 && errno == EINTR)
        continue;
}

static void gate_open(struct gate *gate)
{
    close(gate->open_end);
    close(gate->wait_end);
}

/* A pid that arrives through a pipe; 0: the pipe has ended without one. */
static pid_t receive_pid(int from)
{
    pid_t pid;
    ssize_t got;
    do
        got = read(from, &pid, sizeof pid);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof pid ? pid : 0;
}

static int announcements; /* the writing end, for the child that is started next */

static void announce(void)
{
    pid_t self = getpid();
    if (write(announcements, &self, sizeof self) < 0)
        die("write");
    close(announcements);
}

/* Starts a child and returns when it has announced itself. */
static void start(struct process *process, const char *name, int (*run)(void *argument),
                  void *argument)
{
    int ends[2];
    if (pipe(ends) < 0)
        die("pipe");
    announcements = ends[1];
    if (!process_start(process, name, run, argument))
        die("fork"); /* the children that are there are ended with this process */
    close(ends[1]);
    pid_t announced = receive_pid(ends[0]);
    close(ends[0]);
    if (announced == process->pid)
        return;
    process_join(process, -1);
    if (process_exitcode(process) == EXIT_FAILURE)
        exit(EXIT_FAILURE); /* it has said why */
    fail("%s ended too early, with %d", name, process_exitcode(process));
}

/* ---- Ten children ---------------------------------------------------------------------------- */

struct child {
    struct process process;
    char name[24];
};

static struct child *family;
static struct gate gate;

/* The posts' foo(i). i is read through a pointer to the variable of main's loop. Among threads that
 * would be a race; this is a copy, made when the child was started. */
static int foo(void *argument)
{
    int i = *(int *)argument;
    say(family[i].name, "hi %d: I am %ld, my parent is %ld", i, (long)getpid(), (long)getppid());
    announce();
    gate_wait(&gate);
    return i;
}

static int count_alive(void)
{
    int alive = 0;
    for (long i = 0; i < processes; i++)
        alive += process_is_alive(&family[i].process);
    return alive;
}

static int start_inside(void)
{
    int most = 0;
    for (int i = 0; i < processes; i++) {
        gate = gate_new();
        start(&family[i].process, family[i].name, foo, &i);
        int alive = count_alive();
        most = alive > most ? alive : most;
        gate_open(&gate);
        process_join(&family[i].process, -1);
    }
    return most;
}

static int start_all(void)
{
    gate = gate_new();
    for (int i = 0; i < processes; i++)
        start(&family[i].process, family[i].name, foo, &i);
    int alive = count_alive();
    gate_open(&gate);
    for (long i = 0; i < processes; i++)
        process_join(&family[i].process, -1);
    return alive;
}

static void play_ten(void)
{
    say("main", "I am %ld and start %ld children, %s", (long)getpid(), processes,
        join_inside ? "each when the last one has ended" : "then join them");
    int alive = join_inside ? start_inside() : start_all();
    char codes[64] = "";
    size_t used = 0;
    for (long i = 0; i < processes && used < sizeof codes - 8; i++) /* say cuts more */
        used += (size_t)snprintf(codes + used, sizeof codes - used, " %d",
                                 process_exitcode(&family[i].process));
    say("main", "%d alive at the same time; exit codes%s", alive, codes);
}

/* ---- How a child ends ------------------------------------------------------------------------ */

static int returns(void *argument)
{
    announce();
    return *(int *)argument;
}

static int crashes(void *argument)
{
    (void)argument;
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none); /* no core file in the class's directory */
    announce();
    abort();
}

static int waits(void *argument)
{
    announce();
    gate_wait(argument);
    return EXIT_SUCCESS;
}

static int ignores_sigterm(void *argument)
{
    signal(SIGTERM, SIG_IGN);
    return waits(argument);
}

static void say_end(const char *what, struct process *process)
{
    process_join(process, -1);
    int code = process_exitcode(process);
    if (code < 0)
        say("main", "%s: exit code %d (%s)", what, code, strsignal(-code));
    else
        say("main", "%s: exit code %d", what, code);
}

static void play_ends(void)
{
    struct process three = {0}, many = {0}, crash = {0}, polite = {0}, stubborn = {0};
    start(&three, "three", returns, &(int){3});
    say_end("a child that returns 3", &three);
    start(&many, "many", returns, &(int){256});
    say_end("a child that returns 256", &many);
    start(&crash, "crash", crashes, NULL);
    say_end("a child that calls abort", &crash);

    gate = gate_new();
    start(&polite, "polite", waits, &gate);
    process_signal(&polite, SIGTERM);
    say_end("a child that is terminated", &polite);
    start(&stubborn, "stubborn", ignores_sigterm, &gate);
    say("main", "terminates one that ignores SIGTERM, and joins it with a limit");
    process_signal(&stubborn, SIGTERM);
    bool joined = process_join(&stubborn, unit_ms);
    say("main", "%s", !joined && errno == ETIMEDOUT ? "ETIMEDOUT: it still runs" : "it has ended");
    process_signal(&stubborn, SIGKILL);
    say_end("the same child is killed", &stubborn);
    gate_open(&gate);
}

/* ---- Mistakes -------------------------------------------------------------------------------- */

static void say_refusal(const char *actor, const char *what, bool done)
{
    say(actor, "%s: %s", what,
        done                ? "done"
        : errno == EALREADY ? "EALREADY, once is enough"
        : errno == ESRCH    ? "ESRCH, there is none"
        : errno == ECHILD   ? "ECHILD, only its parent can"
                            : strerror(errno));
}

static int joins_its_sister(void *sister)
{
    say_refusal("child", "joins its sister", process_join(sister, -1));
    announce();
    return EXIT_SUCCESS;
}

static void play_mistakes(void)
{
    struct process unborn = {0}, ann = {0}, bea = {0};
    gate = gate_new();
    start(&ann, "ann", waits, &gate);
    say_refusal("main", "starts a child a second time", process_start(&ann, "ann", waits, &gate));
    say_refusal("main", "joins a child that was never started", process_join(&unborn, -1));
    start(&bea, "bea", joins_its_sister, &ann);
    gate_open(&gate);
    process_join_all();
}

/* ---- An orphan ------------------------------------------------------------------------------- */

static int line[2]; /* the child and its child have the writing end, main reads */

static int is_left_alone(void *argument)
{
    pid_t parent = *(pid_t *)argument;
    gate_wait(&gate);
    say("orphan", "my parent was %ld, now it is %ld", (long)parent, (long)getppid());
    announcements = line[1];
    announce();
    return 7;
}

static int leaves_a_child(void *argument)
{
    (void)argument;
    static struct process grandchild;
    pid_t self = getpid();
    say("child", "starts a child of its own, and ends");
    if (!process_start(&grandchild, "grandchild", is_left_alone, &self))
        die("fork");
    announce();
    return EXIT_SUCCESS;
}

/* The kernel hands an orphan to the nearest ancestor that has asked for it, a subreaper, or else to
 * process 1. (Linux: PR_SET_CHILD_SUBREAPER, prctl(2).) */
static void play_orphan(void)
{
    if (adopt && !linux_adopt_orphans())
        fail("--adopt: this system has no subreapers");
    gate = gate_new();
    if (pipe(line) < 0)
        die("pipe");
    struct process child = {0};
    start(&child, "child", leaves_a_child, NULL);
    close(line[1]);
    bool joined = process_join(&child, LONG_MS);
    say("main", "joins it with a limit of %d s: %s", LONG_MS / 1000,
        joined ? "it has ended" : "it still runs");
    struct pollfd end = {.fd = line[0], .events = POLLIN};
    int ended;
    while ((ended = poll(&end, 1, 0)) < 0 && errno == EINTR)
        continue;
    say("main", "a pipe that it wrote to: %s",
        ended ? "has ended" : "not at its end, its child has a copy");
    gate_open(&gate);
    pid_t orphan = receive_pid(line[0]);
    close(line[0]);
    int status;
    if (waitpid(orphan, &status, 0) == orphan)
        say("main", "waits for the orphan: exit code %d", WEXITSTATUS(status));
    else
        say_refusal("main", "waits for the orphan", false);
}

/* ---- Join inside the loop, join outside ------------------------------------------------------ */

static int works(void *argument)
{
    (void)argument;
    struct deadline end = deadline_in(unit_ms);
    while (deadline_left(end) > 0)
        poll(NULL, 0, deadline_left(end));
    return EXIT_SUCCESS;
}

static long ms_since(struct timespec start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
}

static long time_units(bool inside)
{
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < processes; i++) {
        family[i].process = (struct process){0};
        if (!process_start(&family[i].process, family[i].name, works, NULL))
            die("fork");
        if (inside)
            process_join(&family[i].process, -1);
    }
    for (long i = 0; i < processes; i++)
        process_join(&family[i].process, -1);
    return ms_since(begin);
}

static void play_units(void)
{
    say("main", "%ld children work for %ld ms each", processes, unit_ms);
    say("main", "joined inside the loop: %ld ms", time_units(true));
    say("main", "joined outside the loop: %ld ms", time_units(false));
}

/* ---- Output ---------------------------------------------------------------------------------- */

/* fork copies memory, and what stdio has buffered is memory. Prints to a pipe, in two processes,
 * and says what has arrived there. */
static void print_in_both(const char *what, void (*end)(int status))
{
    int ends[2];
    FILE *out = pipe(ends) == 0 ? fdopen(ends[1], "w") : NULL;
    if (!out)
        die("pipe");
    fputs("[main]", out);
    if (!no_flush)
        fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        fputs("[child]", out);
        if (!no_flush)
            fflush(NULL);
        end(EXIT_SUCCESS);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    fclose(out);
    char text[64];
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], text + length, sizeof text - 1 - length)) > 0 ||
           (got < 0 && errno == EINTR))
        length += got > 0 ? (size_t)got : 0;
    text[length] = '\0';
    close(ends[0]);
    say("main", "%s: %s", what, text);
}

static void play_output(void)
{
    if (no_flush) {
        print_in_both("both print, nobody flushes, the child calls exit", exit);
        print_in_both("both print, nobody flushes, the child calls _exit", _exit);
    } else
        print_in_both("both print, each flushes, the child calls _exit", _exit);
}

/* ---- The end --------------------------------------------------------------------------------- */

static int stays(void *argument)
{
    waits(argument);
    say("daemon", "was not ended: somebody has killed main");
    return EXIT_SUCCESS;
}

static int finishes(void *argument)
{
    waits(argument);
    say("worker", "ends after main has reached its end");
    return EXIT_SUCCESS;
}

static void play_end(void)
{
    struct process idle = {.daemon = true}, worker = {0};
    struct gate closed = gate_new();
    start(&idle, "idle", stays, &closed);
    gate = gate_new(); /* now, as the daemon would hold it shut */
    start(&worker, "worker", finishes, &gate);
    say("main", "reaches its end: ends the daemon, waits for the worker");
    gate_open(&gate);
    process_join_all();
    say_end("the worker", &worker);
    say_end("the daemon", &idle);
    gate_open(&closed);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int returns_its_number(void *argument)
{
    return (int)(*(long *)argument % 256);
}

static void time_fork_and_wait(void)
{
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < operations; i++) {
        struct process process = {0};
        if (!process_start(&process, "child", returns_its_number, &i))
            die("fork");
        if (!process_join(&process, -1) || process_exitcode(&process) != i % 256)
            fail("process %ld ended with %d", i, process_exitcode(&process));
    }
    say_timing(operations, "processes", begin);
}

static int demo(char **operands)
{
    (void)operands;
    if (timing) {
        time_fork_and_wait();
        return EXIT_SUCCESS;
    }
    family = calloc((size_t)processes, sizeof *family);
    if (!family)
        die("calloc");
    for (int i = 0; i < processes; i++)
        snprintf(family[i].name, sizeof family[i].name, "child-%d", i);
    play_ten();
    play_ends();
    play_mistakes();
    play_orphan();
    play_units();
    play_output();
    play_end();
    free(family);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {0},
    };
    static const struct option_spec options[] = {
        {"processes", "N", "children to start", .number = &processes, .min = 1, .max = 100000},
        {"unit", "MS", "how long a child works", .number = &unit_ms, .min = 1, .max = 10000},
        {"join-inside", NULL, "join each child before the next one starts", .flag = &join_inside},
        {"no-flush", NULL, "forget what stdio has buffered", .flag = &no_flush},
        {"adopt", NULL, "main becomes the parent of orphans (Linux)", .flag = &adopt},
        {"timing", NULL, "measure fork and wait, with no narration", .flag = &timing},
        {"ops", "N", "processes to time", .number = &operations, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "A child is a copy that lives on its own, and somebody must wait for it.", commands,
        options};
    return args_run(argc, argv, &program);
}
