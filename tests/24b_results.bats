# The mistakes that these tests catch: results in the order in which they come; a limit of time that ends the task, or is
# not kept; join before close; a task that is taken after close; a callback that waits for itself; a task that waits for
# its own pool; a pipe that is left open; a task that waits behind a long one.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "24b: the demo is the same each time" {
    check_demo 5
}

@test "24b: apply waits, map keeps the order, an error is the task's, get has a limit of time" {
    equal 'results' 'main   | apply waits: 101
main   | map keeps the order: 1 4 9 16 25 36 49 64
main   | a task that fails: Invalid argument
main   | get, 20 ms at most: no result yet
main   | get, without a limit: 102' "$(play | head -n 5)"
}

@test "24b: no join before close, no task after it; a callback may call the pool" {
    equal 'rules' 'main   | join, before close: refused, more tasks may come
main   | callback: 100; it applies once more: 200
main   | join, in a callback: refused, it would wait for its own end
main   | apply_async, after close: refused, the pool is closed
main   | join: every task has ended, and so has every worker' "$(play | tail -n 5)"
}

# ---- What the pool promises (tests/peers/pools.c) ----------------------------------------------------------------------

@test "24b: each task is done once, and nothing is left open" { claim pools each-once; }
@test "24b: no task waits behind a long one while a worker is idle" { claim pools behind-a-long-task; }
@test "24b: a limit of time is kept, whatever else happens" { claim pools limit-among-news; }
@test "24b: a pool and another child do not disturb each other" { claim pools beside-another-child; }
@test "24b: callbacks apply and submit, without end" { claim pools callback-calls-the-pool; }
@test "24b: what has to be refused is refused" { claim pools refused; }
@test "24b: tasks that wait for one of their own pool end with terminate" { claim pools starved; }

@test "24b: every task is done, one by one or at once, in chunks of one or of many" {
    local way
    for way in apply async map1 map; do
        for workers in 1 7; do
            run limited "$BUILD/peers/costs" "$way" "$workers" 3000
            [[ $status == 0 && $output == 'timing | 3000 tasks in '* ]] || fail "$way, $workers workers: $output"
        done
    done
}

@test "24b: a pool of 600 workers in a process of 1,024 descriptors" {
    [[ $(ulimit -u) == unlimited ]] || (($(ulimit -u) > 1000)) || skip "no more than $(ulimit -u) processes here"
    # shellcheck disable=SC2016 # the words are for the other shell
    run limited bash -c 'ulimit -Sn 1024; exec "$0" async 600 2000' "$BUILD/peers/costs"
    [[ $status == 0 && $output == 'timing | 2000 tasks in '* ]] || fail "$output"
}

# ---- A bad day ---------------------------------------------------------------------------------------------------------

@test "24b: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'map keeps the order'
    broken_off_by HUP 129 'no result yet'
    GROUP=1 broken_off_by INT 130 'no result yet'
}

@test "24b: a process that is refused at the start is one clear line, and no worker is left" {
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    run limited env "$family" CALM=1 REFUSE=4 "$BUILD/flaky/$stem"
    equal 'what it says' "1 $stem: fork: Resource temporarily unavailable" "$status $output"
    nothing_left
}

@test "24b: interrupted calls change nothing" {
    same_story 'the demo' 'so has every worker' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem && play)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "24b: names what is wrong" {
    refuses 2 '--workers: no such option; see --help' --workers 5
    refuses 2 'serve: no such command; see --help' serve
}

@test "24b: has help" { every_server_has_help; }
@test "24b: the slides show what is so" { check_slides; }
