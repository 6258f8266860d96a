# The mistakes that these tests catch: text that is printed twice, or never; a copy of a descriptor that is forgotten; an
# orphan that is left when main ends; a copied lock that is waited for.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; family, LOG and SERVER are the helper's
load helper
load peers/every_server

@test "19c: the demo is the same each time" { check_demo 5; }

neutral() {
    sed -E 's/\b(was|is) [0-9]+/\1 PID/g'
}

# What the demo says after these words.
after() { # WORDS [OPTION...]
    play "${@:2}" | sed -n "s/.*$1: //p"
}

@test "19c: what was printed before fork arrives twice, or what was printed after it never" {
    equal 'exit' '[main][child][main]' "$(after 'calls exit')"
    equal '_exit' '[main]' "$(after 'nobody flushes, the child calls _exit')"
}

@test "19c: flushed before fork and before _exit, each text arrives once" {
    equal 'what arrives' '[main][child]' "$(after 'each flushes, the child calls _exit')"
}

@test "19c: join waits for the child itself, whoever has copies of its line" {
    matches "$(play)" '*has joined it; its end of our socket is still open*orphan | my parent was*'
}

@test "19c: an orphan has a new parent, which is not main" {
    local child parent
    begin 0
    local main=$SERVER
    ends_with 0 ''
    read -r child parent < <(sed -n 's/^orphan .* was \([0-9]*\), now it is \([0-9]*\)$/\1 \2/p' "$LOG")
    [[ $child && $parent && $parent != "$child" && $parent != "$main" ]] || fail "child $child, parent $parent"
    grep -q 'waits for the orphan: it is not my child' "$LOG"
}

@test "19c: with --adopt, main is the parent of the orphan, and has its status" {
    begin 0 --adopt
    local main=$SERVER
    ends_with 0 ''
    equal 'the new parent' "$main" "$(sed -n 's/^orphan .* now it is //p' "$LOG")"
    grep -q 'waits for the orphan: exit code 7' "$LOG"
}

@test "19c: the copy of a lock stays held, as its owner is not copied" {
    equal 'the end' 'thread | has the lock; main forks
child  | has only one thread; its copy of the lock is held
main   | the thread has released the lock: it is free' "$(play | tail -n 3)"
}

# ---- Being refused and stopped -----------------------------------------------------------------------------------------

# The 5th is the grandchild, and the 6th is forked beside the thread.
@test "19c: a process that is refused is a clear error, and nothing is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 3 4 5 6; do
        run limited env "$family" REFUSE=$nth "$BUILD/flaky/$stem"
        equal "status without process $nth" 1 "$status"
        equal "errors without process $nth" "$stem: fork: Resource temporarily unavailable" "$(grep -v " | " <<< "$output")"
        nothing_left
    done
}

@test "19c: an orphan ends when main does, however main ends" {
    local signal
    for signal in TERM KILL; do
        begin 100
        await 'has joined it'
        kill "-$signal" "$SERVER"
        ends_with $((128 + $(kill -l $signal))) ''
    done
}

@test "19c: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'calls exit'
    broken_off_by HUP 129 'has the lock; main forks'
}

@test "19c: calls that are interrupted make no difference" {
    same_story 'the demo' 'it is free' "$(play | neutral)" "$(PROGRAM=$BUILD/flaky/$stem && play | neutral)"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "19c: names what is wrong" {
    refuses 2 '--no-flush: no such option; see --help' --no-flush
    refuses 2 'serve: no such command; see --help' serve
}

@test "19c: has help" { every_server_has_help --adopt; }
@test "19c: the slides show what is so" { check_slides; }
