/* arrays: what an array in shared memory promises (common/processes/array.h), tested from inside.
 *
 *   arrays CLAIM   one line that says what was measured, or one line on stderr and status 1
 */
#include "claims.h"
#include "processes/array.h"

#include <limits.h>

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
        fail("'%c': %s in place of %s", array->typecode, array_text(array).text, items);
}

/* 11, 22, 33, 44 */
static struct array *posts_array(void)
{
    struct array *array = array_new(item_type('i'), 4);
    for (int i = 0; i < 4; i++)
        array_set(array, i, (union item){.i = 11 * (i + 1)});
    expect_items(array, "{11, 22, 33, 44}");
    return array;
}

/* ---- Items ----------------------------------------------------------------------------------- */

#define INT_RANGE          "-2147483648", "2147483647", "-2147483649", "2147483648"
#define UNSIGNED_INT_RANGE "0", "4294967295", "-1", "4294967296"
#define LONG_LONG_RANGE                                                                            \
    "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"
#define UNSIGNED_LONG_LONG_RANGE "0", "18446744073709551615", "-1", "18446744073709551616"

static const struct range {
    char code;
    const char *lowest, *highest, *too_low, *too_high;
} ranges[] = {
    {'c', "a", "0xff", "0x100", "0xffffffffffffffff"},
    {'u', "a", "0x10ffff", "0x110000", "0xffffffffffffffff"},
    {'b', "-128", "127", "-129", "128"},
    {'B', "0", "255", "-1", "256"},
    {'h', "-32768", "32767", "-32769", "32768"},
    {'H', "0", "65535", "-1", "65536"},
    {'i', INT_RANGE},
    {'I', UNSIGNED_INT_RANGE},
#if LONG_MAX == INT_MAX
    {'l', INT_RANGE},
    {'L', UNSIGNED_INT_RANGE},
#else
    {'l', LONG_LONG_RANGE},
    {'L', UNSIGNED_LONG_LONG_RANGE},
#endif
    {'q', LONG_LONG_RANGE},
    {'Q', UNSIGNED_LONG_LONG_RANGE},
    {'f', "-3e+38", "3e+38", "-4e38", "4e38"},
    {'d', "-1.5", "1e+308", "-1e309", "1e309"},
};
_Static_assert(sizeof ranges / sizeof *ranges == ITEM_TYPES, "a range for each type");

static void expect_stored(struct array *array, const char *text)
{
    const struct item_type *type = array_type(array);
    union item item;
    if (!item_parse(type, text, &item))
        die("'%c': %s", type->code, text);
    array_set(array, 1, item);
    char items[128];
    const char *zero = type->kind == ITEM_CHARACTER ? "0x00" : "0";
    snprintf(items, sizeof items, "{%s, %s, %s}", zero, text, zero);
    expect_items(array, items);
}

static void expect_refused(const struct item_type *type, const char *text, int error)
{
    union item item;
    errno = 0;
    if (item_parse(type, text, &item) || errno != error)
        fail("'%c': \"%s\" is answered with error %d", type->code, text, errno);
}

/* The lowest and the highest value fit, and no other item is touched; the next one is refused. */
static void types_have_their_ranges(void)
{
    for (const struct range *range = ranges; range < ranges + ITEM_TYPES; range++) {
        const struct item_type *type = item_type(range->code);
        if (type != &item_types[range - ranges])
            fail("'%c' is not where it belongs", range->code);
        struct array *array = array_new(type, 3);
        expect_stored(array, range->lowest);
        expect_stored(array, range->highest);
        expect_refused(type, range->too_low, ERANGE);
        expect_refused(type, range->too_high, ERANGE);
        array_free(array);
    }
    if (item_type('x') || item_type('\0'))
        fail("there is a type that nobody knows");
    printf("%d types, each with its range\n", ITEM_TYPES);
}

static void other_texts_are_refused(void)
{
    static const struct {
        char code;
        const char *texts[10];
    } wrong[] = {
        {'i', {"", "-", "x", "1.5", " 1", "+1", "1x", "--1", "0x10"}},
        {'Q', {"", "-", "x", "1.5", " 1", "+1", "1x", "--1", "0x10"}},
        {'d', {"", "x", " 1", "1x"}},
        {'f', {"", "x", " 1", "1x"}},
        {'c', {"", "ab", "0xg", "0x", "0x1 "}},
        {'u', {"", "ab", "0xg", "0x", "0x1 "}},
    };
    int count = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (const char *const *text = wrong[i].texts; *text; text++, count++)
            expect_refused(item_type(wrong[i].code), *text, EINVAL);
    printf("%d texts that are no values\n", count);
}

/* ---- An array -------------------------------------------------------------------------------- */

static void bounds(void)
{
    static const long outside[] = {4, 5, LONG_MAX, -5, -6, LONG_MIN};
    struct array *array = posts_array();
    union item item;
    for (int i = -4; i < 4; i++)
        if (!array_get(array, i, &item) || item.i != 11 * (1 + (i + 4) % 4))
            fail("[%d] is %d", i, item.i);
    for (int i = 0; i < 6; i++) {
        errno = 0;
        if (array_get(array, outside[i], &item) || errno != ERANGE)
            fail("get [%ld]", outside[i]);
        errno = 0;
        if (array_set(array, outside[i], (union item){.i = 1}) || errno != ERANGE)
            fail("set [%ld]", outside[i]);
    }
    expect_items(array, "{11, 22, 33, 44}");
    array_free(array);
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
    array_free(array);
    printf("taken twice, given back twice\n");
}

/* can_have_the_lock does not give it back: its process ends as its owner. */
static void owners_die(void)
{
    struct array *array = posts_array();
    for (int i = 0; i < 10; i++)
        if (!in_child(can_have_the_lock, array))
            fail("owner %d does not get the lock of the dead one before", i);
    array_set(array, 0, (union item){.i = 1});
    expect_items(array, "{1, 22, 33, 44}");
    array_free(array);
    printf("10 owners died with the lock, and it goes on\n");
}

static bool set_the_last(struct array *array)
{
    return array_set(array, -1, (union item){.i = 144});
}

/* Two mappings of one array, at two addresses. */
static void has_a_name(void)
{
    char name[40];
    snprintf(name, sizeof name, "/arrays.%ld", (long)getpid());
    int before = count_descriptors();
    struct array *source = posts_array(), *made = array_create(name, source);
    struct array *opened = array_open(name);
    bool removed = array_unlink(name);
    if (!removed || array_unlink(name) || errno != ENOENT)
        fail("%s: not removed once", name);
    if (made == opened || opened->length != 4 || array_type(opened) != item_type('i'))
        fail("what was opened is not what was made");
    if (!in_child(set_the_last, made))
        fail("a child cannot write");
    expect_items(opened, "{11, 22, 33, 144}");
    expect_items(source, "{11, 22, 33, 44}");
    array_acquire(made, true);
    if (in_child(can_have_the_lock, opened))
        fail("each mapping has a lock of its own");
    array_release(made);
    array_free(made);
    expect_items(opened, "{11, 22, 33, 144}");
    array_free(opened);
    array_free(source);
    if (count_descriptors() != before)
        fail("%d descriptors before, %d after", before, count_descriptors());
    printf("made, opened and removed; what is mapped stays\n");
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"types-have-their-ranges", types_have_their_ranges},
        {"other-texts-are-refused", other_texts_are_refused},
        {"bounds", bounds},
        {"lock-counts", lock_counts},
        {"owners-die", owners_die},
        {"has-a-name", has_a_name},
        {0},
    };
    return claims_run(argc, argv, claims);
}
