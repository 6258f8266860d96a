# The mistakes that these tests catch: a handler that waits for one child at each signal; one that changes errno; SIG_IGN taken
# for the default action; a look that reaps; what waitpid gives taken for the status; children that outlive main.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server
load peers/children

@test "11b: the demo is the same each time, in each of its ways" {
    local way
    for way in --children=3 --once --ignore --no-reap; do check_demo 5 "$way"; done
}

# Plays the demo until it has said these words, and stops it in its tracks. It pauses after each line.
play_until() { # WORDS [OPTION...]
    LOG=$BATS_TEST_TMPDIR/log
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    : > "$LOG"
    env "$family" SLOW=400 "$PROGRAM" "${@:2}" > "$LOG" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
    await "$1"
    halt
}

goes_on_to_its_end() {
    local status=0 demo=$SERVER
    kill -CONT "$demo"
    timeout "$(limit 10)" tail --pid="$demo" -s 0.02 -f /dev/null || fail 'the demo does not end'
    SERVER=
    wait "$demo" || status=$?
    equal 'status' 0 "$status"
    nothing_left
}

zombies_before_the_end() { # [OPTION...]
    play "$@" | sed -n 's/^main   | before main ends: //p'
}

# ---- Who reaps -------------------------------------------------------------------------------------------------------

@test "11b: a handler that asks until nobody is left reaps all, although it runs once" {
    local said
    said=$(play --children 50)
    [[ $said == *'the handler has run 1 time, and has reaped 50 of 50'* ]] || fail "$said"
    equal 'zombies' '0 zombies' "$(zombies_before_the_end --children 50)"
}

@test "11b: the handler hears of each child's status" {
    equal 'children that ended with their number' 100 "$(play --children 100 |
        sed -n 's/^main   | child-\([0-9]*\) has ended with status /\1 /p' | awk '$1 == $2' | wc -l)"
}

@test "11b: with --once a handler reaps one, and the others stay" {
    equal 'zombies' '2 zombies' "$(zombies_before_the_end --once)"
    equal 'zombies of 50' '49 zombies' "$(zombies_before_the_end --once --children 50)"
    equal 'zombies of one' '0 zombies' "$(zombies_before_the_end --once --children 1)"
}

@test "11b: with --ignore there is no zombie, and no status either" {
    local said
    said=$(play --ignore)
    [[ $said == *'all have ended: 0 zombies'*'asks for the status of child-1: No child process'* ]] || fail "$said"
}

@test "11b: the handler leaves errno to the call that it interrupts" {
    run limited "$PROGRAM"
    equal 'status' 0 "$status"
    [[ $output == *'the handler has run 1 time'* && $output != *errno* ]] || fail "$output"
}

# What exec keeps: a child from before. -1 asks for it too, and it is none of the three.
@test "11b: a child from before is not counted" {
    # shellcheck disable=SC2016 # the words are for the other shell
    run limited sh -c ': & exec "$@"' sh "$PROGRAM"
    equal 'status' 0 "$status"
    [[ $output == *'has reaped 3 of 3'*'before main ends: 0 zombies' ]] || fail "$output"
}

# ---- What the system says --------------------------------------------------------------------------------------------

@test "11b: what is counted is what /proc shows: a zombie has its pid, and nothing else" {
    local pid left
    play_until 'all have ended: 3 zombies' --no-reap
    left=$(zombies)
    equal 'zombies' 3 "$(zombies | wc -l)"
    equal 'children that run' '' "$(running)"
    for pid in $left; do
        kill -0 "$pid" || fail "$pid is no process any more"
        equal 'its command line' '' "$(command_line "$pid")"
    done
    goes_on_to_its_end
    for pid in $left; do ! kill -0 "$pid" 2> /dev/null || fail 'main has left a zombie to process 1'; done
}

@test "11b: ... and none with --ignore, nor after the handler" {
    play_until 'all have ended: 0 zombies' --ignore
    equal 'children with --ignore' '' "$(children)"
    goes_on_to_its_end
    play_until 'the handler has run'
    equal 'children after the handler' '' "$(children)"
    goes_on_to_its_end
}

@test "11b: SIGKILL does not end a zombie" {
    local before
    play_until 'all have ended: 3 zombies' --no-reap
    before=$(children)
    # shellcheck disable=SC2046 # a word for each
    kill -KILL $(zombies)
    equal 'the zombies' "$before" "$(children)"
    goes_on_to_its_end
}

# ---- The demo --------------------------------------------------------------------------------------------------------

@test "11b: a demo that is killed leaves no child" {
    play_until '| ends with status 1'
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    SERVER=
    nothing_left_soon
}

@test "11b: a process that is refused ends the demo with one line" {
    run env REFUSE=2 timeout -k 1 "$(limit 15)" "$BUILD/flaky/$stem"
    equal 'status' 1 "$status"
    equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "11b: names what is wrong" {
    refuses 2 '--once, --ignore, --no-reap: one at a time' --once --no-reap
    refuses 2 '--once, --ignore, --no-reap: one at a time' --ignore --no-reap
    refuses 2 '--children 0: not a number from 1 to 100' --children 0
    refuses 2 '--children 101: not a number from 1 to 100' --children 101
    refuses 2 '--once=yes: takes no value' --once=yes
    refuses 2 'serve: no such command; see --help' serve
}

@test "11b: has help" { every_server_has_help --children --once --ignore --no-reap; }
@test "11b: the slides show what is so" { check_slides; }
