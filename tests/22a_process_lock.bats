# The mistakes that these tests catch: a number printed before the children are joined; a lock that holds only the write; a
# lock that is not shared, or is each process's own; a mutex that is not recursive; EOWNERDEAD taken for a failure, or
# answered without repair, or without pthread_mutex_consistent; a wait for a dead owner; a refused fork that ends the
# program, or leaves children at a gate.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family is the helper's
load helper

family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.22 # in the environment of the program and of all its children

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

@test "22: the demo is the same each time" { check_demo 5 --processes 100; }
@test "22: ... with --no-lock, as far as it is certain" {
    local first
    first=$(play --no-lock --processes 100 | grep -v 'temp\[0\] is')
    for _ in {1..4}; do
        same_story 'the transcript' 'child-2 | writes 12' "$first" \
            "$(play --no-lock --processes 100 | grep -v 'temp\[0\] is')"
    done
}
@test "22: ... with --print-early" { check_demo 5 --print-early --processes 100; }
@test "22: ... with --not-robust" { check_demo 3 --not-robust; }

# ---- The three columns of the post -------------------------------------------------------------------------------------

@test "22: printed at the end of the loop, after join, and without the lock" {
    plays --processes 300
    said 'main   | end of the loop | after join | without the lock' 'main   |             306 |        311 | 310 or less'
    plays --processes 10
    said 'main   |              16 |         21 | 20 or less'
}

@test "22: printed too early, it is too small each time" {
    plays --print-early --processes 60
    said 'main   | prints: 59 ---> 66' 'main   | opens the gate, and joins them all'
    equal 'numbers that are printed' 1 "$(grep -c -e '--->' <<< "$output")"
}

@test "22: printed after join, it is right each time" {
    local i
    for i in {1..3}; do
        plays --processes 200
        said 'main   | opens the gate, and joins them all' 'main   | prints: 199 ---> 211'
    done
}

@test "22: without the lock an update is lost each time" {
    local sum
    plays --no-lock --processes 50
    said 'child-1 | reads 11' 'child-2 | reads 11' 'child-1 | writes 12' 'child-2 | writes 12'
    sum=$(sed -n 's/^main   | all are joined, and temp\[0\] is //p' <<< "$output")
    ((sum >= 12 && sum <= 60)) || fail "$output"
}

# ---- The lock ----------------------------------------------------------------------------------------------------------

@test "22: who has acquired it twice releases it twice, and until then nobody else has it" {
    plays --processes 10
    said 'ann    | acquires the lock, and once more: it is recursive' \
        'bob    | tries to acquire it: EBUSY' \
        'ann    | releases it once' \
        'bob    | tries to acquire it: EBUSY' \
        'ann    | releases it once more' \
        'bob    | tries to acquire it: yes'
}

@test "22: the owner is killed: the next one is told, repairs, and the lock goes on" {
    plays --processes 10
    said 'main   | kills ann with SIGKILL' \
        'bob    | has it, and an answer: EOWNERDEAD; the sum is 111' \
        'bob    | undoes the half, and says so with pthread_mutex_consistent' \
        'carol  | wants the lock: yes; the sum is 110'
}

@test "22: ... and without repair nobody has it again, until it is made anew" {
    plays --processes 10
    said 'bob    | has it, and an answer: EOWNERDEAD; the sum is 111' \
        'bob    | repairs nothing, and releases it' \
        'carol  | wants the lock: ENOTRECOVERABLE; the sum is 111' \
        'main   | nobody can have this lock again: makes it and temp anew' \
        'carol  | wants the lock: yes; the sum is 110'
}

@test "22: --not-robust: nobody is told, and who waits, waits for ever" {
    plays --not-robust
    said 'main   | kills ann with SIGKILL' \
        'main   | joins bob, 50 ms at most: he waits' \
        'main   | kills bob: the owner is dead, and nobody tells him'
}

