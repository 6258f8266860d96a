#define _GNU_SOURCE /* gettid */
#include "stage/linux.h"

#include <sys/prctl.h>
#include <unistd.h>

bool linux_is_main_thread(void)
{
    return gettid() == getpid();
}

bool linux_end_with_parent(int signal_number)
{
    return prctl(PR_SET_PDEATHSIG, signal_number) == 0;
}

bool linux_adopt_orphans(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1L) == 0;
}

bool linux_name_thread(const char *name)
{
    return prctl(PR_SET_NAME, name) == 0;
}
