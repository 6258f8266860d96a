/* 13_mixins: a mixin replaces process_request and server_close: each request gets a worker
 *
 * Predict  four clients come at once, and each takes one unit of time. How many units have passed
 *          when TCPServer has served them all? And ThreadingTCPServer, and ForkingTCPServer?
 * Run      build/13_mixins
 * Watch    the handler is the same three times; who runs it differs. Then ann calls the hotline.
 * Before   10_thread_server, 11a_fork_server, 12b_socketserver; then common/socketserver/mixin.h,
 *          threading_mixin.c and forking_mixin.c, which this lesson introduces
 * After    14a_server_thread, 15a_overrides
 * Python   socketserver.ThreadingMixIn, ForkingMixIn, ThreadingTCPServer, ForkingUDPServer and so
 *          on; the posts' MyServer, the hotline 10086
 */
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/handler.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/crowd.h"
#include "stage/die.h"
#include "stage/say.h"
#include "stage/talk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *host = "127.0.0.1", *path = NULL;
static const char *class_name = "threading-tcp", *handler_name = "hotline";
static long port = 0, requests = 1000;
static bool timing;

/* ---- The twelve classes: four servers, as they are and with each mixin ----------------------- */

static const struct named_class {
    const char *name, *python;
    struct server_class (*class)(void);
} classes[] = {
    {"tcp", "TCPServer", tcp_server},
    {"udp", "UDPServer", udp_server},
    {"unix-stream", "UnixStreamServer", unix_stream_server},
    {"unix-datagram", "UnixDatagramServer", unix_datagram_server},
    {"threading-tcp", "ThreadingTCPServer", threading_tcp_server},
    {"threading-udp", "ThreadingUDPServer", threading_udp_server},
    {"threading-unix-stream", "ThreadingUnixStreamServer", threading_unix_stream_server},
    {"threading-unix-datagram", "ThreadingUnixDatagramServer", threading_unix_datagram_server},
    {"forking-tcp", "ForkingTCPServer", forking_tcp_server},
    {"forking-udp", "ForkingUDPServer", forking_udp_server},
    {"forking-unix-stream", "ForkingUnixStreamServer", forking_unix_stream_server},
    {"forking-unix-datagram", "ForkingUnixDatagramServer", forking_unix_datagram_server},
};

static const struct named_class *find_class(const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i].name, name) == 0)
            return &classes[i];
    args_refuse("--class %s: not tcp, udp, unix-stream or unix-datagram, nor one of these after "
                "threading- or forking-",
                name);
}

/* ---- The hotline ----------------------------------------------------------------------------- */

enum { UNFINISHED_MS = 200 };

/* UTF-8, as this file is. A prompt ends with a newline and is sent by one write, which sends all of
 * it: however short the transfers are, no character stays cut. */
static const char greeting[] = "欢迎致电10086,请输入1xxx,0转人工服务.\n";
static const char recorded[] = "通过可能会被录音.balabala一大推\n";
static const char again[] = "请重新输入.\n";

static bool is(const char *line, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(line, word, length) == 0;
}

/* The prompt for what was dialled; NULL: the call ends. */
static const char *prompt_for(const char *line, size_t length)
{
    if (is(line, length, "exit"))
        return NULL;
    return is(line, length, "0") ? recorded : again;
}

/* What was dialled is a line, or what no newline follows for a while: the posts' client sends a bare
 * "0". The end of such a text is a guess, as a stream has no messages: lesson 04. */
static enum lines_result next_dialled(struct lines *reader, char **line, size_t *length)
{
    enum lines_result result = lines_take(reader, line, length);
    while (result == LINES_MORE) {
        struct pollfd more = {.fd = reader->fd, .events = POLLIN};
        if (*length > 0 && poll(&more, 1, UNFINISHED_MS) == 0) {
            reader->start = reader->end;
            return LINES_LINE;
        }
        if (lines_fill(reader) == LINES_ERROR)
            return LINES_ERROR;
        result = lines_take(reader, line, length);
    }
    return result;
}

/* The posts' server goes on at the end of the file: a client that closes its side is sent prompts
 * without end. */
