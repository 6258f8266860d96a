# The mistakes that these tests catch: IPV6_V6ONLY after bind, or left alone; a client that is served before it is
# verified; an error that ends the server, or hangs up before it is reported; a heartbeat that comes once; children without
# a limit, or a limit that nobody takes back; daemon threads that are waited for; listening before it is asked for; a
# time-out for each read taken for one for the request; a reply in two sends.
# shellcheck disable=SC2030,SC2034,SC2153,SC2154 # SERVE and SERVER are the helper's; so are stem, status and output
load helper
load peers/every_server
load peers/concurrent
load peers/children

# ---- The scenes --------------------------------------------------------------------------------------------------------

needs_ipv6() {
    grep -q '^0*1 ' /proc/net/if_inet6 2> /dev/null || skip 'this machine has no ::1'
}

@test "15: the demo is the same each time" { check_demo 5; }

@test "15: the demo plays every scene that --help names, in that order" {
    local scenes
    scenes=$("$PROGRAM" --help | sed -n '/(none)/,/^  serve/s/^  \([a-z][a-z0-9-]*\)  *\(.*\)/server | ---- \1: \2/p' | grep -v 'serve:')
    equal 'headings' "$scenes" "$(play | grep '^server | ---- ')"
    equal 'scenes' 10 "$(wc -l <<< "$scenes")"
}

scene() { # EXPECTED WORDS...
    same_transcript "the scene ${*:2}" "$1" "$(play "${@:2}")"
}

@test "15: an IPv6 server, and one for both families" {
    needs_ipv6
    scene 'server | listens on ::1
ann    | connects from ::1
ann    | received "you are [::1]"
server | listens on ::, for both families
ann    | connects from ::1
ann    | received "you are [::1]"
bob    | connects from 127.0.0.1
bob    | received "you are [::ffff:127.0.0.1]"' ipv6
}

# In a network of its own, whose loopback is up.
without_ipv6() {
    limited unshare -rn sh -c "ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && $1"
}

@test "15: says so where there is no IPv6" {
    without_ipv6 true 2> /dev/null || skip 'this user may not make a network namespace'
    equal 'ipv6' 'server | this machine has no IPv6' "$(without_ipv6 "'$PROGRAM' ipv6")"
}

# Whoever runs the machine may have turned IPV6_V6ONLY on for all.
@test "15: ... and both families where IPV6_V6ONLY is on" {
    needs_ipv6
    local on='ip link set lo up && echo 1 > /proc/sys/net/ipv6/bindv6only'
    limited unshare -rn sh -c "$on" 2> /dev/null || skip 'this user may not make a network namespace'
    equal 'the last line' 'bob    | received "you are [::ffff:127.0.0.1]"' \
        "$(limited unshare -rn sh -c "$on && '$PROGRAM' ipv6" | tail -n 1)"
}

@test "15: verify_request: who is not on the list is hung up on" {
    scene 'ann    | connects from 127.0.0.1
server | verify_request: 127.0.0.1 is on the list
ann    | received "you are 127.0.0.1"
bob    | connects from 127.0.0.2
server | verify_request: 127.0.0.2 is not on the list
bob    | is hung up on' allow
}

@test "15: handle_error: the error names the client, who is told, and the server goes on" {
    scene 'ann    | connects from 127.0.0.1
server | error serving 127.0.0.1:PORT: the handler has failed
ann    | received "sorry"
bob    | connects from 127.0.0.1
bob    | received "you are 127.0.0.1"' error
}

@test "15: handle_timeout, after the time-out and not when there is a request" {
    local from=${EPOCHREALTIME/./}
    scene 'server | handle_timeout: nobody came for 50 ms
ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"' nobody
    (((${EPOCHREALTIME/./} - from) >= 50000)) || fail '50 ms were over too soon'
}

@test "15: service_actions, after a request and in each round without one" {
    scene 'ann    | connects from 127.0.0.1
server | service_actions: beat 1
server | service_actions: beat 2
server | service_actions: beat 3
ann    | received "you are 127.0.0.1"' heartbeat
}

@test "15: refused between server_bind and server_activate, served afterwards" {
    scene 'server | server_bind: there is a port, and nobody listens
ann    | connects from 127.0.0.1
ann    | is refused
server | server_activate: listens
ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"' by-hand
}

@test "15: at max_children the next client waits until a child has ended" {
    scene 'ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"
bob    | connects from 127.0.0.1
bob    | received "you are 127.0.0.1"
carl   | connects from 127.0.0.1
server | 2 children are at work: the next client waits
ann    | leaves
carl   | received "you are 127.0.0.1"' children
}

@test "15: server_close hangs up on a silent client; with daemon_threads it leaves it alone" {
    scene 'ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"
server | daemon_threads is false: closes
ann    | sends "still there?"
ann    | is hung up on
ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"
server | daemon_threads is true: closes
ann    | sends "still there?"
ann    | received "you are 127.0.0.1"' daemons
}

