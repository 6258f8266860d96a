# The mistakes that these tests catch: a mixin that serves in the loop all the same; threads that keep their stacks, or are not woken
# at the end; waitpid for any child; children without a parent, or zombies; a listener that the child keeps, a connection
# that the parent keeps; a child whose end is the end of others; a thread or a process that is refused; a path that is left,
# or gone too early.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # SERVER_PROGRAM and stem are the helper's
load helper
load peers/every_server
load peers/traps
load peers/concurrent
load peers/children

@test "13a: the demo is the same each time" {
    check_demo 5
    check_demo 3 --class tcp
    check_demo 3 --class forking-tcp
}

@test "13a: threading-tcp: answers in upper case" { on threading-tcp every_server_answers_in_upper_case; }

on() { # CLASS FUNCTION [WORDS...]
    SERVE=(serve --class "$1")
    "${@:2}"
}

# ---- The demo ----------------------------------------------------------------------------------------------------------

@test "13a: four clients take four units of time, or one" {
    local class units
    while read -r class units; do
        equal "what the clock says of $class" "clock  | $class: four clients, units of time: $units" "$(play --class "$class" | tail -n 2 | head -n 1)"
    done <<< 'tcp 4
unix-stream 4
threading-tcp 1
threading-unix-stream 1
forking-tcp 1
forking-unix-stream 1'
}

@test "13a: each worker is done with the client that it has begun with" {
    equal 'the workers' 'thread-1 | is done with ann
thread-2 | is done with bob
thread-3 | is done with carl
thread-4 | is done with dora' "$(play | grep 'is done')"
}

@test "13a: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 0 'server | begins with bob' --class tcp
    broken_off_by TERM 0 'thread-2 | begins with bob'
    broken_off_by TERM 0 'child-2 | begins with bob' --class forking-tcp
    broken_off_by INT 0 'child-2 | begins with bob' --class forking-unix-stream
}

