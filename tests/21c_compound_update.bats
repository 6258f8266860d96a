# The mistakes that these tests catch: a lock that is private to a process; one that is not recursive, or not robust; an
# update of which only the parts are locked; a read without the lock.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

@test "21c: the demo is the same each time" { check_demo 5; }

demo_says() { # LINES
    local demo
    demo=$(play)
    [[ $demo == *"$1"* ]] || fail 'the demo does not say:' "$1" 'but' "$demo"
}

@test "21c: a locked read and a locked write lose an update" {
    demo_says 'ann    | reads temp[0]: 11
bob    | reads temp[0]: 11
ann    | writes temp[0] = 12
bob    | writes temp[0] = 12
main   | temp is {12, 22, 33, 44}'
}

@test "21c: the lock that is held from the read to the write loses none" {
    demo_says 'ann    | has the lock, reads temp[0]: 11
bob    | somebody has the lock: waits
ann    | writes temp[0] = 12, gives the lock back
bob    | has the lock, reads temp[0]: 12
bob    | writes temp[0] = 13, gives the lock back
main   | temp is {13, 22, 33, 44}'
}

@test "21c: CHOOSE: what comes of each order is what one computes, and under the lock none is lost" {
    local said
    mapfile -t said < <(updates_in_all_orders)
    choose_all_orders '' "${said[@]}"
    choose_all_orders 11n 'none is lost' 'none is lost' 'none is lost' 'none is lost' 'none is lost' 'none is lost'
    choose 1q
    choose 11n12
}

@test "21c: none of many locked increments is lost" {
    local lines
    lines=$(limited "$BUILD/peers/costs" array 4 80000)
    same_transcript 'what is said' 'timing | 80000 locked increments in TIME s, MS locked increments/s' "$lines"
}

# ---- What the array promises (tests/peers/arrays.c) --------------------------------------------------------------------

@test "21c: each index from -4 to 3 is an item of four, and no other is" { claim arrays bounds; }
@test "21c: the lock is given back as often as it was taken" { claim arrays lock-counts; }
@test "21c: the lock of an owner that has ended goes to the next" { claim arrays owners-die; }
@test "21c: whoever reads an item waits for the lock" { claim arrays reads-wait; }
@test "21c: an array that is longer than a line is cut" { claim arrays long-text; }

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

@test "21c: a process that is refused is a clear error, and nothing is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 2 4; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal 'status' 1 "$status"
        equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
        nothing_left
    done
}

@test "21c: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'bob    | reads temp[0]'
    broken_off_by HUP 129 'bob    | somebody has the lock'
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "21c: names what is wrong" {
    refuses 2 '--lock: no such option; see --help' --lock
    refuses 2 'create: no such command; see --help' create
}

@test "21c: has help" { every_server_has_help; }
@test "21c: the slides show what is so" { check_slides; }
