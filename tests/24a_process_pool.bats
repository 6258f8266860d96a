# The mistakes that these tests catch: a worker that keeps the writing end of the tasks, so that their end never comes; a
# main that keeps that of the results; a callback that comes before "end"; workers that are joined before the results are read.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "24a: the demo is the same each time" { check_demo 5; }

story() { # TASKS WORKERS
    local i
    echo "main   | apply_async, $1 times; there are $2 workers"
    echo 'main   | end'
    for ((i = 0; i < $1; i++)); do
        echo "worker | task $i is done"
        echo "main   | callback: $((i + 100))"
    done
    echo 'main   | join: 0 tasks are unfinished, and every worker has ended'
}

@test "24a: ten tasks on five workers: end first, then every result" {
    equal 'the demo' "$(story 10 5)" "$(play)"
}

@test "24a: any number of tasks on any number of workers" {
    local run
    for run in 0:3 1:1 3:2 2:8 40:20 200:64; do
        equal "the story of ${run%:*} tasks on ${run#*:} workers" "$(story "${run%:*}" "${run#*:}")" "$(play --tasks "${run%:*}" --workers "${run#*:}")"
    done
}

@test "24a: join waits for every worker" {
    begin 300 --tasks 0
    await 'main   | join: '
    equal 'children that nobody has waited for' '' "$(children_of "$SERVER")"
    ends_with 0 ''
}

@test "24a: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'main   | end'
    broken_off_by HUP 129 'worker | task 3 is done'
    GROUP=1 broken_off_by INT 130 'main   | callback: 104'
}

# While main pauses after "end", no task is done: each worker waits for the one before it.
@test "24a: when every worker has been killed, join waits for no result" {
    begin 500
    await 'main   | end'
    children_of "$SERVER" | xargs kill -KILL
    ends_with 0 ''
    [[ $(tail -n 1 "$LOG") == 'main   | join: '*' tasks are unfinished, and every worker has ended' ]] || fail 'expected that join ends, but got' "$(cat "$LOG")"
}

@test "24a: when main is killed, its workers end too" {
    begin 500
    await 'main   | end'
    kill -KILL "$SERVER"
    ends_with 137 ''
}

@test "24a: a process that is refused ends the demo with one clear line" {
    local n
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for n in 1 3 5; do
        run limited env "$family" CALM=1 REFUSE=$n "$BUILD/flaky/$stem"
        equal "with REFUSE=$n" "1 $stem: fork: Resource temporarily unavailable" "$status $output"
        nothing_left
    done
}

@test "24a: names what is wrong" {
    refuses 2 '--workers 0: not a number from 1 to 64' --workers 0
    refuses 2 '--tasks 501: not a number from 0 to 500' --tasks 501
    refuses 2 'serve: no such command; see --help' serve
}

@test "24a: has help" { every_server_has_help --workers --tasks; }
@test "24a: the slides show what is so" { check_slides; }
