/* conductor: lets the tasks of a demo say their lines one by one, each when all others are at rest.
 * So do those that start or signal another, or come through a gate.
 *
 * At rest is a task that sleeps in the kernel: it is blocked in a call. Linux tells so in
 * /proc/PID/task/TID/stat. proc_pid_stat(5) A task that is ready to run and has to wait for a
 * processor is not at rest, so a busy machine makes a run slower and not another.
 */
#define _DEFAULT_SOURCE
#include "conductor.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A task that computes on and on is waited for no longer; the ticks are of 10 ms. */
enum { ENOUGH_TICKS = 10, BETWEEN_LOOKS_US = 200, MOST_LOOKS = 20000 };

struct look {
    int moving;          /* tasks that are not at rest */
    int alive;           /* tasks that have not ended */
    unsigned long ticks; /* the time that all have computed */
    unsigned records;
};

static void look_at(struct task *task, struct look *look)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", task->pid, task->tid);
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    char state = 'X';
    unsigned long user = 0, system = 0;
    const char *after_name = strrchr(text, ')');
    if (after_name)
        sscanf(after_name + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user,
               &system);
    look->ticks += user + system;
    look->alive += state != 'X' && state != 'Z';
    look->moving += state == 'R' || state == 'D';
    if (state == 'X' || state == 'Z')
        task->state = ENDED;
}

static struct look look_at_all(struct records *records)
{
    struct look look = {.records = records->count};
    for (unsigned i = 0; i < records->tasks && i < TASKS; i++) {
        struct task *task = &records->task[i];
        look.moving += task->state == EXPECTED;
        if (task->state == ALIVE)
            look_at(task, &look);
    }
    return look;
}

static void pause_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* What is on its way in the kernel is not seen, so it looks again before it believes it. */
static void wait_for_rest(struct records *records)
{
    struct look first = look_at_all(records), before = first;
    for (int quiet = 0, looks = 0; quiet < 2 && looks < MOST_LOOKS; looks++) {
        pause_us(BETWEEN_LOOKS_US);
        struct look now = look_at_all(records);
        if (now.ticks > first.ticks + ENOUGH_TICKS)
            return;
        bool at_rest = now.moving == 0 && now.records == before.records;
        quiet = at_rest ? quiet + 1 : 0;
        before = now;
    }
}

static struct task *who_wants_to_speak(struct records *records)
{
    for (unsigned i = 0; i < records->tasks && i < TASKS; i++)
        if (records->task[i].wants_to_speak && records->task[i].state == ALIVE)
            return &records->task[i];
    return NULL;
}

bool conduct(struct records *records)
{
    while (who_wants_to_speak(records)) {
        wait_for_rest(records);
        struct task *task = who_wants_to_speak(records); /* the first, if it is more than one */
        if (task) {
            task->wants_to_speak = false;
            sem_post(&task->may_speak);
        }
    }
    return look_at_all(records).alive > 0;
}
