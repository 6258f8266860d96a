# The mistakes that these tests catch: a method that is replaced and forgets what it replaced; a subclass that is a copy of
# the wrong table, or keeps an entry that is not for it; a path that is for everybody, or stays; a datagram cut unnoticed; a
# request that fails and ends the server; a short queue of clients. And those of a server for one client at a time, as in
# lesson 01, of datagrams, as in lesson 02, and of paths, as in lesson 03.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154
load helper
load peers/every_server
load peers/traps

@test "12b: the demo is the same each time" { check_demo 5; }
@test "12b: tcp: answers in upper case" { tcp every_server_answers_in_upper_case; }

tcp() {
    SERVE=(serve --class tcp)
    "$@"
}

unix_stream() {
    SERVE=(serve --class unix-stream --path "$BATS_TEST_TMPDIR/s")
    "$@"
}

# ---- The tables --------------------------------------------------------------------------------------------------------

# The texts of a picture, one a line: "name TCPServer", "base BaseServer", "entry server_bind".
texts() { # PICTURE
    sed -n 's/.*<text class="\([a-z]*\)"[^>]*>\([^<]*\)<.*/\1 \2/p' "slides/img/$1"
}

@test "12b: the tree in the slides is the tree of the tables" {
    local drawn
    drawn=$(texts 12b_tree.svg | awk '
        $1 == "name" { if (NR > 1) print class "(" base "):" entries; class = $2; base = entries = "" }
        $1 == "base" { base = substr($2, 2, length($2) - 2) }
        $1 == "entry" { entries = entries " " $2 }
        END { print class "(" base "):" entries }')
    equal 'the tree' "$(limited "$BUILD/peers/classes")" "$drawn"
    equal 'classes' 8 "$(wc -l <<< "$drawn")"
}

# What is called for one request, without what the class and the handler are.
calls_of() { # CLASS
    play --class "$1" | sed 1d
}

@test "12b: four classes, and the same calls in the same order" {
    local class expected='ann    | sends "ann\n"
server | get_request
server | verify_request
server | process_request
server |   finish_request
server |     setup
server |     handle
server |     finish
server |   shutdown_request
server |     close_request
ann    | received "good morning, ann\n"'
    for class in tcp udp unix-stream unix-datagram; do
        equal "calls of $class" "$expected" "$(calls_of $class)"
    done
    equal 'classes and handlers' 'server | a TCPServer with a StreamRequestHandler
server | a UDPServer with a DatagramRequestHandler
server | a UnixStreamServer with a StreamRequestHandler
server | a UnixDatagramServer with a DatagramRequestHandler' \
        "$(for class in tcp udp unix-stream unix-datagram; do play --class $class | head -n 1; done)"
    equal 'the calls in the picture' "$(calls_of tcp | sed '1d;/ann/,$d;s/.* //')" \
        "$(texts 12b_request.svg | sed -n 's/^call //p')"
}

@test "12b: SIGINT and SIGTERM end the demo early, with status 0" {
    SLOW=50 broken_off_by INT 0 'get_request'
    SLOW=50 broken_off_by TERM 0 'process_request'
    SLOW=50 broken_off_by INT 0 'a UnixStreamServer' --class unix-stream
}

@test "12b: the demo leaves no path behind" {
    local class demo
    for class in unix-stream unix-datagram; do
        demo=$(TMPDIR=$BATS_TEST_TMPDIR play --class $class)
        [[ $demo == *'received "good morning, ann\n"'* ]] || fail "$demo"
        equal 'what is left' '' "$(find "$BATS_TEST_TMPDIR" -mindepth 1)"
        equal 'the demo with --path' "$demo" "$(play --class $class --path "$BATS_TEST_TMPDIR/s")"
        equal 'what is left of --path' '' "$(find "$BATS_TEST_TMPDIR" -mindepth 1)"
    done
}

@test "12b: what a killed demo of the same pid has left is replaced" {
    export TMPDIR=$BATS_TEST_TMPDIR
    # shellcheck disable=SC2016
    limited bash -c 'touch "$TMPDIR/$1.$$" && exec "$2" --class unix-stream' - "$stem" "$PROGRAM" < /dev/null |
        grep -c '"good morning, ann.n"' > "$TMPDIR/log"
    equal 'status, and the replies' '0 1' "${PIPESTATUS[0]} $(cat "$TMPDIR/log")"
    equal 'what is left' log "$(ls "$BATS_TEST_TMPDIR")"
}

# ---- Datagrams ---------------------------------------------------------------------------------------------------------

# Sends the text as one datagram and prints the reply.
asks_by_datagram() {
    ask() { peer packets "$ADDRESS" "$1"; }
}

answers_datagrams() { # CLASS [OPTION...]
    asks_by_datagram
    SERVE=(serve --class "$@")
    given_a_server
    equal 'the replies' $'ONE\n\nTHREE 3\n.' "$(peer packets "$ADDRESS" one '' 'three 3' && echo .)"
    serves
    equal 'connect' $'FIRST\nSECOND' "$(printf 'first\nsecond' | limited "$PROGRAM" connect --class "$1" "${CONNECT[@]}")"
    stop
    equal 'the log' "server | listening on $ADDRESS
server | received 3 bytes: \"one\"
server | received 0 bytes: \"\"
server | received 7 bytes: \"three 3\"
server | received 10 bytes: \"still here\"
server | received 6 bytes: \"first\\n\"
server | received 6 bytes: \"second\"
server | stopped" "$(cat "$LOG")"
}

@test "12b: udp: answers datagrams" { answers_datagrams udp; }
@test "12b: unix-datagram: answers datagrams" { answers_datagrams unix-datagram --path "$BATS_TEST_TMPDIR/s"; }

# What is longer than max_packet_size, 8192 bytes. The rest is gone, and is not taken for the next one.
cuts_a_datagram() { # CLASS NAME [OPTION...]
    local name=$2 long
    SERVE=(serve --class "$1" "${@:3}")
    given_a_server
    long=$(printf '%8191dx' 0)
    equal 'the replies' "${long^^}"$'\n'"${long^^}"$'\nNEXT' "$(peer packets "$ADDRESS" "$long" "${long}y" next)"
    stop
    grep -q "^server | cut a datagram of $name to 8192 bytes$" "$LOG" || fail 'no report:' "$(cat "$LOG")"
    equal 'reports' 1 "$(grep -c ' cut a datagram' "$LOG")"
}

@test "12b: udp: a datagram that is cut is noticed" { cuts_a_datagram udp '127\.0\.0\.1:[0-9]*'; }

@test "12b: unix-datagram: a datagram that is cut is noticed" {
    cuts_a_datagram unix-datagram '@[0-9a-f]*' --path "$BATS_TEST_TMPDIR/s"
}

@test "12b: udp: passes NUL bytes" {
    start serve --class udp
    exec {ann}<> "/dev/udp/$HOST/$PORT"
    printf 'a\0b\0' >&"$ann"
    equal 'the reply, in hexadecimal' 41004200 "$(limited dd bs=65536 count=1 status=none <&"$ann" | od -An -tx1 | tr -d ' \n')"
    exec {ann}>&-
    stop
}

@test "12b: udp: survives clients that are gone before their replies" {
    asks_by_datagram
    start serve --class udp
    for _ in 1 2 3; do
        halt
        printf 'gone' > "/dev/udp/$HOST/$PORT"
        kill -CONT "$SERVER"
        serves
    done
    stop
    equal 'datagrams of those who are gone' 3 "$(grep -c 'received 4 bytes: "gone"' "$LOG")"
}

@test "12b: unix-datagram: a client that is gone costs an error line and not the server" {
    asks_by_datagram
    start serve --class unix-datagram
    halt
    hold deaf "$ADDRESS" 1
    release
    kill -CONT "$SERVER"
    await 'error serving @[0-9a-f]*: Connection refused'
    serves
    stop
}

# The client is that of lesson 03b: ours always has a name.
@test "12b: unix-datagram: a client without a name costs an error line and not the server" {
    asks_by_datagram
    start serve --class unix-datagram
    "$BUILD/03b_unix_datagram" connect --no-name "$ADDRESS" <<< hello > "$BATS_TEST_TMPDIR/replies" 3>&- 4>&- &
    local nameless=$!
    await 'error serving (no name): Transport endpoint is not connected'
    serves
    kill "$nameless" 2> /dev/null || true # it may have waited its second for a reply, and gone
    wait "$nameless" || true
    equal 'its replies' '' "$(grep -v 'no reply within 1000 ms' "$BATS_TEST_TMPDIR/replies")"
    stop
}

@test "12b: unix-datagram: a client that never reads does not stop the server" {
    asks_by_datagram
    start serve --class unix-datagram
    hold deaf "$ADDRESS" 1000
    await 'error serving @[0-9a-f]*: Resource temporarily unavailable'
    release
    serves
    stop
}

survives_eintr() { # CLASS
    asks_by_datagram
    SERVER_PROGRAM=$BUILD/flaky/$stem
    start serve --class "$1"
    equal 'the replies' $'A\nB\nC\nD\nE\nF\nG\nH' "$(peer packets "$ADDRESS" a b c d e f g h)"
    halt
    kill -CONT "$SERVER"
    serves
    stop
}

@test "12b: udp: survives EINTR" { survives_eintr udp; }
@test "12b: unix-datagram: survives EINTR" { survives_eintr unix-datagram; }

# ---- Paths -------------------------------------------------------------------------------------------------------------

is_for_its_owner_and_goes() { # CLASS
    umask 000
    start serve --class "$1" --path "$BATS_TEST_TMPDIR/s"
    equal 'the path' "$BATS_TEST_TMPDIR/s" "$ADDRESS"
    [[ -S $ADDRESS ]] || fail "there should be a socket at $ADDRESS"
    equal 'the mode' 600 "$(stat -c %a "$ADDRESS")"
    stop
    [[ ! -e $ADDRESS ]] || fail 'the path is still there'
}

@test "12b: a path that another server has taken is left alone" {
    local path=$BATS_TEST_TMPDIR/path old
    start serve --class unix-stream --path "$path"
    old=$SERVER
    rm "$path"
    start serve --class unix-stream --path "$path"
    kill "$old"
    wait "$old"
    [[ -S $path ]] || fail 'it has removed the path of its successor'
    stop
}

@test "12b: unix-stream: a path is for its owner only, and goes when the server does" { is_for_its_owner_and_goes unix-stream; }
@test "12b: unix-datagram: a path is for its owner only, and goes when the server does" { is_for_its_owner_and_goes unix-datagram; }

@test "12b: without --path, the path lies in TMPDIR and has the pid in its name" {
    start serve --class unix-stream
    equal 'the path' "$BATS_TEST_TMPDIR/$stem.$SERVER" "$ADDRESS"
    serves
    stop
    start serve --class unix-datagram
    equal 'the path for datagrams' "$BATS_TEST_TMPDIR/$stem.$SERVER" "$ADDRESS"
    stop
}

@test "12b: a path in use is refused, and its server goes on" {
    start serve --class unix-stream --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "bind $ADDRESS: Address already in use" serve --class unix-stream --path "$ADDRESS"
    refuses 1 "bind $ADDRESS: Address already in use" serve --class unix-datagram --path "$ADDRESS"
    serves
    stop
}

@test "12b: a path where there can be none is refused" {
    local long
    long=$BATS_TEST_TMPDIR/$(printf '%0108d' 0)
    refuses 1 "bind $BATS_TEST_TMPDIR/none/s: No such file or directory" serve --class unix-stream --path "$BATS_TEST_TMPDIR/none/s"
    refuses 2 "$long: too long for the path of a socket" serve --class unix-stream --path "$long"
    echo 'my thesis' > "$BATS_TEST_TMPDIR/file"
    refuses 1 "bind $BATS_TEST_TMPDIR/file: Address already in use" serve --class unix-datagram --path "$BATS_TEST_TMPDIR/file"
    equal 'the file' 'my thesis' "$(cat "$BATS_TEST_TMPDIR/file")"
}

# ---- The queue of clients ----------------------------------------------------------------------------------------------

# All of them connect at once while the server does nothing: the kernel keeps them for it.
queues_200_clients() {
    (($(cat /proc/sys/net/core/somaxconn) >= 200)) || skip 'needs a somaxconn of 200'
    given_a_server
    halt
    hold silent "$ADDRESS" 200
    release
    kill -CONT "$SERVER"
    serves
    stop
    equal 'clients' 201 "$(grep -c 'accepted client' "$LOG")"
}

@test "12b: tcp: queues 200 clients" { tcp queues_200_clients; }
@test "12b: unix-stream: queues 200 clients" { unix_stream queues_200_clients; }

# ---- The command line --------------------------------------------------------------------------------------------------

@test "12b: connect says where nobody listens" {
    start serve # holds its port on 127.0.0.1, so that nobody has the same on 127.0.0.2
    refuses 1 "connect 127.0.0.2:$PORT: Connection refused" connect 127.0.0.2 "$PORT"
    stop
}

@test "12b: listens where it is told" {
    start serve --host 127.0.0.2
    equal 'the host' 127.0.0.2 "$HOST"
    serves
    stop
}

# ---- A server for one client at a time ---------------------------------------------------------------------------------

@test "12b: tcp: bob waits until ann has left" {
    start serve --class tcp
    hold silent "$ADDRESS" 1
    await 'accepted client 1'
    exec {bob}<> "/dev/tcp/$HOST/$PORT"
    printf 'hi\n' >&"$bob"
    if read -r -t 0 -u "$bob"; then fail 'bob has a reply while ann is there'; fi
    release
    read -r -t "$(limit 5)" reply <&"$bob"
    exec {bob}>&-
    equal 'the reply, now that the first client has left' HI "$reply"
    stop
}

@test "12b: tcp: answers after a half-close" { tcp every_server_answers_after_a_half_close; }
@test "12b: tcp: passes a mebibyte unharmed" { tcp every_server_passes_a_mebibyte_unharmed; }
@test "12b: tcp: answers byte by byte" { tcp every_server_answers_byte_by_byte; }
@test "12b: tcp: survives an empty connection" { tcp every_server_survives_an_empty_connection; }
@test "12b: tcp: passes NUL bytes" { tcp every_server_passes_nul_bytes; }
@test "12b: tcp: serves many in a row" { tcp every_server_serves_many_in_a_row; }
@test "12b: tcp: serves netcat" { tcp every_server_serves_netcat; }
@test "12b: tcp: has a client" { tcp every_server_has_a_client; }
@test "12b: tcp: survives a reset in mid-reply" { tcp every_server_survives_a_reset_in_mid_reply; }
@test "12b: tcp: survives a client that is gone" { tcp every_server_survives_a_client_that_is_gone; }
@test "12b: tcp: survives a client that stops reading" { tcp every_server_survives_a_client_that_stops_reading; }
@test "12b: tcp: survives a silent client" { tcp every_server_survives_a_silent_client; }
@test "12b: tcp: survives sending without end" { tcp every_server_survives_sending_without_end; }
@test "12b: tcp: survives EMFILE without a spin" { tcp every_server_survives_emfile 6 -S; }
@test "12b: tcp: survives EINTR and short transfers" { tcp every_server_survives_eintr_and_short_transfers; }
@test "12b: tcp: stops with clients connected" { tcp every_server_stops_with_clients_connected; }

@test "12b: unix-stream: answers in upper case" { unix_stream every_server_answers_in_upper_case; }
@test "12b: unix-stream: answers after a half-close" { unix_stream every_server_answers_after_a_half_close; }
@test "12b: unix-stream: passes a mebibyte unharmed" { unix_stream every_server_passes_a_mebibyte_unharmed; }
@test "12b: unix-stream: answers byte by byte" { unix_stream every_server_answers_byte_by_byte; }
@test "12b: unix-stream: survives an empty connection" { unix_stream every_server_survives_an_empty_connection; }
@test "12b: unix-stream: passes NUL bytes" { unix_stream every_server_passes_nul_bytes; }
@test "12b: unix-stream: serves many in a row" { unix_stream every_server_serves_many_in_a_row; }
@test "12b: unix-stream: serves netcat" { unix_stream every_server_serves_netcat; }
@test "12b: unix-stream: has a client" { unix_stream every_server_has_a_client; }
@test "12b: unix-stream: survives a reset in mid-reply" { unix_stream every_server_survives_a_reset_in_mid_reply; }
@test "12b: unix-stream: survives a client that is gone" { unix_stream every_server_survives_a_client_that_is_gone; }
@test "12b: unix-stream: survives a client that stops reading" { unix_stream every_server_survives_a_client_that_stops_reading; }
@test "12b: unix-stream: survives a silent client" { unix_stream every_server_survives_a_silent_client; }
@test "12b: unix-stream: survives sending without end" { unix_stream every_server_survives_sending_without_end; }
@test "12b: unix-stream: survives EMFILE without a spin" { unix_stream every_server_survives_emfile 6 -S; }
@test "12b: unix-stream: survives EINTR and short transfers" { unix_stream every_server_survives_eintr_and_short_transfers; }
@test "12b: unix-stream: stops with clients connected" { unix_stream every_server_stops_with_clients_connected; }

# ---- From inside --------------------------------------------------------------------------------------------------------

@test "12b: plain classes serve and leave nothing" { plain_classes_serve_and_leave_nothing; }
@test "12b: a server that fails leaks nothing" { a_server_that_fails_leaks_nothing; }
@test "12b: options are as asked for" { options_are_as_asked_for; }
@test "12b: bound and activated by hand" { bound_and_activated_by_hand; }
@test "12b: a path is private and goes" { a_path_is_private_and_goes; }
@test "12b: shutdown in a handler is refused" { shutdown_in_a_handler_is_refused; }
@test "12b: shutdown without a loop returns" { shutdown_without_a_loop_returns; }
@test "12b: shutdown of an idle loop is quick" { shutdown_of_an_idle_loop_is_quick; }
@test "12b: shutdown of loop after loop returns" { shutdown_of_loop_after_loop_returns; }
@test "12b: shutdown leaves no spin" { shutdown_leaves_no_spin; }
@test "12b: accept that fails does not spin" { accept_that_fails_does_not_spin; }
@test "12b: methods are called in order" { methods_are_called_in_order; }
@test "12b: handle request serves exactly one" { handle_request_serves_exactly_one; }
@test "12b: handle request waits for its time out" { handle_request_waits_for_its_time_out; }
@test "12b: serve forever runs service actions" { serve_forever_runs_service_actions; }
@test "12b: a stream has lines and time outs" { a_stream_has_lines_and_time_outs; }
@test "12b: a datagram is always answered" { a_datagram_is_always_answered; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "12b: names what is wrong" {
    refuses 2 '--class xtcp: not one of tcp, udp, unix-stream, unix-datagram' serve --class xtcp
    refuses 2 '--class unix: not one of tcp, udp, unix-stream, unix-datagram' connect --class unix 127.0.0.1 80
    refuses 2 '--class xtcp: not one of tcp, udp, unix-stream, unix-datagram' --class xtcp
    refuses 2 '--class xtcp: not one of tcp, udp, unix-stream, unix-datagram' connect --class xtcp "$BATS_TEST_TMPDIR/none"
    refuses 2 '--class udp: has no path' connect --class udp "$BATS_TEST_TMPDIR/none"
    refuses 2 '--class: wants a value' serve --class
    refuses 2 '--port 65536: not a number from 0 to 65535' serve --port 65536
    refuses 2 '--port 80x: not a number from 0 to 65535' serve --port 80x
    refuses 2 '--port: wants a value' serve --port
    refuses 2 '--path: wants a value' serve --path
    refuses 2 '--prot: no such option; see --help' serve --prot 80
    refuses 2 'srve: no such command; see --help' srve
    refuses 2 'more: unexpected' serve more
    refuses 2 'connect: wants HOST PORT' connect
    refuses 2 'PORT 0: not a number from 1 to 65535' connect 127.0.0.1 0
    refuses 2 '127.0.0.999: not an IPv4 address like 127.0.0.1' serve --host 127.0.0.999
    refuses 2 '127.0.0.999: not an IPv4 address like 127.0.0.1' serve --class udp --host 127.0.0.999
    refuses 1 'bind 192.0.2.1:0: Cannot assign requested address' serve --host 192.0.2.1
    refuses 1 'bind 192.0.2.1:0: Cannot assign requested address' serve --class udp --host 192.0.2.1
    refuses 1 "connect $BATS_TEST_TMPDIR/none: No such file or directory" connect "$BATS_TEST_TMPDIR/none"
    refuses 2 'example: not an IPv4 address like 127.0.0.1' connect example 80
    refuses 2 'an empty path names no socket' serve --class unix-stream --path ''
    refuses 2 'an empty path names no socket' connect ''
    start serve --class unix-stream
    refuses 1 "connect $ADDRESS: Protocol wrong type for socket" connect --class unix-datagram "$ADDRESS"
    stop
}

# With SO_REUSEADDR the second could bind it too, and take the packets of the first: lesson 09.
@test "12b: udp: names a port in use" {
    asks_by_datagram
    start serve --class udp
    refuses 1 "bind 127.0.0.1:$PORT: Address already in use" serve --class udp --port "$PORT"
    serves
    stop
}

@test "12b: tcp: names a port in use" { tcp every_server_names_a_port_in_use; }
@test "12b: tcp: names a privileged port" { tcp every_server_names_a_privileged_port; }
@test "12b: has help" { every_server_has_help --class --host --port --path; }
@test "12b: the slides show what is so" { check_slides; }
