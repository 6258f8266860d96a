/* workers: what the mixins add to a socketserver, tested from inside: a thread or a process for
 * each request, too many of them, and what becomes of them at the end.
 *
 *   workers CLAIM   one line that says what was measured, or one line on stderr and status 1
 *
 * The claims are listed at the end; traps.bash says what each is about.
 */
#include "claims.h"

#include <sched.h>
#include <sys/ioctl.h>

/* ---- The eight classes ----------------------------------------------------------------------- */

static new_class *const mixed[] = {
    threading_tcp_server,           threading_udp_server,         threading_unix_stream_server,
    threading_unix_datagram_server, forking_tcp_server,           forking_udp_server,
    forking_unix_stream_server,     forking_unix_datagram_server, NULL};

static void every_class(void)
{
    serve_three_clients_each(mixed);
}

/* As deep as a handler that works without a mixin may be: the stack is the system's. */
static bool echo_from_the_deep(struct handler *self)
{
    volatile char locals[300 * 1024];
    for (size_t i = 0; i < sizeof locals; i += 1024)
        locals[i] = 1;
    return locals[0] && echo_lines(self);
}

enum { ENOUGH = 1024 * 1024 };

/* musl gives a thread 128 KiB: there the class has to say more. */
static bool stacks_are_small(void)
{
    pthread_attr_t attributes;
    size_t usual;
    pthread_attr_init(&attributes);
    pthread_attr_getstacksize(&attributes, &usual);
    return usual < ENOUGH;
}

static void large_locals(void)
{
    int count = 0;
    if (stacks_are_small()) {
        printf("a thread of this system has a small stack\n");
        return;
    }
    for (; mixed[count]; count++) {
        struct server server;
        struct server_class class = mixed[count]();
        struct handler_class handler = echo(class.socket_type);
        handler.handle = echo_from_the_deep;
        open_server(&server, class, handler);
        int client = client_of(&server);
        send_text(client, "hello\n");
        server_handle_request(&server);
        expect_text(client, "hello\n");
        close(client);
        server_close(&server);
    }
    printf("%d classes answer from a handler with 300 KiB of locals\n", count);
}

static void *open_and_serve(void *argument)
{
    struct running *running = argument;
    open_server(&running->server, threading_tcp_server(), echo(SOCK_STREAM));
    tell();
    return serve(running);
}

static void twenty_at_once(void)
{
    enum { COUNT = 20 };
    static struct running running[COUNT];
    int before = count_descriptors(), clients[COUNT];
    for (int i = 0; i < COUNT; i++)
        if (pthread_create(&running[i].thread, NULL, open_and_serve, &running[i]) != 0)
            fail("pthread_create");
    for (int i = 0; i < COUNT; i++)
        wait_until_told();
    for (int i = 0; i < COUNT; i++)
        ask(clients[i] = client_of(&running[i].server), "hello\n");
    double from = now_ms();
    for (int i = 0; i < COUNT; i++) {
        end(&running[i]);
        server_close(&running[i].server);
    }
    double took = now_ms() - from;
    for (int i = 0; i < COUNT; i++) {
        expect_end(clients[i]);
        expect_nothing_left("one of twenty", &running[i].server, before + COUNT - 1 - i);
    }
    if (took > limit(1000))
        fail("twenty servers took %.0f ms to end", took);
    printf("twenty servers with a client each ended in %.0f ms\n", took);
}

/* ---- Many clients ---------------------------------------------------------------------------- */

static void ten_in_a_row(void)
{
    struct running running;
    open_server(&running.server, threading_tcp_server(), echo(SOCK_STREAM));
    begin(&running);
    for (int i = 0; i < 10; i++)
        ask_once(&running.server);
    end(&running);
    int threads = running.server.worker_count;
    server_close(&running.server);
    if (threads >= 10)
        fail("after ten clients in a row, %d threads are tracked", threads);
    if (running.server.worker_count != 0)
        fail("threads are tracked after server_close");
    printf("after ten clients in a row, %d threads are tracked\n", threads);
}

