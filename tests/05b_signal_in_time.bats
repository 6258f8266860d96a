# The mistakes that these tests catch: pselect without a signal that is blocked; the mask taken for the signals to wait for;
# a signal let in by one call and awaited by the next; a pipe whose writing end blocks; one byte read where there are more.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and has_help: this lesson serves nobody

@test "05b: the demo is the same each time" { check_demo 5; }

checks='main   | checks the flag: no signal has come'
handler_has_run='main   | checks the flag: the handler has run'

# Plays one way with a limit of a minute, which the test does not wait for.
at_once() { # WORDS...
    play --timeout 60000 "$@"
}

# Starts one way in which nobody sends a signal, and sends signals until it ends. What it has said is in the file SAID.
from_outside() { # WORDS...
    local status=0 watcher deadline=$((SECONDS + $(limit 10)))
    SAID=$BATS_TEST_TMPDIR/said.$1
    "$PROGRAM" "$@" --signals 0 --timeout 60000 > "$SAID" 2>&1 3>&- 4>&- &
    watcher=$!
    until grep -q 'checks' "$SAID"; do ((SECONDS < deadline)) || fail 'it does not check the flag'; done # it has its handler
    # one that comes just before the wait may be lost: that is the lesson
    while kill -USR1 "$watcher" 2> /dev/null; do
        ((SECONDS < deadline)) || { kill -KILL "$watcher"; fail "it does not end:" "$(cat "$SAID")"; }
    done
    wait "$watcher" || status=$?
    equal "status of $1" 0 "$status"
    equal "the last line of $1" "$handler_has_run" "$(tail -n 1 "$SAID")"
}

@test "05b: pselect lets in the signal that has come before it" {
    equal 'what it says' "main   | pselect, and SIGUSR1 is blocked except during the wait
$checks
ann    | sends SIGUSR1, which is blocked
main   | pselect is interrupted
$handler_has_run" "$(at_once pselect)"
}

@test "05b: the pipe remembers the signal that has come before select" {
    equal 'what it says' "main   | select, and a pipe that the handler writes to
$checks
ann    | sends SIGUSR1: the handler runs
main   | select: the pipe is readable
main   | empties the pipe: 1 byte
$handler_has_run" "$(at_once pipe)"
}

@test "05b: select alone waits for a signal that has come, until its time is over" {
    local start=${EPOCHREALTIME/./} took
    equal 'what it says' "main   | select alone
$checks
ann    | sends SIGUSR1: the handler runs
main   | select: time-out after 300 ms
$handler_has_run" "$(play select --timeout 300)"
    took=$(((${EPOCHREALTIME/./} - start) / 1000))
    ((took >= 300)) || fail "a time-out of 300 ms took $took ms"
}

@test "05b: the pipe is emptied, however many signals have come" {
    equal 'of 3 signals' 'main   | empties the pipe: 3 bytes' "$(at_once pipe --signals 3 | grep empties)"
    equal 'of 100 signals' 'main   | empties the pipe: 100 bytes' "$(at_once pipe --signals 100 | grep empties)"
}

@test "05b: the handler does not wait for a full pipe" {
    local said
    said=$(at_once pipe --signals 100000)
    equal 'the last line' "$handler_has_run" "$(tail -n 1 <<< "$said")"
    grep -qE 'empties the pipe: [0-9]{4,5} bytes' <<< "$said" || fail "$said"
}

@test "05b: a blocked signal waits, however many there are" {
    equal 'three signals' "$(at_once pselect)" "$(at_once pselect --signals 3)"
}

@test "05b: a signal that comes during the wait ends it, in all three ways" {
    local way
    for way in select pselect pipe; do from_outside "$way"; done
}

@test "05b: survives EINTR and short reads" {
    run limited "$BUILD/flaky/$stem" --timeout 60000 pipe --signals 100
    equal status 0 "$status"
    equal 'what it empties' 'main   | empties the pipe: 100 bytes' "$(grep empties <<< "$output")"
    equal 'the last line' "$handler_has_run" "$(tail -n 1 <<< "$output")"
}

# The fourth is for the loader; a pipe needs two.
with_few_descriptors() {
    (exec 3>&- 4>&- && ulimit -n 4 && exec "$PROGRAM" pipe)
}

@test "05b: names what is wrong" {
    refuses 2 '--timeout 0: not a number from 1 to 60000' --timeout 0
    refuses 2 '--signals -1: not a number from 0 to 100000' --signals -1
    refuses 2 '--signals: wants a value' --signals
    refuses 2 'poll: no such command; see --help' poll
    refuses 2 'more: unexpected' select more
    run with_few_descriptors
    equal 'status without descriptors' 1 "$status"
    equal 'message without descriptors' "$stem: pipe: Too many open files" "$(in_glibc_words "$(grep -v ' | ' <<< "$output")")"
}

@test "05b: has help" { every_server_has_help --timeout --signals; }
@test "05b: the slides show what is so" { check_slides; }
