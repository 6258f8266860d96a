# The mistakes that these tests catch: shutdown that sets a flag and wakes nobody, or waits for its own thread; a server
# that is closed while its loop runs; a loop whose thread nobody joins; a time-out that nobody hears of; a terminal read
# through a buffer that select cannot see, or not read while a client is silent; a main thread that waits for a signal which
# another thread gets.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154
load helper
load peers/every_server
load peers/concurrent

# The lines of one part of the demo: those before the first "----", or after "---- TITLE".
part() { # TITLE
    timeout -k 1 "$(limit 4)" "$PROGRAM" < /dev/null |
        awk -v title="$1" 'BEGIN { on = title == "" } / \| ---- / { on = title != "" && index($0, title); next } on'
}

# ---- The post's example ------------------------------------------------------------------------------------------------

@test "14: three clients are answered by Thread-2, Thread-3, Thread-4" {
    local lines
    lines=$(part '')
    [[ $lines =~ ^'main   | server_address is 127.0.0.1:'[1-9] ]] || fail "port 0 did not become a real one" "$lines"
    equal 'what the post prints' 'main   | Server loop running in thread: Thread-1
main   | Received: Thread-2: Hello World 1
main   | Received: Thread-3: Hello World 2
main   | Received: Thread-4: Hello World 3' "$(grep -E 'loop running|Received' <<< "$lines")"
    equal 'the end' 'main   | fileno is -1' "$(tail -n 1 <<< "$lines")"
}

# ---- handle_request ----------------------------------------------------------------------------------------------------

@test "14: handle_request calls handle_timeout, or serves who has come; shutdown without a loop returns" {
    local from=${EPOCHREALTIME/./}
    equal 'handle_request' 'main   | handle_request
main   | handle_timeout: nobody came for 100 ms
ann    | sends "hello\n"
main   | handle_request
main   | received "hello"
ann    | Received: main: hello
main   | shutdown, although nothing is serving
main   | has returned: there was nothing to wait for' "$(part 'handle_request')"
    (((${EPOCHREALTIME/./} - from) >= 100000)) || fail 'handle_timeout was called before 100 ms were over'
}

# ---- fileno in a select of one's own -----------------------------------------------------------------------------------

@test "14: in the demo, select sees both the server and the terminal" {
    equal 'select' 'ann    | connects, and says nothing yet
main   | select: a client is there; handle_request
bob    | types "one\ntwo\n"
main   | typed: "one"
main   | typed: "two"
ann    | sends "hello\n"
Thread-1 | received "hello"
ann    | Received: Thread-1: hello
bob    | types "quit\n"
main   | typed: "quit"' "$(part 'fileno')"
}

# ---- shutdown ----------------------------------------------------------------------------------------------------------

@test "14: a handler that the loop runs may not call shutdown: it is told so, and the server goes on" {
    equal 'shutdown in a handler' 'ann    | sends "shutdown\n"
Thread-1 | received "shutdown"
ann    | Received: Thread-1: refused, EDEADLK
bob    | sends "still there?\n"
Thread-1 | received "still there?"
bob    | Received: Thread-1: still there?' "$(part 'in a handler of a TCPServer')"
}

@test "14: a handler with a thread of its own may" {
    equal 'shutdown in a handler' 'ann    | sends "shutdown\n"
Thread-2 | received "shutdown"
ann    | Received: Thread-2: the loop has ended' "$(part 'in a handler of a ThreadingTCPServer')"
}

@test "14: the demo is the same each time" { check_demo 5; }

