"""servers: the posts' own servers in Python 3, for lesson 26a to compare with.

  python3 servers.py serial         one client at a time, with the plain calls
  python3 servers.py tcp            the same with socketserver.TCPServer
  python3 servers.py threading      ThreadingTCPServer: a thread for each client
  python3 servers.py forking        ForkingTCPServer: a process for each client
  python3 servers.py select         one thread, many clients, with the posts' lists
  python3 servers.py selectors      the same with selectors.DefaultSelector, which is epoll on Linux

Says where it listens and nothing more; SIGTERM ends it. What comes in goes out in upper case. The
limits that socketserver is born with (5 in the queue, 40 children) are raised, so that what is
compared is the model.
"""
import contextlib
import functools
import os
import resource
import select
import selectors
import signal
import socket
import socketserver
import sys

ADDRESS = ("127.0.0.1", 0)
QUEUE = 4096
ENOUGH_DESCRIPTORS = 65536
FD_SETSIZE = 1024
ENDING = {signal.SIGINT, signal.SIGTERM}


def announce(server_socket):
    print("server | listening on %s:%d" % server_socket.getsockname(), flush=True)


def answer(conn):
    """Serves a client until it closes its side, or is gone."""
    try:
        while True:
            data = conn.recv(1024)
            if not data:
                break
            conn.sendall(data.upper())
    except ConnectionError:
        pass


# ---- The plain calls ----------------------------------------------------------------------------

def listen():
    sk = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sk.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sk.bind(ADDRESS)
    sk.listen(QUEUE)
    announce(sk)
    return sk


def serve_serial():
    sk = listen()
    while True:
        conn, _ = sk.accept()
        answer(conn)
        conn.close()


def accept(sk):
    """The next client, or None: it may have gone, and descriptors may have run out."""
    try:
        conn, _ = sk.accept()
    except OSError:
        return None
    conn.setblocking(False)
    return conn


def turn(conn, rest):
    """Sends the rest of a reply, or receives and replies; nothing here waits.

    Returns what could not be sent yet, or None when the client has left.
    """
    try:
        if not rest:
            rest = conn.recv(1024).upper()
            if not rest:
                return None
        return rest[conn.send(rest):]
    except BlockingIOError:
        return rest
    except OSError:
        return None


def serve_select():
    sk = listen()
    sk.setblocking(False)
    inputs = [sk]
    outputs = {}  # those who have not taken their reply yet, and what is left of it
    while True:
        readable, writable, _ = select.select(inputs, outputs, [])
        for r in readable:
            if r is sk:
                conn = accept(sk)
                if conn and conn.fileno() < FD_SETSIZE:
                    inputs.append(conn)
                elif conn:
                    conn.close()
                continue
            rest = turn(r, b"")
            if rest is None:
                inputs.remove(r)
                r.close()
            elif rest:
                inputs.remove(r)
                outputs[r] = rest
        for w in writable:
            rest = turn(w, outputs.pop(w))
            if rest is None:
                w.close()
            elif rest:
                outputs[w] = rest
            else:
                inputs.append(w)


def serve_selectors():
    sk = listen()
    sk.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(sk, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            conn = key.fileobj
            if conn is sk:
                conn = accept(sk)
                if conn:
                    selector.register(conn, selectors.EVENT_READ, b"")
                continue
            rest = turn(conn, key.data)
            if rest is None:
                selector.unregister(conn)
                conn.close()
            elif rest != key.data:
                event = selectors.EVENT_WRITE if rest else selectors.EVENT_READ
                selector.modify(conn, event, rest)


# ---- socketserver -------------------------------------------------------------------------------

class MyServer(socketserver.BaseRequestHandler):
    def handle(self):
        answer(self.request)


children = set()


class Forking(socketserver.ForkingMixIn):
    active_children = children
    max_children = 65536

    def process_request(self, request, client_address):
        # between fork and the note of the pid, SIGTERM would leave that child behind; the child
        # itself keeps the signals blocked, and stop() kills it
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            super().process_request(request, client_address)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


class ForkingTCPServer(Forking, socketserver.TCPServer):
    pass


def serve_class(server_class, handler):
    socketserver.TCPServer.allow_reuse_address = True
    socketserver.TCPServer.request_queue_size = QUEUE
    # as post 004 has it: else each start goes through the list of all threads that still run
    socketserver.ThreadingMixIn.daemon_threads = True
    server = server_class(ADDRESS, handler)
    announce(server.socket)
    server.serve_forever()


# ---- The command --------------------------------------------------------------------------------

def stop(*_):
    """Ends at once. socketserver's own way would wait until the last client has left."""
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in children:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    os._exit(0)


def raise_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


MODELS = {
    "serial": serve_serial,
    "tcp": functools.partial(serve_class, socketserver.TCPServer, MyServer),
    "threading": functools.partial(serve_class, socketserver.ThreadingTCPServer, MyServer),
    "forking": functools.partial(serve_class, ForkingTCPServer, MyServer),
    "select": serve_select,
    "selectors": serve_selectors,
}


def main():
    words = sys.argv[1:]
    if words == ["--help"]:
        print(__doc__.strip())
        return 0
    if len(words) != 1 or words[0] not in MODELS:
        given = " ".join(words) or "no model"
        print("servers.py: %s: wants one of %s" % (given, ", ".join(MODELS)), file=sys.stderr)
        return 2
    for ending in ENDING:
        signal.signal(ending, stop)
    raise_descriptor_limit()
    try:
        MODELS[words[0]]()
    except OSError as error:
        print("servers.py: %s: %s" % (words[0], error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
