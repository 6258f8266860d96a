/* arrays: what an array in shared memory promises (common/processes/array.h), tested from inside.
 *
 *   arrays CLAIM   one line that says what was measured, or one line on stderr and status 1
 */
#include "claims.h"
#include "processes/array.h"
#include "processes/shared.h"

#include <limits.h>
#include <sys/mman.h>

static bool in_child(bool (*can)(struct array *array), struct array *array)
{
    pid_t child = fork();
    if (child == 0)
        _exit(can(array) ? EXIT_SUCCESS : EXIT_FAILURE);
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        die("fork");
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static void expect_items(struct array *array, const char *items)
{
    if (strcmp(array_text(array).text, items) != 0)
        fail("%s in place of %s", array_text(array).text, items);
}

/* 11, 22, 33, 44 */
static struct array *posts_array(void)
{
    struct array *array = shared_new(array_bytes(4));
    array_init(array, 4);
    for (int i = 0; i < 4; i++)
        array_set(array, i, 11 * (i + 1));
    expect_items(array, "{11, 22, 33, 44}");
    return array;
}

/* ---- An array -------------------------------------------------------------------------------- */

static void bounds(void)
{
    static const long outside[] = {4, 5, LONG_MAX, -5, -6, LONG_MIN};
    struct array *array = posts_array();
    int item;
    for (int i = -4; i < 4; i++)
        if (!array_get(array, i, &item) || item != 11 * (1 + (i + 4) % 4))
            fail("[%d] is %d", i, item);
    for (int i = 0; i < 6; i++) {
        errno = 0;
        if (array_get(array, outside[i], &item) || errno != ERANGE)
            fail("get [%ld]", outside[i]);
        errno = 0;
        if (array_set(array, outside[i], 1) || errno != ERANGE)
            fail("set [%ld]", outside[i]);
    }
    expect_items(array, "{11, 22, 33, 44}");
    shared_free(array, array_bytes(4));
    printf("8 indices are good, 6 are refused\n");
}

static bool can_have_the_lock(struct array *array)
{
    return array_acquire(array, false);
}

static void lock_counts(void)
{
    struct array *array = posts_array();
    array_acquire(array, true);
    array_acquire(array, false);
    for (int held = 2; held > 0; held--) {
        if (in_child(can_have_the_lock, array))
            fail("another process has the lock that is held %d times", held);
        array_release(array);
    }
    if (!in_child(can_have_the_lock, array))
        fail("another process does not get the lock that was given back");
    shared_free(array, array_bytes(4));
    printf("taken twice, given back twice\n");
}

static bool can_read_at_once(struct array *array)
{
    int item;
    alarm(1); /* here the passing of time is what is tested */
    signal(SIGALRM, SIG_DFL);
    return array_get(array, 0, &item);
}

static void reads_wait(void)
{
    struct array *array = posts_array();
    array_acquire(array, true);
    if (in_child(can_read_at_once, array))
        fail("an item is read while another process has the lock");
    array_release(array);
    if (!in_child(can_read_at_once, array))
        fail("an item cannot be read, and nobody has the lock");
    shared_free(array, array_bytes(4));
    printf("a read waits for the lock\n");
}

/* can_have_the_lock does not give it back: its process ends as its owner. */
static void owners_die(void)
{
    struct array *array = posts_array();
    for (int i = 0; i < 10; i++)
        if (!in_child(can_have_the_lock, array))
            fail("owner %d does not get the lock of the dead one before", i);
    array_set(array, 0, 1);
    expect_items(array, "{1, 22, 33, 44}");
    shared_free(array, array_bytes(4));
    printf("10 owners died with the lock, and it goes on\n");
}

static bool set_the_last(struct array *array)
{
    return array_set(array, -1, 144);
}

/* Two mappings of one array, at two addresses. */
static void has_two_addresses(void)
{
    FILE *file = tmpfile();
    struct array *maps[2];
    if (!file || ftruncate(fileno(file), (off_t)array_bytes(4)) < 0)
        die("tmpfile");
    for (int i = 0; i < 2; i++)
        maps[i] = mmap(NULL, array_bytes(4), PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    if (maps[0] == MAP_FAILED || maps[1] == MAP_FAILED || maps[0] == maps[1])
        die("mmap");
    if (array_is_valid(maps[1], array_bytes(4)))
        fail("zeros are taken for an array");
    array_init(maps[0], 4);
    if (!array_is_valid(maps[1], array_bytes(4)) || array_is_valid(maps[1], array_bytes(3)) ||
        array_is_valid(maps[1], array_bytes(5)) || array_is_valid(maps[1], 8))
        fail("an array is not known by its size");
    if (!in_child(set_the_last, maps[0]))
        fail("a child cannot write");
    expect_items(maps[1], "{0, 0, 0, 144}");
    array_acquire(maps[0], true);
    if (in_child(can_have_the_lock, maps[1]))
        fail("each mapping has a lock of its own");
    array_release(maps[0]);
    munmap(maps[0], array_bytes(4));
    expect_items(maps[1], "{0, 0, 0, 144}");
    printf("one array at two addresses; what is mapped stays\n");
}

/* A line has room for some of them: the rest is left out. */
static void long_text(void)
{
    enum { LENGTH = 1000 };
    struct array *array = shared_new(array_bytes(LENGTH));
    array_init(array, LENGTH);
    for (int i = 0; i < LENGTH; i++)
        array_set(array, i, INT_MIN);
    size_t length = strlen(array_text(array).text);
    if (length < 40 || length >= sizeof array_text(array).text)
        fail("%zu bytes of text", length);
    printf("%d items are %zu bytes of text\n", LENGTH, length);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"bounds", bounds},
        {"lock-counts", lock_counts},
        {"owners-die", owners_die},
        {"reads-wait", reads_wait},
        {"has-two-addresses", has_two_addresses},
        {"long-text", long_text},
        {0},
    };
    return claims_run(argc, argv, claims);
}
