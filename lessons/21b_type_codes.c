/* 21b_type_codes: an array of any C type, its bounds, and the bounds of its values
 *
 * Predict  an item of type code 'b' is one byte with a sign. A program sets it to 300. What is it
 *          then? And in an array of two items, what are [2] and [-3]?
 * Run      build/21b_type_codes, then value b 300
 * Watch    a type code names a C type, whose size and range depend on the machine. C cuts a value
 *          to fit, and reads outside an array, without any error.
 * Before   21a_shared_array
 * After    21c_compound_update
 * Python   the posts' table of type codes: Array(typecode, size)
 */
#include "processes/actor.h"
#include "processes/shared.h"
#include "stage/args.h"
#include "stage/say.h"

#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* ---- The types ------------------------------------------------------------------------------- */

/* One item of any type. Each member is named after its type code. */
union item {
    char c;
    wchar_t u;
    signed char b;
    unsigned char B;
    short h;
    unsigned short H;
    int i;
    unsigned int I;
    long l;
    unsigned long L;
    long long q;
    unsigned long long Q;
    float f;
    double d;
};

static const struct type {
    char code;
    const char *name;
    size_t size;
    enum { CHARACTER, SIGNED, UNSIGNED, REAL } kind;
    union item lowest, highest;
} types[] = {
    {'c', "char", sizeof(char), CHARACTER, {.c = 0}, {.c = (char)UCHAR_MAX}},
    {'u', "wchar_t", sizeof(wchar_t), CHARACTER, {.u = 0}, {.u = 0x10ffff}}, /* Unicode's last */
    {'b', "signed char", sizeof(signed char), SIGNED, {.b = SCHAR_MIN}, {.b = SCHAR_MAX}},
    {'B', "unsigned char", sizeof(unsigned char), UNSIGNED, {.B = 0}, {.B = UCHAR_MAX}},
    {'h', "short", sizeof(short), SIGNED, {.h = SHRT_MIN}, {.h = SHRT_MAX}},
    {'H', "unsigned short", sizeof(unsigned short), UNSIGNED, {.H = 0}, {.H = USHRT_MAX}},
    {'i', "int", sizeof(int), SIGNED, {.i = INT_MIN}, {.i = INT_MAX}},
    {'I', "unsigned int", sizeof(unsigned int), UNSIGNED, {.I = 0}, {.I = UINT_MAX}},
    {'l', "long", sizeof(long), SIGNED, {.l = LONG_MIN}, {.l = LONG_MAX}},
    {'L', "unsigned long", sizeof(unsigned long), UNSIGNED, {.L = 0}, {.L = ULONG_MAX}},
    {'q', "long long", sizeof(long long), SIGNED, {.q = LLONG_MIN}, {.q = LLONG_MAX}},
    {'Q', "unsigned long long", sizeof(long long), UNSIGNED, {.Q = 0}, {.Q = ULLONG_MAX}},
    {'f', "float", sizeof(float), REAL, {.f = -FLT_MAX}, {.f = FLT_MAX}},
    {'d', "double", sizeof(double), REAL, {.d = -DBL_MAX}, {.d = DBL_MAX}},
};
enum { TYPES = sizeof types / sizeof *types };

/* ---- Values ---------------------------------------------------------------------------------- */

/* The item as a number of 64 bits. The size says how many of them count, and in a signed type the
 * first of those is the sign. */
static unsigned long long bits_of(const struct type *type, union item item)
{
    unsigned long long bits = type->size == sizeof item.B   ? item.B
                              : type->size == sizeof item.H ? item.H
                              : type->size == sizeof item.I ? item.I
                                                            : item.Q;
    unsigned long long sign = 1ULL << (CHAR_BIT * type->size - 1);
    return type->kind == SIGNED ? (bits ^ sign) - sign : bits;
}

