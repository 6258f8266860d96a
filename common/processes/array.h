/* array: an array of items of one C type in shared memory, and its lock: multiprocessing.Array.
 * Introduced by lesson 21.
 *
 * Type, length, lock and items lie in the shared memory (shared.h), so whoever has that memory has
 * all of the array. A child of its maker has it; an unrelated process opens it by a name.
 *
 *     struct array *temp = array_new(item_type('i'), 4);
 *     array_set(temp, -1, (union item){.i = 44});
 *
 * Set-up without memory, and a lock that cannot be had at all, end the process with a message.
 */
#ifndef ARRAY_H
#define ARRAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- An item --------------------------------------------------------------------------------- */

struct item_type {
    char code; /* as Python's array module has it */
    const char *name;
    size_t size; /* in bytes */
    enum { ITEM_CHARACTER, ITEM_SIGNED, ITEM_UNSIGNED, ITEM_REAL } kind;
};

enum { ITEM_TYPES = 14 };
extern const struct item_type item_types[ITEM_TYPES];

/* One item, of whatever type: each member is named after its type code. */
union item {
    char c;
    wchar_t u;
    signed char b;
    unsigned char B;
    short h;
    unsigned short H;
    int i;
    unsigned int I;
    long l;
    unsigned long L;
    long long q;
    unsigned long long Q;
    float f;
    double d;
};

/* The type of this code; NULL: there is none. */
const struct item_type *item_type(char code);

/* Reads a value as a user writes it: a number, one character of ASCII, or any by its code, 0x4f60.
 * Returns false with errno set: EINVAL, it is no value of this type; ERANGE, it does not fit
 * (Python cuts it). */
bool item_parse(const struct item_type *type, const char *text, union item *item);

/* The item as item_parse reads it. Lives until the end of the full expression. repr */
struct item_text {
    char text[128];
};
struct item_text item_text(const struct item_type *type, union item item);

/* ---- An array -------------------------------------------------------------------------------- */

/* It holds no pointer: each process may have the memory at another address. */
struct array {
    atomic_uint magic; /* set last: who finds it finds the rest */
    char typecode;
    size_t item_size, length; /* in bytes; in items */
    pthread_mutex_t lock;
    _Alignas(max_align_t) unsigned char items[];
};

/* An array of so many zeros, 1 at least, that this process and the children that it starts from now
 * on share. Give it back with array_free. Array(typecode, size) */
struct array *array_new(const struct item_type *type, size_t length);

/* The same with a name ("/temp"), and with the items of this one, for any process of the same user.
 * Ends the process with a message if the name exists (it is somebody else's), or if there is not
 * enough memory; ignores SIGXFSZ from now on, so that a limit is such a message too. The name stays
 * until array_unlink. shm_open(3), SharedMemory(name, create=True) */
struct array *array_create(const char *name, const struct array *source);

/* The one that has this name. Anybody may have made it: ends the process with a message if there is
 * none, or if it does not look like an array of ours. Give it back with array_free.
 * SharedMemory(name) */
struct array *array_open(const char *name);

/* Removes the name; who has the array keeps it. Returns false with errno set: ENOENT, there is no
 * such name. shm_unlink(3), SharedMemory.unlink */
bool array_unlink(const char *name);

/* Gives back the memory, in this process. SharedMemory.close */
void array_free(struct array *array);

/* Whose items it has. */
const struct item_type *array_type(const struct array *array);

/* Takes the lock, once more if the caller has it already. Returns false if it is not to block and
 * somebody else has it. If its last owner died with it, the caller has it all the same, and the
 * items are as the dead one left them. get_lock().acquire(block) */
bool array_acquire(struct array *array, bool blocking);

/* Gives it back; as often as it was taken. get_lock().release */
void array_release(struct array *array);

/* One access, with the lock held. -1 is the last item. Returns false, with errno ERANGE, if there
 * is no such item. a[index] */
bool array_get(struct array *array, long index, union item *item);

/* The same, for writing; of the item, the member of the array's type counts. a[index] = item */
bool array_set(struct array *array, long index, union item item);

/* Where the item is, for who has taken the lock: one lock for all that follows. NULL, with errno
 * ERANGE, if there is no such item. get_obj()[index] */
void *array_item(struct array *array, long index);

/* All items, or more than a line of narration has room for, as they are at one moment: the lock is
 * held. Lives until the end of the full expression. a[:] */
struct item_text array_text(struct array *array);

#endif
