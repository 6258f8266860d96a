# The mistakes that these tests catch: a pool that hands all tasks to the first worker, or one and waits; results in the order
# in which they come; a worker that dies and takes tasks with it, or the whole pool; a task that is done twice; a wake-up
# between "nothing to do" and the sleep that is lost; a callback that waits for itself; workers that outlive the pool or its
# parent; an initializer that fails and is tried for ever.
# shellcheck disable=SC2030,SC2031,SC2154
load helper

neutral() {
    sed 's/[0-9]* ms$/MS ms/'
}

# The lines of one part of the demo: those before the first "----", or after "---- TITLE".
part() { # TITLE
    play | awk -v title="$1" 'BEGIN { on = title == "" } / \| ---- / { on = title != "" && index($0, title); next } on'
}

# ---- The posts' program ------------------------------------------------------------------------------------------------

@test "24b: ten tasks on five workers: end first, then two rounds of results" {
    local expected='main   | apply_async, 10 times; there are 5 workers
main   | end' i
    for ((i = 0; i < 10; i++)); do
        expected+=$'\n'"worker-$((i % 5 + 1)) | task $i is done"$'\n'"main   | callback: $((i + 100))"
    done
    same_transcript 'the demo' "$expected"$'\nmain   | 10 tasks of 30 ms, in 2 rounds: MS ms' "$(part '')"
}

@test "24b: two rounds take two units of time or more" {
    local took
    took=$(play --unit 50 | sed -n 's/.*in 2 rounds: \([0-9]*\) ms$/\1/p')
    ((took >= 100)) || fail "two rounds of 50 ms took $took ms"
}

@test "24b: any number of tasks on any number of workers" {
    local run
    for run in 1:1 3:2 7:3 2:8 40:20; do
        equal "callbacks of $run" "$(seq 100 $((99 + ${run%:*})))" \
            "$(play --tasks "${run%:*}" --workers "${run#*:}" --unit 1 | sed -n 's/^main   | callback: //p')"
    done
}

# ---- The rest of the demo ----------------------------------------------------------------------------------------------

@test "24b: apply waits, map keeps the order, get has a limit of time" {
    equal 'results' 'main   | apply waits: 101
main   | map keeps the order: 1 4 9 16 25 36 49 64
main   | get, 20 ms at most: no result yet
main   | get, without limit: 102' "$(part 'apply, map')"
}

@test "24b: a task that fails or crashes, a worker that is killed: one task fails, no other" {
    equal 'deaths' 'main   | a task that fails: failed: Invalid argument
main   | a task that crashes: failed: its worker died of SIGABRT
main   | 5 tasks run at the same time: the pool is at full strength
main   | kills an idle worker with SIGKILL
main   | 5 tasks run at the same time: the pool is at full strength
main   | kills a worker with SIGKILL in the middle of a task; 1000 wait
main   | that task: failed: its worker died of SIGKILL
main   | of the 1000 others, 1000 succeeded
main   | 5 tasks run at the same time: the pool is at full strength' "$(part 'workers that die')"
}

@test "24b: no pool of 0, no join before close, no task after it; a callback may call the pool" {
    equal 'rules' 'main   | a pool of 0 workers: refused
main   | join, before close: refused, more tasks may come
main   | a callback has 100, applies once more and has 200
main   | join, in a callback: refused, it would wait for its own end
main   | apply_async, after close: refused
main   | join, after close: every worker has ended' "$(part 'what is refused')"
}

@test "24b: the initializer, and at most so many tasks for each child" {
    equal 'workers' 'main   | the initializer ran in the worker (42), not here (0)
main   | with an initializer that fails, a task: failed: there is no worker
main   | 6 tasks, at most 2 for each child: 3 processes, one after another' "$(part 'a worker begins')"
}

@test "24b: terminate" {
    equal 'terminate' 'main   | 10000 tasks that never end; terminate
main   | 10000 of them failed: the pool was terminated' "$(part 'terminate')"
}

# ---- What the pool promises (tests/peers/pools.c) ----------------------------------------------------------------------

@test "24b: each task is done once, and nothing is left open" { claim pools each-once; }
@test "24b: workers killed at random: no task is lost, none is done twice" { claim pools killed-at-random; }
@test "24b: idle workers that are killed are replaced, all of them" { claim pools killed-while-idle; }
@test "24b: a task that ends its process fails with that status" { claim pools exit-in-a-task; }
@test "24b: a process that a task leaves behind hides nothing" { claim pools grandchild; }
@test "24b: no task waits behind a long one while a worker is idle" { claim pools behind-a-long-task; }
@test "24b: a worker that dies in a chunk of map loses one task of it" { claim pools crash-in-a-chunk; }
@test "24b: a worker that is awake goes from task to task without a system call" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer makes some of its own'
    grep -q '^Seccomp' /proc/self/status || skip 'this kernel cannot forbid system calls'
    claim pools no-system-call
}
@test "24b: a limit of time is kept, whatever else happens" { claim pools limit-among-news; }
@test "24b: a pool and another child do not disturb each other" { claim pools beside-another-child; }
@test "24b: callbacks apply and submit, without end" { claim pools callback-calls-the-pool; }
@test "24b: an initializer that fails is not tried for ever" { claim pools false-starts; }
@test "24b: a process for each task" { claim pools one-task-each; }
@test "24b: 10,000 queued tasks are terminated in under a second" { claim pools terminated; }
@test "24b: map keeps the results that there are when the pool is terminated" { claim pools terminated-in-a-chunk; }
@test "24b: no worker outlives its parent, however that ends" { claim pools parent-ends; }
@test "24b: what has to be refused is refused" { claim pools refused; }