# A round of the loop is longer than a start and a shutdown may take.
takes_under_50_ms_each() { # SERVERS WORDS...
    local servers=$1 seconds
    shift
    run limited "$PROGRAM" --timing --ops "$servers" "$@"
    equal status 0 "$status"
    same_transcript 'what --timing prints' \
        "timing | $servers starts and shutdowns in TIME s, MS starts and shutdowns/s" "$output"
    seconds=${output#* in } seconds=${seconds%% s,*}
    awk -v s="$seconds" -v n="$servers" 'BEGIN { exit !(s < 0.05 * n) }' || fail "$servers servers took $seconds s"
}

@test "14: shutdown does not wait for the end of a round" {
    [[ -z ${TEST_SLOWDOWN:-} ]] || skip 'a slow machine'
    takes_under_50_ms_each 8
    takes_under_50_ms_each 20
    takes_under_50_ms_each 20 --poll 60000
}

@test "14: the demo does not wait for the end of a round" {
    same_story 'with rounds of a minute' 'Received: Thread-4: Hello World 3' \
        "$(play | neutral)" "$(play --poll 60000 | neutral)"
}

# Threads that nobody joins keep their stacks: 8 MiB of address space each, unless ulimit -s says otherwise.
@test "14: the loop's thread is joined, and gives back its stack" {
    needs_an_address_space_of_its_own
    ulimit -S -s 8192
    ulimit -v 1000000
    run limited "$PROGRAM" --timing --ops 300
    equal status 0 "$status"
    [[ $output == 'timing | 300 starts and shutdowns in '* ]] || fail "$output"
}

# ---- The command select ----------------------------------------------------------------------------------------------

# The server's standard input is a FIFO that stays open: the terminal of somebody who types with type_keys.
given_a_terminal() { # [PROGRAM]
    mkfifo "$BATS_TEST_TMPDIR/terminal"
    exec {keys}<> "$BATS_TEST_TMPDIR/terminal"
    SERVER_PROGRAM=$BATS_TEST_TMPDIR/at_a_terminal
    printf '#!/bin/sh\nexec %q "$@" < %q\n' "${1:-$PROGRAM}" "$BATS_TEST_TMPDIR/terminal" > "$SERVER_PROGRAM"
    chmod +x "$SERVER_PROGRAM"
    start select
}

type_keys() { # TEXT, which arrives together
    env printf '%s' "$1" >&"$keys"
}

# Waits until the server has ended by itself, and leaves nothing behind.
ends() { # LAST LINES
    local status=0 server=$SERVER
    timeout "$(limit 10)" tail --pid="$server" -s 0.02 -f /dev/null || fail 'the server did not end'
    SERVER=
    wait "$server" || status=$?
    wait "$DRAIN"
    equal 'status of the server' 0 "$status"
    equal 'errors of the server' '' "$(cat "$LOG.errors")"
    equal 'last lines of the server' "$1" "$(grep -v 'has left' "$LOG" | tail -n "$(wc -l <<< "$1")")"
    release
    nothing_left
}

quit() {
    type_keys $'quit\n'
    ends $'main   | typed: "quit"\nserver | stopped'
}

@test "14: select: two lines that arrive together are both seen, while the terminal stays open" {
    given_a_terminal
    type_keys $'one\ntwo\n'
    await '^main   | typed: "one"$'
    await '^main   | typed: "two"$'
    quit
}

@test "14: select: clients are served while the terminal is silent" {
    given_a_terminal
    serves
    peer many "$ADDRESS" 20
    quit
}

@test "14: select: the terminal is read while a client is silent, and quit ends both" {
    given_a_terminal
    hold silent "$ADDRESS" 1
    await 'accepted client 1'
    type_keys $'hello\n'
    await 'typed: "hello"'
    serves
    quit
}

@test "14: select: reads on when calls are interrupted and transfers are short" {
    given_a_terminal "$BUILD/flaky/$stem"
    type_keys $'good morning\ngood evening\n'
    await '^main   | typed: "good morning"$'
    await '^main   | typed: "good evening"$'
    quit
}

@test "14: select: sleeps while nobody comes and nobody types" {
    given_a_terminal
    hold silent "$ADDRESS" 1
    await 'accepted client 1'
    is_idle
    stop
}

selects() { # INPUT LINES...
    run limited "$PROGRAM" select < <(env printf '%b' "$1")
    equal status 0 "$status"
    shift
    same_transcript 'select' "server | listening on 127.0.0.1:PORT
$(printf 'main   | typed: %s\n' "$@")
server | stopped" "$output"
}

@test "14: select: quit or end of file ends it" {
    selects 'a\nb\nquit\n' '"a"' '"b"' '"quit"'
    selects 'quit\nmore\n' '"quit"'
    selects 'a\nthe last' '"a"' '"the last"' 'end of file'
    selects 'quite\nqui\n\n' '"quite"' '"qui"' '""' 'end of file'
    selects "$letters$letters\\nshort\\n" 'too much for one line' '"short"' 'end of file'
    run limited "$PROGRAM" select < /dev/null
    equal status 0 "$status"
    same_transcript 'select < /dev/null' 'server | listening on 127.0.0.1:PORT
main   | typed: end of file
server | stopped' "$output"
}

# As post 4's client and server: "Hello World 1", with no newline, and a reply of the thread that has the request.
@test "14: serve: answers as the posts' program does" {
    start serve
    local i
    for i in 1 2 3; do
        equal "request $i" "Thread-$((i + 1)): Hello World $i" "$(printf 'Hello World %d' $i | peer talk "$ADDRESS")"
    done
    printf 'a\0b' | peer talk "$ADDRESS" | od -An -c | tr -d ' ' | grep -qF 'Thread-5:a\0b'
    stop
}

SERVE=(serve --upper) # from here on

# ---- serve: the loop in the background, the main thread waits for a signal ---------------------------------------------

@test "14: serve: three clients, and five threads" {
    given_a_server
    hold silent "$ADDRESS" 3
    await 'accepted client 3'
    [[ $BUILD == */thread ]] || equal 'threads' 5 "$(find "/proc/$SERVER/task" -mindepth 1 -maxdepth 1 | wc -l)"
    serves
    stop
}

# The thread of a client gets SIGPIPE when nobody reads what it says, and not the main thread.
@test "14: serve: stops for a signal that another thread gets" {
    mkfifo "$BATS_TEST_TMPDIR/says"
    timeout -k 1 "$(limit 5)" "$PROGRAM" serve --upper > "$BATS_TEST_TMPDIR/says" 2>&1 3>&- 4>&- &
    local server=$! line='' status=0
    read -r line < "$BATS_TEST_TMPDIR/says"
    limited "$PROGRAM" connect 127.0.0.1 "${line##*:}" <<< 'is anybody there?' 2> /dev/null || true
    wait "$server" || status=$?
    equal 'status of the server' 0 "$status"
}

@test "14: serve: stops for SIGINT too" {
    start serve
    kill -INT "$SERVER"
    ends 'server | stopped'
}

@test "14: serve: stops with clients connected" { every_server_stops_with_clients_connected; }
@test "14: serve: stops at once with clients of every kind" {
    concurrent_stops_with_clients_of_every_kind
    equal 'clients that have left' 6 "$(grep -c 'has left' "$LOG")"
}

@test "14: serve: without a thread for the loop it ends, and says why" {
    run env REFUSE=1 timeout -k 1 "$(limit 5)" "$BUILD/flaky/$stem" serve
    equal status 1 "$status"
    equal 'message' "$stem: pthread_create: Resource temporarily unavailable" "${lines[1]}"
}

@test "14: serve: without a thread for a client it serves on" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve --upper
    equal 'the reply to the first client' '' "$(ask '')"
    serves
    stop
    grep -q '^server | error serving 127.0.0.1:[0-9]*: ' "$LOG" || fail "$(cat "$LOG")"
}

