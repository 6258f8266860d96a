# The mistakes that these tests catch: memory that is shared where it should be private; a pointer of the child that the
# parent follows; pages that are written where they should be read; a descriptor that is not closed, so that the end of file
# never comes; a fork that fails, or a child that is killed, and is not noticed; children that outlive the parent.
# Not tested: memory that the system swaps out while the demo counts it.
# shellcheck disable=SC2001,SC2030,SC2031,SC2034,SC2153,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

family=TEST_FAMILY=$$.${BATS_TEST_NUMBER:-}.$stem # in the environment of the program and of all its children

# Starts the program in the background; it pauses this long after each line.
begin() { # MS WORDS...
    LOG=$BATS_TEST_TMPDIR/log
    : > "$LOG"
    env "$family" SLOW="$1" "$PROGRAM" "${@:2}" > "$LOG" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
}

# Waits for the program to end with this status and these words on stderr; all of its children have to be gone.
ends_with() { # STATUS ERRORS
    local status=0 program=$SERVER
    timeout "$(limit 10)" tail --pid="$program" -s 0.02 -f /dev/null || fail 'the program does not end'
    SERVER=
    wait "$program" || status=$?
    equal 'the status' "$1" "$status"
    equal 'the errors' "$2" "$(cat "$LOG.errors")"
    nothing_left
}

# The numbers of the region, line by line: shared and private KiB.
usage() { # WORDS...
    play pages "$@" | sed -n 's/.* \([0-9]*\) KiB shared, *\([0-9]*\) KiB private$/\1 \2/p'
}

# ---- The list --------------------------------------------------------------------------------------------------------

@test "20: each child appends to its own list, and the parent's stays empty" {
    local text
    text=$(play list --processes 3)
    equal 'the demo' 'parent | the list is []; starts 3 children
child-0 | appends 0: the list is [0]
child-1 | appends 1: the list is [1]
child-2 | appends 2: the list is [2]
parent | 3 lists of theirs hold 3 items; 3 stand where mine stands
parent | ending: the list is []' "$text"
}

@test "20: there are ten children unless told otherwise, and a thousand if told so" {
    equal 'lines of children' 10 "$(play list | grep -c '^child-[0-9] | appends')"
    equal 'the last lines' 'parent | 1000 lists of theirs hold 1000 items; 1000 stand where mine stands
parent | ending: the list is []' "$(limited "$PROGRAM" list --processes 1000 | tail -n 2)"
}

@test "20: all lists have one address" {
    local text
    text=$(play list --addresses)
    equal 'lines with an address' 12 "$(grep -c ' at 0x[0-9a-f]*' <<< "$text")"
    equal 'addresses' 1 "$(grep -o ' at 0x[0-9a-f]*' <<< "$text" | sort -u | wc -l)"
    equal 'the demo without them' "$(play list)" "$(sed 's/ at 0x[0-9a-f]*//' <<< "$text")"
}

@test "20: a child costs the parent no descriptor" {
    ulimit -n 16
    equal 'the last line' 'parent | ending: the list is []' "$(play list --processes 100 | tail -n 1)"
}

# ---- The pages -------------------------------------------------------------------------------------------------------

@test "20: fork and reading copy nothing, and a write copies the pages that it touches" {
    equal 'shared and private KiB' '0 0
0 16384
16384 0
16384 0
15360 1024
15360 1024
14336 2048
0 16384' "$(usage)"
    equal 'with other sizes' '0 0
0 65536
65536 0
65536 0
45056 20480
45056 20480
24576 40960
0 65536' "$(usage --size 64 --write 20)"
}

