/* 20_private_memory: each process has its own memory, copied when somebody writes
 *
 * Predict  Ten children append their number to the list. All ten have done so, and the list of each
 *          stands at the same address as the parent's. What does the parent print? And how much
 *          memory is copied when a process that holds 16 MiB forks?
 * Run      build/20_private_memory, then with --addresses
 * Watch    the parent's list stays empty; fork copies no page, the first write to a page copies
 *          that page, and it does not matter which of the two writes.
 * Before   19_processes
 * After    21a_shared_array, where a write is seen by all; 23a_manager_dict
 * Python   the posts' li.append(i) in ten processes: multiprocessing.Process
 */
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS and madvise */
#include "processes/process.h"
#include "sockets/net.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static long processes = 10;
static long size_mib = 16;
static long write_mib = 1;
static long ops = 200;
static bool addresses, timing;

/* ---- The list of the posts ------------------------------------------------------------------- */

struct list {
    int *items;
    size_t count, room;
};

static struct list li;

static void append(struct list *list, int item)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 4 : 2 * list->room;
        int *items = realloc(list->items, room * sizeof *items);
        if (!items)
            die("realloc");
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
}

/* As Python prints it, "[1, 2]", and with --addresses where it stands. */
struct list_text {
    char text[64];
};

static struct list_text list_text(const struct list *list)
{
    struct list_text list_text;
    char *out = list_text.text, *end = out + sizeof list_text.text;
    out += snprintf(out, (size_t)(end - out), "[");
    for (size_t i = 0; i < list->count && end - out > 40; i++)
        out += snprintf(out, (size_t)(end - out), i == 0 ? "%d" : ", %d", list->items[i]);
    out += snprintf(out, (size_t)(end - out), "]");
    if (addresses)
        snprintf(out, (size_t)(end - out), " at %p", (const void *)list);
    return list_text;
}

/* ---- Turns ----------------------------------------------------------------------------------- */

/* Parent and child have no variable in common: what one is to know, the other has to send. They
 * take turns over a pipe for both directions: socketpair(2). */
struct child {
    struct process process;
    char name[16];
    int number;
    int parent_end, child_end;
};

/* Returns false when the other side has closed, or has ended. */
static bool hear(int fd, void *data, size_t length)
{
    char *bytes = data;
    while (length > 0) {
        ssize_t got = read(fd, bytes, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        length -= (size_t)got;
    }
    return true;
}

static void start(struct child *child, const char *name, int number, int (*run)(void *child))
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        die("socketpair");
    *child = (struct child){.number = number, .parent_end = ends[0], .child_end = ends[1]};
    snprintf(child->name, sizeof child->name, number < 0 ? "%s" : "%s-%d", name, number);
    if (!process_start(&child->process, child->name, run, child))
        die("fork");
    close(child->child_end); /* each side keeps one end, and hears of the end of the other */
}

static void join(struct child *child)
{
    if (!process_join(&child->process, -1))
        die("waitid");
    int exitcode = process_exitcode(&child->process);
    if (exitcode < 0)
        fail("%s was killed by signal %d", child->name, -exitcode);
    if (exitcode > 0) /* it has said why */
        exit(EXIT_FAILURE);
}

static void hear_from(struct child *child, void *data, size_t length)
{
    if (hear(child->parent_end, data, length))
        return;
    join(child);
    fail("%s has ended before its turn", child->name);
}

static void give_turn(const struct child *child)
{
    net_send_all(child->parent_end, "", 1); /* if it has ended, hear_from says so */
}

/* ---- Ten children and a list ----------------------------------------------------------------- */

struct report {
    const struct list *list; /* where it stands in the child: never to be followed by the parent */
    size_t count;
};

static int all_told[2]; /* a pipe: its end of file says that every child has told */

static int append_own_number(void *argument)
{
    struct child *self = argument;
    close(self->parent_end);
    close(all_told[1]);
    append(&li, self->number);
    say(self->name, "appends %d: the list is %s", self->number, list_text(&li).text);
    struct report report = {.list = &li, .count = li.count};
    net_send_all(self->child_end, &report, sizeof report);
    char none;
    hear(all_told[0], &none, 1); /* lives on, so that all lists are there at the same time */
    return EXIT_SUCCESS;
}

