# The mistakes that these tests catch: an exec that is thought never to return; a mask, an ignored signal or a descriptor that
# the other program inherits; a flag of the file where one of the descriptor is meant.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

@test "19d: the demo is the same each time" { check_demo 5; }

neutral() {
    sed -E 's/\bam [0-9]+/am PID/'
}

# What the new program finds: after a careless child, or after a careful one.
finds() { # careless|careful
    play | sed -n 's/^program | //p' | if [[ $1 == careless ]]; then head -n 5; else tail -n 5; fi | sed 1d
}

@test "19d: the process stays, its memory is new" {
    local pids
    pids=$(play | sed -n 's/.*| I am \([0-9]*\), mark is \([0-9]\).*/\1 \2/p')
    equal 'marks' '7 1 7 1' "$(cut -d ' ' -f 2 <<< "$pids" | paste -sd ' ')"
    equal 'pids' 2 "$(cut -d ' ' -f 1 <<< "$pids" | uniq | wc -l)"
}

@test "19d: a handler goes; what is ignored, blocked or open stays" {
    equal 'what the program finds' 'SIGUSR1 has its default action
SIGUSR2 is ignored
SIGALRM is blocked
the secret is open' "$(finds careless)"
}

@test "19d: a child that tidies up hands on nothing" {
    equal 'what the program finds' 'SIGUSR1 has its default action
SIGUSR2 has its default action
SIGALRM is not blocked
the secret is closed' "$(finds careful)"
}

@test "19d: the parent has the status of the new program" {
    equal 'exit codes' '5 5 127' "$(play | sed -n 's/^main .* exit code //p' | paste -sd ' ')"
}

@test "19d: an exec that fails returns, and says why" {
    [[ $(play) == *'child  | exec of "./no-such-program": No such file or directory
main   | exit code 127' ]]
}

@test "19d: found on the PATH, it finds itself" {
    same_story 'the demo' 'the secret is open' "$(play | neutral)" "$(PATH=$BUILD:$PATH limited "$stem" | neutral)"
}

@test "19d: a process that is refused is a clear error, and nothing is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 2 3; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal "status without process $nth" 1 "$status"
        equal "errors without process $nth" "$stem: fork: Resource temporarily unavailable" "$(grep -v " | " <<< "$output")"
        nothing_left
    done
}

@test "19d: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'program | SIGUSR1'
    broken_off_by HUP 129 'I tidy up'
}

@test "19d: names what is wrong" {
    refuses 2 'FD x: not a number from 0 to 1000000' report x
    refuses 2 '--tidy: no such option; see --help' --tidy
}

@test "19d: has help" { every_server_has_help; }
@test "19d: the slides show what is so" { check_slides; }
