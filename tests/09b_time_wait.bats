# The mistakes that these tests catch: the option set after bind; SO_REUSEPORT taken for SO_REUSEADDR; the client closes
# first, so that the server has no TIME_WAIT; a reset instead of a close.
# Not tested: that TIME_WAIT ends, which takes 60 s. What is tested is the kernel's timer, which counts down from there.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154
load helper
load peers/every_server

@test "09b: the demo is the same each time" { needs_time_wait && check_demo 5; }

in_use='Address already in use'
# An address of this process alone: nobody else takes a port there, or leaves a TIME_WAIT.
OWN_HOST=127.$((BASHPID / 256 % 256)).$((BASHPID % 256)).9

# This server hangs up at once: the end of file is its answer. A reset in its place makes cat fail.
serves() {
    exec {client}<> "/dev/tcp/$HOST/$PORT"
    limited cat <&"$client" > "$BATS_TEST_TMPDIR/reply"
    exec {client}>&-
    equal 'the reply' '' "$(cat "$BATS_TEST_TMPDIR/reply")"
}

# The timers of the connections in TIME_WAIT, state 06 of /proc/net/tcp, whose own address (2) or whose peer's address (3) is
# the server's. proc(5)
time_wait() { # 2|3
    local -a byte
    IFS=. read -r -a byte <<< "$HOST"
    local address
    printf -v address '%02X%02X%02X%02X:%04X' "${byte[3]}" "${byte[2]}" "${byte[1]}" "${byte[0]}" "$PORT" # little-endian
    awk -v column="$1" -v address="$address" '$4 == "06" && $column == address { print $6 }' /proc/net/tcp
}

await_time_wait() { # 2|3
    local give_up=$((SECONDS + $(limit 10)))
    until [[ $(time_wait "$1") ]]; do
        ((SECONDS < give_up)) || fail 'no TIME_WAIT'
    done
}

# After tens of thousands of connections in a minute the system may keep no more of them: tcp(7), tcp_max_tw_buckets.
needs_time_wait() {
    local kept
    kept=$(awk '$1 == "TCP:" { print $7 }' /proc/net/sockstat) # after the word tw
    ((kept * 10 < $(cat /proc/sys/net/ipv4/tcp_max_tw_buckets) * 9)) || skip "the system keeps $kept connections in TIME_WAIT, and hardly one more"
}

# A server with these options hangs up on a client and ends, which leaves its PORT in TIME_WAIT.
leave_a_time_wait() { # OPTION...
    needs_time_wait
    start serve "$@"
    serves
    await_time_wait 2
    stop
}

# ---- The demo ----------------------------------------------------------------------------------------------------------

@test "09b: the demo restarts in TIME_WAIT only if the old and the new server set the option" {
    needs_time_wait
    equal 'the demo' 'server | old: no option    | TIME_WAIT | new: no option    | bind: EADDRINUSE
server | old: no option    | TIME_WAIT | new: SO_REUSEADDR | bind: EADDRINUSE
server | old: SO_REUSEADDR | TIME_WAIT | new: no option    | bind: EADDRINUSE
server | old: SO_REUSEADDR | TIME_WAIT | new: SO_REUSEADDR | bind: ok' "$(play)"
}

# Plays the demo in a network of its own, which keeps so many connections in TIME_WAIT.
in_a_network_that_keeps() { # COUNT
    local keep="ip link set lo up && echo $1 > /proc/sys/net/ipv4/tcp_max_tw_buckets && exec \"\$0\""
    unshare -rn sh -c "$keep" true 2> /dev/null || skip 'needs unshare, ip and the right to make a network namespace'
    run limited unshare -rn sh -c "$keep" "$PROGRAM"
    equal status 0 "$status"
}

@test "09b: without TIME_WAIT each restart works, and the last line says why there is none" {
    in_a_network_that_keeps 0
    equal 'restarts that work' 4 "$(grep -c 'no TIME_WAIT .*bind: ok$' <<< "$output")"
    equal 'the last line' 'server | no TIME_WAIT: the host keeps 0, and tcp_max_tw_buckets is 0' "$(tail -n 1 <<< "$output")"
}

@test "09b: a host that is full says so, and one that is not says nothing" {
    in_a_network_that_keeps 1
    equal 'the last line' 'server | no TIME_WAIT: the host keeps 1, and tcp_max_tw_buckets is 1' "$(tail -n 1 <<< "$output")"
    in_a_network_that_keeps 100
    equal 'lines' 4 "$(wc -l <<< "$output")"
}

# ---- Hanging up, and a restart ----------------------------------------------------------------------------------------

@test "09b: hangs up first, with an end of file, also while others stay" {
    start serve
    hold silent "$ADDRESS" 3
    serves
    await 'hangs up on client 4 first'
    stop
}

@test "09b: a restart in TIME_WAIT works if both runs set the option" {
    leave_a_time_wait
    start serve --port "$PORT"
    serves
    stop
}

@test "09b: a restart in TIME_WAIT fails with --no-reuse" {
    leave_a_time_wait
    refuses 1 "bind $ADDRESS: $in_use" serve --no-reuse --port "$PORT"
}

@test "09b: a restart in TIME_WAIT fails if the old run was --no-reuse" {
    leave_a_time_wait --no-reuse
    refuses 1 "bind $ADDRESS: $in_use" serve --port "$PORT"
    refuses 1 "bind $ADDRESS: $in_use" serve --no-reuse --port "$PORT"
}

@test "09b: a restart in TIME_WAIT works with --reuse-port on both runs, and not with one option each" {
    leave_a_time_wait --reuse-port
    refuses 1 "bind $ADDRESS: $in_use" serve --port "$PORT"
    start serve --reuse-port --port "$PORT"
    stop
}

