# The mistakes that these tests catch: IPV6_V6ONLY after bind, or left alone; listening before it is asked for.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # SERVE and SERVER are the helper's; so are stem, status and output
load helper
load peers/every_server
load peers/concurrent
load peers/children

@test "15b: the demo is the same each time" { check_demo 5; }
@test "15b: answers in upper case" { every_server_answers_in_upper_case; }

# ---- The scenes --------------------------------------------------------------------------------------------------------

needs_ipv6() {
    grep -q '^0*1 ' /proc/net/if_inet6 2> /dev/null || skip 'this machine has no ::1'
}

@test "15b: an IPv6 server, and one for both families" {
    needs_ipv6
    equal 'the demo' 'server | listens on ::1
ann    | connects from ::1
ann    | received "you are [::1]"
server | listens on ::, for both families
ann    | connects from ::1
ann    | received "you are [::1]"
bob    | connects from 127.0.0.1
bob    | received "you are [::ffff:127.0.0.1]"' "$(play)"
}

# In a network of its own, whose loopback is up.
without_ipv6() {
    limited unshare -rn sh -c "ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && $1"
}

@test "15b: says so where there is no IPv6" {
    without_ipv6 true 2> /dev/null || skip 'this user may not make a network namespace'
    equal 'the demo' 'server | this machine has no IPv6' "$(without_ipv6 "'$PROGRAM'")"
}

# Whoever runs the machine may have turned IPV6_V6ONLY on for all.
@test "15b: ... and both families where IPV6_V6ONLY is on" {
    needs_ipv6
    local on='ip link set lo up && echo 1 > /proc/sys/net/ipv6/bindv6only'
    limited unshare -rn sh -c "$on" 2> /dev/null || skip 'this user may not make a network namespace'
    equal 'the last line' 'bob    | received "you are [::ffff:127.0.0.1]"' \
        "$(limited unshare -rn sh -c "$on && '$PROGRAM'" | tail -n 1)"
}

@test "15b: refused between server_bind and server_activate, served afterwards" {
    equal 'by-hand' 'server | server_bind: there is a port, and nobody listens
ann    | connects from 127.0.0.1
ann    | is refused
server | server_activate: listens
ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"' "$(play by-hand)"
}

@test "15b: SIGTERM and Ctrl-C end the scenes" {
    SLOW=100 broken_off_by TERM 143 'ann    | connects'
    SLOW=100 broken_off_by INT 130 'is refused' by-hand
}

# ---- serve -------------------------------------------------------------------------------------------------------------

talks() { # HOST
    equal "the reply to connect $1" $'HELLO\nWORLD' "$(printf 'hello\nworld\n' | limited "$PROGRAM" connect "$1" "$PORT")"
}

@test "15b: serves on ::1" {
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

@test "15b: serves both families on ::" {
    needs_ipv6
    start serve --host ::
    talks ::1
    talks 127.0.0.1
    stop
}

@test "15b: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }

@test "15b: serves beside a client that never reads" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps memory of its own for each thread'
    concurrent_serves_beside_a_client_that_never_reads
}

@test "15b: serves many at once" { concurrent_serves_many_at_once; }
@test "15b: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "15b: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "15b: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "15b: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "15b: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "15b: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "15b: serves many in a row" { every_server_serves_many_in_a_row; }
@test "15b: serves netcat" { every_server_serves_netcat; }
@test "15b: has a client" { every_server_has_a_client; }
@test "15b: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "15b: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "15b: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "15b: survives a silent client" { every_server_survives_a_silent_client; }
@test "15b: survives sending without end" { every_server_survives_sending_without_end; }
@test "15b: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "15b: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "15b: stops with clients connected" { every_server_stops_with_clients_connected; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "15b: names what is wrong with the values" {
    refuses 2 '::zz: not an IPv6 address like ::1' serve --host ::zz
    refuses 2 '::zz: not an IPv6 address like ::1' connect ::zz 80
    refuses 2 'example: not an IPv4 address like 127.0.0.1' connect example 80
    refuses 2 'PORT 0: not a number from 1 to 65535' connect ::1 0
    refuses 2 'ann: unexpected' by-hand ann
}

@test "15b: names what is wrong" { every_server_names_what_is_wrong; }
@test "15b: names a port in use" { every_server_names_a_port_in_use; }
@test "15b: names a privileged port" { every_server_names_a_privileged_port; }
@test "15b: has help" { every_server_has_help --host --port; }

@test "15b: the slides show what is so" {
    needs_ipv6
    check_slides
}
