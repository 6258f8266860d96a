# The mistakes that these tests catch: a flag that is looked at too late; a counter that is compared with 0; if around the
# wait; one thread woken where all should be; a time-out that says true; a limit of 0 taken for none; a set that is forgotten,
# or never cleared; end of file that sets the event, or leaves the waiters behind; "trueish" taken for the word; a busy wait;
# a thread that is refused, and others that wait on.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and has_help: this lesson serves nobody

# ---- A keyboard for the program: a FIFO that stays open until ends -----------------------------------------------------

# Starts the program (or $READER) with an open keyboard.
reads() { # WORDS...
    LOG=$BATS_TEST_TMPDIR/log
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    mkfifo "$BATS_TEST_TMPDIR/keyboard" "$BATS_TEST_TMPDIR/said"
    exec {keys}<> "$BATS_TEST_TMPDIR/keyboard" # a FIFO opened for reading too does not wait for its reader
    (exec {keys}>&- && exec env "$family" "${READER:-$PROGRAM}" "$@" read) < "$BATS_TEST_TMPDIR/keyboard" \
        > "$BATS_TEST_TMPDIR/said" 2> "$LOG.errors" 3>&- 4>&- &
    SERVER=$!
    exec {says}< "$BATS_TEST_TMPDIR/said"
}

types() { # TEXT, as printf takes it
    env printf "$1" >&"$keys"
}

hears() { # LINE...
    local line heard
    for line in "$@"; do
        heard='(nothing)'
        IFS= read -r -t "$(limit 10)" heard <&"$says" || true
        echo "$heard" >> "$LOG"
        equal 'the next line' "$line" "$heard"
    done
}

# Nothing more is said, and the program ends with this status and these errors.
ends() { # STATUS [ERRORS]
    local heard status=0
    ! IFS= read -r -t "$(limit 10)" heard <&"$says" || fail "after the end it says: $heard"
    wait "$SERVER" || status=$?
    SERVER=
    equal 'status of the program' "$1" "$status"
    equal 'its errors' "${2:-}" "$(cat "$LOG.errors")"
    exec {keys}>&- {says}<&-
    nothing_left
}

starts_of_4='thread-0 | start 0: waits for the word
thread-1 | start 1: does not wait
thread-1 | execute 1
thread-2 | start 2: waits for the word
thread-3 | start 3: does not wait
thread-3 | execute 3
main   | 2 of 4 wait
main   | type true, and Enter'
the_word='main   | that is the word: set
thread-0 | execute 0
thread-2 | execute 2'
the_end='main   | end of file: the word will not come, so nobody shall wait for it
thread-0 | gives up 0
thread-2 | gives up 2'

hears_block() { # LINES
    local -a lines
    mapfile -t lines <<< "$1"
    hears "${lines[@]}"
}

# Standard input is what the caller redirects; prints what is said once all wait.
from_input() { # [WORDS...]
    local said
    said=$(set -o pipefail && limited "${READER:-$PROGRAM}" --threads 4 "$@" read 2>&1 | head -c 20000) || {
        fail "its status is $?" "$said"
        return
    }
    equal 'what comes first' "$starts_of_4" "$(head -n 8 <<< "$said")" && tail -n +9 <<< "$said"
}

# The lines of one part of the demo, after "---- TITLE".
part() { # TITLE WORDS...
    local title=$1
    shift
    timeout -k 1 "$(limit 8)" "$PROGRAM" "$@" < /dev/null |
        awk -v title="$title" '/\| ---- / { on = index($0, title); next } on'
}

# ---- One event ---------------------------------------------------------------------------------------------------------

@test "18: wait says whether the event is set, and a limit of 0 asks only" {
    local from=${EPOCHREALTIME/./}
    equal 'one event' 'main   | is_set: false
main   | wait, 0 ms: false, the time is over
main   | wait, 20 ms: false, the time is over
main   | set
main   | is_set: true
main   | wait, no limit: true
main   | wait, 0 ms: true
main   | clear
main   | is_set: false
main   | wait, 0 ms: false, the time is over' "$(part 'one event')"
    (((${EPOCHREALTIME/./} - from) >= 20000)) || fail 'a wait of 20 ms took less'
}

# ---- The post's program ------------------------------------------------------------------------------------------------

@test "18: in the demo the odd threads run, and the even ones wait for the word" {
    local lines
    lines=$(part "the post's program" --threads 5)
    equal 'the scene' 'thread-0 | start 0: waits for the word
thread-1 | start 1: does not wait
thread-1 | execute 1
thread-2 | start 2: waits for the word
thread-3 | start 3: does not wait
thread-3 | execute 3
thread-4 | start 4: waits for the word
main   | 3 of 5 wait
ann    | types "hello\n"
main   | "hello" is not the word
ann    | types "true\n"
main   | that is the word: set
thread-0 | execute 0
thread-2 | execute 2
thread-4 | execute 4' "$lines"
}