# ---- A bad day ---------------------------------------------------------------------------------------------------------

@test "24b: a process that is refused at the start is one clear line, and no worker is left" {
    local status=0 family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem said
    said=$(env "$family" REFUSE=4 timeout -k 1 "$(limit 15)" "$BUILD/flaky/$stem" 2>&1 < /dev/null) || status=$?
    equal 'status' 1 "$status"
    equal 'the line' "$stem: fork: Resource temporarily unavailable" "$(tail -n 1 <<< "$said")"
    nothing_left
}

@test "24b: a worker that cannot be replaced at once is replaced later" {
    # the sixth process is the one that takes the place of the first that dies
    said=$(REFUSE=6 timeout -k 1 "$(limit 15)" "$BUILD/flaky/$stem" deaths 2>&1 < /dev/null)
    [[ $said == *'full strength'*'full strength'*'full strength'* ]] || fail "$said"
    # the only one: nobody is left until then, and no task fails for that
    said=$(REFUSE=2 timeout -k 1 "$(limit 15)" "$BUILD/flaky/$stem" deaths --workers 1 2>&1 < /dev/null)
    equal 'with one worker' 3 "$(grep -c '1 tasks run at the same time' <<< "$said")"
    [[ $said == *'of the 1000 others, 1000 succeeded'* ]] || fail "$said"
}

@test "24b: interrupted calls change nothing" {
    same_story 'the demo' 'the pool was terminated' "$(play --unit 1 | neutral)" \
        "$(PROGRAM=$BUILD/flaky/$stem && play --unit 1 | neutral)"
}

@test "24b: SIGTERM in the middle leaves no worker" {
    local status=0 family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    env "$family" "$PROGRAM" --unit 10000 > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
    until grep -q end "$BATS_TEST_TMPDIR/says"; do :; done
    kill -TERM $!
    wait $! || status=$?
    equal 'status' 143 "$status"
    nothing_left
}

# ---- The command line, the transcript, the slides ----------------------------------------------------------------------

@test "24b: --timing counts every task, in all modes" {
    local mode
    for mode in apply async map; do
        same_transcript "$mode" 'timing | 3000 tasks in TIME s, MS tasks/s' \
            "$(play --timing --tasks 3000 --workers 2 --chunk 7 --mode "$mode")"
    done
}

@test "24b: names a wrong option or value" {
    local words
    for words in '--workers 0' '--tasks 0' '--chunk 0' '--unit x' '--mode fast --timing' '--mode fast' 'deaths --timing'; do
        local status=0
        # shellcheck disable=SC2086 # words of their own
        said=$("$PROGRAM" $words 2>&1) || status=$?
        equal "status of $words" 2 "$status"
        [[ $said == "$stem: "*"${words%% *}"* && $(wc -l <<< "$said") == 1 ]] || fail "$words: $said"
    done
    [[ $("$PROGRAM" --help) == *'Usage: '*--workers*--mode* ]]
}

@test "24b: the demo is the same each time" { check_demo 2; }

@test "24b: the slides show what is so" {
    check_slides
}
