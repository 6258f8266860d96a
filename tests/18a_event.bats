# The mistakes that these tests catch: a flag that is looked at too late; a counter that is compared with 0, or read after the
# wait; if around the wait; one thread woken where all should be; a time-out that says true; a limit of 0 taken for none; a
# set that is forgotten, used up by a wait, or never cleared.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and has_help: this lesson serves nobody

@test "18a: the demo is the same each time" { check_demo 5; }
@test "18a: ... also with --naive" { check_demo 3 --naive; }

five() { # WORDS
    printf "%-6s | $1\n" ann bob carl dora eve
}

scene() { # WHAT BECOMES OF THE FIVE
    five waits
    echo 'main   | sets it, and clears it before anybody can look'
    echo 'main   | is_set: false'
    five "$1"
    echo 'main   | waits, limit 20 ms: false, the time is over'
}

@test "18a: set, and clear at once wakes all five, and the next to come waits" {
    equal 'the demo' "$(scene 'goes on: it was set')" "$(play)"
}

@test "18a: whoever is woken for nothing waits on" {
    local said
    said=$(limited "$BUILD/flaky/$stem")
    equal 'where waits end for no reason' "$(scene 'goes on: it was set')" "$said"
}

@test "18a: --naive loses it, for all five, until their time is over" {
    local from=${EPOCHREALTIME/./} took
    equal 'the demo' "$(scene 'looked, saw false, waited on: time-out after 50 ms')" "$(play --naive)"
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((took >= 70)) || fail "waits of 50 and 20 ms took $took ms"
    equal 'where waits end for no reason' "$(play --naive)" "$(limited "$BUILD/flaky/$stem" --naive)"
}

@test "18a: wait says whether the event is set, and a limit of 0 asks only" {
    local from=${EPOCHREALTIME/./}
    equal 'one event' 'main   | waits, limit 0 ms: false, the time is over
main   | waits, limit 20 ms: false, the time is over
main   | sets it
main   | is_set: true
main   | waits, limit -1 ms: true
main   | waits, limit 0 ms: true
main   | clears it
main   | waits, limit 0 ms: false, the time is over' "$(play ask)"
    (((${EPOCHREALTIME/./} - from) >= 20000)) || fail 'a wait of 20 ms took less'
    equal 'where waits end for no reason' "$(play ask)" "$(limited "$BUILD/flaky/$stem" ask)"
}

@test "18a: one event, asked by one thread, does not show what --naive lacks" {
    same_story 'one event' 'limit 0 ms: true' "$(play ask)" "$(play --naive ask)"
}

@test "18a: whoever sets it wakes all who wait, not one" {
    equal 'calls that wake all, in: ask' 1 "$(counted broadcasts ask)"
}

@test "18a: set, clear and wait take the lock, however few threads there are" {
    local locks
    locks=$(counted locks ask)
    ((locks >= 8)) || fail "set, clear, is_set and five waits, and only $locks locks: the lock guards the flag and the counter"
}

@test "18a: whoever waits does so on the condition, and does not look again and again" {
    local waits
    waits=$(counted waits)
    ((waits >= 6)) || fail "six wait, and on a condition only $waits do: a wait with a time limit is a wait too"
}

@test "18a: many round trips, with an event in each direction" {
    same_transcript 'what is said' 'timing | 2000 round trips in TIME s, MS round trips/s' "$(limited "$BUILD/peers/costs" event 1 2000)"
}

@test "18a: a thread that is refused ends the program with one line, whichever it is" { ends_when_a_thread_is_refused 5; }

@test "18a: SIGTERM ends it while all wait" { broken_off_by TERM 143 'eve    | waits'; }

@test "18a: names what is wrong" {
    refuses 2 '--naive=1: takes no value' --naive=1
    refuses 2 '--forever: no such option; see --help' --forever
    refuses 2 'aks: no such command; see --help' aks
    refuses 2 'more: unexpected' ask more
}

@test "18a: has help" { every_server_has_help --naive; }
@test "18a: the slides show what is so" { check_slides; }
