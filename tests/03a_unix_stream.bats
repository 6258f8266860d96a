# The mistakes that these tests catch: a path that is never unlinked; a stale one that stops the server, or one that is
# unlinked without a look: a living server's, a file, a successor's; a path that is cut to fit; a path for everybody; a reply
# to nobody; a lost reply that ends the server or blocks it. And those of a server for one client at a time, as in lesson 01.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

at_a_path() {
    SERVE=(serve --path "$BATS_TEST_TMPDIR/s")
    "$@"
}

# ---- The path of a server ----------------------------------------------------------------------------------------------

# Fills with x up to this many bytes.
path_of_length() {
    local path=$BATS_TEST_TMPDIR/
    while ((${#path} < $1)); do path+=x; done
    echo "$path"
}

# A server that is killed leaves its path behind; the next one takes it over.
replaces_a_stale_path() { # [--datagram]
    local path=$BATS_TEST_TMPDIR/s
    start serve --path "$path" "$@"
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    [[ -S $path ]] || fail "there should be a socket at $path"
    refuses 1 "connect $path: Connection refused" connect "$@" "$path"
    start serve --path "$path" "$@"
    await 's was stale: nobody listened there; has replaced it'
    equal 'the reply' AGAIN "$(limited "$PROGRAM" connect "$@" "$path" <<< again)"
    stop
}

# Where even root may not do what the mode of a directory forbids.
without_privilege() {
    local as_others=()
    if ((EUID == 0)); then
        command -v setpriv > /dev/null || skip 'root needs setpriv to give up its privilege'
        as_others=(setpriv '--bounding-set=-dac_override,-dac_read_search' '--inh-caps=-dac_override,-dac_read_search')
    fi
    limited "${as_others[@]}" "$@"
}

@test "03: a path is removed when the server stops" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    [[ -S $BATS_TEST_TMPDIR/s ]]
    stop
    [[ ! -e $BATS_TEST_TMPDIR/s ]]
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    stop
    [[ ! -e $BATS_TEST_TMPDIR/s ]]
}

@test "03: Ctrl-C stops the server like SIGTERM" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    kill -INT "$SERVER"
    wait "$SERVER"
    SERVER=
    nothing_left
}

# Its unlink takes a second: whoever comes meanwhile must not find a path where nobody answers.
@test "03: a server that is told to stop does not look stale while it stops" {
    [[ $BUILD != */address* ]] || skip 'the search for leaks does not go with strace'
    command -v strace > /dev/null || skip 'needs strace, which makes a call take longer'
    local path=$BATS_TEST_TMPDIR/path
    start serve --path "$path"
    strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=unlink,shutdown -e inject=unlink:delay_enter=1000000 -p "$SERVER" 3>&- 4>&- &
    until grep -q '^TracerPid:.[1-9]' "/proc/$SERVER/status"; do :; done
    kill -TERM "$SERVER"
    until grep -q SIGTERM "$BATS_TEST_TMPDIR/trace"; do :; done
    refuses 1 "bind $path: Address already in use" serve --path "$path"
    wait "$SERVER"
    SERVER=
    [[ ! -e $path ]]
}

@test "03: a path that another server has taken is left alone" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    local first=$SERVER
    rm "$ADDRESS"
    start serve --path "$BATS_TEST_TMPDIR/s"
    kill -TERM "$first"
    wait "$first"
    [[ -S $ADDRESS ]] || fail 'the first server has removed the path of the second'
    serves
    stop
}

@test "03: a stale path is replaced" { replaces_a_stale_path; }

@test "03: a path in use is refused, and its server goes on" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "bind $ADDRESS: Address already in use" serve --path "$ADDRESS"
    refuses 1 "bind $ADDRESS: Address already in use" serve --path "$ADDRESS" --datagram
    serves
    stop
}

@test "03: what is not a socket is left alone" {
    cd "$BATS_TEST_TMPDIR"
    echo 'my thesis' > file
    mkdir directory
    mkfifo fifo
    start serve --path "$PWD/s"
    ln -s s link
    ln -s nowhere dangling
    local name before
    before=$(ls -l)
    for name in file directory fifo link dangling; do
        refuses 1 "$name is not a socket and is left alone: File exists" serve --path "$name"
    done
    equal 'the directory' "$before" "$(ls -l)"
    equal 'the file' 'my thesis' "$(cat file)"
    serves
    stop
}

