/* loads: what the showdown is made of (load, contender), tested from inside.
 *
 *   loads CLAIM        one line that says what was measured, or one line on stderr and status 1
 *   loads serve KIND   a server to be measured, with a fault or a habit of its own, until SIGTERM
 *
 * Both are listed at the end.
 */
#define _GNU_SOURCE /* sched_getaffinity, MAP_POPULATE */
#include "bench/contender.h"
#include "bench/load.h"
#include "bench/rounds.h"
#include "claims.h"
#include "memory.h"
#include "sockets/stop.h"

#include <ctype.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>

enum { LARGE_KIB = 20480, CHILDREN = 4, BURNT_MS = 100 };

/* ---- Servers with a fault or a habit --------------------------------------------------------- */

static void upper(char *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        data[i] = (char)toupper((unsigned char)data[i]);
}

/* Serves one client after the other. A reply is passed through change, which returns how long it
 * has become; 0: hangs up. */
static _Noreturn void serve_with(size_t (*change)(char *data, size_t length))
{
    int listener = net_listen("127.0.0.1", 0);
    for (;;) {
        char data[4096];
        ssize_t got;
        int client = accept(listener, NULL, NULL);
        while ((got = recv(client, data, sizeof data - 1, 0)) > 0) {
            size_t length = change(data, (size_t)got);
            if (length == 0 || !net_send_all(client, data, length))
                break;
        }
        close(client);
    }
}

static size_t leave_as_it_is(char *data, size_t length)
{
    (void)data;
    return length;
}

static size_t reply(char *data, size_t length)
{
    upper(data, length);
    return length;
}

static size_t make_longer(char *data, size_t length)
{
    data[reply(data, length)] = '!';
    return length + 1;
}

static size_t spoil_the_end(char *data, size_t length)
{
    data[reply(data, length) - 1] = '?';
    return length;
}

static size_t hang_up(char *data, size_t length)
{
    (void)data, (void)length;
    return 0;
}

static void serve_lower(void)
{
    serve_with(leave_as_it_is);
}

static void serve_longer(void)
{
    serve_with(make_longer);
}

static void serve_spoilt(void)
{
    serve_with(spoil_the_end);
}