answers_datagrams() { # CLASS
    start serve --class "$1"
    equal 'the reply' ONE "$(peer packets "$ADDRESS" one)"
    equal 'the reply to nothing' '' "$(peer packets "$ADDRESS" '')"
    equal 'the next reply' 'THREE 3' "$(peer packets "$ADDRESS" 'three 3')"
    [[ $ADDRESS == */* ]] ||
        equal 'connect' $'FIRST\nSECOND' "$(printf 'first\nsecond' | limited "$PROGRAM" connect --class "$1" "$HOST" "$PORT")"
    stop
}

@test "13a: threading-udp: answers datagrams" { answers_datagrams threading-udp; }
@test "13a: threading-unix-datagram: answers datagrams" { answers_datagrams threading-unix-datagram; }
@test "13a: forking-udp: answers datagrams" { answers_datagrams forking-udp; }
@test "13a: forking-unix-datagram: answers datagrams" { answers_datagrams forking-unix-datagram; }

# ---- The end -----------------------------------------------------------------------------------------------------------

stops_at_once() { # CLASS
    start serve --class "$1"
    hold silent "$ADDRESS" 3
    stops_within 1
}

@test "13a: stops at once with silent clients on the line" {
    stops_at_once tcp
    stops_at_once unix-stream
    stops_at_once threading-tcp
    stops_at_once threading-unix-stream
    stops_at_once forking-tcp
    stops_at_once forking-unix-stream
}

@test "13a: threading-tcp: stops with clients of every kind" { on threading-tcp concurrent_stops_with_clients_of_every_kind; }
@test "13a: forking-tcp: stops with clients of every kind" { on forking-tcp concurrent_stops_with_clients_of_every_kind; }

@test "13a: a path is there as long as the server, and no longer" {
    local class
    for class in threading-unix-stream forking-unix-stream threading-unix-datagram forking-unix-datagram; do
        start serve --class "$class"
        [[ -S $ADDRESS ]] || fail "$class has no socket at its path"
        stop
        [[ ! -e $ADDRESS ]] || fail "$class has left its path"
    done
}

# ---- Threads -----------------------------------------------------------------------------------------------------------

# A stack that is kept has a mapping of its own, and one beside it that guards it: proc_pid_maps(5).
@test "13a: threads that have ended give back their stacks" {
    needs_an_address_space_of_its_own
    local before grown
    start serve
    serves
    before=$(wc -l < "/proc/$SERVER/maps")
    peer row "$ADDRESS" 300
    grown=$(($(wc -l < "/proc/$SERVER/maps") - before))
    ((grown < 100)) || fail "300 clients, one after the other, left $grown mappings"
    stop
}

# ---- Processes ---------------------------------------------------------------------------------------------------------

given_processes() {
    start serve --class forking-tcp
}

# The server waits for those that have ended in each round of its loop.
@test "13a: forking-tcp: no zombie is left while it serves" {
    given_processes
    local client=()
    for _ in 1 2 3; do
        comes
        client+=("$CLIENT")
    done
    for CLIENT in "${client[@]}"; do exec {CLIENT}>&-; done
    becomes 'children that run' '' running
    comes
    becomes 'children, ended or not' "$CHILD S" children
    exec {CLIENT}>&-
    becomes 'children, though nobody comes' '' children
    stop
}

# When the first of them leaves, that is no news of the second.
@test "13a: forking-tcp: waits for each child by its pid, and ends all that are left" {
    given_processes
    comes
    local ann=$CLIENT ann_child=$CHILD left child
    comes
    left=("$CHILD")
    exec {ann}>&-
    becomes 'the child of ann' '' command_line "$ann_child"
    comes
    left+=("$CHILD")
    equal 'children' "$(printf '%s\n' "${left[@]}" | sort)" "$(running)"
    kill -TERM "$SERVER"
    timeout "$(limit 10)" tail --pid="$SERVER" -s 0.02 -f /dev/null
    for child in "${left[@]}"; do equal 'a child without its parent' '' "$(command_line "$child")"; done
    wait "$SERVER"
    SERVER=
    nothing_left
}

# The parent has closed its copy of one connection before it accepts the next: of three, only the last may still be open.
@test "13a: forking-tcp: the parent keeps the listener, a child its connection, and nobody more" {
    given_processes
    local client child=()
    for client in 1 2 3; do
        comes
        child+=("$CHILD")
    done
    (($(sockets "$SERVER") <= 2)) || fail "the parent has $(sockets "$SERVER") sockets"
    for client in "${child[@]}"; do equal 'sockets of a child' 1 "$(sockets "$client")"; done
    stop
}

@test "13a: forking-tcp: no child outlives its server, and the port is free" { on forking-tcp no_child_outlives_its_server; }
@test "13a: forking-tcp: waits for its own children only" { on forking-tcp waits_for_its_own_children_only; }
@test "13a: forking-tcp: a stopped child keeps nobody from ending" { on forking-tcp a_stopped_child_keeps_nobody_from_ending; }

@test "13a: forking-tcp: children are reaped, whatever was inherited" {
    on forking-tcp children_are_reaped_whatever_was_inherited
}

@test "13a: forking-tcp: SIGTERM to one child ends that child alone" {
    given_processes
    comes
    local ann=$CLIENT
    kill -TERM "$CHILD"
    has_end_of_file "$ann"
    comes
    says "$CLIENT" 'still here'
    stop
}

@test "13a: forking-tcp: a child that crashes takes nobody with it" {
    ulimit -S -c 0
    ASAN_OPTIONS=$ASAN_OPTIONS:handle_segv=0 TSAN_OPTIONS=$TSAN_OPTIONS:handle_segv=0 given_processes
    comes
    local ann=$CLIENT ann_child=$CHILD
    comes
    kill -SEGV "$ann_child"
    has_end_of_file "$ann"
    says "$CLIENT" 'still here'
    comes
    equal 'the child that crashed' '' "$(children | grep "^$ann_child " || true)"
    says "$CLIENT" 'here too'
    stop
}

# ---- One more is refused -----------------------------------------------------------------------------------------------

drops_the_second() { # CLASS
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve --class "$1"
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    says "$ann" hello
    exec {bob}<> "/dev/tcp/$HOST/$PORT"
    has_end_of_file "$bob"
    says "$ann" 'still in'
    serves
    exec {ann}>&- {bob}>&-
    stop
    grep -q '^server | error .*127.0.0.1:[0-9]*: Resource temporarily ' "$LOG" || fail "$(cat "$LOG")"
}

@test "13a: threading-tcp: a client for whom there is no thread is dropped, alone" { drops_the_second threading-tcp; }
@test "13a: forking-tcp: a client for whom there is no process is dropped, alone" { drops_the_second forking-tcp; }

# ---- From inside --------------------------------------------------------------------------------------------------------

@test "13a: methods are called in order in threads" { methods_are_called_in_order_in_threads; }
@test "13a: methods are called in order in children" { methods_are_called_in_order_in_children; }
@test "13a: handle request leaves no zombies" { handle_request_leaves_no_zombies; }
@test "13a: handle request ends in a full house" { handle_request_ends_in_a_full_house; }
@test "13a: mixed classes serve and leave nothing" { mixed_classes_serve_and_leave_nothing; }
@test "13a: a handler may have large locals" { a_handler_may_have_large_locals; }
@test "13a: twenty servers end at once" { twenty_servers_end_at_once; }
@test "13a: ended threads are not kept account of" { ended_threads_are_forgotten; }
@test "13a: a burst does not wait" { a_burst_does_not_wait; }
@test "13a: a full house sleeps" { a_full_house_sleeps; }
@test "13a: a full house needs no service actions" { a_full_house_needs_no_service_actions; }
@test "13a: a full house needs no descriptors" { a_full_house_needs_no_descriptors; }
@test "13a: accept that fails leaves the others served" { accept_that_fails_leaves_the_others_served; }
@test "13a: server close hangs up" { server_close_hangs_up; }
@test "13a: server close ends children whatever becomes of sigterm" { server_close_ends_children_whatever_becomes_of_sigterm; }
@test "13a: server close ends stubborn children" { server_close_ends_stubborn_children; }
@test "13a: children outlive the loop not the server" { children_outlive_the_loop_not_the_server; }
@test "13a: children are collected without sigchld" { children_are_collected_without_sigchld; }
@test "13a: server close leaves daemons alone" { server_close_leaves_daemons_alone; }
@test "13a: shutdown in a thread is allowed" { shutdown_in_a_thread_is_allowed; }
@test "13a: an unrelated child keeps its status" { an_unrelated_child_keeps_its_status; }
@test "13a: what is printed is printed once" { what_is_printed_is_printed_once; }
@test "13a: a crash takes nobody with it" { a_crash_takes_nobody_with_it; }
@test "13a: a process left behind takes no place" { a_process_left_behind_takes_no_place; }
@test "13a: a child may become another program" { a_child_may_become_another_program; }
@test "13a: server_close in a child closes its own" { server_close_in_a_child_closes_its_own; }
@test "13a: an orphan holds no port" { an_orphan_holds_no_port; }
@test "13a: a fork does not wait for a reader" { a_fork_does_not_wait_for_a_reader; }
@test "13a: handle request ends after a full house" { handle_request_ends_after_a_full_house; }
@test "13a: the last descriptor is enough" { the_last_descriptor_is_enough; }

# ---- What every server does: a thread for each client ------------------------------------------------------------------

@test "13a: threading-tcp: serves beside a silent client" { on threading-tcp concurrent_serves_beside_a_silent_client; }
@test "13a: threading-tcp: serves beside 300 idle clients" { on threading-tcp concurrent_serves_beside_300_idle_clients; }

@test "13a: threading-tcp: serves beside a client that never reads" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps memory for each thread that there was'
    on threading-tcp concurrent_serves_beside_a_client_that_never_reads
}

@test "13a: threading-tcp: serves many at once" { on threading-tcp concurrent_serves_many_at_once; }
@test "13a: threading-tcp: serves on while accept fails" { on threading-tcp concurrent_serves_on_while_accept_fails; }
@test "13a: threading-tcp: answers after a half-close" { on threading-tcp every_server_answers_after_a_half_close; }
@test "13a: threading-tcp: passes a mebibyte unharmed" { on threading-tcp every_server_passes_a_mebibyte_unharmed; }
@test "13a: threading-tcp: answers byte by byte" { on threading-tcp every_server_answers_byte_by_byte; }
@test "13a: threading-tcp: survives an empty connection" { on threading-tcp every_server_survives_an_empty_connection; }
@test "13a: threading-tcp: passes NUL bytes" { on threading-tcp every_server_passes_nul_bytes; }
@test "13a: threading-tcp: serves many in a row" { on threading-tcp every_server_serves_many_in_a_row; }
@test "13a: threading-tcp: serves netcat" { on threading-tcp every_server_serves_netcat; }
@test "13a: threading-tcp: has a client" { on threading-tcp every_server_has_a_client; }
@test "13a: threading-tcp: survives a reset in mid-reply" { on threading-tcp every_server_survives_a_reset_in_mid_reply; }
@test "13a: threading-tcp: survives a client that is gone" { on threading-tcp every_server_survives_a_client_that_is_gone; }
@test "13a: threading-tcp: survives a client that stops reading" { on threading-tcp every_server_survives_a_client_that_stops_reading; }
@test "13a: threading-tcp: survives a silent client" { on threading-tcp every_server_survives_a_silent_client; }
@test "13a: threading-tcp: survives sending without end" { on threading-tcp every_server_survives_sending_without_end; }
@test "13a: threading-tcp: survives EMFILE without a spin" { on threading-tcp every_server_survives_emfile 16 -H; }
@test "13a: threading-tcp: survives EINTR and short transfers" { on threading-tcp every_server_survives_eintr_and_short_transfers; }
@test "13a: threading-tcp: stops with clients connected" { on threading-tcp every_server_stops_with_clients_connected; }

# ---- A process for each client: 40 of them at once ---------------------------------------------------------------------

serves_40_at_once() {
    given_a_server
    peer many "$ADDRESS" 40
    stop
}

@test "13a: forking-tcp: serves beside a silent client" { on forking-tcp concurrent_serves_beside_a_silent_client; }
@test "13a: forking-tcp: serves beside a client that never reads" { on forking-tcp concurrent_serves_beside_a_client_that_never_reads; }
@test "13a: forking-tcp: serves 40 at once" { on forking-tcp serves_40_at_once; }
@test "13a: forking-tcp: answers in upper case" { on forking-tcp every_server_answers_in_upper_case; }
@test "13a: forking-tcp: answers after a half-close" { on forking-tcp every_server_answers_after_a_half_close; }
@test "13a: forking-tcp: passes a mebibyte unharmed" { on forking-tcp every_server_passes_a_mebibyte_unharmed; }
@test "13a: forking-tcp: answers byte by byte" { on forking-tcp every_server_answers_byte_by_byte; }
@test "13a: forking-tcp: survives an empty connection" { on forking-tcp every_server_survives_an_empty_connection; }
@test "13a: forking-tcp: passes NUL bytes" { on forking-tcp every_server_passes_nul_bytes; }
@test "13a: forking-tcp: serves many in a row" { on forking-tcp every_server_serves_many_in_a_row; }
@test "13a: forking-tcp: serves netcat" { on forking-tcp every_server_serves_netcat; }
@test "13a: forking-tcp: has a client" { on forking-tcp every_server_has_a_client; }
@test "13a: forking-tcp: survives a reset in mid-reply" { on forking-tcp every_server_survives_a_reset_in_mid_reply; }
@test "13a: forking-tcp: survives a client that is gone" { on forking-tcp every_server_survives_a_client_that_is_gone; }
@test "13a: forking-tcp: survives a client that stops reading" { on forking-tcp every_server_survives_a_client_that_stops_reading; }
@test "13a: forking-tcp: survives a silent client" { on forking-tcp every_server_survives_a_silent_client; }
@test "13a: forking-tcp: survives sending without end" { on forking-tcp every_server_survives_sending_without_end; }
@test "13a: forking-tcp: survives EMFILE without a spin" { on forking-tcp every_server_survives_emfile 6 -S; }
@test "13a: forking-tcp: survives EINTR and short transfers" { on forking-tcp every_server_survives_eintr_and_short_transfers; }
@test "13a: forking-tcp: stops with clients connected" { on forking-tcp every_server_stops_with_clients_connected; }

# ---- Unix sockets ------------------------------------------------------------------------------------------------------

@test "13a: threading-unix-stream: answers in upper case" { on threading-unix-stream every_server_answers_in_upper_case; }
@test "13a: threading-unix-stream: answers after a half-close" { on threading-unix-stream every_server_answers_after_a_half_close; }
@test "13a: threading-unix-stream: passes a mebibyte unharmed" { on threading-unix-stream every_server_passes_a_mebibyte_unharmed; }
@test "13a: threading-unix-stream: answers byte by byte" { on threading-unix-stream every_server_answers_byte_by_byte; }
@test "13a: threading-unix-stream: passes NUL bytes" { on threading-unix-stream every_server_passes_nul_bytes; }
@test "13a: threading-unix-stream: serves many in a row" { on threading-unix-stream every_server_serves_many_in_a_row; }
@test "13a: threading-unix-stream: serves many at once" { on threading-unix-stream concurrent_serves_many_at_once; }
@test "13a: threading-unix-stream: serves netcat" { on threading-unix-stream every_server_serves_netcat; }
@test "13a: threading-unix-stream: survives a reset in mid-reply" { on threading-unix-stream every_server_survives_a_reset_in_mid_reply; }
@test "13a: threading-unix-stream: survives a client that is gone" { on threading-unix-stream every_server_survives_a_client_that_is_gone; }
@test "13a: threading-unix-stream: stops with clients connected" { on threading-unix-stream every_server_stops_with_clients_connected; }

@test "13a: forking-unix-stream: answers in upper case" { on forking-unix-stream every_server_answers_in_upper_case; }
@test "13a: forking-unix-stream: answers after a half-close" { on forking-unix-stream every_server_answers_after_a_half_close; }
@test "13a: forking-unix-stream: passes a mebibyte unharmed" { on forking-unix-stream every_server_passes_a_mebibyte_unharmed; }
@test "13a: forking-unix-stream: answers byte by byte" { on forking-unix-stream every_server_answers_byte_by_byte; }
@test "13a: forking-unix-stream: passes NUL bytes" { on forking-unix-stream every_server_passes_nul_bytes; }
@test "13a: forking-unix-stream: serves many in a row" { on forking-unix-stream every_server_serves_many_in_a_row; }
@test "13a: forking-unix-stream: serves 40 at once" { on forking-unix-stream serves_40_at_once; }
@test "13a: forking-unix-stream: serves netcat" { on forking-unix-stream every_server_serves_netcat; }
@test "13a: forking-unix-stream: survives a reset in mid-reply" { on forking-unix-stream every_server_survives_a_reset_in_mid_reply; }
@test "13a: forking-unix-stream: survives a client that is gone" { on forking-unix-stream every_server_survives_a_client_that_is_gone; }
@test "13a: forking-unix-stream: stops with clients connected" { on forking-unix-stream every_server_stops_with_clients_connected; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "13a: names what no class is called, and what the demo does not play" {
    local which='not one of tcp, udp, unix-stream, unix-datagram'
    refuses 2 "--class threading: $which" serve --class threading
    refuses 2 "--class TCPServer: $which" --class TCPServer
    refuses 2 "--class tcp-: $which" serve --class forking-tcp-
    refuses 2 "--class '': $which" connect --class "''" 127.0.0.1 80
    refuses 2 '--class forking-udp: serves, but the demo plays over connections' --class forking-udp
}

@test "13a: names what is wrong" { every_server_names_what_is_wrong; }
@test "13a: names a port in use" { on threading-tcp every_server_names_a_port_in_use; }
@test "13a: names a privileged port" { every_server_names_a_privileged_port; }
@test "13a: has help" { every_server_has_help --class --host --port; }
@test "13a: the slides show what is so" { check_slides; }
