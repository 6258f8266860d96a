# The mistakes that these tests catch: the time of a round taken for that of a call; a ratio to the row above; a thread that is
# not woken; a manager that narrates while it is measured; processes that are left. And for make bench: a ratio to the wrong
# peer, a peer that is not timed in turn, a program that fails unnoticed.
# shellcheck disable=SC2034,SC2154 # stem is the helper's
load helper
load peers/every_server

family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem

# What the program says, without what stands between the columns.
costs() {
    run limited env "$family" "$PROGRAM"
    equal status 0 "$status"
    costs=$(tr -s ' ' <<< "$output")
    [[ $costs == cost*process* ]] || fail "$output"
}

@test "26b: the demo has a row for each cost, and says nothing else" {
    costs
    same_transcript 'the table' 'cost | microseconds locks
lock | MS 1 pthread_mutex_lock, unlock
array | MS MS the same in shared memory, with an owner
event | MS MS pthread_cond_wait: a thread, and back
message | MS MS send, recv: a process, and back
dict | MS MS a message to a manager
apply | MS MS a task of a pool
thread | MS MS pthread_create, join
process | MS MS fork, waitpid' "$costs"
    nothing_left
}

# The figures are rounded, that of the lock too: to a thousandth of a microsecond.
@test "26b: the second column says how many locks a call costs" {
    costs
    awk '$1 == "lock" { lock = $3 } NR > 1 { low = $3 / (lock + 0.0006) - 1; high = $3 / (lock > 0.0006 ? lock - 0.0006 : 1e-9) + 1
        if ($4 < low || $4 > high) { print; wrong = 1 } } END { exit wrong }' <<< "$costs" || fail "$costs"
}

# Seen: a fiftieth of a microsecond, ten, and a hundred.
@test "26b: a call takes as long as one call: a lock is not a round, and a process is no lock" {
    costs
    awk '{ us[$1] = $3 } END { exit !(us["lock"] < 10 && us["thread"] > us["lock"] && us["process"] > us["thread"] && us["process"] < 100000) }' \
        <<< "$costs" || fail "$costs"
}

@test "26b: a signal ends it, and all of its processes" {
    local signal status seen
    for signal in INT TERM; do
        status=0
        env "$family" "$PROGRAM" > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
        costs=$!
        seen=
        until [[ $seen || ! -d /proc/$costs ]]; do seen=$(children_of "$costs"); done
        [[ $seen ]] || fail "it has ended, and had no process:" "$(cat "$BATS_TEST_TMPDIR/says")"
        kill "-$signal" "$costs" 2> /dev/null || true
        wait "$costs" || status=$?
        ((status == 0 || status == 128 + $(kill -l "$signal"))) || fail "status $status after SIG$signal:" "$(cat "$BATS_TEST_TMPDIR/says")"
        nothing_left_soon
    done
}

# ---- What is no server, in make bench --------------------------------------------------------------------------------

# Here the programs are scripts.
given_programs_of() { # RATE OF_PYTHON OF_LIMITS
    write_script costs "$1"
    write_script python "$2"
    write_script limits "$3"
}

# A script that writes its words down and says that it has done so many things in a second.
write_script() { # NAME RATE
    # shellcheck disable=SC2016 # the script's shell has to find the values
    printf '#!/bin/sh\necho "${0##*/} $*" >> "%s/words"\necho "timing | %s things in 1.000 s, %s things/s"\n' \
        "$BATS_TEST_TMPDIR" "$2" "$2" > "$BATS_TEST_TMPDIR/$1"
    chmod +x "$BATS_TEST_TMPDIR/$1"
}

rates() { # ROUNDS [PYTHON]
    run limited bash tests/peers/rates.bash "$1" "$BATS_TEST_TMPDIR"/{costs,limits} "${@:2}"
}

words_of() { # NAME
    sed -n "s/^$1 //p" "$BATS_TEST_TMPDIR/words" | paste -sd ' '
}

@test "26b: make bench compares what is no server with the bare calls and with Python" {
    given_programs_of 100 50 400
    rates 1 "$BATS_TEST_TMPDIR/python"
    equal status 0 "$status"
    equal 'the table' "what a second of bare calls of Python
$(printf '%s 100 0.25 2.00\n' thread lock event process array plock dict apply async map1 map)" "$(sed -E 's/ +/ /g' <<< "$output")"
    equal 'what Python is asked for' 'thread lock event process array plock dict apply async map1 map' "$(words_of python)"
    equal 'what costs is asked for' 'thread lock event process array array 4 dict apply 2 async 2 map1 2 map 2' "$(words_of costs)"
    equal 'what the bare calls are asked for' 'thread lock event process array plock dict apply async async map' "$(words_of limits)"
}

@test "26b: a program and its peers take turns, and without Python there is no ratio to it" {
    given_programs_of 100 50 400
    rates 2 "$BATS_TEST_TMPDIR/python"
    equal status 0 "$status"
    equal 'the first row' 'costs limits python costs limits python' "$(head -n 6 "$BATS_TEST_TMPDIR/words" | sed 's/ .*//' | paste -sd ' ')"
    rates 1
    equal status 0 "$status"
    equal 'the first row' 'thread 100 0.25 -' "$(sed -n '2s/ \+/ /gp' <<< "$output")"
}

@test "26b: a program that fails, or has no timing, is named" {
    given_programs_of 100 1 1
    local line
    for line in 'exit 1' 'echo "timing | 5 things in 1.000 s, 0 things/s"' 'echo "main | nothing"' \
        'echo "timing | 5 things in 1.000 s, 5 things/s"; exit 3'; do
        echo "$line" > "$BATS_TEST_TMPDIR/costs"
        rates 1
        equal "status when the program says: $line" 1 "$status"
        equal 'the last line' "rates.bash: $BATS_TEST_TMPDIR/costs thread: has no line with its timing" "$(tail -n 1 <<< "$output")"
    done
    given_programs_of 100 1 1
    rates 1 false
    equal 'status when a peer fails' 1 "$status"
    equal 'the last line' 'rates.bash: false thread: has no line with its timing' "$(tail -n 1 <<< "$output")"
}

@test "26b: make bench times the programs themselves" {
    [[ $BUILD != */thread ]] || skip 'takes too long'
    run timeout -k 1 "$(limit 50)" bash tests/peers/rates.bash 1 "$BUILD/peers/costs" "$BUILD/peers/limits"
    equal status 0 "$status"
    equal 'rows' 'thread lock event process array plock dict apply async map1 map' \
        "$(sed -nE 's/^([a-z0-9]+) +[1-9][0-9]* +[0-9.]+ +-$/\1/p' <<< "$output" | paste -sd ' ')"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "26b: names what is wrong" {
    refuses 2 'slowly: no such command; see --help' slowly
    refuses 2 '--rounds: no such option; see --help' --rounds 3
}

@test "26b: has help" {
    every_server_has_help
}

@test "26b: the slides show what is so" { check_slides; }
