# The mistakes that these tests catch: one of the sockets without the option; a worker that accepts at the socket of another, or
# whose queue ends with it; a worker that is not replaced; a second server that should not join, or should and does not.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # each test is a subshell; stem and SERVER_PROGRAM are the helper's
load helper
load peers/every_server
load peers/children
load peers/prefork

@test "25b: the demo is the same each time" { check_demo 5; }

SERVE=(serve --workers 4)

# ---- A socket for each worker ----------------------------------------------------------------------------------------

@test "25b: there are as many listening sockets as workers, and each worker has its own" {
    start serve --workers 3
    becomes 'workers' 3 how_many
    equal 'sockets of the parent' 3 "$(sockets "$SERVER")"
    becomes 'sockets of the workers' 3 eval 'sockets_of_workers | wc -l'
    equal 'sockets, each once' 3 "$(sockets_of_workers | sed 's/.* //' | sort -u | wc -l)"
    stop
}

@test "25b: a worker that is killed is replaced" { dies_and_is_replaced KILL; }
@test "25b: SIGTERM ends one worker alone" { dies_and_is_replaced TERM; }

# A client with no reply while others are served, and have left: it is queued at the socket of the only worker that is busy.
waits_for_a_busy_worker() {
    start serve --workers 2
    becomes 'workers' 2 how_many
    comes
    ANN=$CLIENT BUSY=$WORKER
    for _ in {1..200}; do
        connects
        echo hello >&"$CLIENT"
        becomes 'it is accepted, or it is queued' yes accepted_or_queued
        (($(queued) == 0)) || return 0
        hears "$CLIENT" HELLO
        exec {CLIENT}>&-
        becomes 'connections of the other worker' '' busy_but "$BUSY"
    done
    fail 'no client came to the busy worker'
}

# The clients that are queued at the server's sockets: proc_net_tcp(5), the rx_queue of a listening socket.
queued() {
    local sum=0 line
    while read -r line; do sum=$((sum + 16#$line)); done < <(awk -v port=":$(printf '%04X' "$PORT")$" \
        '$2 ~ port && $4 == "0A" { print substr($5, 10) }' /proc/net/tcp)
    echo "$sum"
}

accepted_or_queued() {
    if [[ $(busy_but "$BUSY") ]] || (($(queued) > 0)); then echo yes; fi
}

@test "25b: a client waits for its busy worker, while another is free" {
    waits_for_a_busy_worker
    equal 'workers with a client' 1 "$(connected | wc -l)"
    says "$ANN" 'still here'
    exec {ANN}>&-
    hears "$CLIENT" HELLO
    stop
}

@test "25b: what is queued at the socket of a worker that dies waits for the next one" {
    waits_for_a_busy_worker
    kill -KILL "$BUSY"
    has_end_of_file "$ANN"
    hears "$CLIENT" HELLO
    stop
}

# That all 40 come to the same one of the two happens once in 500,000,000,000 times.
@test "25b: a second server may join, and gets its share; not one without the option" {
    start "${SERVE[@]}"
    local first=$SERVER first_log=$LOG first_drain=$DRAIN status=0 here there
    run limited "$BUILD/25a_prefork_server" serve --port "$PORT"
    equal 'without the option' "1 25a_prefork_server: bind 127.0.0.1:$PORT: Address already in use" \
        "$status $(in_glibc_words "$output")"
    start "${SERVE[@]}" --port "$PORT"
    peer row "$ADDRESS" 40
    there=$(lines_with accepted)
    kill -TERM "$first"
    status=0
    wait "$first" || status=$?
    wait "$first_drain"
    equal 'status of the first' 0 "$status"
    stop
    here=$(grep -c accepted "$first_log")
    equal 'clients of both' 40 $((here + there))
    ((here > 0 && there > 0)) || fail "the first served $here clients, the second $there"
}

# ---- A bad day -------------------------------------------------------------------------------------------------------

@test "25b: survives a client that is gone" { survives_a_client_that_is_gone; }
@test "25b: stops at any moment" { stops_at_any_moment; }

@test "25b: a process that is refused is announced, and started later" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=3 start "${SERVE[@]}"
    await 'server | the next worker starts in 100 ms'
    becomes 'workers' 4 how_many
    stop
}

# ---- The demo --------------------------------------------------------------------------------------------------------

@test "25b: SIGTERM in the middle of a demo leaves nobody, status 0" {
    broken_off_by TERM 0 'bob    | is queued'
    equal 'the last line' 'server | stopped' "$(tail -n 1 "$AFTER")"
}

@test "25b: nobody is left when the parent of a demo is killed" { broken_off_by KILL 137 'bob    | is queued'; }

# ---- What every server does: as long as no client stays, because the next one might come to the same worker ------------

@test "25b: serves polite clients" {
    every_server_answers_in_upper_case
    every_server_answers_after_a_half_close
    every_server_passes_a_mebibyte_unharmed
    every_server_answers_byte_by_byte
    every_server_survives_an_empty_connection
    every_server_passes_nul_bytes
    every_server_serves_many_in_a_row
    every_server_has_a_client
}

@test "25b: survives rude clients" {
    every_server_survives_a_reset_in_mid_reply
    every_server_survives_a_client_that_stops_reading
    every_server_survives_a_silent_client
    every_server_survives_sending_without_end
    every_server_stops_with_clients_connected
}

@test "25b: serves netcat" { every_server_serves_netcat; }
@test "25b: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "25b: names a port that is in use without the option" {
    SERVER_PROGRAM=$BUILD/25a_prefork_server start serve
    refuses 1 "bind 127.0.0.1:$PORT: Address already in use" serve --port "$PORT"
    stop
}

@test "25b: names sizes out of range" {
    refuses 2 '--workers 0: not a number from 1 to 1000' serve --workers 0
    refuses 2 '--workers 1001: not a number from 1 to 1000' serve --workers 1001
}

@test "25b: names what is wrong" { every_server_names_what_is_wrong; }
@test "25b: names a privileged port" { every_server_names_a_privileged_port; }
@test "25b: has help" { every_server_has_help --host --port --workers; }
@test "25b: the slides show what is so" { check_slides; }
