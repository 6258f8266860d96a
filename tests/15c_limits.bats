# The mistakes that these tests catch: children without a limit, or a limit that a mixin takes back; a client whose end is open
# in a child.
# shellcheck disable=SC2030,SC2034,SC2153,SC2154 # SERVE and SERVER are the helper's; so are stem, status and output
load helper
load peers/every_server
load peers/concurrent
load peers/children

@test "15c: the demo is the same each time" {
    check_demo 5
}

@test "15c: answers in upper case" { every_server_answers_in_upper_case; }

# ---- The scenes --------------------------------------------------------------------------------------------------------

@test "15c: at max_children the next client waits until a child has ended" {
    equal 'the demo' 'ann    | connects from 127.0.0.1
ann    | received "you are 127.0.0.1"
bob    | connects from 127.0.0.1
bob    | received "you are 127.0.0.1"
carl   | connects from 127.0.0.1
server | 2 children are at work: the next client waits
ann    | leaves
carl   | received "you are 127.0.0.1"' "$(play)"
}

@test "15c: SIGTERM and Ctrl-C end the demo" {
    local words
    for words in 'ann    | received' 'bob    | connects' 'carl   | connects'; do
        SLOW=50 broken_off_by TERM 143 "$words"
        GROUP=1 SLOW=50 broken_off_by INT 130 "$words"
    done
}

# ---- serve -------------------------------------------------------------------------------------------------------------

@test "15c: no more than --max-children at once" {
    start serve --max-children 2
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

@test "15c: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }

@test "15c: serves beside a client that never reads" {
    concurrent_serves_beside_a_client_that_never_reads
}

@test "15c: serves many at once" {
    SERVE=(serve --max-children 200) # they all stay until the last has come
    concurrent_serves_many_at_once
}

@test "15c: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "15c: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "15c: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "15c: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "15c: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "15c: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "15c: serves many in a row" { every_server_serves_many_in_a_row; }
@test "15c: serves netcat" { every_server_serves_netcat; }
@test "15c: has a client" { every_server_has_a_client; }
@test "15c: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "15c: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "15c: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "15c: survives a silent client" { every_server_survives_a_silent_client; }
@test "15c: survives sending without end" { every_server_survives_sending_without_end; }
@test "15c: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "15c: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "15c: no child outlives its server, and the port is free" {
    no_child_outlives_its_server
}

@test "15c: waits for its own children only" {
    waits_for_its_own_children_only
}

@test "15c: a stopped child keeps nobody from ending" {
    a_stopped_child_keeps_nobody_from_ending
}

@test "15c: children are reaped, whatever was inherited" {
    children_are_reaped_whatever_was_inherited
}

@test "15c: stops at once with clients of every kind" { concurrent_stops_with_clients_of_every_kind; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "15c: names what is wrong with the values" {
    refuses 2 '--max-children 0: not a number from 1 to 1000' serve --max-children 0
    refuses 2 '--max-children 1001: not a number from 1 to 1000' serve --max-children 1001
}

@test "15c: names what is wrong" { every_server_names_what_is_wrong; }
@test "15c: names a port in use" { every_server_names_a_port_in_use; }
@test "15c: names a privileged port" { every_server_names_a_privileged_port; }
@test "15c: has help" { every_server_has_help --host --port --max-children; }
@test "15c: the slides show what is so" { check_slides; }