@test "14: serve: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "14: serve: serves beside a client that never reads" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps memory for each thread that there was'
    concurrent_serves_beside_a_client_that_never_reads
}
@test "14: serve: serves many at once" { concurrent_serves_many_at_once; }
@test "14: serve: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "14: serve: serves on while accept fails" { concurrent_serves_on_while_accept_fails; }

# ---- What every server does --------------------------------------------------------------------------------------------

@test "14: answers in upper case" { every_server_answers_in_upper_case; }
@test "14: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "14: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "14: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "14: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "14: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "14: serves many in a row" { every_server_serves_many_in_a_row; }
@test "14: serves netcat" { every_server_serves_netcat; }
@test "14: has a client" { every_server_has_a_client; }
@test "14: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "14: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "14: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "14: survives a silent client" { every_server_survives_a_silent_client; }
@test "14: survives sending without end" { every_server_survives_sending_without_end; }
@test "14: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "14: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }

# ---- Options -----------------------------------------------------------------------------------------------------------

@test "14: names sizes out of range" {
    refuses 2 '--ops 0: not a number from 1 to 100000' --timing --ops 0
    refuses 2 '--ops 100001: not a number from 1 to 100000' --timing --ops 100001
    refuses 2 '--poll 0: not a number from 1 to 60000' --poll 0
    refuses 2 '--poll 60001: not a number from 1 to 60000' serve --poll 60001
    refuses 2 '--poll 0.5: not a number from 1 to 60000' --poll 0.5
    refuses 2 '--timing=yes: takes no value' --timing=yes
}

@test "14: names what is wrong" {
    every_server_names_what_is_wrong
    refuses 2 'more: unexpected' select more
    refuses 1 'bind 192.0.2.1:0: Cannot assign requested address' --host 192.0.2.1
}

@test "14: names a port in use" { every_server_names_a_port_in_use; }
@test "14: names a privileged port" { every_server_names_a_privileged_port; }

@test "14: has help" {
    every_server_has_help --host --port --poll --timing --ops
    equal 'lines of --help about select' 1 "$(grep -c '^  select ' <<< "$output")"
}

@test "14: the slides show what is so" { check_slides; }
