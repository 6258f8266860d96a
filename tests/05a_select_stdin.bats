# The mistakes that these tests catch: end of file taken for no input; a second read after one "readable"; the set or the
# time-out filled only once; the number of descriptors where select wants the highest plus one; microseconds taken for
# milliseconds; one line taken where the read brought two; a buffer that select cannot see; EINTR taken for an error.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and has_help: this lesson serves nobody

@test "05a: the demo is the same each time" { check_demo 5 --timeout 50; }
@test "05a: ... also with --naive" { check_demo 3 --timeout 50 --naive; }

# Starts the program (or $WATCHER). What was typed before it starts is there already.
watch() { # WORDS...
    LOG=$BATS_TEST_TMPDIR/log
    mkfifo "$BATS_TEST_TMPDIR/said"
    (exec {keys}>&- && exec "${WATCHER:-$PROGRAM}" read "$@") < "$BATS_TEST_TMPDIR/keyboard" > "$BATS_TEST_TMPDIR/said" \
        2> "$LOG.errors" 3>&- 4>&- &
    SERVER=$!
    exec {says}< "$BATS_TEST_TMPDIR/said"
}

types() { # TEXT, as printf takes it
    if [[ ! -p $BATS_TEST_TMPDIR/keyboard ]]; then
        mkfifo "$BATS_TEST_TMPDIR/keyboard"
        exec {keys}<> "$BATS_TEST_TMPDIR/keyboard" # a FIFO opened for reading too does not wait for its reader
    fi
    env printf "$1" >&"$keys"
}

next_line() {
    heard='(nothing)'
    IFS= read -r -t "$(limit 10)" heard <&"$says" || true
    echo "$heard" >> "$LOG"
}

hears() { # LINE...
    local line
    for line in "$@"; do
        next_line
        equal 'the next line' "$line" "$heard"
    done
}

# Time may pass before the program sees what was typed.
hears_after_time_outs() { # LINE...
    local deadline=$((SECONDS + $(limit 10)))
    next_line
    while [[ $heard == "$time_out" ]] && ((SECONDS < deadline)); do next_line; done
    equal 'the next line that is no time-out' "$1" "$heard"
    shift
    hears "$@"
}

# The end of the keyboard: the program says so once and leaves.
ends() { # LINE...
    local status=0
    exec {keys}>&-
    hears_after_time_outs "$@"
    ! IFS= read -r -t "$(limit 10)" heard <&"$says" || fail "after the end it says: $heard"
    wait "$SERVER" || status=$?
    SERVER=
    equal 'status of the program' 0 "$status"
    equal 'its errors' '' "$(cat "$LOG.errors")"
}

time_out='select | time-out: no input for 50 ms'
readable='select | readable'
end='reader | end of file'

# Reads standard input to its end and says these lines; what select says is left out.
reads() { # LINE...
    local said
    said=$(set -o pipefail && limited "${WATCHER:-$PROGRAM}" read --timeout 1000 | head -c 20000) || fail "its status is $?"
    equal 'what it says' "$(printf '%s\n' "$@" "$end")" "$(grep -v '^select' <<< "$said")"
}

row_of_x() { # LENGTH
    head -c "$1" /dev/zero | tr '\0' x
}

# ---- What select says --------------------------------------------------------------------------------------------------

@test "05a: end of file ends the program: select would say readable for ever" {
    equal 'the first lines' "$readable|$end" "$(limited "$PROGRAM" read < /dev/null | head -n 10 | paste -sd '|')"
    reads < /dev/null
}

@test "05a: one read for each time that select says readable; a regular file always is" {
    echo a > "$BATS_TEST_TMPDIR/file"
    equal 'what it says' "$readable|reader | line \"a\"|$readable|$end" \
        "$(limited "$PROGRAM" read --timeout 1 < "$BATS_TEST_TMPDIR/file" | head -n 10 | paste -sd '|')"
}

@test "05a: select sees what comes after a time-out, on any descriptor" {
    run limited "$PROGRAM" --timeout 50
    equal 'after a time-out' "ann    | types Ctrl-D|$readable" "$(grep -A 2 "^$time_out" <<< "$output" | tail -n 2 | paste -sd '|')"
}

@test "05a: every time-out takes its time" {
    types ''
    local start=${EPOCHREALTIME/./} took long=${time_out/50/250}
    watch --timeout 250 # so long that a busy machine does not look like three time-outs
    hears "$long" "$long" "$long"
    took=$(((${EPOCHREALTIME/./} - start) / 1000))
    ((took >= 740)) || fail "three time-outs of 250 ms took $took ms"
    ends "$readable" "$end"
}

@test "05a: input ends the wait at once" {
    types ''
    watch --timeout 60000
    types 'a\n'
    hears "$readable" 'reader | line "a"'
    types 'b\n'
    hears "$readable" 'reader | line "b"'
    ends "$readable" "$end"
}

# ---- What the reader makes of it ---------------------------------------------------------------------------------------

@test "05a: two lines that come together are both said before the next select" {
    types 'one\ntwo\n'
    watch --timeout 50
    hears "$readable" 'reader | line "one"' 'reader | line "two"' "$time_out"
    types 'three\n'
    hears_after_time_outs "$readable" 'reader | line "three"'
    ends "$readable" "$end"
}

@test "05a: at end of file select says readable again and again" {
    run limited "$PROGRAM" --timeout 50
    equal 'after the end' "$readable|$end|$readable|$end" "$(grep -m 1 -A 4 'Ctrl-D' <<< "$output" | tail -n 4 | paste -sd '|')"
}

