/* narrators: what narration has to stand. Several processes, each with several threads, say lines
 * at the same time: narrators PROCESSES THREADS LINES [LENGTH [TEXT]]. With LENGTH: so many times
 * TEXT, or "é".
 * narrators still: main waits for ann, who waits for a lock that main holds.
 * narrators beside-fork: one thread says lines while another one starts children that say one each.
 */
#include "stage/args.h"
#include "stage/die.h"
#include "stage/lanes.h"
#include "stage/say.h"
#include "stage/watch.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int process, lines, length;
static const char *words = "é";

static void *narrate(void *argument)
{
    int thread = *(int *)argument;
    char text[1024] = "";
    for (int i = 0; i < length && strlen(text) < 1000; i++)
        strcat(text, words);
    for (int i = 1; i <= lines; i++)
        say("actor", "process %d thread %d line %d%s", process, thread, i, text);
    return NULL;
}

static void run_threads(int count)
{
    pthread_t threads[16];
    int numbers[16];
    for (int i = 0; i < count; i++) {
        numbers[i] = i + 1;
        if (pthread_create(&threads[i], NULL, narrate, &numbers[i]) != 0)
            fail("pthread_create");
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

enum { CHILDREN = 5 };

static atomic_bool has_begun, may_end;

static void *narrate_on(void *unused)
{
    has_begun = true;
    for (int i = 1; !may_end; i++)
        say("thread", "line %d", i);
    return unused;
}

/* With STEP=1 the thread is within say when the children are forked. */
static void fork_beside_a_narrator(void)
{
    pthread_t narrator;
    if (pthread_create(&narrator, NULL, narrate_on, NULL) != 0)
        fail("pthread_create");
    while (!has_begun)
        sched_yield();
    for (int i = 1; i <= CHILDREN; i++)
        if (fork() == 0) {
            say("child", "number %d", i);
            _exit(EXIT_SUCCESS);
        }
    while (wait(NULL) > 0)
        continue;
    may_end = true;
    pthread_join(narrator, NULL);
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_lock(void *unused)
{
    say("ann", "wants the lock");
    pthread_mutex_lock(&held);
    return unused;
}

static void stand_still(void)
{
    pthread_t ann;
    pthread_mutex_lock(&held);
    say("main", "has the lock");
    if (pthread_create(&ann, NULL, wait_for_lock, NULL) != 0)
        fail("pthread_create");
    pthread_join(ann, NULL);
}

int main(int argc, char **argv)
{
    die_name = "narrators";
    watch_begin(true);
    if (argc == 2 && strcmp(argv[1], "still") == 0)
        stand_still();
    if (argc == 2 && strcmp(argv[1], "beside-fork") == 0) {
        fork_beside_a_narrator();
        return EXIT_SUCCESS;
    }
    if (argc < 4)
        fail("narrators PROCESSES THREADS LINES [LENGTH [TEXT]]");
    lanes_begin(true);
    int processes = (int)args_number("PROCESSES", argv[1], 1, 16);
    int threads = (int)args_number("THREADS", argv[2], 1, 16);
    lines = (int)args_number("LINES", argv[3], 1, 100000);
    length = argc > 4 ? (int)args_number("LENGTH", argv[4], 0, 250) : 0;
    words = argc > 5 ? argv[5] : words;
    for (process = 1; process < processes; process++)
        if (fork() == 0)
            break;
    run_threads(threads);
    if (process == processes)
        while (wait(NULL) > 0)
            continue;
    return EXIT_SUCCESS;
}
