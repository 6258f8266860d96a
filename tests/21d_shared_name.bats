# The mistakes that these tests catch: a name that is taken over, that everybody may open, or that is left behind; any memory
# taken for an array; memory that is promised and not there; a maker that cannot end because somebody has the lock.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a process of its own; stem and family are the helper's
load helper
load peers/every_server

@test "21d: the demo is the same each time" { check_demo 5; }

tag=test.${BATS_RUN_TMPDIR##*[-/]}

teardown_file() {
    rm -f "/dev/shm/$tag".* # what a test that has failed may have left; Linux
}

# ---- The demo ----------------------------------------------------------------------------------------------------------

# The name of the demo has its pid.
@test "21d: the name outlives a maker that is killed, and the memory the name" {
    same_transcript 'the demo' "maker  | has made /$stem.PID: {11, 22, 33, 44}
main   | opens the name, and sets [-1] = 144
main   | kills the maker with SIGKILL
main   | the name is still there; main has removed it
main   | the memory: {11, 22, 33, 144}" "$(play)"
}

@test "21d: two mappings at two addresses are one array" { claim arrays has-two-addresses; }

# ---- An array with a name ----------------------------------------------------------------------------------------------

# Starts create; the name is NAME.
make_array() {
    NAME=/$tag.$BATS_TEST_NUMBER.$((++arrays_made))
    LOG=$BATS_TEST_TMPDIR/log.$arrays_made
    family=TEST_FAMILY=$tag.$BATS_TEST_NUMBER
    : > "$LOG"
    env "$family" "$PROGRAM" create --name "$NAME" > "$LOG" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
    await '^create | has made /' || fail "$(cat "$LOG.errors")"
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

@test "21d: unrelated processes read and write by the name" {
    make_array
    equal 'first line' "create | has made $NAME: {11, 22, 33, 44}" "$(cat "$LOG")"
    equal 'set' 'set    | {11, 101, 33, 44}' "$(on set 1 101)"
    equal 'set the last' 'set    | {11, 101, 33, -5}' "$(on set -- -1 -5)"
    equal 'show' "show   | {11, 101, 33, -5}" "$(on show)"
    refuses 2 'INDEX 4: not a number from -4 to 3' --name "$NAME" set 4 0
    refuses 2 'INDEX -5: not a number from -4 to 3' --name "$NAME" set -- -5 0
    refuses 2 'VALUE 2147483648: not a number from -2147483648 to 2147483647' --name "$NAME" set 0 2147483648
    end_array
    equal 'last line' 'create | is asked to end, and has removed the name' "$(tail -n 1 "$LOG")"
    refuses 1 "shm_open $NAME: No such file or directory" show --name "$NAME"
}

# ---- The name ----------------------------------------------------------------------------------------------------------

@test "21d: a name that exists is refused, and stays as it was" {
    make_array
    refuses 1 "shm_open $NAME: File exists" create --name "$NAME"
    equal 'show' "show   | {11, 22, 33, 44}" "$(on show)"
    end_array
}

@test "21d: only its owner may open the name" {
    umask 0
    make_array
    equal 'mode' 600 "$(stat -c %a "/dev/shm$NAME")"
    end_array
}

@test "21d: what a killed demo of the same pid has left is replaced" {
    # shellcheck disable=SC2016
    limited bash -c 'touch "/dev/shm/$1.$$" && exec "$2"' - "$stem" "$PROGRAM" < /dev/null > "$BATS_TEST_TMPDIR/log"
    grep -q 'the name is still there; main has removed it' "$BATS_TEST_TMPDIR/log"
}

@test "21d: whatever signal ends the maker, it removes the name" {
    local signal
    for signal in INT HUP QUIT PIPE; do
        make_array
        end_array "$signal"
    done
}

@test "21d: a maker whose words nobody reads removes the name" {
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

@test "21d: a maker that is killed leaves the name; remove takes it away" {
    make_array
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    SERVER=
    equal 'show' "show   | {11, 22, 33, 44}" "$(on show)"
    refuses 1 "shm_open $NAME: File exists" create --name "$NAME"
    equal 'remove' '' "$(on remove)"
    refuses 1 "shm_unlink $NAME: No such file or directory" remove --name "$NAME"
    no_names
}

@test "21d: what is not an array is refused, and can be removed" {
    local file=/dev/shm/$tag.$BATS_TEST_NUMBER size
    NAME=/$tag.$BATS_TEST_NUMBER
    : > "$file" # as a maker leaves it that is killed just after shm_open
    refuses 1 "$NAME: not an array that this program has made" show --name "$NAME"
    refuses 1 "shm_open $NAME: File exists" create --name "$NAME"
    equal 'remove' '' "$(on remove)"
    head -c 5000 /dev/zero > "$file"
    refuses 1 "$NAME: not an array that this program has made" show --name "$NAME"
    head -c 5000 /dev/urandom > "$file"
    refuses 1 "$NAME: not an array that this program has made" set 0 1 --name "$NAME"
    rm "$file"
    make_array
    size=$(stat -c %s "/dev/shm$NAME")
    truncate -s $((size - 1)) "/dev/shm$NAME"
    refuses 1 "$NAME: not an array that this program has made" show --name "$NAME"
    truncate -s $((size + 4)) "/dev/shm$NAME"
    refuses 1 "$NAME: not an array that this program has made" set 0 1 --name "$NAME"
    truncate -s 0 "/dev/shm$NAME" # the maker does not touch it any more
    end_array
}

# Memory that is missing is an error at the start, not a SIGBUS at the first touch.
@test "21d: memory that cannot be had is a clear error, and leaves no name" {
    [[ $BUILD != */thread ]] || skip 'ThreadSanitizer does not start with this limit'
    NAME=/$tag.$BATS_TEST_NUMBER.big
    run bash -c "(ulimit -f 0; exec timeout 10 '$PROGRAM' create --name '$NAME') |& cat; exit \${PIPESTATUS[0]}"
    equal 'status' 1 "$status"
    [[ $output == "$stem: $NAME: "*' bytes: File too large' ]] || fail "$output"
    no_names
}

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

@test "21d: a process that is refused is a clear error, and nothing is left" {
    family=TEST_FAMILY=$tag.$BATS_TEST_NUMBER
    run env "$family" REFUSE=1 timeout "$(limit 10)" "$BUILD/flaky/$stem"
    equal 'status and last line' "1 $stem: fork: Resource temporarily unavailable" "$status ${lines[-1]}"
    nothing_left
}

no_demo_names() {
    equal 'names that were left' '' "$(find /dev/shm -name "$stem.*" -newer "$BATS_TEST_TMPDIR")"
}

@test "21d: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'maker  | has made'
    no_demo_names
    broken_off_by HUP 129 'main   | opens the name'
    no_demo_names
    GROUP=1 broken_off_by INT 130 'main   | the name is still there'
    no_demo_names
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "21d: names what is wrong" {
    refuses 2 '--name x: wants one slash, in front' create --name x
    refuses 2 '--name /: wants one slash, in front' create --name /
    refuses 2 '--name /a/b: wants one slash, in front' show --name /a/b
    refuses 2 '--name /N: wants one slash, in front' show
    refuses 2 'set: wants INDEX VALUE' --name /mine set 1
    refuses 2 '--loop: no such option; see --help' --loop
}

@test "21d: has help" { every_server_has_help --name; }
@test "21d: the slides show what is so" { check_slides; }