/* Says a mebibyte before it serves the first. */
static size_t talk_and_reply(char *data, size_t length)
{
    static char line[1024];
    memset(line, '.', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    static int left = 1024;
    for (; left > 0; left--)
        if (write(STDOUT_FILENO, line, sizeof line) < 0)
            die("write");
    return reply(data, length);
}

static void serve_and_talk(void)
{
    serve_with(talk_and_reply);
}

static void serve_nobody(void)
{
    serve_with(hang_up);
}

static _Noreturn void wait_for_sigterm(void)
{
    for (;;)
        pause();
}

static void serve_silence(void)
{
    net_listen("127.0.0.1", 0);
    wait_for_sigterm();
}

/* It would do, but takes longer than anybody waits. */
static size_t reply_late(char *data, size_t length)
{
    poll(NULL, 0, 1000);
    return reply(data, length);
}

static void serve_late(void)
{
    serve_with(reply_late);
}

/* A reply of many parts takes longer, too, but there is always more of it. */
static size_t reply_slowly(char *data, size_t length)
{
    poll(NULL, 0, 100);
    return reply(data, length);
}

static void serve_slowly(void)
{
    serve_with(reply_slowly);
}

static void burn(double ms)
{
    double end = clock_ms(CLOCK_PROCESS_CPUTIME_ID) + ms;
    while (clock_ms(CLOCK_PROCESS_CPUTIME_ID) < end)
        continue;
}

static pid_t fork_or_die(void)
{
    pid_t child = fork();
    if (child < 0)
        die("fork");
    return child;
}

static void burn_in_a_child(bool ends)
{
    pid_t child = fork_or_die();
    if (child == 0) {
        burn(BURNT_MS);
        while (!ends)
            pause();
        _exit(0);
    }
    if (ends && waitpid(child, NULL, 0) < 0)
        die("waitpid");
}

static void serve_with_work(void)
{
    burn(BURNT_MS);
    serve_silence();
}

static void serve_with_work_in_a_child(void)
{
    burn_in_a_child(false);
    serve_silence();
}

static void serve_with_work_of_a_child_that_has_ended(void)
{
    burn_in_a_child(true);
    serve_silence();
}

/* The kernel makes the pages: a sanitizer has its own for those that the program touches. */
static void take_memory(void)
{
    if (mmap(NULL, LARGE_KIB * 1024, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED)
        die("mmap");
}

static void serve_with_memory(void)
{
    take_memory();
    serve_silence();
}

/* It listens when all are there. */
static void serve_with_children(void)
{
    for (int i = 0; i < CHILDREN; i++)
        if (fork_or_die() == 0)
            wait_for_sigterm();
    serve_silence();
}

static void serve_with_memory_and_children(void)
{
    take_memory();
    serve_with_children();
}

static const struct kind {
    const char *name;
    void (*serve)(void);
} kinds[] = {
    {"lower", serve_lower},
    {"longer", serve_longer},
    {"spoilt", serve_spoilt},
    {"talk", serve_and_talk},
    {"nobody", serve_nobody},
    {"silence", serve_silence},
    {"late", serve_late},
    {"slowly", serve_slowly},
    {"work", serve_with_work},
    {"work-in-child", serve_with_work_in_a_child},
    {"work-of-ended-child", serve_with_work_of_a_child_that_has_ended},
    {"memory", serve_with_memory},
    {"children", serve_with_children},
    {"memory-children", serve_with_memory_and_children},
    {0},
};

/* ---- A server that counts -------------------------------------------------------------------- */

static atomic_long connections, received;
static long replies_each, stop_after; /* hangs up, or asks the load to stop, after so many bytes */

static bool count_and_reply(struct handler *self)
{
    char data[32768];
    int fd = self->request->fd;
    long here = 0;
    ssize_t got;
    connections++;
    while ((replies_each == 0 || here < replies_each) &&
           (got = receive(fd, data, sizeof data)) > 0) {
        upper(data, (size_t)got);
        here += got;
        received += got;
        if (!net_send_all(fd, data, (size_t)got))
            break;
        if (stop_after > 0 && received >= stop_after)
            stop_asked = SIGTERM;
    }
    return true;
}

static void begin_to_count(struct running *running)
{
    struct handler_class class = base_request_handler();
    class.handle = count_and_reply;
    open_server(&running->server, threading_tcp_server(), class);
    begin(running);
}

static void finish(struct running *running)
{
    end(running);
    server_close(&running->server);
}

static struct load_result run_load(const struct load_plan *plan)
{
    struct load *load = load_open(plan);
    struct load_result result = load_run(load);
    load_free(load);
    return result;
}

static void expect(const char *what, long expected, long got)
{
    if (got != expected)
        fail("%s: %ld expected, and it is %ld", what, expected, got);
}

static void expect_range(const char *what, double low, double high, double got)
{
    if (!(got >= low && got <= high))
        fail("%s: %.1f to %.1f expected, and it is %.1f", what, low, high, got);
}

/* ---- The load -------------------------------------------------------------------------------- */

enum { CLIENTS = 8, REQUESTS = 300, SIZE = 100, MANY = 1000000 };

/* What the load says of itself is what the server has seen: a request of each client, and then as
 * many as were planned. */
static void expect_counts(enum load_mode mode)
{
    struct running running;
    begin_to_count(&running);
    connections = received = 0;
    struct load_plan plan = {.server = running.server.address,
                             .mode = mode,
                             .clients = CLIENTS,
                             .size = SIZE,
                             .requests = REQUESTS};
    int before = count_descriptors();
    struct load_result result = run_load(&plan);
    finish(&running);
    if (count_descriptors() > before)
        fail("%d descriptors before the load and %d after", before, count_descriptors());
    expect("requests", REQUESTS, result.requests);
    expect("served", CLIENTS, result.served);
    expect("failed", 0, result.failed);
    expect("wrong", 0, result.wrong);
    expect("bytes that the server has seen", (CLIENTS + REQUESTS) * SIZE, received);
    expect("connections", mode == LOAD_ECHO ? CLIENTS : CLIENTS + REQUESTS, connections);
    if (result.seconds <= 0)
        fail("%f s", result.seconds);
}

static void counts(void)
{
    expect_counts(LOAD_ECHO);
    expect_counts(LOAD_CONNECT);
    printf("%d clients and %d requests are as many for the server\n", CLIENTS, REQUESTS);
}

static void idle_clients(void)
{
    enum { IDLE = 20 };
    struct running running;
    begin_to_count(&running);
    struct load_plan plan = {.server = running.server.address,
                             .mode = LOAD_ECHO,
                             .clients = CLIENTS,
                             .idle = IDLE,
                             .size = SIZE,
                             .requests = REQUESTS};
    struct load *load = load_open(&plan);
    int connected = count_descriptors();
    expect("bytes before the run", (CLIENTS + IDLE) * SIZE, received);
    struct load_result result = load_run(load);
    expect("served of those that are not idle", CLIENTS, result.served);
    expect("descriptors after the run", connected, count_descriptors());
    load_free(load);
    finish(&running);
    expect("connections", CLIENTS + IDLE, connections);
    expect("bytes of all", (CLIENTS + IDLE + REQUESTS) * SIZE, received);
    printf("%d are connected, have asked once and are silent beside %d who ask\n", IDLE, CLIENTS);
}

static void large(void)
{
    struct running running;
    begin_to_count(&running);
    struct load_plan plan = {.server = running.server.address,
                             .clients = 2,
                             .size = LOAD_LARGEST,
                             .requests = 4};
    for (plan.mode = LOAD_ECHO; plan.mode <= LOAD_CONNECT; plan.mode++) {
        struct load_result result = run_load(&plan);
        expect("requests", 4, result.requests);
        expect("failed", 0, result.failed);
        expect("wrong", 0, result.wrong);
    }
    finish(&running);
    printf("requests of %d bytes have whole replies\n", LOAD_LARGEST);
}

/* A third of a second without a reply is enough to know that no more will come. */
static void silent_server(void)
{
    say_mute(true);
    int listener = net_listen("127.0.0.1", 0);
    struct load_plan plan = {.clients = CLIENTS, .size = SIZE, .requests = REQUESTS};
    address_parse(&plan.server, AF_INET, "127.0.0.1", net_port(listener));
    double from = now_ms();
    struct load_result result = run_load(&plan);
    double took = now_ms() - from;
    close(listener);
    expect("served", 0, result.served);
    expect("requests", 0, result.requests);
    expect("failed", 0, result.failed);
    if (took > limit(2000))
        fail("a run took %.0f ms", took);
    printf("a run without any reply ended after %.0f ms\n", took);
}

static void refused_port(void)
{
    struct running running;
    begin_to_count(&running);
    finish(&running);
    struct load_plan plan = {.server = running.server.address,
                             .clients = CLIENTS,
                             .size = SIZE,
                             .requests = MANY};
    for (plan.mode = LOAD_ECHO; plan.mode <= LOAD_CONNECT; plan.mode++) {
        struct load_result result = run_load(&plan);
        expect("failed", CLIENTS, result.failed);
        expect("served", 0, result.served);
    }
    printf("who is refused has failed, and the run ends\n");
}

static void hung_up(void)
{
    enum { EACH = 5 };
    struct running running;
    begin_to_count(&running);
    replies_each = EACH * SIZE;
    struct load_plan plan = {.server = running.server.address,
                             .clients = CLIENTS,
                             .size = SIZE,
                             .requests = MANY};
    struct load_result result = run_load(&plan);
    finish(&running);
    expect("requests", (EACH - 1) * CLIENTS, result.requests);
    expect("served", 0, result.served);
    expect("failed", CLIENTS, result.failed);
    expect("wrong", 0, result.wrong);
    printf("%ld replies, then all %d have failed\n", result.requests, result.failed);
}

static void stopped(void)
{
    struct running running;
    begin_to_count(&running);
    stop_after = 100 * SIZE;
    struct load_plan plan = {.server = running.server.address,
                             .clients = CLIENTS,
                             .size = SIZE,
                             .requests = MANY};
    struct load_result result = run_load(&plan);
    if (result.requests < 100 - 3 * CLIENTS)
        fail("it ended after %ld requests", result.requests);
    result = run_load(&plan); /* stop_asked from the beginning */
    expect("requests after the signal", 0, result.requests);
    finish(&running);
    printf("a signal ended a run of %d requests\n", MANY);
}

/* ---- Contenders ------------------------------------------------------------------------------ */

static const char *own_command(const char *kind)
{
    static char command[4200], path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        die("readlink");
    snprintf(command, sizeof command, "'%.*s' serve %s", (int)length, path, kind);
    return command;
}

static void start_contender(struct contender *contender, const char *command)
{
    const char *why = contender_start(contender, command);
    if (why)
        fail("%s: %s", command, why);
}

static void expect_no_child(void)
{
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        fail("a child is left");
}

static void wrong_replies(void)
{
    static const char *const faults[] = {"lower", "longer", "spoilt"};
    for (int i = 0; i < 3; i++) {
        struct contender contender;
        start_contender(&contender, own_command(faults[i]));
        struct load_plan plan = {.server = contender.address,
                                 .clients = 1,
                                 .size = SIZE,
                                 .requests = REQUESTS};
        struct load_result result = run_load(&plan);
        contender_stop(&contender);
        if (result.wrong != 1 || result.served > 1)
            fail("%s: %d wrong, %d served", faults[i], result.wrong, result.served);
    }
    printf("lower case, too long and a wrong last byte are noticed\n");
}

static void not_started(void)
{
    static const char *const commands[] = {
        "echo hello",
        "true",
        "echo 'server | listening on 127.0.0.1'",
        "echo 'server | listening on nowhere:80'",
        "echo 'server | listening on 127.0.0.1:80000'",
        "echo '127.0.0.1:80 | listening on '",
        "yes | head -c 5000 | tr -d '\\n'",
    };
    int before = count_descriptors(), count = sizeof commands / sizeof *commands;
    for (int i = 0; i < count; i++) {
        struct contender contender;
        const char *why = contender_start(&contender, commands[i]);
        if (!why)
            fail("%s: is taken for a server", commands[i]);
        if (strncmp(why, "says \"", 6) != 0)
            fail("%s: the message is: %s", commands[i], why);
        expect_no_child();
        expect("descriptors", before, count_descriptors());
    }
    printf("%d commands are no servers, and leave nothing\n", count);
}

/* A command whose first process does not end its children: these go all the same. They have the
 * writing end of a pipe as long as they are there. */
static void ended(void)
{
    int before = count_descriptors();
    struct contender contender;
    start_contender(&contender, own_command("children"));
    expect_range("the port", 1, 65535, address_port(&contender.address));
    if (getpgid(contender.process) != contender.process)
        fail("it has no process group of its own");
    contender_stop(&contender);
    close(told[1]);
    struct pollfd end = {.fd = told[0], .events = POLLIN};
    if (poll(&end, 1, limit(3000)) != 1)
        fail("processes of the contender are left");
    expect_no_child();
    expect("descriptors", before - 1, count_descriptors());
    printf("a contender and its %d children have ended\n", CHILDREN);
}

static double cpu_of(const char *kind, double enough)
{
    struct contender contender;
    start_contender(&contender, own_command(kind));
    double used, from = now_ms();
    do
        used = contender_cpu(&contender);
    while (used < enough && now_ms() - from < limit(4000));
    contender_stop(&contender);
    return used;
}

/* Of a child that has ended the kernel counts the ticks of its clock, 10 ms each. */
static void cpu_time(void)
{
    double least = BURNT_MS / 1000.0, most = limit(1000) / 1000.0;
    expect_range("a process", least, most, cpu_of("work", least));
    expect_range("its child", least, most, cpu_of("work-in-child", least));
    least -= 0.02;
    expect_range("a child that has ended", least, most, cpu_of("work-of-ended-child", least));
    expect_range("a process without work", 0.0001, 0.095 * limit(1), cpu_of("silence", 0));
    printf("%d ms of CPU time are seen, in a process, its child, and one that ended\n", BURNT_MS);
}

static double memory_of(const char *kind)
{
    struct contender contender;
    start_contender(&contender, own_command(kind));
    double kib = memory_of_group(contender.process);
    contender_stop(&contender);
    return kib;
}

/* What five processes share is counted once. */
static void memory(void)
{
    double plain = memory_of("silence"), large = memory_of("memory");
    expect_range("a small process", 50, 1e6, plain);
    expect_range("a larger one", LARGE_KIB * 0.98, LARGE_KIB * 1.5, large - plain);
    plain = memory_of("children"), large = memory_of("memory-children");
    expect_range("five that share", LARGE_KIB * 0.98, LARGE_KIB * 1.5, large - plain);
    printf("%d KiB more are seen, once\n", LARGE_KIB);
}

static cpu_set_t cpus_of(pid_t process)
{
    cpu_set_t set;
    if (sched_getaffinity(process, sizeof set, &set) < 0)
        die("sched_getaffinity");
    return set;
}

static void one_cpu(void)
{
    struct contender contender;
    const cpu_set_t all = cpus_of(0);
    start_contender(&contender, own_command("silence"));
    cpu_set_t its = cpus_of(contender.process);
    contender_stop(&contender);
    if (!CPU_EQUAL(&its, &all))
        fail("a contender that is free has not all CPUs");
    contender_share_a_cpu();
    start_contender(&contender, own_command("silence"));
    cpu_set_t own = cpus_of(0);
    its = cpus_of(contender.process);
    contender_stop(&contender);
    if (CPU_COUNT(&own) != 1 || !CPU_EQUAL(&own, &its))
        fail("this process and its contender do not share a CPU");
    printf("%d CPUs: a contender has all, or one with this process\n", CPU_COUNT(&all));
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static void rounds(void)
{
    double three[] = {1000, 1, 4}, four[] = {8, 2, 6, 4}, none[] = {0, 0};
    expect_range("the middle one of 1000, 1 and 4", 4, 4, rounds_median(three, 3));
    expect_range("half of what lies between 8 and 2, of 5", 60, 60, rounds_spread(four, 4));
    expect_range("the mean of 4 and 6", 5, 5, rounds_median(four, 4));
    expect_range("the spread of nothing", 0, 0, rounds_spread(none, 2));
    printf("a median stays where it is when one round is slow\n");
}

/* ---- The program ----------------------------------------------------------------------------- */

static void serve_kind(const char *name)
{
    for (const struct kind *kind = kinds; kind->name; kind++)
        if (strcmp(kind->name, name) == 0)
            kind->serve();
    fail("serve what? The kinds are listed in the source");
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"counts", counts},
        {"idle-clients", idle_clients},
        {"large", large},
        {"silent-server", silent_server},
        {"refused-port", refused_port},
        {"hung-up", hung_up},
        {"stopped", stopped},
        {"wrong-replies", wrong_replies},
        {"not-started", not_started},
        {"ended", ended},
        {"cpu-time", cpu_time},
        {"memory", memory},
        {"one-cpu", one_cpu},
        {"rounds", rounds},
        {0},
    };
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve_kind(argv[2]);
    return claims_run(argc, argv, claims);
}
