#include "processes/manager.h"

#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/die.h"
#include "stage/say.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The dictionary -------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the table */
static struct table {
    int count;
    struct item {
        char key[MANAGER_WORD], value[MANAGER_WORD];
    } items[MANAGER_PAIRS]; /* in the order of insertion, as Python keeps it */
} table;

/* Where the key is, or if it is not there, where the next new key goes. */
static int find(const char *key)
{
    int i = 0;
    while (i < table.count && strcmp(table.items[i].key, key) != 0)
        i++;
    return i;
}

/* A new key goes last, a known one keeps its place. Returns false if the table is full. */
static bool set_item(const char *key, const char *value)
{
    int i = find(key);
    if (i == MANAGER_PAIRS)
        return false;
    snprintf(table.items[i].key, MANAGER_WORD, "%s", key);
    snprintf(table.items[i].value, MANAGER_WORD, "%s", value);
    if (i == table.count)
        table.count++;
    return true;
}

/* Returns false if the key is not there. */
static bool remove_item(const char *key)
{
    int i = find(key);
    if (i == table.count)
        return false;
    table.count--;
    for (; i < table.count; i++)
        table.items[i] = table.items[i + 1];
    return true;
}

/* ---- The methods: each runs with the lock held, and sends nothing ---------------------------- */

enum { MOST_WORDS = 1 + 2 * MANAGER_PAIRS };

struct call {
    char *words[MOST_WORDS]; /* the method and its arguments */
    int count;
    char reply[MANAGER_LINE];
    size_t length;
};

/* Adds to the reply, which has room for all the words that it may hold. */
static void reply(struct call *call, const char *format, ...)
{
    size_t room = sizeof call->reply - call->length;
    va_list values;
    va_start(values, format);
    call->length += (size_t)vsnprintf(call->reply + call->length, room, format, values);
    va_end(values);
}

static const char full[] = "error MemoryError: the dictionary is full";
static const char missing[] = "error KeyError: %s"; /* it goes to whoever asked */

static void do_get(struct call *call)
{
    int i = find(call->words[1]);
    if (i < table.count)
        reply(call, "ok %s", table.items[i].value);
    else if (call->count == 3)
        reply(call, "ok %s", call->words[2]); /* the default */
    else
        reply(call, missing, call->words[1]);
}

static void do_pop(struct call *call)
{
    do_get(call);
    remove_item(call->words[1]);
}

static void do_delete(struct call *call)
{
    reply(call, remove_item(call->words[1]) ? "ok" : missing, call->words[1]);
}

static void do_set(struct call *call)
{
    reply(call, set_item(call->words[1], call->words[2]) ? "ok" : full);
}

/* All of the pairs, or none. */
static void do_update(struct call *call)
{
    struct table before = table;
    bool fits = true;
    for (int i = 1; i + 1 < call->count; i += 2)
        fits = fits && set_item(call->words[i], call->words[i + 1]);
    if (!fits)
        table = before;
    reply(call, fits ? "ok" : full);
}

static void do_clear(struct call *call)
{
    table.count = 0;
    reply(call, "ok");
}

static void do_contains(struct call *call)
{
    reply(call, "ok %d", find(call->words[1]) < table.count);
}

static void do_len(struct call *call)
{
    reply(call, "ok %d", table.count);
}

/* keys, values and items */
static void do_list(struct call *call)
{
    reply(call, "ok");
    for (int i = 0; i < table.count; i++) {
        if (strcmp(call->words[0], "values") != 0)
            reply(call, " %s", table.items[i].key);
        if (strcmp(call->words[0], "keys") != 0)
            reply(call, " %s", table.items[i].value);
    }
}

static const struct method {
    const char *name, *usage;
    int least, most; /* words */
    void (*run)(struct call *call);
} methods[] = {
    {"get", "KEY [DEFAULT]", 2, 3, do_get},
    {"pop", "KEY [DEFAULT]", 2, 3, do_pop},
    {"delete", "KEY", 2, 2, do_delete},
    {"set", "KEY VALUE", 3, 3, do_set},
    {"update", "[KEY VALUE]...", 1, MOST_WORDS, do_update},
    {"contains", "KEY", 2, 2, do_contains},
    {"clear", "no argument", 1, 1, do_clear},
    {"len", "no argument", 1, 1, do_len},
    {"keys", "no argument", 1, 1, do_list},
    {"values", "no argument", 1, 1, do_list},
    {"items", "no argument", 1, 1, do_list},
    {0},
};

