# The mistakes that these tests catch: a deadlock that is found between two but not among three; news for one that another
# one needs; an order that is not the same for all.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "17c: the demo is the same each time" { check_demo 5; }
@test "17c: ... with five writers too" { check_demo 5 --writers 5; }

the_cure='main   | the cure: everybody takes things in one order, the pen first'

deadlock() { # WORDS...
    play "$@" | sed "/^$the_cure/,\$d"
}

cure() { # WORDS...
    play "$@" | sed "1,/^$the_cure/d"
}

@test "17c: a deadlock is found, and says who has what and waits for what" {
    equal 'two writers' 'ann    | takes the pen
bob    | takes the paper
ann    | waits for the paper
bob    | EDEADLK: bob waits for the pen, which ann has
bob    | EDEADLK: ann waits for the paper, which bob has
bob    | puts the paper down
ann    | has the pen and the paper: writes' "$(deadlock)"
}

@test "17c: ... and one among five" {
    equal 'five writers' 'eve    | EDEADLK: eve waits for the pen, which ann has
eve    | EDEADLK: ann waits for the paper, which bob has
eve    | EDEADLK: bob waits for the ruler, which carl has
eve    | EDEADLK: carl waits for the ink, which dora has
eve    | EDEADLK: dora waits for the stamp, which eve has
eve    | puts the stamp down
dora   | has the ink and the stamp: writes
carl   | has the ruler and the ink: writes
bob    | has the paper and the ruler: writes
ann    | has the pen and the paper: writes' "$(deadlock --writers 5 | sed -n '/EDEADLK/,$p')"
}

@test "17c: the cure: with one order all of them write" {
    equal 'two writers' 'ann    | takes the pen
bob    | waits for the pen
ann    | has the pen and the paper: writes
bob    | has the pen and the paper: writes' "$(cure)"
    local writers
    for writers in 2 3 4 5; do
        equal "letters of $writers writers" "$writers" "$(cure --writers "$writers" | grep -c ': writes$')"
        equal "letters of $writers writers, one refused" $((writers - 1)) "$(deadlock --writers "$writers" | grep -c ': writes$')"
    done
    equal 'refused' '' "$(cure --writers 5 | grep EDEADLK || true)"
}

@test "17c: CHOOSE reaches a deadlock in four of the six orders, and each of them ends" {
    choose_all_orders '' 'no deadlock' 'a deadlock' 'a deadlock' 'a deadlock' 'a deadlock' 'no deadlock'
    [[ $output == *'Orders so far: 6 of 6'* ]] || fail "$output"
    equal 'circles that were named' 8 "$(grep -c EDEADLK <<< "$output")"
}

@test "17c: ... and with the cure in none" {
    choose_all_orders 11n 'no deadlock' 'no deadlock' 'no deadlock' 'no deadlock' 'no deadlock' 'no deadlock'
    [[ $output == *'Orders so far: 4 of 4; can you make one?'* ]] || fail "$output"
}

@test "17c: a wait that returns for nothing waits on" {
    same_story 'the demo on a bad day' 'bob    | puts the paper down' "$(play)" "$(limited "$BUILD/flaky/$stem")"
}

@test "17c: when the system has no thread for it, it says so and ends" { ends_when_a_thread_is_refused 4; }

@test "17c: names what is wrong" {
    refuses 2 '--writers 1: not a number from 2 to 5' --writers 1
    refuses 2 '--writers 6: not a number from 2 to 5' --writers 6
    refuses 2 '--writers: wants a value' --writers
    refuses 2 'serve: no such command; see --help' serve
}

@test "17c: has help" { every_server_has_help --writers; }
@test "17c: the slides show what is so" { check_slides; }
