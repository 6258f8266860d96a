# The mistakes that these tests catch: a worker that is not replaced, or again and again without a pause; a signal that stands
# for two ends, and one of them is overlooked; waitpid for any child; a worker that hangs up on the socket that is everybody's,
# or keeps the parent's handlers; workers that outlive the parent; a fork that fails and ends the server; EMFILE; a
# connection that is not closed.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # each test is a subshell; stem and SERVER_PROGRAM are the helper's
load helper
load peers/every_server
load peers/concurrent
load peers/children
load peers/prefork

@test "25a: the demo is the same each time" { check_demo 5; }
@test "25a: the demo with --kill is the same each time" { check_demo 5 --kill; }
@test "25a: answers in upper case" { every_server_answers_in_upper_case; }

SERVE=(serve --workers 4)

# ---- The pool --------------------------------------------------------------------------------------------------------

@test "25a: the workers are there before the clients, as many as were asked for" {
    start serve --workers 7
    becomes 'workers' 7 how_many
    local before
    before=$(workers)
    peer row "$ADDRESS" 50
    equal 'workers after 50 clients' "$before" "$(workers)"
    equal 'clients' 50 "$(lines_with accepted)"
    stop
}

@test "25a: one worker serves one client after another" {
    start serve --workers 1
    peer row "$ADDRESS" 5
    equal 'lines of the worker' 5 "$(lines_with '^worker-1 | accepted client')"
    comes
    local ann=$CLIENT
    connects
    echo 'me too' >&"$CLIENT"
    says "$ann" 'still here'
    equal 'clients that were accepted' 6 "$(lines_with accepted)"
    exec {ann}>&-
    hears "$CLIENT" 'ME TOO'
    stop
}

@test "25a: a worker that is free takes the next client" {
    start serve --workers 3
    comes
    local ann=$CLIENT ann_worker=$WORKER
    comes
    comes
    connects
    echo waits >&"$CLIENT"
    says "$ann" 'still here'
    equal 'clients that were accepted' 3 "$(lines_with accepted)"
    exec {ann}>&-
    hears "$CLIENT" WAITS
    equal 'who serves the fourth' "$ann_worker" "$(connected | sed 's/ .*//' | grep -x "$ann_worker")"
    stop
}

# A worker that sleeps after its client has left sleeps in accept. Whoever is woken for nothing goes to sleep once more.
switches_of_all_but() { # PID
    local pid
    for pid in $(workers | grep -vx "$1"); do
        echo "$pid $(sed -n 's/^voluntary_ctxt_switches://p' "/proc/$pid/status")"
    done
}

all_sleep() {
    children | grep -qv ' S$' || echo yes
}

@test "25a: a client wakes one of the workers that wait in accept, and no other" {
    start "${SERVE[@]}"
    local before client clients=()
    for client in 1 2 3 4; do
        comes
        clients+=("$CLIENT")
    done
    for CLIENT in "${clients[@]}"; do exec {CLIENT}>&-; done
    for client in 1 2 3 4; do await "client $client has left"; done
    becomes 'all workers sleep' yes all_sleep
    before=$(switches_of_all_but nobody)
    comes
    equal 'how often the others have gone to sleep' "$(grep -v "^$WORKER " <<< "$before")" "$(switches_of_all_but "$WORKER")"
    stop
}

@test "25a: the parent holds the listening socket and no client, a worker both" {
    start serve --workers 2
    comes
    equal 'sockets of the parent' 1 "$(sockets "$SERVER")"
    equal 'sockets of the worker' 2 "$(sockets "$WORKER")"
    stop
}

# ---- What every server does ------------------------------------------------------------------------------------------

@test "25a: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "25a: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "25a: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "25a: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "25a: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "25a: serves many in a row" { every_server_serves_many_in_a_row; }
@test "25a: serves netcat" { every_server_serves_netcat; }
@test "25a: has a client" { every_server_has_a_client; }
@test "25a: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "25a: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "25a: survives a silent client" { every_server_survives_a_silent_client; }
@test "25a: survives sending without end" { every_server_survives_sending_without_end; }
@test "25a: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "25a: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "25a: serves many at once, as many as there are workers" {
    SERVE=(serve --workers 100)
    concurrent_serves_many_at_once
}

@test "25a: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "25a: serves beside a client that never reads" { concurrent_serves_beside_a_client_that_never_reads; }
@test "25a: serves beside a client that sends without end" { concurrent_serves_beside_a_client_that_sends_without_end; }
@test "25a: returns every byte to a client that reads late" { concurrent_returns_every_byte_to_a_client_that_reads_late; }

