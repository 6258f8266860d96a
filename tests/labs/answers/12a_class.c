static void handle_request(struct server *self)
{
    struct request one = {0};
    const struct server_class *methods = &self->class;
    say("server", "handle_request of a %s", methods->name);
    methods->get_request(self, &one);
    methods->finish_request(self, &one);
    methods->close_request(self, &one);
}

static struct server_class tcp_server(void)
{
    return (struct server_class){
        .name = "TCPServer",
        .socket_type = SOCK_STREAM,
        .get_request = accept_a_connection,
        .finish_request = base_server().finish_request,
        .close_request = close_the_connection,
    };
}

static void receive_a_datagram(struct server *self, struct request *request)
{
    struct sockaddr *from = (struct sockaddr *)&request->to;
    say("server", "  get_request: recvfrom");
    request->to_length = sizeof(struct sockaddr_in);
    request->length =
        checked(recvfrom(self->fd, request->text, 64, 0, from, &request->to_length), "recvfrom");
    request->fd = self->fd;
}

static struct server_class udp_server(void)
{
    struct server_class mine = tcp_server();
    mine.close_request = close_nothing;
    mine.get_request = receive_a_datagram;
    mine.socket_type = SOCK_DGRAM;
    mine.name = "UDPServer";
    return mine;
}

static void count_and_close(struct server *self, struct request *request)
{
    static int done = 0;
    done += 1;
    say("server", "  close_request: request %d is done", done);
    struct server_class super = tcp_server();
    if (no_super == false)
        super.close_request(self, request);
}

static struct server_class counting_server(void)
{
    struct server_class mine = tcp_server();
    mine.name = "CountingServer";
    mine.close_request = &count_and_close;
    return mine;
}
