# The mistakes that these tests catch: one argument for all threads; main that returns while others are at work; a daemon
# that is waited for, or that is made one too late; a thread that is started twice; one that waits for itself, or for what
# was never started; a limit of time in the wrong unit or on the wrong clock; -1 and errno expected of pthread_create; a
# refused thread that leaves the others waiting.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; stem is the helper's
load helper
load peers/every_server

@test "16: the demo is the same each time" { check_demo 5; }

# ---- Many threads ------------------------------------------------------------------------------------------------------

# Their sum shows that each had its own number.
@test "16: each thread has a name and a number of its own" {
    local got count
    for count in 1 2 3 500; do
        got=$(play --threads "$count")
        equal "lines of $count threads" "$(for i in 1 2 "$count"; do
            ((i > count)) || echo "Thread-$i | thread... $((i - 1))"
        done | uniq)" "$(grep '^Thread-' <<< "$got")"
        [[ $got == *"their numbers add up to $((count * (count - 1) / 2))"*"has joined $count"* ]] || fail "$got"
        [[ $got == *"the kernel lists $count threads by the names of Thread-N"* ]] || fail "$got"
    done
}

@test "16: --same-argument: all read one number, when the loop is over" {
    local got
    got=$(play --threads 10 --same-argument)
    equal 'what they say' $'Thread-1 | thread... 10\nThread-2 | thread... 10\nThread-10 | thread... 10' \
        "$(grep '^Thread-' <<< "$got")"
    [[ $got == *'their numbers add up to 100'* ]] || fail "$got"
}

# ---- In the middle -----------------------------------------------------------------------------------------------------

# Starts the demo on a terminal, with one Enter for its first line: it stands after the second, with all threads at a gate.
start_and_stand() {
    local line=''
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    export SAYS=$BATS_TEST_TMPDIR/says
    mkfifo "$SAYS"
    LOG=$BATS_TEST_TMPDIR/log
    # shellcheck disable=SC2016
    env "$family" STEP=1 timeout "$(limit 15)" "$BUILD/peers/pty" type $'\n' bash -c 'exec "$0" "$@" > "$SAYS"' \
        "$PROGRAM" "$@" > "$LOG.errors" 2>&1 < /dev/null 3>&- 4>&- &
    SERVER=$!
    exec {says}< "$SAYS"
    until [[ $line == *'has started them all'* ]]; do
        read -r -t "$(limit 10)" line <&"$says" || fail 'the demo has not started them all' "$(cat "$LOG" "$LOG.errors")"
        echo "$line" >> "$LOG"
    done
    demo=$(children_of "$(children_of "$SERVER")")
}

# ThreadSanitizer has one of its own.
@test "16: a thread is a thread of the kernel; SIGTERM ends them all" {
    start_and_stand --threads 70
    local own=1
    [[ $BUILD != */thread ]] || own=2
    equal 'threads of the kernel' $((own + 70)) "$(find "/proc/$demo/task" -mindepth 1 -maxdepth 1 | wc -l)"
    kill -TERM "$demo"
    wait "$SERVER" || true
    SERVER=
    nothing_left
}

# ---- Join --------------------------------------------------------------------------------------------------------------

@test "16: a join with a limit says that it was too long, after that time, and can be repeated" {
    local want="\
main   | starts slow, which waits for a word; slow is not alive
main   | join slow, 50 ms at most: ETIMEDOUT, it still runs
main   | the time is over; slow is alive
main   | gives the word; main and bob both join slow
slow   | has the word, and ends
main   | join slow: done; slow is not alive
main   | join slow once more: done"
    equal 'the scene' "$want" "$(play --threads 1 | sed -n '/---- join/,/---- three/ { /----/d; p }')"
}

@test "16: a thread is not started twice" {
    [[ $(play --threads 1) == *'start slow once more: EALREADY,'* ]]
}

@test "16: what was never started is not joined" {
    [[ $(play --threads 1) == *'join unused: ESRCH,'* ]]
}

@test "16: a thread does not join itself" {
    [[ $(play --threads 1) == *'loner  | joins itself: EDEADLK,'* ]]
}

# ---- The stack ---------------------------------------------------------------------------------------------------------

