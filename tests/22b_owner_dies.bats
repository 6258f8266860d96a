# The mistakes that these tests catch: EOWNERDEAD taken for a failure, or answered without a repair, or without
# pthread_mutex_consistent; a wait for a dead owner; a child that is left waiting.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family is the helper's
load helper
load peers/every_server

@test "22b: the demo is the same each time" { check_demo 5; }
@test "22b: ... with --no-repair" { check_demo 5 --no-repair; }
@test "22b: ... with --not-robust" { check_demo 3 --not-robust; }

half_done='main   | temp = {11, 22, 33, 44}: an update of two halves keeps the sum 110
ann    | has the lock and adds one to temp[0]: half of an update
bob    | waits for the lock
main   | kills ann with SIGKILL'

@test "22b: the owner is killed: the next one is told, repairs, and the lock goes on" {
    equal 'the demo' "$half_done
bob    | has it, and an answer: EOWNERDEAD; the sum is 111
bob    | undoes the half, and says so with pthread_mutex_consistent
carl   | wants the lock: yes; the sum is 110" "$(play)"
}

@test "22b: ... and without repair nobody has it again, until it is made anew" {
    equal 'the demo' "$half_done
bob    | has it, and an answer: EOWNERDEAD; the sum is 111
bob    | repairs nothing, and unlocks
carl   | wants the lock: ENOTRECOVERABLE; the sum is 111
main   | nobody can have this lock again: makes it and temp anew
carl   | wants the lock: yes; the sum is 110" "$(play --no-repair)"
}

@test "22b: the lock is made once, for all processes, and whoever has it gives it back" {
    equal 'locks that were made for all processes' 1 "$(counted 'shared mutexes')"
    equal 'times that bob and carl gave it back' 2 "$(counted unlocks)"
}

@test "22b: --not-robust: nobody is told, and whoever waits, waits for ever" {
    equal 'the demo' "$half_done
main   | joins bob, 50 ms at most: he waits
main   | kills bob: the owner is dead, and nobody tells him" "$(play --not-robust)"
}

# ---- The lock of common/processes/array.h ------------------------------------------------------------------------------

# Both are in the middle of an update most of the time: one of them dies there, or waiting for the lock.
@test "22b: a child that is killed stops no other, wherever it is" {
    local main status first second
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.22b
    for _ in {1..3}; do
        status=0
        env "$family" "$BUILD/peers/costs" array 2 1000000000 > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
        main=$!
        has_children "$main" 2
        first=${CHILDREN[0]} second=${CHILDREN[1]}
        works "$second"
        kill -KILL "$second"
        works "$first"
        kill -KILL "$first"
        wait "$main" || status=$?
        equal 'status' 1 "$status"
        equal 'the cause' 'costs: process 0 has ended with -9' "$(cat "$BATS_TEST_TMPDIR/says")"
        nothing_left
    done
}

# Waits until the process has this many children or more: CHILDREN.
has_children() { # PID COUNT
    local end=$((SECONDS + $(limit 10)))
    until mapfile -t CHILDREN < <(children_of "$1") && ((${#CHILDREN[@]} >= $2)); do
        ((SECONDS < end)) || fail "$1 has not $2 children"
    done
}

# Waits until the process has used more of a CPU, as it does not while it waits for the lock in the kernel.
works() { # PID
    local wanted end=$((SECONDS + $(limit 10)))
    local used
    used=$(ticks "$1") wanted=$((used + 3))
    until used=$(ticks "$1") && ((used >= wanted)); do
        if [[ -z $used ]] || ((SECONDS >= end)); then
            kill "$main"
            fail 'it has ended, or it waits and nobody has the lock'
        fi
    done
}

ticks() { # PID
    local -a field
    read -r -a field < "/proc/$1/stat" && echo $((field[13] + field[14]))
}

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

@test "22b: a fork that fails is an error, and nobody is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.22b
    for nth in 1 2 3; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal 'status' 1 "$status"
        equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
        nothing_left
    done
}

@test "22b: SIGTERM leaves nobody who waits for a dead owner" { SLOW=200 broken_off_by TERM 143 'kills ann' --not-robust; }
@test "22b: ... nor the owner" { SLOW=200 broken_off_by TERM 143 'has the lock'; }
@test "22b: a main that is killed leaves nobody who waits for an owner that is dead, too" { SLOW=200 broken_off_by KILL 137 'kills ann' --not-robust; }

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "22b: names what is wrong" {
    refuses 2 '--no-repair, --not-robust: one at a time' --no-repair --not-robust
    refuses 2 '--robust: no such option; see --help' --robust
    refuses 2 '--not-robust=1: takes no value' --not-robust=1
    refuses 2 'serve: no such command; see --help' serve
}

@test "22b: has help" { every_server_has_help --no-repair --not-robust; }
@test "22b: the slides show what is so" { check_slides; }