/* ---- A request: split, lock, run, unlock, send ----------------------------------------------- */

/* Cuts the line into words, in place. Returns NULL, or what is wrong with the line. */
static const char *split(char *line, size_t length, struct call *call)
{
    call->count = 0;
    if (memchr(line, '\0', length))
        return "ValueError: a NUL"; /* it would hide what comes after it */
    line[length] = '\0';            /* in place of the newline */
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (strlen(word) >= MANAGER_WORD)
            return "ValueError: a word has 31 bytes at most";
        if (call->count == MOST_WORDS)
            return "ValueError: too many words";
        call->words[call->count++] = word;
    }
    return call->count > 0 ? NULL : "TypeError: which method?";
}

static void carry_out(struct call *call)
{
    const struct method *method = methods;
    while (method->name && strcmp(method->name, call->words[0]) != 0)
        method++;
    bool odd = method->run == do_update && call->count % 2 == 0; /* a key without its value */
    if (!method->name) {
        reply(call, "error AttributeError: %s", call->words[0]);
    } else if (call->count < method->least || call->count > method->most || odd) {
        reply(call, "error TypeError: %s takes %s", method->name, method->usage);
    } else {
        pthread_mutex_lock(&lock);
        method->run(call);
        pthread_mutex_unlock(&lock);
    }
}

/* A last line without its newline may have lost more than that, so it is not carried out. */
static bool serve_client(struct handler *self)
{
    struct call call;
    char *line;
    size_t length;
    while (lines_next(&self->rfile, &line, &length) == LINES_LINE && !self->rfile.at_end) {
        say(service_actor(self), "received %s", quote(line, length).text);
        call.length = 0;
        const char *problem = split(line, length, &call);
        if (problem)
            reply(&call, "error %s", problem);
        else
            carry_out(&call);
        reply(&call, "\n");
        if (!self->class->write(self, call.reply, call.length))
            break; /* the client has gone */
    }
    return true;
}

/* A client keeps its connection, so one too many would wait for ever. The last descriptor is kept
 * for telling it so. */
static bool has_room_for(struct server *server, const struct request *request)
{
    static const char refusal[] = "error OSError: the manager has too many clients\n";
    (void)server;
    int spare = dup(request->fd);
    if (spare < 0)
        net_send_all(request->fd, refusal, strlen(refusal)); /* cannot block: it is the first */
    close(spare);
    return spare >= 0;
}

void manager_open(struct server *server, const char *path)
{
    struct server_class class = threading_mixin(unix_stream_server());
    struct handler_class handler = stream_request_handler();
    class.verify_request = has_room_for;
    handler.handle = serve_client;
    service_open(server, class, handler, NULL, 0, path);
}

/* ---- A process of its own -------------------------------------------------------------------- */

static int told[2]; /* a pipe: the manager tells where it listens */

/* Ctrl-C, and a closed reader of our narration, concern the parent, which then ends the manager. */
static int run_manager(void *argument)
{
    (void)argument;
    struct server server;
    stop_on_signals();
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    process_end_with_parent(SIGTERM);
    manager_open(&server, NULL);
    dprintf(told[1], "%s", address_text(&server.address).text);
    close(told[1]);
    service_run();
    return EXIT_SUCCESS;
}

const char *manager_start(struct process *process)
{
    static char path[sizeof(struct address_text)];
    process->daemon = true;
    if (pipe(told) < 0)
        die("pipe");
    if (!process_start(process, "manager", run_manager, NULL))
        die("fork");
    close(told[1]);
    FILE *tells = fdopen(told[0], "r");
    if (!tells || !fgets(path, sizeof path, tells)) {
        process_join(process, -1); /* it has said why it cannot listen */
        exit(process_exitcode(process));
    }
    fclose(tells);
    return path;
}
