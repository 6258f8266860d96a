/* array: an array of ints in shared memory, with its lock: multiprocessing.Array('i', length).
 * Introduced by lesson 21c; lesson 21b shows the other types.
 *
 * Length, lock and items are all in the shared memory. There is no pointer in it, because each
 * process may see the memory at another address.
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

/* How many bytes an array of this many items needs. */
size_t array_bytes(size_t length);

/* Turns zeroed shared memory of array_bytes(length) bytes into an array of zeros. */
void array_init(struct array *array, size_t length);

/* Whether these bytes are an array: memory with a name may hold anything. */
bool array_is_valid(const struct array *array, size_t bytes);

/* Takes the lock, once more if the caller already has it. Returns false if it must not block and
 * somebody else has the lock. The lock of an owner that has died can be taken; the items are as it
 * left them. get_lock().acquire(block), release */
bool array_acquire(struct array *array, bool blocking);
void array_release(struct array *array);

/* One access, under the lock. -1 is the last item. Returns false, with errno ERANGE, if there is no
 * such item. a[index], a[index] = item */
bool array_get(struct array *array, long index, int *item);
bool array_set(struct array *array, long index, int item);

/* All items as they are at one moment, or as many as fit a line. The text lives until the end of
 * the full expression. a[:] */
struct array_text {
    char text[80];
};
struct array_text array_text(struct array *array);

#endif
