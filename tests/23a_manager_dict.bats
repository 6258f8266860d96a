# The mistakes that these tests catch: a child that speaks through its parent's connection; a lock that is held while a reply
# is sent; a line that was cut off and is carried out; a NUL that hides the rest of a line; an order that is not that of
# insertion; a path that everybody may use; a client too many that waits for ever; a manager that keeps its parent's pipe open.
# shellcheck disable=SC2013,SC2030,SC2031,SC2034,SC2153,SC2154
load helper
load peers/every_server

@test "23a: the demo is the same each time" { check_demo 5; }

# Each word is a line to the manager.
tell() { # LINES...
    printf '%s\n' "$@" | peer talk "$ADDRESS"
}

replies() { # WHAT EXPECTED LINES...
    equal "$1" "$2" "$(tell "${@:3}")"
}

serves() {
    replies 'is it there?' 'ok 0' 'contains nothing'
}

# A client that stays: talks to the manager through the descriptor "in", and what comes can be read from "out".
connect_to_it() {
    mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
    timeout $((2 * $(limit 15))) "$PROGRAM" connect "$ADDRESS" < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/errors" 3>&- 4>&- &
    CONNECTED=$!
    exec {in}> "$BATS_TEST_TMPDIR/in" {out}< "$BATS_TEST_TMPDIR/out"
}

hears() { # EXPECTED
    local line=
    read -r -t "$(limit 5)" line <&"$out" || true
    equal 'the reply' "$1" "$line"
}

leaves() {
    exec {in}>&- {out}<&-
    wait "$CONNECTED" || true
}

given_another_user() {
    ((EUID == 0)) || skip 'only root can be somebody else'
    command -v setpriv > /dev/null || skip 'root needs setpriv to be somebody else'
    NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${NOBODY[@]}" "$PROGRAM" --help > /dev/null 2>&1 || skip 'another user may not run the program here'
    mkdir -m 755 "$PUBLIC"
}

