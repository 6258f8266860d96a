/* 20b_copy_on_write: fork copies no page; the first write to a page copies it
 *
 * Predict  a process with 16 MiB in memory forks. How much is copied at once? How much when the
 *          child reads all of it? When it writes one byte? And who gets a copy when the parent
 *          writes, and the child does not?
 * Run      build/20b_copy_on_write
 * Watch    after the fork the two share all pages; whoever writes to a page gets a copy of that
 *          page only.
 * Before   20a_private_list
 * After    21a_shared_array
 * Python   the same, because os.fork is fork(2); changing a reference count is a write
 * Needs    Linux: /proc/PID/pagemap, proc(5)
 */
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS and madvise */
#include "processes/actor.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, REGION = 16 * MIB };

static unsigned char *region;
static size_t page_bytes;

static void map_region(void)
{
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    region = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        die("mmap");
    /* small pages, so that all kernels count alike; if it fails, there are only small ones */
    madvise(region, REGION, MADV_NOHUGEPAGE);
}

static void write_to_pages(size_t from, size_t bytes, unsigned char mark)
{
    for (size_t i = from; i < from + bytes; i += page_bytes)
        region[i] = mark;
}

static size_t kib_of_pages_with(unsigned char mark)
{
    size_t bytes = 0;
    for (size_t i = 0; i < REGION; i += page_bytes)
        bytes += region[i] == mark ? page_bytes : 0;
    return bytes / 1024;
}

/* How many pages of the region only this process has, or others too. The kernel has 64 bits for
 * each page: bit 63 says that it is in memory, bit 56 that nobody else has it. */
static long count_pages(bool only_mine)
{
    static uint64_t bits[REGION / 4096]; /* no page is smaller */
    size_t pages = REGION / page_bytes;
    long place = (long)((uintptr_t)region / page_bytes * 8);
    FILE *pagemap = fopen("/proc/self/pagemap", "re");
    if (!pagemap || fseek(pagemap, place, SEEK_SET) < 0)
        die("/proc/self/pagemap");
    if (fread(bits, 8, pages, pagemap) != pages)
        die("/proc/self/pagemap");
    fclose(pagemap);
    long count = 0;
    for (size_t i = 0; i < pages; i++)
        count += (bits[i] >> 63 & 1) && (bits[i] >> 56 & 1) == only_mine;
    return count;
}

static void show(const char *actor, const char *what)
{
    long page_kib = (long)page_bytes / 1024;
    say(actor, "%-28s %7ld KiB shared, %7ld KiB private", what, count_pages(false) * page_kib,
        count_pages(true) * page_kib);
}

static int read_and_write(void *unused)
{
    (void)unused;
    turn_await();
    say("child", "reads 1 in %zu KiB of pages", kib_of_pages_with(1));
    show("child", "after reading");
    write_to_pages(0, 1, 2);
    say("child", "writes one byte: %ld page private", count_pages(true));
    write_to_pages(0, MIB, 2);
    show("child", "after writing 2 to 1 MiB");
    turn_end();

    turn_await();
    say("child", "reads %d in the last page", region[REGION - page_bytes]);
    return EXIT_SUCCESS;
}

static int demo(void)
{
    struct actor child;
    map_region();
    show("parent", "maps the region");
    write_to_pages(0, REGION, 1);
    show("parent", "after writing 1 to each page");
    say("parent", "forks");
    actor_start(&child, "child", read_and_write, NULL);
    show("parent", "after the fork");
    if (!actor_give_turn(&child))
        actor_join(&child); /* says how it has ended */
    say("parent", "reads %d in the first page", region[0]);
    show("parent", "after what the child wrote");
    write_to_pages(REGION - MIB, MIB, 3);
    show("parent", "after writing 3 to 1 MiB");
    actor_give_turn(&child);
    actor_join(&child);
    show("parent", "the child has ended");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    return args_demo(argc, argv, "Fork copies no page; the first write to a page copies it.", demo,
                     NULL);
}
