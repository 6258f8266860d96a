/* servers: a socketserver from its making to its end, tested from inside. What is done for one
 * request is in requests.c, what the mixins add in workers.c.
 *
 *   servers CLAIM   one line that says what was measured, or one line on stderr and status 1
 *
 * The claims are listed at the end; traps.bash says what each is about.
 */
#define _DEFAULT_SOURCE /* SO_REUSEPORT */
#include "claims.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- Making a server ------------------------------------------------------------------------- */

static void every_class(void)
{
    static new_class *const classes[] = {tcp_server, udp_server, unix_stream_server,
                                         unix_datagram_server, NULL};
    serve_three_clients_each(classes);
}

static bool refuse_to_activate(struct server *server)
{
    (void)server;
    errno = EADDRINUSE;
    return false;
}

/* With so few descriptors free, the pipe can be made and the socket cannot, or neither. */
static void fail_for_want_of_descriptors(int free_ones)
{
    struct server server;
    struct rlimit before = leave_descriptors(free_ones);
    bool opened = try_to_open(&server, tcp_server(), echo(SOCK_STREAM));
    int error = errno;
    setrlimit(RLIMIT_NOFILE, &before);
    if (opened || error != EMFILE)
        fail("with %d descriptors: %s", free_ones, opened ? "it could be made" : strerror(error));
}

static void failed_inits(void)
{
    struct server server, first;
    open_server(&first, tcp_server(), echo(SOCK_STREAM));
    struct server_class class = unix_stream_server();
    class.server_activate = refuse_to_activate;
    int before = count_descriptors(), port = address_port(&first.address);
    for (int i = 0; i < 1024; i++)
        if (server_init(&server, tcp_server(), echo(SOCK_STREAM), "127.0.0.1", port, true) ||
            errno != EADDRINUSE)
            fail("the second server on one port is not refused");
    for (int i = 0; i < 100; i++) {
        if (try_to_open(&server, class, echo(SOCK_STREAM)) || errno != EADDRINUSE)
            fail("a server that cannot be activated is not refused");
        expect_nothing_left("a server that was not activated", &server, before);
    }
    for (int free_ones = 0; free_ones < 3; free_ones++)
        fail_for_want_of_descriptors(free_ones);
    if (count_descriptors() != before)
        fail("%d descriptors before and %d after", before, count_descriptors());
    server_close(&first);
    printf("1024 failed binds, 100 failed activates: %d descriptors as before\n", before);
}

static int option_of(const struct server *server, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    if (getsockopt(server->fd, SOL_SOCKET, option, &value, &length) < 0)
        die("getsockopt");
    return value;
}

/* How many clients can connect before the server accepts the first; Linux tells at once where the
 * socket is a Unix one: EAGAIN. */
static int room_in_the_queue(int request_queue_size, int enough)
{
    struct server_class class = unix_stream_server();
    class.request_queue_size = request_queue_size;
    struct server server;
    open_server(&server, class, echo(SOCK_STREAM));
    int clients[300], count = 0;
    for (bool has_room = true; has_room && count < enough; count += has_room) {
        clients[count] = socket(AF_UNIX, SOCK_STREAM, 0);
        fcntl(clients[count], F_SETFL, O_NONBLOCK);
        has_room = connect(clients[count], (struct sockaddr *)&server.address.storage,
                           server.address.length) == 0;
        if (!has_room)
            close(clients[count]);
    }
    for (int i = 0; i < count; i++)
        close(clients[i]);
    server_close(&server);
    return count;
}

static void options(void)
{
    struct server server, second;
    struct server_class class = tcp_server();
    open_server(&server, class, echo(SOCK_STREAM));
    if (option_of(&server, SO_REUSEADDR) != 0 || option_of(&server, SO_REUSEPORT) != 0)
        fail("an option is set that nobody asked for");
    server_close(&server);

    class.allow_reuse_address = true;
    open_server(&server, class, echo(SOCK_STREAM));
    if (option_of(&server, SO_REUSEADDR) != 1)
        fail("allow_reuse_address does not set SO_REUSEADDR");
    server_close(&server);

    class.allow_reuse_port = true;
    open_server(&server, class, echo(SOCK_STREAM));
    int port = address_port(&server.address);
    if (!server_init(&second, class, echo(SOCK_STREAM), "127.0.0.1", port, true))
        die("allow_reuse_port: a second server on the port");
    server_close(&second);
    server_close(&server);

    int three = room_in_the_queue(2, 300), many = room_in_the_queue(class.request_queue_size, 200);
    if (three != 3 || many != 200)
        fail("room in the queue: %d of 3 and %d of 200", three, many);
    printf("SO_REUSEADDR, SO_REUSEPORT and the length of the queue are as asked for\n");
}

