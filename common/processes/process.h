/* process: multiprocessing.Process, with fork and waitpid below.
 * Introduced by lesson 19a; lesson 11a shows fork longhand.
 *
 * For programs in which one thread starts processes and waits for them. The signals
 * that end a program (signals.h) and exit(3) end those that are left first: with SIGTERM, and after
 * half a second with SIGKILL.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* The caller's object; it must live until the process has been joined. */
struct process {
    const char *name;
    bool daemon; /* process_join_all ends it: set before the start, or not at all */
    pid_t pid;   /* 0: not started */

    /* the rest is the module's own */
    struct process *next;
    bool joined;
    int status; /* as waitpid(2) gives it */
};

/* Starts a child that runs run(argument) and ends with the status that it returns; what stdio had
 * buffered is flushed before. Returns false with errno set: EALREADY, it has been started before;
 * EAGAIN, the system has no more processes. Process.start */
bool process_start(struct process *process, const char *name, int (*run)(void *argument),
                   void *argument);

/* A child that has been started: when its parent ends, also by SIGKILL, the signal comes. Ends at
 * once if the parent has ended before. Linux: prctl(2). */
void process_end_with_parent(int signal_number);

/* Waits until it has ended, ms at most; -1: without limit. Waits for the process itself: a
 * grandchild that still runs makes no difference. Returns false with errno set: ETIMEDOUT, it still runs;
 * ESRCH, it was never started; ECHILD, it is not a child of the process that calls. Process.join */
bool process_join(struct process *process, long ms);

/* Whether it has been started and has not ended. Only its parent is told. Process.is_alive */
bool process_is_alive(struct process *process);

/* Of a process that has been joined: the status that it returned, or minus the signal that killed
 * it. Process.exitcode */
int process_exitcode(const struct process *process);

/* Sends the signal, unless the caller has joined it: its pid may be another's since.
 * Process.terminate with SIGTERM, Process.kill with SIGKILL */
void process_signal(struct process *process, int signal_number);

/* Ends the daemons with SIGTERM and joins all that have not been joined, as Python does when the
 * main process ends. */
void process_join_all(void);

#endif