static bool answer_call(struct handler *self)
{
    const char *actor = service_actor(self);
    int number = self->request->number;
    enum lines_result result = LINES_LINE;
    const char *prompt = greeting;
    char *line;
    size_t length;
    say(actor, "client %d calls", number);
    while (prompt && !stop_asked) {
        if (!self->class->write(self, prompt, strlen(prompt)))
            return false;
        result = next_dialled(&self->rfile, &line, &length);
        if (result == LINES_END || result == LINES_ERROR)
            break;
        say(actor, "client %d dials %s", number, quote(line, length).text);
        prompt = result == LINES_TOO_LONG ? again : prompt_for(line, length);
    }
    say(actor, "client %d has left", number);
    return result != LINES_ERROR;
}

/* A datagram is a call of one line. */
static bool answer_packet(struct handler *self)
{
    struct request *request = self->request;
    const char *prompt = greeting;
    char *line;
    size_t length;
    say(service_actor(self), "client %d dials %s", request->number,
        quote(request->packet, request->length).text);
    if (lines_next(&self->rfile, &line, &length) == LINES_LINE)
        prompt = prompt_for(line, length);
    return !prompt || self->class->write(self, prompt, strlen(prompt));
}

static struct handler_class hotline(int socket_type)
{
    bool is_stream = socket_type == SOCK_STREAM;
    struct handler_class class = is_stream ? stream_request_handler() : datagram_request_handler();
    class.handle = is_stream ? answer_call : answer_packet;
    return class;
}

static struct handler_class chosen_handler(int socket_type)
{
    if (strcmp(handler_name, "hotline") == 0)
        return hotline(socket_type);
    if (strcmp(handler_name, "upper") == 0)
        return service_upper(socket_type);
    args_refuse("--handler %s: not hotline or upper", handler_name);
}

/* ---- The demo: a request that takes one unit of time ----------------------------------------- */

/* No clock, whose units a busy machine would stretch: the request is done when its client says that
 * the time is over. */
enum { CLIENTS = 4 };
static const char *const names[CLIENTS] = {"ann", "bob", "carl", "dora"};

static bool take_one_unit(struct handler *self)
{
    const char *actor = service_actor(self);
    const char *client = names[(self->request->number - 1) % CLIENTS];
    char *line;
    size_t length;
    say(actor, "begins with %s", client);
    if (!self->class->write(self, "begun\n", 6) ||
        lines_next(&self->rfile, &line, &length) != LINES_LINE)
        return false;
    say(actor, "is done with %s", client);
    return true;
}

static const struct named_class *playing;
static int server_port;
static struct lines calls[CLIENTS]; /* each with its descriptor */

static int dial(void)
{
    return net_connect(host, server_port);
}

static void call_server(int client)
{
    static char buffers[CLIENTS][128];
    int fd = dial();
    calls[client] = lines_open(fd, buffers[client], sizeof *buffers);
}

static void must_hear(int client, enum lines_result wanted)
{
    char *line;
    size_t length;
    if (lines_next(&calls[client], &line, &length) != wanted)
        fail("%s: wanted %s", names[client], wanted == LINES_LINE ? "a line" : "an end of file");
}

static void must_wait(int client)
{
    struct pollfd answer = {.fd = calls[client].fd, .events = POLLIN};
    if (poll(&answer, 1, 0) > 0)
        fail("%s: was not to be served yet", names[client]);
}

static void play_four_clients(void)
{
    int at_once = playing->class().mixin ? CLIENTS : 1, units = 0;
    for (int i = 0; i < CLIENTS; i++) {
        call_server(i);
        if (i < at_once)
            must_hear(i, LINES_LINE);
        else
            say(names[i], "is connected, and waits");
    }
    for (int first = 0; first < CLIENTS; first += at_once) {
        if (first > 0)
            must_hear(first, LINES_LINE);
        for (int i = first + at_once; i < CLIENTS; i++)
            must_wait(i);
        say("clock", "one unit of time passes");
        units++;
        for (int i = first; i < first + at_once; i++) {
            net_send_all(calls[i].fd, "tick\n", 5);
            must_hear(i, LINES_END);
            close(calls[i].fd);
        }
    }
    say("clock", "%s: %d clients in %d unit%s of time", playing->python, CLIENTS, units,
        units == 1 ? "" : "s");
}

static void ann_hears(void)
{
    char *line;
    size_t length;
    if (lines_next(&calls[0], &line, &length) == LINES_LINE)
        say("ann", "hears %.*s", (int)length, line);
    else
        say("ann", "hears the end of the call");
}

