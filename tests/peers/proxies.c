/* proxies: what a dictionary behind a manager promises (common/processes/manager.h), tested from
 * inside.
 *
 *   proxies CLAIM   one line that says what was measured, or one line on stderr and status 1
 */
#include "claims.h"
#include "processes/manager.h"
#include "stage/talk.h"

#include <sched.h>
#include <sys/ioctl.h>

enum { STEPS = 20000, KEYS = 50, ROUNDS = 6000, WRITERS = 3 };

static struct running running;
static char path[sizeof(struct address_text)];
static struct dict dict;

static void open_all(void)
{
    manager_open(&running.server, NULL);
    snprintf(path, sizeof path, "%s", address_text(&running.server.address).text);
    begin(&running);
    dict_init(&dict, path);
}

static void close_all(void)
{
    dict_close(&dict);
    end(&running);
    server_close(&running.server);
}

static const char *must(const char *result)
{
    if (!result)
        fail("%s", dict.error);
    return result;
}

static void must_be(const char *result, const char *wanted, const char *what)
{
    if (strcmp(must(result), wanted) != 0)
        fail("%s: %s, not %s", what, result, wanted);
}

static void must_fail(const char *result, int error, const char *what)
{
    if (result || errno != error)
        fail("%s: %s in place of %s", what, result ? "success" : strerror(errno), strerror(error));
}

/* ---- The claims ------------------------------------------------------------------------------ */

static unsigned dice(unsigned sides)
{
    static unsigned long long state = 23;
    state = state * 6364136223846793005 + 1442695040888963407;
    return (unsigned)(state >> 33) % sides;
}

/* What the dictionary ought to hold. */
static struct {
    int count;
    struct {
        char key[MANAGER_WORD], value[MANAGER_WORD];
    } items[MANAGER_PAIRS];
} model;

static int place_of(const char *key)
{
    int i = 0;
    while (i < model.count && strcmp(model.items[i].key, key) != 0)
        i++;
    return i;
}

static void model_set(const char *key, const char *value)
{
    int i = place_of(key);
    snprintf(model.items[i].key, MANAGER_WORD, "%s", key);
    snprintf(model.items[i].value, MANAGER_WORD, "%s", value);
    model.count += i == model.count;
}

static void model_delete(int i)
{
    model.count--;
    memmove(&model.items[i], &model.items[i + 1], (size_t)(model.count - i) * sizeof *model.items);
}

static void expect_same_items(void)
{
    char items[MANAGER_LINE] = "";
    size_t length = 0;
    for (int i = 0; i < model.count; i++)
        length += (size_t)snprintf(items + length, sizeof items - length, "%s%s %s", i ? " " : "",
                                   model.items[i].key, model.items[i].value);
    must_be(dict_call(&dict, "items", NULL), items, "items");
}

/* One random call, of the dictionary and of the model. */
static void step(void)
{
    char key[MANAGER_WORD], value[MANAGER_WORD];
    snprintf(key, sizeof key, "k%u", dice(KEYS));
    snprintf(value, sizeof value, "v%u", dice(1000));
    int i = place_of(key);
    const char *known = i < model.count ? model.items[i].value : NULL;
    switch (dice(4)) {
    case 0:
        must(dict_call(&dict, "set", key, value, NULL));
        model_set(key, value);
        break;
    case 1:
        must_be(dict_call(&dict, "get", key, value, NULL), known ? known : value, "get");
        break;
    case 2:
        must_be(dict_call(&dict, "pop", key, value, NULL), known ? known : value, "pop");
        if (known)
            model_delete(i);
        break;
    default:
        must_be(dict_call(&dict, "contains", key, NULL), known ? "1" : "0", "contains");
    }
}

/* Whatever is done to both, they give the same results and hold the same in the same order. */
static void like_a_table(void)
{
    open_all();
    for (int i = 0; i < STEPS; i++) {
        step();
        if (i % 500 == 0)
            expect_same_items();
    }
    expect_same_items();
    printf("%d steps, %d keys in the end\n", STEPS, model.count);
    close_all();
}

static void results(void)
{
    open_all();
    must_fail(dict_call(&dict, "get", "a", NULL), ENOENT, "get");
    must_fail(dict_call(&dict, "pop", "a", NULL), ENOENT, "pop");
    must_fail(dict_call(&dict, "delete", "a", NULL), ENOENT, "delete");
    must_fail(dict_call(&dict, "popitem", NULL), EINVAL, "no such method");
    must_be(dict_call(&dict, "items", NULL), "", "no items");
    must_be(dict_call(&dict, "get", "a", "b", NULL), "b", "get with a default");
    must_be(dict_call(&dict, "pop", "a", "b", NULL), "b", "pop with a default");
    must_be(dict_call(&dict, "len", NULL), "0", "a default is not stored");
    must_be(dict_call(&dict, "set", "a", "1", NULL), "", "set");
    must_be(dict_call(&dict, "update", "b", "2", "c", "3", NULL), "", "update");
    must_be(dict_call(&dict, "keys", NULL), "a b c", "keys");
    must_be(dict_call(&dict, "values", NULL), "1 2 3", "values");
    must_be(dict_call(&dict, "pop", "a", "b", NULL), "1", "pop, in place of the default");
    must_be(dict_call(&dict, "delete", "b", NULL), "", "delete");
    must_be(dict_call(&dict, "items", NULL), "c 3", "items");
    must_be(dict_call(&dict, "clear", NULL), "", "clear");
    must_be(dict_call(&dict, "len", NULL), "0", "all have gone");
    printf("each method has the result that it should have\n");
    close_all();
}

