static void handle_request(struct server *self)
{
    const struct server_class *methods = self->class;
    int socket_to_read = methods->get_request(self);
    methods->finish_request(self, socket_to_read);
    methods->close_request(self, socket_to_read);
}

static int accept_a_connection(struct server *self)
{
    say("server", "get_request: accept");
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    int connection = accept(self->fd, (struct sockaddr *)&from, &length);
    if (connection < 0)
        die("accept");
    return connection;
}

static int take_the_servers_own(struct server *self)
{
    int own = self->fd;
    say("server", "get_request: nothing to accept");
    return own;
}

static void count_and_close(struct server *self, int request)
{
    static int done = 0;
    done += 1;
    say("server", "close_request: request %d is done", done);
    struct server_class super = tcp_server;
    super.close_request(self, request);
}

static int demo(void)
{
    struct server_class base_server = {.finish_request = read_the_text};

    tcp_server = (struct server_class){
        .socket_type = SOCK_STREAM,
        .get_request = accept_a_connection,
        .finish_request = base_server.finish_request,
        .close_request = close_the_connection,
    };

    struct server_class udp_server = tcp_server;
    udp_server.close_request = close_nothing;
    udp_server.get_request = &take_the_servers_own;
    udp_server.socket_type = SOCK_DGRAM;

    struct server_class counting_server = tcp_server;
    counting_server.close_request = &count_and_close;

    play("TCPServer", &tcp_server);
    play("UDPServer", &udp_server);
    play("CountingServer", &counting_server);
    return EXIT_SUCCESS;
}
