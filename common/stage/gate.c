#define _DEFAULT_SOURCE /* MAP_ANONYMOUS: Linux and others, POSIX since 2024 */
#include "stage/gate.h"

#include "stage/die.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/* In shared memory, for processes. Semaphore n is posted when step n is taken, and stays so: nobody
 * holds anything that could be lost with a process. sem_overview(7) */
static struct gate {
    atomic_int count;
    sem_t taken[GATE_STEPS + 1];
} * gate;

void gate_make(void)
{
    if (gate)
        munmap(gate, sizeof *gate);
    gate = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (gate == MAP_FAILED)
        die("mmap");
    for (int i = 0; i <= GATE_STEPS; i++)
        if (sem_init(&gate->taken[i], 1, 0) < 0)
            die("sem_init");
}

void gate_step(void)
{
    int step = atomic_fetch_add(&gate->count, 1) + 1;
    if (step <= GATE_STEPS)
        sem_post(&gate->taken[step]);
}

/* Whoever gets through lets the next one through. */
void gate_wait(int count)
{
    if (count == 0)
        return;
    if (count > GATE_STEPS)
        fail("the gate has %d steps", GATE_STEPS);
    while (sem_wait(&gate->taken[count]) < 0 && errno == EINTR)
        continue;
    sem_post(&gate->taken[count]);
}
