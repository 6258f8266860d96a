#define _GNU_SOURCE /* gettid */
#include "stage/linux.h"

#include <sys/prctl.h>
#include <sys/resource.h>
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

bool linux_limit_descriptors(pid_t process, long limit)
{
    struct rlimit now;
    if (prlimit(process, RLIMIT_NOFILE, NULL, &now) < 0)
        return false;
    now.rlim_cur = (rlim_t)limit;
    return prlimit(process, RLIMIT_NOFILE, &now, NULL) == 0;
}
