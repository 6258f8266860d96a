# The mistakes that these tests catch: a send that blocks; EPOLLOUT watched with nothing to send; EPOLL_CTL_MOD forgotten
# when a client waits for room; the listener watched while accept fails, or never again after that, or edge-triggered with
# a queue that is not emptied; edge-triggered clients that get one turn for a report, or turns without end, or no new report
# after the last of their turns; the limit of select kept; end of file taken for data; a client's error that ends the
# server; SIGPIPE.
# shellcheck disable=SC2034,SC2153
load helper
load peers/every_server
load peers/concurrent
load peers/event_loop

edge() {
    SERVE=(serve --edge)
}

@test "08: the demo is the same each time" { check_demo 5; }
@test "08: says what lesson 06 says, and six lines more" { event_loop_says_what_lesson_06_says 6; }
@test "08: level reports what is so, edge what has changed" {
    equal 'the last lines' 'level  | "abcdef" arrives: epoll_wait reports it
level  | 3 of 6 bytes are read: epoll_wait reports it
level  | "g" arrives: epoll_wait reports it
edge   | "abcdef" arrives: epoll_wait reports it
edge   | 3 of 6 bytes are read: epoll_wait reports nothing
edge   | "g" arrives: epoll_wait reports it' "$(play | tail -n 6)"
}

# ---- Level-triggered ---------------------------------------------------------------------------------------------------

@test "08: answers in upper case" { every_server_answers_in_upper_case; }
@test "08: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "08: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "08: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "08: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "08: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "08: serves many in a row" { every_server_serves_many_in_a_row; }
@test "08: serves netcat" { every_server_serves_netcat; }
@test "08: has a client" { every_server_has_a_client; }
@test "08: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "08: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "08: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "08: survives a silent client" { every_server_survives_a_silent_client; }
@test "08: survives sending without end" { every_server_survives_sending_without_end; }
@test "08: stops with clients connected" { every_server_stops_with_clients_connected; }

# accept_clients takes 64 at once: the rest of the queue is to be reported again.
@test "08: accepts every client of a burst" {
    needs_descriptors 128
    start serve
    halt
    hold silent "$ADDRESS" 100
    kill -CONT "$SERVER"
    await 'accepted client 100'
    stop
}

@test "08: serves many at once" { concurrent_serves_many_at_once; }
@test "08: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "08: serves beside 300 idle clients" { concurrent_serves_beside_300_idle_clients; }
@test "08: serves beside a client that never reads" { concurrent_serves_beside_a_client_that_never_reads; }
@test "08: serves beside a client that sends without end" { concurrent_serves_beside_a_client_that_sends_without_end; }
@test "08: returns every byte to a client that reads late" { concurrent_returns_every_byte_to_a_client_that_reads_late; }
@test "08: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "08: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "08: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "08: serves on while accept fails" { concurrent_serves_on_while_accept_fails; }
@test "08: stops with clients of every kind" { concurrent_stops_with_clients_of_every_kind; }

# ---- Edge-triggered ----------------------------------------------------------------------------------------------------

@test "08: --edge answers in upper case" { edge; every_server_answers_in_upper_case; }
@test "08: --edge answers after a half-close" { edge; every_server_answers_after_a_half_close; }
@test "08: --edge passes a mebibyte unharmed" { edge; every_server_passes_a_mebibyte_unharmed; }
@test "08: --edge answers byte by byte" { edge; every_server_answers_byte_by_byte; }
@test "08: --edge survives an empty connection" { edge; every_server_survives_an_empty_connection; }
@test "08: --edge passes NUL bytes" { edge; every_server_passes_nul_bytes; }
@test "08: --edge serves many in a row" { edge; every_server_serves_many_in_a_row; }
@test "08: --edge survives a reset in mid-reply" { edge; every_server_survives_a_reset_in_mid_reply; }
@test "08: --edge survives a client that is gone" { edge; every_server_survives_a_client_that_is_gone; }
@test "08: --edge survives a client that stops reading" { edge; every_server_survives_a_client_that_stops_reading; }
@test "08: --edge survives a silent client" { edge; every_server_survives_a_silent_client; }
@test "08: --edge survives sending without end" { edge; every_server_survives_sending_without_end; }
@test "08: --edge survives EINTR and short transfers" { edge; every_server_survives_eintr_and_short_transfers; }
@test "08: --edge stops with clients connected" { edge; every_server_stops_with_clients_connected; }
@test "08: --edge serves many at once" { edge; concurrent_serves_many_at_once; }
@test "08: --edge serves beside a silent client" { edge; concurrent_serves_beside_a_silent_client; }
@test "08: --edge serves beside 300 idle clients" { edge; concurrent_serves_beside_300_idle_clients; }
@test "08: --edge serves beside a client that never reads" { edge; concurrent_serves_beside_a_client_that_never_reads; }
@test "08: --edge serves beside a client that sends without end" { edge; concurrent_serves_beside_a_client_that_sends_without_end; }
@test "08: --edge returns every byte to a client that reads late" { edge; concurrent_returns_every_byte_to_a_client_that_reads_late; }
@test "08: --edge sleeps while all clients wait" { edge; concurrent_sleeps_while_all_clients_wait; }
@test "08: --edge survives EMFILE without a spin" { edge; every_server_survives_emfile 16 -H; }
@test "08: --edge serves on while accept fails" { edge; concurrent_serves_on_while_accept_fails; }
@test "08: --edge stops with clients of every kind" { edge; concurrent_stops_with_clients_of_every_kind; }

