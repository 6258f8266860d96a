# The mistakes that these tests catch: shutdown that waits for its own thread; a main thread that waits for a signal which
# another thread gets; a signal that is lost because nobody was waiting yet.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154
load helper
load peers/every_server
load peers/concurrent

@test "14c: the demo is the same each time" { check_demo 5; }
@test "14c: answers in upper case" { every_server_answers_in_upper_case; }

# The lines of one part of the demo: after "main   | TITLE...", up to the next line of main.
part() { # TITLE
    play | awk -v title="main   | $1" '/^main / { on = index($0, title) == 1; next } on'
}

@test "14c: a handler that the loop calls may not call shutdown: it is told so, and the server goes on" {
    equal 'a TCPServer' 'ann    | sends "shutdown"
loop   | received "shutdown"
ann    | received "refused, EDEADLK"
bob    | sends "still there?"
loop   | received "still there?"
bob    | received "still there?"' "$(part 'a TCPServer')"
}

@test "14c: a handler with a thread of its own may" {
    equal 'a ThreadingTCPServer' 'ann    | sends "shutdown"
thread-1 | received "shutdown"
ann    | received "the loop has ended"' "$(part 'a ThreadingTCPServer')"
}

@test "14c: a signal that a handler's thread gets rings main's bell, also before main waits there" {
    equal 'the end of the demo' 'ann    | sends "signal"
thread-1 | received "signal"
thread-1 | raises SIGTERM
ann    | is hung up on
main   | the bell has rung: shutdown, join, server_close' "$(play | tail -n 5)"
}

# Waits until the server has ended by itself, and leaves nothing behind.
ends() { # LAST LINES
    local status=0 server=$SERVER
    timeout "$(limit 10)" tail --pid="$server" -s 0.02 -f /dev/null || fail 'the server did not end'
    SERVER=
    wait "$server" || status=$?
    wait "$DRAIN"
    equal 'status of the server' 0 "$status"
    equal 'errors of the server' '' "$(cat "$LOG.errors")"
    equal 'last lines of the server' "$1" "$(grep -v 'has left' "$LOG" | tail -n "$(wc -l <<< "$1")")"
    release
    nothing_left
}

# ---- serve: the loop in the background, the main thread waits for a signal ---------------------------------------------

@test "14c: serve: three clients, and five threads" {
    given_a_server
    hold silent "$ADDRESS" 3
    await 'accepted client 3'
    [[ $BUILD == */thread ]] || equal 'threads' 5 "$(find "/proc/$SERVER/task" -mindepth 1 -maxdepth 1 | wc -l)"
    serves
    stop
}

# The thread of a client gets SIGPIPE when nobody reads what it says, and not the main thread.
@test "14c: serve: stops for a signal that another thread gets" {
    mkfifo "$BATS_TEST_TMPDIR/says"
    timeout -k 1 "$(limit 5)" "$PROGRAM" serve > "$BATS_TEST_TMPDIR/says" 2>&1 3>&- 4>&- &
    local server=$! line='' status=0
    read -r line < "$BATS_TEST_TMPDIR/says"
    limited "$PROGRAM" connect 127.0.0.1 "${line##*:}" <<< 'is anybody there?' 2> /dev/null || true
    wait "$server" || status=$?
    equal 'status of the server' 0 "$status"
}

@test "14c: serve: stops for SIGINT too" {
    start serve
    kill -INT "$SERVER"
    ends 'server | stopped'
}

@test "14c: serve: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "14c: serve: stops at once with clients of every kind" {
    concurrent_stops_with_clients_of_every_kind
    equal 'clients that have left' 6 "$(grep -c 'has left' "$LOG")"
}

@test "14c: serve: without a thread for the loop it ends, and says why" {
    run env REFUSE=1 timeout -k 1 "$(limit 5)" "$BUILD/flaky/$stem" serve
    equal status 1 "$status"
    equal 'message' "$stem: pthread_create: Resource temporarily unavailable" "${lines[1]}"
}

@test "14c: serve: without a thread for a client it serves on" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve
    equal 'the reply to the first client' '' "$(ask '')"
    serves
    stop
    grep -q '^server | error serving 127.0.0.1:[0-9]*: ' "$LOG" || fail "$(cat "$LOG")"
}

@test "14c: serve: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }

@test "14c: serve: serves beside a client that never reads" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps memory for each thread that there was'
    concurrent_serves_beside_a_client_that_never_reads
}

@test "14c: serve: serves many at once" { concurrent_serves_many_at_once; }
@test "14c: serve: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "14c: serve: serves on while accept fails" { concurrent_serves_on_while_accept_fails; }

# ---- What every server does --------------------------------------------------------------------------------------------

@test "14c: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "14c: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "14c: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "14c: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "14c: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "14c: serves many in a row" { every_server_serves_many_in_a_row; }
@test "14c: serves netcat" { every_server_serves_netcat; }
@test "14c: has a client" { every_server_has_a_client; }
@test "14c: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "14c: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "14c: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "14c: survives a silent client" { every_server_survives_a_silent_client; }
@test "14c: survives sending without end" { every_server_survives_sending_without_end; }
@test "14c: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "14c: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "14c: names what is wrong" { every_server_names_what_is_wrong; }
@test "14c: names a port in use" { every_server_names_a_port_in_use; }
@test "14c: names a privileged port" { every_server_names_a_privileged_port; }
@test "14c: has help" { every_server_has_help --host --port; }
@test "14c: the slides show what is so" { check_slides; }
