# The mistakes that these tests catch: a time-out that nobody hears of; shutdown that waits for a loop that is not there; a
# terminal that is read through a buffer which select cannot see, or not read while a client is silent.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154
load helper
load peers/every_server

@test "14b: the demo is the same each time" {
    check_demo 5
    check_demo 3 once
}

@test "14b: in the demo, select sees both the server and the terminal" {
    equal 'the demo' 'ann    | connects from 127.0.0.1
main   | select: a client is there; handle_request
bob    | types "one\ntwo\n"
main   | typed: "one"
main   | typed: "two"
ann    | sends "hello\n"
thread-1 | received "hello"
ann    | received "it has 5 bytes"
bob    | types "quit\n"
main   | typed: "quit"' "$(play)"
}

@test "14b: handle_request calls handle_timeout, or serves whoever has come; shutdown without a loop returns" {
    local from=${EPOCHREALTIME/./}
    equal 'once' 'main   | handle_request, and nobody is there
main   | handle_timeout: nobody came for 100 ms
main   | handle_request, after ann has connected
ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"
main   | shutdown, although no loop is serving
main   | has returned: there was nothing to wait for' "$(play once)"
    (((${EPOCHREALTIME/./} - from) >= 100000)) || fail 'handle_timeout was called before 100 ms were over'
}

# ---- The command select ------------------------------------------------------------------------------------------------

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

@test "14b: select: two lines that arrive together are both seen, while the terminal stays open" {
    given_a_terminal
    type_keys $'one\ntwo\n'
    await '^main   | typed: "one"$'
    await '^main   | typed: "two"$'
    quit
}

@test "14b: select: clients are served while the terminal is silent" {
    given_a_terminal
    serves
    peer many "$ADDRESS" 20
    quit
}

@test "14b: select: the terminal is read while a client is silent, and quit ends both" {
    given_a_terminal
    hold silent "$ADDRESS" 1
    await 'accepted client 1'
    type_keys $'hello\n'
    await 'typed: "hello"'
    serves
    quit
}

@test "14b: select: reads on when calls are interrupted and transfers are short" {
    given_a_terminal "$BUILD/flaky/$stem"
    type_keys $'good morning\ngood evening\n'
    await '^main   | typed: "good morning"$'
    await '^main   | typed: "good evening"$'
    quit
}

@test "14b: select: sleeps while nobody comes and nobody types" {
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

@test "14b: select: quit or end of file ends it" {
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

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "14b: names what is wrong" {
    refuses 2 'more: unexpected' select more
    refuses 2 'more: unexpected' once more
    refuses 2 '--port: no such option; see --help' select --port 80
}

@test "14b: has help" {
    every_server_has_help
    equal 'lines of --help about select' 1 "$(grep -c '^  select ' <<< "$output")"
}

@test "14b: the slides show what is so" { check_slides; }
