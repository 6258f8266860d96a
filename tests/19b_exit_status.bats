# The mistakes that these tests catch: an end by a signal taken for a status; a limit of time that polls; a signal that is
# thought to be obeyed; a fork that fails and is not noticed; a daemon that is waited for.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

@test "19b: the demo is the same each time" { check_demo 5; }

# What the demo says after these words.
after() { # WORDS
    play | sed -n "s/.*$1: //p"
}

switches() {
    sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$SERVER/status"
}

@test "19b: the exit code is the status, in eight bits, or minus the signal" {
    equal 'three' 'exit code 3' "$(after 'returns 3')"
    equal '256' 'exit code 0' "$(after 'returns 256')"
    equal 'SIGTERM' 'exit code -15 (Terminated)' "$(after 'child that is terminated')"
    equal 'SIGKILL' 'exit code -9 (Killed)' "$(after 'the same child is killed')"
}

@test "19b: a limit that is over leaves the child as it was" {
    matches "$(play)" '*ETIMEDOUT: it is still running*the same child is killed: exit code -9*'
}

# A wait that looks every 10 ms would be switched away from 30 times in this time; time is the subject here.
@test "19b: join with a limit waits, and does not poll" {
    begin 0 --limit 2000
    await 'joins it with a limit'
    local before after nothing
    before=$(switches)
    read -r -t 0.3 nothing <> <(:) || true
    after=$(switches)
    ((after - before <= 5)) || fail "main was woken $((after - before)) times"
    kill -KILL "$SERVER"
    ends_with 137 ''
}

@test "19b: join with a limit returns as soon as the child has ended" {
    local start=${EPOCHREALTIME/./}
    begin 0 --limit 10000
    await 'joins it with a limit'
    kill -KILL "$(children_of "$SERVER")"
    ends_with 0 ''
    ((${EPOCHREALTIME/./} - start < $(limit 5) * 1000000)) || fail 'join waited for its limit'
    grep -q 'it has ended' "$LOG"
}

@test "19b: at the end of main the daemon is terminated and the worker is waited for" {
    equal 'the last lines' 'main   | starts a worker, and ends: terminates the daemon, waits for the worker
worker | has finished its work
main   | the worker: exit code 0
main   | the daemon: exit code -15 (Terminated)' "$(play | tail -n 4)"
}

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

@test "19b: a process that is refused is a clear error, and nothing is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 2 3 4 5 6; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal "status without process $nth" 1 "$status"
        equal "errors without process $nth" "$stem: fork: Resource temporarily unavailable" "$(grep -v " | " <<< "$output")"
        nothing_left
    done
}

@test "19b: SIGTERM ends a child that ignores it, too" {
    begin 0 --limit 5000
    await 'joins it with a limit'
    kill -TERM "$SERVER"
    ends_with 143 ''
}

@test "19b: a demo that is broken off leaves nothing behind" {
    broken_off_by INT 130 'is terminated'
    broken_off_by HUP 129 'starts a worker'
}

@test "19b: calls that are interrupted make no difference" {
    same_story 'the demo' 'the worker: exit code 0' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem && play)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "19b: names what is wrong" {
    refuses 2 '--limit 0: not a number from 1 to 10000' --limit 0
    refuses 2 '--limit 10001: not a number from 1 to 10000' --limit 10001
    refuses 2 'serve: no such command; see --help' serve
}

@test "19b: has help" { every_server_has_help --limit; }
@test "19b: the slides show what is so" { check_slides; }
