/* 21a_shared_array: an array in memory that several processes share
 *
 * Predict  temp is {11, 22, 33, 44}. foo(0), a process, sets temp[0] to 100, foo(1) sets temp[1] to
 *          101, and each prints temp afterwards. Which printouts can there be?
 * Run      build/21a_shared_array, then with --private
 * Watch    what one process writes all of them see, because they have the same memory. There are
 *          three orders, and the post names two.
 * Before   20a_private_list, 20b_copy_on_write
 * After    21b_type_codes, 21c_compound_update
 * Python   the posts' Array('i', [11, 22, 33, 44]); temp[-1]
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "processes/actor.h"
#include "processes/process.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LENGTH = 4 };

static bool is_private;
static int *temp; /* the same address in all of them: fork copies the mapping */

/* ---- The array ------------------------------------------------------------------------------- */

/* Memory without a file or a name. Children that are started from now on share it. */
static void make_array(void)
{
    static const int first[LENGTH] = {11, 22, 33, 44};
    int sharing = is_private ? MAP_PRIVATE : MAP_SHARED;
    int access = PROT_READ | PROT_WRITE;
    temp = mmap(NULL, sizeof first, access, sharing | MAP_ANONYMOUS, -1, 0);
    if (temp == MAP_FAILED)
        die("mmap");
    memcpy(temp, first, sizeof first);
}

/* temp[index]: -1 is the last item. C itself would use the int before the first, unnoticed. */
static int *item(int index)
{
    if (index < -LENGTH || index >= LENGTH) {
        errno = ERANGE; /* IndexError */
        return NULL;
    }
    return &temp[index < 0 ? index + LENGTH : index];
}

static void say_array(const char *actor)
{
    say(actor, "temp is {%d, %d, %d, %d}", *item(0), *item(1), *item(2), *item(3));
}

/* ---- The posts' two processes ---------------------------------------------------------------- */

/* def Foo(i): temp[i] = 100 + i; print temp */
static int foo(void *argument)
{
    int i = *(int *)argument;
    char name[16];
    snprintf(name, sizeof name, "foo(%d)", i);
    turn_await();
    say(name, "temp[%d] = %d", i, 100 + i);
    *item(i) = 100 + i;
    turn_end();
    turn_await();
    say_array(name);
    return EXIT_SUCCESS;
}

/* Each digit of the order is a turn of foo(0) or foo(1). */
static void play(const char *order)
{
    struct actor children[2];
    make_array();
    for (int i = 0; i < 2; i++)
        actor_start(&children[i], "foo", foo, &i);
    for (const char *turn = order; *turn; turn++)
        actor_give_turn(&children[*turn - '0']);
    for (int i = 0; i < 2; i++)
        actor_join(&children[i]);
    say_array("main");
    munmap(temp, LENGTH * sizeof *temp);
}

static void play_indices(void)
{
    make_array();
    say("main", "temp[-1] = 144");
    *item(-1) = 144;
    say_array("main");
    say("main", "temp[4]: %s", item(4) ? "is there" : "there is no such item");
    munmap(temp, LENGTH * sizeof *temp);
}

static int demo(void)
{
    say("main", "temp = {11, 22, 33, 44}; foo(0) goes first");
    play("0011");
    say("main", "the same, foo(1) goes first");
    play("1100");
    say("main", "the same, both write before they look");
    play("0101");
    play_indices();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"private", NULL, "map the memory as private: each process has a copy",
         .flag = &is_private},
        {0},
    };
    return args_demo(argc, argv, "An array in memory that several processes share.", demo, options);
}