@test "09b: TIME_WAIT counts down from 60 s" {
    leave_a_time_wait
    local timer hundredths
    timer=$(time_wait 2)
    hundredths=$((16#${timer#*:}))
    ((hundredths > 3000 && hundredths <= 6000)) || fail "TIME_WAIT ends in $hundredths hundredths of a second"
}

@test "09b: if the client closes first, its port is in TIME_WAIT and the server's is free" {
    needs_time_wait
    start serve --host "$OWN_HOST"
    halt
    exec {client}<> "/dev/tcp/$HOST/$PORT"
    exec {client}>&-
    kill -CONT "$SERVER"
    await_time_wait 3
    stop
    equal "TIME_WAIT at the server's port" '' "$(time_wait 2)"
    start serve --no-reuse --host "$HOST" --port "$PORT"
    stop
}

@test "09b: bytes that nobody read make it a reset, and nobody waits" {
    start serve --host "$OWN_HOST"
    halt
    exec {client}<> "/dev/tcp/$HOST/$PORT"
    printf 'hi' >&"$client"
    kill -CONT "$SERVER"
    run limited cat <&"$client"
    exec {client}>&-
    [[ $status == 1 && $output == *'Connection reset by peer' ]] || fail "not a reset: $output"
    equal 'TIME_WAIT at either port' '' "$(time_wait 2)$(time_wait 3)"
    stop
}

# ---- Two servers at a time ---------------------------------------------------------------------------------------------

@test "09b: a port that listens is bound by nobody else, with or without the option" {
    start serve
    refuses 1 "bind $ADDRESS: $in_use" serve --port "$PORT"
    refuses 1 "bind $ADDRESS: $in_use" serve --no-reuse --port "$PORT"
    refuses 1 "bind $ADDRESS: $in_use" serve --reuse-port --port "$PORT"
    serves
    stop
}

@test "09b: a port that listens with --reuse-port is shared only with --reuse-port" {
    start serve --reuse-port
    refuses 1 "bind $ADDRESS: $in_use" serve --port "$PORT"
    refuses 1 "bind $ADDRESS: $in_use" serve --no-reuse --port "$PORT"
    serves
    stop
}

@test "09b: with --reuse-port on both, two servers share a port and its clients" {
    start serve --reuse-port
    local second connections=0
    exec {second}< <(exec timeout -k 1 "$(limit 15)" "$PROGRAM" serve --reuse-port --port "$PORT" 2>&1 3>&- 4>&-)
    local stop_second=$! line=
    read -r -t "$(limit 10)" line <&"$second"
    equal 'the second server' "server | listening on $ADDRESS" "$line"
    until grep -q 'accepted client 1' "$LOG" && read -r -t 0 -u "$second"; do
        ((++connections < 200)) || fail 'one server got all clients'
        serves
    done
    kill -TERM "$stop_second"
    equal 'last line of the second server' 'server | stopped' "$(tail -n 1 <&"$second")"
    exec {second}<&-
    serves
    stop
}

# ---- A server like the others ------------------------------------------------------------------------------------------

@test "09b: hangs up on many in a row" {
    start serve
    for _ in {1..20}; do serves; done
    stop
}

@test "09b: survives a silent client" { every_server_survives_a_silent_client; }

@test "09b: survives clients that send what it does not read" {
    start serve
    for _ in {1..3}; do
        run peer reset "$ADDRESS"
        equal "status of the client" 1 "$status"
        equal 'what the client says' 'peer: no reply to break off' "$output"
    done
    serves
    stop
}

@test "09b: survives EMFILE without a spin" { every_server_survives_emfile 4 -S; }

@test "09b: survives EINTR" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    start serve
    for _ in {1..10}; do serves; done
    halt
    kill -CONT "$SERVER"
    serves
    stop
}

@test "09b: stops with clients connected" { every_server_stops_with_clients_connected; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "09b: names what is wrong" {
    refuses 2 '--port 65536: not a number from 0 to 65535' serve --port 65536
    refuses 2 '--port 80x: not a number from 0 to 65535' serve --port 80x
    refuses 2 '--port: wants a value' serve --port
    refuses 2 '--prot: no such option; see --help' serve --prot 80
    refuses 2 '--port, --no-reuse, --reuse-port: only with serve' --no-reuse
    refuses 2 '--port, --no-reuse, --reuse-port: only with serve' --port 8009
    refuses 2 '--no-reuse, --reuse-port: one or the other' serve --no-reuse --reuse-port
    refuses 2 'hold: no such command; see --help' hold
    refuses 2 '127.0.0.999: not an IPv4 address like 127.0.0.1' serve --host 127.0.0.999
    refuses 1 'bind 192.0.2.1:0: Cannot assign requested address' serve --host 192.0.2.1
}

@test "09b: names a privileged port" {
    (($(cat /proc/sys/net/ipv4/ip_unprivileged_port_start) > 80)) || skip 'every user may bind port 80 here'
    local without=()
    if ((EUID == 0)); then
        command -v setpriv > /dev/null || skip 'root needs setpriv to give up its privilege'
        without=(setpriv --bounding-set=-net_bind_service --inh-caps=-net_bind_service)
    fi
    run limited "${without[@]}" "$PROGRAM" serve --port 80
    equal status 1 "$status"
    equal message "$stem: bind 127.0.0.1:80: Permission denied" "$output"
}

@test "09b: has help" { every_server_has_help --host --port --no-reuse --reuse-port; }
@test "09b: the slides show what is so" { needs_time_wait && check_slides; }