/* All connect and send before the loop begins. Where the queue is short, a connection takes 1 s. */
static double time_of_a_burst(struct server_class class)
{
    enum { COUNT = 200 };
    struct running running;
    int clients[COUNT];
    open_server(&running.server, class, echo(SOCK_STREAM));
    double from = now_ms();
    for (int i = 0; i < COUNT; i++) {
        clients[i] = socket_for_later();
        connect_later(clients[i], &running.server);
    }
    begin(&running);
    for (int i = 0; i < COUNT; i++) {
        expect_text(clients[i], "hello\n");
        shutdown(clients[i], SHUT_WR);
        expect_end(clients[i]);
    }
    double took = now_ms() - from;
    end(&running);
    server_close(&running.server);
    if (took > limit(1000))
        fail("%s: a burst of %d took %.0f ms", class.mixin, COUNT, took);
    return took;
}

static void burst(void)
{
    double threading = time_of_a_burst(threading_tcp_server());
    double forking = time_of_a_burst(forking_tcp_server());
    printf("200 clients at once: %.0f ms in threads, %.0f ms in processes\n", threading, forking);
}

/* ---- A full house, and no descriptors -------------------------------------------------------- */

/* Two silent clients take the two places; the third waits until one of them goes. */
static void full_house(void)
{
    struct running running;
    struct server_class class = forking_tcp_server();
    class.max_children = 2;
    open_server(&running.server, class, echo(SOCK_STREAM));
    begin(&running);
    int silent[2];
    for (int i = 0; i < 2; i++)
        ask(silent[i] = client_of(&running.server), "hello\n");
    int third = client_of(&running.server), byte;
    send_text(third, "third\n");
    double used = cpu_percent();
    if (recv(third, &byte, 1, MSG_DONTWAIT) >= 0)
        fail("there is a third child");
    shutdown(silent[0], SHUT_WR);
    expect_end(silent[0]);
    expect_text(third, "third\n");

    double from = now_ms(); /* the house is full again */
    end(&running);
    server_close(&running.server);
    double took = now_ms() - from;
    expect_end(third);
    expect_end(silent[1]);
    if (used > 10 || took > limit(500))
        fail("a full house: %.1f %% of a CPU, ended in %.0f ms", used, took);
    printf("a full house takes %.1f %% of a CPU, and %.0f ms to end\n", used, took);
}

static void do_nothing(struct server *server)
{
    (void)server;
}

/* A subclass may replace service_actions and not call super's. */
static void full_house_without_super(void)
{
    struct running running;
    struct server_class class = forking_tcp_server();
    class.max_children = 2;
    class.service_actions = do_nothing;
    open_server(&running.server, class, echo(SOCK_STREAM));
    begin(&running);
    for (int i = 0; i < 10; i++)
        ask_once(&running.server);
    end(&running);
    server_close(&running.server);
    printf("ten clients in a house for two, and service_actions does nothing\n");
}

/* Who is served already is served on; who has come meanwhile, afterwards. */
static void accept_fails(void)
{
    static new_class *const classes[] = {threading_tcp_server, forking_tcp_server};
    struct running running[2];
    int early[2], late[2];
    for (int i = 0; i < 2; i++) {
        open_server(&running[i].server, classes[i](), echo(SOCK_STREAM));
        begin(&running[i]);
        ask(early[i] = client_of(&running[i].server), "hello\n");
        late[i] = socket_for_later();
    }
    struct rlimit before = leave_descriptors(0);
    for (int i = 0; i < 2; i++)
        connect_later(late[i], &running[i].server);
    double used = cpu_percent();
    for (int i = 0; i < 2; i++)
        ask(early[i], "still here\n");
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 2; i++) {
        expect_text(late[i], "hello\n");
        end(&running[i]);
        server_close(&running[i].server);
        expect_end(late[i]);
        expect_end(early[i]);
    }
    if (used > 5)
        fail("%.1f %% of a CPU while accept fails", used);
    printf("%.1f %% of a CPU while accept fails in two servers\n", used);
}

/* Whoever can be accepted can be served: a thread and a process need no descriptor. */
static void last_descriptor(void)
{
    static new_class *const classes[] = {threading_tcp_server, forking_tcp_server};
    for (int i = 0; i < 2; i++) {
        struct running running;
        open_server(&running.server, classes[i](), echo(SOCK_STREAM));
        begin(&running);
        int client = socket_for_later();
        struct rlimit before = leave_descriptors(1);
        connect_later(client, &running.server);
        expect_text(client, "hello\n");
        setrlimit(RLIMIT_NOFILE, &before);
        end(&running);
        server_close(&running.server);
        expect_end(client);
    }
    printf("the client with the last descriptor is served\n");
}

