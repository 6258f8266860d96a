# The mistakes that these tests catch: children that are left when their parent ends; an end by a signal taken for a status;
# a limit of time that polls, or that a grandchild fools; a signal for one child that ends its sisters; text that is printed
# twice, or never; a fork that fails and is not noticed; a join inside the loop; a daemon that is waited for.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; SERVER and LOG are for the helper
load helper

# The demo without what differs by nature: pids and the time that passed.
neutral() {
    sed -E -e 's/\b(am|is|was) [0-9]+/\1 PID/g' -e 's/(the loop): [0-9]+ ms/\1: MS ms/'
}

# The demo with little work.
brief() { # [OPTION...]
    play --unit 1 "$@"
}

# What remains of a line of the demo after these words.
after() { # WORDS [OPTION...]
    brief "${@:2}" | sed -n "s/.*$1//p"
}

alive() { # [OPTION...]
    brief "$@" | sed -n 's/^main .*| \(.* alive .*\)/\1/p'
}

# ---- A demo that is disturbed ----------------------------------------------------------------------------------------

# Starts the demo; it pauses this many milliseconds after each line.
begin() { # MS [OPTION...]
    LOG=$BATS_TEST_TMPDIR/log
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    : > "$LOG"
    env "$family" SLOW="$1" "$PROGRAM" "${@:2}" > "$LOG" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
}

# Waits until the demo has ended, and its children too: an orphan may need a moment more.
ends_with() { # STATUS
    local status=0 server=$SERVER
    timeout "$(limit 10)" tail --pid="$server" -s 0.02 -f /dev/null || fail 'the demo did not end'
    SERVER=
    wait "$server" || status=$?
    equal 'status of the demo' "$1" "$status"
    nothing_left_soon
}

# The pid of a child that has said hi.
pid_of() { # NUMBER
    sed -n "s/^child-$1 .* I am \([0-9]*\),.*/\1/p" "$LOG"
}

switches() {
    sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$SERVER/status"
}

# ---- Ten children ----------------------------------------------------------------------------------------------------

@test "19: each child has a pid of its own, and one parent" {
    begin 0 --unit 1
    local main=$SERVER
    ends_with 0
    equal 'pids' 10 "$(sed -n 's/.* hi [0-9]: I am \([0-9]*\), my .*/\1/p' "$LOG" | sort -u | wc -l)"
    equal 'parents' "$main" "$(sed -n 's/.* hi [0-9]:.* my parent is //p' "$LOG" | sort -u)"
    equal 'main' "$main" "$(sed -n 's/^main .* I am \([0-9]*\) .*/\1/p' "$LOG")"
}

@test "19: all are alive before the first is joined; with --join-inside, one at a time" {
    equal 'joined outside' '10 alive at the same time; exit codes 0 1 2 3 4 5 6 7 8 9' "$(alive)"
    equal 'joined inside' '1 alive at the same time; exit codes 0 1 2 3' "$(alive --join-inside --processes 4)"
}

@test "19: as many children as are asked for" {
    equal 'one' '1 alive at the same time; exit codes 0' "$(alive --processes 1)"
    equal 'sixty' 60 "$(brief --processes 60 | grep -c '| hi ')"
}

@test "19: joined outside the loop they work at the same time, inside one after the other" {
    local transcript inside outside
    transcript=$(play --processes 6 --unit 30)
    inside=$(sed -n 's/.*inside the loop: \(.*\) ms/\1/p' <<< "$transcript")
    outside=$(sed -n 's/.*outside the loop: \(.*\) ms/\1/p' <<< "$transcript")
    ((inside >= 180)) || fail "six times 30 ms, one after the other, took $inside ms"
    ((outside >= 30 && outside < inside - 60)) || fail "inside: $inside ms, outside: $outside ms"
}

# ---- How a child ends ------------------------------------------------------------------------------------------------