# The directory of bats is its user's alone.
PUBLIC=/tmp/${BATS_RUN_TMPDIR##*/}.public
teardown_file() {
    rm -rf "$PUBLIC"
}

# ---- The demo ----------------------------------------------------------------------------------------------------------

@test "23a: the parent sees each write at once, while the child still runs" {
    equal 'main' 'main   | child-0 has not ended. dic[0]
main   | 100
main   | child-1 has not ended. dic[1]
main   | 101' "$(play | grep '^main' | tail -n +3)"
    equal 'the children' 'child-0 | 100
child-1 | 100 101' "$(play | grep '^child-. | [0-9 ]*$')"
}

@test "23a: a child has a connection of its own" {
    equal 'who receives what' 'thread-2 | received "set 0 100"
thread-1 | received "get 0"
thread-3 | received "set 1 101"
thread-1 | received "get 1"' "$(play | grep -E 'received "[sg]et')"
}

# ---- The methods, by hand ----------------------------------------------------------------------------------------------

@test "23a: contains, get, set, delete, len, clear" {
    start serve
    replies 'set and get' $'ok\nok 1\nok red\nok 1' 'set colour red' 'contains colour' 'get colour' len
    replies 'a new value' $'ok\nok blue\nok 1' 'set colour blue' 'get colour' len
    replies 'delete' $'ok\nok 0\nerror KeyError: colour' 'delete colour' 'contains colour' 'delete colour'
    replies 'clear' $'ok\nok\nok\nok 0\nok' 'set a 1' 'set b 2' clear len keys
    stop
}

@test "23a: a missing key is an error, unless there is a default" {
    start serve
    replies 'get' $'error KeyError: colour\nok red\nok 0' 'get colour' 'get colour red' 'contains colour'
    replies 'pop' $'error KeyError: colour\nok red' 'pop colour' 'pop colour red'
    replies 'a default that is not needed' $'ok\nok green\nok green\nok 0' 'set colour green' 'get colour blue' 'pop colour blue' len
    stop
}

@test "23a: keys, values and items are in the order of insertion" {
    start serve
    tell 'set c 1' 'set a 2' 'set b 3'
    replies 'lists' $'ok c a b\nok 1 2 3\nok c 1 a 2 b 3' keys values items
    replies 'a new value keeps the place' $'ok\nok c 4 a 2 b 3' 'set c 4' items
    replies 'what has gone and comes again is last' $'ok\nok\nok a b c' 'delete c' 'set c 5' keys
    replies 'pop from the front' $'ok\nok 2\nok b c z' 'set z 9' 'pop a' keys
    stop
}

@test "23a: a hundred pairs, and not one more" {
    start serve
    printf 'set k%s v\n' {1..100} | peer talk "$ADDRESS" | sort -u | grep -qx ok
    replies 'one more' $'error MemoryError: the dictionary is full\nok 100\nok\nok 100' 'set more v' len 'set k1 w' len
    printf 'delete k%s\n' {1..100..2} | peer talk "$ADDRESS" | sort -u | grep -qx ok
    replies 'what is left' "ok$(printf ' k%s' {2..100..2})" keys
    stop
}

@test "23a: update sets all of the pairs, or none" {
    start serve
    replies 'update' $'ok\nok a 1 b 4 c 3' 'update a 1 b 2 c 3 b 4' items
    replies 'no pair' $'ok\nok 3' update len
    replies 'a key without its value' $'error TypeError: update takes [KEY VALUE]...\nok 3' 'update d 5 e' len
    replies 'as many as fit' $'ok\nok 100' "update$(printf ' k%s v' {1..97})" len
    replies 'one too many' $'error MemoryError: the dictionary is full\nok 1' 'update a 2 more v' 'get a'
    stop
}

@test "23a: a full dictionary of the longest words fits a line" {
    start serve
    local pairs
    pairs=$(printf ' %031d %031d' {1..200})
    replies 'update, items' "ok"$'\n'"ok$pairs" "update$pairs" items
    stop
}

# ---- The proxies, from inside (tests/peers/proxies.c) -------------------------------------------------------------------

@test "23a: 20,000 random calls: the dictionary is like a table, also in its order" { claim proxies like-a-table; }
@test "23a: each method has its result, or its error" { claim proxies results; }
@test "23a: a word that would be two, or two requests, is refused by the proxy" { claim proxies words; }
@test "23a: a client that is refused waits for the end without work, and says why" { claim proxies refused; }

# ---- Words -------------------------------------------------------------------------------------------------------------

@test "23a: a key is any bytes but spaces, newlines and NUL" {
    start serve
    replies 'UTF-8' $'ok\nok \xe5\xbc\x80' $'set k \xe5\xbc\x80' 'get k'
    replies 'like a reply' $'ok\nok\nok ok 5 error KeyError:' clear 'update ok 5 error KeyError:' items
    equal 'a NUL' $'error ValueError: a NUL\nok 0' "$(printf 'set a\0b 1\ncontains a\n' | peer talk "$ADDRESS")"
    replies 'spaces, and CR before the newline' $'ok\nok 1' '  set  a   1 ' $'get a\r'
    stop
}

@test "23a: what is wrong with a request is said, and the next is served" {
    start serve
    replies 'wrong requests' 'error TypeError: which method?
error AttributeError: fetch
error TypeError: get takes KEY [DEFAULT]
error TypeError: set takes KEY VALUE
error TypeError: get takes KEY [DEFAULT]
error TypeError: len takes no argument
ok 0' '' fetch get 'set a' 'get a b c' 'len a' len
    replies '31 bytes' $'ok\nok 1' "set $(printf 'x%.0s' {1..31}) 1" len
    replies 'one more' 'error ValueError: a word has 31 bytes at most' "set $(printf 'x%.0s' {1..32}) 1"
    replies 'words' 'error ValueError: too many words' "update$(printf ' %s' {1..202})"
    stop
}

@test "23a: a line that was cut off is not carried out" {
    start serve
    tell 'set balance 1'
    equal 'the reply' '' "$(ask 'set balance 100')"
    replies 'balance' 'ok 1' 'get balance'
    stop
}

@test "23a: a client whose line has no end is dropped, and costs no memory" {
    start serve
    tell len
    local before grown
    before=$(peak_memory)
    equal 'the reply' '' "$( (head -c 8000000 /dev/zero | tr '\0' x && printf '\nlen\n') 2> /dev/null | peer talk "$ADDRESS" 2> /dev/null || true)"
    grown=$(($(peak_memory) - before))
    ((grown < 4096)) || fail "the manager has grown by $grown KiB"
    replies 'others' 'ok 0' len
    stop
}

@test "23a: netcat" {
    needs_netcat
    start serve
    equal 'the replies' $'ok\nok\nok colour red size 7' "$(printf 'set colour red\nset size 7\nitems\n' | netcat -U "$ADDRESS")"
    stop
}

@test "23a: connect sends what is typed" {
    start serve
    equal 'the replies' $'ok\nerror KeyError: size\nok red' \
        "$(printf '%s\n' 'set colour red' 'get size' 'get colour' | limited "$PROGRAM" connect "$ADDRESS")"
    stop
}

# ---- Many clients ------------------------------------------------------------------------------------------------------

@test "23a: many clients at once: each get finds what its client has set" {
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$BUILD/peers/costs" dict 50
    equal status 0 "$status"
    same_transcript 'what is printed' 'timing | 10000 gets and sets in TIME s, MS gets and sets/s' "$output"
    nothing_left
}

@test "23a: a system that interrupts calls and moves seven bytes at a time" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    start serve
    replies 'the replies' $'ok\nok\nok a 1 b 2 c 3' 'set a 1' 'update b 2 c 3' items
    stop
    same_story 'the demo' 'child-1 | 100 101' "$(play | neutral)" "$(limited "$BUILD/flaky/$stem" 2>&1 | neutral)"
}