/* Most of its children have no pipe, as there were no descriptors for one. */
static void full_house_without_descriptors(void)
{
    enum { CHILDREN = 40 };
    struct running running;
    struct server_class class = forking_tcp_server();
    class.max_children = CHILDREN;
    open_server(&running.server, class, echo(SOCK_STREAM));
    pid_t clients = fork();
    if (clients < 0)
        die("fork");
    for (int i = 0; clients == 0 && i < CHILDREN; i++)
        ask(client_of(&running.server), "hello\n");
    if (clients == 0) {
        tell();
        for (;;)
            pause();
    }
    struct rlimit before = leave_descriptors(5);
    begin(&running);
    wait_until_told();
    double used = cpu_percent();
    setrlimit(RLIMIT_NOFILE, &before);
    end(&running);
    server_close(&running.server);
    kill(clients, SIGKILL);
    waitpid(clients, NULL, 0);
    if (used > 5)
        fail("%.1f %% of a CPU while all places are taken", used);
    printf("%.1f %% of a CPU while %d children have few descriptors\n", used, CHILDREN);
}

/* ---- The end --------------------------------------------------------------------------------- */

static bool wait_for_more(struct handler *self)
{
    tell();
    return echo_lines(self);
}

/* For a client that does not read: tells when the next byte would have to wait. */
static bool send_without_end(struct handler *self)
{
    static const char data[4096];
    while (send(self->request->fd, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
    tell();
    while (self->class->write(self, data, sizeof data))
        continue;
    return true;
}

static double time_of_close(struct server_class class, bool (*handle)(struct handler *))
{
    struct running running;
    int before = count_descriptors();
    struct handler_class handler = stream_request_handler();
    handler.handle = handle;
    open_server(&running.server, class, handler);
    begin(&running);
    int client = client_of(&running.server);
    wait_until_told();
    end(&running);
    double from = now_ms();
    server_close(&running.server);
    double took = now_ms() - from;
    close(client);
    expect_nothing_left(class.mixin, &running.server, before);
    if (took > limit(500))
        fail("%s: server_close took %.0f ms", class.mixin, took);
    return took;
}

static void close_with_clients(void)
{
    static new_class *const classes[] = {threading_tcp_server, threading_unix_stream_server,
                                         forking_tcp_server, forking_unix_stream_server};
    double slowest = 0;
    for (int i = 0; i < 8; i++) {
        bool is_silent = i % 2 == 0;
        double took = time_of_close(classes[i / 2](), is_silent ? wait_for_more : send_without_end);
        slowest = took > slowest ? took : slowest;
    }
    printf("server_close with a client that is silent or does not read: %.0f ms at most\n",
           slowest);
}

/* A program may ignore signals, or block them for a thread that takes them with sigwait(3). */
static void ignore(int number, bool just_block)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    pthread_sigmask(just_block ? SIG_BLOCK : SIG_UNBLOCK, &one, NULL);
    if (!just_block)
        signal(number, SIG_IGN);
}

static void close_without_sigterm(void)
{
    ignore(SIGTERM, true);
    double blocked = time_of_close(forking_tcp_server(), wait_for_more);
    ignore(SIGTERM, false);
    double ignored = time_of_close(forking_tcp_server(), wait_for_more);
    printf("server_close with SIGTERM blocked: %.0f ms, ignored: %.0f ms\n", blocked, ignored);
}

static bool be_deaf(struct handler *self)
{
    ignore(SIGTERM, false);
    return wait_for_more(self);
}

/* A child that does not hear is killed, half a second later; beside it, one that is stopped. */
static bool stop_at_once(struct handler *self)
{
    tell();
    raise(SIGSTOP);
    return echo_lines(self);
}

static void close_with_stubborn_children(void)
{
    struct running running;
    struct handler_class handler = stream_request_handler();
    double took[2];
    for (int i = 0; i < 2; i++) {
        handler.handle = i == 0 ? stop_at_once : be_deaf;
        open_server(&running.server, forking_tcp_server(), handler);
        begin(&running);
        int client = client_of(&running.server);
        wait_until_told();
        end(&running);
        double from = now_ms();
        server_close(&running.server);
        took[i] = now_ms() - from;
        expect_end(client);
    }
    if (took[0] > limit(400) || took[1] > limit(1000))
        fail("server_close took %.0f ms and %.0f ms", took[0], took[1]);
    printf("server_close: %.0f ms beside a child that is stopped, %.0f ms beside one that ignores "
           "SIGTERM\n",
           took[0], took[1]);
}

/* The thread that has forked them ends, and the server is not closed yet. */
static void children_outlive_the_loop(void)
{
    struct running running;
    open_server(&running.server, forking_tcp_server(), echo(SOCK_STREAM));
    begin(&running);
    int client = client_of(&running.server);
    ask(client, "hello\n");
    end(&running);
    ask(client, "still here\n");
    server_close(&running.server);
    expect_end(client);
    printf("a child was at work after the loop, and not after server_close\n");
}

/* Without news of its children. One client stays, so there always is a child that has not ended. */
static int workers_without_sigchld(bool just_block)
{
    struct running running;
    ignore(SIGCHLD, just_block);
    open_server(&running.server, forking_tcp_server(), echo(SOCK_STREAM));
    begin(&running);
    int staying = client_of(&running.server);
    ask(staying, "hello\n");
    for (int i = 0; i < 45; i++)
        ask_once(&running.server);
    end(&running);
    int workers = running.server.worker_count;
    server_close(&running.server);
    expect_end(staying);
    if (workers < 1 || workers >= 10)
        fail("%d children of 46 are kept account of, and one lives", workers);
    return workers;
}

static void no_sigchld(void)
{
    int blocked = workers_without_sigchld(true), ignored = workers_without_sigchld(false);
    printf("46 clients, one of them stays: of their children, the server keeps %d with SIGCHLD "
           "blocked, %d with SIGCHLD ignored\n",
           blocked, ignored);
}

/* The servers live as long as the process: a thread that was left alone may use it. */
static void leave_alone(struct running *running, struct server_class class)
{
    open_server(&running->server, class, echo(SOCK_STREAM));
    begin(running);
    int client = client_of(&running->server);
    ask(client, "hello\n");
    end(running);
    double from = now_ms();
    server_close(&running->server);
    double took = now_ms() - from;
    if (took > limit(500))
        fail("%s: server_close took %.0f ms", class.mixin, took);
    ask(client, "still here\n");
    shutdown(client, SHUT_WR);
    expect_end(client);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}

static void left_alone(void)
{
    static struct running running[3];
    struct server_class class = threading_tcp_server();
    class.daemon_threads = true;
    leave_alone(&running[0], class);
    class = threading_tcp_server();
    class.block_on_close = false;
    leave_alone(&running[1], class);
    class = forking_tcp_server();
    class.block_on_close = false;
    leave_alone(&running[2], class);
    printf("daemon_threads, and block_on_close false for both: still served after the end\n");
}

/* ---- Threads --------------------------------------------------------------------------------- */

static bool shut_down_and_answer(struct handler *self)
{
    const char *reply = server_shutdown(self->server) ? "waited\n" : "refused\n";
    return self->class->write(self, reply, strlen(reply));
}

static void shutdown_in_a_thread(void)
{
    struct running running;
    struct handler_class handler = stream_request_handler();
    handler.handle = shut_down_and_answer;
    open_server(&running.server, threading_tcp_server(), handler);
    begin(&running);
    int client = client_of(&running.server);
    expect_text(client, "waited\n");
    pthread_join(running.thread, NULL);
    expect_end(client);
    server_close(&running.server);
    printf("a handler in a thread of its own may end the loop\n");
}

/* ---- Processes ------------------------------------------------------------------------------- */

/* A child of the program that is not the server's. It ends with status 7 when the pipe closes. */
static pid_t start_unrelated_child(int *pipe_end)
{
    int ends[2];
    if (pipe(ends) < 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 7 : 1);
    }
    close(ends[0]);
    *pipe_end = ends[1];
    return child;
}

