# The mistakes that these tests catch: the option set on one socket only; a table that is printed from memory.
# shellcheck disable=SC2016,SC2154
load helper
load peers/every_server

@test "09a: the demo is the same each time" { check_demo 5; }

# One run of the demo is enough for all who ask.
demo_says() {
    local line said=$BATS_FILE_TMPDIR/demo
    [[ -e $said ]] || play > "$said"
    for line in "$@"; do
        grep -q -x -F -e "$line" "$said" || fail "the demo does not say: $line" "$(cat "$said")"
    done
}

@test "09a: without an option a port is bound once" {
    demo_says 'tcp    | no option     EADDRINUSE  -           EADDRINUSE' 'udp    | no option     EADDRINUSE'
}

@test "09a: SO_REUSEADDR: both bind, one listens, and nobody binds next to it" {
    demo_says 'tcp    | SO_REUSEADDR  ok          EADDRINUSE  EADDRINUSE'
}

@test "09a: SO_REUSEPORT: both listen" {
    demo_says 'tcp    | SO_REUSEPORT  ok          ok          ok'
}

@test "09a: UDP with SO_REUSEADDR: the last one gets the datagram" {
    demo_says 'udp    | SO_REUSEADDR  ok' 'udp    | SO_REUSEADDR: the last to bind gets the datagram, the other nothing'
}

@test "09a: no sockets, no table" {
    run limited sh -c 'exec 3>&- 4>&-; ulimit -S -n 4; exec "$0"' "$PROGRAM"
    equal status 1 "$status"
    equal message "$stem: socket: Too many open files" "$(grep "^$stem:" <<< "$output")"
    equal 'rows of the table' '' "$(grep -E 'ok|EADDRINUSE' <<< "$output" || true)"
}

# A network of its own that has one port to give away, and it is taken: no bind of TCP can work.
@test "09a: the table shows what the calls return, whatever that is" {
    local crowd='echo 50000 50000 > /proc/sys/net/ipv4/ip_local_port_range && "$2" serve | { read -r _ && exec "$1"; }'
    unshare -rn sh -c "$crowd" sh echo echo > /dev/null 2>&1 || skip 'needs unshare and the right to make a network namespace'
    local rows
    mapfile -t -n 8 rows < <(exec timeout -k 1 "$(limit 15)" unshare -rn sh -c "$crowd" sh "$PROGRAM" "$BUILD/09b_time_wait" 2>&1 3>&- 4>&-)
    kill $! 2> /dev/null || true
    equal 'first line' "tcp    |               2nd bind    2nd listen  bind to a port that listens" "${rows[0]}"
    equal 'rows in which a bind works' '' "$(printf '%s\n' "${rows[@]}" | grep '^tcp .*ok' || true)"
}

@test "09a: names what is wrong" {
    refuses 2 '--hold: no such option; see --help' --hold
    refuses 2 'serve: no such command; see --help' serve
}

@test "09a: has help" { every_server_has_help; }
@test "09a: the slides show what is so" { check_slides; }