@test "05a: reads a pipe to its end" {
    printf 'a\nb\n' | reads 'reader | line "a"' 'reader | line "b"'
    printf 'first\n\nlast\r\n' | reads 'reader | line "first"' 'reader | line ""' 'reader | line "last"'
}

@test "05a: a line may come in two pieces" {
    types 'hel'
    watch --timeout 50
    hears "$readable" "$time_out"
    types 'lo\n'
    hears_after_time_outs "$readable" 'reader | line "hello"'
    ends "$readable" "$end"
}

@test "05a: a last line without a newline is a line" {
    printf 'a\nb' | reads 'reader | line "a"' 'reader | line "b"'
}

@test "05a: a line may hold NUL bytes" {
    printf 'a\0b\n' | reads 'reader | line "a\x00b"'
}

@test "05a: a line that is too long is dropped, said, and the next one read" {
    local dropped='reader | a line is longer than 1024 bytes: dropped' next='reader | line "next"' fits
    fits="reader | line \"$(row_of_x 39)...\""
    (row_of_x 1023 && printf '\nnext\n') | reads "$fits" "$next"
    (row_of_x 1024 && printf '\nnext\n') | reads "$dropped" "$next"
    (row_of_x 200000 && printf '\nnext\n') | reads "$dropped" "$next"
    row_of_x 200000 | reads "$dropped"
}

# ---- The mistake -------------------------------------------------------------------------------------------------------

@test "05a: --naive says the second of two lines late, when more comes" {
    types 'one\ntwo\n'
    watch --naive --timeout 50
    hears "$readable" 'fgets  | line "one"' "$time_out"
    types 'three\n'
    hears_after_time_outs "$readable" 'fgets  | line "two"' "$readable" 'fgets  | line "three"' "$time_out"
    ends "$readable" 'fgets  | end of file'
}

@test "05a: --naive waits for the rest of a line and forgets the time" {
    types 'hel'
    watch --naive --timeout 50
    hears "$readable"
    ! read -r -t 0.2 heard <&"$says" || fail "it says: $heard"
    types 'lo\n'
    hears 'fgets  | line "hello"'
    ends "$readable" 'fgets  | end of file'
}

# ---- A terminal --------------------------------------------------------------------------------------------------------

terminal() { # TEXT WORDS...
    local text=$1
    shift
    NO_COLOR=1 limited "$BUILD/peers/pty" type "$text" "$PROGRAM" read --timeout 60000 "$@"
}

@test "05a: a terminal hands over one line for each read, which hides the mistake" {
    equal 'the right reader' "$readable|reader | line \"a\"|$readable|reader | line \"b\"|$readable|$end" \
        "$(terminal $'a\nb\n\x04' | paste -sd '|')"
    equal 'the naive one' "$readable|fgets  | line \"a\"|$readable|fgets  | line \"b\"|$readable|fgets  | end of file" \
        "$(terminal $'a\nb\n\x04' --naive | paste -sd '|')"
}

@test "05a: on a terminal, Ctrl-D after half a line is no end of file" {
    equal 'what it says' "$readable|$readable|reader | line \"ab\"|$readable|$end" "$(terminal $'a\x04b\n\x04' | paste -sd '|')"
}

# ---- A bad day ---------------------------------------------------------------------------------------------------------

@test "05a: survives EINTR and short reads" {
    WATCHER=$BUILD/flaky/$stem
    printf 'a line of many words\n\nb\n' | reads 'reader | line "a line of many words"' 'reader | line ""' 'reader | line "b"'
    types ''
    watch --timeout 50
    hears "$time_out" "$time_out"
    types 'c\n'
    hears_after_time_outs "$readable" 'reader | line "c"'
    ends "$readable" "$end"
}

state_of() { # PID
    awk '/^State:/ { print $2 }' "/proc/$1/status"
}

@test "05a: stopped and continued, it reads on" {
    types 'a\n'
    watch --timeout 60000
    hears "$readable" 'reader | line "a"'
    halt
    local deadline=$((SECONDS + $(limit 10)))
    until [[ $(state_of "$SERVER") == T ]]; do ((SECONDS < deadline)); done
    types 'b\n'
    kill -CONT "$SERVER"
    hears "$readable" 'reader | line "b"'
    ends "$readable" "$end"
}

with_closed_input() { # WORDS...
    "$@" <&-
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "05a: names what is wrong with standard input" {
    run with_closed_input limited "$PROGRAM" read
    equal 'status without standard input' 0 "$status"
    equal 'output without standard input' "$readable"$'\n'"$end" "$output"
    run limited "$PROGRAM" read < /
    equal status 1 "$status"
    equal message "$readable"$'\n'"$stem: read: Is a directory" "$output"
}

@test "05a: names what is wrong with its words" {
    local value
    for value in 0 60001 -1 50x x '' 99999999999999999999; do
        refuses 2 "--timeout $value: not a number from 1 to 60000" --timeout "$value"
    done
    refuses 2 '--timeout: wants a value' --timeout
    refuses 2 '--naive=1: takes no value' --naive=1
    refuses 2 '--time-out: no such option; see --help' --time-out 50
    refuses 2 'raed: no such command; see --help' raed
    refuses 2 'more: unexpected' read more
    equal 'standard output' '' "$("$PROGRAM" --timeout 0 2> /dev/null || true)"
    limited "$PROGRAM" read --timeout 60000 < /dev/null
}

@test "05a: has help" {
    every_server_has_help --timeout --naive
    matches "$output" '*(1 to 60000, default 200)*'
}

@test "05a: the slides show what is so" { check_slides; }
