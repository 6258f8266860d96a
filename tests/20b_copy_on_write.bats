# The mistakes that these tests catch: memory that is shared where it should be private; pages that are written where they
# should be read; a child that is killed, and is not noticed. Not tested: memory that the system swaps out meanwhile.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

@test "20b: the demo is the same each time" { check_demo 5; }

# The numbers of the region, line by line: shared and private KiB.
usage() { # WORDS...
    play "$@" | sed -n 's/.* \([0-9]*\) KiB shared, *\([0-9]*\) KiB private$/\1 \2/p'
}

@test "20b: fork and reading copy nothing, and a write copies the pages that it touches" {
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

@test "20b: whoever writes to all has a copy of all, and the other the first" {
    equal 'shared and private KiB' '0 0
0 4096
4096 0
4096 0
0 4096
0 4096
0 4096
0 4096' "$(usage --size 4 --write 4)"
    [[ $(play --size 4 --write 4) == *'parent | reads 1 in the first page'*'child  | reads 2 in the last page
parent | the two hold 8192 KiB together; two whole copies are 8192'* ]]
}

@test "20b: one byte costs a page, and no write costs no more" {
    local page=$(($(getconf PAGESIZE) / 1024))
    matches "$(play --write 0)" '*child  | writes one byte: 1 page private*'
    equal 'after the byte' "$((16384 - page)) $page" "$(usage --write 0 | sed -n 5p)"
}

@test "20b: each reads what it wrote itself, and what was there before the fork" {
    local text
    text=$(play)
    equal 'what is read' 'child  | reads 1 in 16384 KiB of pages
parent | reads 1 in the first page
child  | reads 1 in the last page' "$(grep ' reads ' <<< "$text")"
    matches "$text" '*parent | the two hold 18432 KiB together; two whole copies are 32768*'
}

@test "20b: what is mapped takes no memory before it is written to" {
    begin 60000 --size 1024
    await 'maps the region  *0 KiB shared,  *0 KiB private'
    local reserved resident
    reserved=$(awk '/^VmSize/ { print $2 }' "/proc/$SERVER/status")
    resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$SERVER/status")
    ((reserved > 1024 * 1024)) || fail "only $reserved KiB are reserved"
    ((resident < 256 * 1024)) || fail "already $resident KiB are in memory"
    kill -TERM "$SERVER"
    ends_with 143 ''
}

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

@test "20b: a process that is refused is a clear error, and nothing is left" {
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    run limited env "$family" REFUSE=1 "$BUILD/flaky/$stem"
    equal 'status' 1 "$status"
    equal 'errors' "$stem: fork: Resource temporarily unavailable" "$(grep -v " | " <<< "$output")"
    nothing_left
}

@test "20b: a child that is killed is noticed while its turn is waited for" {
    begin 200
    await 'after the fork'
    kill -KILL "$(children_of "$SERVER")"
    ends_with 1 '20b_copy_on_write: child has ended with -9'
}

@test "20b: a parent that is killed leaves no child" {
    begin 20
    await '^child .* | '
    kill -KILL "$SERVER"
    ends_with 137 ''
}

@test "20b: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'after the fork'
    broken_off_by HUP 129 'child  | after reading'
}

@test "20b: calls that are interrupted change nothing" {
    same_story 'the demo' 'the two hold' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem play)"
}

@test "20b: too little memory is an error" {
    (ulimit -v 100000 && limited "$PROGRAM" --help > /dev/null 2>&1) || skip 'a sanitizer reserves more than that'
    ulimit -v 100000
    run limited "$PROGRAM" --size 1024
    equal status 1 "$status"
    [[ $output =~ ^20b_copy_on_write:\ mmap\ of\ 1024\ MiB:\ (Cannot\ allocate|Out\ of)\ memory$ ]] || fail "$output"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "20b: names what is wrong" {
    refuses 2 '--size 0: not a number from 1 to 1024' --size 0
    refuses 2 '--size 1025: not a number from 1 to 1024' --size 1025
    refuses 2 '--size 1M: not a number from 1 to 1024' --size 1M
    refuses 2 '--write -1: not a number from 0 to 1024' --write -1
    refuses 2 '--write 17: more than --size 16' --write 17
    refuses 2 '--shared: no such option; see --help' --shared
    refuses 2 'pages: no such command; see --help' pages
}

@test "20b: has help" { every_server_has_help --size --write; }
@test "20b: the slides show what is so" { check_slides; }
