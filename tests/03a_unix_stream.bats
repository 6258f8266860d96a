# The mistakes that these tests catch: a path that is never unlinked, or too late; a stale one that stops the server, or one
# that is unlinked without a look: a living server's, a file, a successor's; a look that the living server notices; a path that
# is cut to fit; a path for everybody. And those of a server for one client at a time, as in lesson 01.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

@test "03a: the demo is the same each time" { check_demo 5; }
@test "03a: answers in upper case" { at_a_path every_server_answers_in_upper_case; }

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

# Where even root may not do what the mode of a directory forbids.
without_privilege() {
    local as_others=()
    if ((EUID == 0)); then
        command -v setpriv > /dev/null || skip 'root needs setpriv to give up its privilege'
        as_others=(setpriv '--bounding-set=-dac_override,-dac_read_search' '--inh-caps=-dac_override,-dac_read_search')
    fi
    limited "${as_others[@]}" "$@"
}

@test "03a: a path is removed when the server stops" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    [[ -S $BATS_TEST_TMPDIR/s ]]
    stop
    [[ ! -e $BATS_TEST_TMPDIR/s ]]
}

@test "03a: Ctrl-C stops the server like SIGTERM" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    kill -INT "$SERVER"
    wait "$SERVER"
    SERVER=
    nothing_left
}

# Its unlink takes a second: whoever comes meanwhile must not take the path for stale.
@test "03a: a server that is told to stop does not look stale while it stops" {
    [[ $BUILD != */address* ]] || skip 'the search for leaks does not go with strace'
    command -v strace > /dev/null || skip 'needs strace, which makes a call take longer'
    local path=$BATS_TEST_TMPDIR/path
    start serve --path "$path"
    strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=unlink,shutdown -e inject=unlink:delay_enter=1000000 -p "$SERVER" 3>&- 4>&- &
    until grep -q '^TracerPid:.[1-9]' "/proc/$SERVER/status"; do :; done
    kill -TERM "$SERVER"
    until grep -q SIGTERM "$BATS_TEST_TMPDIR/trace"; do :; done
    refuses 1 "$path is in use: another server is alive there" serve --path "$path"
    wait "$SERVER"
    SERVER=
    [[ ! -e $path ]]
}

@test "03a: a path that another server has taken is left alone" {
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

# A server that is killed leaves its path behind; the next one takes it over.
@test "03a: a stale path is replaced" {
    local path=$BATS_TEST_TMPDIR/s
    start serve --path "$path"
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    [[ -S $path ]] || fail "there should be a socket at $path"
    refuses 1 "connect $path: Connection refused" connect "$path"
    start serve --path "$path"
    await 'the path was stale, because nobody listened there: replaced'
    equal 'the reply' AGAIN "$(limited "$PROGRAM" connect "$path" <<< again)"
    stop
}

@test "03a: a path in use is refused, and its server goes on" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "$ADDRESS is in use: another server is alive there" serve --path "$ADDRESS"
    serves
    stop
}

@test "03a: a server notices nothing of a look at its path, whichever kind it is" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "$ADDRESS is in use: another server is alive there" serve --path "$ADDRESS"
    serves
    equal 'its clients' 'server | accepted client 1' "$(grep accepted "$LOG")"
    stop
    SERVER_PROGRAM=$BUILD/03b_unix_datagram
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "$ADDRESS is in use: another server is alive there" serve --path "$ADDRESS"
    equal 'the reply' 'STILL HERE' "$(limited "$SERVER_PROGRAM" connect "$ADDRESS" <<< 'still here')"
    await received
    equal 'what the other received' 1 "$(grep -c received "$LOG")"
    stop
}

@test "03a: what is not a socket is left alone" {
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
        refuses 1 "$name is not a socket, and is left alone" serve --path "$name"
    done
    equal 'the directory' "$before" "$(ls -l)"
    equal 'the file' 'my thesis' "$(cat file)"
    serves
    stop
}

@test "03a: a path is as long as it may be, or refused" {
    local longest too_long
    longest=$(path_of_length 107)
    too_long=$(path_of_length 108)
    start serve --path "$longest"
    [[ -S $longest ]]
    equal 'the reply' HELLO "$(limited "$PROGRAM" connect "$longest" <<< hello)"
    stop
    refuses 2 "$too_long: longer than the 107 bytes of a socket's path" serve --path "$too_long"
    refuses 2 "$too_long: longer than the 107 bytes of a socket's path" connect "$too_long"
    TMPDIR=$longest run limited "$PROGRAM" serve
    equal 'status of a TMPDIR that is too long' 2 "$status"
    [[ $output == "$stem: $longest/$stem."*": longer than the 107 bytes of a socket's path" ]] || fail "$output"
    nothing_left
}