# Both are in the middle of an update most of the time: one of them dies there, or waiting for the lock.
@test "22: a child that is killed stops no other, wherever it is" {
    local main status first second
    for _ in {1..3}; do
        status=0
        env "$family" "$PROGRAM" --timing --processes 2 --ops 1000000000 > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
        main=$!
        has_children "$main" 2
        first=${CHILDREN[0]} second=${CHILDREN[1]}
        works "$second"
        kill -KILL "$second"
        works "$first"
        kill -KILL "$first"
        wait "$main" || status=$?
        equal 'status' 1 "$status"
        grep -qxE 'main   \| temp\[0\] = [0-9]+: [1-9][0-9]* of 1000000000 increments lost' "$BATS_TEST_TMPDIR/says" ||
            fail "$(cat "$BATS_TEST_TMPDIR/says")"
        equal 'the cause' "$stem: child 1 has ended with -9" "$(tail -n 1 "$BATS_TEST_TMPDIR/says")"
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

# ---- No more processes -------------------------------------------------------------------------------------------------

@test "22: a fork that fails waits for those before it: none of them is missing" {
    PROGRAM=$BUILD/flaky/$stem
    local refused
    for refused in 3 96 100; do
        REFUSE=$refused plays --processes 100
        said "main   | no process for child $refused: joins those before it, and tries again"
        said 'main   | prints: 99 ---> 111'
    done
}

@test "22: a fork that fails for good is an error, and nobody is left" {
    PROGRAM=$BUILD/flaky/$stem
    no_fork 1 --processes 100   # the first child
    no_fork 102 --processes 100 # the second of the pair, while the first waits for it
    no_fork 202 --processes 100 # bob, while ann holds the lock
    no_fork 2 --not-robust      # bob, while ann is in the middle of an update
    no_fork 3 --timing          # a child, while others wait for the start
}

no_fork() { # NUMBER WORDS...
    REFUSE=$1 ends_with 1 "${@:2}"
    equal 'the last line' '22_process_lock: fork: Resource temporarily unavailable' "$(tail -n 1 <<< "$output")"
}

as_a_user_with() { # PROCESSES WORDS...
    setpriv --reuid=54321 --regid=54321 --clear-groups prlimit --nproc="$1" "${@:2}"
}

@test "22: with few processes allowed, all children add all the same" {
    ((EUID == 0)) || skip 'needs root, to become a user without other processes'
    as_a_user_with 20 test -x "$PROGRAM" 2> /dev/null || skip 'needs setpriv and prlimit, and a user that may run the program'
    run limited setpriv --reuid=54321 --regid=54321 --clear-groups prlimit --nproc=20 "$PROGRAM" --processes 200 < /dev/null
    equal status 0 "$status"
    said 'main   | prints: 199 ---> 211'
    equal 'lines about it' 1 "$(grep -c 'no process for child' <<< "$output")"
}

# ---- SIGTERM -----------------------------------------------------------------------------------------------------------

@test "22: SIGTERM leaves no child at a gate" { SLOW=200 broken_off_by TERM 143 'a gate holds back' --processes 100; }
@test "22: ... nor one of the pair" { SLOW=200 broken_off_by TERM 143 'reads 11' --no-lock; }
@test "22: ... nor one that waits for a dead owner" { SLOW=200 broken_off_by TERM 143 'kills ann' --not-robust; }
@test "22: a main that is killed leaves no child at a gate" { SLOW=200 broken_off_by KILL 137 'a gate holds back' --processes 100; }
@test "22: ... nor one that waits for an owner that is dead, too" { SLOW=200 broken_off_by KILL 137 'kills ann' --not-robust; }
@test "22: SIGTERM leaves no child that adds" {
    [[ $BUILD != */thread ]] || skip 'the thread sanitizer keeps a signal back while the parent waits in waitid'
    local main status=0
    env "$family" "$PROGRAM" --timing --ops 1000000000 > "$BATS_TEST_TMPDIR/says" < /dev/null 3>&- 4>&- &
    main=$!
    has_children "$main" 1
    kill -TERM "$main"
    wait "$main" || status=$?
    equal 'status' 143 "$status"
    nothing_left
}

# ---- --timing ----------------------------------------------------------------------------------------------------------

@test "22: --timing: no locked increment is lost" {
    plays --timing --ops 2000001
    same_transcript 'what --timing prints' 'timing | 2000001 increments in TIME s, MS increments/s
main   | temp[0] = 2000012: 0 of 2000001 increments lost' "$output"
    plays --timing --processes 1 --ops 7
    said 'main   | temp[0] = 18: 0 of 7 increments lost'
    plays --timing --processes 50 --ops 20
    said 'main   | temp[0] = 31: 0 of 20 increments lost'
}

# Whoever waits in the kernel is woken by another process: a mutex that is not told that processes share it hangs here. So many
# that nobody has done all of his share before the system lets another one run.
@test "22: --timing with --not-robust ends too" {
    local ops=30000000
    [[ $BUILD != */thread ]] || ops=3000000 # which takes as long there
    plays --timing --not-robust --ops $ops
    said "main   | temp[0] = $((ops + 11)): 0 of $ops increments lost"
}

@test "22: --timing with --no-lock says how many were lost" {
    plays --timing --no-lock --ops 1000000
    [[ $output =~ 'temp[0] = '([0-9]+)': '([0-9]+)' of 1000000 increments lost' ]] || fail "$output"
    equal 'those that were lost and those that were not' 1000011 "$((BASH_REMATCH[1] + BASH_REMATCH[2]))"
    ((BASH_REMATCH[2] >= 3)) || fail 'four have read before one has written' "$output"
    plays --timing --no-lock --ops 2
    said 'main   | temp[0] = 12: 1 of 2 increments lost'
    plays --timing --no-lock --ops 20 --processes 1
    said 'main   | temp[0] = 31: 0 of 20 increments lost'
}

# ---- Options -----------------------------------------------------------------------------------------------------------

refuses() { # MESSAGE WORDS...
    ends_with 2 "${@:2}"
    equal "what $stem ${*:2} prints" "$stem: $1" "$output"
}

@test "22: names what is wrong" {
    refuses '--processes 100001: not a number from 0 to 100000' --processes 100001
    refuses '--processes many: not a number from 0 to 100000' --processes many
    refuses '--processes 9: the demo wants 10 at least' --processes 9
    refuses '--ops 0: not a number from 1 to 1000000000' --timing --ops 0
    refuses '--ops 1000000001: not a number from 1 to 1000000000' --timing --ops 1000000001
    refuses '--no-locks: no such option; see --help' --no-locks
    refuses '--not-robust=1: takes no value' --not-robust=1
    refuses 'serve: no such command; see --help' serve
    refuses '--print-early, --no-lock, --not-robust: one at a time' --no-lock --print-early
    refuses '--print-early, --no-lock, --not-robust: one at a time' --no-lock --not-robust --timing
    refuses '--print-early: nothing that --timing could measure' --timing --print-early
}

@test "22: has help" {
    local option
    plays --help
    for option in --processes --print-early --no-lock --not-robust --timing --ops; do
        grep -q "^  $option " <<< "$output" || fail "no line for $option" "$output"
    done
}

@test "22: the slides show what is so" {
    [[ $BUILD != */thread ]] || skip 'each of 12,000 forks takes the thread sanitizer several milliseconds'
    check_slides
}