/* "a b" would be another method's argument, "a\nclear" another request. */
static void words(void)
{
    static char long_word[MANAGER_LINE + 1];
    open_all();
    must(dict_call(&dict, "set", "a", "1", NULL));
    memset(long_word, 'x', MANAGER_LINE);
    must_fail(dict_call(&dict, "get", "a b", NULL), EINVAL, "a space");
    must_fail(dict_call(&dict, "get", "a\nclear", NULL), EINVAL, "a newline");
    must_fail(dict_call(&dict, "get", "a\r", NULL), EINVAL, "a carriage return");
    must_fail(dict_call(&dict, "get", "", NULL), EINVAL, "no word");
    must_fail(dict_call(&dict, "get", long_word, NULL), EINVAL, "a word longer than a line");
    long_word[MANAGER_WORD] = '\0';
    must_fail(dict_call(&dict, "get", long_word, NULL), EINVAL, "a word that is too long");
    long_word[MANAGER_WORD - 1] = '\0';
    must_fail(dict_call(&dict, "get", long_word, NULL), ENOENT, "the longest word");
    must_be(dict_call(&dict, "items", NULL), "a 1", "what is there");
    printf("7 words were refused, and nothing was done\n");
    close_all();
}

/* ---- Each call is whole ---------------------------------------------------------------------- */

/* Sets the first and the last of all keys to the same value, again and again. */
static void *write_pairs(void *name)
{
    struct dict own;
    dict_init(&own, path);
    for (int i = 0; i < ROUNDS; i++)
        if (!dict_call(&own, "update", "first", name, "last", name, NULL))
            fail("%s", own.error);
    dict_close(&own);
    return NULL;
}

/* A list of all is long in the making. Whenever main asks for one, both are one writer's. */
static void whole(void)
{
    static char *const names[WRITERS] = {"ann", "bob", "carl"};
    pthread_t writers[WRITERS];
    char key[MANAGER_WORD];
    open_all();
    must(dict_call(&dict, "set", "first", "none", NULL));
    for (int i = 0; i < MANAGER_PAIRS - 2; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        must(dict_call(&dict, "set", key, "x", NULL));
    }
    must(dict_call(&dict, "set", "last", "none", NULL));
    for (int i = 0; i < WRITERS; i++)
        if (pthread_create(&writers[i], NULL, write_pairs, names[i]) != 0)
            fail("pthread_create");
    for (int i = 0; i < ROUNDS; i++) {
        const char *values = must(dict_call(&dict, "values", NULL));
        size_t length = strcspn(values, " ");
        if (strncmp(values, strrchr(values, ' ') + 1, length) != 0)
            fail("a part of an update: %.*s and %s", (int)length, values, strrchr(values, ' '));
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    must_fail(dict_call(&dict, "update", "first", "part", "one-more", "part", NULL), EINVAL,
              "an update of more pairs than fit");
    if (strcmp(must(dict_call(&dict, "get", "first", NULL)), "part") == 0)
        fail("a part of an update that was refused");
    printf("%d lists, each of one writer, and no part of an update that was refused\n", ROUNDS);
    close_all();
}

/* The error is the caller's alone: neither the manager nor another client has any harm of it. */
static void errors(void)
{
    struct dict other;
    open_all();
    dict_init(&other, path);
    must(dict_call(&other, "set", "a", "1", NULL));
    must_fail(dict_call(&dict, "get", "b", NULL), ENOENT, "get");
    must_be(dict.error, "KeyError: b", "what is said");
    must_be(dict_call(&other, "get", "a", NULL), "1", "another client");
    must_be(dict_call(&dict, "get", "a", NULL), "1", "the same client");
    dict_close(&other);
    printf("one call failed, three did not\n");
    close_all();
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

/* ---- The manager's end ----------------------------------------------------------------------- */

/* The manager is killed while a client waits for its reply, or before it has asked. */
static void killed(void)
{
    struct process process = {0};
    dict_init(&dict, manager_start(&process));
    must(dict_call(&dict, "len", NULL));
    kill(process.pid, SIGSTOP);
    waitpid(process.pid, NULL, WUNTRACED); /* until each of its threads has stopped */
    pid_t killer = fork();
    if (killer == 0) {
        wait_until_it_waits(getppid());
        kill(process.pid, SIGKILL);
        _exit(EXIT_SUCCESS);
    }
    must_fail(dict_call(&dict, "len", NULL), ECONNRESET, "a call that waits");
    must_fail(dict_call(&dict, "len", NULL), ECONNRESET, "once more");
    process_join(&process, -1);
    unlink(dict.path);
    waitpid(killer, NULL, 0);
    printf("a call that waits is told of the manager's end\n");
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
        _exit(!talk_both_ways(ends[1]) && errno == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
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
        {"words", words},
        {"whole", whole},
        {"errors", errors},
        {"killed", killed},
        {"refused", refused},
        {0},
    };
    return claims_run(argc, argv, claims);
}