static void play_list(void)
{
    struct child *children = calloc((size_t)processes, sizeof *children);
    if (!children)
        die("calloc");
    if (pipe(all_told) < 0)
        die("pipe");
    say("parent", "the list is %s; starts %ld children", list_text(&li).text, processes);
    size_t items = 0;
    long same = 0;
    for (int i = 0; i < processes; i++) {
        struct report report;
        start(&children[i], "child", i, append_own_number);
        hear_from(&children[i], &report, sizeof report);
        close(children[i].parent_end);
        items += report.count;
        same += report.list == &li;
    }
    say("parent", "%ld lists of theirs hold %zu items; %ld stand where mine stands", processes,
        items, same);
    say("parent", "ending: the list is %s", list_text(&li).text);
    close(all_told[1]);
    for (int i = 0; i < processes; i++)
        join(&children[i]);
    close(all_told[0]);
    free(children);
}

/* ---- A region of memory, and who has its pages ----------------------------------------------- */

static unsigned char *region;
static size_t region_bytes, page_bytes;

static void map_region(void)
{
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    region_bytes = (size_t)size_mib << 20;
    /* a page before it and one behind, which nobody may touch, keep it apart from its neighbours */
    unsigned char *mapped =
        mmap(NULL, region_bytes + 2 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        die("mmap of %ld MiB", size_mib);
    region = mapped + page_bytes;
    if (mprotect(region, region_bytes, PROT_READ | PROT_WRITE) < 0)
        die("mprotect");
    /* Linux: no huge pages, of which one byte would copy 2 MiB; where it fails, there are none */
    madvise(region, region_bytes, MADV_NOHUGEPAGE);
}

static void unmap_region(void)
{
    munmap(region - page_bytes, region_bytes + 2 * page_bytes);
}

static void write_to_pages(size_t from, size_t bytes, unsigned char mark)
{
    for (size_t i = from; i < from + bytes; i += page_bytes)
        region[i] = mark;
}

static size_t kib_of_pages_with(unsigned char mark)
{
    size_t bytes = 0;
    for (size_t i = 0; i < region_bytes; i += page_bytes)
        bytes += region[i] == mark ? page_bytes : 0;
    return bytes / 1024;
}

/* What of the region is in memory, in KiB. */
struct usage {
    long shared;  /* pages that another process has too */
    long private; /* pages that this process alone has */
};

/* (Linux: /proc/self/smaps has some lines for each mapping, the first with its addresses.
 * proc_pid_smaps(5)) */
static struct usage usage_of_region(void)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    if (!smaps)
        die("/proc/self/smaps");
    struct usage usage = {0};
    bool found = false, here = false;
    for (char line[512]; fgets(line, sizeof line, smaps);) {
        uintptr_t from, to;
        long kib;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2)
            found |= here = from == (uintptr_t)region && to == from + region_bytes;
        else if (here && sscanf(line, "Shared_%*[CleanDirty]: %ld kB", &kib) == 1)
            usage.shared += kib;
        else if (here && sscanf(line, "Private_%*[CleanDirty]: %ld kB", &kib) == 1)
            usage.private += kib;
    }
    fclose(smaps);
    if (!found)
        fail("/proc/self/smaps: no mapping at %p", (void *)region);
    return usage;
}

static struct usage show(const char *actor, const char *what)
{
    struct usage usage = usage_of_region();
    say(actor, "%-28s %7ld KiB shared, %7ld KiB private", what, usage.shared, usage.private);
    return usage;
}

/* ---- Copy on write --------------------------------------------------------------------------- */

static void wait_for_turn(const struct child *self)
{
    char turn;
    if (!hear(self->child_end, &turn, 1))
        _exit(EXIT_FAILURE); /* the parent is no more */
}

static void tell(const struct child *self, struct usage usage)
{
    net_send_all(self->child_end, &usage, sizeof usage);
}