@test "03a: a path where there can be none is refused" {
    refuses 1 "bind $BATS_TEST_TMPDIR/none/s: No such file or directory" serve --path "$BATS_TEST_TMPDIR/none/s"
    mkdir "$BATS_TEST_TMPDIR/locked"
    chmod 500 "$BATS_TEST_TMPDIR/locked"
    run without_privilege "$PROGRAM" serve --path "$BATS_TEST_TMPDIR/locked/s"
    equal status 1 "$status"
    equal message "$stem: bind $BATS_TEST_TMPDIR/locked/s: Permission denied" "$output"
}

@test "03a: a path is for its owner only" {
    umask 000
    start serve --path "$BATS_TEST_TMPDIR/s"
    equal 'the mode' 600 "$(stat -c %a "$ADDRESS")"
    stop
}

@test "03a: without --path, the path lies in TMPDIR and has the pid in its name" {
    start serve
    equal 'the path' "$BATS_TEST_TMPDIR/$stem.$SERVER" "$ADDRESS"
    serves
    stop
}

# ---- The demo and the command line -------------------------------------------------------------------------------------

@test "03a: the demo leaves no path behind" {
    TMPDIR=$BATS_TEST_TMPDIR play > "$BATS_TEST_TMPDIR/transcript"
    grep -q "listening on $BATS_TEST_TMPDIR/$stem" "$BATS_TEST_TMPDIR/transcript"
    equal 'what is left' "$BATS_TEST_TMPDIR/transcript" "$(find "$BATS_TEST_TMPDIR" -mindepth 1)"
}

# ---- A server for one client at a time ---------------------------------------------------------------------------------

@test "03a: answers after a half-close" { at_a_path every_server_answers_after_a_half_close; }
@test "03a: passes a mebibyte unharmed" { at_a_path every_server_passes_a_mebibyte_unharmed; }
@test "03a: answers byte by byte" { at_a_path every_server_answers_byte_by_byte; }
@test "03a: survives an empty connection" { at_a_path every_server_survives_an_empty_connection; }
@test "03a: passes NUL bytes" { at_a_path every_server_passes_nul_bytes; }
@test "03a: serves many in a row" { at_a_path every_server_serves_many_in_a_row; }
@test "03a: serves netcat" { at_a_path every_server_serves_netcat; }
@test "03a: has a client" { at_a_path every_server_has_a_client; }
@test "03a: survives a reset in mid-reply" { at_a_path every_server_survives_a_reset_in_mid_reply; }
@test "03a: survives a client that is gone" { at_a_path every_server_survives_a_client_that_is_gone; }
@test "03a: survives a client that stops reading" { at_a_path every_server_survives_a_client_that_stops_reading; }
@test "03a: survives a silent client" { at_a_path every_server_survives_a_silent_client; }
@test "03a: survives sending without end" { at_a_path every_server_survives_sending_without_end; }
@test "03a: survives EMFILE without a spin" { at_a_path every_server_survives_emfile 4 -S; }
@test "03a: survives EINTR and short transfers" { at_a_path every_server_survives_eintr_and_short_transfers; }
@test "03a: stops with clients connected" { at_a_path every_server_stops_with_clients_connected; }

@test "03a: a demo that is refused its clients' process leaves no path" {
    run limited env TMPDIR="$BATS_TEST_TMPDIR" CALM=1 REFUSE=1 "$BUILD/flaky/$stem"
    equal 'status' 1 "$status"
    equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
    equal 'sockets that were left' '' "$(find "$BATS_TEST_TMPDIR" -type s)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "03a: names what is wrong" {
    refuses 2 '--path: wants a value' serve --path
    refuses 2 '--port: no such option; see --help' serve --port 80
    refuses 2 'srve: no such command; see --help' srve
    refuses 2 'an empty path names no socket' serve --path ''
    refuses 2 'an empty path names no socket' connect ''
    refuses 2 'more: unexpected' serve more
    refuses 2 'connect: wants PATH' connect
    refuses 1 "connect $BATS_TEST_TMPDIR/none: No such file or directory" connect "$BATS_TEST_TMPDIR/none"
}

@test "03a: has help" { every_server_has_help --path; }
@test "03a: the slides show what is so" { check_slides; }
