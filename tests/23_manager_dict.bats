# The mistakes that these tests catch: a child that speaks through its parent's connection; a lock that is held while a reply
# is sent, or not held at all; an update that is seen in part, or carried out in part; a line that was cut off and is carried
# out; words with a space, a newline or a NUL in them; a key that looks like a reply; an order that is not that of insertion;
# a missing key that is an empty value; a manager whose end is a hang or SIGPIPE; a path that everybody may use, or that stays;
# a manager that is busy, and taken for a dead one.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154
load helper
load peers/every_server

# ---- Clients -----------------------------------------------------------------------------------------------------------

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

@test "23: the demo is the same each time" { check_demo 5; }

part() { # TITLE
    play | awk -v title="$1" '/\| ---- / { on = index($0, title) } on'
}

@test "23: the parent sees each write at once, while the child still runs" {
    equal 'main' 'main   | child-0 has not ended. dic[0]
main   | "100"
main   | child-1 has not ended. dic[1]
main   | "101"' "$(part 'the post' | grep '^main' | tail -n +2)"
    equal 'the children' 'child-0 | ["100"]
child-1 | ["100", "101"]' "$(part 'the post' | grep '^child.*\[\"')"
}

@test "23: a child has a connection of its own" {
    equal 'who receives what' 'thread-2 | received "set 0 100"
thread-1 | received "get 0"
thread-3 | received "set 1 101"
thread-1 | received "get 1"' "$(part 'the post' | grep -E 'received "[sg]et')"
}

@test "23: a missing key is an error at the caller" {
    equal 'what main is told' 'main   | KeyError: colour' "$(part 'an error travels' | grep Error)"
}

@test "23: the proxies of all methods agree with Python" {
    equal 'results' 'main   | ["error": "3", "fig": "7", "apple": "5"]
main   | "apple", which came last
main   | dic["error"] is "3"' "$(part 'one function' | grep -E '^main.*( \[|came last|\] is )')"
    equal 'a key of any bytes' 'thread-1 | received "set %00%0A%20%25 x"
thread-1 | received "pop %00%0A%20%25"' "$(part 'one function' | grep '%')"
}

@test "23: two who get and then set have added one" {
    equal 'the end' 'main   | two have added one to 0: dic["n"] is "1"' "$(part 'two calls' | tail -n 1)"
}

@test "23: with the manager killed, each method fails at once, and the path goes" {
    equal 'the end' "main   | ---- the manager is killed
main   | the manager's exit code is -9
main   | 14 of 14 methods fail, at once
main   | no connection to the manager: Broken pipe
carl   | comes late: no connection to the manager: Connection refused
main   | removes the path, which the manager could not" "$(part 'the manager is killed')"
}

# ---- The methods, by hand ----------------------------------------------------------------------------------------------

@test "23: contains, get, set, delete, len, clear" {
    start serve
    replies 'set and get' $'ok\nok 1\nok red\nok 1' 'set colour red' 'contains colour' 'get colour' len
    replies 'a new value' $'ok\nok blue\nok 1' 'set colour blue' 'get colour' len
    replies 'delete' $'ok\nok 0\nerror KeyError: colour' 'delete colour' 'contains colour' 'delete colour'
    replies 'clear' $'ok\nok\nok\nok 0\nok 0' 'set a 1' 'set b 2' clear len keys
    stop
}

@test "23: a missing key is an error, unless there is a default" {
    start serve
    replies 'get' $'error KeyError: colour\nok red\nok 0' 'get colour' 'get colour red' 'contains colour'
    replies 'pop' $'error KeyError: colour\nok red' 'pop colour' 'pop colour red'
    replies 'popitem' 'error KeyError: the dictionary is empty' popitem
    replies 'setdefault' $'ok red\nok red\nok red' 'setdefault colour red' 'setdefault colour blue' 'get colour'
    replies 'a default that is not needed' $'ok red\nok red\nok 0' 'get colour blue' 'pop colour blue' len
    stop
}

@test "23: copy, items, keys and values are in the order of insertion; popitem takes the last" {
    start serve
    tell 'set c 1' 'set a 2' 'set b 3'
    replies 'lists' $'ok 3\nc\na\nb\nok 3\n1\n2\n3\nok 3\nc 1\na 2\nb 3\nok 3\nc 1\na 2\nb 3' keys values items copy
    replies 'a new value keeps the place' $'ok\nok 3\nc 4\na 2\nb 3' 'set c 4' items
    replies 'who has gone and comes again is last' $'ok\nok\nok 3\na\nb\nc' 'delete c' 'set c 5' keys
    replies 'popitem' $'ok c 5\nok b 3\nok 1\na' popitem popitem keys
    replies 'pop from the front' $'ok\nok 2\nok 1\nz' 'set z 9' 'pop a' keys
    stop
}

@test "23: a thousand keys, and half of them deleted" {
    start serve
    printf 'set k%s v\n' {1..1000} | peer talk "$ADDRESS" | sort -u | grep -qx ok
    printf 'delete k%s\n' {1..1000..2} | peer talk "$ADDRESS" | sort -u | grep -qx ok
    equal 'what is left' "$(echo ok 500; printf 'k%s\n' {2..1000..2})" "$(tell keys)"
    stop
}

@test "23: update is one request: all of the pairs, or none" {
    start serve
    replies 'update' $'ok\nok 3\na 1\nb 4\nc 3' 'update 4' 'a 1' 'b 2' 'c 3' 'b 4' items
    replies 'a wrong pair' $'error TypeError: a pair is KEY VALUE\nok 3' 'update 3' 'd 5' e 'f 6' len
    replies 'a wrong word' $'error ValueError: after % come two hexadecimal digits\nok 3' 'update 2' 'd %G0' 'f 6' len
    replies 'no pair' $'ok\nok 3' 'update 0' len
    replies 'not a number: nothing more is taken for a request' 'error ValueError: update takes from 0 to 1000000 pairs' 'update x' clear
    replies 'too many' 'error ValueError: update takes from 0 to 1000000 pairs' 'update 1000001' clear
    replies 'what is there still' 'ok 3' len
    (echo update 100000 && seq -f '%.0f x' 100000) | peer talk "$ADDRESS"
    replies '100,000 pairs' 'ok 100003' len
    stop
}

@test "23: nobody sees a part of an update, and one that is broken off leaves nothing" {
    start serve
    tell 'set a 0'
    connect_to_it
    printf 'len\nupdate 2\na 1\n' >&"$in"
    hears 'ok 1'
    await 'received "update 2"'
    replies 'in the middle' 'ok 0' 'get a'
    printf 'b 1\n' >&"$in"
    hears ok
    replies 'at the end' $'ok 2\na 1\nb 1' items
    printf 'update 2\na 2\n' >&"$in"
    leaves
    replies 'broken off' $'ok 2\na 1\nb 1' items
    stop
}

# ---- The proxies, from inside (tests/peers/proxies.c) -------------------------------------------------------------------

@test "23: 20,000 random calls: the dictionary is like a table, also in its order" { claim proxies like-a-table; }
@test "23: each proxy has the result, or the error, of its method" { claim proxies results; }
@test "23: a list that is not read to its end is in nobody's way, in a child neither" { claim proxies half-a-list; }
@test "23: a manager that is killed in the middle of a list is told as such" { claim proxies killed-in-a-list; }
@test "23: a connection that a signal interrupts is made all the same" { claim proxies interrupted; }
@test "23: a client that is refused waits for the end without work, and says why" { claim proxies refused; }
@test "23: a busy manager is not taken for a dead one, nor waited for" { claim proxies busy-is-not-stale; }

# ---- Words -------------------------------------------------------------------------------------------------------------

@test "23: keys and values are any bytes" {
    start serve
    local all
    all=$(printf '%%%02X' {0..255})
    tell "set $all $all" > /dev/null
    local plain='' i byte
    for i in {0..255}; do
        # shellcheck disable=SC2059
        printf -v byte "\\x$(printf %x "$i")"
        if ((i > 32 && i < 127 && i != 37)); then plain+=$byte; else printf -v byte '%%%02X' "$i" && plain+=$byte; fi
    done
    replies 'all 256' $'ok 1\n'"$plain $plain" items
    replies 'small letters' $'ok 1\nok' "contains ${all,,}" "delete $all"
    replies 'a part of a word' $'ok\nerror KeyError: a\nerror KeyError: a%00\nok x' 'set a%00b x' 'get a' 'get a%00' 'get a%00b'
    replies 'nothing' $'ok\nok %\nok 1' 'set % %' 'get %' 'contains %'
    replies 'UTF-8' $'ok\nok %E5%BC%80' $'set k \xe5\xbc\x80' 'get k'
    stop
}

@test "23: a key that looks like a reply" {
    start serve
    replies 'ok, error' $'ok\nok\nok 2\nok 5\nerror KeyError:' 'set ok 5' 'set error KeyError:' items
    stop
}

@test "23: a word has 1000 bytes at most" {
    start serve
    local long
    long=$(printf '%%00%.0s' {1..1000})
    replies '1000 bytes, 3000 characters' $'ok\n'"ok $long" "set $long $long" "get $long"
    replies 'one more' $'error ValueError: a word has 1000 bytes at most\nok 1' "set $long ${long}x" len
    replies 'a line of 10,000 bytes' $'error ValueError: the line is too long\nok 1' "set $(printf '%%00%.0s' {1..3333}) x" len
    stop
}

@test "23: what is wrong with a request is said, and the next is served" {
    start serve
    replies 'wrong requests' 'error AttributeError: no such method
error AttributeError: no such method
error TypeError: get KEY [DEFAULT]
error TypeError: set KEY VALUE
error TypeError: too many words
error TypeError: len takes no argument
error ValueError: after % come two hexadecimal digits
error ValueError: after % come two hexadecimal digits
ok 0' '' fetch get 'set a' 'get a b c' 'len a' 'get %4' 'get %%' len
    replies 'spaces, and CR before the newline' $'ok\nok 1' '  set  a   1 ' $'get a\r'
    stop
}

@test "23: a line that was cut off is not carried out" {
    start serve
    tell 'set balance 1'
    equal 'the reply' 'error EOFError: the request is cut off' "$(ask 'set balance 100')"
    equal 'the reply in an update' 'error EOFError: the request is cut off' "$(ask $'update 1\nbalance 100')"
    replies 'balance' 'ok 1' 'get balance'
    stop
}

@test "23: 8 MB without a newline cost no memory" {
    start serve
    tell len
    local before grown
    before=$(peak_memory)
    equal 'the reply' $'error ValueError: the line is too long\nok 0' \
        "$( (head -c 8000000 /dev/zero | tr '\0' x && printf '\nlen\n') | peer talk "$ADDRESS")"
    grown=$(($(peak_memory) - before))
    ((grown < 4096)) || fail "the manager has grown by $grown KiB"
    stop
}

@test "23: netcat" {
    needs_netcat
    start serve
    equal 'the replies' $'ok\nok\nok 2\ncolour red\nsize 7' "$(printf 'set colour red\nupdate 1\nsize 7\nitems\n' | netcat -U "$ADDRESS")"
    stop
}

@test "23: connect sends what is typed, also an update" {
    start serve
    equal 'the replies' $'ok\nerror KeyError: size\nok\nok 3\ncolour light%20red\nsize 7\nb %00%FF' \
        "$(printf '%s\n' 'set colour light%20red' 'get size' 'update 2' 'size 7' 'b %00%FF' items | limited "$PROGRAM" connect "$ADDRESS")"
    stop
}

# ---- Many clients ------------------------------------------------------------------------------------------------------

@test "23: many clients at once" {
    run limited "$PROGRAM" --timing --clients 50 --ops 2000
    equal status 0 "$status"
    same_transcript 'what is printed' 'timing | 2000 gets and sets in TIME s, MS gets and sets/s
main   | 50 keys of 50 clients; each get found what its client had set' "$output"
    run limited "$PROGRAM" --timing --ops 3
    [[ $output == *'1 keys of 1 clients'* ]] || fail "$output"
}

@test "23: a system that interrupts calls and moves seven bytes at a time" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    start serve
    replies 'the replies' $'ok\nok\nok 3\na 1\nb 2\nc 3' 'set a 1' 'update 2' 'b 2' 'c 3' items
    stop
    same_story 'the demo' '14 of 14 methods fail' "$(play | neutral)" "$(limited "$BUILD/flaky/$stem" 2>&1 | neutral)"
    run limited "$BUILD/flaky/$stem" --timing --clients 9 --ops 100
    [[ $output == *'9 keys of 9 clients; each'* ]] || fail "$output"
}

