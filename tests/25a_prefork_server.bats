# The mistakes that these tests catch: a worker that is not replaced, or again and again without a pause; a signal that stands
# for two ends, and one of them is overlooked; waitpid for any child; a worker that hangs up on the socket that is everybody's,
# or keeps the parent's handlers; workers that outlive the parent; a fork that fails and ends the server; EMFILE; clients that
# are lost with the socket of a worker; a connection that is not closed.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; stem and SERVER_PROGRAM are the helper's
load helper
load peers/every_server
load peers/concurrent
load peers/children

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

with_reuseport() { # COMMAND...
    SERVE=(serve --reuseport)
    "$@"
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

# ---- The pool --------------------------------------------------------------------------------------------------------

@test "25: the workers are there before the clients, as many as were asked for" {
    start serve --workers 7
    becomes 'workers' 7 how_many
    local before
    before=$(workers)
    peer row "$ADDRESS" 50
    equal 'workers after 50 clients' "$before" "$(workers)"
    equal 'clients' 50 "$(lines_with accepted)"
    stop
}

@test "25: one worker serves one client after another" {
    start serve --workers 1
    peer row "$ADDRESS" 5
    equal 'lines of the worker' 5 "$(lines_with '^worker-1 | accepted client')"
    comes
    local ann=$CLIENT
    connects
    echo 'me too' >&"$CLIENT"
    says "$ann" 'still here'
    equal 'clients that were accepted' 6 "$(lines_with accepted)"
    exec {ann}>&-
    hears "$CLIENT" 'ME TOO'
    stop
}

@test "25: a worker that is free takes the next client" {
    start serve --workers 3
    comes
    local ann=$CLIENT ann_worker=$WORKER
    comes
    comes
    connects
    echo waits >&"$CLIENT"
    says "$ann" 'still here'
    equal 'clients that were accepted' 3 "$(lines_with accepted)"
    exec {ann}>&-
    hears "$CLIENT" WAITS
    equal 'who serves the fourth' "$ann_worker" "$(connected | sed 's/ .*//' | grep -x "$ann_worker")"
    stop
}

# A worker that sleeps after its client has left sleeps in accept. Who is woken for nothing goes to sleep once more.
switches_of_all_but() { # PID
    local pid
    for pid in $(workers | grep -vx "$1"); do
        echo "$pid $(sed -n 's/^voluntary_ctxt_switches://p' "/proc/$pid/status")"
    done
}

all_sleep() {
    children | grep -qv ' S$' || echo yes
}

@test "25: a client wakes one of the workers that wait in accept, and no other" {
    start serve
    local before client clients=()
    for client in 1 2 3 4; do
        comes
        clients+=("$CLIENT")
    done
    for CLIENT in "${clients[@]}"; do exec {CLIENT}>&-; done
    for client in 1 2 3 4; do await "client $client has left"; done
    becomes 'all workers sleep' yes all_sleep
    before=$(switches_of_all_but nobody)
    comes
    equal 'how often the others have gone to sleep' "$(grep -v "^$WORKER " <<< "$before")" "$(switches_of_all_but "$WORKER")"
    stop
}

@test "25: the parent holds the listening socket and no client, a worker both" {
    start serve --workers 2
    comes
    equal 'sockets of the parent' 1 "$(sockets "$SERVER")"
    equal 'sockets of the worker' 2 "$(sockets "$WORKER")"
    stop
}

# ---- Workers that die ------------------------------------------------------------------------------------------------

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

@test "25: a worker that is killed takes its client along, and is replaced" { dies_and_is_replaced KILL; }
@test "25: SIGTERM to one worker ends that one alone, and it is replaced" { dies_and_is_replaced TERM; }

@test "25: who is served by another worker notices nothing" {
    start serve
    comes
    local ann_worker=$WORKER
    comes
    kill -KILL "$ann_worker"
    says "$CLIENT" 'still here'
    await 'worker-1 was killed'
    says "$CLIENT" 'and now?'
    stop
}

# One SIGCHLD for two ends: the second signal of a kind that comes before the first was seen is no second one.
@test "25: two workers that end at the same time are both replaced, and no zombie stays" {
    start serve
    comes
    local ann_worker=$WORKER
    comes
    halt
    kill -KILL "$ann_worker" "$WORKER"
    becomes 'zombies' "$(printf '%s\n' "$ann_worker" "$WORKER" | sort)" zombies
    kill -CONT "$SERVER"
    becomes 'workers' 4 how_many
    equal 'zombies' '' "$(zombies)"
    serves
    stop
}

@test "25: a client that waits is served by the worker that takes the place of a dead one" {
    start serve --workers 1
    comes
    connects
    echo 'me too' >&"$CLIENT"
    kill -KILL "$WORKER"
    hears "$CLIENT" 'ME TOO'
    stop
}

@test "25: who waits is served, although SIGTERM has ended a worker" {
    start serve --workers 2
    comes
    kill -TERM "$WORKER"
    await 'worker-1 was killed by signal 15'
    peer row "$ADDRESS" 10
    stop
}

@test "25: idle workers that are killed, all of them, are replaced" {
    start serve
    becomes 'workers' 4 how_many
    to_every_worker KILL
    await 'the next worker starts in 100 ms'
    serves
    becomes 'workers' 4 how_many
    equal 'workers that were killed' 4 "$(lines_with '^server | a worker was killed by signal 9')"
    stop
}

@test "25: a worker that was stopped by a signal does not keep the server from ending" {
    start serve
    becomes 'workers' 4 how_many
    to_every_worker STOP
    stop
}

# What exec keeps: a child from before, which somebody else may want to wait for.
@test "25: waits for its own workers only" {
    SERVER_PROGRAM=$BATS_TEST_TMPDIR/with_a_child
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n: &\nexec %q "$@"\n' "$PROGRAM" > "$SERVER_PROGRAM"
    chmod +x "$SERVER_PROGRAM"
    start serve --workers 1
    becomes 'how many other children have ended' 1 eval 'zombies | wc -l'
    local other
    other=$(zombies)
    comes
    kill -KILL "$WORKER"
    await 'worker-1 was killed'
    serves
    equal 'who is not waited for' "$other" "$(zombies)"
    equal 'ends that the server speaks of' 1 "$(lines_with 'server | .*\(killed\|ended\)')"
    stop
}

# Whoever starts it may have ignored or blocked SIGCHLD, without which the parent would not hear of it.
@test "25: a worker is replaced, whatever was inherited" {
    local how
    for how in ignore block; do
        SERVER_PROGRAM=$BUILD/peers/inherit start "$how" SIGCHLD "$PROGRAM" serve
        comes
        kill -KILL "$WORKER"
        await 'server | worker-1 was killed by signal 9'
        becomes 'workers' 4 how_many
        serves
        stop
    done
}

@test "25: no worker outlives its parent, and the port is free" {
    start serve
    comes
    becomes 'workers' 4 how_many
    local left end=$((SECONDS + $(limit 5)))
    mapfile -t left < <(workers | sed 's|.*|/proc/&/cmdline|')
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    alive() { grep -ls . "${left[@]}" | grep -o '[0-9]*' || true; }
    until [[ -z $(alive) ]] || ((SECONDS > end)); do :; done
    # shellcheck disable=SC2046 # a word for each
    [[ -z $(alive) ]] || ! kill -KILL $(alive) || fail 'workers have outlived their parent'
    start serve --port "$PORT"
    serves
    stop
}

@test "25: nobody is left when the parent of a demo is killed" { broken_off_by KILL 137 'client-5 | waits'; }

# ---- Workers that die at once ----------------------------------------------------------------------------------------

@test "25: workers that die at once, again and again, are not started in a spin; the pause grows and is announced" {
    # and a server stops in a pause as ever
    start serve --dying 1000000
    await 'the next worker starts in 100 ms'
    await 'the next worker starts in 200 ms'
    await 'the next worker starts in 400 ms'
    is_idle
    stop
}

@test "25: clients wait as long as no worker lives, and are served then" {
    start serve --workers 1 --dying 2
    serves
    equal 'the pauses' 'server | the next worker starts in 100 ms
server | the next worker starts in 200 ms' "$(grep 'the next' "$LOG")"
    stop
}

@test "25: a process that is refused is announced, and started later" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=3 start serve
    await 'server | the next worker starts in 100 ms'
    becomes 'workers' 4 how_many
    equal 'what the server says' 'server | fork: Resource temporarily unavailable' "$(grep fork "$LOG")"
    serves
    stop
}