@test "16: a stack takes memory only where it is used" {
    local lines begins used
    lines=$(play --threads 1)
    [[ $lines == *'reserves 8192 KiB for the stack of deep: 0 KiB are in memory'* ]] || fail "$lines"
    begins=$(sed -n 's/^deep .*begins: \([0-9]*\) KiB.*/\1/p' <<< "$lines")
    used=$(sed -n 's/^deep .*1024 KiB: \([0-9]*\) KiB.*/\1/p' <<< "$lines")
    ((begins > 0 && begins < 4096 && used - begins >= 1020 && used - begins < 1536)) || fail "$lines"
}

# ---- The end -----------------------------------------------------------------------------------------------------------

# With a pause after each line, main would be back from a wait that is none before worker has ended.
@test "16: main ends first, and waits for all but the daemon" {
    local want="\
main   | starts worker, and backup, which is a daemon
worker | is at work
backup | is at work
main   | is at its end, and waits for all but the daemons
worker | has done its work
main   | worker is not alive, backup is alive: returns"
    equal 'the scene' "$want" "$(SLOW=20 play --threads 1 | sed '1,/---- main ends/d')"
}

@test "16: --no-join: a thread at work ends with main" {
    local got
    got=$(play --threads 1 --no-join)
    equal 'the last line' 'main   | is at its end, and returns: the process ends, with all its threads' "${got##*$'\n'}"
    [[ $got == *'worker | is at work'* && $got != *'has done its work'* ]] || fail "$got"
}

# ---- Threads that are refused ------------------------------------------------------------------------------------------

# The last six are slow, bob, loner, deep, worker and backup.
@test "16: a refused thread is a clear error, and a clean end" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    PROGRAM=$BUILD/flaky/$stem
    for nth in 1 2 5 10 11 12 13 14 15 16; do
        export REFUSE=$nth
        run env "$family" timeout "$(limit 15)" "$PROGRAM" --threads 10
        equal "status when $nth is refused" 1 "$status"
        equal "the error when $nth is refused" "$stem: pthread_create: Resource temporarily unavailable" "${lines[-1]}"
        equal 'lines of it' 1 "$(grep -c "^$stem:" <<< "$output")"
        [[ $output != *'has done its work'* ]] || fail "$output"
        nothing_left
    done
    export REFUSE=17
    play --threads 10 > /dev/null
}

@test "16: ... also while it measures" {
    PROGRAM=$BUILD/flaky/$stem
    export REFUSE=3
    refuses 1 'pthread_create: Resource temporarily unavailable' --timing --ops 5
    refuses 1 'pthread_create: Resource temporarily unavailable' --timing --bare --ops 5
}

@test "16: threads until something gives" {
    needs_an_address_space_of_its_own
    ulimit -v 400000
    run limited "$PROGRAM" --threads 100000
    equal status 1 "$status"
    equal 'what it says' "\
main   | starts Thread-1 to Thread-100000: one function, a number for each
$stem: pthread_create: Resource temporarily unavailable" "$output"
}

# ---- Options -----------------------------------------------------------------------------------------------------------

@test "16: times threads" {
    run limited "$PROGRAM" --timing --ops 50
    equal status 0 "$status"
    same_transcript 'what --timing prints' 'timing | 50 threads in TIME s, MS threads/s' "$output"
    run limited "$PROGRAM" --timing --ops 50 --bare
    equal status 0 "$status"
    same_transcript 'what --timing --bare prints' 'timing | 50 threads in TIME s, MS threads/s' "$output"
}

@test "16: names sizes out of range" {
    refuses 2 '--threads 0: not a number from 1 to 100000' --threads 0
    refuses 2 '--threads 100001: not a number from 1 to 100000' --threads 100001
    refuses 2 '--threads ten: not a number from 1 to 100000' --threads ten
    refuses 2 '--ops 0: not a number from 1 to 10000000' --timing --ops 0
    refuses 2 '--ops 10000001: not a number from 1 to 10000000' --timing --ops 10000001
    refuses 2 '--no-join=yes: takes no value' --no-join=yes
}

@test "16: names what is wrong" {
    refuses 2 '--thraeds: no such option; see --help' --thraeds 5
    refuses 2 'serve: no such command; see --help' serve
}

@test "16: has help" { every_server_has_help --threads --same-argument --no-join --timing --ops --bare; }
@test "16: the slides show what is so" { check_slides; }
