/* 20b_copy_on_write: fork copies no page; the first write to a page copies it
 *
 * Predict  a process with 16 MiB in memory forks. How much is copied at once? How much when the
 *          child reads all of it? When it writes one byte? And who gets a copy when the parent
 *          writes, and the child does not?
 * Run      build/20b_copy_on_write, then with --write 0 and --write 16
 * Watch    after the fork the two share all pages; whoever writes to a page gets a copy of that
 *          page only.
 * Before   20a_private_list
 * After    21a_shared_array
 * Python   the same, because os.fork is fork(2); changing a reference count is a write
 * Needs    Linux: /proc/PID/smaps, proc(5)
 */
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS and madvise */
#include "processes/actor.h"
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static long size_mib = 16;
static long write_mib = 1;

/* ---- A region of memory ---------------------------------------------------------------------- */

static unsigned char *region;
static size_t region_bytes, page_bytes;

static void map_region(void)
{
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    region_bytes = (size_t)size_mib << 20;
    /* a page before it and one after it, which nobody may touch, separate it from its neighbours */
    unsigned char *mapped =
        mmap(NULL, region_bytes + 2 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        die("mmap of %ld MiB", size_mib);
    region = mapped + page_bytes;
    if (mprotect(region, region_bytes, PROT_READ | PROT_WRITE) < 0)
        die("mprotect");
    /* small pages, so that all kernels count alike; if it fails, there are only small ones */
    madvise(region, region_bytes, MADV_NOHUGEPAGE);
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

/* ---- Who has the pages ----------------------------------------------------------------------- */

/* How much of the region is in memory, in KiB. */
struct usage {
    long shared;  /* pages that another process has too */
    long private; /* pages that only this process has */
};

/* (Linux: smaps has some lines for each mapping, the first with its addresses. proc(5)) */
static struct usage usage_of_region(pid_t pid)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%ld/smaps", (long)pid);
    FILE *smaps = fopen(path, "re");
    if (!smaps)
        die("%s", path);
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
        fail("%s: no mapping at %p", path, (void *)region);
    return usage;
}

static void show(const char *actor, const char *what)
{
    struct usage usage = usage_of_region(getpid());
    say(actor, "%-28s %7ld KiB shared, %7ld KiB private", what, usage.shared, usage.private);
}

static void show_write(const char *actor, int mark)
{
    char what[32];
    snprintf(what, sizeof what, "after writing %d to %ld MiB", mark, write_mib);
    show(actor, what);
}

/* ---- Copy on write --------------------------------------------------------------------------- */

static int read_and_write(void *unused)
{
    (void)unused;
    actor_await_turn();
    say("child", "reads 1 in %zu KiB of pages", kib_of_pages_with(1));
    show("child", "after reading");
    actor_end_turn();

    actor_await_turn();
    write_to_pages(0, 1, 2);
    long copied = usage_of_region(getpid()).private * 1024 / (long)page_bytes;
    say("child", "writes one byte: %ld page private", copied);
    write_to_pages(0, (size_t)write_mib << 20, 2);
    show_write("child", 2);
    actor_end_turn();

    actor_await_turn();
    say("child", "reads %d in the last page", region[region_bytes - page_bytes]);
    actor_end_turn();

    actor_await_turn();
    return EXIT_SUCCESS;
}

static void give_turn(struct actor *child)
{
    if (!actor_give_turn(child))
        actor_join(child); /* says how it has ended */
}

static void play(void)
{
    struct actor child;
    size_t write_bytes = (size_t)write_mib << 20;
    show("parent", "maps the region");
    write_to_pages(0, region_bytes, 1);
    show("parent", "after writing 1 to each page");
    say("parent", "forks");
    actor_start(&child, "child", read_and_write, NULL);
    show("parent", "after the fork");
    give_turn(&child);
    give_turn(&child);
    say("parent", "reads %d in the first page", region[0]);
    show("parent", "after what the child wrote");
    write_to_pages(region_bytes - write_bytes, write_bytes, 3);
    show_write("parent", 3);
    give_turn(&child);
    struct usage own = usage_of_region(getpid()), childs = usage_of_region(child.process.pid);
    say("parent", "the two hold %ld KiB together; two whole copies are %zu",
        own.shared + own.private + childs.private, 2 * region_bytes / 1024);
    actor_give_turn(&child);
    actor_join(&child);
    show("parent", "the child has ended");
}

static int demo(void)
{
    if (write_mib > size_mib)
        args_refuse("--write %ld: more than --size %ld", write_mib, size_mib);
    map_region();
    play();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"size", "MIB", "memory of the parent", .number = &size_mib, .min = 1, .max = 1024},
        {"write", "MIB", "memory that each writes to", .number = &write_mib, .max = 1024},
        {0},
    };
    return args_demo(argc, argv, "Fork copies no page; the first write to a page copies it.", demo,
                     options);
}
