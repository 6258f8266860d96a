# The mistakes that these tests catch: a lock that is taken after the reading, or given back before the printing; an if
# around the wait; a recursive lock that one release frees, or that anybody may release; limits of time on the wrong clock,
# or none; -1 expected of a function of pthreads; a deadlock that is found between two but not among three; updates lost
# under the lock.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server
# to ThreadSanitizer, a release that is refused is a bug of the program: here it is wanted
export TSAN_OPTIONS=report_mutex_bugs=0

neutral() {
    sed -E 's/took [0-9]+ ms/took MS ms/'
}

# The lines of one part of the demo, without its title.
part() { # TITLE WORDS...
    local title=$1
    shift
    limited "$PROGRAM" --unit 0 --limit 1 "$@" < /dev/null |
        awk -v title="$title" '/^main   \| ---- / { on = index($0, "---- " title); next } on'
}

# Runs the demo and puts the time that it took into MS.
time_demo() { # WORDS...
    local from=${EPOCHREALTIME/./}
    run limited "$PROGRAM" "$@"
    equal "status of $*" 0 "$status"
    ms=$(((${EPOCHREALTIME/./} - from) / 1000))
}

@test "17: the demo is the same each time" { check_demo 5; }
@test "17: the demo is the same each time, without the lock and with the lock of pthreads" {
    check_demo 5 --no-lock --unit 1
    same_story 'the demo with --pthreads' 'thread | prints 10' \
        "$(play --unit 1 | neutral)" "$(play --unit 1 --pthreads | neutral)"
}

# ---- The lost update ---------------------------------------------------------------------------------------------------

@test "17: two threads add one, and one update is lost" {
    local lost='ann    | reads 0
bob    | reads 0
ann    | writes 1
bob    | writes 1
main   | one and one make 1'
    equal 'two threads' "$lost" "$(part 'two threads add one ')"
    equal 'two threads, --no-lock' "$lost" "$(part 'two threads add one ' --no-lock)"
}

@test "17: under the lock none is lost, and a wait that returns too early waits on" {
    equal 'two threads under the lock' 'ann    | wants the lock
ann    | has the lock, and reads 0
bob    | wants the lock
carl   | wakes bob, though ann has the lock
carl   | bob has looked, and waits on
ann    | writes 1, and releases the lock
bob    | has the lock, and reads 1
bob    | writes 2, and releases the lock
main   | one and one make 2' "$(part 'two threads add one, under the lock')"
}

adds() { # SUM OF_TOTAL WORDS...
    local sum=$1 total=$2
    shift 2
    run limited "$PROGRAM" --timing "$@"
    equal "status of --timing $*" 0 "$status"
    same_transcript "--timing $*" "timing | $total increments in TIME s, MS increments/s
main   | $sum of $total: $((total - sum)) lost" "$output"
}

@test "17: by brute force none is lost under the lock" {
    adds 40000 40000 --threads 4 --increments 10000
    adds 40000 40000 --threads 40 --increments 1000
    adds 40000 40000 --threads 4 --increments 10000 --pthreads
    adds 400000 400000
}

