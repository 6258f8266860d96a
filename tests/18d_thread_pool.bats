# The mistakes that these tests catch: a buffer without a bound; tasks that are forgotten when the pool is closed; a worker
# that ends because it was woken; a task that is run under the pool's lock.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and has_help: this lesson serves nobody

@test "18d: the demo is the same each time" { check_demo 5; }

@test "18d: two threads, two tasks that wait, and main waits with the fifth; after the close all are done" {
    equal 'the demo' 'main   | hands in task 1
ann    | takes task 1
main   | hands in task 2
bob    | takes task 2
main   | hands in task 3
main   | hands in task 4
main   | the pool is busy, and the buffer is full: waits
ann    | has done task 1
ann    | takes task 3
main   | hands in task 5
main   | closes the pool: three tasks are not done yet
bob    | has done task 2
bob    | takes task 4
bob    | has done task 4
bob    | takes task 5
bob    | has done task 5
bob    | the pool is closed, and nothing is left: ends
ann    | has done task 3
ann    | the pool is closed, and nothing is left: ends
main   | 5 tasks are done, by 2 threads' "$(play)"
}

@test "18d: of ten thousand tasks none is lost, and never more than two are done at once" {
    for _ in {1..5}; do
        equal 'many' 'main   | 10000 of 10000 tasks are done, never more than two at once' "$(play many)"
    done
}

@test "18d: ... also where waits end for no reason" {
    # the two threads look for a task before there is one: with QUICK=1 each time
    QUICK=1 run limited "$BUILD/flaky/$stem" many
    equal 'many' '0 main   | 10000 of 10000 tasks are done, never more than two at once' "$status $output"
}

@test "18d: a thread that is refused ends the program with one line, whichever it is" { ends_when_a_thread_is_refused 2; }

@test "18d: SIGTERM ends it while main waits for room" { broken_off_by TERM 143 'the buffer is full'; }

@test "18d: names what is wrong" {
    refuses 2 '--workers: no such option; see --help' --workers 3
    refuses 2 'mnay: no such command; see --help' mnay
    refuses 2 'more: unexpected' many more
}

@test "18d: has help" { every_server_has_help; }
@test "18d: the slides show what is so" { check_slides; }
