/* 21_shared_array: an array that several processes see, with its lock inside
 *
 * Predict  two processes each do temp[0] = 1 + temp[0]. Every single read and every single write of
 *          an item is locked. temp[0] was 11: what may it be now?
 * Run      build/21_shared_array, then in two terminals: create --name /mine, show --name /mine
 * Watch    what one process writes is there for all of them: they have the same memory. A locked
 *          read and a locked write are not one locked update.
 * Before   17_locks, 20_private_memory
 * After    22_process_lock, 23_manager_dict
 * Python   the posts' multiprocessing.Array and its get_lock; multiprocessing.shared_memory
 */
#include "args.h"
#include "die.h"
#include "process.h"
#include "say.h"
#include "shared.h"
#include "stop.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *name, *values, *typecode = "i";
static long size, processes = 2, increments = 100000;
static bool timing;

/* ---- Type codes ------------------------------------------------------------------------------ */

static const struct type {
    char code;
    const char *name;
    size_t size;
    enum { CHARACTER, SIGNED, UNSIGNED, REAL } kind;
} types[] = {
    {'c', "char", sizeof(char), CHARACTER},
    {'u', "wchar_t", sizeof(wchar_t), CHARACTER},
    {'b', "signed char", sizeof(signed char), SIGNED},
    {'B', "unsigned char", sizeof(unsigned char), UNSIGNED},
    {'h', "short", sizeof(short), SIGNED},
    {'H', "unsigned short", sizeof(unsigned short), UNSIGNED},
    {'i', "int", sizeof(int), SIGNED},
    {'I', "unsigned int", sizeof(unsigned int), UNSIGNED},
    {'l', "long", sizeof(long), SIGNED},
    {'L', "unsigned long", sizeof(unsigned long), UNSIGNED},
    {'q', "long long", sizeof(long long), SIGNED},
    {'Q', "unsigned long long", sizeof(unsigned long long), UNSIGNED},
    {'f', "float", sizeof(float), REAL},
    {'d', "double", sizeof(double), REAL},
};
enum { TYPES = sizeof types / sizeof *types };

/* One item, of whatever type code: each member is named after its code. */
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

static const struct type *find_type(char code)
{
    for (const struct type *type = types; type < types + TYPES; type++)
        if (type->code == code)
            return type;
    return NULL;
}

/* ---- The array ------------------------------------------------------------------------------- */

/* All of it lies in the shared memory, the lock too. It holds no pointer: each process may have the
 * memory at another address. */
struct array {
    atomic_uint magic; /* set last: who finds it finds the rest */
    char typecode;
    size_t item_size, length;
    pthread_mutex_t lock;
    _Alignas(max_align_t) unsigned char items[];
};

enum { MAGIC = 0x21a77a7 };

static size_t bytes_for(const struct type *type, size_t length)
{
    return sizeof(struct array) + type->size * length;
}

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

/* In memory that is all zeros, so the items are. */
static void array_init(struct array *array, const struct type *type, size_t length)
{
    array->typecode = type->code;
    array->item_size = type->size;
    array->length = length;
    init_lock(&array->lock);
    atomic_store(&array->magic, MAGIC);
}

/* For the children that are started from now on. Array(typecode, size) */
static struct array *array_new(const struct type *type, size_t length)
{
    struct array *array = shared_new(bytes_for(type, length));
    array_init(array, type, length);
    return array;
}

static void array_free(struct array *array)
{
    shared_free(array, sizeof *array + array->item_size * array->length);
}

/* Takes the lock; false, if not blocking: somebody else has it. get_lock().acquire(blocking) */
static bool array_acquire(struct array *array, bool blocking)
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

static void array_release(struct array *array)
{
    pthread_mutex_unlock(&array->lock);
}