static int read_and_write(void *argument)
{
    struct child *self = argument;
    close(self->parent_end);

    wait_for_turn(self);
    say("child", "reads 1 in %zu KiB of pages", kib_of_pages_with(1));
    tell(self, show("child", "after reading"));

    wait_for_turn(self);
    write_to_pages(0, 1, 2);
    struct usage usage = usage_of_region();
    say("child", "writes one byte: %ld page private", usage.private * 1024 / (long)page_bytes);
    write_to_pages(0, (size_t)write_mib << 20, 2);
    char what[32];
    snprintf(what, sizeof what, "after writing 2 to %ld MiB", write_mib);
    tell(self, show("child", what));

    wait_for_turn(self);
    say("child", "reads %d in the last page", region[region_bytes - page_bytes]);
    tell(self, usage_of_region());
    return EXIT_SUCCESS;
}

/* Gives the child its turn, and waits for what it tells at the end of it. */
static struct usage turn_of(struct child *child)
{
    struct usage usage;
    give_turn(child);
    hear_from(child, &usage, sizeof usage);
    return usage;
}

static void play_pages(void)
{
    map_region();
    show("parent", "has mapped it");
    write_to_pages(0, region_bytes, 1);
    show("parent", "after writing 1 to each page");
    say("parent", "forks");
    struct child child;
    start(&child, "child", -1, read_and_write);
    show("parent", "after the fork");
    turn_of(&child);
    turn_of(&child);
    say("parent", "reads %d in the first page", region[0]);
    show("parent", "after what the child wrote");

    size_t bytes = (size_t)write_mib << 20;
    write_to_pages(region_bytes - bytes, bytes, 3);
    char what[32];
    snprintf(what, sizeof what, "after writing 3 to %ld MiB", write_mib);
    struct usage parents = show("parent", what);
    struct usage childs = turn_of(&child);
    say("parent", "the two hold %ld KiB together; two whole copies are %zu",
        parents.shared + parents.private + childs.private, 2 * region_bytes / 1024);
    join(&child);
    close(child.parent_end);
    show("parent", "the child has ended");
    unmap_region();
}

/* ---- What fork costs a process that has much memory ------------------------------------------ */

static int write_and_end(void *unused)
{
    (void)unused;
    write_to_pages(0, (size_t)write_mib << 20, 2);
    return EXIT_SUCCESS;
}

static void time_children(void)
{
    map_region();
    write_to_pages(0, region_bytes, 1);
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < ops; i++) {
        struct process child = {0};
        if (!process_start(&child, "child", write_and_end, NULL))
            die("fork");
        if (!process_join(&child, -1) || process_exitcode(&child) != 0)
            fail("child %ld has not ended well", i);
    }
    say("parent", "still has 1 in %zu of %zu KiB", kib_of_pages_with(1), region_bytes / 1024);
    say_timing(ops, "children", begin);
    unmap_region();
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int list(char **operands)
{
    (void)operands;
    play_list();
    return EXIT_SUCCESS;
}

static int pages(char **operands)
{
    (void)operands;
    if (write_mib > size_mib)
        args_refuse("--write %ld: more than --size %ld", write_mib, size_mib);
    if (timing)
        time_children();
    else
        play_pages();
    return EXIT_SUCCESS;
}

static int demo(char **operands)
{
    if (!timing && write_mib <= size_mib)
        play_list();
    return pages(operands);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo: both of these", demo},
        {"list", "", "children append to the list, each to its own", list},
        {"pages", "", "one child writes, and pages are copied", pages},
        {0},
    };
    static const struct option_spec options[] = {
        {"processes", "N", "children that append", .number = &processes, .min = 1, .max = 1000},
        {"addresses", NULL, "print where each list stands", .flag = &addresses},
        {"size", "MIB", "memory of the parent", .number = &size_mib, .min = 1, .max = 1024},
        {"write", "MIB", "memory that each writes to", .number = &write_mib, .max = 1024},
        {"timing", NULL, "measure children of a parent of this size", .flag = &timing},
        {"ops", "N", "children to start", .number = &ops, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "Each process has its own memory, copied when somebody writes.", commands, options};
    return args_run(argc, argv, &program);
}
