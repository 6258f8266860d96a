# The mistakes that these tests catch: an initializer that runs in the parent; one that fails and is tried for ever; a worker
# that does more tasks than it may; tasks that terminate leaves without an end; workers that outlive the pool or its parent.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "24d: the demo is the same each time" { check_demo 5; }

@test "24d: the initializer, and at most two tasks for each child" {
    equal 'workers' 'main   | the initializer ran in the worker: 42 there, 0 here
main   | 6 tasks, at most 2 for each child: 3 processes, one after another' "$(play | head -n 2)"
}

@test "24d: terminate gives every task an end" {
    equal 'terminate' 'main   | 10000 tasks that never end: terminate
main   | 10000 tasks were cancelled, and each error callback has been called
main   | join: every worker has ended' "$(play | tail -n 3)"
}

# ---- What the pool promises (tests/peers/pools.c) ----------------------------------------------------------------------

@test "24d: an initializer that fails is not tried for ever" { claim pools false-starts; }
@test "24d: a process for each task" { claim pools one-task-each; }
@test "24d: 10,000 queued tasks are terminated in under a second" { claim pools terminated; }
@test "24d: map keeps the results that there are when the pool is terminated" { claim pools terminated-in-a-chunk; }
@test "24d: no worker outlives its parent, however that ends" { claim pools parent-ends; }

# ---- A bad day ---------------------------------------------------------------------------------------------------------

@test "24d: interrupted calls change nothing" {
    same_story 'the demo' 'every worker has ended' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem && play)"
}

@test "24d: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'the initializer ran'
    broken_off_by HUP 129 'that never end'
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "24d: names what is wrong" {
    refuses 2 '--workers: no such option; see --help' --workers 5
    refuses 2 'serve: no such command; see --help' serve
}

@test "24d: has help" { every_server_has_help; }
@test "24d: the slides show what is so" { check_slides; }
