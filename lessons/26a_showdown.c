/* 26_showdown: every server of the course under the same load
 *
 * Predict  one client at a time, a thread for each client, a process for each, or one thread with
 *          epoll: which one answers most requests a second, if each request has a connection of its
 *          own? And if 1,000 clients stay connected?
 * Run      build/26_showdown, then with --mode echo --clients 1,16,256,1000 --models all
 * Watch    the order of the models changes with the load. Each figure is the median of rounds that
 *          take turns, with its spread: two runs that differ by less say nothing.
 * Needs    Linux: epoll(7) for the load, prctl(2) and sched_setaffinity(2)
 * Before   08a_epoll_server, 13_mixins, 25_prefork_server; then common/bench/load.h, common/bench/contender.h
 *          and common/bench/chart.h, which this lesson introduces
 * After    your own server: --peer NAME='COMMAND'
 * Python   the posts' servers, and the modules that they use, are among the peers
 */
#define _GNU_SOURCE /* asprintf */
#include "bench/chart.h"
#include "bench/contender.h"
#include "bench/load.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "stage/args.h"
#include "stage/die.h"
#include "stage/say.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MOST_ENTRIES = CHART_LINES,
    MOST_ROUNDS = 25,
    MOST_IDLE = 400,
    ENOUGH_IDLE = 20,
    SPARE = 50,
    FEWEST = 24
};

static const char *models = NULL, *mode_name = "connect", *clients_text = "16", *cpus = "same";
static const char *seconds_text = NULL, *requests_text = NULL, *json_path = NULL, *svg_path = NULL;
static const char *python = NULL, *limits = NULL;
static long rounds = 3, size = 64, requests = 0, idle = 0; /* requests 0: a round is a time */

/* ---- Who takes part -------------------------------------------------------------------------- */

static const struct model {
    const char *name, *command; /* in the folder of this program */
    bool is_datagram;
} all_models[] = {
    {"serial", "01b_rude_clients serve", false},
    {"select", "06_select_server serve", false},
    {"poll", "07_poll_server serve", false},
    {"epoll", "08a_epoll_server serve", false},
    {"thread", "10_thread_server serve", false},
    {"fork", "11a_fork_server serve", false},
    {"tcpserver", "13_mixins serve --handler upper --class tcp", false},
    {"threading", "13_mixins serve --handler upper --class threading-tcp", false},
    {"forking", "13_mixins serve --handler upper --class forking-tcp", false},
    {"prefork", "25_prefork_server serve", false},
    {"udpserver", "13_mixins serve --handler upper --class udp", true},
    {"threading-udp", "13_mixins serve --handler upper --class threading-udp", true},
    {"forking-udp", "13_mixins serve --handler upper --class forking-udp", true},
    {0},
};

struct round {
    double rate, median_us, p99_us; /* requests/s, and of each request */
    double served, failed;
    double cpu_seconds, replies;
};

struct entry {
    char name[20];
    char *command;
    double idle_kib; /* memory for each client that is silent; -1: it serves too few at once, or
                        none stays connected */
    struct round rounds[CHART_POINTS][MOST_ROUNDS];
};

static struct entry entries[MOST_ENTRIES];
static int entry_count, name_columns = 6;
static const char *peers[MOST_ENTRIES];
static int peer_count;
static long clients[CHART_POINTS];
static int client_counts;
static struct load_plan plan;
static int server_cpu, own_cpu;
static int idle_for_memory; /* clients */

static void add_entry(const char *name, size_t name_length, char *command)
{
    if (entry_count == MOST_ENTRIES) {
        free(command);
        args_refuse("--models, --peer: more than %d", MOST_ENTRIES);
    }
    struct entry *entry = &entries[entry_count++];
    for (size_t i = 0; i < name_length; i++)
        if (iscntrl((unsigned char)name[i]))
            args_refuse("--peer: a name has no control characters");
    if (name_length == 0 || name_length >= sizeof entry->name)
        args_refuse("--peer %.*s: a name has 1 to %zu letters", (int)name_length, name,
                    sizeof entry->name - 1);
    snprintf(entry->name, sizeof entry->name, "%.*s", (int)name_length, name);
    entry->command = command;
    entry->idle_kib = -1;
    if (!command)
        die("asprintf");
    if ((int)name_length > name_columns)
        name_columns = (int)name_length;
}

