/* 23_manager_dict: the dictionary lives in a process of its own; whoever uses it sends messages
 *
 * Predict  a child sets dic[0] = 100 and does not end. What does its parent find under 0: nothing,
 *          as the child has a copy? 100, but only when the child has ended? 100, at once?
 * Run      build/23_manager_dict
 * Watch    each access is a line that a thread of the manager receives. A missing key is an error
 *          in the process that asked. In the end the manager is killed.
 * Before   13_mixins, 19_processes, 20_private_memory, 22_process_lock
 * After    24_process_pool
 * Python   multiprocessing.Manager().dict(), DictProxy; the posts' manage.dict()
 */
#define _GNU_SOURCE /* struct ucred: Linux */
#include "args.h"
#include "die.h"
#include "handler.h"
#include "mixin.h"
#include "net.h"
#include "process.h"
#include "say.h"
#include "service.h"
#include "stop.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 1000, MOST_WORDS = 3, MOST_PAIRS = 1000000, DRIVERS = 8 };

static const char *path = NULL;
static long clients = 1, ops = 10000;
static bool timing;

/* ---- Dictionary ------------------------------------------------------------------------------ */

/* Any bytes, NUL among them. */
struct bytes {
    char *data;
    size_t length;
};

struct item {
    struct bytes key, value;      /* the key first: compare takes an item for its key */
    struct item *previous, *next; /* in the order of insertion, as Python keeps it */
};

/* tsearch(3) finds an item by its key; the list keeps the order. */
struct table {
    void *tree;
    struct item *first, *last;
    size_t count;
};

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(char *)text, strlen(text)};
}