static void unrelated_child(void)
{
    struct running running;
    int pipe_end, status;
    pid_t child = start_unrelated_child(&pipe_end);
    open_server(&running.server, forking_tcp_server(), echo(SOCK_STREAM));
    begin(&running);
    for (int i = 0; i < 20; i++)
        ask_once(&running.server);
    end(&running); /* or a child would be forked with a copy of the pipe */
    close(pipe_end);
    siginfo_t ended;
    if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT) < 0)
        die("the unrelated child");
    begin(&running);
    for (int i = 0; i < 20; i++)
        ask_once(&running.server);
    end(&running);
    server_close(&running.server);
    if (waitpid(child, &status, 0) != child)
        die("the status of the unrelated child");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
        fail("the unrelated child has status %x", (unsigned)status);
    printf("its owner gets the status 7, after 40 children of the server\n");
}

static bool print_a_word(struct handler *self)
{
    printf("child ");
    return echo_lines(self);
}

/* What stdio holds in the parent is printed once, and what it holds in a child at its end too. */
static void printed_once(void)
{
    struct server server;
    struct handler_class handler = stream_request_handler();
    char said[64] = "";
    int ends[2], before = dup(STDOUT_FILENO);
    fflush(stdout);
    if (pipe(ends) < 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        die("pipe");
    handler.handle = print_a_word;
    open_server(&server, forking_tcp_server(), handler);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    printf("parent ");
    for (int i = 0; i < 2; i++) {
        int client = client_of(&server);
        server_handle_request(&server);
        shutdown(client, SHUT_WR);
        expect_end(client);
    }
    while (server.worker_count > 0)
        server.class.handle_timeout(&server);
    server_close(&server);
    dup2(before, STDOUT_FILENO);
    if (read(ends[0], said, sizeof said - 1) < 0 || strcmp(said, "parent child child ") != 0)
        fail("parent and two children have printed \"%s\"", said);
    printf("a parent and its two children have printed a word each\n");
}

/* The reply "crash" crashes, without a core. */
static bool write_or_crash(struct handler *self, const void *data, size_t length)
{
    if (strncmp(data, "crash", 5) == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would report it */
        raise(SIGSEGV);
    }
    return stream_request_handler().write(self, data, length);
}

static void crash(void)
{
    struct running running;
    int before = count_descriptors();
    struct handler_class handler = echo(SOCK_STREAM);
    handler.write = write_or_crash;
    open_server(&running.server, forking_tcp_server(), handler);
    begin(&running);
    int beside = client_of(&running.server), crashing = client_of(&running.server);
    ask(beside, "hello\n");
    ask(crashing, "hello\n");
    send_text(crashing, "crash\n");
    expect_end(crashing);
    ask(beside, "still here\n");
    ask_once(&running.server);
    end(&running);
    server_close(&running.server);
    expect_end(beside);
    expect_nothing_left("ForkingTCPServer", &running.server, before);
    printf("the client beside it and the next one were served\n");
}

/* A process that the handler leaves behind has copies of all that the child has open. The place is
 * the child's, and free when the child ends. */
static bool leave_a_process_behind(struct handler *self)
{
    if (fork() == 0) {
        pause();
        _exit(EXIT_SUCCESS);
    }
    return echo_lines(self);
}

static void process_left_behind(void)
{
    struct server server;
    struct server_class class = forking_tcp_server();
    struct handler_class handler = echo(SOCK_STREAM);
    class.max_children = 1;
    handler.handle = leave_a_process_behind;
    open_server(&server, class, handler);
    for (int i = 0; i < 3; i++) {
        int client = client_of(&server);
        send_text(client, "hello\n");
        shutdown(client, SHUT_WR);
        server_handle_request(&server);
        expect_text(client, "hello\n");
        expect_end(client);
    }
    server_close(&server);
    printf("three clients in a house for one, each leaves a process behind\n");
}

/* A child that has become another program is a child as before. */
static bool become_another_program(struct handler *self)
{
    send(self->request->fd, "hello\n", 6, MSG_NOSIGNAL);
    dup2(self->request->fd, STDIN_FILENO);
    execlp("cat", "cat", (char *)NULL);
    return false;
}

static void other_program(void)
{
    struct running running;
    struct server_class class = forking_tcp_server();
    struct handler_class handler = stream_request_handler();
    class.max_children = 1;
    handler.handle = become_another_program;
    open_server(&running.server, class, handler);
    begin(&running);
    int client = client_of(&running.server);
    expect_text(client, "hello\n");
    double from = now_ms();
    end(&running);
    server_close(&running.server);
    double took = now_ms() - from;
    close(client);
    if (took > limit(500))
        fail("the end took %.0f ms", took);
    printf("the end beside a child that has become cat took %.0f ms\n", took);
}

static bool close_server_at_the_end(struct handler *self)
{
    echo_lines(self);
    server_close(self->server);
    return true;
}

/* What a handler closes is its own: its sisters live on, and so does the path. */
static void close_in_a_child(void)
{
    struct running running;
    struct handler_class handler = stream_request_handler();
    handler.handle = close_server_at_the_end;
    open_server(&running.server, forking_unix_stream_server(), handler);
    begin(&running);
    int ann = client_of(&running.server), bob = client_of(&running.server);
    ask(ann, "hello\n");
    ask(bob, "hello\n");
    shutdown(bob, SHUT_WR);
    expect_end(bob);
    ask(ann, "still here\n");
    ask_once(&running.server);
    end(&running);
    server_close(&running.server);
    close(ann);
    printf("one child has closed the server, the other one and the path are there\n");
}

static void *serve_on(void *server)
{
    server_serve_forever(server, 60000);
    return NULL;
}

/* The server is a process here, and another thread than its main thread serves: then a child lives
 * on when the process is killed, and holds no port. */
static void orphan(void)
{
    struct server server;
    struct server_class class = forking_tcp_server();
    class.allow_reuse_address = true; /* for the connection that goes on: lesson 09 */
    open_server(&server, class, echo(SOCK_STREAM));
    pid_t process = fork();
    if (process < 0)
        die("fork");
    if (process == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve_on, &server) == 0)
            pthread_join(thread, NULL);
        _exit(EXIT_FAILURE);
    }
    int client = client_of(&server), port = address_port(&server.address);
    ask(client, "hello\n");
    server_close(&server); /* the test's copy */
    kill(process, SIGKILL);
    if (waitpid(process, NULL, 0) < 0)
        die("waitpid");
    if (!server_init(&server, class, echo(SOCK_STREAM), "127.0.0.1", port, true))
        die("the port of the server that was killed");
    ask(client, "still here\n");
    shutdown(client, SHUT_WR);
    expect_end(client);
    server_close(&server);
    printf("the port is free while the orphan serves its client\n");
}

