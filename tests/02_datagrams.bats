# The mistakes that these tests catch: a datagram taken for a piece of a stream; an empty one taken for the end; what was
# cut not noticed, or answered with bytes that never came; bytes taken for a C string; a reply to the wrong client; EINTR
# taken for a failure; a client that waits for ever for what was lost.
#
# Two tests of the stream servers have no meaning here. A silent client: a client that sends nothing does not exist for the
# server. EMFILE on accept: there is no accept, and one descriptor serves all clients.
load helper
load peers/every_server

@test "02: the demo is the same each time" { check_demo 5; }
@test "02: answers in upper case" { every_server_answers_in_upper_case; }

# Sends the text as one datagram and prints the reply; also for `serves` and for the tests of every server.
ask() {
    peer packets "$ADDRESS" "$1"
}

# bash opens a connected UDP socket under this name. One printf is one datagram, one read of dd is one reply.
udp() {
    echo "/dev/udp/$HOST/$PORT"
}

reply() { # DESCRIPTOR
    limited dd bs=65536 count=1 status=none <&"$1"
}

xs() { # COUNT
    printf "%${1}s" '' | tr ' ' x
}

# What stop checks, for a server that has already been told to stop.
has_stopped() {
    local status=0
    timeout "$(limit 10)" tail --pid="$SERVER" -s 0.02 -f /dev/null || fail 'the server did not stop'
    wait "$SERVER" || status=$?
    wait "$DRAIN"
    SERVER=
    equal 'status of the server' 0 "$status"
    equal 'errors of the server' '' "$(cat "$LOG.errors")"
    equal 'last line of the server' 'server | stopped' "$(tail -n 1 "$LOG")"
    nothing_left
}

# ---- Messages ----------------------------------------------------------------------------------------------------------

@test "02: each client gets its own replies" {
    start serve
    exec {ann}<> "$(udp)" {bob}<> "$(udp)"
    printf 'ann' >&"$ann"
    equal 'the reply to ann' ANN "$(reply "$ann")"
    printf 'bob' >&"$bob"
    equal 'the reply to bob' BOB "$(reply "$bob")"
    halt
    printf 'bob again' >&"$bob"
    printf 'ann again' >&"$ann"
    kill -CONT "$SERVER"
    equal 'the second reply to ann' 'ANN AGAIN' "$(reply "$ann")"
    equal 'the second reply to bob' 'BOB AGAIN' "$(reply "$bob")"
    exec {ann}>&- {bob}>&-
    stop
}

@test "02: three sends are three receives" {
    start serve
    exec {ann}<> "$(udp)"
    halt # all three are sent before it reads one
    printf 'three' >&"$ann"
    printf 'two' >&"$ann"
    printf 'one' >&"$ann"
    kill -CONT "$SERVER"
    equal 'the first reply' THREE "$(reply "$ann")"
    equal 'the second reply' TWO "$(reply "$ann")"
    equal 'the third reply' ONE "$(reply "$ann")"
    exec {ann}>&-
    equal 'the replies to another client' $'ONE\nTWO\nTHREE' "$(peer packets "$ADDRESS" one two three)"
    stop
    equal 'the log' "server | listening on $ADDRESS
server | received 5 bytes: \"three\"
server | received 3 bytes: \"two\"
server | received 3 bytes: \"one\"
server | received 3 bytes: \"one\"
server | received 3 bytes: \"two\"
server | received 5 bytes: \"three\"
server | stopped" "$(cat "$LOG")"
}

@test "02: a datagram longer than the buffer is cut and reported" {
    start serve
    exec {ann}<> "$(udp)"
    printf '%s' "$(xs 1024)" >&"$ann"
    equal 'the reply to what fits' "$(xs 1024 | tr x X)" "$(reply "$ann")"
    printf '%s' "$(xs 1025)" >&"$ann"
    equal 'bytes of the reply to what does not fit' 1024 "$(reply "$ann" | wc -c)"
    printf 'next' >&"$ann"
    equal 'the reply to the next one: the rest is gone' NEXT "$(reply "$ann")"
    exec {ann}>&-
    stop
    equal 'the log' "server | received 1024 of 1025 bytes: the datagram is cut
server | received 4 bytes: \"next\"
server | stopped" "$(tail -n 3 "$LOG")"
    equal 'datagrams that were cut' 1 "$(grep -c ' is cut' "$LOG")"
}

@test "02: the largest datagram is cut too" {
    start serve
    exec {ann}<> "$(udp)"
    xs 65507 | dd bs=65536 iflag=fullblock status=none >&"$ann"
    equal 'bytes of the reply' 1024 "$(reply "$ann" | wc -c)"
    exec {ann}>&-
    run limited "$PROGRAM" connect "$HOST" "$PORT" < <(xs 65507 && echo)
    equal 'status of connect with a longer line' 1 "$status"
    equal 'message of connect with a longer line' '02_datagrams: send: Message too long' "$output"
    serves
    stop
    equal 'the report' 'server | received 1024 of 65507 bytes: the datagram is cut' "$(grep ' is cut' "$LOG")"
}

@test "02: an empty datagram is answered and ends nothing" {
    start serve
    equal 'the replies' $'BEFORE\n\nAFTER\n\n.' "$(peer packets "$ADDRESS" before '' after '' && echo .)"
    serves
    stop
}

