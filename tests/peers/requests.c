/* requests: what a socketserver does for one request, tested from inside: which method is called,
 * in which order, and what the handlers do.
 *
 *   requests CLAIM   one line that says what was measured, or one line on stderr and status 1
 *
 * The claims are listed at the end; traps.bash says what each is about.
 */
#include "claims.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* ---- A server that writes down the calls of its methods, and in which one of them fails ------ */

static const char *broken; /* the method that fails; NULL: none */
static struct server_class super;
static struct handler_class super_handler;

/* The calls in the test's process, in the main thread or in another, and those in a child. */
static int calls_here[2], calls_in_child[2];
static pid_t here;

static bool called(const char *method)
{
    int fd = getpid() == here ? calls_here[1] : calls_in_child[1];
    if (dprintf(fd, "%s ", method) < 0)
        die("dprintf");
    errno = ECANCELED;
    return !broken || strcmp(method, broken) != 0;
}

static bool get_request(struct server *server, struct request *request)
{
    return called("get_request") && super.get_request(server, request);
}

static bool verify_request(struct server *server, const struct request *request)
{
    return called("verify_request") && super.verify_request(server, request);
}

static bool process_request(struct server *server, struct request *request)
{
    return called("process_request") && super.process_request(server, request);
}

static bool finish_request(struct server *server, struct request *request)
{
    return called("finish_request") && super.finish_request(server, request);
}

static bool setup(struct handler *self)
{
    return called("setup") && super_handler.setup(self);
}

static bool handle(struct handler *self)
{
    (void)self;
    return called("handle");
}

static bool finish(struct handler *self)
{
    bool finished = super_handler.finish(self); /* in any case: it frees what setup took */
    return called("finish") && finished;
}

static void handle_error(struct server *server, const struct request *request)
{
    (void)server, (void)request;
    called(errno == ECANCELED ? "handle_error" : "handle_error-without-errno");
}

static void shutdown_request(struct server *server, struct request *request)
{
    called("shutdown_request");
    super.shutdown_request(server, request);
}

static void close_request(struct server *server, struct request *request)
{
    called("close_request");
    super.close_request(server, request);
}

static struct server_class recorded(struct server_class class)
{
    super = class;
    class.get_request = get_request;
    class.verify_request = verify_request;
    class.process_request = process_request;
    class.finish_request = finish_request;
    class.handle_error = handle_error;
    class.shutdown_request = shutdown_request;
    class.close_request = close_request;
    return class;
}

static struct handler_class recorded_handler(int socket_type)
{
    struct handler_class class = super_handler = echo(socket_type);
    class.setup = setup;
    class.handle = handle;
    class.finish = finish;
    return class;
}

/* ---- The order of the calls ------------------------------------------------------------------ */

static void expect_calls(const char *what, const int pipe_ends[2], const char *expected)
{
    char calls[512];
    ssize_t size = read(pipe_ends[0], calls, sizeof calls - 1);
    calls[size < 0 ? 0 : size] = '\0';
    if (strcmp(calls, expected) != 0)
        fail("%s, %s fails: %s", what, broken ? broken : "nothing", calls);
}

/* One request, and the end of the thread or the child that has served it. */
static void serve_one(struct server_class class, const char *expected, const char *in_child)
{
    struct server server;
    open_server(&server, recorded(class), recorded_handler(class.socket_type));
    int client = client_of(&server);
    send_text(client, "hello\n");
    server_handle_request(&server);
    siginfo_t ended = {0};
    waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT);
    server_close(&server);
    close(client);
    expect_calls(class.name, calls_here, expected);
    expect_calls("a child", calls_in_child, in_child);
    int status = broken && *in_child ? EXIT_FAILURE : EXIT_SUCCESS;
    if (*in_child && (ended.si_code != CLD_EXITED || ended.si_status != status))
        fail("the child of %s ended with %d", class.name, ended.si_status);
}

static void record_calls(void)
{
    here = getpid();
    if (pipe(calls_here) < 0 || pipe(calls_in_child) < 0)
        die("pipe");
    fcntl(calls_here[0], F_SETFL, O_NONBLOCK);
    fcntl(calls_in_child[0], F_SETFL, O_NONBLOCK);
}

#define BEGINNING "get_request verify_request process_request "
#define END       "shutdown_request close_request "