@test "03: a path is as long as it may be, or refused" {
    local longest too_long
    longest=$(path_of_length 107)
    too_long=$(path_of_length 108)
    start serve --path "$longest"
    [[ -S $longest ]]
    equal 'the reply' HELLO "$(limited "$PROGRAM" connect "$longest" <<< hello)"
    stop
    refuses 2 "$too_long: longer than the 107 bytes of a socket's path" serve --path "$too_long"
    refuses 2 "$too_long: longer than the 107 bytes of a socket's path" connect "$too_long"
    TMPDIR=$longest refuses 2 "TMPDIR $longest: too long for a socket's path" serve
    nothing_left
}

@test "03: a path where there can be none is refused" {
    refuses 1 "bind $BATS_TEST_TMPDIR/none/s: No such file or directory" serve --path "$BATS_TEST_TMPDIR/none/s"
    mkdir "$BATS_TEST_TMPDIR/locked"
    chmod 500 "$BATS_TEST_TMPDIR/locked"
    run without_privilege "$PROGRAM" serve --path "$BATS_TEST_TMPDIR/locked/s"
    equal status 1 "$status"
    equal message "$stem: bind $BATS_TEST_TMPDIR/locked/s: Permission denied" "$output"
}

@test "03: a path is for its owner only" {
    umask 000
    start serve --path "$BATS_TEST_TMPDIR/s"
    equal 'the mode' 600 "$(stat -c %a "$ADDRESS")"
    stop
}

@test "03: without --path, the path lies in TMPDIR and has the pid in its name" {
    start serve
    equal 'the path' "$BATS_TEST_TMPDIR/$stem.$SERVER" "$ADDRESS"
    serves
    stop
}

# ---- Datagrams ---------------------------------------------------------------------------------------------------------

answers_datagrams() {
    equal 'the replies' $'ONE\nTWO 2' "$(printf 'One\nTwo 2\n' | limited "$PROGRAM" connect --datagram "$ADDRESS")"
}

@test "03: a datagram client that has a name is answered" {
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    answers_datagrams
    await 'received "Two 2\\n" from a client with a name'
    stop
}

@test "03: a stale path for datagrams is replaced" { replaces_a_stale_path --datagram; }

@test "03: a path in use for datagrams is refused, and its server goes on" {
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    refuses 1 "bind $ADDRESS: Address already in use" serve --path "$ADDRESS"
    refuses 1 "bind $ADDRESS: Address already in use" serve --path "$ADDRESS" --datagram
    equal 'the reply' 'STILL HERE' "$(limited "$PROGRAM" connect --datagram "$ADDRESS" <<< 'still here')"
    stop
}

@test "03: a datagram client that has no name is not answered" {
    SERVER_PROGRAM=$BUILD/flaky/$stem # where the next reply meets EINTR
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    "$PROGRAM" connect --datagram --no-name "$ADDRESS" <<< hello > "$BATS_TEST_TMPDIR/replies" 3>&- 4>&- &
    local nameless=$!
    await 'received "hello\\n" from nobody: it cannot be answered'
    answers_datagrams
    kill "$nameless" 2> /dev/null || true # it may have waited its second for a reply, and gone
    wait "$nameless" || true
    equal 'its replies' '' "$(grep -v 'no reply within 1000 ms' "$BATS_TEST_TMPDIR/replies")"
    stop
}

