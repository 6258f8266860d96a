/* proxies: what a dictionary behind a manager promises (common/processes/dict.h), tested from inside.
 *
 *   proxies CLAIM   one line that says what was measured, or one line on stderr and status 1
 */
#include "claims.h"
#include "processes/dict.h"
#include "processes/manager.h"
#include "processes/table.h"
#include "stage/talk.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/un.h>

enum { STEPS = 20000, KEYS = 50, MANY = 3000 };

static struct running running;
static struct manager manager;
static char path[sizeof(struct address_text)];
static struct dict dict;

static void open_all(void)
{
    manager_open(&running.server, &manager, manager_server(), NULL);
    snprintf(path, sizeof path, "%s", address_text(&running.server.address).text);
    begin(&running);
    dict_init(&dict, path);
}

static void close_all(void)
{
    dict_close(&dict);
    end(&running);
    server_close(&running.server);
    table_clear(&manager.table);
}

static void must(bool done, const char *what)
{
    if (!done)
        fail("%s: %s", what, dict.error);
}

static void must_fail(bool done, int error, const char *what)
{
    if (done || errno != error)
        fail("%s: %s in place of %s", what, done ? "success" : strerror(errno), strerror(error));
}

static bool same(struct bytes a, struct bytes b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static void must_be(struct bytes value, const char *wanted, const char *what)
{
    if (!same(value, table_bytes(wanted)))
        fail("%s: %s, not %s", what, quote(value.data, value.length).text, wanted);
}

/* ---- The claims ------------------------------------------------------------------------------ */

static unsigned dice(unsigned sides)
{
    static unsigned long long state = 23;
    state = state * 6364136223846793005 + 1442695040888963407;
    return (unsigned)(state >> 33) % sides;
}

/* Bytes of any value, and sometimes none or as many as may be. */
static struct bytes roll(char *data, unsigned seed)
{
    size_t length = seed == 0 ? 0 : seed == 1 ? WORDS_LONGEST : 1 + seed % 7;
    for (size_t i = 0; i < length; i++)
        data[i] = (char)(seed * 37 + i);
    return (struct bytes){data, length};
}

static void expect_same_items(const struct table *model)
{
    must(dict_items(&dict), "items");
    for (const struct item *item = model->first; item; item = item->next)
        if (!dict_next(&dict) || !same(dict.words[0], item->key) ||
            !same(dict.words[1], item->value))
            fail("items: another pair, or another order");
    if (dict_next(&dict))
        fail("items: a pair too many");
}

/* Whatever is done to both, they give the same results and hold the same in the same order. */
static void like_a_table(void)
{
    static char key_data[WORDS_LONGEST], value_data[WORDS_LONGEST];
    struct table model = {0};
    struct bytes result;
    open_all();
    for (int i = 0; i < STEPS; i++) {
        struct bytes key = roll(key_data, dice(KEYS)), value = roll(value_data, dice(KEYS));
        struct item *item = table_find(&model, key);
        unsigned what = dice(4);
        if (what == 0) {
            must(dict_set(&dict, key, value) && table_set(&model, key, value), "set");
        } else if (what == 1) {
            must(dict_setdefault(&dict, key, value, &result), "setdefault");
            if (!same(result, item ? item->value : value) ||
                (!item && !table_set(&model, key, value)))
                fail("setdefault: another value");
        } else {
            bool pop = what == 2;
            if ((pop ? dict_pop : dict_get)(&dict, key, NULL, &result) != (item != NULL))
                fail("pop or get: %s", item ? dict.error : "a key that is not there");
            if (item && !same(result, item->value))
                fail("pop or get: another value");
            if (item && pop)
                table_remove(&model, item);
        }
        if (i % 500 == 0)
            expect_same_items(&model);
    }
    expect_same_items(&model);
    printf("%d steps, %zu keys in the end\n", STEPS, model.count);
    table_clear(&model);
    close_all();
}

static void results(void)
{
    static char long_data[WORDS_LONGEST + 1] = {0};
    struct bytes a = table_bytes("a"), b = table_bytes("b"), one = table_bytes("1"), key, value;
    struct bytes too_long = {long_data, sizeof long_data};
    long number;
    open_all();
    must_fail(dict_get(&dict, a, NULL, &value), ENOENT, "get");
    must_fail(dict_pop(&dict, a, NULL, &value), ENOENT, "pop");
    must_fail(dict_delete(&dict, a), ENOENT, "delete");
    must_fail(dict_popitem(&dict, &key, &value), ENOENT, "popitem");
    must_fail(dict_set(&dict, too_long, one), EINVAL, "a key that is too long");
    must(dict_contains(&dict, a, &number) && number == 0, "contains, not there");
    must(dict_get(&dict, a, &b, &value), "get with a default");
    must_be(value, "b", "get with a default");
    must(dict_pop(&dict, a, &b, &value), "pop with a default");
    must_be(value, "b", "pop with a default");
    must(dict_len(&dict, &number) && number == 0, "a default is not stored");
    must(dict_set(&dict, a, one) && dict_setdefault(&dict, b, a, &value), "setdefault");
    must_be(value, "a", "setdefault, new");
    must(dict_setdefault(&dict, a, b, &value), "setdefault");
    must_be(value, "1", "setdefault, known");
    must(dict_contains(&dict, a, &number) && number == 1, "contains");
    must(dict_keys(&dict) && dict_next(&dict), "keys");
    must_be(dict.words[0], "a", "the first key");
    must(dict_values(&dict) && dict_next(&dict) && dict_next(&dict), "values");
    must_be(dict.words[0], "a", "the second value");
    must(dict_popitem(&dict, &key, &value), "popitem");
    must_be(key, "b", "popitem, the key");
    must_be(value, "a", "popitem, the value");
    must(dict_pop(&dict, a, &b, &value), "pop");
    must_be(value, "1", "pop, in place of the default");
    must(dict_len(&dict, &number) && number == 0, "all have been taken");
    printf("each method has the result that it should have\n");
    close_all();
}

/* Each key is its own value, if there is none. */
static void fill(const char *value)
{
    struct table pairs = {0};
    char key[12];
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "%d", i);
        if (!table_set(&pairs, table_bytes(key), table_bytes(value ? value : key)))
            fail("no memory");
    }
    must(dict_update(&dict, &pairs), "update");
    table_clear(&pairs);
}

