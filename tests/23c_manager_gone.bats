# The mistakes that these tests catch: a manager whose end is a hang, or SIGPIPE; a proxy that connects to another manager as if
# it knew the data; a path that stays; a manager that outlives whoever started it.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

@test "23c: the demo is the same each time" { check_demo 5; }

@test "23c: with the manager killed each call fails, a new client's too" {
    equal 'what is said' "main   | its exit code is -9
main   | dic[\"n\"]
main   | no connection to the manager: Broken pipe
main   | dic[\"n\"] = 2
main   | no connection to the manager: Broken pipe
carl   | comes late: dic[\"n\"]
carl   | no connection to the manager: Connection refused
main   | removes the path, which the manager could not" "$(play | sed -n '/exit code/,/removes/p')"
}

@test "23c: another manager has no data, and the old proxy does not take it for the first" {
    equal 'what is said' "main   | 0: nobody else had the data
main   | the old dic[\"n\"]
main   | no connection to the manager: Broken pipe
server | stopped" "$(play | sed -n '/nobody else/,$p')"
}

@test "23c: the demo leaves no path" {
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" > "$BATS_TEST_TMPDIR/says"
    grep -q 'removes the path' "$BATS_TEST_TMPDIR/says"
    nothing_left
}

@test "23c: a call that waits is told of the manager's end" { claim proxies killed; }

@test "23c: a client whose manager is killed in the middle of a call is told so" {
    local status=0
    PROGRAM=$BUILD/23a_manager_dict start serve
    mkfifo "$BATS_TEST_TMPDIR/in"
    limited "$BUILD/23a_manager_dict" connect "$ADDRESS" < "$BATS_TEST_TMPDIR/in" > /dev/null 2> "$BATS_TEST_TMPDIR/errors" 3>&- 4>&- &
    local client=$!
    exec {in}> "$BATS_TEST_TMPDIR/in"
    echo len >&"$in"
    await 'received "len"'
    kill -KILL "$SERVER"
    wait "$client" || status=$?
    exec {in}>&-
    equal 'status of connect' 1 "$status"
    equal 'what it says' '23a_manager_dict: the manager has closed the connection' "$(cat "$BATS_TEST_TMPDIR/errors")"
}

# The first child is the manager: the clients come when it listens.
given_many_calls() { # CLIENTS
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    env "$family" TMPDIR="$BATS_TEST_TMPDIR" timeout "$(limit 20)" "$BUILD/peers/costs" dict "$1" 1000000 \
        > "$BATS_TEST_TMPDIR/run" 2>&1 < /dev/null 3>&- 4>&- &
    RUN=$!
    local end=$((SECONDS + $(limit 5)))
    until MAIN=$(children_of "$RUN") && [[ $MAIN ]] && mapfile -t CHILDREN < <(children_of "$MAIN") && ((${#CHILDREN[@]} == $1 + 1)); do
        ((SECONDS <= end)) || fail 'the clients did not come'
    done
}

@test "23c: the manager is killed under load: each client says so and ends" {
    local status=0
    given_many_calls 3
    kill -KILL "${CHILDREN[0]}"
    wait "$RUN" || status=$?
    equal status 1 "$status"
    grep -qE '^costs: no connection to the manager: (Broken pipe|Connection re(set|fused))' "$BATS_TEST_TMPDIR/run" || fail "$(cat "$BATS_TEST_TMPDIR/run")"
    equal 'processes that were left' '' "$(grep -lF "$family" /proc/[0-9]*/environ 2> /dev/null || true)"
}

@test "23c: a client is killed: the manager and the others go on" {
    local status=0
    given_many_calls 3
    kill -KILL "${CHILDREN[1]}"
    wait "$RUN" || status=$?
    equal 'what is said' '1 costs: process 0 has ended with -9' "$status $(cat "$BATS_TEST_TMPDIR/run")"
    nothing_left
}

@test "23c: whoever started the manager is killed: it ends by itself, and its path goes" {
    given_many_calls 1
    kill -KILL "$MAIN"
    wait "$RUN" || true
    nothing_left_soon
}

@test "23c: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'thread-1 | received "set n 1"'
    broken_off_by TERM 143 'main   | its exit code is -9'
    broken_off_by HUP 129 'carl   | comes late'
    GROUP=1 broken_off_by INT 130 'thread-1 | received "len"'
}

@test "23c: a process that is refused ends the demo with one clear line" {
    local n
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for n in 1 2 3; do
        run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" REFUSE=$n "$BUILD/flaky/$stem"
        equal "status with REFUSE=$n" 1 "$status"
        equal "errors with REFUSE=$n" 1 "$(grep -cE "^$stem: (fork: Resource temporarily unavailable|no connection to the manager: (Broken pipe|Connection reset by peer))$" <<< "$output")"
        nothing_left
    done
}

@test "23c: names what is wrong" {
    refuses 2 '--lock: no such option; see --help' --lock
    refuses 2 'serve: no such command; see --help' serve
}

@test "23c: has help" { every_server_has_help; }
@test "23c: the slides show what is so" { check_slides; }
