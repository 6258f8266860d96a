#include "processes/array.h"

#include "processes/shared.h"
#include "stage/die.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Type codes ------------------------------------------------------------------------------ */

const struct item_type item_types[ITEM_TYPES] = {
    {'c', "char", sizeof(char), ITEM_CHARACTER},
    {'u', "wchar_t", sizeof(wchar_t), ITEM_CHARACTER},
    {'b', "signed char", sizeof(signed char), ITEM_SIGNED},
    {'B', "unsigned char", sizeof(unsigned char), ITEM_UNSIGNED},
    {'h', "short", sizeof(short), ITEM_SIGNED},
    {'H', "unsigned short", sizeof(unsigned short), ITEM_UNSIGNED},
    {'i', "int", sizeof(int), ITEM_SIGNED},
    {'I', "unsigned int", sizeof(unsigned int), ITEM_UNSIGNED},
    {'l', "long", sizeof(long), ITEM_SIGNED},
    {'L', "unsigned long", sizeof(unsigned long), ITEM_UNSIGNED},
    {'q', "long long", sizeof(long long), ITEM_SIGNED},
    {'Q', "unsigned long long", sizeof(unsigned long long), ITEM_UNSIGNED},
    {'f', "float", sizeof(float), ITEM_REAL},
    {'d', "double", sizeof(double), ITEM_REAL},
};

const struct item_type *item_type(char code)
{
    for (const struct item_type *type = item_types; type < item_types + ITEM_TYPES; type++)
        if (type->code == code)
            return type;
    return NULL;
}

/* ---- Items as text --------------------------------------------------------------------------- */

static bool refused(int error)
{
    errno = error;
    return false;
}

/* Signed or not, the bits are the same: the size alone says how many of them count. */
static bool store_bits(size_t bytes, unsigned long long bits, union item *item)
{
    if (bytes == sizeof item->B)
        item->B = (unsigned char)bits;
    else if (bytes == sizeof item->H)
        item->H = (unsigned short)bits;
    else if (bytes == sizeof item->I)
        item->I = (unsigned int)bits;
    else
        item->Q = bits;
    return true;
}

static unsigned long long load_bits(size_t bytes, union item item)
{
    return bytes == sizeof item.B   ? item.B
           : bytes == sizeof item.H ? item.H
           : bytes == sizeof item.I ? item.I
                                    : item.Q;
}

/* One character of ASCII, or any by its code: 0x4f60. */
static bool parse_character(const struct item_type *type, const char *text, union item *item)
{
    char *end = (char *)text + (*text != '\0');
    unsigned long code = (unsigned char)*text;
    errno = 0;
    if (strncmp(text, "0x", 2) == 0 && isxdigit((unsigned char)text[2]))
        code = strtoul(text, &end, 16);
    if (end == text || *end != '\0')
        return refused(EINVAL);
    if (code > (type->code == 'c' ? UCHAR_MAX : 0x10FFFF))
        return refused(ERANGE);
    return store_bits(type->size, code, item);
}

static bool parse_integer(const struct item_type *type, const char *text, union item *item)
{
    bool negative = *text == '-', is_signed = type->kind == ITEM_SIGNED;
    if (!isdigit((unsigned char)text[negative]))
        return refused(EINVAL); /* strtoull would pass over spaces and a second sign */
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text + negative, &end, 10);
    if (*end != '\0')
        return refused(EINVAL);
    unsigned long long highest = ULLONG_MAX >> (64 - CHAR_BIT * type->size + is_signed);
    unsigned long long limit = !negative ? highest : is_signed ? highest + 1 : 0;
    if (errno == ERANGE || number > limit)
        return refused(ERANGE);
    return store_bits(type->size, negative ? 0 - number : number, item);
}

static bool parse_real(const struct item_type *type, const char *text, union item *item)
{
    char *end;
    errno = 0;
    double number;
    if (type->code == 'f')
        number = item->f = strtof(text, &end);
    else
        number = item->d = strtod(text, &end);
    if (end == text || *end != '\0' || isspace((unsigned char)*text))
        return refused(EINVAL);
    if (errno == ERANGE && (number > 1 || number < -1))
        return refused(ERANGE); /* not for one that is so small that it has become zero */
    return true;
}

bool item_parse(const struct item_type *type, const char *text, union item *item)
{
    return type->kind == ITEM_CHARACTER ? parse_character(type, text, item)
           : type->kind == ITEM_REAL    ? parse_real(type, text, item)
                                        : parse_integer(type, text, item);
}

struct item_text item_text(const struct item_type *type, union item item)
{
    struct item_text text;
    size_t room = sizeof text.text;
    unsigned long long bits = load_bits(type->size, item);
    unsigned long long sign = 1ULL << (CHAR_BIT * type->size - 1);
    if (type->kind == ITEM_CHARACTER)
        snprintf(text.text, room, bits > ' ' && bits < 0x7F ? "%c" : "0x%02x", (int)bits);
    else if (type->kind == ITEM_UNSIGNED)
        snprintf(text.text, room, "%llu", bits);
    else if (type->kind == ITEM_SIGNED)
        snprintf(text.text, room, "%lld", (long long)((bits ^ sign) - sign));
    else
        snprintf(text.text, room, "%.*g", type->code == 'f' ? FLT_DIG : DBL_DIG,
                 type->code == 'f' ? (double)item.f : item.d);
    return text;
}

