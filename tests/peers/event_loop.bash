# Every server with one thread and an event loop does this, whichever call it waits in: lessons 06, 07 and 08. A test file
# loads this after every_server.bash and concurrent.bash; SERVE holds the words that start the server.
# shellcheck shell=bash disable=SC2034,SC2154

# ---- Turns -------------------------------------------------------------------------------------------------------------

# Both have sent before the server looks. The first has sent enough for 32 turns: the second is served before they are over.
event_loop_gives_each_client_its_turn() {
    given_a_server
    halt
    head -c 32768 /dev/zero > "$BATS_TEST_TMPDIR/in"
    timeout "$(limit 15)" "$PEER" talk "$ADDRESS" < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
    local first=$! half_closed
    half_closed="^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$PORT") [0-9A-F:]* 08 " # proc_net(5): 08 is CLOSE_WAIT
    until grep -q "$half_closed" /proc/net/tcp; do kill -0 "$first" || fail 'the first client has failed'; done
    exec {second}<> "/dev/tcp/$HOST/$PORT"
    echo hi >&"$second"
    kill -CONT "$SERVER"
    wait "$first"
    equal 'bytes for the first client' 32768 "$(wc -c < "$BATS_TEST_TMPDIR/out")"
    await 'client 1 has left'
    exec {second}>&-
    stop
    equal 'before the first client has left' 'server | received 3 bytes from client 2: "hi\n"' \
        "$(sed '/client 1 has left/,$d' "$LOG" | grep 'from client 2')"
}

# The system would do it: but a loop that ends is not always the end of the program.
event_loop_closes_every_client_when_it_stops() {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    export CALM=1 REPORT=1
    given_a_server
    hold silent "$ADDRESS" 3
    await 'accepted client 3'
    kill -TERM "$SERVER"
    timeout "$(limit 10)" tail --pid="$SERVER" -s 0.02 -f /dev/null || fail 'the server did not stop'
    SERVER=
    grep -q '^sockets open: 0$' "$LOG.errors" ||
        fail 'when it stops with three clients, it has to close each of them, and the listener; but at its end:' "$(grep sockets "$LOG.errors")"
}

# ---- Ten thousand: poll and epoll have no limit of their own -----------------------------------------------------------

event_loop_holds_10000_idle_clients() {
    needs_descriptors 10100
    given_a_server
    serves
    local before each
    before=$(peak_memory)
    hold silent "$ADDRESS" 10000
    serves
    each=$((($(peak_memory) - before) * 1024 / 10000))
    # the thread sanitizer keeps several bytes of its own for each of ours
    [[ $BUILD == */thread ]] || ((each < 2048)) || fail "an idle client cost the server $each bytes"
    stop
    equal 'clients that were accepted' 10002 "$(grep -c accepted "$LOG")"
}

event_loop_says_so_when_few_descriptors_are_allowed() {
    limit_descriptors 64
    given_a_server
    serves
    stop
    equal 'line 2' 'server | only 64 descriptors are allowed (ulimit -Hn): too few for 10,000' "$(sed -n 2p "$LOG")"
}

# ---- Demo and options --------------------------------------------------------------------------------------------------

# The service is the same, so the clients of the demo see the same. What is said of the limit of descriptors depends on the
# machine.
event_loop_says_what_lesson_06_says() { # [LINES that this lesson says after that]
    local ours theirs
    ours=$(play | neutral | grep -v 'descriptors are allowed')
    theirs=$(PROGRAM=$BUILD/06_select_server play | neutral)
    same_story 'the demo' 'ann    | received' "$theirs" "$(head -n "-${1:-0}" <<< "$ours")"
    equal 'lines of the demo' $(($(wc -l <<< "$theirs") + ${1:-0})) "$(wc -l <<< "$ours")"
}
