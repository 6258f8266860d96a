/* 26a_showdown: every server of the course under the same load
 *
 * Predict  a connection for each request: what answers most of them in a second, one client at a
 *          time, a thread for each, a process for each, or epoll? And if 64 clients stay connected?
 * Run      build/26a_showdown, then with --mode echo --clients 64
 * Watch    served, before the rate; and the spread of the rounds: less than that is no difference
 * Needs    Linux: epoll(7) for the load, prctl(2) and sched_setaffinity(2)
 * Before   08a_epoll_server, 13a_mixins, 25a_prefork_server; common/bench/ is introduced here
 * After    26b_costs; your own server: --peer NAME='COMMAND'
 * Python   the posts' servers can take part: --peer py='python3 tests/peers/servers.py threading'
 */
#include "bench/contender.h"
#include "bench/load.h"
#include "bench/rounds.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 40, MOST_ROUNDS = 25, FEWEST = 24 }; /* files that may be open */

static const char *models = "serial,threading,forking,epoll", *mode_name = "connect";
static struct load_plan plan = {.clients = 16, .size = 64};
static long rounds = 3;
static bool any_cpu, with_cpu;

static const struct model {
    const char *name, *command;
} all_models[] = {
    {"serial", "01b_rude_clients serve"},
    {"select", "06_select_server serve"},
    {"poll", "07_poll_server serve"},
    {"epoll", "08a_epoll_server serve"},
    {"thread", "10_thread_server serve"},
    {"fork", "11a_fork_server serve"},
    {"tcpserver", "13a_mixins serve --class tcp"},
    {"threading", "13a_mixins serve --class threading-tcp"},
    {"forking", "13a_mixins serve --class forking-tcp"},
    {"prefork", "25a_prefork_server serve --workers 4"},
    {0},
};

static struct entry {
    char actor[24]; /* as wide as all, so that the columns stand one below the other */
    const char *command;
    double rate[MOST_ROUNDS], cpu_us; /* requests a second, and the server's time for one */
    struct load_result last;          /* of the last round */
} entries[MOST];
static int entry_count;

static void add_entry(const char *name, int length, const char *command)
{
    if (entry_count == MOST)
        args_refuse("--models, --peer: more than %d", MOST);
    entries[entry_count].command = command;
    snprintf(entries[entry_count++].actor, sizeof entries->actor, "%-15.*s", length, name);
}

static void add_peer(const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || equals[1] == '\0')
        args_refuse("--peer %s: wants NAME='COMMAND'", text);
    add_entry(text, (int)(equals - text), equals + 1);
}

static void add_model(const char *name)
{
    char there_are[256] = "";
    int before = entry_count;
    for (const struct model *model = all_models; model->name; model++) {
        strcat(strcat(there_are, " "), model->name);
        if (strcmp(name, model->name) == 0 || strcmp(name, "all") == 0)
            add_entry(model->name, (int)strlen(model->name), model->command);
    }
    if (entry_count == before)
        args_refuse("--models %s: there are%s", name, there_are);
}

/* The server is started anew, and all clients ask it for so many requests. */
static void measure(struct entry *entry, long round)
{
    struct contender contender;
    const char *why = contender_start(&contender, entry->command);
    if (why && stop_asked)
        return;
    if (why)
        fail("%s: %s", entry->command, why);
    plan.server = contender.address;
    struct load *load = load_open(&plan); /* all have been served once */
    double before = contender_cpu(&contender);
    entry->last = load_run(load);
    double cpu = contender_cpu(&contender) - before;
    load_free(load);
    contender_stop(&contender);
    if (entry->last.wrong > 0)
        fail("%s: %d replies were wrong", entry->command, entry->last.wrong);
    double count = (double)entry->last.requests;
    entry->rate[round] = count > 0 ? count / entry->last.seconds : 0;
    entry->cpu_us += count > 0 ? cpu * 1e6 / count / (double)rounds : 0;
}

