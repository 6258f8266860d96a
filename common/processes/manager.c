#define _GNU_SOURCE /* struct ucred: Linux */
#include "processes/manager.h"

#include "processes/words.h"
#include "sockets/net.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_PAIRS = 1000000 }; /* of an update */

/* ---- The methods ----------------------------------------------------------------------------- */

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
    words_add(call->reply, "ok");
    words_add_bytes(call->reply, value);
}

/* The error goes to whoever asked. With a default, the second argument, there is none. */
static void reply_missing(struct call *call)
{
    if (call->count == 3) {
        reply_value(call, call->words[2]);
    } else {
        words_add(call->reply, "error KeyError:");
        words_add_bytes(call->reply, call->words[1]);
    }
}

static void reply_done(struct call *call, bool done)
{
    words_add(call->reply, done ? "ok" : "error MemoryError: the manager has no memory left");
}

static struct item *find(struct call *call)
{
    return table_find(call->table, call->words[1]);
}

static void do_contains(struct call *call)
{
    words_add(call->reply, find(call) ? "ok 1" : "ok 0");
}

static void do_get(struct call *call)
{
    struct item *item = find(call);
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
    struct item *item = find(call);
    if (item) {
        table_remove(call->table, item);
        reply_done(call, true);
    } else {
        reply_missing(call);
    }
}

static void do_len(struct call *call)
{
    words_add(call->reply, "ok");
    words_add_number(call->reply, call->table->count);
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
        words_add(call->reply, "\n");
        if (method != 'v')
            words_add_bytes(call->reply, item->key);
        if (method != 'k')
            words_add_bytes(call->reply, item->value);
    }
}

static void do_pop(struct call *call)
{
    struct item *item = find(call);
    do_get(call);
    if (item && !call->reply->failed)
        table_remove(call->table, item);
}

static void do_popitem(struct call *call)
{
    struct item *last = call->table->last;
    if (!last) {
        words_add(call->reply, "error KeyError: the dictionary is empty");
        return;
    }
    reply_value(call, last->key);
    words_add_bytes(call->reply, last->value);
    if (!call->reply->failed)
        table_remove(call->table, last);
}

static void do_setdefault(struct call *call)
{
    if (find(call) || table_set(call->table, call->words[1], call->words[2]))
        do_get(call);
    else
        reply_done(call, false);
}

static const struct method {
    const char *name;
    int least, most;                /* words */
    void (*run)(struct call *call); /* NULL: an update, see below */
    const char *usage;              /* after the kind of error */
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

static const struct method *find_method(struct bytes name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (name.length == strlen(methods[i].name) &&
            memcmp(name.data, methods[i].name, name.length) == 0)
            return &methods[i];
    return NULL;
}

/* ---- A request: read, lock, run, unlock ------------------------------------------------------ */

static const char line_too_long[] = "ValueError: the line is too long";
/* After these two, what comes next might be taken for requests: the client is not served on. */
static const char cut_off[] = "EOFError: the request is cut off";
static const char bad_count[] = "ValueError: update takes from 0 to 1000000 pairs";

/* The next line of an update. Returns NULL, or what is wrong with it. */
static const char *read_pair(struct lines *rfile, struct table *pairs)
{
    struct bytes words[WORDS_MOST];
    char *line;
    size_t length;
    int count;
    enum lines_result result = lines_next(rfile, &line, &length);
    if (result == LINES_TOO_LONG)
        return line_too_long;
    if (result != LINES_LINE || rfile->at_end)
        return cut_off;
    const char *problem = words_split(line, length, words, &count);
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
    struct manager *manager = self->server->data;
    struct table pairs = {0};
    struct bytes words[WORDS_MOST];
    struct call call = {.table = &manager->table, .words = words, .reply = reply};
    const char *problem = words_split(line, length, words, &call.count);
    if (problem)
        return problem;
    const struct method *method = call.count > 0 ? find_method(words[0]) : NULL;
    if (!method)
        return "AttributeError: no such method";
    if (call.count < method->least || call.count > method->most)
        return method->usage;
    if (!method->run)
        problem = read_pairs(&self->rfile, words_number(words[1], MOST_PAIRS), &pairs);
    if (!problem) {
        pthread_mutex_lock(&manager->lock);
        if (method->run)
            method->run(&call);
        else
            reply_done(&call, table_update(&manager->table, &pairs));
        pthread_mutex_unlock(&manager->lock);
    }
    table_clear(&pairs);
    return problem;
}

/* ---- The handler: lesson 13's server has a thread for each client ---------------------------- */

/* One send for each reply. A last line without its newline may have lost more than that: it is not
 * carried out. */
static bool serve_client(struct handler *self)
{
    const struct manager *manager = self->server->data;
    struct service_actor actor = service_actor(self);
    struct text reply = {0};
    const char *problem = NULL;
    enum lines_result result;
    char *line;
    size_t length;
    while (problem != cut_off && problem != bad_count &&
           ((result = lines_next(&self->rfile, &line, &length)) == LINES_LINE ||
            result == LINES_TOO_LONG)) {
        if (result == LINES_LINE && !manager->quiet)
            say(actor.name, "received %s", quote(line, length).text);
        reply.length = 0;
        if (result == LINES_TOO_LONG)
            problem = line_too_long;
        else
            problem = self->rfile.at_end ? cut_off : answer(self, line, length, &reply);
        if (problem) {
            words_add(&reply, "error ");
            words_add(&reply, problem);
        }
        words_add(&reply, "\n");
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

struct server_class manager_server(void)
{
    struct server_class class = threading_unix_stream_server();
    class.verify_request = is_same_user;
    return class;
}

void manager_open(struct server *server, struct manager *manager, struct server_class class,
                  const char *path)
{
    struct handler_class handler = stream_request_handler();
    handler.handle = serve_client;
    *manager = (struct manager){.lock = PTHREAD_MUTEX_INITIALIZER};
    service_open(server, class, handler, NULL, 0, path);
    server->data = manager;
}

void manager_run(struct server *server)
{
    struct manager *manager = server->data;
    service_run(server);
    table_clear(&manager->table);
}

/* ---- The path, seen from outside ------------------------------------------------------------- */

/* With a Unix socket, one that a signal has interrupted is simply called once more. */
static bool connect_to(int fd, const struct address *address)
{
    int result;
    do
        result = connect(fd, (const struct sockaddr *)&address->storage, address->length);
    while (result < 0 && errno == EINTR);
    return result == 0;
}

int manager_connect(const char *path, bool wait)
{
    struct address address;
    if (!address_parse(&address, AF_UNIX, path, 0))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && (wait || fcntl(fd, F_SETFL, O_NONBLOCK) == 0) && connect_to(fd, &address))
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

bool manager_remove_stale_path(const char *path)
{
    struct stat status;
    if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = manager_connect(path, false);
    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == ECONNREFUSED && unlink(path) == 0;
}
