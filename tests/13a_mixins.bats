# The mistakes that these tests catch: a mixin that serves in the loop all the same; end of file that is no end; one recv
# taken for a line; a prompt cut in the middle of a character; threads that are not joined, or not woken at the end; waitpid
# for any child; children without a parent, or zombies; a listener that the child keeps, a connection that the parent keeps;
# a child whose end is the end of others; a thread or a process that is refused; a path that is left, or gone too early.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # SERVER_PROGRAM and stem are the helper's
load helper
load peers/every_server
load peers/traps
load peers/concurrent
load peers/children

greeting='欢迎致电10086,请输入1xxx,0转人工服务.'
recorded='通过可能会被录音.balabala一大推'
again='请重新输入.'

on() { # CLASS FUNCTION [WORDS...]
    SERVE=(serve --class "$1" --handler upper)
    "${@:2}"
}

# ---- The demo ----------------------------------------------------------------------------------------------------------

@test "13: the demo is the same each time" { check_demo 5; }

@test "13: four clients take four units of time, or one" {
    equal 'what the clock says' 'clock  | TCPServer: 4 clients in 4 units of time
clock  | ThreadingTCPServer: 4 clients in 1 unit of time
clock  | ForkingTCPServer: 4 clients in 1 unit of time' "$(play | grep 'unit.* of time$')"
}

@test "13: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 0 'server | begins with bob'
    broken_off_by TERM 0 'thread-2 | begins with bob'
    broken_off_by TERM 0 'child-2 | begins with bob'
}

# ---- The hotline -------------------------------------------------------------------------------------------------------

# What the hotline says to these lines; the posts' would not stop.
dials() { # TEXT
    ask "$1" | head -c 10000
}