/* A list that is not read to its end is in nobody's way, in a child neither. */
static void half_a_list(void)
{
    struct bytes value;
    struct table copy;
    long count;
    int status;
    open_all();
    fill(NULL);
    must(dict_items(&dict) && dict_next(&dict), "items");
    must(dict_len(&dict, &count) && count == MANY, "len");
    if (dict_next(&dict))
        fail("a list goes on after another call");
    must(dict_keys(&dict) && dict_next(&dict) && dict_next(&dict), "keys");
    pid_t child = fork();
    if (child == 0) {
        if (dict_next(&dict))
            _exit(1);
        _exit(dict_get(&dict, table_bytes("7"), NULL, &value) && same(value, table_bytes("7")) ? 0
                                                                                               : 2);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        die("a child");
    if (status != 0)
        fail("the child had %s", WEXITSTATUS(status) == 1 ? "its parent's list" : "no value");
    for (int i = 2; i < MANY; i++)
        must(dict_next(&dict) && atoi(dict.words[0].data) == i, "the rest of the list");
    must(dict_copy(&dict, &copy) && copy.count == MANY, "copy");
    table_clear(&copy);
    printf("%d items\n", MANY);
    close_all();
}

static int listener;

/* At the path, with as many clients waiting as it takes. */
static void listen_full(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *directory = getenv("TMPDIR");
    snprintf(address.sun_path, sizeof address.sun_path, "%s/busy.%d",
             directory ? directory : "/tmp", (int)getpid());
    snprintf(path, sizeof path, "%s", address.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0)
        die("listen");
    while (manager_connect(path, false) >= 0)
        continue;
    if (errno != EAGAIN)
        die("the queue is full, but not with EAGAIN");
}

/* Somebody listens there, but takes no more: the path is not stale, and to find that out takes no
 * time. */
static void busy_is_not_stale(void)
{
    listen_full();
    if (manager_remove_stale_path(path) || access(path, F_OK) < 0)
        fail("the path of a busy manager was removed");
    close(listener);
    if (!manager_remove_stale_path(path) || access(path, F_OK) == 0)
        fail("the stale path was not removed");
    if (manager_remove_stale_path(path))
        fail("a path that is not there was removed");
    printf("a path with a full queue stayed, the same without a listener went\n");
}

/* The manager is killed in the middle of a list: the next call says so, and each one after it. */
static void killed_in_a_list(void)
{
    long count;
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        manager_open(&running.server, &manager, manager_server(), NULL);
        const char *name = address_text(&running.server.address).text;
        if (write(told[1], name, strlen(name) + 1) < 0)
            die("write");
        manager_run(&running.server);
        _exit(EXIT_SUCCESS);
    }
    if (read(told[0], path, sizeof path) < 0)
        die("read");
    dict_init(&dict, path);
    char much[900] = "";
    memset(much, 'x', sizeof much - 1); /* more than is under way when the manager ends */
    fill(much);
    must(dict_items(&dict) && dict_next(&dict), "items");
    kill(child, SIGKILL);
    if (waitpid(child, NULL, 0) < 0)
        die("waitpid");
    must_fail(dict_len(&dict, &count), ECONNRESET, "len, with most of a list unread");
    must_fail(dict_len(&dict, &count), ECONNRESET, "len, once more");
    dict_close(&dict);
    manager_remove_stale_path(path);
    printf("the loss of the manager is told as such\n");
}