# ---- Time is the subject -----------------------------------------------------------------------------------------------

takes() { # AT_LEAST_MS AT_MOST_MS COMMAND...
    local from=${EPOCHREALTIME/./} took most
    most=$(($2 * $(limit 1)))
    "${@:3}"
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((took >= $1 && took <= most)) || fail "it took $took ms"
}

late() { # DEADLINE
    echo "ann    | connects from 127.0.0.1
server | a read may take 200 ms
server | all of the request may take $1 ms
ann    | sends a byte every 10 ms
server | error serving 127.0.0.1:PORT: no line by the deadline
ann    | is hung up on"
}

@test "15: a deadline ends the request of a client that trickles" {
    takes 200 5000 scene "$(late 200)" trickler
    takes 20 400 scene "$(late 20)" trickler --deadline 20 # before the client is through
}

@test "15: ... which no time-out for each read does" {
    takes 1000 10000 scene 'ann    | connects from 127.0.0.1
server | a read may take 500 ms
ann    | sends a byte every 10 ms
ann    | received "you are 127.0.0.1"' trickler --deadline 0 --timeout 500
}

waited() { # HOW BYTES
    printf 'ann    | connects from 127.0.0.1\nann    | asks 5 times: %s\n' "$1"
    printf 'thread-1 | up to %d bytes of a reply waited here\n' "$2"
}

@test "15: of a reply in two sends, the second part waits; not with TCP_NODELAY, not in one send" {
    scene "$(waited 'two-send replies' 4000)
$(waited 'nodelay replies' 0)
$(waited 'one-send replies' 0)" nagle
}

# The time of one reply, in ms, of those with this name.
each() { # NAME
    # shellcheck disable=SC2031 # output is that of run
    sed -nE "s/^timing \| 10 $1 in ([0-9]*)\.([0-9]*) s, .*/\1\2/p" <<< "$output" | awk '{ print int($1 / 10) }'
}

@test "15: a reply in one send, or with TCP_NODELAY, takes less than 20 ms, one in two sends more" {
    run limited "$PROGRAM" --timing --ops 10
    equal status 0 "$status"
    same_transcript 'what --timing prints' 'timing | 10 two-send replies in TIME s, MS two-send replies/s
timing | 10 nodelay replies in TIME s, MS nodelay replies/s
timing | 10 one-send replies in TIME s, MS one-send replies/s' "$output"
    (($(each 'two-send replies') >= 20)) || fail 'no wait for acknowledgements' "$output"
    (($(each 'nodelay replies') < 20 * $(limit 1))) || fail "$output"
    (($(each 'one-send replies') < 20 * $(limit 1))) || fail "$output"
    run limited "$PROGRAM" nagle --timing --ops 1
    equal 'lines of nagle --timing' 3 "$(grep -c '^timing | 1 ' <<< "$output")"
}

@test "15: SIGINT ends the demo early, with status 0" {
    mkfifo "$BATS_TEST_TMPDIR/demo"
    SLOW=200 "$PROGRAM" > "$BATS_TEST_TMPDIR/demo" 2> "$BATS_TEST_TMPDIR/errors" < /dev/null 3>&- 4>&- &
    local demo=$! status=0 line said
    {
        read -r line
        kill -INT "$demo"
        said=$(cat)
    } < "$BATS_TEST_TMPDIR/demo"
    wait "$demo" || status=$?
    equal status 0 "$status"
    equal errors '' "$(cat "$BATS_TEST_TMPDIR/errors")"
    [[ $line == 'server | ---- '* && $said != *----* ]] || fail 'another scene followed' "$line" "$said"
}

# ---- serve -------------------------------------------------------------------------------------------------------------

talks() { # HOST
    equal "the reply to connect $1" $'HELLO\nWORLD' "$(printf 'hello\nworld\n' | limited "$PROGRAM" connect "$1" "$PORT")"
}

@test "15: serves on ::1" {
    needs_ipv6
    start serve --host ::1
    equal 'where it listens' "[::1]:$PORT" "$ADDRESS"
    talks ::1
    run limited "$PROGRAM" connect 127.0.0.1 "$PORT"
    equal 'from the other family' "$stem: connect 127.0.0.1:$PORT: Connection refused" "$output"
    refuses 1 'bind [2001:db8::1]:0: Cannot assign requested address' serve --host 2001:db8::1
    refuses 1 "bind [::1]:$PORT: Address already in use" serve --host ::1 --port "$PORT"
    stop
}

@test "15: serves both families on ::, also with processes" {
    needs_ipv6
    start serve --host ::
    talks ::1
    talks 127.0.0.1
    stop
    start serve --host :: --fork
    talks ::1
    talks 127.0.0.1
    stop
}

