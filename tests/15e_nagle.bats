# The mistakes that these tests catch: a reply in two sends; an attribute that is set when the server has been made.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "15e: the demo is the same each time" { check_demo 3; }

@test "15e: of a reply in two sends, the second part waits; not with TCP_NODELAY, not in one send" {
    equal 'the demo' 'ann    | asks 5 times: a reply in two sends
thread-1 | up to 4000 bytes of a reply waited here
ann    | asks 5 times: a reply in two sends, TCP_NODELAY
thread-1 | up to 0 bytes of a reply waited here
ann    | asks 5 times: a reply in one send
thread-1 | up to 0 bytes of a reply waited here' "$(play)"
}

# The time of each of ten replies, in ms: the least of three, unless the first is less than 20.
each() { # COMMAND
    local i from now
    ms=9999
    for i in 1 2 3; do
        from=${EPOCHREALTIME/./}
        play "$1" --replies 10 > "$BATS_TEST_TMPDIR/said"
        now=$(((${EPOCHREALTIME/./} - from) / 10000))
        [[ $(cat "$BATS_TEST_TMPDIR/said") == 'ann    | asks 10 times: '* ]] || fail "$(cat "$BATS_TEST_TMPDIR/said")"
        ((now >= ms)) || ms=$now
        ((ms >= 20)) || break
    done
}

@test "15e: a reply in one send, or with TCP_NODELAY, takes less than 20 ms, one in two sends more" {
    each two-sends
    ((ms >= 20)) || fail "two sends: $ms ms, so there is no wait for acknowledgements"
    each no-delay
    ((ms < 20 * $(limit 1))) || fail "TCP_NODELAY: $ms ms"
    each one-send
    ((ms < 20 * $(limit 1))) || fail "one send: $ms ms"
}

@test "15e: SIGTERM ends the demo" {
    broken_off_by TERM 143 'asks 1000000 times: a reply in two sends' --replies 1000000
}

@test "15e: names what is wrong" {
    refuses 2 '--replies 0: not a number from 1 to 1000000' --replies 0
    refuses 2 'nagle: no such command; see --help' nagle
}

@test "15e: has help" { every_server_has_help --replies; }
@test "15e: the slides show what is so" { check_slides; }