/* Until then it is on its way to a call that waits. proc_pid_stat(5) */
static void wait_until_it_waits(pid_t process)
{
    char name[32], state = 0;
    snprintf(name, sizeof name, "/proc/%d/stat", (int)process);
    while (state != 'S') {
        FILE *stat = fopen(name, "r");
        if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
            die("%s", name);
        fclose(stat);
        sched_yield();
    }
}

static void make_room(int signal_number)
{
    (void)signal_number;
    int error = errno;
    accept(listener, NULL, NULL);
    errno = error;
}

/* Nobody takes its connection before a signal has interrupted it. */
static void interrupted(void)
{
    struct sigaction action = {.sa_handler = make_room}; /* without SA_RESTART */
    sigaction(SIGUSR1, &action, NULL);
    listen_full();
    pid_t parent = getpid(), child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        wait_until_it_waits(parent);
        kill(parent, SIGUSR1);
        _exit(EXIT_SUCCESS);
    }
    if (manager_connect(path, true) < 0)
        die("connect");
    waitpid(child, NULL, 0);
    close(listener);
    unlink(path);
    printf("a connection that a signal interrupts is made all the same\n");
}

/* A server that takes nothing more, and has not hung up. */
static void refused(void)
{
    int ends[2], typed[2], status, unread = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || pipe(typed) < 0)
        die("socketpair");
    pid_t client = fork();
    if (client < 0)
        die("fork");
    if (client == 0) {
        close(ends[0]);
        dup2(typed[0], STDIN_FILENO);
        _exit(!talk_both_ways(ends[1]) && errno == EPIPE ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(ends[1]);
    shutdown(ends[0], SHUT_RD);
    if (write(typed[1], "hello\n", 6) < 0)
        die("write");
    while (unread > 0) {
        ioctl(typed[0], FIONREAD, &unread);
        sched_yield();
    }
    wait_until_it_waits(client); /* and does not try again and again */
    close(ends[0]);
    if (waitpid(client, &status, 0) < 0 || status != EXIT_SUCCESS)
        fail("the client does not say that nothing was taken");
    printf("a client sends no more, waits for the end, and says why\n");
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"like-a-table", like_a_table},
        {"results", results},
        {"half-a-list", half_a_list},
        {"killed-in-a-list", killed_in_a_list},
        {"busy-is-not-stale", busy_is_not_stale},
        {"interrupted", interrupted},
        {"refused", refused},
        {0},
    };
    return claims_run(argc, argv, claims);
}
