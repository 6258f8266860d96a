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

@test "08a: the demo is the same each time" { check_demo 5; }
@test "08a: the demo is the same each time with --edge" { check_demo 3 --edge; }
@test "08a: answers in upper case" { every_server_answers_in_upper_case; }

edge() {
    SERVE=(serve --edge)
}

@test "08a: says what lesson 06 says" { event_loop_says_what_lesson_06_says; }

# ---- Level-triggered ---------------------------------------------------------------------------------------------------

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

# accept_clients takes 64 at once: the rest of the queue is to be reported again.
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

# ---- Edge-triggered ----------------------------------------------------------------------------------------------------

@test "08a: says with --edge what it says without" {
    same_story 'the demo' 'ann    | received' "$(play | neutral)" "$(play --edge | neutral)"
}

# All is there when the server wakes: forty buffers and the end of file from ann, then two bytes from bob. He has his turn
# before she has had all of hers. In /proc/net/tcp, 05 is FIN_WAIT2: ann's end of file has arrived.
@test "08a: --edge gives bob a turn before ann has had all of hers" {
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

@test "08a: --edge answers in upper case" { edge; every_server_answers_in_upper_case; }
@test "08a: --edge answers after a half-close" { edge; every_server_answers_after_a_half_close; }
@test "08a: --edge passes a mebibyte unharmed" { edge; every_server_passes_a_mebibyte_unharmed; }
@test "08a: --edge answers byte by byte" { edge; every_server_answers_byte_by_byte; }
@test "08a: --edge survives an empty connection" { edge; every_server_survives_an_empty_connection; }
@test "08a: --edge passes NUL bytes" { edge; every_server_passes_nul_bytes; }
@test "08a: --edge serves many in a row" { edge; every_server_serves_many_in_a_row; }
@test "08a: --edge survives a reset in mid-reply" { edge; every_server_survives_a_reset_in_mid_reply; }
@test "08a: --edge survives a client that is gone" { edge; every_server_survives_a_client_that_is_gone; }
@test "08a: --edge survives a client that stops reading" { edge; every_server_survives_a_client_that_stops_reading; }
@test "08a: --edge survives a silent client" { edge; every_server_survives_a_silent_client; }
@test "08a: --edge survives sending without end" { edge; every_server_survives_sending_without_end; }
@test "08a: --edge survives EINTR and short transfers" { edge; every_server_survives_eintr_and_short_transfers; }
@test "08a: --edge stops with clients connected" { edge; every_server_stops_with_clients_connected; }
@test "08a: --edge serves many at once" { edge; concurrent_serves_many_at_once; }
@test "08a: --edge serves beside a silent client" { edge; concurrent_serves_beside_a_silent_client; }
@test "08a: --edge serves beside 300 idle clients" { edge; concurrent_serves_beside_300_idle_clients; }
@test "08a: --edge serves beside a client that never reads" { edge; concurrent_serves_beside_a_client_that_never_reads; }
@test "08a: --edge serves beside a client that sends without end" { edge; concurrent_serves_beside_a_client_that_sends_without_end; }
@test "08a: --edge returns every byte to a client that reads late" { edge; concurrent_returns_every_byte_to_a_client_that_reads_late; }
@test "08a: --edge sleeps while all clients wait" { edge; concurrent_sleeps_while_all_clients_wait; }
@test "08a: --edge survives EMFILE without a spin" { edge; every_server_survives_emfile 16 -H; }
@test "08a: --edge serves on while accept fails" { edge; concurrent_serves_on_while_accept_fails; }
@test "08a: --edge stops with clients of every kind" { edge; concurrent_stops_with_clients_of_every_kind; }

# ---- Many --------------------------------------------------------------------------------------------------------------

@test "08a: holds 10,000 idle clients, at under 2 KiB each, and serves one more" { event_loop_holds_10000_idle_clients; }
@test "08a: --edge holds 10,000 idle clients, at under 2 KiB each, and serves one more" { edge; event_loop_holds_10000_idle_clients; }
@test "08a: says so when it may open few descriptors, and serves on" { event_loop_says_so_when_few_descriptors_are_allowed; }

# It is more like fifteen times; twice is what a busy machine keeps to.
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
@test "08a: has help" { every_server_has_help --host --port --edge; }

@test "08a: the slides show what is so" {
    check_slides
}
