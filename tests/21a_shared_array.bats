# The mistakes that these tests catch: memory that is private; -1 that is the item before the first; a bound that is off by
# one; memory that is mapped after the fork.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

@test "21a: the demo is the same each time" { check_demo 5; }

demo_says() { # LINES
    local demo
    demo=$(play)
    [[ $demo == *"$1"* ]] || fail 'the demo does not say:' "$1" 'but' "$demo"
}

@test "21a: the posts' two processes, in both orders and in the third one" {
    demo_says 'foo(0) | temp[0] = 100
foo(0) | temp is {100, 22, 33, 44}
foo(1) | temp[1] = 101
foo(1) | temp is {100, 101, 33, 44}'
    demo_says 'foo(1) | temp[1] = 101
foo(1) | temp is {11, 101, 33, 44}
foo(0) | temp[0] = 100
foo(0) | temp is {100, 101, 33, 44}'
    demo_says 'foo(0) | temp[0] = 100
foo(1) | temp[1] = 101
foo(0) | temp is {100, 101, 33, 44}
foo(1) | temp is {100, 101, 33, 44}'
}

@test "21a: the parent sees what its children have written" {
    equal 'main' 'main   | temp is {100, 101, 33, 44}' "$(play | sed -n '6p')"
}

@test "21a: --private: each process has its own copy" {
    equal 'foo(1) and main' 'foo(1) | temp is {11, 101, 33, 44}
main   | temp is {11, 22, 33, 44}' "$(play --private | sed -n '5,6p')"
}

@test "21a: -1 is the last item, and there is no item 4 of 4" {
    demo_says 'main   | temp[-1] = 144
main   | temp is {11, 22, 33, 144}
main   | temp[4]: there is no such item'
}

@test "21a: a process that is refused is a clear error, and nothing is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 2 5; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal 'status' 1 "$status"
        equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
        nothing_left
    done
}

@test "21a: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'foo(0) | temp[0] = 100'
    broken_off_by HUP 129 'main   | the same, both'
}

@test "21a: names what is wrong" {
    refuses 2 '--shared: no such option; see --help' --shared
    refuses 2 'create: no such command; see --help' create
}

@test "21a: has help" { every_server_has_help --private; }
@test "21a: the slides show what is so" { check_slides; }