@test "02: passes NUL bytes" {
    start serve
    exec {ann}<> "$(udp)"
    printf 'a long datagram' >&"$ann"
    equal 'the reply' 'A LONG DATAGRAM' "$(reply "$ann")"
    printf 'a\0b\0' >&"$ann"
    equal 'the reply, in hexadecimal' '41004200' "$(reply "$ann" | od -An -tx1 | tr -d ' \n')"
    exec {ann}>&-
    stop
}

# ---- Clients -----------------------------------------------------------------------------------------------------------

@test "02: serves netcat" {
    [[ $(nc -h 2>&1) == *OpenBSD*recvlimit* ]] || skip 'needs the netcat of OpenBSD with -W (Debian package netcat-openbsd)'
    start serve
    equal 'the reply' 'HELLO FROM NETCAT' "$(printf 'hello from netcat' | limited nc -u -W 1 "$HOST" "$PORT")"
    stop
}

@test "02: has a client" { every_server_has_a_client; }

@test "02: connect tells when nobody is there, but not before it sends" {
    start serve # holds its port on 127.0.0.1, so that nobody has the same on 127.0.0.2
    run limited "$PROGRAM" connect 127.0.0.2 "$PORT" < /dev/null
    equal 'status with nothing sent' 0 "$status"
    equal 'output with nothing sent' '' "$output"
    run limited "$PROGRAM" connect 127.0.0.2 "$PORT" <<< 'anybody?'
    equal 'status with a line sent' 1 "$status"
    equal 'output with a line sent' '02_datagrams: recv: Connection refused' "$output"
    stop
}

@test "02: connect shows a reply before it reads the next line" {
    start serve
    coproc client { exec "$PROGRAM" connect "$HOST" "$PORT" 3>&- 4>&-; }
    local typist=$! keyboard=${client[1]} screen=${client[0]}
    for line in one two three; do
        echo "$line" >&"$keyboard"
        read -r -t "$(limit 5)" answer <&"$screen"
        equal "the reply to $line" "${line^^}" "$answer"
    done
    exec {keyboard}>&-
    wait "$typist"
    stop
}

@test "02: connect waits a second for a reply that may be lost" {
    start serve
    halt
    run limited "$PROGRAM" connect "$HOST" "$PORT" <<< 'anybody?'
    equal status 0 "$status"
    equal output '(no reply within 1000 ms)' "$output"
    kill -CONT "$SERVER"
    serves
    stop
}

# ---- Rude clients ------------------------------------------------------------------------------------------------------

@test "02: survives clients that are gone before their replies" {
    start serve
    for number in 1 2 3; do
        halt
        printf 'gone %d' "$number" > "$(udp)"
        kill -CONT "$SERVER"
        serves
    done
    stop
    equal 'datagrams of those who are gone' 3 "$(grep -c 'received 6 bytes: "gone [123]"' "$LOG")"
}

# 600 replies are more than the client's queue holds. A batch is not more than the server's queue holds: `serves` comes behind
# the batch, and is answered when the server has gone through it.
@test "02: survives a flood whose replies nobody reads" {
    start serve
    exec {rude}<> "$(udp)"
    for _ in {1..4}; do
        for _ in {1..150}; do printf 'x' >&"$rude"; done
        serves
    done
    exec {rude}>&-
    serves
    stop
    equal 'datagrams of the flood' 600 "$(grep -c 'received 1 bytes: "x"' "$LOG")"
}

@test "02: what finds the queue full is lost, and no sender is told" {
    [[ -r /proc/net/udp ]] || skip 'needs /proc/net/udp'
    start serve
    exec {rude}<> "$(udp)"
    halt
    long=$(xs 1000)
    for _ in {1..1000}; do printf '%s' "$long" >&"$rude"; done
    exec {rude}>&-
    lost=$(awk -v port="$(printf ':%04X' "$PORT")" '$2 ~ port "$" { print $NF }' /proc/net/udp)
    ((lost > 0)) || fail 'the kernel has kept all 1000 datagrams for a server that reads none'
    kill -TERM "$SERVER" # takes effect when it goes on, with a full queue
    kill -CONT "$SERVER"
    has_stopped
}

@test "02: survives EINTR" {
    SERVER_PROGRAM=$BUILD/flaky/02_datagrams
    start serve
    equal 'the replies' $'A\nB\nC\nD\nE\nF\nG\nH' "$(peer packets "$ADDRESS" a b c d e f g h)"
    halt
    kill -CONT "$SERVER"
    serves
    equal 'the client' $'A\nB\nC\nD\nE\nF\nG' "$(printf '%s\n' a b c d e f g | limited "$SERVER_PROGRAM" connect "$HOST" "$PORT")"
    stop
}

@test "02: stops at SIGINT too" {
    start serve
    serves
    kill -INT "$SERVER"
    has_stopped
}

# ---- What cannot be served ---------------------------------------------------------------------------------------------

@test "02: listens where it is told" {
    start serve --host 127.0.0.2
    equal 'the host' 127.0.0.2 "$HOST"
    serves
    stop
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "02: names what is wrong" {
    every_server_names_what_is_wrong
    refuses 2 'PORT 0: not a number from 1 to 65535' connect 127.0.0.1 0
    refuses 2 'example: not an IPv4 address like 127.0.0.1' connect example 9
    refuses 1 'bind 192.0.2.1:0: Cannot assign requested address' --host 192.0.2.1
}

@test "02: names a port in use" { every_server_names_a_port_in_use; }
@test "02: names a privileged port" { every_server_names_a_privileged_port; }
@test "02: has help" { every_server_has_help --host --port; }
@test "02: the slides show what is so" { check_slides; }