/* The bar is as long as the rate, and shorter where not all clients were served. */
static void print_row(struct entry *entry, double best)
{
    double rate = rounds_median(entry->rate, rounds), ratio = best > 0 ? rate / best : 0;
    int length = (int)(ratio * entry->last.served / (double)plan.clients * 30 + 0.5);
    char figures[64];
    snprintf(figures, sizeof figures, "%6d %8.0f ±%2.0f%% %5.2f", entry->last.served, rate,
             rounds_spread(entry->rate, rounds), ratio);
    if (with_cpu)
        say(entry->actor, "%s %7.1f", figures, entry->cpu_us);
    else
        say(entry->actor, "%s %.*s", figures, length, "##############################");
    if (entry->last.failed > 0)
        say(entry->actor, "refused or lost %d of %ld", entry->last.failed,
            plan.clients + plan.idle);
}

static void print_table(void)
{
    double best = 0;
    for (int i = 0; i < entry_count; i++)
        best = fmax(best, rounds_median(entries[i].rate, rounds));
    say("load           ", "%s, clients: %ld, bytes: %ld, requests: %ld, rounds: %ld", mode_name,
        plan.clients, plan.size, plan.requests, rounds);
    say("model          ", "served     rate ±    ratio%s", with_cpu ? "     CPU" : "");
    for (int i = 0; i < entry_count; i++)
        print_row(&entries[i], best);
}

static void read_options(void)
{
    plan.mode = strcmp(mode_name, "connect") == 0 ? LOAD_CONNECT : LOAD_ECHO;
    if (plan.mode == LOAD_ECHO && strcmp(mode_name, "echo") != 0)
        args_refuse("--mode %s: not one of echo, connect", mode_name);
    if (plan.mode == LOAD_CONNECT && plan.idle > 0)
        args_refuse("--idle: for --mode echo, where a client stays connected");
    if (plan.requests == 0) /* few where each leaves a port in TIME_WAIT: the class shares them */
        plan.requests = plan.mode == LOAD_CONNECT ? 200 : 2000;
    char *list = strdup(models), *rest = list, *name;
    while (list && (name = strtok_r(rest, ",", &rest)))
        add_model(name);
    free(list);
}

static int contest(char **operands)
{
    (void)operands;
    read_options();
    stop_on_signals();
    if (net_raise_descriptor_limit() < FEWEST)
        fail("few files may be open: a contest needs %d", FEWEST);
    if (!any_cpu)
        contender_share_a_cpu();
    for (long round = 0; round < rounds; round++)            /* A B C A B C, and not A A B B C C: */
        for (int i = 0; i < entry_count && !stop_asked; i++) /* what slows one round slows all */
            measure(&entries[i], round);
    if (!stop_asked)
        print_table();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {{"", "", "compare servers", contest}, {0}};
    static const struct option_spec options[] = {
        {"models", "A,B", "names, or all", .text = &models},
        {"peer", "N='COMMAND'", "one more, of your own; may stand again", .each = add_peer},
        {"mode", "M", "echo, or connect each time", .text = &mode_name},
        {"clients", "N", "that ask at once", .number = &plan.clients, .min = 1, .max = 20000},
        {"idle", "N", "silent clients beside them", .number = &plan.idle, .max = 20000},
        {"size", "B", "bytes of a request", .number = &plan.size, .min = 1, .max = LOAD_LARGEST},
        {"requests", "N", "of a round", .number = &plan.requests, .min = 1, .max = 10000000},
        {"rounds", "N", "the median of N rounds", .number = &rounds, .min = 1, .max = MOST_ROUNDS},
        {"cpu", NULL, "the server's CPU time for a request, in microseconds", .flag = &with_cpu},
        {"any-cpu", NULL, "run on any CPU, not all on the same one", .flag = &any_cpu},
        {0},
    };
    static const char idea[] = "Every server of the course under the same load.";
    return args_run(argc, argv, &(struct program){idea, commands, options});
}
