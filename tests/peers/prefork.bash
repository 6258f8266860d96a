# Servers whose workers are there before the clients: what their tests ask the system, clients that stay, and what all such
# servers do. A test file loads this after children.bash; the words in SERVE start four workers.
# shellcheck shell=bash disable=SC2034,SC2154,SC2153

# ---- What the tests ask the system -----------------------------------------------------------------------------------

workers() { running; }
how_many() { workers | wc -l; }

lines_with() { # WORDS
    grep -c -e "$1" "$LOG" || true
}

# Here a server is many processes: is_idle asks for all of them, also for those that have ended and were waited for.
cpu_ms() {
    local pid ticks=0
    local -a field
    for pid in "$SERVER" $(workers); do
        read -r -a field < "/proc/$pid/stat" || continue
        ticks=$((ticks + field[13] + field[14] + field[15] + field[16]))
    done 2> /dev/null
    echo $((ticks * 1000 / $(getconf CLK_TCK)))
}

peak_memory() {
    local pid
    for pid in "$SERVER" $(workers); do awk '/^VmHWM/ { print $2 }' "/proc/$pid/status"; done | sort -n | tail -n 1
}

# Sends a signal to every worker; STOP is waited for.
to_every_worker() { # SIGNAL
    local pid
    for pid in $(workers); do
        kill "-$1" "$pid"
        [[ $1 != STOP ]] || until grep -q '^State:.*T' "/proc/$pid/status"; do :; done
    done
}

limit_every_worker() { # DESCRIPTORS
    local pid
    for pid in $(workers); do prlimit --pid "$pid" --nofile="$1:"; done
}

# ---- Clients ---------------------------------------------------------------------------------------------------------

connects() {
    exec {CLIENT}<> "/dev/tcp/$HOST/$PORT"
}

# Connects a client, CLIENT, and has a reply from the worker that serves it, WORKER: it was there before, and is the only one
# with a connection more.
comes() {
    local before
    before=$(connected)
    connects
    says "$CLIENT" hello
    WORKER=$(comm -13 <(echo "$before") <(connected) | sed 's/ .*//')
    [[ $WORKER =~ ^[0-9]+$ ]] || fail "not one worker more with a client: $WORKER"
}

# The connections that workers hold: pid and inode. The sockets that the parent has too are those that listen.
connected() {
    sockets_of_workers | grep -vwF "$(find "/proc/$SERVER/fd" -lname 'socket:*' -printf '%l\n' | grep -o '[0-9]*')" | sort
}

sockets_of_workers() {
    local -a dirs
    mapfile -t dirs < <(workers | sed 's|.*|/proc/&/fd|')
    find "${dirs[@]}" -lname 'socket:*' -printf '%h %l\n' 2> /dev/null | sed -E 's|/proc/([0-9]+)/fd socket:.([0-9]+).|\1 \2|'
}

busy_but() { # PID
    connected | grep -v "^$1 " || true
}

# ---- What becomes of a worker --------------------------------------------------------------------------------------------

dies_and_is_replaced() { # SIGNAL
    start "${SERVE[@]}"
    becomes 'workers' 4 how_many
    comes
    local ann=$CLIENT ann_worker=$WORKER others
    others=$(workers | grep -vx "$ann_worker")
    kill "-$1" "$ann_worker"
    has_end_of_file "$ann"
    await "server | worker-1 was killed by signal $(kill -l "$1")"
    becomes 'workers' 4 how_many
    equal 'zombies' '' "$(zombies)"
    [[ $(workers) != *"$ann_worker"* ]] || fail 'it is still there'
    equal 'the three others' "$others" "$(comm -12 <(echo "$others") <(workers))"
    equal 'pauses' 0 "$(lines_with 'the next worker starts')"
    serves
    stop
}

survives_a_client_that_is_gone() {
    start "${SERVE[@]}"
    becomes 'workers' 4 how_many
    to_every_worker STOP
    peer gone "$ADDRESS"
    to_every_worker CONT
    await 'client 1 has left'
    serves
    equal 'workers that died' 0 "$(lines_with killed)"
    stop
}

# Signals at any moment: just after the start, at the workers and the parent at once, two at once.
stops_at_any_moment() {
    local i worker status
    for i in {1..5}; do
        start "${SERVE[@]}"
        connects
        echo hello >&"$CLIENT"
        for worker in $(workers); do kill -TERM "$worker" 2> /dev/null || true; done
        kill -INT "$SERVER"
        kill -TERM "$SERVER" 2> /dev/null || true
        status=0
        wait "$SERVER" || status=$?
        SERVER=
        equal "status, time $i" 0 "$status"
        nothing_left
        exec {CLIENT}>&-
    done
}