/* Where the item is; -1 is the last. NULL, with errno ERANGE: there is no such item. */
static void *find_item(struct array *array, long index)
{
    long length = (long)array->length;
    if (index < -length || index >= length) {
        errno = ERANGE;
        return NULL;
    }
    return array->items + (size_t)(index < 0 ? index + length : index) * array->item_size;
}

/* One access, locked. Returns false, with errno ERANGE, if there is no such item. a[index] */
static bool array_get(struct array *array, long index, union item *item)
{
    const void *place = find_item(array, index);
    if (!place)
        return false;
    array_acquire(array, true);
    memcpy(item, place, array->item_size);
    array_release(array);
    return true;
}

/* The same, for writing. a[index] = item */
static bool array_set(struct array *array, long index, union item item)
{
    void *place = find_item(array, index);
    if (!place)
        return false;
    array_acquire(array, true);
    memcpy(place, &item, array->item_size);
    array_release(array);
    return true;
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
static bool parse_character(const struct type *type, const char *text, union item *item)
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

static bool parse_integer(const struct type *type, const char *text, union item *item)
{
    bool negative = *text == '-', is_signed = type->kind == SIGNED;
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

static bool parse_real(const struct type *type, const char *text, union item *item)
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

/* Returns false with errno EINVAL, it is no value of this type, or ERANGE, it does not fit. */
static bool parse_item(const struct type *type, const char *text, union item *item)
{
    return type->kind == CHARACTER ? parse_character(type, text, item)
           : type->kind == REAL    ? parse_real(type, text, item)
                                   : parse_integer(type, text, item);
}

struct text {
    char text[128];
};

static struct text item_text(const struct type *type, union item item)
{
    struct text text;
    size_t room = sizeof text.text;
    unsigned long long bits = load_bits(type->size, item);
    unsigned long long sign = 1ULL << (CHAR_BIT * type->size - 1);
    if (type->kind == CHARACTER)
        snprintf(text.text, room, bits > ' ' && bits < 0x7F ? "%c" : "0x%02x", (int)bits);
    else if (type->kind == UNSIGNED)
        snprintf(text.text, room, "%llu", bits);
    else if (type->kind == SIGNED)
        snprintf(text.text, room, "%lld", (long long)((bits ^ sign) - sign));
    else
        snprintf(text.text, room, "%.*g", type->code == 'f' ? FLT_DIG : DBL_DIG,
                 type->code == 'f' ? (double)item.f : item.d);
    return text;
}

/* All items, or more than a line has room for, as they are at one moment: the lock is held. */
static struct text array_text(struct array *array)
{
    const struct type *type = find_type(array->typecode);
    struct text text;
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

/* The value that a user has written. */
static union item value_of(const struct type *type, const char *text)
{
    union item item;
    if (!parse_item(type, text, &item))
        args_refuse("value \"%s\": %s '%c', %s", text,
                    errno == ERANGE ? "does not fit type code" : "is none of type code", type->code,
                    type->name);
    return item;
}

/* "11,22,33,44". Array(typecode, sequence) */
static struct array *array_from(const struct type *type, const char *list)
{
    size_t length = 1;
    for (const char *c = list; *c; c++)
        length += *c == ',';
    struct array *array = array_new(type, length);
    for (size_t i = 0; i < length; i++) {
        size_t letters = strcspn(list, ",");
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)letters, list);
        if (letters >= sizeof word)
            args_refuse("value \"%s...\": is too long", word);
        array_set(array, (long)i, value_of(type, word));
        list += letters + 1;
    }
    return array;
}

/* ---- An array with a name, for processes that are not related -------------------------------- */

/* Where there was none, or ends the process: a name that exists is somebody else's. shm_open(3) */
static struct array *named_new(const struct type *type, size_t length)
{
    size_t bytes = bytes_for(type, length);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files: an error like any other */
    int error, fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (fd < 0)
        die("shm_open %s", name);
    do /* ftruncate would promise memory that is not there: SIGBUS at the first touch */
        error = posix_fallocate(fd, 0, (off_t)bytes);
    while (error == EINTR);
    void *memory = MAP_FAILED;
    if (error == 0) {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = errno;
    }
    if (memory == MAP_FAILED) {
        shm_unlink(name);
        errno = error;
        die("%s: %zu bytes", name, bytes);
    }
    close(fd); /* the mapping stays */
    array_init(memory, type, length);
    return memory;
}

/* One that exists. Anybody may have made it: what does not look like an array of this program is
 * refused. */
static struct array *named_open(void)
{
    int fd = shm_open(name, O_RDWR, 0);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        die("shm_open %s", name);
    size_t bytes = (size_t)status.st_size;
    if (bytes < sizeof(struct array))
        fail("%s: not an array: only %zu bytes", name, bytes);
    struct array *array = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (array == MAP_FAILED)
        die("mmap %s", name);
    close(fd);
    const struct type *type = find_type(array->typecode);
    if (atomic_load(&array->magic) != MAGIC || !type || array->item_size != type->size ||
        array->length == 0 || array->length > bytes || bytes != bytes_for(type, array->length))
        fail("%s: not an array that this program has made", name);
    return array;
}

/* ---- Turns: who may go on is decided, not left to luck --------------------------------------- */

/* A child of the demo. Each end of a pair of sockets belongs to one side: when a side ends, the
 * other one finds the end of the file, and waits no longer. */
struct actor {
    struct process process;
    int gate;
    int (*play)(void *argument);
    void *argument;
};

static int own_gate = -1; /* the child's end */

static bool get_byte(int fd)
{
    char byte;
    ssize_t got;
    do
        got = recv(fd, &byte, 1, 0);
    while (got < 0 && errno == EINTR);
    return got == 1;
}

static void put_byte(int fd)
{
    while (send(fd, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

/* main: lets it go on until it ends its turn; false: it has ended instead. */
static bool give_turn(struct actor *actor)
{
    put_byte(actor->gate);
    return get_byte(actor->gate);
}

/* The child: waits for its turn. */
static void await_turn(void)
{
    if (!get_byte(own_gate))
        _exit(EXIT_FAILURE); /* main is no more */
}

static void end_turn(void)
{
    put_byte(own_gate);
}

static int run_actor(void *argument)
{
    struct actor *actor = argument;
    close(actor->gate);       /* main's end: its last copy says that main is no more */
    signal(SIGTERM, SIG_DFL); /* ends it at once, also while it waits for a lock */
    return actor->play(actor->argument);
}

/* The others may wait for a turn, or for a lock, that never comes: they are ended first. */
static _Noreturn void give_up(const char *call)
{
    int error = errno;
    process_join_all();
    errno = error;
    die("%s", call);
}

static void actor_start(struct actor *actor, const char *actor_name, int (*play)(void *argument),
                        void *argument)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        give_up("socketpair");
    own_gate = ends[1];
    *actor = (struct actor){.gate = ends[0], .play = play, .argument = argument};
    actor->process.daemon = true; /* process_join_all ends it */
    if (!process_start(&actor->process, actor_name, run_actor, actor))
        give_up("fork");
    close(ends[1]);
}

static void actor_join(struct actor *actor)
{
    if (!process_join(&actor->process, -1))
        die("waitid");
    close(actor->gate);
    int status = process_exitcode(&actor->process);
    if (status == 0)
        return;
    process_join_all();
    fail("%s has ended with %d", actor->process.name, status);
}

/* ---- The demo: every type code, and what is refused ------------------------------------------ */

static struct array *arrays[TYPES], *temp;

static const union item highest[TYPES] = {
    {.c = 'z'},       {.u = 0x4f60},     {.b = SCHAR_MAX}, {.B = UCHAR_MAX}, {.h = SHRT_MAX},
    {.H = USHRT_MAX}, {.i = INT_MAX},    {.I = UINT_MAX},  {.l = LONG_MAX},  {.L = ULONG_MAX},
    {.q = LLONG_MAX}, {.Q = ULLONG_MAX}, {.f = FLT_MAX},   {.d = DBL_MAX},
};

static int write_the_highest(void *argument)
{
    (void)argument;
    for (int t = 0; t < TYPES; t++)
        array_set(arrays[t], -1, highest[t]);
    return EXIT_SUCCESS;
}

static void play_types(void)
{
    struct actor child;
    say("main", "makes an array of 2 zeros for each type code; a child sets the last");
    for (int t = 0; t < TYPES; t++)
        arrays[t] = array_new(&types[t], 2);
    actor_start(&child, "child", write_the_highest, NULL);
    actor_join(&child);
    for (int t = 0; t < TYPES; t++) {
        say("main", "'%c' %-18s %zu %-5s %s", types[t].code, types[t].name, types[t].size,
            types[t].size == 1 ? "byte" : "bytes", array_text(arrays[t]).text);
        array_free(arrays[t]);
    }
}

static const char *answer(bool accepted)
{
    return accepted ? "accepted" : errno == ERANGE ? "ERANGE" : "EINVAL";
}

static void play_refusals(void)
{
    union item item;
    temp = array_from(find_type('i'), "11,22,33,44");
    array_get(temp, -1, &item);
    say("main", "temp = %s; temp[-1] is %d", array_text(temp).text, item.i);
    say("main", "temp[4]: %s; temp[-5]: %s; temp[-4]: %s", answer(array_get(temp, 4, &item)),
        answer(array_get(temp, -5, &item)), answer(array_get(temp, -4, &item)));
    say("main", "1.5 for an 'i': %s; 300 for a 'b': %s; -1 for a 'B': %s",
        answer(parse_item(find_type('i'), "1.5", &item)),
        answer(parse_item(find_type('b'), "300", &item)),
        answer(parse_item(find_type('B'), "-1", &item)));
    array_free(temp);
}

/* ---- The demo: the posts' two processes ------------------------------------------------------ */

static bool with_lock;

static int foo(void *argument)
{
    int i = *(const int *)argument;
    const char *self = i == 0 ? "foo(0)" : "foo(1)";
    await_turn();
    say(self, "temp[%d] = %d", i, 100 + i);
    array_set(temp, i, (union item){.i = 100 + i});
    end_turn();
    await_turn();
    say(self, "temp is %s", array_text(temp).text);
    return EXIT_SUCCESS;
}

static int add_one(void *argument)
{
    const char *self = argument;
    union item item;
    await_turn();
    if (with_lock && !array_acquire(temp, false)) {
        say(self, "somebody has the lock: waits");
        end_turn();
        array_acquire(temp, true);
    }
    array_get(temp, 0, &item);
    say(self, "%sreads temp[0]: %d", with_lock ? "has the lock, " : "", item.i);
    end_turn();
    await_turn();
    item.i++;
    say(self, "writes temp[0] = %d%s", item.i, with_lock ? ", gives the lock back" : "");
    array_set(temp, 0, item);
    if (with_lock)
        array_release(temp);
    return EXIT_SUCCESS;
}

/* Each digit of the order is a turn of the first or of the second child. */
static void play_in_order(const char *order, int (*play)(void *argument),
                          const char *const names[2])
{
    static int numbers[] = {0, 1};
    struct actor children[2];
    temp = array_from(find_type('i'), "11,22,33,44");
    for (int i = 0; i < 2; i++)
        actor_start(&children[i], names[i], play, play == foo ? &numbers[i] : (void *)names[i]);
    for (const char *turn = order; *turn; turn++)
        give_turn(&children[*turn - '0']);
    for (int i = 0; i < 2; i++)
        actor_join(&children[i]);
    if (play == add_one)
        say("main", "temp is %s", array_text(temp).text);
    array_free(temp);
}

static void play_posts(void)
{
    static const char *const foos[] = {"foo(0)", "foo(1)"}, *const people[] = {"ann", "bob"};
    say("main", "temp = {11, 22, 33, 44}; the posts' two processes, foo(0) first");
    play_in_order("0011", foo, foos);
    say("main", "the same, foo(1) first");
    play_in_order("1100", foo, foos);
    say("main", "the same, both write before they look");
    play_in_order("0101", foo, foos);
    say("main", "ann and bob add one to temp[0]: each access is locked");
    play_in_order("0101", add_one, people);
    say("main", "the same, and each holds the lock from the read to the write");
    with_lock = true;
    play_in_order("0101", add_one, people);
}

/* ---- The demo: a name ------------------------------------------------------------------------ */

/* Until SIGINT or SIGTERM, which are blocked between the look and the wait: sigsuspend(2). */
static void wait_for_the_end(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    while (!stop_asked)
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* The one who makes the name also removes it: otherwise it stays until the system restarts. */
static void hold_name(const char *actor, struct array *source)
{
    stop_on_signals(); /* first: from now on no signal leaves the name behind */
    struct array *array = named_new(find_type(source->typecode), source->length);
    memcpy(array->items, source->items, source->item_size * source->length);
    say(actor, "made %s: %s", name, array_text(source).text);
    put_byte(own_gate);
    wait_for_the_end();
    bool locked = array_acquire(array, false); /* who has the lock does not hold up the end */
    say(actor, "is asked to end: removes the name; the array is %s",
        locked ? array_text(array).text : "locked");
    shm_unlink(name);
    if (locked)
        array_release(array);
    array_free(array);
}

static int play_maker(void *argument)
{
    (void)argument;
    hold_name("maker", array_from(find_type('i'), "11,22,33,44"));
    return EXIT_SUCCESS;
}

static void play_name(void)
{
    struct actor maker;
    actor_start(&maker, "maker", play_maker, NULL);
    if (get_byte(maker.gate)) {
        struct array *array = named_open();
        say("main", "opens that name and sets [-1] = 144; asks the maker to end");
        array_set(array, -1, (union item){.i = 144});
        process_signal(&maker.process, SIGTERM);
        process_join(&maker.process, -1);
        int fd = shm_open(name, O_RDWR, 0);
        say("main", "the name is %s; what is mapped stays: %s", fd < 0 ? "gone" : "still there",
            array_text(array).text);
        array_free(array);
    }
    process_join(&maker.process, -1);
    if (process_exitcode(&maker.process) < 0)
        shm_unlink(name); /* a maker that was killed could not */
    actor_join(&maker);
}

/* ---- --timing -------------------------------------------------------------------------------- */

static int increment(void *argument)
{
    (void)argument;
    for (long i = 0; i < increments; i++) {
        union item item;
        array_acquire(temp, true);
        array_get(temp, 0, &item);
        item.q++;
        array_set(temp, 0, item);
        array_release(temp);
    }
    return EXIT_SUCCESS;
}

static int time_increments(void)
{
    struct actor *children = calloc((size_t)processes, sizeof *children);
    if (!children)
        die("calloc");
    struct timespec start;
    union item sum;
    temp = array_new(find_type('q'), 1);
    array_acquire(temp, true); /* nobody begins before all are there */
    for (long i = 0; i < processes; i++)
        actor_start(&children[i], "child", increment, NULL);
    clock_gettime(CLOCK_MONOTONIC, &start);
    array_release(temp);
    for (long i = 0; i < processes; i++)
        actor_join(&children[i]);
    say_timing(processes * increments, "locked increments", start);
    array_get(temp, 0, &sum);
    if (sum.q != processes * increments)
        fail("temp[0] is %lld, but ought to be %ld", sum.q, processes * increments);
    say("main", "temp[0] is %lld: none was lost", sum.q);
    array_free(temp);
    free(children);
    return EXIT_SUCCESS;
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void default_name(void)
{
    static char text[40];
    snprintf(text, sizeof text, "/21_shared_array.%ld", (long)getpid());
    if (!name)
        name = text;
    if (*name != '/' || strchr(name + 1, '/') || name[1] == '\0')
        args_refuse("--name %s: wants one slash, in front", name);
}

static struct array *open_by_name(void)
{
    if (!name)
        args_refuse("--name: wanted, as create has said it");
    default_name();
    return named_open();
}

static int demo(char **operands)
{
    (void)operands;
    if (timing)
        return time_increments();
    name = NULL;
    default_name();
    play_types();
    play_refusals();
    play_posts();
    play_name();
    return EXIT_SUCCESS;
}

static int create(char **operands)
{
    (void)operands;
    const struct type *type = find_type(*typecode);
    if (!type || typecode[1] != '\0')
        args_refuse("--type %s: none of c u b B h H i I l L q Q f d", typecode);
    if (values && size)
        args_refuse("--size %ld: the size follows from --values", size);
    default_name();
    if (!values)
        values = type->kind == CHARACTER ? "a,b,c,d" : "11,22,33,44";
    struct array *source = size ? array_new(type, (size_t)size) : array_from(type, values);
    hold_name("create", source);
    array_free(source);
    return EXIT_SUCCESS;
}

static long index_of(struct array *array, const char *text)
{
    long length = (long)array->length;
    return args_number("index", text, -length, length - 1);
}

static int get(char **operands)
{
    struct array *array = open_by_name();
    union item item;
    array_get(array, index_of(array, operands[0]), &item);
    say("get", "[%s] is %s", operands[0], item_text(find_type(array->typecode), item).text);
    array_free(array);
    return EXIT_SUCCESS;
}

static int set(char **operands)
{
    struct array *array = open_by_name();
    long index = index_of(array, operands[0]);
    array_set(array, index, value_of(find_type(array->typecode), operands[1]));
    say("set", "%s", array_text(array).text);
    array_free(array);
    return EXIT_SUCCESS;
}

static int show(char **operands)
{
    (void)operands;
    struct array *array = open_by_name();
    say("show", "'%c', %zu items: %s", array->typecode, array->length, array_text(array).text);
    array_free(array);
    return EXIT_SUCCESS;
}

static int hold(char **operands)
{
    (void)operands;
    struct array *array = open_by_name();
    array_acquire(array, true);
    stop_on_signals();
    say("hold", "has the lock of %s", name);
    wait_for_the_end();
    say("hold", "gives it back");
    array_release(array);
    array_free(array);
    return EXIT_SUCCESS;
}

static int remove_name(char **operands)
{
    (void)operands;
    array_free(open_by_name());
    if (shm_unlink(name) < 0)
        die("shm_unlink %s", name);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"create", "", "make a named array, hold it until SIGINT or SIGTERM", create},
        {"get", "INDEX", "print an item; the last one: get -- -1", get},
        {"set", "INDEX VALUE", "change an item", set},
        {"show", "", "print all items", show},
        {"hold", "", "hold the lock until SIGINT or SIGTERM", hold},
        {"remove", "", "remove a name that was left behind", remove_name},
        {0},
    };
    static const struct option_spec options[] = {
        {"name", "/N", "the name; create: else one with the pid", .text = &name},
        {"type", "C", "create: the type code", .text = &typecode},
        {"values", "V,V,V", "create: the items", .text = &values},
        {"size", "N", "create: so many zeros", .number = &size, .max = 10000000},
        {"timing", NULL, "measure locked increments", .flag = &timing},
        {"processes", "N", "that increment", .number = &processes, .min = 1, .max = 1000},
        {"ops", "N", "increments of each", .number = &increments, .min = 1, .max = 10000000},
        {0},
    };
    static const struct program program = {
        "An array that several processes see, with its lock inside.", commands, options};
    return args_run(argc, argv, &program);
}