/* ---- The lock -------------------------------------------------------------------------------- */

/* Shared: a mutex is for the threads of one process unless it is told otherwise. Recursive: who has
 * it may take it once more. Robust: when its owner dies the next one gets it, and is told. */
static void init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    if (error == 0)
        error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (error == 0)
        error = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    if (error == 0)
        error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    if (error == 0)
        error = pthread_mutex_init(lock, &attributes);
    if (error != 0) {
        errno = error;
        die("pthread_mutex_init");
    }
    pthread_mutexattr_destroy(&attributes);
}

bool array_acquire(struct array *array, bool blocking)
{
    int error = blocking ? pthread_mutex_lock(&array->lock) : pthread_mutex_trylock(&array->lock);
    if (error == EBUSY)
        return false;
    if (error == EOWNERDEAD) /* the items are as the dead one left them: lesson 22 repairs */
        error = pthread_mutex_consistent(&array->lock);
    if (error != 0) {
        errno = error;
        die("pthread_mutex_lock");
    }
    return true;
}

void array_release(struct array *array)
{
    pthread_mutex_unlock(&array->lock);
}

/* ---- The array ------------------------------------------------------------------------------- */

enum { MAGIC = 0x21a77a7 };

static size_t bytes_for(const struct item_type *type, size_t length)
{
    return sizeof(struct array) + type->size * length;
}

static void make(struct array *array, const struct item_type *type, size_t length)
{
    array->typecode = type->code;
    array->item_size = type->size;
    array->length = length;
    init_lock(&array->lock);
    atomic_store(&array->magic, MAGIC);
}

struct array *array_new(const struct item_type *type, size_t length)
{
    struct array *array = shared_new(bytes_for(type, length));
    make(array, type, length);
    return array;
}

void array_free(struct array *array)
{
    shared_free(array, sizeof *array + array->item_size * array->length);
}

const struct item_type *array_type(const struct array *array)
{
    return item_type(array->typecode);
}

void *array_item(struct array *array, long index)
{
    long length = (long)array->length;
    if (index < -length || index >= length) {
        errno = ERANGE;
        return NULL;
    }
    return array->items + (size_t)(index < 0 ? index + length : index) * array->item_size;
}

bool array_get(struct array *array, long index, union item *item)
{
    const void *place = array_item(array, index);
    if (!place)
        return false;
    array_acquire(array, true);
    memcpy(item, place, array->item_size);
    array_release(array);
    return true;
}

bool array_set(struct array *array, long index, union item item)
{
    void *place = array_item(array, index);
    if (!place)
        return false;
    array_acquire(array, true);
    memcpy(place, &item, array->item_size);
    array_release(array);
    return true;
}

struct item_text array_text(struct array *array)
{
    const struct item_type *type = array_type(array);
    struct item_text text;
    size_t used = 0;
    array_acquire(array, true);
    for (size_t i = 0; i < array->length && used < sizeof text.text - 40; i++) {
        union item item;
        array_get(array, (long)i, &item); /* takes the lock once more: it is recursive */
        used += (size_t)snprintf(text.text + used, sizeof text.text - used, "%s%s", i ? ", " : "{",
                                 item_text(type, item).text);
    }
    array_release(array);
    snprintf(text.text + used, sizeof text.text - used, "}"); /* what is too long, say shortens */
    return text;
}

/* ---- An array with a name -------------------------------------------------------------------- */

static void *map(int fd, size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd); /* the mapping stays */
    return memory;
}

struct array *array_create(const char *name, const struct array *source)
{
    const struct item_type *type = array_type(source);
    size_t bytes = bytes_for(type, source->length);
    signal(SIGXFSZ, SIG_IGN);
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (fd < 0)
        die("shm_open %s", name);
    do /* ftruncate would promise memory that is not there: SIGBUS at the first touch */
        errno = posix_fallocate(fd, 0, (off_t)bytes);
    while (errno == EINTR);
    struct array *array = errno == 0 ? map(fd, bytes) : MAP_FAILED;
    if (array == MAP_FAILED) {
        int error = errno;
        shm_unlink(name);
        errno = error;
        die("%s: %zu bytes", name, bytes);
    }
    memcpy(array->items, source->items, source->length * source->item_size);
    make(array, type, source->length);
    return array;
}

struct array *array_open(const char *name)
{
    int fd = shm_open(name, O_RDWR, 0);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        die("shm_open %s", name);
    size_t bytes = (size_t)status.st_size;
    if (bytes < sizeof(struct array))
        fail("%s: not an array: only %zu bytes", name, bytes);
    struct array *array = map(fd, bytes);
    if (array == MAP_FAILED)
        die("mmap %s", name);
    const struct item_type *type = array_type(array);
    if (atomic_load(&array->magic) != MAGIC || !type || array->item_size != type->size ||
        array->length == 0 || array->length > bytes || bytes != bytes_for(type, array->length))
        fail("%s: not an array that this program has made", name);
    return array;
}

bool array_unlink(const char *name)
{
    return shm_unlink(name) == 0;
}
