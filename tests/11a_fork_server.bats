# The mistakes that these tests catch: a descriptor that parent or child does not close, or closes for both; a child that
# returns into the accept loop, or keeps the handlers of its parent, which hang up for all; zombies; waitpid for any child; a
# fork that fails and is not noticed; children that outlive the server; a child whose end is the end of others; EMFILE; SIGPIPE.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # each test is a subshell; stem and SERVER_PROGRAM are the helper's
load helper
load peers/every_server
load peers/concurrent
load peers/children

@test "11a: the demo is the same each time" { check_demo 5; }
@test "11a: the demo with --keep-open is the same each time" { check_demo 5 --keep-open; }
@test "11a: answers in upper case" { every_server_answers_in_upper_case; }

# Prints the inodes of the sockets that are bound to the server's port and in this state. proc_net_tcp(5)
inodes() { # STATE
    awk -v port=":$(printf '%04X' "$PORT")$" -v state="$1" '$2 ~ port && $4 == state { print $10 }' /proc/net/tcp
}

listening=0A half_closed=08

# ---- A process for each client ---------------------------------------------------------------------------------------

@test "11a: a process ends with its client" {
    start serve
    comes
    exec {CLIENT}>&-
    await 'child-1 | client 1 has left'
    becomes 'the process of a client that has left' '' command_line "$CHILD"
    stop
}

# When the first of them leaves, that is no news of the second.
@test "11a: waits for each child by its pid, and ends all that are left" {
    start serve
    comes
    local ann=$CLIENT ann_child=$CHILD child
    comes
    local left=("$CHILD")
    exec {ann}>&-
    becomes 'the child of ann' '' command_line "$ann_child"
    comes
    left+=("$CHILD")
    equal 'children' "$(printf '%s\n' "${left[@]}" | sort)" "$(running)"
    kill -TERM "$SERVER"
    timeout "$(limit 10)" tail --pid="$SERVER" -s 0.02 -f /dev/null
    for child in "${left[@]}"; do equal 'a child without its parent' '' "$(command_line "$child")"; done
    wait "$SERVER" "$DRAIN"
    SERVER=
    nothing_left
}

@test "11a: SIGTERM to one child ends that child alone" {
    start serve
    comes
    local ann=$CLIENT ann_child=$CHILD
    comes
    kill -TERM "$ann_child"
    has_end_of_file "$ann"
    becomes 'the child of ann' '' command_line "$ann_child"
    says "$CLIENT" 'still here'
    comes
    stop
}

# ---- Zombies ---------------------------------------------------------------------------------------------------------

three_clients_come_and_leave() {
    local client=()
    for _ in 1 2 3; do
        comes
        client+=("$CLIENT")
    done
    for CLIENT in "${client[@]}"; do exec {CLIENT}>&-; done
    becomes 'children that run' '' running
}

# The server reaps in each round of its loop, before it accepts; a round comes with a client, or with the second that is over.
@test "11a: no zombie stays" {
    start serve
    three_clients_come_and_leave
    comes
    equal 'zombies' '' "$(zombies)"
    exec {CLIENT}>&-
    becomes 'children' '' children
    stop
}

# ---- Whose copy of which descriptor ----------------------------------------------------------------------------------

# The server has closed its copy of one connection before it accepts the next: of three, only the last may still be open.
@test "11a: the parent keeps the listener, a child its connection, and nobody more" {
    start serve
    local client child=()
    for client in 1 2 3; do
        comes
        child[client]=$CHILD
    done
    (($(sockets "$SERVER") <= 2)) || fail "the parent has $(sockets "$SERVER") sockets"
    for client in 1 2 3; do
        equal "sockets of child $client" 1 "$(sockets "${child[client]}")"
        equal "the listener in child $client" '' "$(find "/proc/${child[client]}/fd" -lname "socket:\[$(inodes $listening)\]")"
    done
    stop
}

@test "11a: with --keep-open all have the listener, and each connection that came before" {
    start serve --keep-open
    local client
    for client in 1 2 3; do
        comes
        equal "sockets of child $client" $((1 + client)) "$(sockets "$CHILD")"
    done
    equal 'sockets of the parent' 4 "$(sockets "$SERVER")"
    stop
}

@test "11a: with --keep-open the child has ended, and its client has no end of file" {
    start serve --keep-open
    timeout "$(limit 15)" "$PEER" talk "$ADDRESS" > "$BATS_TEST_TMPDIR/ann" <<< hello 3>&- 4>&- &
    local ann=$!
    await 'child-1 | client 1 has left'
    becomes 'the process of ann' '' running
    equal 'connections that the client has closed and the server has not' 1 "$(inodes $half_closed | wc -l)"
    kill -0 "$ann" || fail 'ann has her end of file'
    stop
    wait "$ann" # with the server its copy has gone
    equal 'the reply' HELLO "$(cat "$BATS_TEST_TMPDIR/ann")"
}

