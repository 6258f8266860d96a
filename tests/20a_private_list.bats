# The mistakes that these tests catch: memory that is shared where it should be private; a pointer of the child that the
# parent follows; a fork that fails, or a child that is killed, and is not noticed; children that outlive the parent.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

@test "20a: the demo is the same each time" { check_demo 5; }

@test "20a: each child appends to its own list, and the parent's stays empty" {
    local expected='parent | starts ten children; the list is []' i
    for i in {0..9}; do expected+=$'\n'"child-$i | appends $i: the list is [$i]"; done
    equal 'the demo' "$expected
parent | their ten lists hold 10 items; 10 have the address of mine
parent | ending: the list is []" "$(play)"
}

@test "20a: all lists have one address" {
    local text
    text=$(play --addresses)
    equal 'lines with an address' 12 "$(grep -c ' at 0x[0-9a-f]*' <<< "$text")"
    equal 'addresses' 1 "$(grep -o ' at 0x[0-9a-f]*' <<< "$text" | sort -u | wc -l)"
    equal 'the demo without them' "$(play)" "$(play --addresses | sed 's/ at 0x[0-9a-f]*//')"
}

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

@test "20a: a process that is refused is a clear error, and nothing is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 3 10; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal "status without process $nth" 1 "$status"
        equal "errors without process $nth" "$stem: fork: Resource temporarily unavailable" "$(grep -v " | " <<< "$output")"
        nothing_left
    done
}

@test "20a: a child that is killed is noticed while its turn is waited for" {
    begin 400
    await '^child-0 '
    kill -KILL "$(children_of "$SERVER" | tail -n 1)"
    ends_with 1 '20a_private_list: child has ended with -9'
}

@test "20a: a child lives on after its turn: one that is killed then is noticed at the end" {
    begin 80
    await '^child-2 '
    kill -KILL "$(children_of "$SERVER" | head -n 1)"
    ends_with 1 '20a_private_list: child has ended with -9'
    grep -q 'ending: the list is \[\]' "$LOG"
}

@test "20a: a parent that is killed leaves no child" {
    begin 20
    await '^child-5 '
    kill -KILL "$SERVER"
    ends_with 137 ''
}

@test "20a: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'child-3 | appends'
    broken_off_by INT 130 'ending'
}

@test "20a: calls that are interrupted and reads that are short change nothing" {
    same_story 'the demo' 'ending: the list is []' "$(play)" "$(PROGRAM=$BUILD/flaky/$stem play)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "20a: names what is wrong" {
    refuses 2 '--addresses=yes: takes no value' --addresses=yes
    refuses 2 'lists: no such command; see --help' lists
}

@test "20a: has help" { every_server_has_help --addresses; }
@test "20a: the slides show what is so" { check_slides; }