/* What is called if this method fails. */
static const struct order {
    const char *broken, *calls;
} orders[] = {
    {NULL, BEGINNING "finish_request setup handle finish " END},
    {"get_request", "get_request "},
    {"verify_request", "get_request verify_request " END},
    {"process_request", BEGINNING "handle_error " END},
    {"finish_request", BEGINNING "finish_request handle_error " END},
    {"setup", BEGINNING "finish_request setup handle_error " END},
    {"handle", BEGINNING "finish_request setup handle finish handle_error " END},
    {"finish", BEGINNING "finish_request setup handle finish handle_error " END},
};
enum { ORDERS = sizeof orders / sizeof *orders };

static void expect_orders(new_class *const *classes)
{
    int count = 0;
    record_calls();
    for (; classes[count]; count++)
        for (int i = 0; i < ORDERS; i++) {
            broken = orders[i].broken;
            serve_one(classes[count](), orders[i].calls, "");
        }
    printf("%d classes, each method failing in turn: the calls are in order\n", count);
}

static void order(void)
{
    static new_class *const classes[] = {tcp_server, udp_server, unix_stream_server,
                                         unix_datagram_server, NULL};
    expect_orders(classes);
}

static void order_in_threads(void)
{
    static new_class *const classes[] = {threading_tcp_server, threading_udp_server,
                                         threading_unix_stream_server,
                                         threading_unix_datagram_server, NULL};
    expect_orders(classes);
}

/* Parent and child both close what they have of the request; who shuts it down is the child. */
static void order_in_children(void)
{
    static new_class *const classes[] = {forking_tcp_server, forking_udp_server,
                                         forking_unix_stream_server, forking_unix_datagram_server};
    record_calls();
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < ORDERS; j++) {
            const char *rest = strstr(orders[j].calls, "finish_request");
            broken = orders[j].broken;
            serve_one(classes[i](), rest ? BEGINNING "close_request " : orders[j].calls,
                      rest ? rest : "");
        }
    printf("4 classes, each method failing in turn: the calls are in order\n");
}

/* ---- handle_request and serve_forever -------------------------------------------------------- */

static int time_outs, rounds;

static void count_time_out(struct server *server)
{
    (void)server;
    time_outs++;
}

static void end_after_twenty_rounds(struct server *server)
{
    if (++rounds == 20)
        server_end_loop(server);
}

static void one_request(void)
{
    struct server server;
    struct server_class class = tcp_server();
    class.timeout = limit(5000);
    class.handle_timeout = count_time_out;
    open_server(&server, class, echo(SOCK_STREAM));
    int clients[2];
    for (int i = 0; i < 2; i++) {
        send_text(clients[i] = client_of(&server), "hello\n");
        shutdown(clients[i], SHUT_WR);
    }
    char byte;
    server_handle_request(&server);
    expect_text(clients[0], "hello\n");
    expect_end(clients[0]);
    if (recv(clients[1], &byte, 1, MSG_DONTWAIT) >= 0)
        fail("handle_request served a second client");
    server_handle_request(&server);
    expect_text(clients[1], "hello\n");
    expect_end(clients[1]);
    server_close(&server);
    if (time_outs > 0)
        fail("handle_timeout was called though a client was there");
    printf("handle_request serves one, and the next one serves the next\n");
}

static void the_time_out(void)
{
    struct server server;
    struct server_class class = tcp_server();
    class.timeout = 50;
    class.handle_timeout = count_time_out;
    open_server(&server, class, echo(SOCK_STREAM));
    time_outs = 0;
    double from = now_ms();
    server_handle_request(&server);
    double took = now_ms() - from;
    server_close(&server);
    if (time_outs != 1)
        fail("handle_timeout was called %d times", time_outs);
    if (took < 49 || took > limit(1000))
        fail("of 50 ms, it waited %.0f", took);
    printf("of 50 ms, it waited %.0f\n", took);
}

/* Also where nobody comes for the children: no service_actions, no time-out. */
static void one_request_in_a_child(void)
{
    struct server server;
    open_server(&server, forking_tcp_server(), echo(SOCK_STREAM));
    for (int i = 0; i < 20; i++) {
        int client = client_of(&server);
        send_text(client, "hello\n");
        shutdown(client, SHUT_WR);
        server_handle_request(&server);
        expect_text(client, "hello\n");
        expect_end(client);
    }
    int children = server.worker_count;
    server_close(&server);
    if (children >= 10)
        fail("%d children of 20 have not been waited for", children);
    printf("20 requests in children, %d not waited for yet\n", children);
}