@test "11a: with --keep-open the demo has the end of file when the parent has closed its copy" {
    local after
    after=$(play --keep-open | sed '1,/closes its own copy too/d')
    equal 'after that line' 'ann    | has it' "$(head -n 1 <<< "$after")"
    equal 'before that line' '' "$(play --keep-open | sed '/closes its own copy too/q' | grep 'has it' || true)"
}

@test "11a: the clients that are in cost the parent no descriptor" {
    limit_descriptors 16
    given_a_server
    hold silent "$ADDRESS" 40
    serves
    stop
    equal 'complaints' '' "$(grep accept: "$LOG" || true)"
}

@test "11a: with --keep-open the parent runs out of descriptors, and still stops cleanly" {
    limit_descriptors 16
    start serve --keep-open
    hold silent "$ADDRESS" 16
    await 'accept: .* tries again until it can'
    stop
}

@test "11a: no child outlives its server, and the port is free" { no_child_outlives_its_server; }
@test "11a: waits for its own children only" { waits_for_its_own_children_only; }
@test "11a: a stopped child keeps nobody from ending" { a_stopped_child_keeps_nobody_from_ending; }
@test "11a: children are reaped, whatever was inherited" { children_are_reaped_whatever_was_inherited; }

@test "11a: with --keep-open the port is taken as long as a child has its copy" {
    start serve --keep-open
    comes
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    refuses 1 "bind 127.0.0.1:$PORT: Address already in use" serve --port "$PORT"
    kill "$CHILD"
    becomes 'the orphan' '' command_line "$CHILD"
    start serve --port "$PORT"
    stop
}

# ---- Each on its own -------------------------------------------------------------------------------------------------

@test "11a: a child that is killed takes nobody with it" {
    start serve
    comes
    local ann=$CLIENT ann_child=$CHILD
    comes
    kill -KILL "$ann_child"
    has_end_of_file "$ann"
    says "$CLIENT" 'still here'
    serves
    stop
}

@test "11a: a client for whom there is no process is told so, and the others are served" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    REFUSE=2 start serve
    comes
    local ann=$CLIENT reply=
    exec {bob}<> "/dev/tcp/$HOST/$PORT"
    read -r -t "$(limit 5)" reply <&"$bob" || true
    equal 'what bob is told' 'error: the server is full, try again later' "$reply"
    has_end_of_file "$bob"
    says "$ann" 'still here'
    serves
    stop
    equal 'what the server says' 'server | no process for client 2: Resource temporarily unavailable' "$(grep 'no process' "$LOG")"
}

@test "11a: serves many at once" { concurrent_serves_many_at_once; }
@test "11a: serves beside a silent client" { concurrent_serves_beside_a_silent_client; }
@test "11a: serves beside a client that never reads" { concurrent_serves_beside_a_client_that_never_reads; }

@test "11a: stops with clients of every kind, and leaves no child" { concurrent_stops_with_clients_of_every_kind; }

# ---- The demo, and the lesson before ---------------------------------------------------------------------------------

# The clients see the same, whoever serves them.
@test "11a: says what lesson 10 says, but for who serves" {
    local ours theirs
    ours=$(play | neutral | sed -e 's/^child-/worker-/' -e 's/: a process for it//')
    theirs=$(PROGRAM=$BUILD/10_thread_server play | neutral |
        sed -e 's/^thread-/worker-/' -e 's/: a thread for it//' -e '/^server | a thread reserves/d')
    same_story 'the demo' 'ann    | received' "$theirs" "$ours"
}

# ---- What every server does ------------------------------------------------------------------------------------------

@test "11a: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "11a: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "11a: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "11a: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "11a: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "11a: serves many in a row" { every_server_serves_many_in_a_row; }
@test "11a: serves netcat" { every_server_serves_netcat; }
@test "11a: has a client" { every_server_has_a_client; }
@test "11a: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "11a: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "11a: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "11a: survives a silent client" { every_server_survives_a_silent_client; }
@test "11a: survives sending without end" { every_server_survives_sending_without_end; }
@test "11a: survives EMFILE without a spin" { every_server_survives_emfile 4 -S; }
@test "11a: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "11a: stops with clients connected" { every_server_stops_with_clients_connected; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "11a: an option without a value takes none" { refuses 2 '--keep-open=yes: takes no value' --keep-open=yes; }
@test "11a: names what is wrong" { every_server_names_what_is_wrong; }
@test "11a: names a port in use" { every_server_names_a_port_in_use; }
@test "11a: names a privileged port" { every_server_names_a_privileged_port; }
@test "11a: has help" { every_server_has_help --host --port --keep-open; }
@test "11a: the slides show what is so" { check_slides; }
