# The mistakes that these tests catch: a number printed before the children are joined; a lock that holds only the write; a
# lock that is not told to be shared, or is each process's own; processes that are left at a gate, or all kept at once.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family is the helper's
load helper
load peers/every_server

@test "22a: the demo is the same each time" { check_demo 5 --processes 100; }

family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.22a # in the environment of the program and of all its children

# Plays with these words, and sees that no process is left. What it prints goes to a file: a child that is left would keep
# a pipe open.
ends_with() { # STATUS WORDS...
    local status=0
    env "$family" timeout -k 1 "$(limit 15)" "$PROGRAM" "${@:2}" > "$BATS_TEST_TMPDIR/output" 2>&1 < /dev/null || status=$?
    output=$(cat "$BATS_TEST_TMPDIR/output")
    equal "status of $stem ${*:2}" "$1" "$status"
    nothing_left
}

plays() { # WORDS...
    ends_with 0 "$@"
}

said() { # LINE...: these lines, one after the other
    [[ $'\n'$output$'\n' == *$'\n'"$(printf '%s\n' "$@")"$'\n'* ]] || fail 'wanted' "$@" 'but got' "$output"
}

last_number() {
    sed -n '$s/.* ---> //p' <<< "$output"
}

# ---- The post ----------------------------------------------------------------------------------------------------------

@test "22a: printed at the end of the loop, it is too small each time, and right after join" {
    local i
    for i in {1..3}; do
        plays --processes 300
        said 'main   | has started them all; a gate holds back the last 5' 'main   | prints 299 ---> 306' \
            'main   | opens the gate, and joins them all' 'main   | prints 299 ---> 311'
    done
    plays --processes 10
    said 'main   | prints 9 ---> 16'
    equal 'after join, 11 and one for each of 10 processes' 21 "$(last_number)"
}

# ---- The lock ----------------------------------------------------------------------------------------------------------

# A lock that is not shared leaves bob asleep where ann cannot wake him, if he is asleep by then: so several times.
@test "22a: with the lock, bob reads after ann has written" {
    local i
    for i in {1..20}; do
        plays --processes 10
        said 'ann    | has the lock, reads 11' 'bob    | wants the lock' 'ann    | writes 12, unlocks' \
            'bob    | has the lock, reads 12' 'bob    | writes 13, unlocks'
    done
}

# ---- No more processes -------------------------------------------------------------------------------------------------

as_a_user_with() { # PROCESSES WORDS...
    setpriv --reuid=54321 --regid=54321 --clear-groups prlimit --nproc="$1" "${@:2}"
}

@test "22a: there are never many more than 100 processes" {
    local most=120
    [[ $BUILD != */thread ]] || most=300 # each process has a thread of the sanitizer's
    ((EUID == 0)) || skip 'needs root, to become a user without other processes'
    as_a_user_with $most test -x "$PROGRAM" 2> /dev/null || skip 'needs setpriv and prlimit, and a user that may run the program'
    run limited setpriv --reuid=54321 --regid=54321 --clear-groups prlimit --nproc=$most "$PROGRAM" --processes 500 < /dev/null
    equal status 0 "$status"
    equal 'after join' 511 "$(last_number)"
}

@test "22a: a fork that fails is an error, and nobody is left" {
    PROGRAM=$BUILD/flaky/$stem
    local refused
    for refused in 1 2 3 20 100; do
        REFUSE=$refused ends_with 1 --processes 100
        equal 'the last line' "$stem: fork: Resource temporarily unavailable" "$(tail -n 1 <<< "$output")"
    done
}

# ---- SIGTERM -----------------------------------------------------------------------------------------------------------

@test "22a: SIGTERM leaves no child at a gate" { SLOW=200 broken_off_by TERM 143 'a gate holds back' --processes 100; }
@test "22a: ... nor one that waits for the lock" { SLOW=200 broken_off_by TERM 143 'wants the lock'; }
@test "22a: a main that is killed leaves no child at a gate" { SLOW=200 broken_off_by KILL 137 'a gate holds back' --processes 100; }
@test "22a: ... nor one that waits for the lock, too" { SLOW=200 broken_off_by KILL 137 'wants the lock'; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "22a: names what is wrong" {
    refuses 2 '--processes 5001: not a number from 10 to 5000' --processes 5001
    refuses 2 '--processes 9: not a number from 10 to 5000' --processes 9
    refuses 2 '--processes many: not a number from 10 to 5000' --processes many
    refuses 2 '--no-lock: no such option; see --help' --no-lock
    refuses 2 'serve: no such command; see --help' serve
}

@test "22a: has help" { every_server_has_help --processes; }

@test "22a: the slides show what is so" {
    [[ $BUILD != */thread ]] || skip 'each of 5,000 forks takes the thread sanitizer several milliseconds'
    check_slides
}
