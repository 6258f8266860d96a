"""programs: what is not a server, done by Python 3's own modules, for make bench to compare with.

  python3 programs.py thread [COUNT]   lesson 16: threading.Thread, started and joined
  python3 programs.py lock [COUNT]     lesson 17: threading.RLock around an increment, one thread
  python3 programs.py event [COUNT]    lesson 18a: threading.Event, set to wake, there and back
  python3 programs.py process [COUNT]  lesson 19a: multiprocessing.Process, started and joined
  python3 programs.py array [COUNT]    lesson 21: an Array under its lock, incremented by a process
  python3 programs.py plock [COUNT]    lesson 22a: an RLock around an increment, four processes
  python3 programs.py dict [COUNT]     lesson 23: Manager().dict(), set and get, one client
  python3 programs.py apply [COUNT]    lesson 24: a Pool(2), one task at a time
  python3 programs.py async [COUNT]    lesson 24: apply_async with a callback
  python3 programs.py map1 [COUNT]     lesson 24: map, a chunk for each task
  python3 programs.py map [COUNT]      lesson 24: map, with the chunks that Python chooses

Prints the line that costs.c prints, and measures from where that does.
"""
import multiprocessing
import signal
import sys
import threading
import time

PROCESSES = 4
WORKERS = 2

fork = multiprocessing.get_context("fork")


def must(done, what):
    if not done:
        sys.exit("programs.py: " + what)


def say_timing(count, things, start):
    seconds = time.monotonic() - start
    print("timing | %d %s in %.3f s, %.0f %s/s" % (count, things, seconds, count / seconds, things))


# ---- Threads ------------------------------------------------------------------------------------

gl_num = 0


def run():
    global gl_num
    gl_num += 1


def time_thread(count):
    start = time.monotonic()
    for _ in range(count):
        t = threading.Thread(target=run)
        t.start()
        t.join()
    say_timing(gl_num, "threads", start)


def add_locked(lock, count):
    global gl_num
    for _ in range(count):
        lock.acquire()
        gl_num += 1
        lock.release()


def time_lock(count):
    t = threading.Thread(target=add_locked, args=(threading.RLock(), count))
    start = time.monotonic()
    t.start()
    t.join()
    say_timing(gl_num, "increments", start)


def answer(ping, pong, count):
    for _ in range(count):
        ping.wait()
        ping.clear()
        pong.set()


def time_event(count):
    ping, pong = threading.Event(), threading.Event()
    t = threading.Thread(target=answer, args=(ping, pong, count))
    t.start()
    start = time.monotonic()
    for _ in range(count):
        ping.set()
        pong.wait()
        pong.clear()
    say_timing(count, "round trips", start)
    t.join()


# ---- Processes ----------------------------------------------------------------------------------

def end_with(status):
    sys.exit(status)


def time_process(count):
    start = time.monotonic()
    for i in range(count):
        p = fork.Process(target=end_with, args=(i % 256,))
        p.start()
        p.join()
        must(p.exitcode == i % 256, "process %d ended with %s" % (i, p.exitcode))
    say_timing(count, "processes", start)


def run_all(processes, gate):
    """Starts the clock when all have been started, and returns it when all have ended."""
    with gate:
        for p in processes:
            p.start()
        start = time.monotonic()
    for p in processes:
        p.join()
    return start


def add_to_array(temp, count):
    for _ in range(count):
        with temp.get_lock():
            temp[0] += 1


def time_array(count):
    temp = fork.Array("q", 1)
    start = run_all([fork.Process(target=add_to_array, args=(temp, count))], temp.get_lock())
    say_timing(count, "locked increments", start)
    must(temp[0] == count, "temp[0] is %d, but ought to be %d" % (temp[0], count))


def add_to_raw_array(lock, temp, count):
    for _ in range(count):
        lock.acquire()
        temp[0] = 1 + temp[0]
        lock.release()


def time_plock(count):
    lock, temp = fork.RLock(), fork.RawArray("i", 1)
    shares = [count // PROCESSES + (i < count % PROCESSES) for i in range(PROCESSES)]
    start = run_all([fork.Process(target=add_to_raw_array, args=(lock, temp, share))
                     for share in shares], lock)
    say_timing(count, "increments", start)
    must(temp[0] == count, "temp[0] is %d, but ought to be %d" % (temp[0], count))


def time_dict(count):
    with fork.Manager() as manager:
        dic = manager.dict()
        len(dic)  # the first call connects
        start = time.monotonic()
        for op in range(count):
            wanted = str(op // 2)
            if op % 2 == 0:
                dic["client-0"] = wanted
            else:
                must(dic["client-0"] == wanted, "a get did not find what was set")
        say_timing(count, "gets and sets", start)


# ---- The pool -----------------------------------------------------------------------------------

called_back = 0


def add_100(i):
    return i + 100


def count_it(_):
    global called_back
    called_back += 1


def do_apply(pool, count):
    for i in range(count):
        count_it(pool.apply(add_100, (i,)))


def do_async(pool, count):
    for i in range(count):
        pool.apply_async(func=add_100, args=(i,), callback=count_it)


def do_map(pool, count, chunk=None):
    global called_back
    results = pool.map(add_100, range(count), chunk)
    must(results[-1] == add_100(count - 1), "map gave a wrong result")
    called_back += len(results)


def do_map1(pool, count):
    do_map(pool, count, 1)


def timed_pool(do):
    def time_pool(count):
        with fork.Pool(WORKERS) as pool:
            pool.apply(add_100, (0,))  # the first worker is there
            start = time.monotonic()
            do(pool, count)
            pool.close()
            pool.join()
            say_timing(called_back, "tasks", start)
        must(called_back == count, "%d of %d tasks" % (called_back, count))
    return time_pool


# ---- The command --------------------------------------------------------------------------------

PROGRAMS = {  # and how many things take a few tenths of a second
    "thread": (time_thread, 3000),
    "lock": (time_lock, 2000000),
    "event": (time_event, 10000),
    "process": (time_process, 100),
    "array": (time_array, 200000),
    "plock": (time_plock, 1000000),
    "dict": (time_dict, 10000),
    "apply": (timed_pool(do_apply), 5000),
    "async": (timed_pool(do_async), 10000),
    "map1": (timed_pool(do_map1), 10000),
    "map": (timed_pool(do_map), 1000000),
}


def refuse(what):
    print("programs.py: " + what, file=sys.stderr)
    return 2


def main():
    words = sys.argv[1:]
    if words == ["--help"]:
        print(__doc__.strip())
        return 0
    if not 1 <= len(words) <= 2 or words[0] not in PROGRAMS:
        given = " ".join(words) or "nothing to do"
        return refuse("%s: wants one of %s" % (given, ", ".join(PROGRAMS)))
    measure, count = PROGRAMS[words[0]]
    if len(words) == 2:
        if not words[1].isdecimal() or not 1 <= int(words[1]) <= 10000000:
            return refuse("%s: wants a number from 1 to 10000000" % words[1])
        count = int(words[1])
    # so that it leaves by way of its with statements: a manager would stay behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    measure(count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