static bool copy_bytes(struct bytes *copy, struct bytes from)
{
    copy->data = malloc(from.length + 1);
    if (!copy->data)
        return false;
    memcpy(copy->data, from.data, from.length);
    copy->length = from.length;
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct bytes *a = left, *b = right;
    int order = memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static struct item *table_find(const struct table *table, struct bytes key)
{
    void *found = tfind(&key, &table->tree, compare);
    return found ? *(struct item **)found : NULL;
}

/* The item of this key; a new one, with no value yet, stands last. NULL: out of memory. */
static struct item *table_item(struct table *table, struct bytes key)
{
    struct item *item = table_find(table, key);
    if (item)
        return item;
    item = calloc(1, sizeof *item);
    if (!item || !copy_bytes(&item->key, key) || !tsearch(item, &table->tree, compare)) {
        free(item ? item->key.data : NULL);
        free(item);
        return NULL;
    }
    item->previous = table->last;
    *(table->last ? &table->last->next : &table->first) = item;
    table->last = item;
    table->count++;
    return item;
}

static void table_remove(struct table *table, struct item *item)
{
    tdelete(item, &table->tree, compare);
    *(item->previous ? &item->previous->next : &table->first) = item->next;
    *(item->next ? &item->next->previous : &table->last) = item->previous;
    table->count--;
    free(item->key.data);
    free(item->value.data);
    free(item);
}

static void table_clear(struct table *table)
{
    while (table->last)
        table_remove(table, table->last);
}

static bool table_set(struct table *table, struct bytes key, struct bytes value)
{
    struct bytes copy;
    if (!copy_bytes(&copy, value))
        return false;
    struct item *item = table_item(table, key);
    if (!item) {
        free(copy.data);
        return false;
    }
    free(item->value.data);
    item->value = copy;
    return true;
}

/* All of the pairs or none: what can fail is done first. The old values end up in the pairs. */
static bool table_update(struct table *table, struct table *pairs)
{
    struct item *last = table->last;
    for (struct item *pair = pairs->first; pair; pair = pair->next)
        if (!table_item(table, pair->key)) {
            while (table->last != last)
                table_remove(table, table->last);
            return false;
        }
    for (struct item *pair = pairs->first; pair; pair = pair->next) {
        struct item *item = table_find(table, pair->key);
        struct bytes old = item->value;
        item->value = pair->value;
        pair->value = old;
    }
    return true;
}

/* ---- Protocol -------------------------------------------------------------------------------- */

/* A request is a line of words: the method, its arguments. The reply is "ok" and the result, or
 * "error", the kind and what it is about. A list is a count, and then that many lines. Bytes other
 * than printable ASCII, the space and % are written as % and two hexadecimal digits; a % by itself
 * is the empty word. */

struct text {
    char *data;
    size_t length, size;
    bool failed; /* for want of memory */
};

static char *text_room(struct text *text, size_t more)
{
    if (text->length + more > text->size) {
        size_t size = 2 * (text->length + more);
        char *data = realloc(text->data, size);
        if (!data) {
            text->failed = true;
            return NULL;
        }
        text->data = data;
        text->size = size;
    }
    return text->data + text->length;
}

static void text_add(struct text *text, const char *data)
{
    size_t length = strlen(data);
    char *room = text_room(text, length);
    if (!room)
        return;
    memcpy(room, data, length);
    text->length += length;
}

static void text_count(struct text *text, size_t count)
{
    char digits[24];
    snprintf(digits, sizeof digits, " %zu", count);
    text_add(text, digits);
}

/* Encodes one word, with a space before it unless it is the first of its line. */
static void text_word(struct text *text, struct bytes word)
{
    char *start = text_room(text, 3 * word.length + 3), *out = start;
    if (!start)
        return;
    if (text->length > 0 && out[-1] != '\n')
        *out++ = ' ';
    if (word.length == 0)
        *out++ = '%';
    for (size_t i = 0; i < word.length; i++) {
        unsigned char byte = (unsigned char)word.data[i];
        if (byte > ' ' && byte <= '~' && byte != '%')
            *out++ = (char)byte;
        else
            out += snprintf(out, 4, "%%%02X", byte);
    }
    text->length += (size_t)(out - start);
}

/* Decodes the bytes up to the end where they stand: they never grow. */
static bool decode(struct bytes *word, const char *end)
{
    const char *in = word->data;
    char *out = word->data;
    if (*in == '%' && in + 1 == end)
        return true;
    for (; in < end; in++, out++) {
        *out = *in;
        if (*in == '%') {
            if (end - in < 3 || !isxdigit((unsigned char)in[1]) || !isxdigit((unsigned char)in[2]))
                return false;
            *out = (char)strtol((char[]){in[1], in[2], '\0'}, NULL, 16);
            in += 2;
        }
    }
    word->length = (size_t)(out - word->data);
    return true;
}

/* Cuts the line into words, in place. Returns NULL, or what is wrong with it. */
static const char *split(char *line, size_t length, struct bytes words[MOST_WORDS], int *count)
{
    char *end = line + length;
    for (*count = 0;; ++*count) {
        while (line < end && *line == ' ')
            line++;
        if (line == end)
            return NULL;
        if (*count == MOST_WORDS)
            return "TypeError: too many words";
        struct bytes *word = &words[*count];
        *word = (struct bytes){.data = line};
        char *space = memchr(line, ' ', (size_t)(end - line));
        line = space ? space : end;
        if (!decode(word, line))
            return "ValueError: after % come two hexadecimal digits";
        if (word->length > LONGEST)
            return "ValueError: a word has 1000 bytes at most";
    }
}

/* The number that a word says; -1: none, or a larger one than that. */
static long count_of(struct bytes word, long largest)
{
    long count = word.length > 0 ? 0 : -1;
    for (size_t i = 0; i < word.length; i++) {
        int digit = word.data[i] - '0';
        if (digit < 0 || digit > 9 || count > (largest - digit) / 10)
            return -1;
        count = 10 * count + digit;
    }
    return count;
}

/* ---- Server: the methods --------------------------------------------------------------------- */

/* One request. Its method runs with the lock held, and sends nothing: a client that does not read
 * would hold up all the others. */
struct call {
    struct table *table;
    struct bytes *words; /* the method and its arguments */
    int count;
    struct text *reply;
};

static void reply_value(struct call *call, struct bytes value)
{
    text_add(call->reply, "ok");
    text_word(call->reply, value);
}

/* The error goes to whoever asked. With a default, the second argument, there is none. */
static void reply_missing(struct call *call)
{
    if (call->count == 3) {
        reply_value(call, call->words[2]);
    } else {
        text_add(call->reply, "error KeyError:");
        text_word(call->reply, call->words[1]);
    }
}

static void reply_done(struct call *call, bool done)
{
    text_add(call->reply, done ? "ok" : "error MemoryError: the manager has no memory left");
}

static void do_contains(struct call *call)
{
    text_add(call->reply, table_find(call->table, call->words[1]) ? "ok 1" : "ok 0");
}

static void do_get(struct call *call)
{
    struct item *item = table_find(call->table, call->words[1]);
    if (item)
        reply_value(call, item->value);
    else
        reply_missing(call);
}

static void do_set(struct call *call)
{
    reply_done(call, table_set(call->table, call->words[1], call->words[2]));
}

static void do_delete(struct call *call)
{
    struct item *item = table_find(call->table, call->words[1]);
    if (item) {
        table_remove(call->table, item);
        reply_done(call, true);
    } else {
        reply_missing(call);
    }
}

static void do_len(struct call *call)
{
    text_add(call->reply, "ok");
    text_count(call->reply, call->table->count);
}

static void do_clear(struct call *call)
{
    table_clear(call->table);
    reply_done(call, true);
}

/* keys, values, items and copy: the method's first letter says what is on a line. */
static void do_list(struct call *call)
{
    char method = *call->words[0].data;
    do_len(call);
    for (struct item *item = call->table->first; item; item = item->next) {
        text_add(call->reply, "\n");
        if (method != 'v')
            text_word(call->reply, item->key);
        if (method != 'k')
            text_word(call->reply, item->value);
    }
}

static void do_pop(struct call *call)
{
    struct item *item = table_find(call->table, call->words[1]);
    do_get(call);
    if (item && !call->reply->failed)
        table_remove(call->table, item);
}

static void do_popitem(struct call *call)
{
    struct item *last = call->table->last;
    if (!last) {
        text_add(call->reply, "error KeyError: the dictionary is empty");
        return;
    }
    reply_value(call, last->key);
    text_word(call->reply, last->value);
    if (!call->reply->failed)
        table_remove(call->table, last);
}

static void do_setdefault(struct call *call)
{
    if (table_find(call->table, call->words[1]) ||
        table_set(call->table, call->words[1], call->words[2]))
        do_get(call);
    else
        reply_done(call, false);
}

static const struct method {
    const char *name;
    int least, most; /* words */
    void (*run)(struct call *call);
    const char *usage; /* after the kind of error */
} methods[] = {
    {"contains", 2, 2, do_contains, "TypeError: contains KEY"},
    {"get", 2, 3, do_get, "TypeError: get KEY [DEFAULT]"},
    {"set", 3, 3, do_set, "TypeError: set KEY VALUE"},
    {"delete", 2, 2, do_delete, "TypeError: delete KEY"},
    {"len", 1, 1, do_len, "TypeError: len takes no argument"},
    {"clear", 1, 1, do_clear, "TypeError: clear takes no argument"},
    {"copy", 1, 1, do_list, "TypeError: copy takes no argument"},
    {"items", 1, 1, do_list, "TypeError: items takes no argument"},
    {"keys", 1, 1, do_list, "TypeError: keys takes no argument"},
    {"values", 1, 1, do_list, "TypeError: values takes no argument"},
    {"pop", 2, 3, do_pop, "TypeError: pop KEY [DEFAULT]"},
    {"popitem", 1, 1, do_popitem, "TypeError: popitem takes no argument"},
    {"setdefault", 3, 3, do_setdefault, "TypeError: setdefault KEY VALUE"},
    {"update", 2, 2, NULL, "TypeError: update COUNT, then as many lines KEY VALUE"},
};
enum { METHODS = sizeof methods / sizeof *methods };

static const struct method *find_method(struct bytes name)
{
    for (int i = 0; i < METHODS; i++)
        if (name.length == strlen(methods[i].name) &&
            memcmp(name.data, methods[i].name, name.length) == 0)
            return &methods[i];
    return NULL;
}

/* ---- Server: lesson 13's, a thread for each client ------------------------------------------- */

struct store {
    pthread_mutex_t lock;
    struct table table;
};

static const char line_too_long[] = "ValueError: the line is too long";
/* After these two, what comes next might be taken for requests: the client is not served on. */
static const char cut_off[] = "EOFError: the request is cut off";
static const char bad_count[] = "ValueError: update takes from 0 to 1000000 pairs";

/* The next line of an update. Returns NULL, or what is wrong with it. */
static const char *read_pair(struct lines *rfile, struct table *pairs)
{
    struct bytes words[MOST_WORDS];
    char *line;
    size_t length;
    int count;
    enum lines_result result = lines_next(rfile, &line, &length);
    if (result == LINES_TOO_LONG)
        return line_too_long;
    if (result != LINES_LINE || rfile->at_end)
        return cut_off;
    const char *problem = split(line, length, words, &count);
    if (!problem && count != 2)
        problem = "TypeError: a pair is KEY VALUE";
    if (!problem && !table_set(pairs, words[0], words[1]))
        problem = "MemoryError: the manager has no memory left";
    return problem;
}

/* The pairs are read first, without the lock, all of them even if one is wrong, and then put in
 * together: no other client sees a part of them. Returns NULL, or what is wrong. */
static const char *read_pairs(struct lines *rfile, long count, struct table *pairs)
{
    const char *problem = NULL;
    for (; count > 0 && problem != cut_off; count--) {
        const char *wrong = read_pair(rfile, pairs);
        if (!problem || wrong == cut_off)
            problem = wrong;
    }
    return count < 0 ? bad_count : problem;
}

/* Returns NULL, or what is wrong. */
static const char *answer(struct handler *self, char *line, size_t length, struct text *reply)
{
    struct store *store = self->server->data;
    struct table pairs = {0};
    struct bytes words[MOST_WORDS];
    struct call call = {.table = &store->table, .words = words, .reply = reply};
    const char *problem = split(line, length, words, &call.count);
    if (problem)
        return problem;
    const struct method *method = call.count > 0 ? find_method(words[0]) : NULL;
    if (!method)
        return "AttributeError: no such method";
    if (call.count < method->least || call.count > method->most)
        return method->usage;
    if (!method->run)
        problem = read_pairs(&self->rfile, count_of(words[1], MOST_PAIRS), &pairs);
    if (!problem) {
        pthread_mutex_lock(&store->lock);
        if (method->run)
            method->run(&call);
        else
            reply_done(&call, table_update(&store->table, &pairs));
        pthread_mutex_unlock(&store->lock);
    }
    table_clear(&pairs);
    return problem;
}

/* One send for each reply. A last line without its newline may have lost more than that: it is not
 * carried out. */
static bool serve_client(struct handler *self)
{
    struct service_actor actor = service_actor(self);
    struct text reply = {0};
    const char *problem = NULL;
    enum lines_result result;
    char *line;
    size_t length;
    while (problem != cut_off && problem != bad_count &&
           ((result = lines_next(&self->rfile, &line, &length)) == LINES_LINE ||
            result == LINES_TOO_LONG)) {
        if (result == LINES_LINE && !timing)
            say(actor.name, "received %s", quote(line, length).text);
        reply.length = 0;
        if (result == LINES_TOO_LONG)
            problem = line_too_long;
        else
            problem = self->rfile.at_end ? cut_off : answer(self, line, length, &reply);
        if (problem) {
            text_add(&reply, "error ");
            text_add(&reply, problem);
        }
        text_add(&reply, "\n");
        if (reply.failed || !self->class->write(self, reply.data, reply.length))
            break; /* the client finds the end of the connection */
    }
    free(reply.data);
    return true;
}

/* The path has mode 0600, but that does not keep root away. Linux: unix(7), SO_PEERCRED. Python
 * wants to see that the client knows a key. */
static bool is_same_user(struct server *server, const struct request *request)
{
    (void)server;
    static const char refusal[] = "error AuthenticationError: the manager is another user's\n";
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof peer;
    if (getsockopt(request->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        peer.uid == geteuid())
        return true;
    say("server", "refuses a client of user %ld", (long)peer.uid);
    net_send_all(request->fd, refusal, sizeof refusal - 1); /* does not block: it is the first */
    return false;
}

static struct server_class manager_server(void)
{
    struct server_class class = threading_unix_stream_server();
    class.verify_request = is_same_user;
    return class;
}

static void open_manager(struct server *server, struct store *store, struct server_class class)
{
    struct handler_class handler = stream_request_handler();
    handler.handle = serve_client;
    *store = (struct store){.lock = PTHREAD_MUTEX_INITIALIZER};
    service_open(server, class, handler, NULL, 0, path);
    server->data = store;
}

/* ---- Proxy ----------------------------------------------------------------------------------- */

/* The dictionary as a client sees it: a function for each method. False: error says why, in one
 * line, and errno is ENOENT for a missing key, EINVAL for what else the manager refuses, or that of
 * the connection. The bytes of a result are good until the next call. For one thread at a time. */
struct dict {
    const char *path;
    pid_t owner; /* whose connection it is; a child makes its own */
    int fd, lost;
    long left; /* lines of a list that have not been taken, */
    int width; /* and words on each */
    struct lines replies;
    struct text request;
    struct bytes words[MOST_WORDS]; /* of the reply */
    char error[128], buffer[8192];
};

/* Connects when it is first called. */
static void dict_init(struct dict *dict, const char *manager)
{
    dict->path = manager;
    dict->owner = 0;
    dict->fd = -1;
    dict->left = 0;
    dict->request = (struct text){0};
}

static void dict_close(struct dict *dict)
{
    if (dict->fd >= 0)
        close(dict->fd);
    free(dict->request.data);
    dict_init(dict, dict->path);
}

/* From now on every call fails: another manager at this path would not know what was stored. */
static bool lose(struct dict *dict, int error)
{
    if (dict->fd >= 0)
        close(dict->fd);
    dict->fd = -1;
    dict->left = 0;
    dict->lost = error;
    snprintf(dict->error, sizeof dict->error, "no connection to the manager: %s", strerror(error));
    errno = error;
    return false;
}

/* Two processes on one connection would read each other's replies. */
static bool connect_own(struct dict *dict)
{
    if (dict->owner == getpid())
        return dict->fd >= 0 || lose(dict, dict->lost);
    if (dict->fd >= 0)
        close(dict->fd); /* this process's copy of its parent's */
    dict->owner = getpid();
    dict->left = 0;
    dict->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    dict->replies = lines_open(dict->fd, dict->buffer, sizeof dict->buffer);
    struct address address;
    if (dict->fd < 0 || !address_parse(&address, AF_UNIX, dict->path, 0) ||
        connect(dict->fd, (struct sockaddr *)&address.storage, address.length) < 0)
        return lose(dict, errno);
    return true;
}

/* The next line of the reply: the first may be an error, those of a list are what they are. */
static bool receive_words(struct dict *dict, int wanted, bool is_first)
{
    char *line;
    size_t length;
    int count;
    enum lines_result result = lines_next(&dict->replies, &line, &length);
    if (result != LINES_LINE || dict->replies.at_end)
        return lose(dict, result == LINES_ERROR ? errno : ECONNRESET);
    if (is_first && length > 6 && memcmp(line, "error ", 6) == 0) {
        snprintf(dict->error, sizeof dict->error, "%.*s", (int)length - 6, line + 6);
        errno = strncmp(dict->error, "KeyError", 8) == 0 ? ENOENT : EINVAL;
        return false;
    }
    return (!split(line, length, dict->words, &count) && count == wanted) || lose(dict, EPROTO);
}

/* The next line of a list is in words; false after the last. */
static bool dict_next(struct dict *dict)
{
    if (dict->left == 0)
        return false;
    dict->left--;
    return receive_words(dict, dict->width, false);
}

/* Sends the request that has been written and receives "ok" and so many results. A manager that
 * refuses to serve has closed the connection, but has said why. */
static bool exchange(struct dict *dict, int results)
{
    if (!connect_own(dict))
        return false;
    while (dict_next(dict))
        continue; /* what the caller has left of a list */
    text_add(&dict->request, "\n");
    if (dict->request.failed)
        return lose(dict, ENOMEM);
    bool sent = net_send_all(dict->fd, dict->request.data, dict->request.length);
    int error = errno;
    if (receive_words(dict, 1 + results, true))
        return true;
    return dict->fd < 0 && !sent ? lose(dict, error) : false;
}

static void write_words(struct dict *dict, int count, const struct bytes *words)
{
    dict->request.length = 0;
    for (int i = 0; i < count; i++)
        text_word(&dict->request, words[i]);
}

/* A request whose only result is "ok". */
static bool call_only(struct dict *dict, int count, const struct bytes *words)
{
    write_words(dict, count, words);
    return exchange(dict, 0);
}

static bool call_for(struct dict *dict, struct bytes *result, int count, const struct bytes *words)
{
    write_words(dict, count, words);
    if (!exchange(dict, 1))
        return false;
    *result = dict->words[1];
    return true;
}

static bool call_for_count(struct dict *dict, long *result, int count, const struct bytes *words)
{
    struct bytes digits;
    if (!call_for(dict, &digits, count, words))
        return false;
    *result = count_of(digits, LONG_MAX);
    return *result >= 0 || lose(dict, EPROTO);
}

/* 1 or 0: key in dic */
static bool dict_contains(struct dict *dict, struct bytes key, long *is_there)
{
    return call_for_count(dict, is_there, 2, (struct bytes[]){bytes_of("contains"), key});
}

/* dic[key], or dic.get(key, otherwise) unless that is NULL */
static bool dict_get(struct dict *dict, struct bytes key, const struct bytes *otherwise,
                     struct bytes *value)
{
    return call_for(dict, value, otherwise ? 3 : 2,
                    (struct bytes[]){bytes_of("get"), key, otherwise ? *otherwise : key});
}

/* dic[key] = value */
static bool dict_set(struct dict *dict, struct bytes key, struct bytes value)
{
    return call_only(dict, 3, (struct bytes[]){bytes_of("set"), key, value});
}

/* del dic[key] */
static bool dict_delete(struct dict *dict, struct bytes key)
{
    return call_only(dict, 2, (struct bytes[]){bytes_of("delete"), key});
}

static bool dict_len(struct dict *dict, long *count)
{
    return call_for_count(dict, count, 1, (struct bytes[]){bytes_of("len")});
}

static bool dict_clear(struct dict *dict)
{
    return call_only(dict, 1, (struct bytes[]){bytes_of("clear")});
}

/* otherwise: as for get */
static bool dict_pop(struct dict *dict, struct bytes key, const struct bytes *otherwise,
                     struct bytes *value)
{
    return call_for(dict, value, otherwise ? 3 : 2,
                    (struct bytes[]){bytes_of("pop"), key, otherwise ? *otherwise : key});
}

/* The pair that came last. */
static bool dict_popitem(struct dict *dict, struct bytes *key, struct bytes *value)
{
    write_words(dict, 1, (struct bytes[]){bytes_of("popitem")});
    if (!exchange(dict, 2))
        return false;
    *key = dict->words[1];
    *value = dict->words[2];
    return true;
}

static bool dict_setdefault(struct dict *dict, struct bytes key, struct bytes otherwise,
                            struct bytes *value)
{
    return call_for(dict, value, 3, (struct bytes[]){bytes_of("setdefault"), key, otherwise});
}

/* One request, however many pairs: all of them are set at once, or none. */
static bool dict_update(struct dict *dict, const struct table *pairs)
{
    write_words(dict, 1, (struct bytes[]){bytes_of("update")});
    text_count(&dict->request, pairs->count);
    for (const struct item *pair = pairs->first; pair; pair = pair->next) {
        text_add(&dict->request, "\n");
        text_word(&dict->request, pair->key);
        text_word(&dict->request, pair->value);
    }
    return exchange(dict, 0);
}

/* A list as it was at the time of the call; dict_next then gives line after line. */
static bool dict_list(struct dict *dict, const char *method, int width)
{
    long count;
    if (!call_for_count(dict, &count, 1, (struct bytes[]){bytes_of(method)}))
        return false;
    dict->left = count;
    dict->width = width;
    return true;
}

static bool dict_keys(struct dict *dict)
{
    return dict_list(dict, "keys", 1);
}

static bool dict_values(struct dict *dict)
{
    return dict_list(dict, "values", 1);
}

static bool dict_items(struct dict *dict)
{
    return dict_list(dict, "items", 2);
}

/* A dictionary of the caller's own, which the caller clears. */
static bool dict_copy(struct dict *dict, struct table *copy)
{
    *copy = (struct table){0};
    if (!dict_list(dict, "copy", 2))
        return false;
    while (dict_next(dict))
        if (!table_set(copy, dict->words[0], dict->words[1]))
            lose(dict, ENOMEM);
    if (dict->fd < 0)
        table_clear(copy);
    return dict->fd >= 0;
}

/* ---- The manager as a process, and what it leaves -------------------------------------------- */

static pid_t starter;
static struct process manager = {.daemon = true};
static char manager_path[128];
static int told[2]; /* a pipe: the manager tells where it listens */

/* A manager that is killed cannot unlink its path. Lesson 03 has more about this. */
static bool remove_stale_path(const char *name)
{
    struct dict probe;
    dict_init(&probe, name);
    struct stat status;
    bool is_stale = lstat(name, &status) == 0 && S_ISSOCK(status.st_mode) && !connect_own(&probe) &&
                    errno == ECONNREFUSED;
    dict_close(&probe);
    return is_stale && unlink(name) == 0;
}

/* Whoever started it may have been killed. The loop comes by here twice a second. */
static void end_without_starter(struct server *server)
{
    if (getppid() != starter)
        server_end_loop(server);
}

static int run_manager(void *argument)
{
    (void)argument;
    struct server server;
    struct store store;
    struct server_class class = manager_server();
    class.service_actions = end_without_starter;
    close(told[0]);
    stop_on_signals();
    open_manager(&server, &store, class);
    struct address_text address = address_text(&server.address);
    bool is_told = write(told[1], address.text, strlen(address.text)) > 0;
    close(told[1]);
    if (is_told)
        service_run(&server);
    table_clear(&store.table);
    return EXIT_SUCCESS;
}

static void clear_up(void)
{
    if (getpid() == starter)
        remove_stale_path(manager_path);
}

/* Returns when the manager listens; its end comes with that of the program. Manager() */
static void start_manager(void)
{
    starter = getpid();
    if (pipe(told) < 0)
        die("pipe");
    if (atexit(clear_up) != 0)
        fail("atexit");
    if (!process_start(&manager, "manager", run_manager, NULL))
        die("fork");
    close(told[1]);
    size_t have = 0;
    ssize_t got;
    while ((got = read(told[0], manager_path + have, sizeof manager_path - 1 - have)) != 0)
        have += got > 0 ? (size_t)got : 0; /* a pipe is a stream too */
    close(told[0]);
    if (have > 0)
        return;
    process_join(&manager, -1); /* it has said why */
    exit(process_exitcode(&manager));
}

/* ---- The demo -------------------------------------------------------------------------------- */

static struct dict dic; /* main's, and each child's own when it uses it */
static int written[2], may_end[2];

static void must(bool done, const struct dict *dict, const char *what)
{
    if (!done)
        fail("%s: %s", what, dict->error);
}

/* Waits for a byte in the pipe; false when all who could write one have closed it. */
static bool await_byte(int fd)
{
    char byte;
    ssize_t got;
    while ((got = read(fd, &byte, 1)) < 0 && errno == EINTR)
        continue;
    return got == 1;
}

static const char *number(int value)
{
    static char text[12];
    snprintf(text, sizeof text, "%d", value);
    return text;
}

static struct quoted shown(struct bytes bytes)
{
    return quote(bytes.data, bytes.length);
}

/* Says what the lines of the list that has been asked for hold. */
static void say_list(const char *actor, struct dict *dict)
{
    char text[256] = "";
    size_t used = 0;
    for (const char *comma = ""; dict_next(dict) && used < sizeof text; comma = ", ") {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", comma,
                                 shown(dict->words[0]).text);
        if (dict->width == 2 && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, ": %s",
                                     shown(dict->words[1]).text);
    }
    say(actor, "[%s]", text);
}

/* The posts' Foo. */
static int foo(void *argument)
{
    int i = *(int *)argument;
    char name[16], value[12];
    snprintf(name, sizeof name, "child-%d", i);
    snprintf(value, sizeof value, "%d", 100 + i);
    close(may_end[1]);
    say(name, "dic[%d] = %s", i, value);
    must(dict_set(&dic, bytes_of(number(i)), bytes_of(value)), &dic, "set");
    say(name, "dic.values()");
    must(dict_values(&dic), &dic, "values");
    say_list(name, &dic);
    if (write(written[1], "", 1) != 1)
        die("write");
    await_byte(may_end[0]); /* there is none: main closes its end */
    dict_close(&dic);
    return EXIT_SUCCESS;
}

static void play_the_post(void)
{
    struct process child[2] = {{.daemon = true}, {.daemon = true}};
    struct bytes value;
    say("main", "---- the post: a child for each i sets dic[i] = 100 + i");
    for (int i = 0; i < 2; i++) {
        if (pipe(written) < 0 || pipe(may_end) < 0)
            die("pipe");
        if (!process_start(&child[i], "child", foo, &i))
            die("fork");
        close(written[1]);
        if (!await_byte(written[0]))
            exit(EXIT_FAILURE); /* it has said why */
        say("main", "child-%d has not ended. dic[%d]", i, i);
        must(dict_get(&dic, bytes_of(number(i)), NULL, &value), &dic, "get");
        say("main", "%s", shown(value).text);
        close(written[0]);
        close(may_end[0]);
        close(may_end[1]);
        process_join(&child[i], -1);
    }
}

static void play_missing_key(void)
{
    struct bytes value, none = bytes_of("none");
    say("main", "---- an error travels to whoever asked");
    say("main", "dic[\"colour\"]");
    if (!dict_get(&dic, bytes_of("colour"), NULL, &value))
        say("main", "%s", dic.error);
    say("main", "dic.get(\"colour\", \"none\")");
    must(dict_get(&dic, bytes_of("colour"), &none, &value), &dic, "get");
    say("main", "%s", shown(value).text);
}

static void play_methods(void)
{
    struct table pairs = {0};
    struct bytes key, value;
    char any[] = "\0\n %";
    say("main", "---- one function for each method");
    must(dict_clear(&dic), &dic, "clear");
    if (!table_set(&pairs, bytes_of("error"), bytes_of("3")) ||
        !table_set(&pairs, bytes_of("fig"), bytes_of("7")))
        fail("no memory");
    say("main", "dic.update({\"error\": 3, \"fig\": 7})");
    must(dict_update(&dic, &pairs), &dic, "update");
    table_clear(&pairs);
    say("main", "dic.setdefault(\"apple\", 5)");
    must(dict_setdefault(&dic, bytes_of("apple"), bytes_of("5"), &value), &dic, "setdefault");
    say("main", "dic.items()");
    must(dict_items(&dic), &dic, "items");
    say_list("main", &dic);
    say("main", "dic.popitem()");
    must(dict_popitem(&dic, &key, &value), &dic, "popitem");
    say("main", "%s, which came last", shown(key).text);
    say("main", "dic.copy(), and the copy is changed");
    must(dict_copy(&dic, &pairs), &dic, "copy");
    if (!table_set(&pairs, bytes_of("error"), bytes_of("0")))
        fail("no memory");
    table_clear(&pairs);
    must(dict_get(&dic, bytes_of("error"), NULL, &value), &dic, "get");
    say("main", "dic[\"error\"] is %s", shown(value).text);
    say("main", "a key of any bytes");
    must(dict_set(&dic, (struct bytes){any, 4}, bytes_of("x")), &dic, "set");
    must(dict_pop(&dic, (struct bytes){any, 4}, NULL, &value), &dic, "pop");
}

/* What Python writes as dic["n"] += 1 is a get and a set. Each has the lock; nobody has it between
 * the two. */
static void play_two_calls(void)
{
    static const char *const names[] = {"ann", "bob"};
    struct dict each[2];
    struct bytes value;
    int found[2];
    say("main", "---- each call is whole, two calls are not");
    must(dict_set(&dic, bytes_of("n"), bytes_of("0")), &dic, "set");
    for (int i = 0; i < 2; i++) {
        dict_init(&each[i], manager_path);
        say(names[i], "dic[\"n\"]");
        must(dict_get(&each[i], bytes_of("n"), NULL, &value), &each[i], "get");
        found[i] = *value.data - '0';
    }
    for (int i = 0; i < 2; i++) {
        say(names[i], "has found %d, adds one: dic[\"n\"] = %d", found[i], found[i] + 1);
        must(dict_set(&each[i], bytes_of("n"), bytes_of(number(found[i] + 1))), &each[i], "set");
        dict_close(&each[i]);
    }
    must(dict_get(&dic, bytes_of("n"), NULL, &value), &dic, "get");
    say("main", "two have added one to 0: dic[\"n\"] is %s", shown(value).text);
}

/* How many of the methods fail. */
static int count_failures(struct dict *dict)
{
    struct bytes key = bytes_of("n"), value;
    struct table pairs = {0};
    long count;
    bool succeeded[METHODS] = {
        dict_contains(dict, key, &count),
        dict_get(dict, key, NULL, &value),
        dict_set(dict, key, key),
        dict_delete(dict, key),
        dict_len(dict, &count),
        dict_clear(dict),
        dict_copy(dict, &pairs),
        dict_items(dict),
        dict_keys(dict),
        dict_values(dict),
        dict_pop(dict, key, NULL, &value),
        dict_popitem(dict, &key, &value),
        dict_setdefault(dict, key, key, &value),
        dict_update(dict, &pairs),
    };
    int failures = 0;
    for (int i = 0; i < METHODS; i++)
        failures += !succeeded[i];
    return failures;
}

static void play_end_of_manager(void)
{
    struct dict late;
    long count;
    say("main", "---- the manager is killed");
    process_signal(&manager, SIGKILL);
    process_join(&manager, -1);
    say("main", "the manager's exit code is %d", process_exitcode(&manager));
    say("main", "%d of %d methods fail, at once", count_failures(&dic), METHODS);
    say("main", "%s", dic.error);
    dict_init(&late, manager_path);
    if (!dict_len(&late, &count))
        say("carl", "comes late: %s", late.error);
    dict_close(&late);
    if (remove_stale_path(manager_path))
        say("main", "removes the path, which the manager could not");
}

/* ---- Many clients ---------------------------------------------------------------------------- */

static int connected[2], go[2];

/* A set, then a get, which has to find what was set. */
static void do_op(struct dict *dict, long client, long op)
{
    char key[32], wanted[32];
    struct bytes value;
    snprintf(key, sizeof key, "client-%ld", client);
    snprintf(wanted, sizeof wanted, "%ld", op / 2);
    if (op % 2 == 0) {
        must(dict_set(dict, bytes_of(key), bytes_of(wanted)), dict, "set");
        return;
    }
    must(dict_get(dict, bytes_of(key), NULL, &value), dict, "get");
    if (value.length != strlen(wanted) || memcmp(value.data, wanted, value.length) != 0)
        fail("%s is %s, not %s", key, shown(value).text, wanted);
}

/* One process plays every DRIVERS-th client, each with a connection of its own. */
static int drive(void *argument)
{
    long first = *(int *)argument, count, left = 1;
    struct dict *dicts = calloc((size_t)(clients / DRIVERS + 1), sizeof *dicts);
    if (!dicts)
        die("calloc");
    close(go[1]);
    for (long client = first, i = 0; client < clients; client += DRIVERS, i++) {
        dict_init(&dicts[i], manager_path);
        must(dict_len(&dicts[i], &count), &dicts[i], "len");
    }
    if (write(connected[1], "", 1) != 1)
        die("write");
    close(connected[1]); /* as long as one of them could write, main would wait for all */
    await_byte(go[0]);   /* until main closes its end */
    for (long op = 0; left > 0; op++) {
        left = 0;
        for (long client = first, i = 0; client < clients; client += DRIVERS, i++)
            if (op < ops / clients + (client < ops % clients)) {
                do_op(&dicts[i], client, op);
                left++;
            }
    }
    for (long client = first, i = 0; client < clients; client += DRIVERS, i++)
        dict_close(&dicts[i]);
    free(dicts);
    return EXIT_SUCCESS;
}

static void measure(void)
{
    int drivers = clients < DRIVERS ? (int)clients : DRIVERS;
    struct process driver[DRIVERS];
    struct timespec start;
    long keys;
    if (pipe(connected) < 0 || pipe(go) < 0)
        die("pipe");
    for (int i = 0; i < drivers; i++) {
        driver[i] = (struct process){.daemon = true};
        if (!process_start(&driver[i], "driver", drive, &i))
            die("fork");
    }
    close(connected[1]);
    for (int i = 0; i < drivers; i++)
        if (!await_byte(connected[0]))
            exit(EXIT_FAILURE); /* it has said why */
    clock_gettime(CLOCK_MONOTONIC, &start);
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < drivers; i++) {
        process_join(&driver[i], -1);
        int status = process_exitcode(&driver[i]);
        if (status < 0)
            fail("driver %d was killed by signal %d", i, -status);
        if (status != EXIT_SUCCESS)
            exit(status);
    }
    say_mute(false);
    say_timing(ops, "gets and sets", start);
    must(dict_len(&dic, &keys), &dic, "len");
    say("main", "%ld keys of %ld clients; each get found what its client had set", keys, clients);
    close(connected[0]);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static int demo(char **operands)
{
    (void)operands;
    long count;
    net_raise_descriptor_limit();
    say_mute(timing);
    say("main", "starts the manager");
    start_manager();
    dict_init(&dic, manager_path);
    must(dict_len(&dic, &count), &dic,
         "len"); /* the first reply comes after the manager's first line */
    if (timing) {
        measure();
    } else {
        play_the_post();
        play_missing_key();
        play_methods();
        play_two_calls();
        play_end_of_manager();
    }
    dict_close(&dic);
    process_join_all();
    return EXIT_SUCCESS;
}

static int serve(char **operands)
{
    (void)operands;
    struct server server;
    struct store store;
    net_raise_descriptor_limit();
    stop_on_signals();
    if (path)
        remove_stale_path(path);
    open_manager(&server, &store, manager_server());
    service_run(&server);
    table_clear(&store.table);
    return EXIT_SUCCESS;
}

/* talk waits for a reply to each line. An update is several lines with one reply: so this client
 * waits for the terminal and for the manager at once, as that of lesson 13. */
static int connect_to(char **operands)
{
    struct server_class class = manager_server();
    int fd = service_connect(&class, operands[0], 0);
    char typed[4096], data[4096];
    size_t start = 0, end = 0;
    bool at_end = false;
    for (;;) {
        struct pollfd fds[] = {
            {.fd = at_end || start < end ? -1 : STDIN_FILENO, .events = POLLIN},
            {.fd = fd, .events = start < end ? POLLIN | POLLOUT : POLLIN},
        };
        if (poll(fds, 2, -1) < 0)
            continue; /* a signal */
        if (fds[1].revents & (POLLIN | POLLHUP | POLLERR)) {
            ssize_t got = recv(fd, data, sizeof data, 0);
            if (got == 0 || (got < 0 && errno != EINTR))
                break;
            fwrite(data, 1, got > 0 ? (size_t)got : 0, stdout);
            fflush(stdout);
        } else if (fds[1].revents) {
            ssize_t sent = send(fd, typed + start, end - start, MSG_NOSIGNAL | MSG_DONTWAIT);
            start += sent > 0 ? (size_t)sent : 0;
        } else if (fds[0].revents) {
            ssize_t got = read(STDIN_FILENO, typed, sizeof typed);
            start = 0;
            end = got > 0 ? (size_t)got : 0;
            at_end = got == 0 || (got < 0 && errno != EINTR);
            if (at_end)
                shutdown(fd, SHUT_WR);
        }
    }
    close(fd);
    if (!at_end)
        fail("the manager has closed the connection");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "be the manager until SIGINT or SIGTERM", serve},
        {"connect", "PATH", "send what is typed, print what comes", connect_to},
        {0},
    };
    static const struct option_spec options[] = {
        {"path", "P", "the path of the socket (default one with the pid)", .text = &path},
        {"timing", NULL, "measure gets and sets, with no narration", .flag = &timing},
        {"clients", "N", "clients at once", .number = &clients, .min = 1, .max = 10000},
        {"ops", "N", "gets and sets, of all clients", .number = &ops, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "The dictionary lives in a process of its own; whoever uses it sends messages.", commands,
        options};
    return args_run(argc, argv, &program);
}