@test "15: with --fork, no more than --max-children at once" {
    start serve --fork --max-children 2
    local ann bob carl reply=
    exec {ann}<> "/dev/tcp/$HOST/$PORT" {bob}<> "/dev/tcp/$HOST/$PORT"
    await 'accepted client 2'
    exec {carl}<> "/dev/tcp/$HOST/$PORT"
    echo carl >&"$carl"
    is_idle
    equal 'children' 2 "$(children_of "$SERVER" | wc -l)"
    if grep -q 'client 3' "$LOG"; then fail 'a third child'; fi
    exec {ann}>&-
    read -r -t "$(limit 5)" reply <&"$carl" || fail 'no reply to the third client after the first has left'
    equal 'the reply to the third client' CARL "$reply"
    exec {bob}>&- {carl}>&-
    stop
}

@test "15: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "15: serves beside a client that never reads" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps memory of its own for each thread'
    concurrent_serves_beside_a_client_that_never_reads
}
@test "15: serves many at once" { concurrent_serves_many_at_once; }
@test "15: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "15: answers in upper case" { every_server_answers_in_upper_case; }
@test "15: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "15: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "15: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "15: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "15: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "15: serves many in a row" { every_server_serves_many_in_a_row; }
@test "15: serves netcat" { every_server_serves_netcat; }
@test "15: has a client" { every_server_has_a_client; }
@test "15: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "15: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "15: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "15: survives a silent client" { every_server_survives_a_silent_client; }
@test "15: survives sending without end" { every_server_survives_sending_without_end; }
@test "15: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "15: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "15: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "15: with --fork, no child outlives its server, and the port is free" {
    SERVE=(serve --fork)
    no_child_outlives_its_server
}

@test "15: with --fork, waits for its own children only" {
    SERVE=(serve --fork)
    waits_for_its_own_children_only
}

@test "15: with --fork, a stopped child keeps nobody from ending" {
    SERVE=(serve --fork)
    a_stopped_child_keeps_nobody_from_ending
}

@test "15: with --fork, children are reaped, whatever was inherited" {
    SERVE=(serve --fork)
    children_are_reaped_whatever_was_inherited
}

@test "15: with --fork, answers and stops with clients connected" {
    SERVE=(serve --fork)
    every_server_answers_in_upper_case
    every_server_stops_with_clients_connected
}
@test "15: with --fork, survives EINTR and short transfers" {
    SERVE=(serve --fork)
    every_server_survives_eintr_and_short_transfers
}

@test "15: SIGTERM ends a scene that takes long" {
    broken_off_by TERM 0 'sends a byte every 10 ms' trickler --timeout 60000 --deadline 0
    broken_off_by TERM 0 'asks 1000000 times: two-send replies' nagle --ops 1000000
}

@test "15: SIGTERM ends every scene" {
    local scene
    for scene in $("$PROGRAM" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z0-9-]*\) .*/\1/p' | grep -vx 'serve\|connect'); do
        SLOW=100 broken_off_by TERM 0 ' | ' "$scene"
    done
}

# It goes to the children too: then there is room for carl, and nobody comes after him.
@test "15: Ctrl-C ends the scene of the children" {
    local words
    for words in 'ann    | received' 'bob    | connects' 'carl   | connects'; do
        GROUP=1 SLOW=50 broken_off_by INT 0 "$words" children
    done
}

# ---- Options -----------------------------------------------------------------------------------------------------------

@test "15: names what is wrong with the values" {
    refuses 2 '::zz: not an IPv6 address like ::1' serve --host ::zz
    refuses 2 '::zz: not an IPv6 address like ::1' connect ::zz 80
    refuses 2 'example: not an IPv4 address like 127.0.0.1' connect example 80
    refuses 2 'PORT 0: not a number from 1 to 65535' connect ::1 0
    refuses 2 '--max-children 0: not a number from 1 to 1000' serve --fork --max-children 0
    refuses 2 '--max-children 1001: not a number from 1 to 1000' serve --fork --max-children 1001
    refuses 2 '--timeout 0: not a number from 20 to 60000' trickler --timeout 0
    refuses 2 '--deadline 1s: not a number from 0 to 60000' trickler --deadline 1s
    refuses 2 '--deadline 60001: not a number from 0 to 60000' trickler --deadline 60001
    refuses 2 '--ops 0: not a number from 1 to 1000000' --timing --ops 0
    refuses 2 '--fork=yes: takes no value' serve --fork=yes
    refuses 2 'ann: unexpected' allow ann
}

@test "15: names what is wrong" { every_server_names_what_is_wrong; }
@test "15: names a port in use" { every_server_names_a_port_in_use; }
@test "15: names a privileged port" { every_server_names_a_privileged_port; }
@test "15: has help" {
    every_server_has_help --host --port --fork --max-children --timeout --deadline --timing --ops
}
@test "15: the slides show what is so" {
    needs_ipv6
    check_slides
}
