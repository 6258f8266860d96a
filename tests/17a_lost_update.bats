# The mistakes that these tests catch: an order that is played otherwise than chosen, or counted twice; a lock that is taken
# after the reading, or given back before the printing; an addition that is taken for one step because its read and its write
# are; a thread that is not started, and nobody looks.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

@test "17a: the demo is the same each time" { check_demo 5; }

@test "17a: two threads add one, and one addition is lost" {
    equal 'without a lock' 'ann    | reads 0
bob    | reads 0
ann    | writes 1
bob    | writes 1
main   | read, then write: one and one make 1' "$(play | head -n 5)"
}

@test "17a: under the lock none is lost: bob reads after ann has written" {
    equal 'with a lock' 'ann    | has the lock, reads 0
bob    | wants the lock
ann    | writes 1, unlocks
bob    | has the lock, reads 1
bob    | writes 2, unlocks
main   | lock, add, unlock: one and one make 2' "$(play | sed -n '6,11p')"
    equal 'the demo, where whoever has unlocked is slow to go on' "$(play)" "$(CALM=1 REPORT=1 limited "$BUILD/flaky/$stem" 2> /dev/null)"
}

@test "17a: an atomic addition loses none" {
    equal 'the last line' 'main   | an atomic addition: one and one make 2' "$(play | tail -n 1)"
}

@test "17a: an atomic addition takes no lock" {
    equal 'locks: one for ann, one for bob' 2 "$(counted locks)"
}

# ---- CHOOSE ------------------------------------------------------------------------------------------------------------

@test "17a: CHOOSE plays each of the six orders, and what comes of each is what one computes" {
    local said
    mapfile -t said < <(updates_in_all_orders)
    choose_all_orders '' "${said[@]}"
    [[ $output == *'Orders so far: 6 of 6'* ]] || fail "$output"
    equal 'who spoke, and who was chosen' "$(printf %s "${all_orders[@]}")" "$(sed -n 's/^ann .*/1/p; s/^bob .*/2/p' <<< "$output" | tr -d '\n')"
    equal 'one and one make' "$(for order in "${all_orders[@]}"; do one_and_one "$order"; done)" "$(sed -n 's/^main .* one and one make //p' <<< "$output")"
}

@test "17a: ... an order that was played before is not another one, and the challenge is there until it is met" {
    choose $'121\n121\n122\n11\n'
    equal 'what is said at the end of each' 'main   | an update is lost. Orders so far: 1 of 6; can you make 2?
main   | an update is lost. Orders so far: 1 of 6; can you make 2?
main   | an update is lost. Orders so far: 2 of 6; can you make 2?
main   | none is lost. Orders so far: 3 of 6' "$(grep Orders <<< "$output")"
}

@test "17a: ... the menu says who could go on, and what each would do" {
    choose 1
    equal 'after the first key' 'ann    | reads 0
  1  ann writes 1
  2  bob reads' "$(sed -n '/^ann/,/bob/p' <<< "$output")"
}

@test "17a: ... whoever waits for the lock is shown and cannot be chosen, and in no order is an update lost" {
    choose 11n12222
    equal 'after bob has been chosen' 'bob    | wants the lock
  1  ann writes 1, unlocks
     bob waits for the lock' "$(sed -n '/^bob    | wants/,/waits/p' <<< "$output")"
    equal 'the last line' 'Who goes on?  q: quit ' "${lines[-1]}"
    choose_all_orders 11n 'none is lost' 'none is lost' 'none is lost' 'none is lost' 'none is lost' 'none is lost'
    [[ $output == *'Orders so far: 4 of 4; can you make 1?'* ]] || fail "$output"
}

@test "17a: ... ends at q, and when the keys do" {
    local keys
    for keys in '' q 1 1q 12 12q 121q 121n 121nq 121n1 121n12 121n12q 121n121n; do choose "$keys"; done
    equal 'after the last scene' 'main   | an atomic addition: one and one make 2' "${lines[-1]}"
}

# Plays on a terminal that echoes, and prints what stands on it in the end: what was erased one line further up is gone.
choose_on_a_terminal() { # PROMPTS AND KEYS...
    # shellcheck disable=SC2016
    CHOOSE=1 STEP=1 NO_COLOR=1 limited "$BUILD/peers/pty" act "$@" -- bash -c 'trap : INT
        before=$(stty -g)
        "$0"
        echo "status $?"
        [[ $before == "$(stty -g)" ]] && echo same' "$PROGRAM" 2>&1 |
        awk '{ while (sub(/^\033\[A\033\[K/, "")) lines--; line[++lines] = $0 } END { for (i = 1; i <= lines; i++) print line[i] }'
}

@test "17a: ... on a terminal the menu vanishes, STEP has no say, and the terminal is as it was" {
    local menu='Who goes on?  q: quit' again='q: quit'
    equal 'two scenes' 'ann    | reads 0
bob    | reads 0
ann    | writes 1
bob    | writes 1
main   | read, then write: one and one make 1
main   | an update is lost. Orders so far: 1 of 6; can you make 2?
bob    | reads 0
bob    | writes 1
ann    | reads 1
ann    | writes 2
main   | read, then write: one and one make 2
main   | none is lost. Orders so far: 2 of 6
status 0
same' "$(choose_on_a_terminal "$menu" 1 "$menu" x "$menu" 2 "$menu" 1 "$again" $'\n' "$menu" 2 "$menu" 2 "$again" q)"
    equal 'Ctrl-C' $'ann    | reads 0\n  1  ann writes 1\n  2  bob reads\nstatus 130\nsame' "$(choose_on_a_terminal "$menu" 1 "$menu" $'\x03')"
}

# ---- The posts' ten threads --------------------------------------------------------------------------------------------

@test "17a: the posts' ten threads print 1 to 10, one after the other" {
    local ms from=${EPOCHREALTIME/./}
    equal 'what they print' "$(env printf 'thread | prints %d\n' {1..10})" "$(play post)"
    ms=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((ms >= 100)) || fail "ten times 10 ms under the lock took $ms ms"
}

@test "17a: when the system has no thread for it, it says so and ends" { ends_when_a_thread_is_refused 6; }

@test "17a: names what is wrong" {
    refuses 2 '--lock: no such option; see --help' --lock
    refuses 2 'serve: no such command; see --help' serve
    refuses 2 'more: unexpected' post more
}

@test "17a: has help" { every_server_has_help; }
@test "17a: the slides show what is so" { check_slides; }
