# The mistakes that these tests catch: a lock that is private to a process; one that is not recursive, or not robust; an
# update of which only the parts are locked; memory that is private; -1 that is the item before the first; a bound that is
# off by one; a value that is cut to fit; a wrong size of a type; a name that is taken over, that everybody may open, or
# that is left behind; any memory taken for an array; memory that is promised and not there.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a process of its own; stem and family are the helper's
load helper

tag=test.${BATS_RUN_TMPDIR##*[-/]}

teardown_file() {
    [[ ! -e $BATS_FILE_TMPDIR/holders ]] || xargs kill -KILL < "$BATS_FILE_TMPDIR/holders" 2> /dev/null || true
    rm -f "/dev/shm/$tag".* # what a test that has failed may have left; Linux
}

# ---- The demo ----------------------------------------------------------------------------------------------------------

@test "21: the demo is the same each time" { check_demo 5; }
@test "21: the slides show what is so" { check_slides; }

demo_says() { # LINES
    local demo
    demo=$(play)
    [[ $demo == *"$1"* ]] || fail 'the demo does not say:' "$1" 'but' "$demo"
}

@test "21: what a child writes, its parent sees, with every type code" {
    local demo
    demo=$(play)
    equal 'type codes' 'c u b B h H i I l L q Q f d' "$(sed -nE "s/^main   \| '(.)' .* bytes? +\{.*, .*\}$/\1/p" <<< "$demo" | paste -sd ' ')"
    [[ $demo == *"'b' signed char        1 byte  {0, 127}"* && $demo == *"'Q' unsigned long long 8 bytes {0, 18446744073709551615}"* ]] || fail "$demo"
}

@test "21: the posts' two processes, in both orders and in the third one" {
    demo_says 'foo(0) | temp[0] = 100
foo(0) | temp is {100, 22, 33, 44}
foo(1) | temp[1] = 101
foo(1) | temp is {100, 101, 33, 44}'
    demo_says 'foo(1) | temp[1] = 101
foo(1) | temp is {11, 101, 33, 44}
foo(0) | temp[0] = 100
foo(0) | temp is {100, 101, 33, 44}'
    demo_says 'foo(0) | temp[0] = 100
foo(1) | temp[1] = 101
foo(0) | temp is {100, 101, 33, 44}
foo(1) | temp is {100, 101, 33, 44}'
}

@test "21: an item that is not there, and a value that does not fit, are refused" {
    demo_says 'main   | temp = {11, 22, 33, 44}; temp[-1] is 44
main   | temp[4]: ERANGE; temp[-5]: ERANGE; temp[-4]: accepted
'"main   | 1.5 for an 'i': EINVAL; 300 for a 'b': ERANGE; -1 for a 'B': ERANGE"
}

@test "21: a locked read and a locked write lose an update" {
    demo_says 'ann    | reads temp[0]: 11
bob    | reads temp[0]: 11
ann    | writes temp[0] = 12
bob    | writes temp[0] = 12
main   | temp is {12, 22, 33, 44}'
}

@test "21: the lock that is held from the read to the write loses none" {
    demo_says 'ann    | has the lock, reads temp[0]: 11
bob    | somebody has the lock: waits
ann    | writes temp[0] = 12, gives the lock back
bob    | has the lock, reads temp[0]: 12
bob    | writes temp[0] = 13, gives the lock back
main   | temp is {13, 22, 33, 44}'
}

@test "21: none of many locked increments is lost" {
    local lines
    lines=$(play --timing --processes 4 --ops 20000)
    same_transcript 'what is said' 'timing | 80000 locked increments in TIME s, MS locked increments/s
main   | temp[0] is 80000: none was lost' "$lines"
    lines=$(play --timing --processes 1 --ops 1)
    [[ $lines == *'temp[0] is 1: none was lost' ]] || fail "$lines"
}

# ---- What the array promises (tests/peers/arrays.c) --------------------------------------------------------------------

@test "21: each type code has its C type's range" { claim arrays types-have-their-ranges; }
@test "21: what is no value of the type is refused" { claim arrays other-texts-are-refused; }
@test "21: each index from -4 to 3 is an item of four, and no other is" { claim arrays bounds; }
@test "21: the lock is given back as often as it was taken" { claim arrays lock-counts; }
@test "21: the lock of an owner that has ended goes to the next" { claim arrays owners-die; }
@test "21: two mappings at two addresses are one array" { claim arrays has-a-name; }

# ---- An array with a name ----------------------------------------------------------------------------------------------

# Starts create with these words; the name is NAME, if there is none among them.
make_array() {
    NAME=/$tag.$BATS_TEST_NUMBER.$((++arrays_made))
    LOG=$BATS_TEST_TMPDIR/log.$arrays_made
    family=TEST_FAMILY=$tag.$BATS_TEST_NUMBER
    : > "$LOG"
    env "$family" "$PROGRAM" create --name "$NAME" "$@" > "$LOG" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
    await '^create | made /' || fail "$(cat "$LOG.errors")"
}

# Ends it by a signal and sees that it leaves with status 0, and leaves no name.
end_array() { # [SIGNAL]
    local status=0 maker=$SERVER
    kill -"${1:-TERM}" "$maker"
    SERVER=
    wait "$maker" || status=$?
    equal 'status of create' 0 "$status"
    equal 'errors of create' '' "$(cat "$LOG.errors")"
    nothing_left
    no_names
}

no_names() {
    equal 'names that were left' '' "$(find /dev/shm -name "$tag.$BATS_TEST_NUMBER.*")"
}

on() { # COMMAND [OPERANDS...]: of the array
    limited "$PROGRAM" --name "$NAME" "$@" 2>&1
}

refuses() { # STATUS MESSAGE WORDS...
    local want=$1 message=$2
    shift 2
    run limited "$PROGRAM" "$@"
    equal "status of $*" "$want" "$status"
    equal "what $* says" "$stem: $message" "$output"
}

@test "21: unrelated processes read and write by the name" {
    make_array
    equal 'first line' "create | made $NAME: {11, 22, 33, 44}" "$(cat "$LOG")"
    equal 'set' 'set    | {11, 101, 33, 44}' "$(on set 1 101)"
    equal 'get' 'get    | [1] is 101' "$(on get 1)"
    equal 'show' "show   | 'i', 4 items: {11, 101, 33, 44}" "$(on show)"
    end_array
    equal 'last line' 'create | is asked to end: removes the name; the array is {11, 101, 33, 44}' "$(tail -n 1 "$LOG")"
    refuses 1 "shm_open $NAME: No such file or directory" show --name "$NAME"
}

@test "21: -1 is the last item, and what is out of bounds is refused" {
    make_array
    equal 'the last' 'get    | [-1] is 44' "$(on get -- -1)"
    equal 'the first' 'get    | [-4] is 11' "$(on get -- -4)"
    equal 'set the last' 'set    | {11, 22, 33, -5}' "$(on set -- -1 -5)"
    refuses 2 'index 4: not a number from -4 to 3' --name "$NAME" get 4
    refuses 2 'index -5: not a number from -4 to 3' --name "$NAME" set -- -5 0
    refuses 2 'index one: not a number from -4 to 3' --name "$NAME" get one
    refuses 2 'set: wants INDEX VALUE' --name "$NAME" set 1
    equal 'show' "show   | 'i', 4 items: {11, 22, 33, -5}" "$(on show)"
    end_array
}

@test "21: a value that does not fit its type, or is none, is refused" {
    make_array --type b --size 3
    equal 'an item' 'set    | {0, -128, 0}' "$(on set -- 1 -128)"
    equal 'its type' "show   | 'b', 3 items: {0, -128, 0}" "$(on show)"
    refuses 2 "value \"-129\": does not fit type code 'b', signed char" --name "$NAME" set -- 1 -129
    refuses 2 "value \"1.5\": is none of type code 'b', signed char" --name "$NAME" set 1 1.5
    equal 'the item' 'get    | [1] is -128' "$(on get 1)"
    end_array
    refuses 2 "value \"0x100\": does not fit type code 'c', char" create --type c --values a,0x100
    refuses 2 "value \"\": is none of type code 'i', int" create --values 1,
    refuses 2 "value \"$(printf '1%.0s' {1..63})...\": is too long" create --values "$(printf '1%.0s' {1..70})"
    equal 'names that were left' '' "$(find /dev/shm -name "$stem.*" -newer "$BATS_TEST_TMPDIR")"
}

@test "21: an array of a size is zeros, also a long one" {
    make_array --size 10000
    equal 'the first' 'get    | [0] is 0' "$(on get 0)"
    equal 'the last' 'get    | [-1] is 0' "$(on get -- -1)"
    on set 9999 7
    equal 'the last now' 'get    | [-1] is 7' "$(on get -- -1)"
    refuses 2 'index 10000: not a number from -10000 to 9999' --name "$NAME" get 10000
    equal 'columns' 80 "$(on show | awk '{ print length($0) }')"
    end_array
}

@test "21: bad options are refused" {
    refuses 2 '--type x: none of c u b B h H i I l L q Q f d' create --type x
    refuses 2 '--type ii: none of c u b B h H i I l L q Q f d' create --type ii
    refuses 2 '--type : none of c u b B h H i I l L q Q f d' create --type=
    refuses 2 '--size 3: the size follows from --values' create --size 3 --values 1
    refuses 2 '--size -1: not a number from 0 to 10000000' create --size -1
    refuses 2 '--name x: wants one slash, in front' create --name x
    refuses 2 '--name /: wants one slash, in front' create --name /
    refuses 2 '--name /a/b: wants one slash, in front' show --name /a/b
    refuses 2 '--name: the demo has a name of its own' --name /mine
    refuses 2 '--name: wanted, as create has said it' get 0
    refuses 2 '--processes 0: not a number from 1 to 1000' --timing --processes 0
    refuses 2 '--ops 0: not a number from 1 to 10000000' --timing --ops 0
    refuses 2 '--loop: no such option; see --help' --loop
    run limited "$PROGRAM" --help
    ((status == 0))
    local option
    for option in name type values size timing processes ops; do
        [[ $output == *"  --$option "* ]] || fail "$output"
    done
}

# ---- The name ----------------------------------------------------------------------------------------------------------

@test "21: a name that exists is refused, and stays as it was" {
    make_array
    refuses 1 "shm_open $NAME: File exists" create --name "$NAME" --size 100
    equal 'show' "show   | 'i', 4 items: {11, 22, 33, 44}" "$(on show)"
    end_array
}

@test "21: only its owner may open the name" {
    umask 0
    make_array
    equal 'mode' 600 "$(stat -c %a "/dev/shm$NAME")"
    end_array
}

@test "21: without --name, the name has the pid" {
    make_array --name "/$tag.$BATS_TEST_NUMBER.mine"
    [[ -e /dev/shm/$tag.$BATS_TEST_NUMBER.mine ]] # the last --name counts
    end_array
    "$PROGRAM" create > "$LOG" 2>&1 < /dev/null 3>&- 4>&- &
    SERVER=$!
    await "made /$stem.$SERVER:"
    [[ -e /dev/shm/$stem.$SERVER ]]
    local name=/dev/shm/$stem.$SERVER
    : > "$LOG.errors"
    end_array
    [[ ! -e $name ]]
}

@test "21: what a killed demo of the same pid has left is replaced" {
    # shellcheck disable=SC2016
    limited bash -c 'touch "/dev/shm/$1.$$" && exec "$2"' - "$stem" "$PROGRAM" < /dev/null > "$BATS_TEST_TMPDIR/log"
    grep -q 'the name is gone; what is mapped stays' "$BATS_TEST_TMPDIR/log"
}

@test "21: SIGINT, and a reader that is gone, remove the name too" {
    mkfifo "$BATS_TEST_TMPDIR/says"
    NAME=/$tag.$BATS_TEST_NUMBER.gone
    family=TEST_FAMILY=$tag.$BATS_TEST_NUMBER
    env "$family" "$PROGRAM" create --name "$NAME" > "$BATS_TEST_TMPDIR/says" 3>&- 4>&- &
    SERVER=$!
    grep -m 1 made "$BATS_TEST_TMPDIR/says" > "$BATS_TEST_TMPDIR/log" # then nobody reads any more
    LOG=$BATS_TEST_TMPDIR/log
    : > "$LOG.errors"
    end_array INT
}

@test "21: a maker that is killed leaves the name; remove takes it away" {
    make_array
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    SERVER=
    equal 'show' "show   | 'i', 4 items: {11, 22, 33, 44}" "$(on show)"
    refuses 1 "shm_open $NAME: File exists" create --name "$NAME"
    equal 'remove' '' "$(on remove)"
    refuses 1 "shm_open $NAME: No such file or directory" remove --name "$NAME"
    no_names
}

@test "21: what is not an array is refused" {
    local file=/dev/shm/$tag.$BATS_TEST_NUMBER
    NAME=/$tag.$BATS_TEST_NUMBER
    : > "$file"
    refuses 1 "$NAME: not an array: only 0 bytes" show --name "$NAME"
    head -c 5000 /dev/zero > "$file"
    refuses 1 "$NAME: not an array that this program has made" show --name "$NAME"
    head -c 5000 /dev/urandom > "$file"
    refuses 1 "$NAME: not an array that this program has made" get 0 --name "$NAME"
    rm "$file"
    make_array --size 10
    local size
    size=$(stat -c %s "/dev/shm$NAME")
    truncate -s $((size - 1)) "/dev/shm$NAME"
    refuses 1 "$NAME: not an array that this program has made" show --name "$NAME"
    truncate -s $((size + 4)) "/dev/shm$NAME"
    refuses 1 "$NAME: not an array that this program has made" set 9 1 --name "$NAME"
    truncate -s "$size" "/dev/shm$NAME"
    end_array
}

# Memory that is missing is an error at the start, not a SIGBUS at the first touch.
@test "21: memory that cannot be had is a clear error, and leaves no name" {
    NAME=/$tag.$BATS_TEST_NUMBER.big
    run bash -c "ulimit -f 100; exec timeout 10 '$PROGRAM' create --name '$NAME' --size 1000000"
    equal 'status' 1 "$status"
    [[ $output == "$stem: $NAME: 40000"*' bytes: File too large' ]] || fail "$output"
    no_names
}

# ---- The lock ----------------------------------------------------------------------------------------------------------

# Takes the lock of the array in the background: HOLDER.
hold_lock() {
    mkfifo "$BATS_TEST_TMPDIR/hold"
    "$PROGRAM" hold --name "$NAME" > "$BATS_TEST_TMPDIR/hold" 2>&1 < /dev/null 3>&- 4>&- &
    HOLDER=$!
    echo "$HOLDER" >> "$BATS_FILE_TMPDIR/holders" # ended in any case
    exec {held}< "$BATS_TEST_TMPDIR/hold"
    local line=
    IFS= read -r -t "$(limit 10)" line <&"$held" || true
    equal 'hold' "hold   | has the lock of $NAME" "$line"
}

# Here the passing of time is what is tested: nothing comes within 0.2 s.
@test "21: each access waits for the lock, until it is given back" {
    make_array
    hold_lock
    local words
    for words in 'get 0' 'set 0 1' show; do
        # shellcheck disable=SC2086
        run timeout 0.2 "$PROGRAM" --name "$NAME" $words
        equal "status of $words" 124 "$status"
    done
    kill -TERM "$HOLDER"
    wait "$HOLDER"
    equal 'set' 'set    | {1, 22, 33, 44}' "$(on set 0 1)"
    end_array
}

@test "21: who holds the lock does not hold up the end" {
    make_array
    hold_lock
    end_array
    equal 'last line' 'create | is asked to end: removes the name; the array is locked' "$(tail -n 1 "$LOG")"
    kill -TERM "$HOLDER"
    wait "$HOLDER"
}

@test "21: the lock of one who is killed goes to the next" {
    make_array
    hold_lock
    kill -KILL "$HOLDER"
    wait "$HOLDER" || true
    equal 'set' 'set    | {1, 22, 33, 44}' "$(on set 0 1)"
    equal 'set again' 'set    | {2, 22, 33, 44}' "$(on set 0 2)"
    end_array
}

# ---- Being refused, stopped and killed ---------------------------------------------------------------------------------

@test "21: a process that is refused is a clear error, and nothing is left" {
    local nth words
    family=TEST_FAMILY=$tag.$BATS_TEST_NUMBER
    for nth in 1 3 11 12 '4 --timing --processes 10'; do
        read -r nth words <<< "$nth"
        # shellcheck disable=SC2086
        run env "$family" REFUSE="$nth" timeout "$(limit 10)" "$BUILD/flaky/$stem" $words
        equal 'status' 1 "$status"
        equal 'the last line' "$stem: fork: Resource temporarily unavailable" "${lines[-1]}"
        equal 'processes that were left' '' "$(grep -l "$family" /proc/[0-9]*/environ 2> /dev/null || true)"
    done
}

# On a terminal and with STEP=1 the demo stops after each line until Enter: here, when the maker has made the name.
stop_at_the_name() {
    local lines enters i
    family=TEST_FAMILY=$tag.$BATS_TEST_NUMBER
    lines=$(play | grep -n '^maker ' | head -n 1)
    for ((i = 1; i < ${lines%%:*}; i++)); do enters+=$'\n'; done
    LOG=$BATS_TEST_TMPDIR/log
    : > "$LOG"
    STEP=1 NO_COLOR=1 env "$family" "$BUILD/peers/pty" type "$enters" "$PROGRAM" > "$LOG" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
    until MAIN=$(children_of "$SERVER") && [[ -e /dev/shm/$stem.$MAIN ]]; do :; done
    MAKER=$(children_of "$MAIN")
}

everything_has_ended() {
    wait "$SERVER" || true
    SERVER=
    nothing_left
    [[ ! -e /dev/shm/$stem.$MAIN ]] || fail 'the name is left'
}

@test "21: SIGTERM in mid-demo leaves no child and no name" {
    [[ $BUILD != */thread ]] || skip 'ThreadSanitizer holds the signal back as long as recv waits'
    stop_at_the_name
    kill -TERM "$MAIN"
    everything_has_ended
}

@test "21: a maker that is killed in mid-demo is reported, and its name is removed" {
    stop_at_the_name
    kill -KILL "$MAKER"
    everything_has_ended
    grep -q "^$stem: maker has ended with -9" "$LOG" || fail "$(cat "$LOG")"
}
