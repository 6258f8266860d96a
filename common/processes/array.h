/* array: an array of ints in shared memory, with its lock: multiprocessing.Array('i', length).
 * Introduced by lesson 21c; lesson 21b shows the other types.
 *
 * Length, lock and items lie in the shared memory, so whoever has that memory has all of the array.
 * It holds no pointer: each process may have the memory at another address. A lock that cannot be
 * had at all ends the process with a message.
 */
#ifndef ARRAY_H
#define ARRAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct array {
    atomic_uint magic; /* set last: whoever sees it also sees everything before it */
    size_t length;
    pthread_mutex_t lock;
    int items[];
};

/* The bytes of an array of so many items. */
size_t array_bytes(size_t length);

/* Makes an array of zeros of shared memory that is array_bytes(length) long, and zero: that of
 * shared_new (Array('i', length)), or memory that has a name. */
void array_init(struct array *array, size_t length);

/* Whether these bytes are an array: in memory that has a name there may be anything. */
bool array_is_valid(const struct array *array, size_t bytes);

/* Takes the lock, once more if the caller has it already. Returns false if it is not to block and
 * somebody else has it. If its last owner died with it, the caller has it all the same, and the
 * items are as the dead one left them. get_lock().acquire(block) */
bool array_acquire(struct array *array, bool blocking);

/* Gives it back; as often as it was taken. get_lock().release */
void array_release(struct array *array);

/* One access, with the lock held. -1 is the last item. Returns false, with errno ERANGE, if there
 * is no such item. a[index] */
bool array_get(struct array *array, long index, int *item);

/* The same, for writing. a[index] = item */
bool array_set(struct array *array, long index, int item);

/* All items as they are at one moment, or as many as a line has room for. Lives until the end of
 * the full expression. a[:] */
struct array_text {
    char text[80];
};
struct array_text array_text(struct array *array);

#endif