# The posts' server sends prompts without end to a client that closes its side.
@test "13: at the end of the file, the greeting is all that was sent" {
    start serve
    equal 'bytes' $((${#greeting} + 1)) "$(dials '' | wc -c)"
    await 'client 1 has left'
    serves_the_hotline
    stop
}

serves_the_hotline() {
    equal 'a call' "$greeting" "$(dials '')"
}

@test "13: a line is what ends with a newline, or with the file" {
    start serve
    equal 'two lines at once' "$greeting"$'\n'"$recorded"$'\n'"$recorded" "$(dials $'0\n0\n')"
    equal 'CRLF' "$greeting"$'\n'"$recorded" "$(dials $'0\r\n')"
    equal 'a last line without its newline' "$greeting"$'\n'"$recorded" "$(dials 0)"
    equal 'an empty line' "$greeting"$'\n'"$again" "$(dials $'\n')"
    equal 'more than 0' "$greeting"$'\n'"$again"$'\n'"$again" "$(dials $'00\n 0\n')"
    equal '0 and NUL' "$greeting"$'\n'"$again" "$(printf '0\0\n' | peer talk "$ADDRESS")"
    equal 'a line of 10,000 bytes, and 0' "$greeting"$'\n'"$again"$'\n'"$recorded" \
        "$( (head -c 10000 /dev/zero | tr '\0' 0 && printf '\n0\n') | peer talk "$ADDRESS")"
    stop
}

calls() { # CLASS
    start serve --class "$1"
    given_connect
    equal 'a call' "$greeting"$'\n'"$recorded"$'\n'"$again" "$(printf '0\n9\nexit\n' | limited "$PROGRAM" connect "${CONNECT[@]}")"
    equal 'a call that ends with the file' "$greeting"$'\n'"$again" "$(dials $'1\n')"
    stop
}

given_connect() {
    CONNECT=("$HOST" "$PORT")
    [[ $ADDRESS != */* ]] || CONNECT=("$ADDRESS")
}

@test "13: tcp: the hotline" { calls tcp; }
@test "13: unix-stream: the hotline" { calls unix-stream; }
@test "13: threading-tcp: the hotline" { calls threading-tcp; }
@test "13: threading-unix-stream: the hotline" { calls threading-unix-stream; }
@test "13: forking-tcp: the hotline" { calls forking-tcp; }
@test "13: forking-unix-stream: the hotline" { calls forking-unix-stream; }

calls_by_datagrams() { # CLASS
    start serve --class "$1"
    given_connect
    equal 'the reply to nothing' "$greeting" "$(peer packets "$ADDRESS" '')"
    equal 'the reply to 0' "$recorded" "$(peer packets "$ADDRESS" 0)"
    equal 'the reply to 0 and a newline' "$recorded" "$(peer packets "$ADDRESS" $'0\r\n')"
    equal 'the reply to 9' "$again" "$(peer packets "$ADDRESS" 9)"
    equal 'the reply to exit' '' "$(peer packets "$ADDRESS" exit)"
    equal 'connect' "$recorded"$'\n'"$again" "$(printf '0\n1\n' | limited "$PROGRAM" connect --class "$1" "${CONNECT[@]}")"
    stop
    start serve --class "$1" --handler upper
    equal 'upper' HELLO "$(peer packets "$ADDRESS" hello)"
    stop
}

@test "13: udp: the hotline" { calls_by_datagrams udp; }
@test "13: unix-datagram: the hotline" { calls_by_datagrams unix-datagram; }
@test "13: threading-udp: the hotline" { calls_by_datagrams threading-udp; }
@test "13: threading-unix-datagram: the hotline" { calls_by_datagrams threading-unix-datagram; }
@test "13: forking-udp: the hotline" { calls_by_datagrams forking-udp; }
@test "13: forking-unix-datagram: the hotline" { calls_by_datagrams forking-unix-datagram; }

# The posts' client: sk.sendall("0"), and a recv. The dialogue goes on, call by call.
@test "13: what no newline follows is answered too, after a while" {
    start serve
    local line='' dialled
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    read -r -t "$(limit 5)" line <&"$ann"
    equal 'unasked' "$greeting" "$line"
    for dialled in "0 $recorded" "1 $again" "0 $recorded"; do
        printf %s "${dialled%% *}" >&"$ann"
        read -r -t "$(limit 5)" line <&"$ann" || true
        equal "the reply to ${dialled%% *}" "${dialled#* }" "$line"
    done
    printf exit >&"$ann"
    has_end_of_file "$ann"
    stop
}

@test "13: a line that comes in two parts is one line, if the second follows soon" {
    start serve
    local line=
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    read -r -t "$(limit 5)" line <&"$ann"
    equal 'unasked' "$greeting" "$line"
    printf 'ex' >&"$ann"
    printf 'it\n' >&"$ann"
    has_end_of_file "$ann"
    stop
    equal 'what client 1 dialled' 'thread-1 | client 1 dials "exit"' "$(grep '1 dials' "$LOG")"
}

@test "13: the interactive client prints the greeting unasked, and ends when the call does" {
    local line='' connect status=0
    start serve
    mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
    timeout "$(limit 15)" "$PROGRAM" connect "$HOST" "$PORT" < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
    connect=$!
    exec {in}> "$BATS_TEST_TMPDIR/in" {out}< "$BATS_TEST_TMPDIR/out"
    read -r -t "$(limit 5)" line <&"$out" || true
    equal 'before anything is typed' "$greeting" "$line"
    echo 0 >&"$in"
    read -r -t "$(limit 5)" line <&"$out" || true
    equal 'the reply to 0' "$recorded" "$line"
    echo exit >&"$in"
    wait "$connect" || status=$?
    equal 'status of connect' 0 "$status"
    exec {in}>&- {out}<&-
    stop
}

@test "13: no short transfer leaves a character cut" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    local class
    for class in threading-tcp forking-unix-stream; do
        start serve --class "$class"
        equal "$class" "$greeting"$'\n'"$recorded"$'\n'"$again"$'\n'"$recorded" "$(ask $'0\n9\n0\n')"
        stop
    done
}

# ---- The end -----------------------------------------------------------------------------------------------------------

stops_at_once() { # CLASS
    start serve --class "$1"
    hold silent "$ADDRESS" 3
    stops_within 1
}

@test "13: stops at once with silent clients on the line" {
    stops_at_once tcp
    stops_at_once unix-stream
    stops_at_once threading-tcp
    stops_at_once threading-unix-stream
    stops_at_once forking-tcp
    stops_at_once forking-unix-stream
}

@test "13: threading-tcp: stops with clients of every kind" { on threading-tcp concurrent_stops_with_clients_of_every_kind; }
@test "13: forking-tcp: stops with clients of every kind" { on forking-tcp concurrent_stops_with_clients_of_every_kind; }

@test "13: a path is there as long as the server, and no longer" {
    local class
    for class in threading-unix-stream forking-unix-stream threading-unix-datagram forking-unix-datagram; do
        start serve --class "$class" --path "$BATS_TEST_TMPDIR/s"
        equal 'where it listens' "$BATS_TEST_TMPDIR/s" "$ADDRESS"
        [[ -S $ADDRESS ]] || fail "$class has no socket at its path"
        stop
        [[ ! -e $BATS_TEST_TMPDIR/s ]] || fail "$class has left its path"
    done
}

# ---- Threads -----------------------------------------------------------------------------------------------------------

# A thread that has ended is joined when the next request comes. A stack that is kept has a mapping of its own, and one
# beside it that guards it: proc_pid_maps(5).
@test "13: threads that have ended are joined, and give back their stacks" {
    needs_an_address_space_of_its_own
    local before grown
    start serve --handler upper
    serves
    before=$(wc -l < "/proc/$SERVER/maps")
    peer row "$ADDRESS" 300
    grown=$(($(wc -l < "/proc/$SERVER/maps") - before))
    ((grown < 100)) || fail "300 clients, one after the other, left $grown mappings"
    stop
}

# ---- Processes ---------------------------------------------------------------------------------------------------------

given_processes() {
    start serve --class forking-tcp --handler upper
}

# The server waits for those that have ended in each round of its loop.
@test "13: forking-tcp: no zombie is left while it serves" {
    given_processes
    local client=()
    for _ in 1 2 3; do
        comes
        client+=("$CLIENT")
    done
    for CLIENT in "${client[@]}"; do exec {CLIENT}>&-; done
    becomes 'children that run' '' running
    comes
    becomes 'children, ended or not' "$CHILD S" children
    exec {CLIENT}>&-
    becomes 'children, though nobody comes' '' children
    stop
}

# When the first of them leaves, that is no news of the second.
@test "13: forking-tcp: waits for each child by its pid, and ends all that are left" {
    given_processes
    comes
    local ann=$CLIENT ann_child=$CHILD left child
    comes
    left=("$CHILD")
    exec {ann}>&-
    becomes 'the child of ann' '' command_line "$ann_child"
    comes
    left+=("$CHILD")
    equal 'children' "$(printf '%s\n' "${left[@]}" | sort)" "$(running)"
    kill -TERM "$SERVER"
    timeout "$(limit 10)" tail --pid="$SERVER" -s 0.02 -f /dev/null
    for child in "${left[@]}"; do equal 'a child without its parent' '' "$(command_line "$child")"; done
    wait "$SERVER"
    SERVER=
    nothing_left
}

# The parent has closed its copy of one connection before it accepts the next: of three, only the last may still be open.
@test "13: forking-tcp: the parent keeps the listener, a child its connection, and nobody more" {
    given_processes
    local client child=()
    for client in 1 2 3; do
        comes
        child+=("$CHILD")
    done
    (($(sockets "$SERVER") <= 2)) || fail "the parent has $(sockets "$SERVER") sockets"
    for client in "${child[@]}"; do equal 'sockets of a child' 1 "$(sockets "$client")"; done
    stop
}

@test "13: forking-tcp: no child outlives its server, and the port is free" { on forking-tcp no_child_outlives_its_server; }
@test "13: forking-tcp: waits for its own children only" { on forking-tcp waits_for_its_own_children_only; }
@test "13: forking-tcp: a stopped child keeps nobody from ending" { on forking-tcp a_stopped_child_keeps_nobody_from_ending; }
@test "13: forking-tcp: children are reaped, whatever was inherited" {
    on forking-tcp children_are_reaped_whatever_was_inherited
}

@test "13: forking-tcp: SIGTERM to one child ends that child alone" {
    given_processes
    comes
    local ann=$CLIENT
    kill -TERM "$CHILD"
    has_end_of_file "$ann"
    comes
    says "$CLIENT" 'still here'
    stop
}

@test "13: forking-tcp: a child that crashes takes nobody with it" {
    ulimit -S -c 0
    ASAN_OPTIONS=$ASAN_OPTIONS:handle_segv=0 TSAN_OPTIONS=$TSAN_OPTIONS:handle_segv=0 given_processes
    comes
    local ann=$CLIENT ann_child=$CHILD
    comes
    kill -SEGV "$ann_child"
    has_end_of_file "$ann"
    says "$CLIENT" 'still here'
    comes
    equal 'the child that crashed' '' "$(children | grep "^$ann_child " || true)"
    says "$CLIENT" 'here too'
    stop
}

# ---- One more is refused -----------------------------------------------------------------------------------------------

drops_the_second() { # CLASS
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve --class "$1" --handler upper
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    says "$ann" hello
    exec {bob}<> "/dev/tcp/$HOST/$PORT"
    has_end_of_file "$bob"
    says "$ann" 'still in'
    serves
    exec {ann}>&- {bob}>&-
    stop
    grep -q '^server | error .*127.0.0.1:[0-9]*: Resource temporarily ' "$LOG" || fail "$(cat "$LOG")"
}

@test "13: threading-tcp: a client for whom there is no thread is dropped, alone" { drops_the_second threading-tcp; }
@test "13: forking-tcp: a client for whom there is no process is dropped, alone" { drops_the_second forking-tcp; }

# ---- What every server does: a thread for each client ------------------------------------------------------------------

@test "13: threading-tcp: serves beside a silent client" { on threading-tcp concurrent_serves_beside_a_silent_client; }
@test "13: threading-tcp: serves beside 300 idle clients" { on threading-tcp concurrent_serves_beside_300_idle_clients; }
@test "13: threading-tcp: serves beside a client that never reads" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps memory for each thread that there was'
    on threading-tcp concurrent_serves_beside_a_client_that_never_reads
}
@test "13: threading-tcp: serves many at once" { on threading-tcp concurrent_serves_many_at_once; }
@test "13: threading-tcp: serves on while accept fails" { on threading-tcp concurrent_serves_on_while_accept_fails; }
@test "13: threading-tcp: answers in upper case" { on threading-tcp every_server_answers_in_upper_case; }
@test "13: threading-tcp: answers after a half-close" { on threading-tcp every_server_answers_after_a_half_close; }
@test "13: threading-tcp: passes a mebibyte unharmed" { on threading-tcp every_server_passes_a_mebibyte_unharmed; }
@test "13: threading-tcp: answers byte by byte" { on threading-tcp every_server_answers_byte_by_byte; }
@test "13: threading-tcp: survives an empty connection" { on threading-tcp every_server_survives_an_empty_connection; }
@test "13: threading-tcp: passes NUL bytes" { on threading-tcp every_server_passes_nul_bytes; }
@test "13: threading-tcp: serves many in a row" { on threading-tcp every_server_serves_many_in_a_row; }
@test "13: threading-tcp: serves netcat" { on threading-tcp every_server_serves_netcat; }
@test "13: threading-tcp: has a client" { on threading-tcp every_server_has_a_client; }
@test "13: threading-tcp: survives a reset in mid-reply" { on threading-tcp every_server_survives_a_reset_in_mid_reply; }
@test "13: threading-tcp: survives a client that is gone" { on threading-tcp every_server_survives_a_client_that_is_gone; }
@test "13: threading-tcp: survives a client that stops reading" { on threading-tcp every_server_survives_a_client_that_stops_reading; }
@test "13: threading-tcp: survives a silent client" { on threading-tcp every_server_survives_a_silent_client; }
@test "13: threading-tcp: survives sending without end" { on threading-tcp every_server_survives_sending_without_end; }
@test "13: threading-tcp: survives EMFILE without a spin" { on threading-tcp every_server_survives_emfile 16 -H; }
@test "13: threading-tcp: survives EINTR and short transfers" { on threading-tcp every_server_survives_eintr_and_short_transfers; }
@test "13: threading-tcp: stops with clients connected" { on threading-tcp every_server_stops_with_clients_connected; }

# ---- A process for each client: 40 of them at once ---------------------------------------------------------------------

serves_40_at_once() {
    given_a_server
    peer many "$ADDRESS" 40
    stop
}

@test "13: forking-tcp: serves beside a silent client" { on forking-tcp concurrent_serves_beside_a_silent_client; }
@test "13: forking-tcp: serves beside a client that never reads" { on forking-tcp concurrent_serves_beside_a_client_that_never_reads; }
@test "13: forking-tcp: serves 40 at once" { on forking-tcp serves_40_at_once; }
@test "13: forking-tcp: answers in upper case" { on forking-tcp every_server_answers_in_upper_case; }
@test "13: forking-tcp: answers after a half-close" { on forking-tcp every_server_answers_after_a_half_close; }
@test "13: forking-tcp: passes a mebibyte unharmed" { on forking-tcp every_server_passes_a_mebibyte_unharmed; }
@test "13: forking-tcp: answers byte by byte" { on forking-tcp every_server_answers_byte_by_byte; }
@test "13: forking-tcp: survives an empty connection" { on forking-tcp every_server_survives_an_empty_connection; }
@test "13: forking-tcp: passes NUL bytes" { on forking-tcp every_server_passes_nul_bytes; }
@test "13: forking-tcp: serves many in a row" { on forking-tcp every_server_serves_many_in_a_row; }
@test "13: forking-tcp: serves netcat" { on forking-tcp every_server_serves_netcat; }
@test "13: forking-tcp: has a client" { on forking-tcp every_server_has_a_client; }
@test "13: forking-tcp: survives a reset in mid-reply" { on forking-tcp every_server_survives_a_reset_in_mid_reply; }
@test "13: forking-tcp: survives a client that is gone" { on forking-tcp every_server_survives_a_client_that_is_gone; }
@test "13: forking-tcp: survives a client that stops reading" { on forking-tcp every_server_survives_a_client_that_stops_reading; }
@test "13: forking-tcp: survives a silent client" { on forking-tcp every_server_survives_a_silent_client; }
@test "13: forking-tcp: survives sending without end" { on forking-tcp every_server_survives_sending_without_end; }
@test "13: forking-tcp: survives EMFILE without a spin" { on forking-tcp every_server_survives_emfile 6 -S; }
@test "13: forking-tcp: survives EINTR and short transfers" { on forking-tcp every_server_survives_eintr_and_short_transfers; }
@test "13: forking-tcp: stops with clients connected" { on forking-tcp every_server_stops_with_clients_connected; }

# ---- Unix sockets, and TCP without a mixin -------------------------------------------------------------------------------

@test "13: threading-unix-stream: answers in upper case" { on threading-unix-stream every_server_answers_in_upper_case; }
@test "13: threading-unix-stream: answers after a half-close" { on threading-unix-stream every_server_answers_after_a_half_close; }
@test "13: threading-unix-stream: passes a mebibyte unharmed" { on threading-unix-stream every_server_passes_a_mebibyte_unharmed; }
@test "13: threading-unix-stream: answers byte by byte" { on threading-unix-stream every_server_answers_byte_by_byte; }
@test "13: threading-unix-stream: passes NUL bytes" { on threading-unix-stream every_server_passes_nul_bytes; }
@test "13: threading-unix-stream: serves many in a row" { on threading-unix-stream every_server_serves_many_in_a_row; }
@test "13: threading-unix-stream: serves many at once" { on threading-unix-stream concurrent_serves_many_at_once; }
@test "13: threading-unix-stream: serves netcat" { on threading-unix-stream every_server_serves_netcat; }
@test "13: threading-unix-stream: survives a reset in mid-reply" { on threading-unix-stream every_server_survives_a_reset_in_mid_reply; }
@test "13: threading-unix-stream: survives a client that is gone" { on threading-unix-stream every_server_survives_a_client_that_is_gone; }
@test "13: threading-unix-stream: stops with clients connected" { on threading-unix-stream every_server_stops_with_clients_connected; }

@test "13: forking-unix-stream: answers in upper case" { on forking-unix-stream every_server_answers_in_upper_case; }
@test "13: forking-unix-stream: answers after a half-close" { on forking-unix-stream every_server_answers_after_a_half_close; }
@test "13: forking-unix-stream: passes a mebibyte unharmed" { on forking-unix-stream every_server_passes_a_mebibyte_unharmed; }
@test "13: forking-unix-stream: answers byte by byte" { on forking-unix-stream every_server_answers_byte_by_byte; }
@test "13: forking-unix-stream: passes NUL bytes" { on forking-unix-stream every_server_passes_nul_bytes; }
@test "13: forking-unix-stream: serves many in a row" { on forking-unix-stream every_server_serves_many_in_a_row; }
@test "13: forking-unix-stream: serves 40 at once" { on forking-unix-stream serves_40_at_once; }
@test "13: forking-unix-stream: serves netcat" { on forking-unix-stream every_server_serves_netcat; }
@test "13: forking-unix-stream: survives a reset in mid-reply" { on forking-unix-stream every_server_survives_a_reset_in_mid_reply; }
@test "13: forking-unix-stream: survives a client that is gone" { on forking-unix-stream every_server_survives_a_client_that_is_gone; }
@test "13: forking-unix-stream: stops with clients connected" { on forking-unix-stream every_server_stops_with_clients_connected; }

@test "13: unix-stream: answers in upper case" { on unix-stream every_server_answers_in_upper_case; }
@test "13: unix-stream: answers after a half-close" { on unix-stream every_server_answers_after_a_half_close; }
@test "13: unix-stream: passes a mebibyte unharmed" { on unix-stream every_server_passes_a_mebibyte_unharmed; }
@test "13: unix-stream: answers byte by byte" { on unix-stream every_server_answers_byte_by_byte; }
@test "13: unix-stream: passes NUL bytes" { on unix-stream every_server_passes_nul_bytes; }
@test "13: unix-stream: serves many in a row" { on unix-stream every_server_serves_many_in_a_row; }
@test "13: unix-stream: serves netcat" { on unix-stream every_server_serves_netcat; }
@test "13: unix-stream: survives a reset in mid-reply" { on unix-stream every_server_survives_a_reset_in_mid_reply; }
@test "13: unix-stream: survives a client that is gone" { on unix-stream every_server_survives_a_client_that_is_gone; }
@test "13: unix-stream: stops with clients connected" { on unix-stream every_server_stops_with_clients_connected; }

@test "13: tcp: answers in upper case" { on tcp every_server_answers_in_upper_case; }
@test "13: tcp: answers after a half-close" { on tcp every_server_answers_after_a_half_close; }
@test "13: tcp: passes a mebibyte unharmed" { on tcp every_server_passes_a_mebibyte_unharmed; }
@test "13: tcp: answers byte by byte" { on tcp every_server_answers_byte_by_byte; }
@test "13: tcp: passes NUL bytes" { on tcp every_server_passes_nul_bytes; }
@test "13: tcp: serves many in a row" { on tcp every_server_serves_many_in_a_row; }
@test "13: tcp: serves netcat" { on tcp every_server_serves_netcat; }
@test "13: tcp: survives a reset in mid-reply" { on tcp every_server_survives_a_reset_in_mid_reply; }
@test "13: tcp: survives a client that is gone" { on tcp every_server_survives_a_client_that_is_gone; }
@test "13: tcp: stops with clients connected" { on tcp every_server_stops_with_clients_connected; }

# ---- Options -----------------------------------------------------------------------------------------------------------

times_requests_of() { # CLASS
    run limited "$PROGRAM" --timing --ops 50 --class "$1"
    equal status 0 "$status"
    same_transcript "what --timing --class $1 prints" 'timing | 50 requests in TIME s, MS requests/s' "$output"
}

@test "13: times requests" {
    times_requests_of tcp
    times_requests_of threading-tcp
    times_requests_of forking-tcp
    refuses 2 '--class forking-udp: no TCP server, and --timing measures those' --timing --class forking-udp
    refuses 2 '--class unix-stream: no TCP server, and --timing measures those' --timing --class unix-stream
}

@test "13: names what no class and no handler is called, and sizes out of range" {
    local which='not tcp, udp, unix-stream or unix-datagram, nor one of these after threading- or forking-'
    refuses 2 "--class threading: $which" serve --class threading
    refuses 2 "--class TCPServer: $which" --class TCPServer
    refuses 2 "--class '': $which" connect --class "''" 127.0.0.1 80
    refuses 2 '--handler lower: not hotline or upper' serve --handler lower
    refuses 2 '--handler lower: not hotline or upper' --handler lower
    refuses 2 '--ops 0: not a number from 1 to 1000000' --timing --ops 0
    refuses 2 '--ops 1000001: not a number from 1 to 1000000' --timing --ops 1000001
    refuses 2 '--timing=yes: takes no value' --timing=yes
}

# Not every_server_names_what_is_wrong: connect takes HOST PORT or PATH here.
@test "13: names what is wrong" {
    refuses 2 '--port 65536: not a number from 0 to 65535' serve --port 65536
    refuses 2 '--port 80x: not a number from 0 to 65535' serve --port 80x
    refuses 2 '--prot: no such option; see --help' serve --prot 80
    refuses 2 'srve: no such command; see --help' srve
    refuses 2 'more: unexpected' serve more
    refuses 2 'connect: wants PATH' connect
    refuses 2 'PORT 0: not a number from 1 to 65535' connect 127.0.0.1 0
    refuses 2 '127.0.0.999: not an IPv4 address like 127.0.0.1' serve --host 127.0.0.999
    refuses 1 'bind 192.0.2.1:0: Cannot assign requested address' serve --host 192.0.2.1
    refuses 1 'connect ./nobody: No such file or directory' connect ./nobody
    local long
    long=$(printf 'x%.0s' {1..108})
    refuses 2 "$long: too long for the path of a socket" serve --class forking-unix-stream --path "$long"
}

@test "13: names a port in use" { on threading-tcp every_server_names_a_port_in_use; }
@test "13: names a privileged port" { every_server_names_a_privileged_port; }
@test "13: has help" { every_server_has_help --class --handler --host --port --path --timing --ops; }
@test "13: the slides show what is so" { check_slides; }

# ---- From inside --------------------------------------------------------------------------------------------------------

@test "13: methods are called in order in threads" { methods_are_called_in_order_in_threads; }
@test "13: methods are called in order in children" { methods_are_called_in_order_in_children; }
@test "13: handle request leaves no zombies" { handle_request_leaves_no_zombies; }
@test "13: handle request ends in a full house" { handle_request_ends_in_a_full_house; }
@test "13: mixed classes serve and leave nothing" { mixed_classes_serve_and_leave_nothing; }
@test "13: a handler may have large locals" { a_handler_may_have_large_locals; }
@test "13: twenty servers end at once" { twenty_servers_end_at_once; }
@test "13: ended threads are joined" { ended_threads_are_joined; }
@test "13: a burst does not wait" { a_burst_does_not_wait; }
@test "13: a full house sleeps" { a_full_house_sleeps; }
@test "13: a full house needs no service actions" { a_full_house_needs_no_service_actions; }
@test "13: a full house needs no descriptors" { a_full_house_needs_no_descriptors; }
@test "13: accept that fails leaves the others served" { accept_that_fails_leaves_the_others_served; }
@test "13: server close hangs up" { server_close_hangs_up; }
@test "13: server close ends children whatever becomes of sigterm" { server_close_ends_children_whatever_becomes_of_sigterm; }
@test "13: server close ends stubborn children" { server_close_ends_stubborn_children; }
@test "13: children outlive the loop not the server" { children_outlive_the_loop_not_the_server; }
@test "13: children are collected without sigchld" { children_are_collected_without_sigchld; }
@test "13: server close leaves daemons alone" { server_close_leaves_daemons_alone; }
@test "13: shutdown in a thread is allowed" { shutdown_in_a_thread_is_allowed; }
@test "13: server close in a thread is allowed" { server_close_in_a_thread_is_allowed; }
@test "13: a late datagram is sent by nobody else" { a_late_datagram_is_sent_by_nobody_else; }
@test "13: an unrelated child keeps its status" { an_unrelated_child_keeps_its_status; }
@test "13: what is printed is printed once" { what_is_printed_is_printed_once; }
@test "13: a crash takes nobody with it" { a_crash_takes_nobody_with_it; }
@test "13: a process left behind takes no place" { a_process_left_behind_takes_no_place; }
@test "13: a child may become another program" { a_child_may_become_another_program; }
@test "13: server_close in a child closes its own" { server_close_in_a_child_closes_its_own; }
@test "13: an orphan holds no port" { an_orphan_holds_no_port; }
@test "13: a fork does not wait for a reader" { a_fork_does_not_wait_for_a_reader; }
@test "13: handle request ends after a full house" { handle_request_ends_after_a_full_house; }
@test "13: the last descriptor is enough" { the_last_descriptor_is_enough; }
