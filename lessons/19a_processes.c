/* 19a_processes: a child is a copy that runs on its own, and join waits for it
 *
 * Predict  ten children work for 20 ms each, and main joins each inside the loop that starts them.
 *          How long does it take? And when a second loop joins them?
 * Run      build/19a_processes, then with --join-inside
 * Watch    ten children with ten pids and one parent, all alive at the same time; join does not
 *          run them, it only waits.
 * Before   11a_fork_server, 16a_threads
 * After    19b_exit_status; 20a_private_list: what each child has for itself
 * Python   the posts' Process(target=foo, args=(i,)), start, join, os.getpid()
 */
#include "processes/actor.h"
#include "processes/process.h"
#include "stage/args.h"
#include "stage/deadline.h"
#include "stage/die.h"
#include "stage/say.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 10, WORK_MS = 20 };

static bool join_inside;

/* ---- The posts' ten children ----------------------------------------------------------------- */

/* def foo(i): print 'say hi', i
 * The argument points to i in main's loop: among threads a race. But the child has its own copy. */
static int foo(void *argument)
{
    int i = *(int *)argument;
    char name[16];
    snprintf(name, sizeof name, "child-%d", i);
    turn_await();
    say(name, "hi %d: I am %ld, my parent is %ld", i, (long)getpid(), (long)getppid());
    turn_end();
    turn_await(); /* stays alive until main joins it */
    return EXIT_SUCCESS;
}

static void join(struct actor *child)
{
    actor_give_turn(child);
    actor_join(child);
}

static int count_alive(struct actor *children)
{
    int alive = 0;
    for (int i = 0; i < CHILDREN; i++)
        alive += process_is_alive(&children[i].process);
    return alive;
}

static void play_hi(void)
{
    struct actor children[CHILDREN] = {0};
    int most = 0;
    say("main", "I am %ld; I start ten children, and join them %s the loop", (long)getpid(),
        join_inside ? "inside" : "after");
    for (int i = 0; i < CHILDREN; i++) {
        actor_start(&children[i], "child", foo, &i);
        actor_give_turn(&children[i]);
        int alive = count_alive(children);
        most = alive > most ? alive : most;
        if (join_inside)
            join(&children[i]);
    }
    if (!join_inside)
        for (int i = 0; i < CHILDREN; i++)
            join(&children[i]);
    say("main", "%d alive at the same time", most);
}

/* ---- Join inside the loop, join after it ----------------------------------------------------- */

static int work(void *argument)
{
    (void)argument;
    struct deadline end = deadline_in(WORK_MS);
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

static long time_children(bool inside)
{
    struct process children[CHILDREN] = {0};
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < CHILDREN; i++) {
        if (!process_start(&children[i], "child", work, NULL))
            die("fork");
        if (inside)
            process_join(&children[i], -1);
    }
    for (int i = 0; i < CHILDREN; i++)
        process_join(&children[i], -1);
    return ms_since(begin);
}

static int demo(void)
{
    play_hi();
    say("main", "now ten children work for %d ms each", WORK_MS);
    say("main", "joined inside the loop: %ld ms", time_children(true));
    say("main", "joined after the loop: %ld ms", time_children(false));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"join-inside", NULL, "join each child before the next one starts", .flag = &join_inside},
        {0},
    };
    return args_demo(argc, argv, "A child is a copy that runs on its own, and join waits for it.",
                     demo, options);
}
