/* In place of linux.c where there is no Linux: the Makefile chooses. */
#include "stage/linux.h"

bool linux_is_main_thread(void)
{
    return false;
}

bool linux_end_with_parent(int signal_number)
{
    (void)signal_number;
    return false;
}

bool linux_adopt_orphans(void)
{
    return false;
}

bool linux_name_thread(const char *name)
{
    (void)name;
    return false;
}

bool linux_limit_descriptors(pid_t process, long limit)
{
    (void)process;
    (void)limit;
    return false;
}
