# The mistakes that these tests catch: one argument for all threads; exit in a thread; -1 and errno expected of
# pthread_create.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; stem is the helper's
load helper
load peers/every_server

@test "16a: the demo is the same each time" { check_demo 5; }

@test "16a: a thread that is joined before the next one starts has the stage alone" {
    equal 'the first lines' 'main   | starts a thread and joins it, three times
Thread-1 | thread... 0
Thread-2 | thread... 1
Thread-3 | thread... 2' "$(play | head -n 4)"
}

# Their sum shows that each had its own number.
@test "16a: each thread has a name and a number of its own" {
    local got count
    for count in 1 2 3 500; do
        got=$(play --threads "$count")
        [[ $got == *"| Thread-4 saw 0"*"| Thread-$((count + 3)) saw $((count - 1))"*"their numbers add up to $((count * (count - 1) / 2))" ]] ||
            fail "$got"
    done
}

@test "16a: --same-argument: all read one number, when the loop is over" {
    local got
    got=$(play --threads 10 --same-argument)
    [[ $got == *'| Thread-4 saw 10'*'| Thread-13 saw 10'*'their numbers add up to 100' ]] || fail "$got"
}

# Starts the demo on a terminal, with four times Enter: it stands after the fifth line, and soon all threads are at the gate.
start_and_stand() {
    local line=''
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    export SAYS=$BATS_TEST_TMPDIR/says
    mkfifo "$SAYS"
    LOG=$BATS_TEST_TMPDIR/log
    # shellcheck disable=SC2016
    env "$family" STEP=1 timeout "$(limit 15)" "$BUILD/peers/pty" type $'\n\n\n\n' bash -c 'exec "$0" "$@" > "$SAYS"' \
        "$PROGRAM" "$@" > "$LOG.errors" 2>&1 < /dev/null 3>&- 4>&- &
    SERVER=$!
    exec {says}< "$SAYS"
    until [[ $line == *'starts 70 at once'* ]]; do
        read -r -t "$(limit 10)" line <&"$says" || fail 'the demo has started none' "$(cat "$LOG" "$LOG.errors")"
        echo "$line" >> "$LOG"
    done
    demo=$(children_of "$(children_of "$(children_of "$SERVER")")") # env, pty, and who stands behind the demo
}

threads_of() { # PID
    find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l
}

# ThreadSanitizer has two of its own here: it starts another one after fork.
@test "16a: a thread is a thread of the kernel; SIGTERM ends them all" {
    start_and_stand --threads 70 --same-argument
    local own=1 end=$((SECONDS + $(limit 10)))
    [[ $BUILD != */thread ]] || own=3
    until (($(threads_of "$demo") == own + 70 || SECONDS > end)); do continue; done # main says it, then it starts them
    equal 'threads of the kernel' $((own + 70)) "$(threads_of "$demo")"
    kill -TERM "$demo"
    wait "$SERVER" || true
    SERVER=
    nothing_left
}

@test "16a: a refused thread is a clear error, and a clean end" { ends_when_a_thread_is_refused 13 --threads 10; }

@test "16a: threads until something gives" {
    needs_an_address_space_of_its_own
    ulimit -v 400000
    run limited "$PROGRAM" --threads 100000 --same-argument
    equal status 1 "$status"
    equal 'the last line' "$stem: pthread_create: Resource temporarily unavailable" "${lines[-1]}"
}

@test "16a: names sizes out of range, and what is wrong" {
    refuses 2 '--threads 0: not a number from 1 to 100000' --threads 0
    refuses 2 '--threads 100001: not a number from 1 to 100000' --threads 100001
    refuses 2 '--threads ten: not a number from 1 to 100000' --threads ten
    refuses 2 '--thraeds: no such option; see --help' --thraeds 5
    refuses 2 'serve: no such command; see --help' serve
}

@test "16a: has help" { every_server_has_help --threads --same-argument; }
@test "16a: the slides show what is so" { check_slides; }
