# The mistakes that these tests catch: "trueish" taken for the word; end of file that sets the event, or leaves the waiters
# behind; one thread woken where all should be; if around the wait; a busy wait.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and has_help: this lesson serves nobody

@test "18b: the demo is the same each time" { check_demo 5; }

# Starts the program with an open keyboard.
reads() {
    LOG=$BATS_TEST_TMPDIR/log
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    mkfifo "$BATS_TEST_TMPDIR/keyboard" "$BATS_TEST_TMPDIR/said"
    exec {keys}<> "$BATS_TEST_TMPDIR/keyboard" # a FIFO opened for reading too does not wait for its reader
    (exec {keys}>&- && exec env "$family" "$PROGRAM" read) < "$BATS_TEST_TMPDIR/keyboard" \
        > "$BATS_TEST_TMPDIR/said" 2> "$LOG.errors" 3>&- 4>&- &
    SERVER=$!
    exec {says}< "$BATS_TEST_TMPDIR/said"
    hears_block "$starts"$'\n''main   | type true, and Enter'
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

hears_block() { # LINES
    local -a lines
    mapfile -t lines <<< "$1"
    hears "${lines[@]}"
}

# Nothing more is said, and the program ends with this status and without an error.
ends() { # STATUS
    local heard status=0
    ! IFS= read -r -t "$(limit 10)" heard <&"$says" || fail "after the end it says: $heard"
    wait "$SERVER" || status=$?
    SERVER=
    equal 'status of the program' "$1" "$status"
    equal 'its errors' '' "$(cat "$LOG.errors")"
    exec {keys}>&- {says}<&-
    nothing_left
}

starts=$(for i in 0 2 4 6 8; do
    printf 'thread-%d | start %d: waits for the word\n' $i $i
    printf 'thread-%d | start %d: does not wait\n' $((i + 1)) $((i + 1))
    printf 'thread-%d | execute %d\n' $((i + 1)) $((i + 1))
done)
the_word='main   | that is the word: set'$(printf '\nthread-%d | execute %d' 0 0 2 2 4 4 6 6 8 8)
gives_up=$(printf 'thread-%d | gives up %d\n' 0 0 2 2 4 4 6 6 8 8)
the_end="main   | end of file: the word will not come, so nobody need wait for it
$gives_up"

# Standard input is what the caller redirects; prints what is said once all wait.
from_input() {
    local said
    said=$(set -o pipefail && limited "${READER:-$PROGRAM}" read 2>&1 | head -c 20000) || {
        fail "its status is $?" "$said"
        return
    }
    equal 'what comes first' "$starts"$'\n''main   | type true, and Enter' "$(head -n 16 <<< "$said")" && tail -n +17 <<< "$said"
}

# ---- The post's program ------------------------------------------------------------------------------------------------

@test "18b: the odd threads run, and the even ones wait for the word" {
    equal 'the demo' "$starts
ann    | types \"hello\\ntrue\\n\"
main   | \"hello\" is not the word
$the_word" "$(play)"
}

@test "18b: true on standard input sets the event, and nothing else does" {
    reads
    types 'hello\n\nTRUE\ntrueish\ntru\n true\ntrue\0\n'
    hears 'main   | "hello" is not the word' 'main   | "" is not the word' 'main   | "TRUE" is not the word' \
        'main   | "trueish" is not the word' 'main   | "tru" is not the word' 'main   | " true" is not the word' \
        'main   | "true\x00" is not the word'
    types 'true\n'
    hears_block "$the_word"
    ends 0
}

@test "18b: a thread that waits uses no time" {
    reads
    [[ $BUILD == */thread ]] || equal 'threads' 6 "$(find "/proc/$SERVER/task" -mindepth 1 -maxdepth 1 | wc -l)"
    is_idle
    types 'true\n'
    hears_block "$the_word"
    ends 0
}

@test "18b: the word may come from a pipe or a file, in two pieces, without a newline, with a carriage return" {
    equal 'a pipe' "$the_word" "$(printf 'true\nmore\n' | from_input)"
    equal 'no newline' "$the_word" "$(printf 'true' | from_input)"
    equal 'CR LF' "$the_word" "$(printf 'true\r\n' | from_input)"
    echo true > "$BATS_TEST_TMPDIR/file"
    equal 'a file' "$the_word" "$(from_input < "$BATS_TEST_TMPDIR/file")"
    reads
    types 'tr'
    types 'ue\n'
    hears_block "$the_word"
    ends 0
}

@test "18b: a line that is too long is not the word, and the next one is read" {
    local said
    said=$( (printf 'true%0100000d\ntrue\n' 0) | from_input)
    matches "$said" 'main   | "true000*" is not the word'$'\n*'
    equal 'what is said then' "$the_word" "$(tail -n +2 <<< "$said")"
}

@test "18b: survives EINTR, short reads, and waits that end for nothing" {
    READER=$BUILD/flaky/$stem
    equal 'what is said' "main   | \"a line of many words\" is not the word"$'\n'"$the_word" \
        "$(printf 'a line of many words\ntrue\n' | from_input)"
}

# ---- The end of the input ----------------------------------------------------------------------------------------------

with_closed_input() { # WORDS...
    "$@" <&-
}

@test "18b: end of file is not a hang, and is not the word" {
    equal 'nothing' "$the_end" "$(from_input < /dev/null)"
    run with_closed_input limited "$PROGRAM" read
    equal 'no input at all' "$starts"$'\n''main   | type true, and Enter'$'\n'"$the_end" "$output"
    equal 'another word' "main   | \"false\" is not the word"$'\n'"$the_end" "$(echo false | from_input)"
    reads
    exec {keys}>&-
    hears_block "$the_end"
    ends 0
}

terminal() { # TEXT
    NO_COLOR=1 limited "$BUILD/peers/pty" type "$1" "$PROGRAM" read | tail -n +17
}

@test "18b: the word may be typed on a terminal, and so may Ctrl-D" {
    equal 'the word' "main   | \"hello\" is not the word"$'\n'"$the_word" "$(terminal $'hello\ntrue\n')"
    equal 'Ctrl-D' "$the_end" "$(terminal $'\x04')"
}

@test "18b: input that cannot be read is named" {
    run limited "$PROGRAM" read < /
    equal status 1 "$status"
    equal 'what is said' "$starts
main   | type true, and Enter
$stem: read: Is a directory" "$output"
}

@test "18b: SIGTERM ends it while all wait" {
    reads
    kill -TERM "$SERVER"
    ends 143
}

# ---- A bad day ---------------------------------------------------------------------------------------------------------

@test "18b: a thread that is refused ends the program with one line, whichever it is" {
    ends_when_a_thread_is_refused 10
    REFUSE=3 run limited "$BUILD/flaky/$stem" read < /dev/null
    equal 'status of read' 1 "$status"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "18b: names what is wrong" {
    refuses 2 '--threads: no such option; see --help' --threads 4
    refuses 2 'raed: no such command; see --help' raed
    refuses 2 'more: unexpected' read more
}

@test "18b: has help" { every_server_has_help; }
@test "18b: the slides show what is so" { check_slides; }
