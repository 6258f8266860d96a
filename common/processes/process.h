/* process: multiprocessing.Process, built on fork and waitpid.
 * Introduced by lesson 19a; lesson 11a shows fork longhand.
 * processes/ has what lessons 19 to 25 teach once and use again.
 *
 * For programs in which one thread starts processes and waits for them. When exit(3) or a signal
 * (signals.h) ends the program, its remaining children end first: by SIGTERM, and after half a
 * second by SIGKILL.
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

    /* private to the module */
    struct process *next;
    bool joined;
    int status; /* as waitpid(2) gives it */
};

/* Starts a child that calls run(argument) and ends with the status that this returns. Returns false
 * with errno set: EAGAIN, no more processes. Process.start */
bool process_start(struct process *process, const char *name, int (*run)(void *argument),
                   void *argument);

/* For a child: asks for this signal when its parent ends, even by SIGKILL. If the parent has ended
 * already, the child ends at once. Linux: prctl(2). */
void process_end_with_parent(int signal_number);

/* Waits until it has ended, for ms milliseconds at most (-1: without limit). Returns false with
 * errno set: ETIMEDOUT; ECHILD, it is not the caller's child.
 * Process.join */
bool process_join(struct process *process, long ms);

/* Whether it has been started and has not ended. Only its parent can tell. Process.is_alive */
bool process_is_alive(struct process *process);

/* For a process that has been joined: the status that it returned, or minus the signal that killed
 * it. Process.exitcode */
int process_exitcode(const struct process *process);

/* Sends it the signal, unless it has been joined: by then its pid may belong to another process.
 * Process.terminate with SIGTERM, Process.kill with SIGKILL */
void process_signal(struct process *process, int signal_number);

/* Ends the daemons with SIGTERM, and joins all children that have not been joined, as Python does
 * when the main process ends. */
void process_join_all(void);

#endif