/* The full house is not a client who comes: the time-out goes on. */
static void time_out_in_a_full_house(void)
{
    struct server server;
    struct server_class class = forking_tcp_server();
    class.max_children = 1;
    class.timeout = 100;
    class.handle_timeout = count_time_out;
    open_server(&server, class, echo(SOCK_STREAM));
    int first = client_of(&server), second = client_of(&server);
    send_text(second, "second\n");
    server_handle_request(&server);
    ask(first, "hello\n");
    double from = now_ms();
    server_handle_request(&server);
    double took = now_ms() - from;
    if (time_outs != 1 || took < 99 || took > limit(1000))
        fail("%d time-outs after %.0f ms", time_outs, took);
    shutdown(first, SHUT_WR);
    expect_end(first);
    server.class.timeout = limit(5000);
    server_handle_request(&server);
    expect_text(second, "second\n");
    server_close(&server);
    expect_end(second);
    printf("a time-out of 100 ms took %.0f ms in a full house, then the next was served\n", took);
}

static bool take_two_hundred_ms(struct handler *self)
{
    (void)self;
    poll(NULL, 0, 200);
    return true;
}

/* A full house that ends while handle_request waits leaves it the rest of its time, and no more.
 * The best of three, as the machine may be busy. */
static void time_out_after_a_full_house(void)
{
    double best = 1e9;
    for (int i = 0; i < 3 && best > 400; i++) {
        struct server server;
        struct server_class class = forking_tcp_server();
        struct handler_class handler = base_request_handler();
        class.max_children = 1;
        class.timeout = 300;
        handler.handle = take_two_hundred_ms;
        open_server(&server, class, handler);
        int client = client_of(&server);
        server_handle_request(&server);
        double from = now_ms();
        server_handle_request(&server);
        double took = now_ms() - from;
        best = took < best ? took : best;
        close(client);
        server_close(&server);
    }
    if (best < 299 || best > 400)
        fail("a time-out of 300 ms took %.0f ms", best);
    printf("a time-out of 300 ms took %.0f ms, of which the house was full for 200\n", best);
}

static void service_actions(void)
{
    struct server server;
    struct server_class class = tcp_server();
    class.timeout = 0;
    class.handle_timeout = count_time_out;
    class.service_actions = end_after_twenty_rounds;
    open_server(&server, class, echo(SOCK_STREAM));
    double from = now_ms();
    server_serve_forever(&server, 2);
    double took = now_ms() - from;
    if (took < 20 || time_outs > 0)
        fail("20 rounds took %.0f ms, with %d time-outs", took, time_outs);

    rounds = 0;
    int clients[20];
    for (int i = 0; i < 20; i++) {
        send_text(clients[i] = client_of(&server), "hello\n");
        shutdown(clients[i], SHUT_WR);
    }
    server_serve_forever(&server, 60000);
    for (int i = 0; i < 20; i++) {
        expect_text(clients[i], "hello\n");
        expect_end(clients[i]);
    }
    server_close(&server);
    printf("20 rounds of 2 ms took %.0f ms, and 20 clients are 20 rounds\n", took);
}

/* ---- StreamRequestHandler -------------------------------------------------------------------- */

/* What the handlers of these claims have found. */
static int lines_error;
static double handler_took; /* ms */
static bool nagle_is_off;

static bool read_a_line(struct handler *self)
{
    char *line;
    size_t length;
    double from = now_ms();
    enum lines_result result = lines_next(&self->rfile, &line, &length);
    lines_error = result == LINES_ERROR ? errno : 0;
    handler_took = now_ms() - from;
    return false;
}

static bool write_without_end(struct handler *self)
{
    static const char data[65536];
    double from = now_ms();
    while (self->class->write(self, data, sizeof data))
        from = now_ms();
    lines_error = errno;
    handler_took = now_ms() - from;
    return false;
}

static bool look_for_nagle(struct handler *self)
{
    int value = 0;
    socklen_t length = sizeof value;
    getsockopt(self->request->fd, IPPROTO_TCP, TCP_NODELAY, &value, &length);
    nagle_is_off = value;
    return true;
}

static void serve_stream(struct handler_class handler, const char *text, const char *reply)
{
    struct server server;
    open_server(&server, tcp_server(), handler);
    int client = client_of(&server);
    send_text(client, text);
    if (*reply)
        shutdown(client, SHUT_WR);
    server_handle_request(&server);
    if (*reply) {
        expect_text(client, reply);
        expect_end(client);
    } else {
        close(client);
    }
    server_close(&server);
}

