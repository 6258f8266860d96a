/* 16c_daemons: main ends first: which threads does the process wait for?
 *
 * Predict  main reaches its end while a thread is still working. What happens to the thread, in
 *          Python and in C? And to a daemon?
 * Run      build/16c_daemons, then build/16c_daemons --no-join
 * Watch    main waits for worker but not for backup; with --no-join, neither finishes its work.
 * Before   16b_join
 * After    17a_lost_update
 * Python   threading.Thread(daemon=True); post 003: setDaemon
 */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/gate.h"
#include "stage/say.h"
#include "threads/thread.h"

#include <stdbool.h>
#include <stdlib.h>

enum { WORKER_IS_AT_WORK = 1, BACKUP_IS_AT_WORK, WORK_ENDS, NEVER };

static bool no_join;

static void work(int end)
{
    say(thread_name(), "is at work");
    gate_step();
    gate_wait(end);
    say(thread_name(), "has done its work");
}

static void do_work(void *unused)
{
    (void)unused;
    work(WORK_ENDS);
}

static void make_backups(void *unused)
{
    (void)unused;
    work(NEVER);
}

static void start(struct thread *thread)
{
    if (!thread_start(thread))
        die("pthread_create");
}

static const char *alive(struct thread *thread)
{
    return thread_is_alive(thread) ? "alive" : "not alive";
}

/* The threads may outlive main, so their objects are not on its stack. */
static int demo(void)
{
    static struct thread worker, backup;
    gate_make();
    thread_init(&worker, "worker", do_work, NULL);
    thread_init(&backup, "backup", make_backups, NULL);
    backup.daemon = true; /* before start, or it will be joined at the end */

    say("main", "starts worker, and backup, which is a daemon");
    start(&worker);
    gate_wait(WORKER_IS_AT_WORK);
    start(&backup);
    gate_wait(BACKUP_IS_AT_WORK);
    if (no_join) {
        say("main", "reaches its end, and returns: the process ends, with all its threads");
        return EXIT_SUCCESS;
    }
    say("main", "reaches its end, and waits for all but the daemons");
    gate_step();
    thread_join_all();
    say("main", "worker is %s, backup is %s: returns", alive(&worker), alive(&backup));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option_spec options[] = {
        {"no-join", NULL, "return from main without waiting", .flag = &no_join},
        {0},
    };
    return args_demo(argc, argv, "Main ends first: which threads does the process wait for?", demo,
                     options);
}