@test "19: the exit code is the status, in eight bits, or minus the signal" {
    local transcript
    transcript=$(brief)
    [[ $transcript == *'a child that returns 3: exit code 3'* ]]
    [[ $transcript == *'a child that returns 256: exit code 0'* ]]
    [[ $transcript == *'a child that calls abort: exit code -6 (Aborted)'* ]]
    [[ $transcript == *'a child that is terminated: exit code -15 (Terminated)'* ]]
    [[ $transcript == *'the same child is killed: exit code -9 (Killed)'* ]]
}

@test "19: a signal to one child ends that child alone, and is told apart" {
    begin 30 --processes 40
    await 'hi 2' # both have announced themselves before, and the others are still to come
    kill -KILL "$(pid_of 0)"
    kill -TERM "$(pid_of 1)"
    await '38 alive at the same time; exit codes -9 -15 2 3'
    kill -TERM "$SERVER"
    ends_with 143
}

@test "19: a child that ends before it has announced itself is an error" {
    begin 400 --processes 3
    await 'hi 0'
    kill -KILL "$(pid_of 0)"
    ends_with 1
    equal 'the message' '19_processes: child-0 ended too early, with -9' "$(cat "$LOG.errors")"
}

# ---- Join with a limit -----------------------------------------------------------------------------------------------

# A wait that looks every 10 ms would be switched away from 30 times in this time; time is the subject here.
@test "19: join with a limit waits, and does not poll" {
    begin 0 --unit 2000 --processes 1
    await 'joins it with a limit'
    local before after nothing
    before=$(switches)
    read -r -t 0.3 nothing <> <(:) || true
    after=$(switches)
    ((after - before <= 5)) || fail "main was woken $((after - before)) times"
    kill -KILL "$SERVER"
    ends_with 137
}

@test "19: a limit that is over leaves the child as it was" {
    local transcript
    transcript=$(brief)
    [[ $transcript == *'ETIMEDOUT: it still runs'*'the same child is killed'* ]]
}

@test "19: join waits for the child itself, whoever has copies of its pipes" {
    local begin=$SECONDS
    equal 'the child' 'it has ended' "$(after 'limit of 10 s: ')"
    ((SECONDS - begin < $(limit 5))) || fail 'join waited for its limit'
    equal 'its pipe' 'not at its end, its child has a copy' "$(after 'a pipe that it wrote to: ')"
}

@test "19: started twice, never started, not one's own: refused" {
    equal 'twice' 'EALREADY, once is enough' "$(after 'a second time: ')"
    equal 'never' 'ESRCH, there is none' "$(after 'was never started: ')"
    equal 'a sister' 'ECHILD, only its parent can' "$(after 'joins its sister: ')"
}

# Who ignores SIGCHLD makes the kernel wait for its children, and their status is lost: unless the program says otherwise.
@test "19: started by one that ignores SIGCHLD, the demo is the same" {
    same_story 'the demo' 'the worker: exit code 0' "$(brief | neutral)" "$(trap '' CHLD && brief | neutral)"
}

# ---- An orphan -------------------------------------------------------------------------------------------------------

@test "19: an orphan has a new parent, which is not main" {
    begin 0 --unit 1
    local main=$SERVER child parent
    ends_with 0
    read -r child parent < <(sed -n 's/^orphan .* was \([0-9]*\), now it is \([0-9]*\)$/\1 \2/p' "$LOG")
    [[ $child && $parent && $parent != "$child" && $parent != "$main" ]] || fail "child $child, parent $parent"
    grep -q 'waits for the orphan: ECHILD' "$LOG"
}

@test "19: with --adopt, main is the parent of the orphan, and has its status" {
    begin 0 --adopt --unit 1
    local main=$SERVER
    ends_with 0
    equal 'the new parent' "$main" "$(sed -n 's/^orphan .* now it is //p' "$LOG")"
    grep -q 'waits for the orphan: exit code 7' "$LOG"
}

# ---- Output ----------------------------------------------------------------------------------------------------------

@test "19: flushed before fork, each text arrives once" {
    equal 'what arrived' '[main][child]' "$(after 'calls _exit: ')"
}

@test "19: with --no-flush one text arrives twice, or one never" {
    equal 'exit' '[main][child][main]' "$(after 'calls exit: ' --no-flush)"
    equal '_exit' '[main]' "$(after 'calls _exit: ' --no-flush)"
}

