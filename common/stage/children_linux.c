/* What Linux alone can do for the children of a process: prctl(2). */
#include "stage/children.h"

#include <stdlib.h>
#include <unistd.h>

#if __has_include(<sys/prctl.h>)
#include <sys/prctl.h>
#endif

void child_ends_with(pid_t parent, int signal_number)
{
#ifdef PR_SET_PDEATHSIG
    prctl(PR_SET_PDEATHSIG, signal_number);
#else
    (void)signal_number;
#endif
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}
