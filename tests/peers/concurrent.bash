# Every server that serves several clients at once does this, whatever its model: an event loop, threads, processes, a pool.
# A test file loads this after every_server.bash; SERVE holds the words that start the server.
# shellcheck shell=bash disable=SC2034,SC2154

needs_descriptors() { # COUNT
    local most
    most=$(ulimit -Hn)
    [[ $most == unlimited ]] || ((most >= $1)) || skip "needs $1 descriptors in a process; the hard limit here is $most"
}

limit_descriptors() { # COUNT
    SERVER_PROGRAM=$BATS_TEST_TMPDIR/limited
    printf '#!/bin/sh\nulimit -n %d\nexec %q "$@"\n' "$1" "$PROGRAM" > "$SERVER_PROGRAM"
    chmod +x "$SERVER_PROGRAM"
}

# Starts a client that sends without end, FLOOD; it writes to the file "flood" why it has ended.
floods() {
    timeout "$(limit 15)" "$PEER" flood "$ADDRESS" 1000000000000 > "$BATS_TEST_TMPDIR/flood" 2>&1 3>&- 4>&- &
    FLOOD=$!
}

# ---- Nobody waits for others -------------------------------------------------------------------------------------------

concurrent_serves_many_at_once() {
    needs_descriptors 256
    given_a_server
    peer many "$ADDRESS" 100
    stop
}

concurrent_serves_beside_a_silent_client() {
    given_a_server
    hold silent "$ADDRESS" 1
    await 'accepted client 1'
    serves
    stop
}

concurrent_serves_beside_300_idle_clients() {
    needs_descriptors 400
    given_a_server
    hold silent "$ADDRESS" 300
    peer row "$ADDRESS" 20
    stop
}

# A client that never reads costs one buffer, and no time.
concurrent_serves_beside_a_client_that_never_reads() {
    given_a_server
    serves
    local before grown
    before=$(peak_memory)
    hold stall "$ADDRESS"
    serves
    peer row "$ADDRESS" 20
    grown=$(($(peak_memory) - before))
    ((grown < 4096)) || fail "a client that never reads cost the server $grown KiB"
    stop
}

concurrent_serves_beside_a_client_that_sends_without_end() {
    given_a_server
    floods
    await 'and more from client 1'
    serves
    peer row "$ADDRESS" 20
    kill "$FLOOD" || fail 'the flood had ended:' "$(cat "$BATS_TEST_TMPDIR/flood")"
    wait "$FLOOD" || true
    serves
    stop
}

# More than the buffers of the kernel take while the client does not read.
concurrent_returns_every_byte_to_a_client_that_reads_late() {
    given_a_server
    local size=16777216 writer
    yes "$letters" | head -c $size > "$BATS_TEST_TMPDIR/in"
    exec {late}<> "/dev/tcp/$HOST/$PORT"
    cat "$BATS_TEST_TMPDIR/in" >&"$late" 3>&- 4>&- &
    writer=$!
    await 'and more from client 1'
    serves
    limited head -c $size <&"$late" > "$BATS_TEST_TMPDIR/out"
    wait "$writer"
    exec {late}>&-
    tr '[:lower:]' '[:upper:]' < "$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/out"
    stop
}

# One has nothing to say, the other cannot be told more: the server has nothing to do.
concurrent_sleeps_while_all_clients_wait() {
    given_a_server
    hold silent "$ADDRESS" 3
    hold stall "$ADDRESS"
    is_idle
    stop
}

# The clients that are in are served while accept has no descriptor left for one more.
concurrent_serves_on_while_accept_fails() {
    limit_descriptors 16
    given_a_server
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    await 'accepted client 1'
    hold silent "$ADDRESS" 16
    await 'accept: .* tries again until it can'
    local word reply
    for word in still in here; do
        echo "$word" >&"$ann"
        read -r -t "$(limit 5)" reply <&"$ann" || fail "no reply to $word"
        equal 'the reply to a client that is in' "${word^^}" "$reply"
    done
    exec {ann}>&-
    release
    serves
    stop
}

# ---- The end -----------------------------------------------------------------------------------------------------------

stops_within() { # SECONDS
    local from=${EPOCHREALTIME/./} took
    stop
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((took < $(limit "$1") * 1000)) || fail "the server took $took ms to stop"
}

# Six clients: three that are silent, one that never reads, one that sends without end, and one that has left.
concurrent_stops_with_clients_of_every_kind() {
    given_a_server
    hold silent "$ADDRESS" 3
    hold stall "$ADDRESS"
    floods
    await 'and more from client 5'
    serves
    stops_within 2
    wait "$FLOOD" || true
    equal 'the flood' 'peer: the server hung up' "$(cat "$BATS_TEST_TMPDIR/flood")"
}