/* What C stores in an integer if nobody checks: as many bits as there is room for. */
static union item cut(const struct type *type, long long number)
{
    union item item = {.Q = 0};
    if (type->size == sizeof item.B)
        item.B = (unsigned char)number;
    else if (type->size == sizeof item.H)
        item.H = (unsigned short)number;
    else if (type->size == sizeof item.I)
        item.I = (unsigned int)number;
    else
        item.q = number;
    return item;
}

static bool fits(const struct type *type, long long number)
{
    unsigned long long highest = bits_of(type, type->highest);
    long long lowest = (long long)bits_of(type, type->lowest);
    if (type->kind == SIGNED)
        return number >= lowest && number <= (long long)highest;
    return number >= 0 && (unsigned long long)number <= highest;
}

struct text {
    char text[32];
};
static struct text text_of(const struct type *type, const void *place)
{
    struct text text;
    union item item = {.Q = 0};
    memcpy(&item, place, type->size);
    unsigned long long bits = bits_of(type, item);
    if (type->kind == CHARACTER)
        snprintf(text.text, sizeof text, "0x%02llx", bits);
    else if (type->kind == SIGNED)
        snprintf(text.text, sizeof text, "%lld", (long long)bits);
    else if (type->kind == UNSIGNED)
        snprintf(text.text, sizeof text, "%llu", bits);
    else
        snprintf(text.text, sizeof text, "%g", type->code == 'f' ? (double)item.f : item.d);
    return text;
}

static void say_value(const struct type *type, long number)
{
    union item item = cut(type, number);
    say("main", "%ld in a '%c': %s%s", number, type->code,
        fits(type, number) ? "" : "does not fit; C would store ", text_of(type, &item).text);
}

/* ---- An array of each type ------------------------------------------------------------------- */

enum { LENGTH = 2 };
static unsigned char *arrays[TYPES];

/* NULL: there is no such item. -1 is the last. */
static void *item_at(int t, long index)
{
    if (index < -LENGTH || index >= LENGTH)
        return NULL;
    return arrays[t] + (size_t)(index < 0 ? index + LENGTH : index) * types[t].size;
}

static int set_the_bounds(void *argument)
{
    (void)argument;
    for (int t = 0; t < TYPES; t++) {
        memcpy(item_at(t, 0), &types[t].lowest, types[t].size);
        memcpy(item_at(t, -1), &types[t].highest, types[t].size);
    }
    return EXIT_SUCCESS;
}

static int demo(char **operands)
{
    (void)operands;
    struct actor child;
    say("main", "an array of 2 for each code; a child sets the lowest and the highest");
    for (int t = 0; t < TYPES; t++)
        arrays[t] = shared_new(LENGTH * types[t].size);
    actor_start(&child, "child", set_the_bounds, NULL);
    actor_join(&child);
    for (int t = 0; t < TYPES; t++)
        say("main", "'%c' %-18s %zu: %s, %s", types[t].code, types[t].name, types[t].size,
            text_of(&types[t], item_at(t, 0)).text, text_of(&types[t], item_at(t, -1)).text);
    for (long index = LENGTH; index >= -LENGTH - 1; index--)
        if (!item_at(0, index))
            say("main", "[%ld] of %d: no such item", index, LENGTH);
    say_value(&types[2], 127);
    say_value(&types[2], 300);
    say_value(&types[3], -1);
    return EXIT_SUCCESS;
}

static int value(char **operands)
{
    const char *code = operands[0];
    for (const struct type *type = types; type < types + TYPES; type++)
        if (type->kind != REAL && code[0] == type->code && code[1] == '\0') {
            say_value(type, args_number("NUMBER", operands[1], LONG_MIN, LONG_MAX));
            return EXIT_SUCCESS;
        }
    args_refuse("%s: none of c u b B h H i I l L q Q", code);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"value", "CODE NUMBER", "does it fit? A negative one: value -- b -1", value},
        {0},
    };
    static const struct option_spec options[] = {{0}};
    static const struct program program = {"An array of any C type, and its bounds.", commands,
                                           options};
    return args_run(argc, argv, &program);
}