static void remember_peer(const char *text)
{
    if (peer_count == MOST_ENTRIES)
        args_refuse("--peer: more than %d", MOST_ENTRIES);
    peers[peer_count++] = text;
}

static void add_peers(void)
{
    for (int i = 0; i < peer_count; i++) {
        const char *equals = strchr(peers[i], '=');
        if (!equals || equals[1] == '\0')
            args_refuse("--peer %s: wants NAME='COMMAND'", peers[i]);
        add_entry(peers[i], (size_t)(equals - peers[i]), strdup(equals + 1));
    }
}

/* The folder that this program lies in, with a slash at its end, as the shell takes it: in quotes,
 * and a quote in its name is '\\''. proc_pid_exe(5) */
static const char *own_folder(void)
{
    static char quoted[4 * 4096];
    char path[4096], *end = quoted;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        die("readlink /proc/self/exe");
    path[length] = '\0';
    *(strrchr(path, '/') + 1) = '\0';
    *end++ = '\'';
    for (const char *c = path; *c; c++)
        end += sprintf(end, *c == '\'' ? "'\\''" : "%c", *c);
    strcpy(end, "'");
    return quoted;
}

static void add_model(const struct model *model)
{
    char *command;
    if (asprintf(&command, "%s%s", own_folder(), model->command) < 0)
        command = NULL;
    add_entry(model->name, strlen(model->name), command);
}

static bool fits_mode(const struct model *model)
{
    return model->is_datagram == (plan.mode == LOAD_DATAGRAM);
}

static _Noreturn void refuse_model(const char *name)
{
    char there_are[256] = "";
    for (const struct model *model = all_models; model->name; model++)
        if (fits_mode(model)) {
            size_t used = strlen(there_are);
            snprintf(there_are + used, sizeof there_are - used, " %s", model->name);
        }
    args_refuse("--models %s: for --mode %s there are%s", name, mode_name, there_are);
}

static void add_models(void)
{
    bool wants_all = strcmp(models, "all") == 0;
    for (const struct model *model = all_models; wants_all && model->name; model++)
        if (fits_mode(model))
            add_model(model);
    char *list = strdup(wants_all ? "" : models), *rest = list, *name;
    while (list && (name = strtok_r(rest, ",", &rest))) {
        const struct model *model = all_models;
        while (model->name && strcmp(model->name, name) != 0)
            model++;
        if (!model->name || !fits_mode(model))
            refuse_model(name);
        add_model(model);
    }
    free(list);
}

/* ---- One measurement ------------------------------------------------------------------------- */

/* Returns false where a signal came first. */
static bool start(struct contender *contender, const struct entry *entry)
{
    struct contender_error why;
    if (contender_start(contender, entry->command, server_cpu, &why)) {
        plan.server = contender->address;
        return true;
    }
    if (!stop_asked)
        fail("%s: %s", entry->name, why.text);
    return false;
}

static struct load *open_load(struct contender *contender, long count, long silent)
{
    plan.clients = (int)count;
    plan.idle = (int)silent;
    struct load *load = load_open(&plan);
    if (!load) {
        int error = errno;
        contender_stop(contender);
        errno = error;
        die("%ld clients", count + silent);
    }
    return load;
}

static void measure(const struct entry *entry, long count, struct round *round)
{
    struct contender contender;
    if (!start(&contender, entry))
        return;
    struct load *load = open_load(&contender, count, idle);
    double before = contender_cpu(&contender);
    struct load_result result = load_run(load);
    double used = contender_cpu(&contender) - before;
    load_free(load);
    contender_stop(&contender);
    if (result.wrong > 0)
        fail("%s: %d replies were wrong", entry->name, result.wrong);
    *round = (struct round){
        .rate = result.seconds > 0 ? (double)result.requests / result.seconds : 0,
        .median_us = result.median_us,
        .p99_us = result.p99_us,
        .served = result.served,
        .failed = result.failed,
        .cpu_seconds = used,
        .replies = (double)result.replies,
    };
}

