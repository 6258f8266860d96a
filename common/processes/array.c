#include "processes/array.h"

#include "stage/die.h"

#include <errno.h>
#include <stdio.h>

enum { MAGIC = 0x21a77a7 };

size_t array_bytes(size_t length)
{
    return sizeof(struct array) + length * sizeof(int);
}

/* ---- The lock -------------------------------------------------------------------------------- */

static void must(int error, const char *call)
{
    if (error != 0) {
        errno = error;
        die("%s", call);
    }
}

/* Shared: a mutex is for the threads of one process unless it is told otherwise. Recursive: whoever
 * has it may take it once more. Robust: when its owner dies the next one gets it, and is told. */
void array_init(struct array *array, size_t length)
{
    pthread_mutexattr_t kind;
    must(pthread_mutexattr_init(&kind), "pthread_mutexattr_init");
    must(pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED), "pshared");
    must(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE), "type");
    must(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST), "robust");
    must(pthread_mutex_init(&array->lock, &kind), "pthread_mutex_init");
    pthread_mutexattr_destroy(&kind);
    array->length = length;
    atomic_store(&array->magic, MAGIC);
}

bool array_is_valid(const struct array *array, size_t bytes)
{
    return bytes >= sizeof *array && atomic_load(&array->magic) == MAGIC && array->length > 0 &&
           array->length <= bytes && bytes == array_bytes(array->length);
}

bool array_acquire(struct array *array, bool blocking)
{
    int error = blocking ? pthread_mutex_lock(&array->lock) : pthread_mutex_trylock(&array->lock);
    if (error == EBUSY)
        return false;
    if (error == EOWNERDEAD) /* the items are as the dead one left them; lesson 22b repairs them */
        error = pthread_mutex_consistent(&array->lock);
    must(error, "pthread_mutex_lock");
    return true;
}

void array_release(struct array *array)
{
    pthread_mutex_unlock(&array->lock);
}

/* ---- The items ------------------------------------------------------------------------------- */

/* NULL, with errno ERANGE: there is no such item. */
static int *find(struct array *array, long index)
{
    long length = (long)array->length;
    if (index < -length || index >= length) {
        errno = ERANGE;
        return NULL;
    }
    return &array->items[index < 0 ? index + length : index];
}

bool array_get(struct array *array, long index, int *item)
{
    const int *place = find(array, index);
    if (!place)
        return false;
    array_acquire(array, true);
    *item = *place;
    array_release(array);
    return true;
}

bool array_set(struct array *array, long index, int item)
{
    int *place = find(array, index);
    if (!place)
        return false;
    array_acquire(array, true);
    *place = item;
    array_release(array);
    return true;
}

struct array_text array_text(struct array *array)
{
    enum { LONGEST = sizeof ", -2147483648}" };
    struct array_text text;
    size_t used = 0;
    array_acquire(array, true);
    for (size_t i = 0; i < array->length && used < sizeof text.text - LONGEST; i++)
        used += (size_t)snprintf(text.text + used, sizeof text.text - used, "%s%d",
                                 i == 0 ? "{" : ", ", array->items[i]);
    array_release(array);
    snprintf(text.text + used, sizeof text.text - used, "}");
    return text;
}
