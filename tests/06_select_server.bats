# The mistakes that these tests catch: a send that blocks; an accept that blocks; the sets not made anew for each select;
# a wrong first argument of select; FD_SET past the end of a set; a write set that keeps the loop awake; end of file taken
# for data; a client's error that ends the server; one client that keeps the loop for itself; EMFILE; SIGPIPE.
load helper
load peers/every_server
load peers/concurrent
load peers/event_loop

@test "06: the demo is the same each time" { check_demo 5; }
@test "06: answers in upper case" { every_server_answers_in_upper_case; }

@test "06: says what each client has sent, as it came" {
    given_a_server
    equal 'the reply' 'HELLO' "$(ask 'Hello')"
    stop
    equal 'what was said of it' 'server | received 5 bytes from client 1: "Hello"' "$(grep received "$LOG")"
}

@test "06: serves many at once" { concurrent_serves_many_at_once; }
@test "06: gives each client its turn" { event_loop_gives_each_client_its_turn; }
@test "06: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "06: serves beside 300 idle clients" { concurrent_serves_beside_300_idle_clients; }
@test "06: serves beside a client that never reads" { concurrent_serves_beside_a_client_that_never_reads; }
@test "06: serves beside a client that sends without end" { concurrent_serves_beside_a_client_that_sends_without_end; }
@test "06: returns every byte to a client that reads late" { concurrent_returns_every_byte_to_a_client_that_reads_late; }
@test "06: sleeps while all clients wait" { UNWOKEN=1 concurrent_sleeps_while_all_clients_wait; }
@test "06: serves on while accept fails" { concurrent_serves_on_while_accept_fails; }
@test "06: stops with clients of every kind" { concurrent_stops_with_clients_of_every_kind; }
@test "06: closes every client when it stops" { event_loop_closes_every_client_when_it_stops; }

# Whoever starts it may have left so many descriptors open that the listener gets a number above FD_SETSIZE.
@test "06: names a listener that does not fit an fd_set" {
    needs_descriptors 1200
    # shellcheck disable=SC2016 # the words are for the other bash
    run limited bash -c 'ulimit -S -n 1200; for fd in {3..1099}; do eval "exec $fd< /dev/null"; done; exec "$@"' \
        bash "$PROGRAM" serve
    equal status 1 "$status"
    # shellcheck disable=SC2154 # stem is the helper's
    equal 'the last line' "$stem: descriptor 1100 does not fit an fd_set" "${lines[-1]}"
}

# FD_SETSIZE is 1024 in glibc and musl. Who comes when no lower descriptor is free is hung up on.
@test "06: refuses clients that do not fit an fd_set, and serves on" {
    needs_descriptors 1200
    given_a_server
    local room reply=
    room=$((1024 - $(find "/proc/$SERVER/fd" -type l | wc -l)))
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    hold silent "$ADDRESS" 1100
    await 'refused descriptor 1024: it does not fit'

    equal 'the reply to a client that does not fit' '' "$(printf 'hi' | peer talk "$ADDRESS" 2> /dev/null || true)"
    echo 'still in' >&"$ann"
    read -r -t "$(limit 5)" reply <&"$ann" || true
    equal 'the reply to a client that is in' 'STILL IN' "$reply"

    release
    await "client $room has left"
    serves
    peer many "$ADDRESS" 100
    exec {ann}>&-
    stop
    equal 'clients that were in before the first was refused' $room \
        "$(sed '/refused/,$d' "$LOG" | grep -c accepted)"
    equal 'clients that were refused' $((1102 - room)) "$(grep -c refused "$LOG")"
}

@test "06: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "06: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "06: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "06: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "06: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "06: serves many in a row" { every_server_serves_many_in_a_row; }
@test "06: serves netcat" { every_server_serves_netcat; }
@test "06: has a client" { every_server_has_a_client; }
@test "06: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "06: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "06: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "06: survives a silent client" { every_server_survives_a_silent_client; }
@test "06: survives sending without end" { every_server_survives_sending_without_end; }
@test "06: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "06: survives EINTR in each of its calls" { INTERRUPT=4 every_server_survives_eintr_and_short_transfers; }
@test "06: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "06: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "06: names what is wrong" { every_server_names_what_is_wrong; }
@test "06: names a port in use" { every_server_names_a_port_in_use; }
@test "06: names a privileged port" { every_server_names_a_privileged_port; }
@test "06: has help" { every_server_has_help --host --port; }
@test "06: the slides show what is so" { check_slides; }