/* Memory of the server for each client that is connected and silent, in KiB: that of its processes,
 * and of the kernel for them. The sockets themselves are the same for all, and are not counted. */
static double measure_idle(const struct entry *entry)
{
    struct contender contender;
    if (!start(&contender, entry))
        return -1;
    struct load *first = open_load(&contender, 1, 0); /* what the first one takes is not each's */
    long before = contender_memory(&contender);
    struct load *load = open_load(&contender, 0, idle_for_memory);
    long after = contender_memory(&contender);
    int served = load_served(load);
    load_free(load);
    load_free(first);
    contender_stop(&contender);
    if (served < ENOUGH_IDLE)
        return -1;
    return after > before ? (double)(after - before) / served : 0;
}

/* ---- Medians --------------------------------------------------------------------------------- */

struct spread {
    double median, percent; /* half of what lies between the lowest and the highest */
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(double *values, long count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    double median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    double width = values[count - 1] - values[0];
    return (struct spread){median, median > 0 ? 100 * width / 2 / median : 0};
}

/* The figure that stands at this offset of a round: its median over the rounds. offsetof(3) */
static struct spread over_rounds(const struct round *all, size_t offset)
{
    double values[MOST_ROUNDS];
    for (long i = 0; i < rounds; i++)
        values[i] = *(const double *)((const char *)&all[i] + offset);
    return spread_of(values, rounds);
}

/* The server's time for a request. Over all rounds: of children that have ended it is known in
 * steps of 10 ms. */
static double cpu_us(const struct round *all)
{
    double seconds = 0, replies = 0;
    for (long i = 0; i < rounds; i++) {
        seconds += all[i].cpu_seconds;
        replies += all[i].replies;
    }
    return replies > 0 ? seconds * 1e6 / replies : 0;
}

#define MEDIAN(all, figure) over_rounds(all, offsetof(struct round, figure)).median

/* ---- The table ------------------------------------------------------------------------------- */

/* An actor's name as wide as the longest, so that the columns stand one below the other. */
struct padded {
    char text[sizeof entries[0].name];
};

static struct padded padded(const char *name)
{
    struct padded padded = {.text = ""};
    memset(padded.text, ' ', (size_t)name_columns);
    memcpy(padded.text, name, strlen(name));
    return padded;
}

static double best_rate(int point)
{
    double best = 0;
    for (int i = 0; i < entry_count; i++) {
        double rate = MEDIAN(entries[i].rounds[point], rate);
        best = rate > best ? rate : best;
    }
    return best;
}

static void print_row(const struct entry *entry, int point, double best)
{
    const struct round *all = entry->rounds[point];
    struct spread rate = over_rounds(all, offsetof(struct round, rate));
    char kib[16] = "-";
    if (entry->idle_kib >= 0)
        snprintf(kib, sizeof kib, "%.1f", entry->idle_kib);
    say(padded(entry->name).text, "%7.0f ±%2.0f%% %5.2f %7.0f %8.0f %6.1f %6s %6.0f", rate.median,
        rate.percent, best > 0 ? rate.median / best : 0, MEDIAN(all, median_us),
        MEDIAN(all, p99_us), cpu_us(all), kib, MEDIAN(all, served));
}

static const char *plural(long count)
{
    return count == 1 ? "" : "s";
}

static void print_table(int point)
{
    char round[32];
    snprintf(round, sizeof round, "%s s", seconds_text);
    if (requests > 0)
        snprintf(round, sizeof round, "%ld request%s", requests, plural(requests));
    say(padded("load").text, "%ld client%s, %s of %ld byte%s, %ld round%s of %s", clients[point],
        plural(clients[point]), mode_name, size, plural(size), rounds, plural(rounds), round);
    say(padded("model").text, "   rate ±     ratio  median     99 %%    CPU   idle served");
    say(padded("").text, "    1/s                  us       us     us    KiB");
    double best = best_rate(point);
    for (int i = 0; i < entry_count; i++)
        print_row(&entries[i], point, best);
    for (int i = 0; i < entry_count; i++) {
        const struct round *all = entries[i].rounds[point];
        if (MEDIAN(all, failed) > 0)
            say(padded(entries[i].name).text, "refused or lost %.0f of %ld clients",
                MEDIAN(all, failed), clients[point] + idle);
        else if (MEDIAN(all, served) < 1)
            say(padded(entries[i].name).text, "no reply within %d ms: not measured", LOAD_QUIET_MS);
    }
}

/* A peer whose name ends in that of a model, as py-serial does, is its pair: they are compared round
 * by round, as the two of a round ran one after the other. */
static void print_pairs(int point)
{
    for (int i = 0; i < entry_count; i++)
        for (int peer = 0; peer < entry_count; peer++) {
            size_t length = strlen(entries[peer].name), of_model = strlen(entries[i].name);
            if (length <= of_model + 1 || entries[peer].name[length - of_model - 1] != '-' ||
                strcmp(entries[peer].name + length - of_model, entries[i].name) != 0)
                continue;
            double ratios[MOST_ROUNDS];
            for (long round = 0; round < rounds; round++) {
                double rate = entries[peer].rounds[point][round].rate;
                ratios[round] = rate > 0 ? entries[i].rounds[point][round].rate / rate : 0;
            }
            struct spread ratio = spread_of(ratios, rounds);
            say(padded(entries[i].name).text, "%5.2f ±%2.0f%% of %s", ratio.median, ratio.percent,
                entries[peer].name);
        }
}

/* As long as the rate, and shorter where not all clients were served. */
static void print_bars(int point)
{
    static const char bar[] = "########################################";
    double best = best_rate(point);
    say(padded("load").text, "requests a second with %ld client%s", clients[point],
        plural(clients[point]));
    for (int i = 0; i < entry_count; i++) {
        double rate = MEDIAN(entries[i].rounds[point], rate);
        double share = MEDIAN(entries[i].rounds[point], served) / (double)clients[point];
        int length = best > 0 ? (int)(rate / best * share * (double)(sizeof bar - 1) + 0.5) : 0;
        if (share < 1)
            say(padded(entries[i].name).text, "%-20.*s %.0f of %ld served", length, bar,
                share * (double)clients[point], clients[point]);
        else
            say(padded(entries[i].name).text, "%-40.*s %7.0f", length, bar, rate);
    }
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Names are the user's own: a quote or a backslash in one would end the string. */
static void write_name(FILE *file, const char *name)
{
    fputc('"', file);
    for (; *name; name++)
        fprintf(file, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
    fputc('"', file);
}

static void write_point(FILE *file, const struct entry *entry, int point)
{
    const struct round *all = entry->rounds[point];
    char kib[16] = "null";
    if (entry->idle_kib >= 0)
        snprintf(kib, sizeof kib, "%.1f", entry->idle_kib);
    fprintf(file, "  {\"model\": ");
    write_name(file, entry->name);
    fprintf(file,
            ", \"mode\": \"%s\", \"clients\": %ld, \"idle\": %ld, \"size\": %ld,\n"
            "   \"rate\": %.1f, \"median_us\": %.1f, \"p99_us\": %.1f, \"cpu_us\": %.2f, "
            "\"idle_kib\": %s, \"served\": %.0f, \"failed\": %.0f,\n   \"rates\": [",
            mode_name, clients[point], idle, size, MEDIAN(all, rate), MEDIAN(all, median_us),
            MEDIAN(all, p99_us), cpu_us(all), kib, MEDIAN(all, served), MEDIAN(all, failed));
    for (long i = 0; i < rounds; i++)
        fprintf(file, "%s%.1f", i > 0 ? ", " : "", all[i].rate);
    fprintf(file, "]}");
}

static void write_json(void)
{
    FILE *file = fopen(json_path, "w");
    if (!file)
        die("open %s", json_path);
    for (int point = 0; point < client_counts; point++)
        for (int i = 0; i < entry_count; i++) {
            fprintf(file, "%s", point + i == 0 ? "[\n" : ",\n");
            write_point(file, &entries[i], point);
        }
    fprintf(file, "\n]\n");
    if (ferror(file) || fclose(file) != 0)
        die("write %s", json_path);
}

/* A line ends where its server no longer serves all clients. */
static void write_svg(void)
{
    static struct chart chart;
    char title[80];
    snprintf(title, sizeof title, "Requests a second (%s), as long as all clients are served",
             mode_name);
    chart.title = title;
    chart.x_title = "clients";
    chart.y_title = "requests a second";
    chart.points = client_counts;
    chart.lines = entry_count;
    for (int point = 0; point < client_counts; point++)
        chart.x[point] = (double)clients[point];
    for (int i = 0; i < entry_count; i++) {
        chart.line[i].name = entries[i].name;
        for (int point = 0; point < client_counts; point++) {
            if (MEDIAN(entries[i].rounds[point], served) < (double)clients[point])
                break;
            chart.line[i].y[point] = MEDIAN(entries[i].rounds[point], rate);
        }
    }
    if (!chart_write(&chart, svg_path))
        die("write %s", svg_path);
}

/* ---- The contest ----------------------------------------------------------------------------- */

static void show_progress(const char *what, long count, long round)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (what)
        fprintf(stderr, "\r%-16s %6ld clients, round %ld of %ld ", what, count, round + 1, rounds);
    else
        fprintf(stderr, "\r%60s\r", "");
}

/* A B C A B C, and not A A B B C C: what slows the machine for a while slows all. */
static void take_turns(int point)
{
    for (long round = 0; round < rounds; round++)
        for (int i = 0; i < entry_count && !stop_asked; i++) {
            show_progress(entries[i].name, clients[point], round);
            measure(&entries[i], clients[point], &entries[i].rounds[point][round]);
        }
    show_progress(NULL, 0, 0);
}

/* Once: it differs by less than 1 % from one time to the next. */
static void measure_memory(void)
{
    for (int i = 0; i < entry_count && !stop_asked; i++) {
        show_progress(entries[i].name, idle_for_memory, 0);
        entries[i].idle_kib = measure_idle(&entries[i]);
    }
}

static void read_mode(void)
{
    static const char *const names[] = {"echo", "connect", "datagram"};
    for (int mode = LOAD_ECHO; mode <= LOAD_DATAGRAM; mode++)
        if (strcmp(mode_name, names[mode]) == 0) {
            plan.mode = (enum load_mode)mode;
            return;
        }
    args_refuse("--mode %s: not one of echo, connect, datagram", mode_name);
}

static void read_clients(void)
{
    char *list = strdup(clients_text), *rest = list, *word;
    while (list && (word = strtok_r(rest, ",", &rest))) {
        if (client_counts == CHART_POINTS)
            args_refuse("--clients: more than %d numbers", CHART_POINTS);
        clients[client_counts] = args_number("--clients", word, 1, 20000);
        if (client_counts > 0 && clients[client_counts] <= clients[client_counts - 1])
            args_refuse("--clients %s: not from few to many", clients_text);
        client_counts++;
    }
    free(list);
    if (client_counts == 0)
        args_refuse("--clients: no number");
}

/* Each connection leaves a port in TIME_WAIT (lesson 09), and thirty students share one table of
 * them: so the demo counts its requests. */
static void read_round(void)
{
    char *end;
    if (seconds_text && requests_text)
        args_refuse("--seconds, --requests: one or the other");
    if (!seconds_text && !requests_text && plan.mode == LOAD_CONNECT)
        requests_text = "200";
    if (requests_text)
        requests = args_number("--requests", requests_text, 1, 10000000);
    if (!seconds_text)
        seconds_text = "0.05";
    double seconds = strtod(seconds_text, &end);
    if (end == seconds_text || *end != '\0' || !(seconds >= 0.01 && seconds <= 60))
        args_refuse("--seconds %s: not a number from 0.01 to 60", seconds_text);
    plan.ms = (long)(seconds * 1000);
}

static void read_cpus(void)
{
    static const char *const names[] = {"same", "split", "free"};
    int which = 0;
    while (which < 3 && strcmp(cpus, names[which]) != 0)
        which++;
    if (which == 3)
        args_refuse("--cpus %s: not one of same, split, free", cpus);
    server_cpu = which == 2 ? -1 : contender_allowed_cpu(0);
    own_cpu = which == 1 ? contender_allowed_cpu(1) : server_cpu;
    if (which == 1 && own_cpu < 0)
        args_refuse("--cpus split: this program may use one CPU only");
}

static void read_options(void)
{
    read_mode();
    read_clients();
    read_round();
    read_cpus();
    plan.size = (size_t)size;
    plan.requests = requests;
    if (!models)
        models = plan.mode == LOAD_DATAGRAM ? "all" : "serial,threading,forking,epoll";
    add_models();
    add_peers();
    if (entry_count == 0)
        args_refuse("--models: nobody takes part");
    if (plan.mode == LOAD_DATAGRAM && size > 8192)
        args_refuse("--size %ld: a server takes a datagram of 8192 bytes at most", size);
    if (plan.mode == LOAD_CONNECT && idle > 0)
        args_refuse("--idle: for --mode echo and datagram, where a client stays connected");
}

static int contest(char **operands)
{
    (void)operands;
    if (python || limits)
        args_refuse("--python, --limits: for programs");
    read_options();
    stop_on_signals();
    long descriptors = net_raise_descriptor_limit();
    if (descriptors < FEWEST)
        fail("%ld files may be open: a contest needs %d", descriptors, FEWEST);
    idle_for_memory = descriptors < MOST_IDLE + SPARE ? (int)descriptors - SPARE : MOST_IDLE;
    contender_pin(own_cpu);
    if (plan.mode == LOAD_ECHO && idle_for_memory >= ENOUGH_IDLE)
        measure_memory();
    for (int point = 0; point < client_counts && !stop_asked; point++) {
        take_turns(point);
        if (stop_asked)
            return EXIT_SUCCESS;
        print_table(point);
        print_pairs(point);
    }
    if (stop_asked)
        return EXIT_SUCCESS;
    print_bars(client_counts - 1);
    if (json_path)
        write_json();
    if (svg_path)
        write_svg();
    for (int i = 0; i < entry_count; i++)
        free(entries[i].command);
    return EXIT_SUCCESS;
}

/* ---- What is not a server -------------------------------------------------------------------- */

/* The --timing of a lesson, or a program of tests/peers/, and the word by which --python and
 * --limits know the same thing. */
static const struct timed {
    const char *word, *command, *limit;
} all_timed[] = {
    {"thread", "peers/costs thread", "thread"},
    {"lock", "peers/costs lock", "lock"},
    {"event", "peers/costs event", "event"},
    {"process", "peers/costs process", "process"},
    {"array", "peers/costs array", "array"},
    {"plock", "peers/costs array 4", "plock"},
    {"dict", "peers/costs dict", "dict"},
    {"apply", "peers/costs apply 2", "apply"},
    {"async", "peers/costs async 2", "async"},
    {"map1", "peers/costs map1 2", "async"},
    {"map", "peers/costs map 2", "map"},
    {0},
};

/* Runs the command and finds the rate in its line "timing | N things in S s, R things/s". */
static double rate_of(const char *command)
{
    char line[256];
    double rate = 0;
    int says, status = -1;
    pid_t process = contender_run(command, server_cpu, &says);
    FILE *output = process < 0 ? NULL : fdopen(says, "r");
    while (output && fgets(line, sizeof line, output)) {
        const char *comma = strrchr(line, ',');
        if (strncmp(line, "timing | ", 9) == 0 && comma)
            rate = strtod(comma + 1, NULL);
    }
    if (!output || fclose(output) != 0 || waitpid(process, &status, 0) < 0 || status != 0 ||
        rate <= 0)
        fail("%s: has no line with its timing", command);
    return rate;
}

static double rate_of_peer(const char *command, const char *word)
{
    char line[512];
    if (!command)
        return 0;
    snprintf(line, sizeof line, "%s %s", command, word);
    return rate_of(line);
}

/* The ratio of a lesson to its peer, round by round, and the median of that: the two of a round ran
 * one after the other. */
static const char *ratio_text(double *ratios, char *text, size_t room)
{
    struct spread ratio = spread_of(ratios, rounds);
    if (ratio.median > 0)
        snprintf(text, room, "%8.2f ±%2.0f%%", ratio.median, ratio.percent);
    else
        snprintf(text, room, "%13s", "-");
    return text;
}

static void time_one(const struct timed *timed)
{
    double rates[MOST_ROUNDS], of_python[MOST_ROUNDS], of_limit[MOST_ROUNDS];
    char command[4 * 4096 + 128], first[32], second[32];
    snprintf(command, sizeof command, "%s%s", own_folder(), timed->command);
    for (long i = 0; i < rounds; i++) {
        show_progress(timed->word, 0, i);
        rates[i] = rate_of(command);
        double peer = rate_of_peer(python, timed->word), limit = rate_of_peer(limits, timed->limit);
        of_python[i] = peer > 0 ? rates[i] / peer : 0;
        of_limit[i] = limit > 0 ? rates[i] / limit : 0;
    }
    show_progress(NULL, 0, 0);
    struct spread rate = spread_of(rates, rounds);
    say(padded(timed->word).text, "%10.0f ±%2.0f%% %s %s", rate.median, rate.percent,
        ratio_text(of_python, first, sizeof first), ratio_text(of_limit, second, sizeof second));
}

static int programs(char **operands)
{
    (void)operands;
    bool has_other =
        models || peer_count || idle || requests_text || seconds_text || json_path || svg_path;
    if (has_other || size != 64 || strcmp(mode_name, "connect") || strcmp(clients_text, "16"))
        args_refuse("programs: takes --rounds, --cpus, --python and --limits");
    read_cpus();
    name_columns = 7;
    say(padded("program").text, "       rate ±      of Python  of bare calls");
    for (const struct timed *timed = all_timed; timed->word; timed++)
        time_one(timed);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "compare servers", contest},
        {"programs", "", "compare what is not a server, by --timing", programs},
        {0},
    };
    static const struct option_spec options[] = {
        {"models", "A,B", "who takes part: names; all: every one that fits the mode",
         .text = &models},
        {"peer", "N='COMMAND'", "one more, of your own; may stand again", .each = remember_peer},
        {"mode", "M", "echo, connect each time, or datagram", .text = &mode_name},
        {"clients", "N,N", "clients that ask at once; several numbers", .text = &clients_text},
        {"idle", "N", "silent clients beside them", .number = &idle, .max = 20000},
        {"size", "B", "bytes of a request", .number = &size, .min = 1, .max = 1000000},
        {"seconds", "S", "how long a round takes; 0.05, but for connect", .text = &seconds_text},
        {"requests", "N", "or how many requests; 200 to connect", .text = &requests_text},
        {"rounds", "N", "the median of so many", .number = &rounds, .min = 1, .max = MOST_ROUNDS},
        {"cpus", "C", "same: one for all; split: one each; free", .text = &cpus},
        {"json", "FILE", "write all figures", .text = &json_path},
        {"svg", "FILE", "write a chart", .text = &svg_path},
        {"python", "COMMAND", "programs: with a row's word, times it in Python", .text = &python},
        {"limits", "COMMAND", "programs: and with the bare calls", .text = &limits},
        {0},
    };
    static const struct program program = {"Every server of the course under the same load.",
                                           commands, options};
    return args_run(argc, argv, &program);
}