# Its replies fill the pipe and the socket, and then wait.
@test "23a: a client that never reads cannot stall the others" {
    start serve
    tell "update$(printf ' %031d %031d' {1..198})" > /dev/null
    connect_to_it
    printf 'items\n%.0s' {1..200} >&"$in"
    local line=
    read -r -N 2 -t "$(limit 5)" line <&"$out" || true # the rest of the replies is on its way
    equal 'the reply' ok "$line"
    replies 'others' $'ok 0\nok\nok 100' 'contains k1' 'set b 1' len
    stop
    leaves
}

@test "23a: silent clients cannot stall the others, and the manager stops with them" {
    start serve
    hold silent "$ADDRESS" 50
    serves
    stop
}

@test "23a: survives an empty connection" { every_server_survives_an_empty_connection; }

@test "23a: survives a client that is gone before the reply" {
    start serve
    halt
    peer gone "$ADDRESS"
    kill -CONT "$SERVER"
    serves
    stop
}

# A client keeps its connection: one that waited until another leaves might wait for ever.
@test "23a: a client too many is told so, and the others are served" {
    SERVER_PROGRAM=$BATS_TEST_TMPDIR/limited
    printf '#!/bin/sh\nulimit -n 9 && exec %q "$@"\n' "$PROGRAM" > "$SERVER_PROGRAM"
    chmod +x "$SERVER_PROGRAM"
    start serve
    connect_to_it
    echo len >&"$in"
    hears 'ok 0'
    hold silent "$ADDRESS" 10
    equal 'one too many' 'error OSError: the manager has too many clients' "$(limited "$PROGRAM" connect "$ADDRESS" <<< len 2> /dev/null)"
    is_idle
    echo 'set a 1' >&"$in"
    hears ok
    release
    leaves
    until [[ $(tell 'get a') == 'ok 1' ]]; do :; done # as soon as the manager has seen them leave
    stop
}

# Which call it is that finds none depends on what bats has open.
@test "23a: with too few descriptors the demo ends with one line" {
    local n refused=0
    for n in {7..14}; do
        # shellcheck disable=SC2016
        run limited bash -c 'exec 2>&1 > /dev/null; ulimit -n "$1"; exec "$2"' - "$n" "$PROGRAM"
        [[ $status == 0 || $(grep "^$stem: " <<< "$output") =~ ^$stem:\ (OSError|[^:]*:\ Too\ many\ open\ files)[^$'\n']*$ ]] || fail "with $n: $status" "$output"
        [[ $output != *OSError* ]] || refused=$((refused + 1))
    done
    ((refused > 0)) || fail 'nobody was refused'
}

# ---- The end -----------------------------------------------------------------------------------------------------------

@test "23a: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'main   | starts the manager'
    broken_off_by TERM 143 'thread-1 | received "len"'
    broken_off_by TERM 143 'child-0 | dic.values()'
    SLOW=100 GROUP=1 broken_off_by INT 130 'child-1 | dic[1] = 101'
    SLOW=100 broken_off_by HUP 129 'main   | 101'
}