# ---- Workers that die ------------------------------------------------------------------------------------------------

@test "25a: a worker that is killed takes its client along, and is replaced" { dies_and_is_replaced KILL; }
@test "25a: SIGTERM to one worker ends that one alone, and it is replaced" { dies_and_is_replaced TERM; }

@test "25a: whoever is served by another worker notices nothing" {
    start "${SERVE[@]}"
    comes
    local ann_worker=$WORKER
    comes
    kill -KILL "$ann_worker"
    says "$CLIENT" 'still here'
    await 'worker-1 was killed'
    says "$CLIENT" 'and now?'
    stop
}

# One SIGCHLD for two ends: the second signal of a kind that comes before the first was seen is no second one.
@test "25a: two workers that end at the same time are both replaced, and no zombie stays" {
    start "${SERVE[@]}"
    comes
    local ann_worker=$WORKER
    comes
    halt
    kill -KILL "$ann_worker" "$WORKER"
    becomes 'zombies' "$(printf '%s\n' "$ann_worker" "$WORKER" | sort)" zombies
    kill -CONT "$SERVER"
    becomes 'workers' 4 how_many
    equal 'zombies' '' "$(zombies)"
    serves
    stop
}

@test "25a: a client that waits is served by the worker that takes the place of a dead one" {
    start serve --workers 1
    comes
    connects
    echo 'me too' >&"$CLIENT"
    kill -KILL "$WORKER"
    hears "$CLIENT" 'ME TOO'
    stop
}

@test "25a: whoever waits is served, although SIGTERM has ended a worker" {
    start serve --workers 2
    comes
    kill -TERM "$WORKER"
    await 'worker-1 was killed by signal 15'
    peer row "$ADDRESS" 10
    stop
}

@test "25a: idle workers that are killed, all of them, are replaced" {
    start "${SERVE[@]}"
    becomes 'workers' 4 how_many
    to_every_worker KILL
    await 'the next worker starts in 100 ms'
    serves
    becomes 'workers' 4 how_many
    equal 'workers that were killed' 4 "$(lines_with '^server | a worker was killed by signal 9')"
    stop
}

@test "25a: a worker that was stopped by a signal does not keep the server from ending" {
    start "${SERVE[@]}"
    becomes 'workers' 4 how_many
    to_every_worker STOP
    stop
}

# What exec keeps: a child from before, which somebody else may want to wait for.
@test "25a: waits for its own workers only" {
    SERVER_PROGRAM=$BATS_TEST_TMPDIR/with_a_child
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n: &\nexec %q "$@"\n' "$PROGRAM" > "$SERVER_PROGRAM"
    chmod +x "$SERVER_PROGRAM"
    start serve --workers 1
    becomes 'how many other children have ended' 1 eval 'zombies | wc -l'
    local other
    other=$(zombies)
    comes
    kill -KILL "$WORKER"
    await 'worker-1 was killed'
    serves
    equal 'who is not waited for' "$other" "$(zombies)"
    equal 'ends that the server speaks of' 1 "$(lines_with 'server | .*\(killed\|ended\)')"
    stop
}

# Whoever starts it may have ignored or blocked SIGCHLD, without which the parent would not hear of it.
@test "25a: a worker is replaced, whatever was inherited" {
    local how
    for how in ignore block; do
        SERVER_PROGRAM=$BUILD/peers/inherit start "$how" SIGCHLD "$PROGRAM" "${SERVE[@]}"
        comes
        kill -KILL "$WORKER"
        await 'server | worker-1 was killed by signal 9'
        becomes 'workers' 4 how_many
        serves
        stop
    done
}

@test "25a: no worker outlives its parent, and the port is free" {
    start "${SERVE[@]}"
    comes
    becomes 'workers' 4 how_many
    local left end=$((SECONDS + $(limit 5)))
    mapfile -t left < <(workers | sed 's|.*|/proc/&/cmdline|')
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    alive() { grep -ls . "${left[@]}" | grep -o '[0-9]*' || true; }
    until [[ -z $(alive) ]] || ((SECONDS > end)); do :; done
    # shellcheck disable=SC2046 # a word for each
    [[ -z $(alive) ]] || ! kill -KILL $(alive) || fail 'workers have outlived their parent'
    start serve --port "$PORT"
    serves
    stop
}

