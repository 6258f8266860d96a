# The mistakes that these tests catch: a worker that dies and takes waiting tasks with it, or the whole pool; a task that is
# tried again, or done twice; a chunk that is lost as a whole; a death that is seen only when the worker's children have
# ended, too; a worker that is not replaced.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "24c: the demo is the same each time" { check_demo 5; }

@test "24c: a worker crashes, and a map loses one number" {
    equal 'the scene' 'main   | map, and a worker crashes at the 5: 1 4 9 16 0 36 49 64' "$(play | head -n 1)"
}

@test "24c: a worker is killed: one task fails, no other, and the pool has five workers again" {
    equal 'the scene' 'main   | a worker is killed in the middle of a task; 1000 tasks wait
main   | that task: Killed
main   | of the 1000 others, 1000 succeeded
main   | 5 tasks have met, so 5 workers run at the same time again' "$(play | tail -n 4)"
}

# ---- What the pool promises (tests/peers/pools.c) ----------------------------------------------------------------------

@test "24c: workers killed at random: no task is lost, none is done twice" { claim pools killed-at-random; }
@test "24c: idle workers that are killed are replaced, all of them" { claim pools killed-while-idle; }
@test "24c: a worker that is killed before it has begun takes no task with it" { claim pools killed-at-birth; }
@test "24c: a task that ends its process fails with that status" { claim pools exit-in-a-task; }
@test "24c: a process that a task leaves behind hides nothing" { claim pools grandchild; }
@test "24c: a worker that dies in a chunk of map loses one number of it" { claim pools crash-in-a-chunk; }

# ---- A bad day ---------------------------------------------------------------------------------------------------------

@test "24c: a worker that cannot be replaced at once is replaced later" {
    # the sixth process is the one that takes the place of the first that dies
    equal 'the demo' "$(play)" "$(CALM=1 REFUSE=6 limited "$BUILD/flaky/$stem" 2>&1 < /dev/null)"
}

@test "24c: interrupted calls change nothing" {
    same_story 'the demo' 'others, 1000 succeeded' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem && play)"
}

@test "24c: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'crashes at the 5'
    broken_off_by HUP 129 'in the middle of a task'
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "24c: names what is wrong" {
    refuses 2 '--workers: no such option; see --help' --workers 5
    refuses 2 'serve: no such command; see --help' serve
}

@test "24c: has help" { every_server_has_help; }
@test "24c: the slides show what is so" { check_slides; }