# Its replies fill the pipe and the socket, and then wait.
@test "23: a client that never reads holds up nobody" {
    start serve
    (echo update 2000 && printf 'k%s '"$(printf 'x%.0s' {1..1000})"'\n' {1..2000}) | peer talk "$ADDRESS"
    connect_to_it
    printf 'items\nitems\nitems\n' >&"$in"
    hears 'ok 2000' # the rest of the reply is on its way
    replies 'others' $'ok 1\nok\nok 2001' 'contains k1' 'set b 1' len
    stop
    leaves
}

@test "23: silent clients hold up nobody, and the manager stops with them" {
    start serve
    hold silent "$ADDRESS" 50
    serves
    stop
}

@test "23: survives an empty connection" { every_server_survives_an_empty_connection; }

@test "23: survives a client that is gone before the reply" {
    start serve
    halt
    peer gone "$ADDRESS"
    kill -CONT "$SERVER"
    serves
    stop
}

@test "23: survives EMFILE without a spin" { every_server_survives_emfile 16 -H; }

# ---- The end of the manager --------------------------------------------------------------------------------------------

@test "23: a client whose manager is killed in the middle of a call is told so" {
    local status=0
    start serve
    connect_to_it
    echo len >&"$in"
    hears 'ok 0'
    halt
    echo len >&"$in"
    kill -KILL "$SERVER"
    wait "$CONNECTED" || status=$?
    equal 'status of connect' 1 "$status"
    equal 'what it says' "$stem: the manager has closed the connection" "$(cat "$BATS_TEST_TMPDIR/errors")"
}