@test "25a: nobody is left when the parent of a demo is killed" { broken_off_by KILL 137 'carl   | waits'; }

# ---- Workers that die at once ----------------------------------------------------------------------------------------

@test "25a: workers that die at once, again and again, are not started in a spin; the pause grows and is announced" {
    # and a server stops in a pause as ever
    local ms
    start serve --workers 1
    for ms in 100 200 400; do
        becomes 'workers' 1 how_many
        to_every_worker KILL
        await "the next worker starts in $ms ms"
    done
    is_idle
    stop
}

@test "25a: clients wait as long as no worker lives, and are served then" {
    start serve --workers 1
    becomes 'workers' 1 how_many
    to_every_worker KILL
    await 'the next worker starts in 100 ms'
    serves
    equal 'pauses' 1 "$(lines_with 'the next worker starts')"
    stop
}

@test "25a: a process that is refused is announced, and started later" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=3 start "${SERVE[@]}"
    await 'server | the next worker starts in 100 ms'
    becomes 'workers' 4 how_many
    equal 'what the server says' 'server | fork: Resource temporarily unavailable' "$(grep fork "$LOG")"
    serves
    stop
}

@test "25a: a process that is refused is announced, also when it should replace another" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve --workers 1
    comes
    kill -KILL "$WORKER"
    await 'server | fork: Resource temporarily unavailable'
    serves
    stop
}

@test "25a: a demo without a process for its clients fails with one line" {
    run env REFUSE=1 timeout -k 1 "$(limit 15)" "$BUILD/flaky/$stem"
    equal 'status' 1 "$status"
    equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
}

@test "25a: nobody waits while a worker is free" {
    start "${SERVE[@]}"
    hold silent "$ADDRESS" 3
    peer row "$ADDRESS" 50
    stop
}

# ---- A bad day -------------------------------------------------------------------------------------------------------

# A worker that waits in accept has the number for its next client already: the accept after that one fails.
survives_emfile_in_the_workers() {
    start "${SERVE[@]}"
    becomes 'workers' 4 how_many
    limit_every_worker 3
    serves
    await '^server | accept: .* tries again until it can'
    hold silent "$ADDRESS" 8
    is_idle
    limit_every_worker 64
    release
    serves
    stop
}

@test "25a: survives EMFILE without a spin" { survives_emfile_in_the_workers; }
@test "25a: survives a client that is gone" { survives_a_client_that_is_gone; }

@test "25a: stops at any moment" { stops_at_any_moment; }

@test "25a: stops with clients of every kind, and with more than there are workers" {
    start "${SERVE[@]}"
    hold silent "$ADDRESS" 3
    hold stall "$ADDRESS"
    hold silent "$ADDRESS" 3
    stop
}

@test "25a: stops at once with clients of every kind" {
    SERVE=(serve --workers 6)
    concurrent_stops_with_clients_of_every_kind
}

# ---- The demo --------------------------------------------------------------------------------------------------------

who_served_whom() { # [OPTION...]
    play "$@" | sed -n 's/^worker-\(.*\) | accepted client /\1-/p' | paste -sd ' '
}

@test "25a: the demo shows who was served by whom" {
    equal 'who served whom' '1-1 2-2 1-3' "$(who_served_whom)"
    equal 'who served whom, with --kill' '1-1 2-2 3-3' "$(who_served_whom --kill)"
}

@test "25a: SIGTERM in the middle of a demo leaves nobody, status 0" {
    broken_off_by TERM 0 'carl   | waits'
    equal 'the last line' 'server | stopped' "$(tail -n 1 "$AFTER")"
}

# ---- Options ---------------------------------------------------------------------------------------------------------

@test "25a: two hundred workers, and all of them end" {
    start serve --workers 200
    becomes 'workers' 200 how_many
    serves
    stop
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "25a: names a port in use" { every_server_names_a_port_in_use; }

@test "25a: names sizes out of range" {
    refuses 2 '--workers 0: not a number from 1 to 1000' serve --workers 0
    refuses 2 '--workers 1001: not a number from 1 to 1000' serve --workers 1001
    refuses 2 '--workers 5: the demo has 2' --workers 5
    refuses 2 '--kill=yes: takes no value' serve --kill=yes
}

@test "25a: names what is wrong" { every_server_names_what_is_wrong; }
@test "25a: names a privileged port" { every_server_names_a_privileged_port; }
@test "25a: has help" { every_server_has_help --host --port --workers --kill; }
@test "25a: the slides show what is so" { check_slides; }
