# Every byte-stream server does this, whatever its model. A lesson's test file names its tests after these functions; each
# starts the server with the words in SERVE.
# shellcheck shell=bash disable=SC2034,SC2154,SC2153

SERVE=(serve)
letters=$(printf 'The quick brown fox, 0123456789 %.0s' {1..32}) # 1 KiB

given_a_server() {
    start "${SERVE[@]}"
    if [[ $ADDRESS == */* ]]; then
        CONNECT=("$ADDRESS") NETCAT=(-U "$ADDRESS")
    else
        CONNECT=("$HOST" "$PORT") NETCAT=("$HOST" "$PORT")
    fi
}

# ---- Polite clients ----------------------------------------------------------------------------------------------------

every_server_answers_in_upper_case() {
    given_a_server
    equal 'the reply' 'HELLO, WORLD 42!' "$(ask 'Hello, World 42!')"
    equal 'bytes that are no ASCII letters' $'\xc3\xa9[]{}' "$(ask $'\xc3\xa9[]{}')"
    stop
}

every_server_answers_after_a_half_close() {
    given_a_server
    equal 'the reply to the last bytes' 'LAST WORDS' "$(printf 'last words' | peer talk "$ADDRESS")"
    serves
    stop
}

every_server_passes_a_mebibyte_unharmed() {
    given_a_server
    yes "$letters" | head -c 1048576 > "$BATS_TEST_TMPDIR/in"
    peer talk "$ADDRESS" < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/out"
    equal 'bytes' 1048576 "$(wc -c < "$BATS_TEST_TMPDIR/out")"
    tr '[:lower:]' '[:upper:]' < "$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/out"
    stop
}

every_server_answers_byte_by_byte() {
    given_a_server
    equal 'the replies' 'ONE AT A TIME' "$(peer bytes "$ADDRESS" 'one at a time')"
    stop
}

every_server_survives_an_empty_connection() {
    given_a_server
    equal 'the reply to nothing' '' "$(ask '')"
    serves
    stop
}

every_server_passes_nul_bytes() {
    given_a_server
    equal 'the reply' '4100420a' "$(printf 'a\0b\n' | peer talk "$ADDRESS" | od -An -tx1 | tr -d ' \n')"
    stop
}

every_server_serves_many_in_a_row() {
    given_a_server
    peer row "$ADDRESS" 200
    stop
}

every_server_serves_netcat() {
    needs_netcat
    given_a_server
    equal 'the reply' 'HELLO FROM NETCAT' "$(printf 'hello from netcat' | netcat "${NETCAT[@]}")"
    stop
}

every_server_has_a_client() {
    given_a_server
    equal 'connect' $'FIRST\nSECOND' "$(printf 'first\nsecond\n' | limited "$PROGRAM" connect "${CONNECT[@]}")"
    equal 'connect, without a last newline' $'FIRST\nSECOND' "$(printf 'first\nsecond' | limited "$PROGRAM" connect "${CONNECT[@]}")"
    run limited "$PROGRAM" connect "${CONNECT[@]}" < /
    equal 'what is said of an input that cannot be read' "1 $stem: read: Is a directory" "$status $output"
    # shellcheck disable=SC2016 # the words are for the other shell
    run limited sh -c '"$@" > /dev/full' sh "$PROGRAM" connect "${CONNECT[@]}" <<< text
    equal 'what is said of a reply that cannot be printed' "1 $stem: write: No space left on device" "$status $output"
    stop
}

# ---- Rude clients ------------------------------------------------------------------------------------------------------

every_server_survives_a_reset_in_mid_reply() {
    given_a_server
    for _ in {1..3}; do peer reset "$ADDRESS"; done
    serves
    stop
}

# It asks and is gone before the server looks: the server's send finds nobody, which is EPIPE, or SIGPIPE where nothing
# prevents it.
every_server_survives_a_client_that_is_gone() {
    given_a_server
    halt
    peer gone "$ADDRESS"
    kill -CONT "$SERVER"
    await 'client 1 has left'
    serves
    stop
}

# A server for one client at a time serves the next when the rude one has gone.
every_server_survives_a_client_that_stops_reading() {
    given_a_server
    hold stall "$ADDRESS"
    release
    serves
    stop
}

every_server_survives_a_silent_client() {
    given_a_server
    hold silent "$ADDRESS" 1
    release
    serves
    stop
}

every_server_survives_sending_without_end() {
    given_a_server
    serves
    local before grown
    before=$(peak_memory)
    peer flood "$ADDRESS" 8000000
    serves
    grown=$(($(peak_memory) - before))
    ((grown < 4096)) || fail "8 MB without a newline cost the server $grown KiB"
    stop
}

# The server may open so few descriptors that accept fails. Service resumes when clients leave, or, where the server has
# not even one descriptor for a client (-S), when it may open more.
every_server_survives_emfile() { # LIMIT -S|-H
    SERVER_PROGRAM=$BATS_TEST_TMPDIR/limited
    printf '#!/bin/sh\nulimit -S -n %d && ulimit %s -n %d\nexec %q "$@"\n' "$1" "$2" "$1" "$PROGRAM" > "$SERVER_PROGRAM"
    chmod +x "$SERVER_PROGRAM"
    start "${SERVE[@]}"
    hold silent "$ADDRESS" "$1"
    await 'accept: .* tries again until it can'
    is_idle
    [[ $2 == -H ]] || prlimit --pid "$SERVER" --nofile=64:
    release
    serves
    stop
}

every_server_survives_eintr_and_short_transfers() {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    export INTERRUPT
    start "${SERVE[@]}"
    equal 'the reply' "${letters^^}" "$(ask "$letters")"
    peer row "$ADDRESS" 20
    halt
    kill -CONT "$SERVER"
    serves
    stop
}

every_server_stops_with_clients_connected() {
    given_a_server
    hold silent "$ADDRESS" 3
    await 'client 1'
    stop
    start "${SERVE[@]}"
    hold stall "$ADDRESS"
    await 'client 1'
    stop
}

# ---- What cannot be served ---------------------------------------------------------------------------------------------

refuses() { # STATUS MESSAGE WORDS...
    local want=$1 message=$2
    shift 2
    run limited "$PROGRAM" "$@"
    equal "status of $*" "$want" "$status"
    equal "message of $*" "$stem: $message" "$output"
}

every_server_names_what_is_wrong() {
    refuses 2 '--port 65536: not a number from 0 to 65535' serve --port 65536
    refuses 2 '--port 80x: not a number from 0 to 65535' serve --port 80x
    refuses 2 '--port: wants a value' serve --port
    refuses 2 '--prot: no such option; see --help' serve --prot 80
    refuses 2 'srve: no such command; see --help' srve
    refuses 2 'more: unexpected' serve more
    refuses 2 'connect: wants HOST PORT' connect 127.0.0.1
    refuses 2 '127.0.0.999: not an IPv4 address like 127.0.0.1' serve --host 127.0.0.999
    refuses 1 'bind 192.0.2.1:0: Cannot assign requested address' serve --host 192.0.2.1
}

every_server_names_a_port_in_use() {
    given_a_server
    refuses 1 "bind 127.0.0.1:$PORT: Address already in use" serve --port "$PORT"
    serves
    stop
}

every_server_names_a_privileged_port() {
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

every_server_has_help() {
    # shellcheck disable=SC2016 # the words are for the other shell
    run limited sh -c '"$@" > /dev/full' sh "$PROGRAM" --help
    equal 'what is said of help that cannot be printed' "1 $stem: write: No space left on device" "$status $output"
    run limited "$PROGRAM" --help
    equal status 0 "$status"
    matches "$output" "Usage: $stem \[OPTION...\] \[COMMAND\]*"
    local option
    for option in "$@" --help; do
        equal "lines of --help about $option" 1 "$(grep -c "^  $option " <<< "$output")"
    done
}
