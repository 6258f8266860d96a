# The mistakes that these tests catch: a thread that is started twice; one that waits for itself, or for what was never
# started; a limit of time in the wrong unit or on the wrong clock; an end that nobody is told of.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "16b: the demo is the same each time" { check_demo 5; }

@test "16b: a join with a limit says that it was too long, after that time, and can be repeated" {
    equal 'the scene' "\
main   | slow is not alive; starts it, and it waits for the word
main   | join slow, 50 ms at most: ETIMEDOUT, it is still running
main   | the time is up; slow is alive
main   | gives the word; main and bob both join slow
slow   | gets the word, and ends
main   | join slow: done; slow is not alive
main   | join slow once more: done" "$(play | head -n 7)"
}

@test "16b: a thread is not started twice" {
    matches "$(play)" '*start slow once more: EALREADY,*'
}

@test "16b: what was never started is not joined" {
    matches "$(play)" '*join unused: ESRCH,*'
}

@test "16b: a thread does not join itself" {
    matches "$(play)" '*loner  | joins itself: EDEADLK,*'
}

@test "16b: interrupted calls, and condition waits that end for nothing, change nothing" {
    same_story 'the demo' 'EDEADLK' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem && play)"
}

# slow, bob and loner
@test "16b: a refused thread is a clear error, and a clean end" { ends_when_a_thread_is_refused 3; }

@test "16b: names what is wrong" {
    refuses 2 '--threads: no such option; see --help' --threads 5
    refuses 2 'serve: no such command; see --help' serve
}

@test "16b: has help" { every_server_has_help; }
@test "16b: the slides show what is so" { check_slides; }