@test "25: a process that is refused is announced, also when it should replace another" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve --workers 1
    comes
    kill -KILL "$WORKER"
    await 'server | fork: Resource temporarily unavailable'
    serves
    stop
}

@test "25: a demo without a process for its clients fails with one line" {
    run env REFUSE=1 timeout -k 1 "$(limit 15)" "$BUILD/flaky/$stem"
    equal 'status' 1 "$status"
    equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
}

# ---- A socket for each worker ----------------------------------------------------------------------------------------

@test "25: with --reuseport there are as many listening sockets as workers, and each worker has its own" {
    start serve --reuseport --workers 3
    becomes 'workers' 3 how_many
    equal 'sockets of the parent' 3 "$(sockets "$SERVER")"
    becomes 'sockets of the workers' 3 eval 'sockets_of_workers | wc -l'
    equal 'sockets, each once' 3 "$(sockets_of_workers | sed 's/.* //' | sort -u | wc -l)"
    stop
}

@test "25: with --reuseport a worker that is killed is replaced" { with_reuseport dies_and_is_replaced KILL; }
@test "25: with --reuseport SIGTERM ends one worker alone" { with_reuseport dies_and_is_replaced TERM; }

# A client with no reply while others are served, and have left: it is queued at the socket of the only worker that is busy.
waits_for_a_busy_worker() {
    start serve --reuseport --workers 2
    becomes 'workers' 2 how_many
    comes
    ANN=$CLIENT BUSY=$WORKER
    for _ in {1..200}; do
        connects
        echo hello >&"$CLIENT"
        becomes 'it is accepted, or it is queued' yes accepted_or_queued
        (($(queued) == 0)) || return 0
        hears "$CLIENT" HELLO
        exec {CLIENT}>&-
        becomes 'connections of the other worker' '' busy_but "$BUSY"
    done
    fail 'no client came to the busy worker'
}

