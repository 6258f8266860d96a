# The mistakes that these tests catch: a send that blocks; EPOLLOUT watched with nothing to send; EPOLL_CTL_MOD forgotten
# when a client waits for room; the listener watched while accept fails, or never again after that, or edge-triggered; the
# limit of select kept; end of file taken for data; a client's error that ends the server; SIGPIPE.
# shellcheck disable=SC2034,SC2153
load helper
load peers/every_server
load peers/concurrent
load peers/event_loop

@test "08a: the demo is the same each time" { check_demo 5; }
@test "08a: answers in upper case" { every_server_answers_in_upper_case; }

@test "08a: says what lesson 06 says" { event_loop_says_what_lesson_06_says; }

# ---- What every server does ---------------------------------------------------------------------------------------------------

@test "08a: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "08a: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "08a: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "08a: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "08a: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "08a: serves many in a row" { every_server_serves_many_in_a_row; }
@test "08a: serves netcat" { every_server_serves_netcat; }
@test "08a: has a client" { every_server_has_a_client; }
@test "08a: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "08a: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "08a: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "08a: survives a silent client" { every_server_survives_a_silent_client; }
@test "08a: survives sending without end" { every_server_survives_sending_without_end; }
@test "08a: stops with clients connected" { every_server_stops_with_clients_connected; }

# One is accepted for a report: the rest of the queue is to be reported again.
@test "08a: accepts every client of a burst" {
    needs_descriptors 128
    start serve
    halt
    hold silent "$ADDRESS" 100
    kill -CONT "$SERVER"
    await 'accepted client 100'
    stop
}

@test "08a: serves many at once" { concurrent_serves_many_at_once; }
@test "08a: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "08a: serves beside 300 idle clients" { concurrent_serves_beside_300_idle_clients; }
@test "08a: serves beside a client that never reads" { concurrent_serves_beside_a_client_that_never_reads; }
@test "08a: serves beside a client that sends without end" { concurrent_serves_beside_a_client_that_sends_without_end; }
@test "08a: returns every byte to a client that reads late" { concurrent_returns_every_byte_to_a_client_that_reads_late; }
@test "08a: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "08a: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "08a: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "08a: serves on while accept fails" { concurrent_serves_on_while_accept_fails; }
@test "08a: stops with clients of every kind" { concurrent_stops_with_clients_of_every_kind; }
@test "08a: closes every client when it stops" { event_loop_closes_every_client_when_it_stops; }

# ---- Many --------------------------------------------------------------------------------------------------------------

@test "08a: holds 10,000 idle clients, at under 2 KiB each, and serves one more" { event_loop_holds_10000_idle_clients; }

# It is more like fifteen times; twice is what a busy machine keeps to. What is compared with it is 07_poll_server.
@test "08a: with 10,000 idle clients, makes at least twice the round trips of lesson 07" {
    needs_descriptors 10100
    local poll epoll
    read -r poll epoll <<< "$(timeout -k 1 "$(limit 40)" "$BUILD/26a_showdown" --mode echo --models poll,epoll --clients 1 --idle 10000 --rounds 1 |
        sed -n 's/^[a-z]* *| *[0-9]* *\([0-9]*\) ±.*/\1/p' | paste -sd ' ')"
    ((poll > 0 && epoll >= 2 * poll)) || fail "$epoll round trips/s, and $poll in lesson 07"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "08a: names what is wrong" { every_server_names_what_is_wrong; }
@test "08a: names a port in use" { every_server_names_a_port_in_use; }
@test "08a: names a privileged port" { every_server_names_a_privileged_port; }
@test "08a: has help" { every_server_has_help --host --port; }

@test "08a: the slides show what is so" { check_slides; }