@test "20: who writes to all has a copy of all, and the other the first" {
    equal 'shared and private KiB' '0 0
0 4096
4096 0
4096 0
0 4096
0 4096
0 4096
0 4096' "$(usage --size 4 --write 4)"
    [[ $(play pages --size 4 --write 4) == *'parent | reads 1 in the first page'*'child  | reads 2 in the last page
parent | the two hold 8192 KiB together; two whole copies are 8192'* ]]
}

@test "20: one byte costs a page, and no write costs no more" {
    local page=$(($(getconf PAGESIZE) / 1024))
    [[ $(play pages --write 0) == *'child  | writes one byte: 1 page private'* ]]
    equal 'after the byte' "$((16384 - page)) $page" "$(usage --write 0 | sed -n 5p)"
}

@test "20: each reads what it wrote itself, and what was there before the fork" {
    local text
    text=$(play pages)
    equal 'what is read' 'child  | reads 1 in 16384 KiB of pages
parent | reads 1 in the first page
child  | reads 1 in the last page' "$(grep ' reads ' <<< "$text")"
    [[ $text == *'parent | the two hold 18432 KiB together; two whole copies are 32768'* ]]
}

@test "20: what is mapped takes no memory before it is written to" {
    begin 60000 pages --size 1024
    await 'has mapped it  *0 KiB shared,  *0 KiB private'
    local reserved resident
    reserved=$(awk '/^VmSize/ { print $2 }' "/proc/$SERVER/status")
    resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$SERVER/status")
    ((reserved > 1024 * 1024)) || fail "only $reserved KiB are reserved"
    ((resident < 256 * 1024)) || fail "already $resident KiB are in memory"
    kill -TERM "$SERVER"
    ends_with 143 ''
}

# ---- Ends ------------------------------------------------------------------------------------------------------------

@test "20: a child that cannot be started is an error, and the others are ended" {
    local refused
    for refused in 1 3 11; do
        run limited env "$family" REFUSE=$refused "$BUILD/flaky/$stem"
        equal "status, process $refused refused" 1 "$status"
        equal 'the error' '20_private_memory: fork: Resource temporarily unavailable' "$(grep -v ' | ' <<< "$output")"
        nothing_left
    done
    run limited env "$family" REFUSE=2 "$BUILD/flaky/$stem" --timing
    equal 'what --timing says' '20_private_memory: fork: Resource temporarily unavailable' "$output"
}

@test "20: SIGTERM and SIGINT end parent and children" {
    begin 10 list --processes 1000
    await '^child-5 '
    kill -TERM "$SERVER"
    ends_with 143 ''
    begin 200 pages
    await 'after the fork'
    kill -INT "$SERVER"
    ends_with 130 ''
}

@test "20: a parent that is killed leaves no child" {
    local words
    for words in 'list --processes 1000' pages; do
        # shellcheck disable=SC2086 # words
        begin 20 $words
        await '^child.* | '
        kill -KILL "$SERVER"
        wait "$SERVER" || true
        SERVER=
        nothing_left_soon
    done
}

@test "20: a child that is killed is noticed while its turn is waited for" {
    begin 200 pages
    await 'after the fork'
    kill -KILL "$(children_of "$SERVER")"
    ends_with 1 '20_private_memory: child was killed by signal 9'
}

@test "20: a child that is killed after its turn is noticed at the end" {
    begin 40 list --processes 20
    await '^child-2 '
    halt
    kill -KILL "$(children_of "$SERVER" | head -n 1)"
    kill -CONT "$SERVER"
    ends_with 1 '20_private_memory: child-0 was killed by signal 9'
}

@test "20: nobody reads: the end of all, without a word" {
    LOG=$BATS_TEST_TMPDIR/log
    env "$family" "$PROGRAM" list --processes 500 2> "$LOG" | head -n 2 > "$LOG.read"
    equal 'status, 128 and SIGPIPE, and lines that were read' '141 2' "${PIPESTATUS[0]} $(wc -l < "$LOG.read")"
    nothing_left
    equal 'the errors' '' "$(cat "$LOG")"
}

@test "20: calls that are interrupted and reads that are short change nothing" {
    same_story 'the demo' 'ending: the list is []' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem play)"
}

@test "20: too little memory is an error" {
    (ulimit -v 100000 && limited "$PROGRAM" --help > /dev/null 2>&1) || skip 'a sanitizer reserves more than that'
    ulimit -v 100000
    run limited "$PROGRAM" --timing --size 1024
    equal status 1 "$status"
    [[ $output =~ ^20_private_memory:\ mmap\ of\ 1024\ MiB:\ (Cannot\ allocate|Out\ of)\ memory$ ]] || fail "$output"
}

# ---- Options ---------------------------------------------------------------------------------------------------------

@test "20: times children, and no write of theirs is seen" {
    run limited "$PROGRAM" --timing --ops 20 --size 8 --write 8
    equal status 0 "$status"
    same_transcript 'what --timing prints' 'parent | still has 1 in 8192 of 8192 KiB
timing | 20 children in TIME s, MS children/s' "$output"
}

# The least CPU time in the kernel of five runs, in ms: what else the machine does can only add to it.
kernel_ms() { # WORDS...
    local TIMEFORMAT=%3S i
    for i in {1..5}; do
        { time limited "$PROGRAM" --timing "$@" > /dev/null 2>&1; } 2>&1 | tr -d .
    done | sort -n | head -n 1
}

# What ten children more cost.
cost_of_ten() { # WORDS...
    echo $((10#$(kernel_ms --ops 11 "$@") - 10#$(kernel_ms --ops 1 "$@")))
}

@test "20: much memory makes fork slow, and writing to it slower" {
    local little much written
    little=$(cost_of_ten --size 1 --write 0)
    much=$(cost_of_ten --size 256 --write 0)
    ((much > 2 * little)) || fail "1 MiB: $little ms, 256 MiB: $much ms"
    much=$(cost_of_ten --size 32 --write 0)
    written=$(cost_of_ten --size 32 --write 32)
    ((written > 2 * much)) || fail "32 MiB: $much ms, written to: $written ms"
}

@test "20: names what is wrong" {
    refuses 2 '--processes 0: not a number from 1 to 1000' --processes 0
    refuses 2 '--processes 1001: not a number from 1 to 1000' list --processes 1001
    refuses 2 '--size 0: not a number from 1 to 1024' --size 0
    refuses 2 '--size 1025: not a number from 1 to 1024' --size 1025
    refuses 2 '--size 1M: not a number from 1 to 1024' pages --size 1M
    refuses 2 '--write -1: not a number from 0 to 1024' --write -1
    refuses 2 '--write 17: more than --size 16' --write 17
    refuses 2 '--write 2: more than --size 1' --timing --size 1 --write 2
    refuses 2 '--ops 0: not a number from 1 to 1000000' --timing --ops 0
    refuses 2 '--addresses=yes: takes no value' --addresses=yes
    refuses 2 '--shared: no such option; see --help' --shared
    refuses 2 'lists: no such command; see --help' lists
    refuses 2 'more: unexpected' pages more
}

@test "20: has help" { every_server_has_help --processes --addresses --size --write --timing --ops; }
@test "20: the demo is the same each time" { check_demo 5; }
@test "20: the demo is the list, then the pages" { equal 'the demo' "$(play list)"$'\n'"$(play pages)" "$(play)"; }
@test "20: the slides show what is so" { check_slides; }
