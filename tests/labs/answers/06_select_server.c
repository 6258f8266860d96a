static bool upper_turn(struct upper *client)
{
    if (!upper_wants_to_send(client)) {
        ssize_t n = recv(client->fd, client->data, sizeof client->data, 0);
        if (n <= 0)
            return !is_gone(n);
        bool full = (size_t)n == sizeof client->data;
        if (!client->quiet)
            say("server", "received %zd bytes%s from client %d: %s", n, full ? " and more" : "",
                client->number, quote(client->data, (size_t)n).text);
        if (full)
            client->quiet = true;
        for (ssize_t i = 0; i < n; i++)
            client->data[i] = (char)toupper((unsigned char)client->data[i]);
        client->start = 0;
        client->end = (size_t)n;
    }
    ssize_t n =
        send(client->fd, client->data + client->start, client->end - client->start, MSG_NOSIGNAL);
    if (n > 0)
        client->start += (size_t)n;
    return !is_gone(n);
}

static int wait_until_ready(fd_set *readable, fd_set *writable)
{
    int max = -1;
    FD_ZERO(readable);
    FD_ZERO(writable);
    if (accepting) {
        FD_SET(stop_listener, readable);
        max = stop_listener;
    }
    for (int fd = 0; fd <= highest; fd++) {
        if (!clients[fd])
            continue;
        if (upper_wants_to_send(clients[fd]))
            FD_SET(fd, writable);
        else
            FD_SET(fd, readable);
        if (fd > max)
            max = fd;
    }
    struct timeval soon = {.tv_sec = 0, .tv_usec = 100000};
    int n = select(max + 1, readable, writable, NULL, accepting ? NULL : &soon);
    if (n < 0 && errno != EINTR)
        die("select");
    accepting = true;
    return n;
}

static void serve_until_stopped(void)
{
    while (!stop_asked) {
        fd_set readable, writable;
        if (wait_until_ready(&readable, &writable) < 0)
            continue;
        for (int fd = 0; fd <= highest; fd++) {
            struct upper *client = clients[fd];
            if (client && (FD_ISSET(fd, &readable) || FD_ISSET(fd, &writable)))
                if (!upper_turn(client))
                    drop(client);
        }
        if (FD_ISSET(stop_listener, &readable)) {
            int tries = 0;
            while (tries < AT_ONCE && accept_client())
                tries++;
        }
    }
    for (int fd = 0; fd <= highest; fd++)
        if (clients[fd])
            upper_close(clients[fd]);
    close(stop_listener);
    say("server", "stopped");
}