static void stream_handler(void)
{
    serve_stream(echo(SOCK_STREAM), "one\r\ntwo\n\nfour", "one\ntwo\n\nfour\n");

    struct handler_class handler = stream_request_handler();
    handler.handle = look_for_nagle;
    serve_stream(handler, "", "");
    if (nagle_is_off)
        fail("TCP_NODELAY is set though nobody asked for it");
    handler.disable_nagle_algorithm = true;
    serve_stream(handler, "", "");
    if (!nagle_is_off)
        fail("disable_nagle_algorithm does not set TCP_NODELAY");

    bool (*const waiting[])(struct handler *) = {read_a_line, write_without_end};
    handler.timeout = 50;
    for (int i = 0; i < 2; i++) {
        handler.handle = waiting[i];
        serve_stream(handler, "half a line", "");
        if (lines_error != EAGAIN || handler_took < 50 || handler_took > limit(2000))
            fail("the time-out of 50 ms for a %s: %s after %.0f ms", i == 0 ? "line" : "write",
                 strerror(lines_error), handler_took);
    }
    printf("lines, time-outs both ways and TCP_NODELAY are as asked for\n");
}

/* ---- DatagramRequestHandler ------------------------------------------------------------------ */

static bool fail_at_once(struct handler *self)
{
    (void)self;
    return false;
}

static bool write_and_fail(struct handler *self)
{
    return self->class->write(self, "partial\n", 8) && false;
}

static bool write_in_parts(struct handler *self)
{
    return self->class->write(self, "in ", 3) && self->class->write(self, "parts\n", 6);
}

static bool write_too_much(struct handler *self)
{
    static const char data[65537];
    if (self->class->write(self, data, sizeof data) || errno != EMSGSIZE)
        return false;
    return self->class->write(self, "EMSGSIZE\n", 9);
}

static struct handler_class datagram(bool (*handle_it)(struct handler *))
{
    struct handler_class class = datagram_request_handler();
    if (handle_it)
        class.handle = handle_it;
    return class;
}

static int errors;

static void count_error(struct server *server, const struct request *request)
{
    (void)server, (void)request;
    errors++;
}

/* Exactly one datagram comes back, and this one. */
static void expect_datagram(struct server_class class, struct handler_class handler,
                            const char *reply)
{
    struct server server;
    char got[64];
    class.handle_error = count_error;
    open_server(&server, class, handler);
    int client = client_of(&server);
    send_text(client, "one\ntwo\n");
    server_handle_request(&server);
    ssize_t size = receive(client, got, sizeof got);
    if (size < 0)
        die("%s: no datagram", class.name);
    if ((size_t)size != strlen(reply) || memcmp(got, reply, (size_t)size) != 0)
        fail("%s: %s for %s", class.name, quote(got, (size_t)size).text,
             quote(reply, strlen(reply)).text);
    if (recv(client, got, sizeof got, MSG_DONTWAIT) >= 0)
        fail("%s: a second datagram", class.name);
    close(client);
    server_close(&server);
}

/* A Unix socket without a name cannot be answered. */
static void send_without_a_name(void)
{
    struct server server;
    struct server_class class = unix_datagram_server();
    class.handle_error = count_error;
    open_server(&server, class, datagram(NULL));
    const struct address *address = &server.address;
    int client = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sendto(client, "?", 1, 0, (const struct sockaddr *)&address->storage, address->length) < 0)
        die("sendto");
    server_handle_request(&server);
    close(client);
    server_close(&server);
}

static void datagram_handler(void)
{
    static new_class *const classes[] = {udp_server, unix_datagram_server};
    for (int i = 0; i < 2; i++) {
        struct server_class class = classes[i]();
        expect_datagram(class, datagram(NULL), "");
        expect_datagram(class, datagram(write_in_parts), "in parts\n");
        expect_datagram(class, datagram(write_too_much), "EMSGSIZE\n");
        if (errors != 2 * i)
            fail("%d errors where there is none", errors - 2 * i);
        expect_datagram(class, datagram(fail_at_once), "");
        expect_datagram(class, datagram(write_and_fail), "partial\n");
        if (errors != 2 * i + 2)
            fail("%d of 2 errors", errors - 2 * i);
    }
    send_without_a_name();
    if (errors != 5)
        fail("a client without a name is no error");
    printf("one datagram each time, empty or not, also when handle has failed\n");
}

/* ---- The claims ------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"order", order},
        {"order-in-threads", order_in_threads},
        {"order-in-children", order_in_children},
        {"one-request", one_request},
        {"one-request-in-a-child", one_request_in_a_child},
        {"the-time-out", the_time_out},
        {"time-out-in-a-full-house", time_out_in_a_full_house},
        {"time-out-after-a-full-house", time_out_after_a_full_house},
        {"service-actions", service_actions},
        {"stream-handler", stream_handler},
        {"datagram-handler", datagram_handler},
        {0},
    };
    return claims_run(argc, argv, claims);
}
