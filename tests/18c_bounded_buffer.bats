# The mistakes that these tests catch: if around a wait; a wait in which nobody is woken; one condition for two things; a
# buffer that is overfilled, or taken from while it is empty; an order that is lost; a busy wait.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and has_help: this lesson serves nobody

@test "18c: the demo is the same each time" { check_demo 5; }
@test "18c: ... also with --if" { check_demo 3 --if; }

start='carl   | puts 1 in
carl   | puts 2 in
carl   | the buffer is full: waits
ann    | takes 1 out
carl   | puts 3 in
ann    | takes 2 out
ann    | takes 3 out
ann    | the buffer is empty: waits
carl   | puts 4 in
bob    | takes 4 out
carl   | wakes a thread that waits for an item'

@test "18c: each waits for the other, and whoever is woken looks again" {
    equal 'the demo' "$start
ann    | the buffer is empty: waits
carl   | puts 5 in
ann    | takes 5 out
main   | put in: 1 2 3 4 5, taken out: 1 2 3 4 5" "$(play)"
}

@test "18c: --if takes one item twice, and loses one" {
    equal 'the demo' "$start
ann    | takes 3 out
carl   | puts 5 in
main   | put in: 1 2 3 4 5, taken out: 1 2 3 4 3" "$(play --if)"
}

@test "18c: many put and take, and nothing is lost" {
    for _ in {1..3}; do
        equal 'many' 'main   | 40000 items through a buffer for 2: all came out' "$(play many)"
    done
}

@test "18c: ... also where waits end for no reason" {
    run limited "$BUILD/flaky/$stem" many
    equal 'many' '0 main   | 40000 items through a buffer for 2: all came out' "$status $output"
}

@test "18c: a thread that is refused ends the program with one line, whichever it is" { ends_when_a_thread_is_refused 3; }

@test "18c: SIGTERM ends it while one waits for room" { broken_off_by TERM 143 'the buffer is full'; }
@test "18c: ... and while one waits for an item" { broken_off_by TERM 143 'the buffer is empty'; }

@test "18c: names what is wrong" {
    refuses 2 'many --if: its count would lead out of the array' --if many
    refuses 2 '--if=1: takes no value' --if=1
    refuses 2 '--while: no such option; see --help' --while
    refuses 2 'mnay: no such command; see --help' mnay
    refuses 2 'more: unexpected' many more
}

@test "18c: has help" { every_server_has_help --if; }
@test "18c: the slides show what is so" { check_slides; }