@test "08: the demo is the same each time with --edge" { check_demo 3 --edge; }
@test "08: says with --edge what it says without" {
    same_story 'the demo' 'ann    | received' "$(play | neutral)" "$(play --edge | neutral)"
}

# All is there when the server wakes: forty buffers and the end of file from ann, then two bytes from bob. He has his turn
# before she has had all of hers. In /proc/net/tcp, 05 is FIN_WAIT2: ann's end of file has arrived.
@test "08: --edge gives bob a turn before ann has had all of hers" {
    start serve --edge
    mkfifo "$BATS_TEST_TMPDIR/ann"
    "$PEER" talk "$ADDRESS" < "$BATS_TEST_TMPDIR/ann" > "$BATS_TEST_TMPDIR/replies" 3>&- 4>&- &
    local ann=$! reply arrived
    exec 8> "$BATS_TEST_TMPDIR/ann"
    await 'accepted client 1' 8>&-
    exec 9<> "/dev/tcp/$HOST/$PORT"
    await 'accepted client 2' 8>&- 9>&-

    halt
    head -c 40960 /dev/zero >&8
    exec 8>&-
    arrived=$(printf '0100007F:%04X 05' "$PORT")
    until grep -q "$arrived" /proc/net/tcp; do :; done
    printf 'hi' >&9
    kill -CONT "$SERVER"

    read -r -N 2 -t "$(limit 5)" reply <&9
    equal 'the reply' HI "$reply"
    exec 9>&-
    wait "$ann"
    equal 'bytes that came back to ann' 40960 "$(wc -c < "$BATS_TEST_TMPDIR/replies")"
    stop
    equal 'the first' 'received 2 bytes from client 2' "$(grep -o -e 'received 2 bytes from client 2' -e 'client 1 has left' "$LOG" | head -n 1)"
}

# ---- Many --------------------------------------------------------------------------------------------------------------

@test "08: holds 10,000 idle clients, at under 2 KiB each, and serves one more" { event_loop_holds_10000_idle_clients; }
@test "08: --edge holds 10,000 idle clients, at under 2 KiB each, and serves one more" { edge; event_loop_holds_10000_idle_clients; }
@test "08: says so when it may open few descriptors, and serves on" { event_loop_says_so_when_few_descriptors_are_allowed; }
@test "08: --timing works with 10,000 idle clients" { event_loop_times_round_trips_beside_10000; }
@test "08: --timing fails when it cannot have so many clients" { event_loop_fails_when_it_cannot_have_so_many; }

# It is more like fifteen times; twice is what a busy machine keeps to.
@test "08: with 10,000 idle clients, makes at least twice the round trips of lesson 07" {
    needs_descriptors 10100
    local poll epoll
    read -r poll epoll <<< "$(limited "$BUILD/26_showdown" --mode echo --models poll,epoll --clients 1 --idle 10000 --seconds 0.2 --rounds 1 |
        sed -n 's/^[a-z]* *|  *\([0-9]*\) ±.*/\1/p' | paste -sd ' ')"
    ((poll > 0 && epoll >= 2 * poll)) || fail "$epoll round trips/s, and $poll in lesson 07"
}

# ---- Options -----------------------------------------------------------------------------------------------------------

@test "08: times round trips" { event_loop_times_round_trips; }
@test "08: names sizes out of range" { event_loop_names_sizes_out_of_range; }
@test "08: names what is wrong" { every_server_names_what_is_wrong; }
@test "08: names a port in use" { every_server_names_a_port_in_use; }
@test "08: names a privileged port" { every_server_names_a_privileged_port; }
@test "08: has help" { event_loop_has_help --edge; }
@test "08: --edge times round trips" { event_loop_times_round_trips --edge; }
@test "08: the slides show what is so" {
    needs_descriptors 10100
    check_slides
}