# The manager hears of its parent's end, and so does not take it for its clients' error.
@test "23a: a demo whose reader leaves ends by SIGPIPE" {
    local lines
    for lines in 1 3 8 14; do
        equal "status after $lines lines" 141 "$({ limited "$PROGRAM" 2> "$BATS_TEST_TMPDIR/errors" || echo $? > "$BATS_TEST_TMPDIR/status"; } |
            head -n $lines > /dev/null; cat "$BATS_TEST_TMPDIR/status")"
        equal "errors after $lines lines" '' "$(cat "$BATS_TEST_TMPDIR/errors")"
    done
}

@test "23a: a signal that closes the terminal removes the path" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    kill -HUP "$SERVER"
    wait "$SERVER"
    SERVER=
    wait "$DRAIN"
    [[ ! -e $BATS_TEST_TMPDIR/s ]] || fail 'the path was left'
}

# ---- Who may connect, and where ----------------------------------------------------------------------------------------

@test "23a: the path is for its user alone, is there as long as the manager, and no longer" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    equal 'where it listens' "$BATS_TEST_TMPDIR/s" "$ADDRESS"
    equal 'mode' 600 "$(stat -c %a "$ADDRESS")"
    stop
    [[ ! -e $BATS_TEST_TMPDIR/s ]] || fail 'the path was left'
}

@test "23a: another user may not connect" {
    given_another_user
    start serve --path "$PUBLIC/s"
    run limited "${NOBODY[@]}" "$PROGRAM" connect "$ADDRESS"
    equal 'another user' "$stem: connect $ADDRESS: Permission denied" "$output"
    serves
    stop
}

@test "23a: a path that is taken is said, and left as it is" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "bind $BATS_TEST_TMPDIR/s: Address already in use" serve --path "$BATS_TEST_TMPDIR/s"
    serves
    stop
    echo precious > "$BATS_TEST_TMPDIR/s"
    refuses 1 "bind $BATS_TEST_TMPDIR/s: Address already in use" serve --path "$BATS_TEST_TMPDIR/s"
    equal 'the file' precious "$(cat "$BATS_TEST_TMPDIR/s")"
}

# ---- What cannot be done -----------------------------------------------------------------------------------------------

@test "23a: a process or a thread that is refused ends the demo with one clear line" {
    local n
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for n in 1 2 3 4; do
        run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" REFUSE=$n "$BUILD/flaky/$stem"
        equal "status with REFUSE=$n" 1 "$status"
        equal "errors with REFUSE=$n" 1 "$(grep -cE "^$stem: (fork: Resource temporarily unavailable|no connection to the manager: (Broken pipe|Connection reset by peer))$" <<< "$output")"
        nothing_left
    done
}

@test "23a: a manager that cannot start says why, once" {
    run env TMPDIR=/nowhere "$PROGRAM"
    equal status 1 "$status"
    same_transcript 'the errors' "main   | starts the manager, and asks it for len(dic)
$stem: bind /nowhere/$stem.PID: No such file or directory" "$output"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "23a: names what is wrong" {
    refuses 2 '--path: wants a value' serve --path
    refuses 2 '--lock: no such option; see --help' --lock
    refuses 2 'srve: no such command; see --help' srve
    refuses 2 'connect: wants PATH' connect
    refuses 2 'an empty path names no socket' serve --path ''
    refuses 2 "$(printf 'x%.0s' {1..108}): too long for the path of a socket" serve --path "$(printf 'x%.0s' {1..108})"
    refuses 1 'connect /nowhere: No such file or directory' connect /nowhere
}

@test "23a: has help" { every_server_has_help --path; }

# Its words are the manager's methods, no more and no fewer.
@test "23a: the help says what may be typed at connect, and so does connect on a terminal" {
    local word said
    said=$("$PROGRAM" --help | sed -n '/^To type at connect/,/^$/p')
    start serve
    for word in $(grep -oE '\b[a-z]{3,}\b' <<< "${said#*:}" | grep -vx ends); do
        [[ $(limited "$PROGRAM" connect "$ADDRESS" <<< "$word" || true) != *AttributeError* ]] || fail "there is no $word"
    done
    for word in set get contains keys values items delete pop len clear update; do
        [[ $said =~ (^|[^a-z])$word([^a-z]|$) ]] || fail "the help does not say $word"
    done
    run limited "$BUILD/peers/pty" act 'Ctrl-D ends it' $'len\n\x04' -- "$PROGRAM" connect "$ADDRESS"
    [[ $status == 0 && $output == *'ok 0'* ]] || fail "$output"
    stop
}
@test "23a: the slides show what is so" { check_slides; }
