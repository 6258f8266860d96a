# The mistakes that these tests catch: the next client accepted when the last one has left; a thread that is given the
# address of a variable that changes; its descriptor closed by the thread that accepted; exit in a thread; ended threads
# that nobody joins; threads that nobody wakes at the end; -1 and errno expected of pthread_create; a refused thread that
# ends the server; stacks of the usual size; SIGPIPE; EMFILE.
# shellcheck disable=SC2034,SC2154 # SERVER_PROGRAM and stem are the helper's
load helper
load peers/every_server
load peers/concurrent

@test "10: the demo is the same each time" { check_demo 5; }
@test "10: answers in upper case" { every_server_answers_in_upper_case; }

# ---- Nobody waits for others -------------------------------------------------------------------------------------------

@test "10: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "10: serves beside 300 idle clients" { concurrent_serves_beside_300_idle_clients; }

@test "10: serves beside a client that never reads" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps memory for each thread that there was'
    concurrent_serves_beside_a_client_that_never_reads
}

@test "10: serves many at once" { concurrent_serves_many_at_once; }
@test "10: sleeps while all clients wait" { concurrent_sleeps_while_all_clients_wait; }
@test "10: serves on while accept fails" { concurrent_serves_on_while_accept_fails; }

# All have connected and sent before the server looks: it starts the threads in one go.
@test "10: gives each of a crowd a thread of its own" {
    given_a_server
    halt
    local client i reply
    local -a crowd
    for i in {1..50}; do
        exec {client}<> "/dev/tcp/$HOST/$PORT"
        crowd+=("$client")
        echo "client $i" >&"$client"
    done
    kill -CONT "$SERVER"
    for i in {1..50}; do
        read -r -t "$(limit 5)" reply <&"${crowd[i - 1]}" || fail "no reply to client $i" "$(grep received "$LOG")"
        equal 'the reply' "CLIENT $i" "$reply"
    done
    [[ $BUILD == */thread ]] || equal 'threads' 51 "$(threads)"
    for client in "${crowd[@]}"; do exec {client}>&-; done
    stop
    for i in {1..50}; do
        grep -q "^thread-$i | received .* from client $i: \"client $i.n\"" "$LOG" || fail "not by thread-$i" "$(cat "$LOG")"
    done
}

threads() {
    find "/proc/$SERVER/task" -mindepth 1 -maxdepth 1 | wc -l
}

@test "10: says that it is looping when nobody comes for a second, and sleeps" {
    local from=${EPOCHREALTIME/./} took
    given_a_server
    await 'server | looping: nobody came for a second'
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((took >= 1000)) || fail "a second took $took ms"
    is_idle
    serves
    stop
}

# ---- Threads that are refused, and what a thread takes -----------------------------------------------------------------

@test "10: a client for whom there is no thread is told, and the others are served on" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve
    local reply=
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    await 'accepted client 1'
    equal 'what the second client is told' 'error: the server is full, try again later' "$(ask '')"
    echo 'still in' >&"$ann"
    read -r -t "$(limit 5)" reply <&"$ann" || fail 'no reply to the first client'
    equal 'the reply to the first client' 'STILL IN' "$reply"
    serves
    exec {ann}>&-
    stop
    grep -qx 'server | no thread for client 2: Resource temporarily unavailable' "$LOG" || fail "$(cat "$LOG")"
}

# close resets the connection when something is unread. What is under way by then still arrives: here, where a send moves
# seven bytes, perhaps no more than the first of them.
@test "10: ... also one that has sent already" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=1 start serve
    local told
    told=$(limited "$PROGRAM" connect "$HOST" "$PORT" <<< 'hello' 2> /dev/null || true)
    [[ $told == 'error: '* ]] || fail "the client is told: $told"
    serves
    stop
}

# One guard page comes on top; and one thread more than there are idle clients may have its stack.
takes_for_a_client() { # KIB
    local before each
    start serve --stack "$1"
    before=$(address_space)
    hold silent "$ADDRESS" 50
    serves
    each=$((($(address_space) - before) / 50))
    ((each >= $1 && each <= $1 * 11 / 10 + 16)) || fail "with --stack $1, an idle client takes $each KiB of address space"
    stop
}

@test "10: an idle client takes the address space that --stack says" {
    needs_an_address_space_of_its_own
    takes_for_a_client 128
    takes_for_a_client 8192
}

@test "10: threads that have ended are joined, and give back their stacks" {
    needs_an_address_space_of_its_own
    local before grown
    start serve --stack 1024
    serves
    before=$(address_space)
    peer row "$ADDRESS" 100
    grown=$(($(address_space) - before))
    ((grown < 5 * 1024)) || fail "100 clients, one after the other, left $grown KiB of address space in use"
    (($(threads) <= 2)) || fail "$(threads) threads are left"
    stop
}

# ---- What every server does --------------------------------------------------------------------------------------------

@test "10: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "10: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "10: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "10: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "10: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "10: serves many in a row" { every_server_serves_many_in_a_row; }
@test "10: serves netcat" { every_server_serves_netcat; }
@test "10: has a client" { every_server_has_a_client; }
@test "10: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "10: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "10: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "10: survives a silent client" { every_server_survives_a_silent_client; }
@test "10: survives sending without end" { every_server_survives_sending_without_end; }
@test "10: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }
@test "10: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }

# ---- The end -----------------------------------------------------------------------------------------------------------

@test "10: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "10: stops at once with clients of every kind" {
    concurrent_stops_with_clients_of_every_kind
    equal 'clients that have left' 6 "$(grep -c 'has left' "$LOG")"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "10: names sizes out of range" {
    refuses 2 '--stack 31: not a number from 32 to 65536' serve --stack 31
    refuses 2 '--stack 65537: not a number from 32 to 65536' serve --stack 65537
    refuses 2 '--stack 64K: not a number from 32 to 65536' serve --stack 64K
}

@test "10: says what a stack takes" {
    start serve --stack 256
    await '^server | a thread reserves 256 KiB of stack; [0-9]* KiB unless told otherwise$'
    serves
    stop
}

@test "10: names what is wrong" { every_server_names_what_is_wrong; }
@test "10: names a port in use" { every_server_names_a_port_in_use; }
@test "10: names a privileged port" { every_server_names_a_privileged_port; }
@test "10: has help" { every_server_has_help --host --port --stack; }
@test "10: the slides show what is so" { check_slides; }
