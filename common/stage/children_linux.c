/* What Linux alone does for the children of a process: prctl(2). Elsewhere a child whose parent is
 * killed lives on until it has nothing more to do. */
#define _GNU_SOURCE /* gettid */
#include "stage/children.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#if __has_include(<sys/prctl.h>)
#include <sys/prctl.h>
#endif

#ifdef PR_SET_PDEATHSIG

/* Each thread has its own, and the child has a copy of that of the thread that called fork. */
static _Thread_local bool by_main_thread = true;

void child_note_thread(void)
{
    by_main_thread = gettid() == getpid();
}

static void ask_for(int signal_number)
{
    if (by_main_thread)
        prctl(PR_SET_PDEATHSIG, signal_number);
}

#else

void child_note_thread(void)
{
}

static void ask_for(int signal_number)
{
    (void)signal_number;
}

#endif

void child_ends_with(pid_t parent, int signal_number)
{
    ask_for(signal_number);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}
