# The mistakes that these tests catch: a join inside the loop; children that are left when their parent ends; a fork that
# fails, or a child that is killed, and is not noticed; text that is printed twice.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

@test "19a: the demo is the same each time" { check_demo 4; }

# Numbers are pids, but for those of the children, and the times that passed.
neutral() {
    sed -E -e 's/\b(am|is) [0-9]+/\1 PID/g' -e 's/(the loop): [0-9]+ ms/\1: MS ms/'
}

@test "19a: each child has a pid of its own, and one parent" {
    begin 0
    local main=$SERVER
    ends_with 0 ''
    equal 'pids' 10 "$(sed -n 's/.* hi [0-9]: I am \([0-9]*\), my .*/\1/p' "$LOG" | sort -u | wc -l)"
    equal 'parents' "$main" "$(sed -n 's/.* hi [0-9]:.* my parent is //p' "$LOG" | sort -u)"
    equal 'main' "$main" "$(sed -n 's/^main .* I am \([0-9]*\);.*/\1/p' "$LOG")"
}

@test "19a: all are alive before the first is joined; with --join-inside, one at a time" {
    matches "$(play)" '*| hi 9: *main   | 10 alive at the same time*'
    matches "$(play --join-inside)" '*| hi 9: *main   | 1 alive at the same time*'
}

# What counts is the least of three: on a busy machine, both take longer now and then.
@test "19a: joined after the loop they work at the same time, inside one after the other" {
    local transcript inside after=9999 ms i
    for i in 1 2 3; do
        transcript=$(play)
        inside=$(sed -n 's/.*inside the loop: \(.*\) ms/\1/p' <<< "$transcript")
        ((inside >= 200)) || fail "ten times 20 ms, one after the other, took $inside ms"
        ms=$(sed -n 's/.*after the loop: \(.*\) ms/\1/p' <<< "$transcript")
        ((ms >= after)) || after=$ms
        ((after >= 200)) || break
    done
    ((after >= 20 && after < 200)) || fail "expected from 20 to 199 ms after the loop; got $after ms, and $inside ms inside it"
}

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

@test "19a: a process that is refused is a clear error, and nothing is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 7 11 20 30; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal "status without process $nth" 1 "$status"
        equal "errors without process $nth" "$stem: fork: Resource temporarily unavailable" "$(grep -v " | " <<< "$output")"
        nothing_left
    done
}

@test "19a: SIGTERM and SIGINT end the children first, also those that are stopped" {
    local signal
    for signal in TERM INT; do
        begin 300 # so long whoever has said a line is there
        await 'hi 2'
        # shellcheck disable=SC2046 # one word each
        kill -STOP $(children_of "$SERVER")
        kill "-$signal" "$SERVER"
        ends_with $((128 + $(kill -l "$signal"))) ''
    done
}

@test "19a: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'hi 3'
    broken_off_by HUP 129 'joined inside the loop'
}

@test "19a: a child that is killed is noticed, and ends none of its sisters" {
    begin 120
    await 'hi 0'
    kill -KILL "$(children_of "$SERVER" | head -n 1)"
    ends_with 1 '19a_processes: child has ended with -9'
    grep -q 'hi 9' "$LOG"
}

@test "19a: children whose parent is killed end too" {
    begin 100
    await 'hi 2'
    kill -KILL "$SERVER"
    ends_with 137 ''
}

@test "19a: nobody reads: the end of all, without a word" {
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    env "$family" "$PROGRAM" 2>&1 < /dev/null 3>&- 4>&- | head -n 5 > "$BATS_TEST_TMPDIR/head"
    equal 'status, 128 and SIGPIPE, and lines that were read' '141 5' "${PIPESTATUS[0]} $(wc -l < "$BATS_TEST_TMPDIR/head")"
    nothing_left
}

@test "19a: calls that are interrupted make no difference" {
    same_story 'the demo' 'joined after the loop' "$(play | neutral)" "$(PROGRAM=$BUILD/flaky/$stem && play | neutral)"
}

@test "19a: what a process costs is measured, and no status is lost" {
    same_transcript 'what is said' 'timing | 120 processes in TIME s, MS processes/s' "$(limited "$BUILD/peers/costs" process 3 120)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "19a: names what is wrong" {
    refuses 2 '--joined: no such option; see --help' --joined
    refuses 2 'serve: no such command; see --help' serve
}

@test "19a: has help" { every_server_has_help --join-inside; }
@test "19a: the slides show what is so" { check_slides; }
