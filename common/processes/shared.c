#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "processes/shared.h"

#include "stage/die.h"

#include <sys/mman.h>

void *shared_new(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

void shared_free(void *memory, size_t bytes)
{
    munmap(memory, bytes);
}
