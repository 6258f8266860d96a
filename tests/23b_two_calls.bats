# The mistakes that these tests catch: a lock that is not held, or for a part of a call only; an update that is seen in part; a
# missing key that is an empty value; an error that ends more than the call.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "23b: the demo is the same each time" { check_demo 5; }

@test "23b: two get, then both set, and one addition is lost" {
    equal 'what they find, and the end' 'ann    | found 0, adds one: dic["n"] = 1
bob    | found 0, adds one: dic["n"] = 1
main   | 1' "$(play | grep -E 'found|^main   \| [0-9]+$')"
}

@test "23b: CHOOSE: what comes of each order is what one computes" {
    local said
    mapfile -t said < <(updates_in_all_orders)
    choose_all_orders '' "${said[@]}"
    choose 1q
    choose 12
}

@test "23b: a missing key is an error at the caller" {
    equal 'what ann is told' 'ann    | dic["colour"]
thread-2 | received "get colour"
ann    | KeyError: colour
ann    | dic.get("colour", "none")
thread-2 | received "get colour none"
ann    | none' "$(play | sed -n '/dic\["colour/,/none$/p')"
}

@test "23b: nobody sees a part of an update" { claim proxies whole; }
@test "23b: an error is the caller's, and nobody else's" { claim proxies errors; }

@test "23b: a system that interrupts calls and moves seven bytes at a time" {
    same_story 'the demo' 'main   | 1' "$(play | neutral)" "$(limited "$BUILD/flaky/$stem" 2>&1 | neutral)"
}

@test "23b: a process that is refused ends the demo with one clear line" {
    local n
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for n in 1 2 3 4; do
        run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" REFUSE=$n "$BUILD/flaky/$stem"
        equal "status with REFUSE=$n" 1 "$status"
        equal "errors with REFUSE=$n" 1 "$(grep -cE "^$stem: (fork: Resource temporarily unavailable|no connection to the manager: (Broken pipe|Connection reset by peer))$" <<< "$output")"
        nothing_left
    done
}

@test "23b: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'bob    | dic["n"]'
    broken_off_by HUP 129 'main   | both have added'
    GROUP=1 broken_off_by INT 130 'ann    | KeyError'
}

@test "23b: names what is wrong" {
    refuses 2 '--lock: no such option; see --help' --lock
    refuses 2 'serve: no such command; see --help' serve
}

@test "23b: has help" { every_server_has_help; }
@test "23b: the slides show what is so" { check_slides; }