static bool is_refused(const char *host, long port)
{
    struct server server;
    if (server_init(&server, tcp_server(), echo(SOCK_STREAM), host, port, true)) {
        server_close(&server);
        return false;
    }
    return errno == EINVAL && server.fd == -1;
}

static bool can_connect(const struct server *server)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int result =
        connect(fd, (const struct sockaddr *)&server->address.storage, server->address.length);
    int error = errno;
    close(fd);
    errno = error;
    return result == 0;
}

static void by_hand(void)
{
    if (!is_refused("127.0.0.1", 65536) || !is_refused("127.0.0.1", -1) ||
        !is_refused("no address", 0))
        fail("an address that is none is not refused with EINVAL");
    struct server server;
    if (!server_init(&server, tcp_server(), echo(SOCK_STREAM), "127.0.0.1", 0, false))
        die("server_init");
    if (address_port(&server.address) != 0)
        fail("it is bound although bind_and_activate is false");
    if (!server.class.server_bind(&server))
        die("server_bind");
    int port = address_port(&server.address);
    if (port <= 0 || port > 65535)
        fail("port 0 became %d", port);
    if (can_connect(&server) || errno != ECONNREFUSED)
        fail("a client can connect before server_activate");
    if (!server.class.server_activate(&server))
        die("server_activate");
    if (!can_connect(&server))
        die("a client after server_activate");
    server_close(&server);
    printf("ports out of range are refused; who connects before server_activate is refused\n");
}

/* ---- The path of a Unix server --------------------------------------------------------------- */

static bool bind_and_fail(struct server *server)
{
    unix_stream_server().server_bind(server);
    errno = EPERM;
    return false;
}

static void expect_private(const struct server *server)
{
    struct stat status;
    if (stat(address_text(&server->address).text, &status) < 0)
        die("stat");
    if (!S_ISSOCK(status.st_mode) || (status.st_mode & 07777) != 0600)
        fail("the mode of the path is %o", (unsigned)status.st_mode);
}

static void paths(void)
{
    struct server server, second;
    int before = count_descriptors();
    umask(0);
    open_server(&server, unix_stream_server(), echo(SOCK_STREAM));
    expect_private(&server);
    const struct address_text at = address_text(&server.address);
    if (server_init(&second, unix_stream_server(), echo(SOCK_STREAM), at.text, 0, true) ||
        errno != EADDRINUSE)
        fail("a second server at one path is not refused");
    if (access(at.text, F_OK) < 0)
        die("the path of the first server, after the second has failed");
    server_close(&server);
    expect_nothing_left("UnixStreamServer", &server, before);

    FILE *file = fopen(at.text, "w");
    if (!file || fclose(file) != 0)
        die("%s", at.text);
    if (server_init(&second, unix_datagram_server(), echo(SOCK_DGRAM), at.text, 0, true))
        fail("a file is no hindrance");
    if (unlink(at.text) < 0)
        die("a file that was there before");

    if (server_init(&server, unix_stream_server(), echo(SOCK_STREAM), "", 0, true))
        fail("an empty path is not refused");
    struct server_class class = unix_stream_server();
    class.server_bind = bind_and_fail;
    if (try_to_open(&server, class, echo(SOCK_STREAM)) || errno != EPERM)
        fail("a subclass that cannot be bound is not refused");
    expect_nothing_left("a server_bind that failed after super's", &server, before);
    printf("0600, gone at the end; what belongs to others stays\n");
}

/* ---- shutdown -------------------------------------------------------------------------------- */

static bool shutdown_and_answer(struct handler *self)
{
    bool waited = server_shutdown(self->server);
    const char *reply = waited ? "waited\n" : errno == EDEADLK ? "EDEADLK\n" : "false\n";
    return self->class->write(self, reply, strlen(reply));
}

static void shutdown_in_a_handler(void)
{
    struct running running;
    struct handler_class handler = stream_request_handler();
    handler.handle = shutdown_and_answer;
    open_server(&running.server, tcp_server(), handler);
    begin(&running);
    for (int i = 0; i < 2; i++) { /* it goes on */
        int client = client_of(&running.server);
        expect_text(client, "EDEADLK\n");
        expect_end(client);
    }
    end(&running);
    server_close(&running.server);
    printf("EDEADLK, and the server serves on\n");
}

