# The mistakes that these tests catch: main that returns while others are at work; a daemon that is waited for, or that is
# made one too late.
# shellcheck disable=SC2154
load helper
load peers/every_server

@test "16c: the demo is the same each time" { check_demo 5; }

# With a pause after each line, main would be back from a wait that is none before worker has ended.
@test "16c: main ends first, and waits for all but the daemon" {
    equal 'the scene' "\
main   | starts worker, and backup, which is a daemon
worker | is at work
backup | is at work
main   | reaches its end, and waits for all but the daemons
worker | has done its work
main   | worker is not alive, backup is alive: returns" "$(SLOW=20 play)"
}

@test "16c: --no-join: a thread at work ends with main" {
    local got
    got=$(play --no-join)
    equal 'the last line' 'main   | reaches its end, and returns: the process ends, with all its threads' "${got##*$'\n'}"
    [[ $got == *'worker | is at work'* && $got != *'has done its work'* ]] || fail "$got"
}

@test "16c: a refused thread is a clear error, and a clean end" { ends_when_a_thread_is_refused 2; }

@test "16c: names what is wrong" {
    refuses 2 '--no-join=yes: takes no value' --no-join=yes
    refuses 2 'serve: no such command; see --help' serve
}

@test "16c: has help" { every_server_has_help --no-join; }
@test "16c: the slides show what is so" { check_slides; }