@test "17: by brute force some are lost without the lock, however few are added" {
    local i threads increments sum
    for i in 2:1 2:2 3:1 16:1 2:1000 4:100000; do
        threads=${i%:*} increments=${i#*:}
        run limited "$PROGRAM" --timing --no-lock --threads "$threads" --increments "$increments"
        equal status 0 "$status"
        sum=${lines[1]#'main   | '} sum=${sum%% *}
        ((sum >= 1 && sum <= threads * increments - threads + 1)) || fail "$i: $output"
        equal "$i" "main   | $sum of $((threads * increments)): $((threads * increments - sum)) lost" "${lines[1]}"
    done
    equal 'each adds one' 'main   | 1 of 16: 15 lost' "$(limited "$PROGRAM" --timing --no-lock --threads 16 --increments 1 | tail -n 1)"
}

@test "17: a thread alone needs no lock" {
    adds 1000 1000 --threads 1 --increments 1000 --no-lock
    adds 1000 1000 --threads 1 --increments 1000
    equal 'brute force of one' 'main   | without a lock: all 7
main   | with a lock: 7' "$(part 'brute force' --threads 1 --increments 7)"
}

@test "17: the demo says so of brute force" {
    equal 'brute force' 'main   | without a lock: less than 400000
main   | with a lock: 400000' "$(part 'brute force')"
    equal 'brute force, --no-lock' 'main   | without a lock: less than 2' "$(part 'brute force' --no-lock --threads 2 --increments 1)"
}

# ---- The recursive lock ------------------------------------------------------------------------------------------------

@test "17: the lock by hand answers as PTHREAD_MUTEX_RECURSIVE does" {
    local table
    table=$(part 'a recursive lock')
    equal 'the table' 'main   |                            by hand     owner, count   of pthreads
main   | ann acquires               yes         ann, 1         yes
main   | ann acquires again         yes         ann, 2         yes
main   | bob tries                  EBUSY       ann, 2         EBUSY
main   | bob waits, with a limit    ETIMEDOUT   ann, 2         ETIMEDOUT
main   | bob releases               EPERM       ann, 2         EPERM
main   | ann releases               yes         ann, 1         yes
main   | bob tries                  EBUSY       ann, 1         EBUSY
main   | ann releases               yes         nobody         yes
main   | ann releases               EPERM       nobody         EPERM
main   | bob tries                  yes         bob, 1         yes
main   | bob releases               yes         nobody         yes' "$table"
}

# Once at the lock by hand, and once at that of pthreads.
@test "17: a limit of time is waited for, and not much longer" {
    time_demo --limit 200 --unit 0 --increments 1
    ((ms >= 400)) || fail "two waits of 200 ms took $ms ms"
    ((ms < $(limit 2) * 1000)) || fail "two waits of 200 ms took $ms ms"
}

@test "17: who waits uses no CPU time" {
    local used
    TIMEFORMAT='%U %S'
    used=$({ time limited "$PROGRAM" --limit 200 --unit 20 --increments 1 > "$BATS_TEST_TMPDIR/said" 2>&1; } 2>&1)
    grep -qE 'bob waits, with a limit +ETIMEDOUT .*ETIMEDOUT' "$BATS_TEST_TMPDIR/said" || fail 'nobody has waited'
    awk -v most="$(limit 1)" '{ exit !($1 + $2 < 0.15 * most) }' <<< "$used" || fail "the demo used $used s of CPU time"
}

# ---- The posts' program ------------------------------------------------------------------------------------------------

prints() {
    env printf 'thread | prints %d\n' "$@"
}

post_took() {
    sed -n 's/^main   | all ten took \([0-9]*\) ms$/\1/p' <<< "$output"
}

@test "17: the posts' ten threads print 1 to 10, one after the other" {
    local lock
    for lock in '' --pthreads; do
        time_demo --unit 20 --limit 1 $lock
        equal 'what they print' "$(prints {1..10})" "$(grep '^thread' <<< "$output")"
        (($(post_took) >= 200 && $(post_took) <= ms)) || fail "ten times 20 ms:" "$output"
    done
}

@test "17: ... without the lock each prints 10, and they wait together" {
    time_demo --unit 100 --no-lock
    equal 'what they print' "$(prints 10 10 10 10 10 10 10 10 10 10)" "$(grep '^thread' <<< "$output")"
    (($(post_took) >= 100 && $(post_took) < 1000)) || fail "$output"
}

# ---- The deadlock ------------------------------------------------------------------------------------------------------

@test "17: a deadlock is found, and says who has what and waits for what" {
    equal 'two writers' 'ann    | takes the pen
bob    | takes the paper
ann    | wants the paper
bob    | wants the pen
bob    | EDEADLK: bob waits for the pen, which ann has
bob    | EDEADLK: ann waits for the paper, which bob has
bob    | puts the paper down
ann    | has the pen and the paper: writes' "$(part 'a deadlock')"
}

@test "17: ... and one among five" {
    equal 'five writers' 'eve    | EDEADLK: eve waits for the pen, which ann has
eve    | EDEADLK: ann waits for the paper, which bob has
eve    | EDEADLK: bob waits for the ruler, which carl has
eve    | EDEADLK: carl waits for the ink, which dora has
eve    | EDEADLK: dora waits for the stamp, which eve has
eve    | puts the stamp down
dora   | has the ink and the stamp: writes
carl   | has the ruler and the ink: writes
bob    | has the paper and the ruler: writes
ann    | has the pen and the paper: writes' "$(part 'a deadlock' --writers 5 | sed -n '/EDEADLK/,$p')"
    check_demo 5 --writers 5 --unit 0 --limit 1
}

@test "17: the cure: with one order all of them write" {
    equal 'two writers' 'ann    | takes the pen
bob    | wants the pen first, and waits
ann    | wants the paper
ann    | has the pen and the paper: writes
bob    | wants the paper
bob    | has the pen and the paper: writes' "$(part 'the cure')"
    local writers
    for writers in 2 3 4 5; do
        equal "letters of $writers writers" "$writers" "$(part 'the cure' --writers "$writers" | grep -c ': writes$')"
        equal "letters of $writers writers, one refused" $((writers - 1)) "$(part 'a deadlock' --writers "$writers" | grep -c ': writes$')"
    done
    equal 'refused' '' "$(part 'the cure' --writers 5 | grep EDEADLK || true)"
}

# ---- Threads that are refused, and the end -----------------------------------------------------------------------------

# The demo starts 31 threads: 2, 2, 2, 3, 10, 4, 4, 2, 2.
@test "17: when the system has no thread for it, it says so and ends" {
    local number
    for number in {1..31}; do
        REFUSE=$number run limited "$BUILD/flaky/$stem" --unit 0 --limit 1 --increments 10
        equal "status when thread $number is refused" 1 "$status"
        equal "message when thread $number is refused" "$stem: pthread_create: Resource temporarily unavailable" "$(grep -v ' | ' <<< "$output")"
    done
    REFUSE=32 run limited "$BUILD/flaky/$stem" --unit 0 --limit 1 --increments 10
    equal 'status when none is refused' 0 "$status"
    REFUSE=70 run limited "$BUILD/flaky/$stem" --timing --threads 100
    equal 'status of --timing' 1 "$status"
    equal 'message of --timing' "$stem: pthread_create: Resource temporarily unavailable" "$output"
}

@test "17: SIGTERM ends it in the middle, and nothing is left" {
    local line='' status=0 says
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    mkfifo "$BATS_TEST_TMPDIR/says"
    env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" --unit 1000 > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
    SERVER=$! LOG=$BATS_TEST_TMPDIR/says.log
    exec {says}< "$BATS_TEST_TMPDIR/says"
    until [[ $line == *'---- the post'* ]]; do
        read -r -t "$(limit 10)" line <&"$says" || fail "it has not come to the post: $line"
    done
    kill -TERM "$SERVER"
    wait "$SERVER" || status=$?
    SERVER=
    exec {says}<&-
    equal 'status' 143 "$status"
    nothing_left
    equal 'files that were left' says "$(find "$BATS_TEST_TMPDIR" -mindepth 1 -not -name 'bats*' -printf '%f\n')"
}

# ---- Options -----------------------------------------------------------------------------------------------------------

@test "17: names what is wrong" {
    refuses 2 '--threads 0: not a number from 1 to 1000' --threads 0
    refuses 2 '--threads 1001: not a number from 1 to 1000' --threads 1001
    refuses 2 '--threads ten: not a number from 1 to 1000' --threads ten
    refuses 2 '--increments 0: not a number from 1 to 10000000' --increments 0
    refuses 2 '--increments 10000001: not a number from 1 to 10000000' --increments 10000001
    refuses 2 '--unit 1001: not a number from 0 to 1000' --unit 1001
    refuses 2 '--unit -1: not a number from 0 to 1000' --unit -1
    refuses 2 '--limit 0: not a number from 1 to 10000' --limit 0
    refuses 2 '--limit 10001: not a number from 1 to 10000' --limit 10001
    refuses 2 '--writers 1: not a number from 2 to 5' --writers 1
    refuses 2 '--writers 6: not a number from 2 to 5' --writers 6
    refuses 2 '--writers: wants a value' --writers
    refuses 2 '--no-lock=yes: takes no value' --no-lock=yes
    refuses 2 '--lock: no such option; see --help' --lock
    refuses 2 'serve: no such command; see --help' serve
}

@test "17: has help" {
    every_server_has_help --no-lock --threads --increments --unit --limit --writers --timing --pthreads
}

@test "17: the slides show what is so" { check_slides; }