@test "18: true on standard input sets the event, and nothing else does" {
    reads --threads 4
    hears_block "$starts_of_4"
    types 'hello\n\nTRUE\ntrueish\ntru\n true\ntrue\0\n'
    hears 'main   | "hello" is not the word' 'main   | "" is not the word' 'main   | "TRUE" is not the word' \
        'main   | "trueish" is not the word' 'main   | "tru" is not the word' 'main   | " true" is not the word' \
        'main   | "true\x00" is not the word'
    types 'true\n'
    hears_block "$the_word"
    ends 0
}

@test "18: who waits does not run" {
    reads --threads 100
    while IFS= read -r -t "$(limit 10)" line <&"$says"; do [[ $line != *'type true'* ]] || break; done
    [[ $BUILD == */thread ]] || equal 'threads' 51 "$(find "/proc/$SERVER/task" -mindepth 1 -maxdepth 1 | wc -l)"
    is_idle
    types 'true\n'
    hears 'main   | that is the word: set' 'thread-0 | execute 0'
    while IFS= read -r -t "$(limit 10)" line <&"$says"; do last=$line; done
    equal 'the last line' 'thread-98 | execute 98' "$last"
    ends 0
}

@test "18: the word may come from a pipe or a file, in two pieces, without a newline, with a carriage return" {
    equal 'a pipe' "$the_word" "$(printf 'true\nmore\n' | from_input)"
    equal 'no newline' "$the_word" "$(printf 'true' | from_input)"
    equal 'CR LF' "$the_word" "$(printf 'true\r\n' | from_input)"
    echo true > "$BATS_TEST_TMPDIR/file"
    equal 'a file' "$the_word" "$(from_input < "$BATS_TEST_TMPDIR/file")"
    reads --threads 4
    hears_block "$starts_of_4"
    types 'tr'
    types 'ue\n'
    hears_block "$the_word"
    ends 0
}

@test "18: a line that is too long is not the word, and the next one is read" {
    equal 'what is said' "main   | a line of more than 256 bytes is not the word"$'\n'"$the_word" \
        "$( (printf 'true%0100000d\ntrue\n' 0) | from_input)"
}

@test "18: survives EINTR and short reads" {
    READER=$BUILD/flaky/$stem
    equal 'what is said' "main   | \"a line of many words\" is not the word"$'\n'"$the_word" \
        "$(printf 'a line of many words\ntrue\n' | from_input)"
}

# ---- The end of the input ----------------------------------------------------------------------------------------------

with_closed_input() { # WORDS...
    "$@" <&-
}

@test "18: end of file is not a hang, and is not the word" {
    equal 'nothing' "$the_end" "$(from_input < /dev/null)"
    run with_closed_input limited "$PROGRAM" --threads 4 read
    equal 'no input at all' "$starts_of_4"$'\n'"$the_end" "$output"
    equal 'another word' "main   | \"false\" is not the word"$'\n'"$the_end" "$(echo false | from_input)"
    equal 'with a flag alone' "$the_end" "$(from_input --naive < /dev/null)"
    reads --threads 4
    hears_block "$starts_of_4"
    exec {keys}>&-
    hears_block "$the_end"
    ends 0
}

terminal() { # TEXT
    NO_COLOR=1 limited "$BUILD/peers/pty" type "$1" "$PROGRAM" --threads 4 read | tail -n +9
}

@test "18: the word may be typed on a terminal, and so may Ctrl-D" {
    equal 'the word' "main   | \"hello\" is not the word"$'\n'"$the_word" "$(terminal $'hello\ntrue\n')"
    equal 'Ctrl-D' "$the_end" "$(terminal $'\x04')"
}

@test "18: input that cannot be read is named when nobody waits any more" {
    run limited "$PROGRAM" --threads 4 read < /
    equal status 1 "$status"
    equal 'what is said' "$starts_of_4
thread-0 | gives up 0
thread-2 | gives up 2
$stem: read: Is a directory" "$output"
}

@test "18: SIGTERM ends it while all wait" {
    reads --threads 4
    hears_block "$starts_of_4"
    kill -TERM "$SERVER"
    ends 143
}

# ---- Set, and clear at once --------------------------------------------------------------------------------------------

waiting() { # N
    local i
    for ((i = 1; i <= $1; i++)); do echo "thread-$i | waits"; done
    echo "main   | wakes all $1, and has not set it
main   | they have looked, and wait on
main   | set, and clear before anybody can look"
    for ((i = 1; i <= $1; i++)); do echo "thread-$i | $2"; done
}

