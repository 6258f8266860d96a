# The mistakes that these tests catch: a reply to nobody; a client that expects a name from connect; a lost reply that ends the
# server or blocks it; a datagram that is cut without a word; a path that stays.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server # for refuses and every_server_has_help

@test "03b: the demo is the same each time" { check_demo 5; }

# ---- Names -------------------------------------------------------------------------------------------------------------

answers_datagrams() {
    equal 'the replies' $'ONE\nTWO 2' "$(printf 'One\nTwo 2\n' | limited "$PROGRAM" connect "$ADDRESS")"
}

@test "03b: a client that has a name is answered" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    answers_datagrams
    await 'received "Two 2\\n" from a client with a name'
    stop
}

@test "03b: a client that has no name is not answered" {
    SERVER_PROGRAM=$BUILD/flaky/$stem # where the next reply meets EINTR
    start serve --path "$BATS_TEST_TMPDIR/s"
    "$PROGRAM" connect --no-name "$ADDRESS" <<< hello > "$BATS_TEST_TMPDIR/replies" 3>&- 4>&- &
    local nameless=$!
    await 'received "hello\\n" from nobody: it cannot be answered'
    answers_datagrams
    kill "$nameless" 2> /dev/null || true # it may have waited its second for a reply, and gone
    wait "$nameless" || true
    equal 'its replies' '' "$(grep -v 'no reply within 1000 ms' "$BATS_TEST_TMPDIR/replies")"
    stop
}

@test "03b: a client that is gone loses its reply" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    halt
    hold deaf "$ADDRESS" 1
    release
    kill -CONT "$SERVER"
    await 'received "unheard" from a client with a name'
    await 'sendto: Connection refused: this reply is lost'
    answers_datagrams
    stop
}

# The client's queue of replies fills up: /proc/sys/net/unix/max_dgram_qlen, or the server's SO_SNDBUF. With the latter, a
# reply to others is not promised before the client leaves.
@test "03b: a client that never reads does not stop the server" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    hold deaf "$ADDRESS" 1000
    await 'sendto: Resource temporarily unavailable: this reply is lost'
    release
    answers_datagrams
    stop
}

@test "03b: an empty datagram has an empty reply" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    equal 'the replies' $'ONE\n\nTHREE' "$(peer packets "$ADDRESS" one '' three)"
    await 'received "" from a client with a name'
    stop
}

@test "03b: a datagram that is cut is noticed" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    local longest
    longest=$(printf '%065536d' 0)
    peer packets "$ADDRESS" "$longest"0 > /dev/null
    await 'received 65536 of 65537 bytes: the datagram is cut'
    stop
}

@test "03b: answers datagrams in spite of EINTR" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    start serve --path "$BATS_TEST_TMPDIR/s"
    equal 'the replies' $'ONE\nTWO\nTHREE\nFOUR' "$(peer packets "$ADDRESS" one two three four)"
    stop
}

# ---- The path ----------------------------------------------------------------------------------------------------------

@test "03b: the path is for its owner only, and is removed when the server stops" {
    umask 000
    start serve --path "$BATS_TEST_TMPDIR/s"
    equal 'the mode' 600 "$(stat -c %a "$ADDRESS")"
    stop
    [[ ! -e $BATS_TEST_TMPDIR/s ]]
}

@test "03b: a path in use is refused, and its server goes on" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "bind $ADDRESS: Address already in use" serve --path "$ADDRESS"
    answers_datagrams
    stop
}

@test "03b: a path that another server has taken is left alone" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    local first=$SERVER
    rm "$ADDRESS"
    start serve --path "$BATS_TEST_TMPDIR/s"
    kill -TERM "$first"
    wait "$first"
    [[ -S $ADDRESS ]] || fail 'the first server has removed the path of the second'
    answers_datagrams
    stop
}

@test "03b: a stale path is refused, and lesson 03a's server replaces it" {
    local path=$BATS_TEST_TMPDIR/s
    start serve --path "$path"
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    refuses 1 "connect $path: Connection refused" connect "$path"
    refuses 1 "bind $path: Address already in use" serve --path "$path"
    SERVER_PROGRAM=$BUILD/03a_unix_stream start serve --path "$path"
    serves
    stop
}

# ---- The demo and the command line -------------------------------------------------------------------------------------

@test "03b: the demo's clients have names, whatever the options" { equal 'the demo' "$(play | neutral)" "$(play --no-name | neutral)"; }

@test "03b: the demo leaves no path behind" {
    TMPDIR=$BATS_TEST_TMPDIR play > "$BATS_TEST_TMPDIR/transcript"
    grep -q "listening on $BATS_TEST_TMPDIR/$stem" "$BATS_TEST_TMPDIR/transcript"
    equal 'what is left' "$BATS_TEST_TMPDIR/transcript" "$(find "$BATS_TEST_TMPDIR" -mindepth 1)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "03b: names what is wrong" {
    local too_long
    too_long=/tmp/$(printf '%0103d' 0)
    refuses 2 "$too_long: longer than the 107 bytes of a socket's path" serve --path "$too_long"
    refuses 2 "$too_long: longer than the 107 bytes of a socket's path" connect "$too_long"
    refuses 2 '--no-name=1: takes no value' connect --no-name=1
    refuses 2 'an empty path names no socket' serve --path ''
    refuses 2 'an empty path names no socket' connect ''
    refuses 1 "connect $BATS_TEST_TMPDIR/none: No such file or directory" connect "$BATS_TEST_TMPDIR/none"
    SERVER_PROGRAM=$BUILD/03a_unix_stream start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "connect $ADDRESS: Protocol wrong type for socket" connect "$ADDRESS"
    stop
}

@test "03b: has help" { every_server_has_help --path --no-name; }
@test "03b: the slides show what is so" { check_slides; }
