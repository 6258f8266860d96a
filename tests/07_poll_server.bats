# The mistakes that these tests catch: a send that blocks; revents compared where it ought to be masked; POLLOUT watched
# with nothing to send, or POLLIN with nothing to receive it into; a descriptor that is closed and still polled; one too few
# in poll's count; the limit of select kept; the listener polled while accept fails, or never again after that; end of file
# taken for data; a client's error that ends the server; one client that keeps the loop for itself; SIGPIPE.
load helper
load peers/every_server
load peers/concurrent
load peers/event_loop

@test "07: the demo is the same each time" { check_demo 5; }
@test "07: answers in upper case" { every_server_answers_in_upper_case; }

@test "07: says what lesson 06 says" { event_loop_says_what_lesson_06_says; }

@test "07: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "07: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "07: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "07: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "07: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "07: serves many in a row" { every_server_serves_many_in_a_row; }
@test "07: serves netcat" { every_server_serves_netcat; }
@test "07: has a client" { every_server_has_a_client; }
@test "07: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "07: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "07: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "07: survives a silent client" { every_server_survives_a_silent_client; }
@test "07: survives sending without end" { every_server_survives_sending_without_end; }
@test "07: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "07: serves many at once" { concurrent_serves_many_at_once; }
@test "07: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "07: serves beside 300 idle clients" { concurrent_serves_beside_300_idle_clients; }
@test "07: serves beside a client that never reads" { concurrent_serves_beside_a_client_that_never_reads; }
@test "07: serves beside a client that sends without end" { concurrent_serves_beside_a_client_that_sends_without_end; }
@test "07: returns every byte to a client that reads late" { concurrent_returns_every_byte_to_a_client_that_reads_late; }
@test "07: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "07: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "07: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "07: serves on while accept fails" { concurrent_serves_on_while_accept_fails; }
@test "07: stops with clients of every kind" { concurrent_stops_with_clients_of_every_kind; }
@test "07: closes every client when it stops" { event_loop_closes_every_client_when_it_stops; }

# A reset shows as POLLERR and POLLHUP beside POLLIN; a closed descriptor that is still polled shows as POLLNVAL, at once
# and for ever.
@test "07: is rid of a client that leaves and of one that resets" {
    given_a_server
    exec {ann}<> "/dev/tcp/$HOST/$PORT" {bob}<> "/dev/tcp/$HOST/$PORT" {carl}<> "/dev/tcp/$HOST/$PORT"
    local client byte
    for client in "$ann" "$bob" "$carl"; do
        printf 'x' >&"$client"
        read -r -N 1 -t "$(limit 5)" byte <&"$client"
        equal 'the reply' X "$byte"
    done
    printf 'hi' >&"$bob"
    read -r -N 1 -t "$(limit 5)" byte <&"$bob"
    exec {ann}>&- {bob}>&- # bob has not read the "I": the kernel sends a reset for him
    await 'client 1 has left'
    await 'client 2 has left'
    is_idle
    exec {carl}>&-
    stop
}

@test "07: holds 10,000 idle clients, at under 2 KiB each, and serves one more" { event_loop_holds_10000_idle_clients; }
@test "07: says so when it may open few descriptors, and serves on" { event_loop_says_so_when_few_descriptors_are_allowed; }

# The slide shows the difference between the two lessons; all else is to be the same, or the class looks at the wrong lines.
# Lesson 06 has a client's turn, and how a client comes in, in its own file; here they are in common/sockets/upper.c.
@test "07: differs from lesson 06 in the multiplexing" {
    [[ -z $SEEDED_BUG ]] || skip 'a seeded bug is a difference'
    local changed
    changed=$(diff <(without 'A client and its turn' lessons/06_select_server.c) <(without '' lessons/07_poll_server.c) | grep -c '^[<>]')
    ((changed <= 100)) || fail "$changed lines differ"
}

without() { # SECTION FILE, and without the two functions
    sed "/^.. ---- ${1:-nothing}/,/^.. ---- The server/d; /^static .* \(add\|accept_client\)(/,/^}/d" "$2"
}

@test "07: names what is wrong" { every_server_names_what_is_wrong; }
@test "07: names a port in use" { every_server_names_a_port_in_use; }
@test "07: names a privileged port" { every_server_names_a_privileged_port; }
@test "07: has help" { every_server_has_help --host --port; }

@test "07: the slides show what is so" {
    check_slides
}