@test "18: set, and clear at once wakes all five, and what is no set wakes nobody for good" {
    equal 'five' "$(waiting 5 'goes on: it was set')" "$(part 'set, and clear')"
    equal 'one' "$(waiting 1 'goes on: it was set')" "$(part 'set, and clear' --waiters 1)"
    equal 'a hundred' "$(waiting 100 'goes on: it was set')" "$(part 'set, and clear' --waiters 100)"
}

@test "18: --naive loses it, for all five, until their time is over" {
    local from=${EPOCHREALTIME/./} took
    equal 'five' "$(waiting 5 'looked, saw false, waited on: time-out after 50 ms')" "$(part 'set, and clear' --naive)"
    from=${EPOCHREALTIME/./}
    equal 'with a limit' "$(waiting 5 'looked, saw false, waited on: time-out after 200 ms')" "$(part 'set, and clear' --naive --limit 200)"
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((took >= 220)) || fail "waits of 20 and 200 ms took $took ms"
    equal 'a limit that is over before all wait' "$(waiting 100 'looked, saw false, waited on: time-out after 1 ms')" \
        "$(part 'set, and clear' --naive --limit 1 --waiters 100)"
}

@test "18: the rest of the demo does not show the difference" {
    same_story 'the scenes before' 'thread-8 | execute 8' \
        "$("$PROGRAM" | grep -B 999 'set, and clear at once' | head -n -1)" \
        "$("$PROGRAM" --naive | grep -B 999 'set, and clear at once' | head -n -1)"
}

# ---- A bad day ---------------------------------------------------------------------------------------------------------

# 10 threads of the post and 5 that wait. That the program ends says that the others have been sent home.
@test "18: a thread that is refused ends the program with one line, whichever it is" {
    local nth
    for nth in {1..15}; do
        REFUSE=$nth run limited "$BUILD/flaky/$stem"
        equal "status without thread $nth" 1 "$status"
        equal 'the error' "$stem: pthread_create: Resource temporarily unavailable" "$(grep pthread <<< "$output")"
    done
    REFUSE=5 run limited "$BUILD/flaky/$stem"
    equal 'who gives up' 'thread-0 | gives up 0
thread-2 | gives up 2' "$(grep 'gives up' <<< "$output")"
    REFUSE=13 run limited "$BUILD/flaky/$stem"
    equal 'who gives up' 'thread-1 | gives up
thread-2 | gives up' "$(grep 'gives up' <<< "$output")"
    REFUSE=1 run limited "$BUILD/flaky/$stem" --timing
    equal 'what --timing prints' "$stem: pthread_create: Resource temporarily unavailable" "$output"
    REFUSE=3 run limited "$BUILD/flaky/$stem" read < /dev/null
    equal 'status of read' 1 "$status"
}

@test "18: no memory for more threads: the same" {
    needs_an_address_space_of_its_own
    run bash -c "ulimit -v 50000 && exec timeout 10 '$PROGRAM' --threads 1000"
    equal status 1 "$status"
    equal 'the error' "$stem: pthread_create: Resource temporarily unavailable" "$(grep pthread <<< "$output")"
}

# ---- Options -----------------------------------------------------------------------------------------------------------

@test "18: times round trips, with and without the counter" {
    local flag
    for flag in --timing --naive; do
        run limited "$PROGRAM" --timing "$flag" --ops 2000
        equal status 0 "$status"
        same_transcript 'what --timing prints' 'timing | 2000 round trips in TIME s, MS round trips/s' "$output"
    done
}

@test "18: sizes are options" {
    equal 'one thread' 'main   | 1 of 1 wait' "$("$PROGRAM" --threads 1 | grep ' of ')"
    equal 'two threads' 'main   | 1 of 2 wait' "$("$PROGRAM" --threads 2 | grep ' of ')"
    equal 'threads that run' 200 "$(limited "$PROGRAM" --threads 200 | grep -c '| execute ')"
}

@test "18: names sizes out of range" {
    local name value
    for name in threads waiters; do
        for value in 0 1001 -1 5x ''; do
            refuses 2 "--$name $value: not a number from 1 to 1000" --"$name" "$value"
        done
    done
    refuses 2 '--limit 0: not a number from 1 to 60000' --naive --limit 0
    refuses 2 '--limit 60001: not a number from 1 to 60000' --naive --limit 60001
    refuses 2 '--ops 0: not a number from 1 to 10000000' --timing --ops 0
    refuses 2 '--ops 10000001: not a number from 1 to 10000000' --timing --ops 10000001
    refuses 2 '--naive=1: takes no value' --naive=1
    refuses 2 '--forever: no such option; see --help' --forever
    refuses 2 'raed: no such command; see --help' raed
    refuses 2 'more: unexpected' read more
}

@test "18: has help" { every_server_has_help --threads --waiters --naive --limit --timing --ops; }
@test "18: the demo is the same each time" { check_demo 5; }
@test "18: ... also with --naive" { check_demo 3 --naive; }
@test "18: the slides show what is so" { check_slides; }