# The first child is the manager: the drivers come when it listens.
given_a_run() { # CLIENTS
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    env "$family" TMPDIR="$BATS_TEST_TMPDIR" timeout "$(limit 20)" "$PROGRAM" --timing --clients "$1" --ops 1000000 \
        > "$BATS_TEST_TMPDIR/run" 2>&1 < /dev/null 3>&- 4>&- &
    RUN=$!
    local end=$((SECONDS + $(limit 5)))
    until MAIN=$(children_of "$RUN") && [[ $MAIN ]] && mapfile -t CHILDREN < <(children_of "$MAIN") && ((${#CHILDREN[@]} == $1 + 1)); do
        ((SECONDS <= end)) || fail 'the clients did not come'
    done
}

@test "23: the manager is killed: each client says so and ends, and nothing is left" {
    local status=0
    given_a_run 3
    kill -KILL "${CHILDREN[0]}"
    wait "$RUN" || status=$?
    equal status 1 "$status"
    [[ $(sort -u "$BATS_TEST_TMPDIR/run") =~ ^"$stem: "(len|set|get)': no connection to the manager: '(Broken pipe|Connection re) ]] || fail "$(cat "$BATS_TEST_TMPDIR/run")"
    nothing_left
}

@test "23: a client is killed: the run says so, and nothing is left" {
    local status=0
    given_a_run 3
    kill -KILL "${CHILDREN[1]}"
    wait "$RUN" || status=$?
    equal status 1 "$status"
    equal 'what is said' "$stem: driver 0 was killed by signal 9" "$(cat "$BATS_TEST_TMPDIR/run")"
    nothing_left
}

@test "23: who started the manager is killed: it ends by itself, and its path goes" {
    given_a_run 1
    kill -KILL "$MAIN"
    wait "$RUN" || true
    nothing_left_soon
}

@test "23: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'thread-1 | received "len"'
    broken_off_by TERM 143 'child-0 | dic.values()'
    broken_off_by TERM 143 'main   | ---- one function for each method'
}

# ---- Who may connect, and where ----------------------------------------------------------------------------------------

@test "23: the path is for its user alone, is there as long as the manager, and no longer" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    equal 'where it listens' "$BATS_TEST_TMPDIR/s" "$ADDRESS"
    equal 'mode' 600 "$(stat -c %a "$ADDRESS")"
    stop
    [[ ! -e $BATS_TEST_TMPDIR/s ]] || fail 'the path was left'
}

@test "23: another user may not connect" {
    given_another_user
    start serve --path "$PUBLIC/s"
    run limited "${NOBODY[@]}" "$PROGRAM" connect "$ADDRESS"
    equal 'another user' "$stem: connect $ADDRESS: Permission denied" "$output"
    chmod 666 "$ADDRESS"
    equal 'another user, when the path is open to all' 'error AuthenticationError: the manager is another user'"'"'s' \
        "$(limited "${NOBODY[@]}" "$PROGRAM" connect "$ADDRESS" <<< 'set a 1' 2>&1 | head -n 1)"
    serves
    replies 'nothing has been set' 'ok 0' len
    stop
    grep -q '^server | refuses a client of user 65534$' "$LOG"
}

@test "23: a stale path is replaced; a living manager's, or a file, is not" {
    start serve --path "$BATS_TEST_TMPDIR/s"
    refuses 1 "bind $BATS_TEST_TMPDIR/s: Address already in use" serve --path "$BATS_TEST_TMPDIR/s"
    serves
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    wait "$DRAIN"
    [[ -S $BATS_TEST_TMPDIR/s ]] || fail 'there is no stale path'
    start serve --path "$BATS_TEST_TMPDIR/s"
    serves
    stop
    echo precious > "$BATS_TEST_TMPDIR/s"
    refuses 1 "bind $BATS_TEST_TMPDIR/s: Address already in use" serve --path "$BATS_TEST_TMPDIR/s"
    equal 'the file' precious "$(cat "$BATS_TEST_TMPDIR/s")"
}

# ---- What cannot be done -----------------------------------------------------------------------------------------------

@test "23: a process or a thread that is refused ends the demo with one clear line" {
    local n
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for n in 1 2 3 4; do
        run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" REFUSE=$n "$BUILD/flaky/$stem"
        equal "status with REFUSE=$n" 1 "$status"
        equal "errors with REFUSE=$n" 1 "$(grep -cE "^$stem: (fork: Resource temporarily unavailable|(len|set|values|get): no connection to the manager: (Broken pipe|Connection reset by peer))$" <<< "$output")"
        nothing_left
    done
    for n in 3 4 5; do # one of the drivers has no process, or no thread in the manager, while others wait for it
        run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" REFUSE=$n "$BUILD/flaky/$stem" --timing --clients 3
        equal "status of 3 clients with REFUSE=$n" 1 "$status"
        nothing_left
    done
}

@test "23: a manager that cannot start says why, once" {
    run env TMPDIR=/nowhere "$PROGRAM"
    equal status 1 "$status"
    same_transcript 'the errors' "main   | starts the manager
$stem: bind /nowhere/$stem.PID: No such file or directory" "$output"
}

@test "23: names what is wrong" {
    refuses 2 '--clients 0: not a number from 1 to 10000' --clients 0
    refuses 2 '--clients 10001: not a number from 1 to 10000' --clients 10001
    refuses 2 '--ops 0: not a number from 1 to 1000000' --ops 0
    refuses 2 '--path: wants a value' serve --path
    refuses 2 '--lock: no such option; see --help' --lock
    refuses 2 'srve: no such command; see --help' srve
    refuses 2 'connect: wants PATH' connect
    refuses 2 'an empty path names no socket' serve --path ''
    refuses 2 "$(printf 'x%.0s' {1..108}): too long for the path of a socket" serve --path "$(printf 'x%.0s' {1..108})"
    refuses 1 'connect /nowhere: No such file or directory' connect /nowhere
}

@test "23: has help" { every_server_has_help --path --timing --clients --ops; }

@test "23: the slides show what is so" { check_slides; }