# ---- The end ---------------------------------------------------------------------------------------------------------

@test "19: at the end of main the daemon is ended and the worker is waited for" {
    equal 'the last lines' 'main   | reaches its end: ends the daemon, waits for the worker
worker | ends after main has reached its end
main   | the worker: exit code 0
main   | the daemon: exit code -15 (Terminated)' "$(brief | tail -n 4)"
}

@test "19: SIGTERM and SIGINT end the children first, also one that is stopped" {
    local signal
    for signal in TERM INT; do
        begin 50 --processes 30
        await 'hi 2'
        kill -STOP "$(pid_of 1)"
        kill "-$signal" "$SERVER"
        ends_with $((128 + $(kill -l "$signal")))
    done
}

@test "19: SIGTERM ends a child that ignores it, too" {
    begin 0 --unit 5000 --processes 1
    await 'joins it with a limit'
    kill -TERM "$SERVER"
    ends_with 143
}

@test "19: SIGTERM leaves no orphan" {
    begin 12 --processes 1 --unit 300
    await 'joins it with a limit of 10 s'
    kill -TERM "$SERVER"
    ends_with 143
}

@test "19: with nobody who reads, the children end as well" {
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    env "$family" "$PROGRAM" --processes 20 --unit 1 2>&1 < /dev/null 3>&- 4>&- | head -n 5 > "$BATS_TEST_TMPDIR/head"
    equal 'status' 141 "${PIPESTATUS[0]}"
    nothing_left
}

@test "19: children whose parent is killed find their gate open, and end" {
    local words
    for words in 'hi 2' 'reaches its end'; do
        begin 50
        await "$words"
        kill -KILL "$SERVER"
        ends_with 137
    done
}

# ---- Failures and options --------------------------------------------------------------------------------------------

# The 1st to 10th are the ten, the 19th is the grandchild's in the child, then those that work, the output, daemon and worker.
@test "19: a fork that is refused is one clear line, and nobody is left" {
    local nth
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    for nth in 1 7 14 17 18 19 25 39 40 41; do
        status=0
        env "$family" REFUSE=$nth timeout "$(limit 10)" "$BUILD/flaky/$stem" --unit 2 \
            > /dev/null 2> "$BATS_TEST_TMPDIR/errors" 3>&- 4>&- || status=$?
        equal "status without fork $nth" 1 "$status"
        equal "message without fork $nth" '19_processes: fork: Resource temporarily unavailable' "$(cat "$BATS_TEST_TMPDIR/errors")"
        nothing_left
    done
}

@test "19: calls that are interrupted make no difference" {
    same_story 'the demo' 'the worker: exit code 0' "$(brief | neutral)" "$(PROGRAM=$BUILD/flaky/$stem && brief | neutral)"
}

@test "19: --timing says one line, and nothing else" {
    local line
    line=$(play --timing --ops 50)
    [[ $line =~ ^'timing | 50 processes in '[0-9.]+' s, '[0-9]+' processes/s'$ ]] || fail "$line"
}

refused() { # WORD OPTION...
    run limited "$PROGRAM" "${@:2}"
    equal "status of ${*:2}" 2 "$status"
    equal "lines for ${*:2}" 1 "${#lines[@]}"
    [[ ${lines[0]} == "19_processes: "*"$1"* ]] || fail "${lines[0]}"
}

@test "19: wrong values are named" {
    refused --processes --processes 0
    refused --processes --processes 100001
    refused --processes --processes ten
    refused --unit --unit 0
    refused --unit --unit 10001
    refused --ops --timing --ops 0
    refused --ops --ops
    refused --joined --joined
    refused serve serve
}

@test "19: --help names every option" {
    local option
    for option in --processes --unit --join-inside --no-flush --adopt --timing --ops; do
        limited "$PROGRAM" --help | grep -q -e "^  $option " || fail "no word of $option"
    done
}

@test "19: the demo is the same every time" { check_demo 5 --unit 2; }

@test "19: the slides show what the program does" { check_slides; }