static void play_hotline(void)
{
    static const char *const keys[] = {"0\n", "9\n", "exit\n"};
    call_server(0);
    ann_hears();
    for (int i = 0; i < 3; i++) {
        say("ann", "sends %s", quote(keys[i], strlen(keys[i])).text);
        net_send_all(calls[0].fd, keys[i], strlen(keys[i]));
        ann_hears();
    }
    close(calls[0].fd);
}

static void play_timing(void)
{
    crowd_time_requests(dial, requests);
}

static struct server playing_server;

static void serve_scene(void)
{
    service_run(&playing_server);
}

/* The first to speak is the server: service_run says that it listens, and the play, which began
 * before, says nothing until it has heard from a handler. */
static int play_scene(const char *name, struct handler_class handler, void (*play)(void))
{
    playing = find_class(name);
    struct server_class class = playing->class();
    if (class.address_family != AF_INET || class.socket_type != SOCK_STREAM)
        args_refuse("--class %s: no TCP server, and --timing measures those", name);
    say("server", "---- %s", playing->python);
    stop_on_signals();
    service_open(&playing_server, class, handler, host, port, NULL);
    server_port = address_port(&playing_server.address);
    return cast_play(playing_server.fd, serve_scene, play);
}

static int demo(char **operands)
{
    (void)operands;
    static const char *const scenes[] = {"tcp", "threading-tcp", "forking-tcp"};
    find_class(class_name);
    chosen_handler(SOCK_STREAM); /* a wrong name is refused, also where it is not needed */
    stop_on_signals();
    say_mute(timing);
    if (timing)
        return play_scene(class_name, service_upper(SOCK_STREAM), play_timing);
    struct handler_class handler = stream_request_handler();
    handler.handle = take_one_unit;
    for (int i = 0; i < 3; i++) {
        int status = play_scene(scenes[i], handler, play_four_clients);
        if (status != EXIT_SUCCESS)
            return status;
    }
    return play_scene("threading-tcp", hotline(SOCK_STREAM), play_hotline);
}

/* ---- The other commands ---------------------------------------------------------------------- */

static int serve(char **operands)
{
    (void)operands;
    struct server_class class = find_class(class_name)->class();
    struct server server;
    stop_on_signals();
    service_open(&server, class, chosen_handler(class.socket_type), host, port, path);
    service_run(&server);
    return EXIT_SUCCESS;
}

/* talk waits for the terminal, and then for one reply. The hotline speaks first, and it is the
 * server that ends the call: so this client waits for both at once. */
static int call(int fd)
{
    if (!talk_both_ways(fd) && errno != 0)
        die("recv");
    return EXIT_SUCCESS;
}

static int connect_with(const char *to, long to_port)
{
    struct server_class class = find_class(class_name)->class();
    int fd = service_connect(&class, to, to_port);
    return class.socket_type == SOCK_STREAM ? call(fd) : talk(fd);
}

static int connect_to_host(char **operands)
{
    return connect_with(operands[0], args_number("PORT", operands[1], 1, 65535));
}

static int connect_to_path(char **operands)
{
    if (!strstr(class_name, "unix"))
        class_name = "unix-stream";
    return connect_with(operands[0], 0);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"", "", "play the demo", demo},
        {"serve", "", "serve until SIGINT or SIGTERM", serve},
        {"connect", "HOST PORT", "send what is typed, print what comes", connect_to_host},
        {"connect", "PATH", "the same with a Unix socket", connect_to_path},
        {0},
    };
    static const struct option_spec options[] = {
        {"class", "C", "tcp, forking-unix-datagram, ...", .text = &class_name},
        {"handler", "H", "hotline, or upper for upper case", .text = &handler_name},
        {"host", "H", "the address to listen on", .text = &host},
        {"port", "P", "the port; 0: any free one", .number = &port, .max = 65535},
        {"path", "P", "the path of a Unix socket (default one with the pid)", .text = &path},
        {"timing", NULL, "measure requests, a connection each, with no narration", .flag = &timing},
        {"ops", "N", "requests to make", .number = &requests, .min = 1, .max = 1000000},
        {0},
    };
    static const struct program program = {
        "A mixin replaces process_request and server_close: each request gets a worker.", commands,
        options};
    return args_run(argc, argv, &program);
}