@test "03: a datagram client that is gone loses its reply" {
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
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
@test "03: a client that never reads does not stop the server" {
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    hold deaf "$ADDRESS" 1000
    await 'sendto: Resource temporarily unavailable: this reply is lost'
    release
    answers_datagrams
    stop
}

@test "03: an empty datagram has an empty reply" {
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    equal 'the replies' $'ONE\n\nTHREE' "$(peer packets "$ADDRESS" one '' three)"
    await 'received "" from a client with a name'
    stop
}

@test "03: a datagram that is cut is noticed" {
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    local longest
    longest=$(printf '%065536d' 0)
    peer packets "$ADDRESS" "$longest"0 > /dev/null
    await 'received 65536 of 65537 bytes: the datagram is cut'
    stop
}

@test "03: answers datagrams in spite of EINTR" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    start serve --path "$BATS_TEST_TMPDIR/s" --datagram
    equal 'the replies' $'ONE\nTWO\nTHREE\nFOUR' "$(peer packets "$ADDRESS" one two three four)"
    stop
}

# ---- The demo and the command line -------------------------------------------------------------------------------------

@test "03: the demo is the same each time" { check_demo 5; }
@test "03: the demo shows both kinds, whatever the options" { check_demo 2 --datagram --no-name; }
@test "03: the slides show what is so" { check_slides; }

@test "03: the demo leaves no path behind" {
    TMPDIR=$BATS_TEST_TMPDIR play > "$BATS_TEST_TMPDIR/transcript"
    grep -q "listening on $BATS_TEST_TMPDIR/$stem" "$BATS_TEST_TMPDIR/transcript"
    equal 'what is left' "$BATS_TEST_TMPDIR/transcript" "$(find "$BATS_TEST_TMPDIR" -mindepth 1)"
}

@test "03: names what is wrong" {
    refuses 2 '--path: wants a value' serve --path
    refuses 2 '--port: no such option; see --help' serve --port 80
    refuses 2 '--datagram=1: takes no value' serve --datagram=1
    refuses 2 'srve: no such command; see --help' srve
    refuses 2 'an empty path names no socket' serve --path ''
    refuses 2 'an empty path names no socket' connect ''
    refuses 2 'more: unexpected' serve more
    refuses 2 'connect: wants PATH' connect
    refuses 1 "connect $BATS_TEST_TMPDIR/none: No such file or directory" connect "$BATS_TEST_TMPDIR/none"
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "connect $ADDRESS: Protocol wrong type for socket" connect --datagram "$ADDRESS"
    stop
}

@test "03: has help" { every_server_has_help --path --datagram --no-name; }

# ---- A server for one client at a time ---------------------------------------------------------------------------------

@test "03: answers in upper case" { at_a_path every_server_answers_in_upper_case; }
@test "03: answers after a half-close" { at_a_path every_server_answers_after_a_half_close; }
@test "03: passes a mebibyte unharmed" { at_a_path every_server_passes_a_mebibyte_unharmed; }
@test "03: answers byte by byte" { at_a_path every_server_answers_byte_by_byte; }
@test "03: survives an empty connection" { at_a_path every_server_survives_an_empty_connection; }
@test "03: passes NUL bytes" { at_a_path every_server_passes_nul_bytes; }
@test "03: serves many in a row" { at_a_path every_server_serves_many_in_a_row; }
@test "03: serves netcat" { at_a_path every_server_serves_netcat; }
@test "03: has a client" { at_a_path every_server_has_a_client; }
@test "03: survives a reset in mid-reply" { at_a_path every_server_survives_a_reset_in_mid_reply; }
@test "03: survives a client that is gone" { at_a_path every_server_survives_a_client_that_is_gone; }
@test "03: survives a client that stops reading" { at_a_path every_server_survives_a_client_that_stops_reading; }
@test "03: survives a silent client" { at_a_path every_server_survives_a_silent_client; }
@test "03: survives sending without end" { at_a_path every_server_survives_sending_without_end; }
@test "03: survives EMFILE without a spin" { at_a_path every_server_survives_emfile 4 -S; }
@test "03: survives EINTR and short transfers" { at_a_path every_server_survives_eintr_and_short_transfers; }
@test "03: stops with clients connected" { at_a_path every_server_stops_with_clients_connected; }

@test "03: a demo that is refused its clients' process leaves no path" {
    run limited env TMPDIR="$BATS_TEST_TMPDIR" CALM=1 REFUSE=1 "$BUILD/flaky/$stem"
    equal 'status' 1 "$status"
    equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
    equal 'sockets that were left' '' "$(find "$BATS_TEST_TMPDIR" -type s)"
}