# The clients that are queued at the server's sockets: proc_net_tcp(5), the rx_queue of a listening socket.
queued() {
    local sum=0 line
    while read -r line; do sum=$((sum + 16#$line)); done < <(awk -v port=":$(printf '%04X' "$PORT")$" \
        '$2 ~ port && $4 == "0A" { print substr($5, 10) }' /proc/net/tcp)
    echo "$sum"
}

accepted_or_queued() {
    if [[ $(busy_but "$BUSY") ]] || (($(queued) > 0)); then echo yes; fi
}

@test "25: with --reuseport a client waits for its busy worker, while another is free" {
    waits_for_a_busy_worker
    equal 'workers with a client' 1 "$(connected | wc -l)"
    says "$ANN" 'still here'
    exec {ANN}>&-
    hears "$CLIENT" HELLO
    stop
}

@test "25: with --reuseport, what is queued at the socket of a worker that dies waits for the next one" {
    waits_for_a_busy_worker
    kill -KILL "$BUSY"
    has_end_of_file "$ANN"
    hears "$CLIENT" HELLO
    stop
}

@test "25: without --reuseport nobody waits while a worker is free" {
    start serve
    hold silent "$ADDRESS" 3
    peer row "$ADDRESS" 50
    stop
}

# That all 40 come to the same one of the two happens once in 500,000,000,000 times.
@test "25: a second server may join with --reuseport, and gets its share; not without" {
    start serve --reuseport
    refuses 1 "bind 127.0.0.1:$PORT: Address already in use" serve --port "$PORT"
    run limited "$PROGRAM" --timing --ops 40 --reuseport --port "$PORT"
    equal 'status of the second' 0 "$status"
    equal 'the second' "server | listening on $ADDRESS" "${lines[0]}"
    stop
    local first second
    first=$(lines_with accepted) second=$(requests_of_each | sum)
    equal 'requests of both' 40 $((first + second))
    ((first > 0 && second > 0)) || fail "the first served $first clients, the second $second"
}

requests_of_each() {
    sed -n 's/.*requests of each worker://p' <<< "$output"
}

sum() {
    tr ' ' '\n' | awk '{ sum += $1 } END { print sum + 0 }'
}

# ---- A bad day -------------------------------------------------------------------------------------------------------

# A worker that waits in accept has the number for its next client already: the accept after that one fails.
survives_emfile_in_the_workers() {
    start "${SERVE[@]}"
    becomes 'workers' 4 how_many
    limit_every_worker 3
    serves
    await '^worker-1 | accept: .* tries again until it can'
    hold silent "$ADDRESS" 8
    is_idle
    limit_every_worker 64
    release
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

@test "25: survives EMFILE without a spin" { survives_emfile_in_the_workers; }
@test "25: survives a client that is gone" { survives_a_client_that_is_gone; }
@test "25: reuseport: survives a client that is gone" { with_reuseport survives_a_client_that_is_gone; }

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

@test "25: stops at any moment" { stops_at_any_moment; }
@test "25: reuseport: stops at any moment" { with_reuseport stops_at_any_moment; }

@test "25: stops with clients of every kind, and with more than there are workers" {
    start serve
    hold silent "$ADDRESS" 3
    hold stall "$ADDRESS"
    hold silent "$ADDRESS" 3
    stop
}

@test "25: stops at once with clients of every kind" {
    SERVE=(serve --workers 6)
    concurrent_stops_with_clients_of_every_kind
}

# ---- The demo --------------------------------------------------------------------------------------------------------

@test "25: the demo is the same each time" { check_demo 5; }
@test "25: the demo with --reuseport is the same each time" { check_demo 5 --reuseport; }
@test "25: the demo with --dying is the same each time" { check_demo 2 --dying 1; }

@test "25: the demo shows who was served by whom" {
    equal 'who served whom' '1-1 2-2 3-3 4-4 1-5 5-6 3-7 4-8' \
        "$(play | sed -n 's/^worker-\(.*\) | accepted client /\1-/p' | paste -sd ' ')"
}

@test "25: SIGTERM in the middle of a demo leaves nobody, status 0" {
    broken_off_by TERM 0 'client-5 | waits'
    equal 'the last line' 'server | stopped' "$(tail -n 1 "$AFTER")"
}

# ---- What every server does ------------------------------------------------------------------------------------------

@test "25: answers in upper case" { every_server_answers_in_upper_case; }
@test "25: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "25: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "25: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "25: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "25: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "25: serves many in a row" { every_server_serves_many_in_a_row; }
@test "25: serves netcat" { every_server_serves_netcat; }
@test "25: has a client" { every_server_has_a_client; }
@test "25: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "25: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "25: survives a silent client" { every_server_survives_a_silent_client; }
@test "25: survives sending without end" { every_server_survives_sending_without_end; }
@test "25: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "25: stops with clients connected" { every_server_stops_with_clients_connected; }
@test "25: names a port in use" { every_server_names_a_port_in_use; }

@test "25: serves many at once, as many as there are workers" {
    SERVE=(serve --workers 100)
    concurrent_serves_many_at_once
}
@test "25: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "25: serves beside a client that never reads" { concurrent_serves_beside_a_client_that_never_reads; }
@test "25: serves beside a client that sends without end" { concurrent_serves_beside_a_client_that_sends_without_end; }
@test "25: returns every byte to a client that reads late" { concurrent_returns_every_byte_to_a_client_that_reads_late; }

# With a socket for each, these hold as long as no client stays: the next one might come to the same worker.
@test "25: reuseport: serves polite clients" {
    SERVE=(serve --reuseport)
    every_server_answers_in_upper_case
    every_server_answers_after_a_half_close
    every_server_passes_a_mebibyte_unharmed
    every_server_answers_byte_by_byte
    every_server_survives_an_empty_connection
    every_server_passes_nul_bytes
    every_server_serves_many_in_a_row
    every_server_has_a_client
}

@test "25: reuseport: survives rude clients" {
    SERVE=(serve --reuseport)
    every_server_survives_a_reset_in_mid_reply
    every_server_survives_a_client_that_stops_reading
    every_server_survives_a_silent_client
    every_server_survives_sending_without_end
    every_server_stops_with_clients_connected
}

@test "25: reuseport: serves netcat" { with_reuseport every_server_serves_netcat; }
@test "25: reuseport: survives EINTR and short transfers" { with_reuseport every_server_survives_eintr_and_short_transfers; }
@test "25: reuseport: names a port in use" { with_reuseport every_server_names_a_port_in_use; }

# ---- Options ---------------------------------------------------------------------------------------------------------

@test "25: times requests, with the spread over the workers" {
    local option
    for option in '' --reuseport; do
        # shellcheck disable=SC2086 # none or one word
        run limited "$PROGRAM" --timing --ops 200 $option
        equal status 0 "$status"
        same_transcript 'what --timing prints' 'server | listening on 127.0.0.1:PORT
timing | 200 requests in TIME s, MS requests/s
timing | requests of each worker: MS MS MS MS' "$output"
        equal 'the sum' 200 "$(requests_of_each | sum)"
    done
    run limited "$PROGRAM" --timing --ops 20 --workers 1
    [[ ${lines[2]} == 'timing | requests of each worker: 20' ]] || fail "$output"
    run limited "$PROGRAM" --timing --ops 60 --workers 6
    equal 'workers, four in a line' '4 2' "$(sed -n 's/.*requests of each worker: //p' <<< "$output" | awk '{ print NF }' | paste -sd ' ')"
}

@test "25: names sizes out of range, and what hides other options" {
    refuses 2 '--workers 0: not a number from 1 to 1000' serve --workers 0
    refuses 2 '--workers 1001: not a number from 1 to 1000' serve --workers 1001
    refuses 2 '--workers 5: the demo has 4' --workers 5
    refuses 2 "--timing: measures the demo's workers, not those of serve" serve --timing
    refuses 2 '--dying -1: not a number from 0 to 1000000' serve --dying -1
    refuses 2 '--ops 0: not a number from 1 to 1000000' --timing --ops 0
    refuses 2 '--reuseport=yes: takes no value' serve --reuseport=yes
    refuses 2 '--dying: the demo shows it without --reuseport and --timing' --dying 1 --timing
    refuses 2 '--dying: the demo shows it without --reuseport and --timing' --dying 1 --reuseport
}

@test "25: two hundred workers, and all of them end" {
    start serve --workers 200
    becomes 'workers' 200 how_many
    serves
    stop
}

@test "25: names what is wrong" { every_server_names_what_is_wrong; }
@test "25: names a privileged port" { every_server_names_a_privileged_port; }
@test "25: has help" { every_server_has_help --host --port --workers --reuseport --dying --timing --ops; }
@test "25: the slides show what is so" { check_slides; }