static void shutdown_without_a_loop(void)
{
    struct running running;
    open_server(&running.server, tcp_server(), echo(SOCK_STREAM));
    double from = now_ms();
    if (!server_shutdown(&running.server))
        die("server_shutdown");
    serve(&running); /* ends as soon as it begins */
    double took = now_ms() - from;
    if (took > limit(500))
        fail("it took %.0f ms", took);
    begin(&running);
    ask_once(&running.server);
    end(&running);
    server_close(&running.server);
    printf("returned in %.0f ms, ended the next loop, and no more\n", took);
}

static double time_of_shutdown(struct running *running)
{
    begin(running);
    ask_once(&running->server);
    double from = now_ms();
    end(running);
    return now_ms() - from;
}

/* The best of five, as the machine may be busy; what waits for the poll_interval takes 60 s. */
static void shutdown_of_an_idle_loop(void)
{
    struct running running;
    double best = 1e9;
    open_server(&running.server, tcp_server(), echo(SOCK_STREAM));
    for (int i = 0; i < 5; i++) {
        double took = time_of_shutdown(&running);
        best = took < best ? took : best;
    }
    server_close(&running.server);
    if (best >= limit(50))
        fail("it took %.0f ms", best);
    printf("the same server was shut down five times, in %.1f ms\n", best);
}

static atomic_int loops;
static atomic_bool enough;

static void *serve_again_and_again(void *running)
{
    for (; !enough; loops++)
        serve(running);
    return NULL;
}

/* The next loop may have begun before the one who waits for the end of the last has looked. */
static void shutdown_of_loop_after_loop(void)
{
    struct running running;
    open_server(&running.server, tcp_server(), echo(SOCK_STREAM));
    if (pthread_create(&running.thread, NULL, serve_again_and_again, &running) != 0)
        fail("pthread_create");
    while (loops < 1000)
        server_shutdown(&running.server);
    enough = true;
    end(&running);
    server_close(&running.server);
    printf("1000 loops were shut down beside a thread that serves again at once\n");
}

static int rounds;

static void end_the_third_round(struct server *server)
{
    if (++rounds == 3)
        server_end_loop(server);
}

/* server_end_loop sets a flag and writes a byte. The loop may see the flag and end before the byte
 * comes, here written by hand: then it wakes the next loop, but only once. */
static void shutdown_with_a_late_byte(void)
{
    struct server server;
    open_server(&server, tcp_server(), echo(SOCK_STREAM));
    if (write(server.wake[1], "", 1) < 0)
        die("write");
    server.class.service_actions = end_the_third_round;
    double from = now_ms();
    server_serve_forever(&server, 20);
    double took = now_ms() - from;
    server_close(&server);
    if (took < 20)
        fail("three rounds of 20 ms took %.0f ms: the loop spins", took);
    printf("three rounds of 20 ms, of which the first need not wait, took %.0f ms\n", took);
}

/* ---- accept fails ---------------------------------------------------------------------------- */

static void accept_fails(void)
{
    struct running running;
    open_server(&running.server, tcp_server(), echo(SOCK_STREAM));
    begin(&running);
    int first = socket_for_later(), second = socket_for_later();
    struct rlimit before = leave_descriptors(0);
    connect_later(first, &running.server);
    double used = cpu_percent();
    setrlimit(RLIMIT_NOFILE, &before);
    expect_text(first, "hello\n");
    shutdown(first, SHUT_WR);
    expect_end(first);

    leave_descriptors(0);
    connect_later(second, &running.server);
    /* it has no more to say: an accept that was under way may still take it */
    shutdown(second, SHUT_WR);
    double from = now_ms();
    end(&running);
    double took = now_ms() - from;
    setrlimit(RLIMIT_NOFILE, &before);
    server_close(&running.server);
    if (used > 5 || took > limit(500))
        fail("accept that fails: %.1f %% of a CPU, shutdown in %.0f ms", used, took);
    printf("%.1f %% of a CPU while accept fails, then served; shutdown in %.0f ms\n", used, took);
}

/* ---- The claims ------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"every-class", every_class},
        {"failed-inits", failed_inits},
        {"options", options},
        {"by-hand", by_hand},
        {"paths", paths},
        {"shutdown-in-a-handler", shutdown_in_a_handler},
        {"shutdown-without-a-loop", shutdown_without_a_loop},
        {"shutdown-of-an-idle-loop", shutdown_of_an_idle_loop},
        {"shutdown-of-loop-after-loop", shutdown_of_loop_after_loop},
        {"shutdown-with-a-late-byte", shutdown_with_a_late_byte},
        {"accept-fails", accept_fails},
        {0},
    };
    return claims_run(argc, argv, claims);
}
