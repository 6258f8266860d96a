static int wait_until_ready(fd_set *readable, fd_set *writable)
{
    int nfds = stop_listener + 1;
    struct timeval a_while = {0, 100000};
    struct timeval *limit = NULL;
    FD_ZERO(readable);
    FD_ZERO(writable);
    if (accepting)
        FD_SET(stop_listener, readable);
    else
        limit = &a_while;
    accepting = true;
    for (int i = 0; i < FD_SETSIZE; i++) {
        if (clients[i] == NULL)
            continue;
        if (clients[i]->start == clients[i]->end)
            FD_SET(i, readable);
        else
            FD_SET(i, writable);
        if (i >= nfds)
            nfds = i + 1;
    }
    int n = select(nfds, readable, writable, NULL, limit);
    if (n == -1 && errno == EINTR)
        return -1;
    if (n == -1)
        die("select");
    return n;
}

static void look_at_client(int fd, fd_set *readable, fd_set *writable)
{
    struct upper *client = clients[fd];
    if (client == NULL)
        return;
    if (!FD_ISSET(fd, readable) && !FD_ISSET(fd, writable))
        return;
    bool stays = upper_turn(client);
    if (!stays)
        drop(client);
}

static void serve_until_stopped(void)
{
    for (;;) {
        fd_set in, out;
        if (stop_asked)
            break;
        int n = wait_until_ready(&in, &out);
        if (n < 1)
            continue;
        /* new ones first: their sets say nothing yet, so they are not looked at */
        int old = highest;
        if (FD_ISSET(stop_listener, &in)) {
            int taken = 0;
            while (taken < AT_ONCE && accept_client())
                taken++;
        }
        for (int fd = old; fd >= 0; fd--)
            look_at_client(fd, &in, &out);
    }
    for (int fd = 0; fd < FD_SETSIZE; fd++)
        if (clients[fd] != NULL)
            upper_close(clients[fd]);
    close(stop_listener);
    say("server", "stopped");
}

static bool take_more(struct upper *c)
{
    ssize_t n = recv(c->fd, c->data, 1024, 0);
    if (n <= 0)
        return !is_gone(n);
    bool full = n == 1024;
    if (!c->quiet)
        say("server", "received %d bytes%s from client %d: %s", (int)n, full ? " and more" : "",
            c->number, quote(c->data, (size_t)n).text);
    if (full)
        c->quiet = true;
    c->start = 0;
    c->end = (size_t)n;
    for (char *p = c->data; p < c->data + n; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    return true;
}

/* Sends in the next turn what it has received in this one. */
static bool upper_turn(struct upper *client)
{
    if (client->start == client->end)
        return take_more(client);
    size_t left = client->end - client->start;
    ssize_t n = send(client->fd, &client->data[client->start], left, MSG_NOSIGNAL);
    if (n > 0)
        client->start += (size_t)n;
    return n > 0 || !is_gone(n);
}