static void *read_a_line(void *file)
{
    char line[8];
    return fgets(line, sizeof line, file) ? file : NULL;
}

/* A thread that reads a line has the lock of its FILE, and fork must not wait for that. */
static void beside_a_reader(void)
{
    struct running running;
    int ends[2], unread = 1;
    if (pipe(ends) < 0 || write(ends[1], "x", 1) < 0)
        die("pipe");
    FILE *terminal = fdopen(ends[0], "r");
    pthread_t reader;
    if (!terminal || pthread_create(&reader, NULL, read_a_line, terminal) != 0)
        fail("no reader");
    while (unread > 0) { /* then it is in fgets */
        ioctl(ends[0], FIONREAD, &unread);
        sched_yield();
    }
    open_server(&running.server, forking_tcp_server(), echo(SOCK_STREAM));
    begin(&running);
    struct pollfd client = {.fd = client_of(&running.server), .events = POLLIN};
    send_text(client.fd, "hello\n");
    bool is_answered = poll(&client, 1, limit(2000)) > 0;
    if (write(ends[1], "\n", 1) < 0)
        die("write");
    pthread_join(reader, NULL);
    end(&running);
    server_close(&running.server);
    close(client.fd);
    fclose(terminal);
    if (!is_answered)
        fail("no client is served while a thread waits for a line");
    printf("a client was served while another thread waits for a line\n");
}

/* ---- The claims ------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"every-class", every_class},
        {"large-locals", large_locals},
        {"twenty-at-once", twenty_at_once},
        {"ten-in-a-row", ten_in_a_row},
        {"burst", burst},
        {"full-house", full_house},
        {"full-house-without-super", full_house_without_super},
        {"full-house-without-descriptors", full_house_without_descriptors},
        {"accept-fails", accept_fails},
        {"last-descriptor", last_descriptor},
        {"close-with-clients", close_with_clients},
        {"close-without-sigterm", close_without_sigterm},
        {"close-with-stubborn-children", close_with_stubborn_children},
        {"children-outlive-the-loop", children_outlive_the_loop},
        {"no-sigchld", no_sigchld},
        {"left-alone", left_alone},
        {"shutdown-in-a-thread", shutdown_in_a_thread},
        {"unrelated-child", unrelated_child},
        {"printed-once", printed_once},
        {"crash", crash},
        {"process-left-behind", process_left_behind},
        {"other-program", other_program},
        {"close-in-a-child", close_in_a_child},
        {"orphan", orphan},
        {"beside-a-reader", beside_a_reader},
        {0},
    };
    return claims_run(argc, argv, claims);
}
