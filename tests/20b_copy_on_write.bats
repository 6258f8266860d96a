# The mistakes that these tests catch: memory that is shared where it should be private; pages that are written where they
# should be read; a child that is killed, and is not noticed. Not tested: memory that the system swaps out meanwhile.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

@test "20b: the demo is the same each time" { check_demo 5; }

# The numbers of the region, line by line: shared and private KiB.
usage() {
    play | sed -n 's/.* \([0-9]*\) KiB shared, *\([0-9]*\) KiB private$/\1 \2/p'
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
}

@test "20b: one byte costs a page" {
    matches "$(play)" '*child  | writes one byte: 1 page private*'
}

@test "20b: each reads what it wrote itself, and what was there before the fork" {
    equal 'what is read' 'child  | reads 1 in 16384 KiB of pages
parent | reads 1 in the first page
child  | reads 1 in the last page' "$(play | grep ' reads ')"
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
    same_story 'the demo' 'the child has ended' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem play)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "20b: names what is wrong" {
    refuses 2 '--shared: no such option; see --help' --shared
    refuses 2 'pages: no such command; see --help' pages
}

@test "20b: has help" { every_server_has_help; }
@test "20b: the slides show what is so" { check_slides; }
