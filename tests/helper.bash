# What every test file loads: servers and clients that are started, watched and ended; slides compared with the truth.
# bats keeps descriptors 3 and 4 for itself: what runs in the background closes them.
# shellcheck shell=bash disable=SC2034,SC2154,SC2153

cd "$BATS_TEST_DIRNAME/.." || exit 1
export LC_ALL=C
stem=${BATS_TEST_FILENAME##*/} stem=${stem%.bats}
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$PWD/$BUILD
PROGRAM=$BUILD/$stem
PEER=$BUILD/peers/peer
unset STEP SLOW CHOOSE
[[ -x $PEER ]] || { echo "$PEER is missing: make programs builds it (make test does so by itself)" >&2; exit 1; }

# In make bugs, the file that says that the bug has been caught: the rest of the tests need not run, or wait long.
SEEDED_BUG=${SEEDED_BUG:-}
# In make test T=17b, the file that says that a test has failed, and the one that says how servers have left things behind.
STOP_AT_FIRST=${STOP_AT_FIRST:-}
UNTIDY=${UNTIDY:-}

# All limits of time are multiplied by TEST_SLOWDOWN, for a machine that is slow or a sanitizer.
limit() {
    if [[ $SEEDED_BUG ]] && (($1 > 5)); then
        echo 5
    else
        echo $(($1 * ${TEST_SLOWDOWN:-1}))
    fi
}

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# The errors in the words of glibc; musl has others for some.
in_glibc_words() {
    local text=$1
    text=${text//Address in use/Address already in use}
    text=${text//Address not available/Cannot assign requested address}
    text=${text//No file descriptors available/Too many open files}
    text=${text//Message too large/Message too long}
    text=${text//Out of memory/Cannot allocate memory}
    printf '%s' "$text"
}

# Two demos that failed have said the same, nothing: that is not equal.
equal() { # WHAT EXPECTED GOT
    ! play_has_said_why || return 1
    [[ $2 == "$3" || $2 == "$(in_glibc_words "$3")" ]] || fail_to_be "$@"
}

# * in what is expected stands for anything.
matches() { # GOT EXPECTED
    # shellcheck disable=SC2053 # it is a pattern
    [[ $1 == $2 ]] || fail 'expected, where * stands for anything:' "$2" 'but got' "$1"
}

# A student is told the first line that differs.
fail_to_be() { # WHAT EXPECTED GOT
    local -a want have
    local i=0
    [[ $STOP_AT_FIRST && $2$3 == *$'\n'* ]] || fail "$1: expected" "$2" "but got" "$3"
    mapfile -t want <<< "$2"
    mapfile -t have <<< "$3"
    while [[ ${want[i]-(nothing)} == "${have[i]-(nothing)}" ]]; do i=$((i + 1)); done
    fail "$1, line $((i + 1)): expected" "${want[i]-(nothing)}" "but got" "${have[i]-(nothing)}"
}

# ---- A server ----------------------------------------------------------------------------------------------------------

# Starts the lesson (or $SERVER_PROGRAM) with these words, and reads where it listens into ADDRESS, HOST and PORT. What it
# says goes to the file LOG.
start() {
    local fifo=$BATS_TEST_TMPDIR/says.$((++servers_started))
    LOG=$BATS_TEST_TMPDIR/log.$servers_started
    family=TEST_FAMILY=$$.$stem.$BATS_TEST_TMPDIR # in the environment of the server and of all its children
    mkfifo "$fifo"
    env "$family" TMPDIR="$BATS_TEST_TMPDIR" "${SERVER_PROGRAM:-$PROGRAM}" "$@" > "$fifo" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
    exec {says}< "$fifo"
    local first=
    IFS= read -r -t "$(limit 10)" first <&"$says" || fail "the server did not start:" "$(cat "$LOG.errors")"
    echo "$first" > "$LOG"
    (ulimit -f 20000 && exec cat) <&"$says" >> "$LOG" 2>&- 3>&- 4>&- & # a mad server fills no disk
    DRAIN=$!
    exec {says}<&-
    [[ $first == 'server | listening on '* ]] || fail "the first line is: $first"
    ADDRESS=${first#'server | listening on '}
    HOST=${ADDRESS%:*} PORT=${ADDRESS##*:}
}

# Ends the server as its user would and sees that it leaves with status 0 and leaves nothing behind. With ENDS_BY_SIGNAL=1 it
# is one that has nothing to give back, and SIGTERM simply ends it.
stop() {
    local status=0 server=$SERVER untidy
    kill -TERM "$server"
    timeout "$(limit 10)" tail --pid="$server" -s 0.02 -f /dev/null || fail 'the server did not stop'
    SERVER=
    wait "$server" || status=$?
    wait "$DRAIN"
    equal 'status of the server' $((${ENDS_BY_SIGNAL:-0} * 143)) "$status"
    [[ ! -s $LOG.errors ]] || fail 'errors of the server:' "$(cat "$LOG.errors")"
    release
    if [[ $UNTIDY ]]; then
        untidy=$(is_tidy 2>&1) || {
            [[ -s $UNTIDY ]] || echo "$untidy" > "$UNTIDY"
            left | cut -d / -f 3 | xargs -r kill -KILL 2> /dev/null || true
        }
    else
        is_tidy
    fi
}

# A student who forgets this is told so by one test, after all others, and not by each: see tests/peers/test.bash.
is_tidy() {
    [[ ${ENDS_BY_SIGNAL:-} ]] || equal 'last line of the server' 'server | stopped' "$(tail -n 1 "$LOG")" || return 1
    nothing_left
}

# Whoever has been left, as /proc/PID/environ.
left() {
    grep -lF "$family" /proc/[0-9]*/environ 2> /dev/null || true
}

no_socket_left() {
    local file
    for file in "$BATS_TEST_TMPDIR"/{*,*/*,*/*/*}; do
        [[ ! -S $file ]] || fail "a socket that was left: $file" || return 1
    done
}

nothing_left() {
    [[ $family ]] || fail 'nothing_left: no family of processes to look for'
    equal 'processes that were left' '' "$(left)" || return 1
    no_socket_left
}

# For those who end because somebody else has ended: they may need a moment more.
nothing_left_soon() {
    local end=$((SECONDS + $(limit 5)))
    while [[ $(left) ]]; do ((SECONDS <= end)) || nothing_left; done
    no_socket_left
}

# Stops the server in its tracks until kill -CONT.
halt() {
    kill -STOP "$SERVER"
    until grep -q '^State:.*T' "/proc/$SERVER/status"; do :; done
}

# Waits until the server has said a line with these words. The tail ends when the server does.
await() {
    grep -q -m 1 -e "$1" < <(exec timeout "$(limit 10)" tail -n +1 -f -s 0.1 --pid="$SERVER" "$LOG" 3>&- 4>&-) ||
        fail "the server did not say: $1" "$(cat "$LOG")"
}

# bats notes before each command where it stands, which took half of the time of all tests: we note it when one has failed.
note_only_failures() {
    declare -F bats_capture_stack_trace bats_error_trap > /dev/null || return 0 # a bats of another kind
    trap - DEBUG
    trap 'bats_error_trap; where_it_failed' ERR
    BATS_DEBUG_LAST_STACK_TRACE=() BATS_DEBUG_LASTLAST_STACK_TRACE=()
}

where_it_failed() {
    bats_capture_stack_trace
}

# What reads text, plays all lessons once more or asks for help proves nothing under a sanitizer that it has not proved before.
needs_no_sanitizer() {
    [[ $BUILD == */address* || $BUILD == */thread ]] && [[ $BATS_TEST_DESCRIPTION =~ ^00a?:|:\ (has\ help|the\ slides\ show\ what\ is\ so)$ ]]
}

setup() {
    ! needs_no_sanitizer || skip 'the same without a sanitizer'
    note_only_failures
    [[ ! -e $SEEDED_BUG ]] || skip 'the bug has been caught'
    [[ ! -e $STOP_AT_FIRST ]] || skip 'not run'
}

# 137 is our own SIGKILL.
how_it_died() { # STATUS
    (($1 <= 128 || $1 == 137)) || echo "the server was killed by SIG$(kill -l "$1")"
}

teardown() {
    [[ -z $SEEDED_BUG || ${BATS_TEST_COMPLETED:-} ]] || touch "$SEEDED_BUG"
    [[ -z $STOP_AT_FIRST || ${BATS_TEST_COMPLETED:-} ]] || touch "$STOP_AT_FIRST"
    if [[ ${SERVER:-} ]]; then
        kill -KILL "$SERVER" 2> /dev/null || true
        wait "$SERVER" 2> /dev/null || how_it_died $?
        tail -q -n 40 "$LOG" "$LOG.errors"
    fi
    release # after the server: a peer may be blocked by it
    # a test that has failed may have found somebody who was left
    [[ ${BATS_TEST_COMPLETED:-} || ! ${family:-} ]] ||
        grep -lF "$family" /proc/[0-9]*/environ 2> /dev/null | cut -d / -f 3 | xargs -r kill -KILL 2> /dev/null || true
}

# ---- Clients -----------------------------------------------------------------------------------------------------------

limited() {
    timeout -k 1 "$(limit 15)" "$@"
}

peer() {
    limited "$PEER" "$@"
}

# Starts a peer that stays connected until release; returns when it has connected.
hold() {
    local name=$BATS_TEST_TMPDIR/hold.$((++holds_started)) ready=
    mkfifo "$name.in" "$name.out"
    "$PEER" "$@" < "$name.in" > "$name.out" 2> "$name.errors" 3>&- 4>&- &
    HOLDS+=("$!")
    exec {hold_in}> "$name.in" {hold_out}< "$name.out"
    HOLD_INPUTS+=("$hold_in")
    read -r -t "$(limit 20)" ready <&"$hold_out" || true
    exec {hold_out}<&-
    equal "peer $1" ready "$ready"
}

# Lets every held peer go, and waits for it.
release() {
    local input holder
    for input in "${HOLD_INPUTS[@]}"; do exec {input}>&-; done
    for holder in "${HOLDS[@]}"; do wait "$holder" || true; done
    HOLDS=() HOLD_INPUTS=()
}

# No set of netcat's flags is portable: -N, half-close at the end of the input, is that of OpenBSD.
needs_netcat() {
    [[ $(nc -h 2>&1) == *OpenBSD* ]] || skip 'needs the netcat of OpenBSD (Debian package netcat-openbsd)'
}

netcat() {
    limited nc -N "$@"
}

# Sends the text and prints the reply.
ask() {
    env printf '%s' "$1" | peer talk "$ADDRESS" # env: the printf of bash writes each line by itself
}

serves() {
    equal 'the reply' 'STILL HERE' "$(ask 'still here')"
}

# The children of a process, the oldest first; nothing if there are none. proc_pid_stat(5)
children_of() { # PID
    cat /proc/[0-9]*/stat 2> /dev/null | sed -n "s/^\([0-9]*\) (.*) . $1 .*/\1/p" | sort -n
}

# The CPU time that the server has used so far, in milliseconds; the clock of proc(5) has 100 ticks a second.
cpu_ms() {
    local -a field
    read -r -a field < "/proc/$SERVER/stat"
    echo $(((field[13] + field[14]) * 1000 / $(getconf CLK_TCK)))
}

# How long the threads of the server and of its children have waited for a CPU so far, in milliseconds; 0 where the kernel does
# not say. On a busy machine a server that spins has no CPU, but never stops wanting one.
wanted_ms() {
    local pid
    for pid in "$SERVER" $(children_of "$SERVER"); do cat "/proc/$pid"/task/*/schedstat 2> /dev/null || true; done |
        awk '{ ns += $2 } END { printf "%d", ns / 1000000 }'
}

# How often it has gone to sleep so far.
sleeps() {
    sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$SERVER/status"
}

# Under 5 % of a CPU for half a second: here the passing of time is what is tested. With UNWOKEN=1, no clock wakes it either.
is_idle() {
    local used wanted slept
    used=$(cpu_ms) wanted=$(wanted_ms) slept=$(sleeps)
    sleep 0.5
    slept=$(($(sleeps) - slept))
    [[ ! ${UNWOKEN:-} ]] || ((slept < 4)) || fail "in half a second in which nobody sent anything, the server woke up $slept times"
    used=$(($(cpu_ms) - used)) wanted=$(($(wanted_ms) - wanted))
    ((used < 25)) || fail "the server used $used ms of CPU time in half a second of waiting"
    ((used + wanted < 450)) || fail "in half a second of waiting, the server used a CPU for $used ms and wanted one for $wanted ms"
}

# The most memory that the server has had in use, in KiB.
peak_memory() {
    awk '/^VmHWM/ { print $2 }' "/proc/$SERVER/status"
}

# The addresses that the server has reserved, used or not, in KiB.
address_space() {
    awk '/^VmSize/ { print $2 }' "/proc/$SERVER/status"
}

needs_an_address_space_of_its_own() {
    [[ $BUILD != */address* && $BUILD != */thread ]] || skip 'the sanitizer reserves address space too'
}

# ---- The class is the scheduler ----------------------------------------------------------------------------------------

all_orders=(1122 1212 1221 2112 2121 2211) # of two with two steps each

# Plays the demo as these keys choose, each line of them to the end of a scene. The end of the keys ends the program.
choose() { # KEYS
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    run limited env "$family" CHOOSE=1 TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" <<< "$1"
    equal "status with the keys $1" 0 "$status"
    nothing_left
}

# Plays a scene in all of its orders, after the keys that lead to it, and compares what came of each.
choose_all_orders() { # KEYS OUTCOME...
    choose "$1$(printf '%s\n' "${all_orders[@]}")"
    equal 'what came of the orders' "$(printf '%s\n' "${@:2}")" "$(sed -n 's/^main   | \(.*\)\. Orders so far: [1-6] of [46].*/\1/p' <<< "$output" | tail -n 6)"
}

# What one and one make in this order, where each reads, and then writes one more.
one_and_one() { # ORDER
    local number=0 key i
    local -a seen=()
    for ((i = 0; i < ${#1}; i++)); do
        key=${1:i:1}
        if [[ ${seen[key]-} ]]; then number=$((seen[key] + 1)); else seen[key]=$number; fi
    done
    echo "$number"
}

# What is said of each order by a lesson in which ann and bob add one.
updates_in_all_orders() {
    local order
    for order in "${all_orders[@]}"; do
        case $(one_and_one "$order") in 1) echo 'an update is lost' ;; 2) echo 'none is lost' ;; esac
    done
}

# ---- From inside -------------------------------------------------------------------------------------------------------

# A promise of common/ that one of the programs in tests/peers/ tests; it says what it has measured.
claim() { # PROGRAM CLAIM
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    # to a file: a process that is left behind would keep a pipe open
    limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$BUILD/peers/$1" "$2" > "$BATS_TEST_TMPDIR/measured" 3>&- 4>&-
    [[ -s $BATS_TEST_TMPDIR/measured ]] || fail "$1 $2: has measured nothing"
    no_socket_left
}

# ---- Transcripts and slides --------------------------------------------------------------------------------------------

# The lines of a file or a block as a regular expression: what differs by nature is written as a placeholder, a line of only
# "..." stands for some that were left out, and " ..." at the end of a line for the rest of it.
pattern() {
    sed -e 's/^\.\.\.$/.*/; t' -e 's/[][\\.*^$+?(){}|]/\\&/g' -e 's/ \\\.\\\.\\\.$/ [^\n]*/' \
        -e 's/\bPORT\b/[0-9]+/g' -e 's/\bPID\b/[0-9]+/g' -e 's/\bMS\b/[0-9]+(\\.[0-9]+)?/g' \
        -e 's/\bTIME\b/([A-Z][a-z][a-z] [A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]{8} [0-9]{4}|[0-9]+(\\.[0-9]+)?)/g'
}

same_transcript() { # WHAT EXPECTED GOT
    [[ $3 =~ ^$(pattern <<< "$2")$ ]] || differs "$@"
}

differs() { # WHAT EXPECTED GOT
    local -a want have
    local i=0
    ! play_has_said_why || return 1
    [[ $STOP_AT_FIRST && $'\n'$2$'\n' != *$'\n...\n'* ]] || fail "$1: expected" "$2" "but got" "$3" "$(diff <(echo "$2") <(echo "$3"))"
    mapfile -t want <<< "$2"
    mapfile -t have <<< "$3"
    while ((i < ${#want[@]})) && [[ ${have[i]-} =~ ^$(pattern <<< "${want[i]}")$ ]]; do i=$((i + 1)); done
    fail "$1, line $((i + 1)): expected" "${want[i]-(nothing)}" "but got" "${have[i]-(nothing)}"
}

# Prints the numbers of the first lines of the deck's fenced blocks of a language.
blocks() { # DECK LANGUAGE
    awk -v fence="\`\`\`$2" '/^```/ { if (inside) inside = 0; else { inside = 1; if ($0 == fence) print NR + 1 } }' "$1"
}

block_at() { # DECK LINE
    awk -v first="$2" 'NR >= first { if (/^```/) exit; print }' "$1"
}

# A `c` block is cut from the file that the line above it names; a line of only "..." stands for what was left out.
check_c_block() { # DECK LINE
    local deck=$1 file part='' line source
    # shellcheck disable=SC2016 # the backticks are Markdown's
    file=$(head -n $(($2 - 2)) "$deck" | grep -v '^$' | tail -n 1 | sed -n 's#.*`\([a-z/]*/[0-9a-z_]*\.[ch]\)`.*#\1#p')
    [[ -f $file ]] || fail "$deck:$2: the line above the block names no file"
    source=$(sed 's/^[ \t]*//' "$file")$'\n'
    while IFS= read -r line; do
        if [[ $line == ... ]]; then
            [[ $source == *"$part"* ]] || fail "$deck:$2: this is not in $file:" "$part"
            source=${source#*"$part"} part=
        else
            part+=$line$'\n'
        fi
    done < <(block_at "$deck" "$2" | sed 's/^[ \t]*//' && echo ...)
}

# A `console` block is run: each "$ command" in a shell at the top of the project, what follows is what it prints.
check_console_block() { # DECK LINE
    local deck=$1 command='' expected='' line
    while IFS= read -r line; do
        if [[ $line == '$ '* ]]; then
            [[ -z $command ]] || check_command "$deck:$2" "$command" "$expected"
            command=${line#'$ '} expected=
        else
            expected+=$line$'\n'
        fi
    done < <(block_at "$deck" "$2" && echo '$ ')
}

check_command() { # WHERE COMMAND EXPECTED
    local got programs
    printf -v programs %q "$BUILD/"
    got=$(env -u TMPDIR timeout -k 1 "$(limit 20)" bash -c "${2//build\//$programs}" 2>&1 < /dev/null || true)
    got=$(in_glibc_words "$got")
    same_transcript "$1: $2" "${3%$'\n'}" "$got"
}

# What cannot be checked stands in a block of another kind (`text`), after a comment that begins with "not checked:".
# A student who changes a lesson is told which slides show something else now; that is no failure of the lesson.
check_slides() {
    local deck=slides/$stem.md line count=0 language changed='' noted=$BATS_TEST_TMPDIR/noted
    for language in c console; do
        for line in $(blocks "$deck" "$language"); do
            count=$((count + 1))
            [[ ! $SEEDED_BUG || $language != c ]] || continue
            if [[ $STOP_AT_FIRST ]]; then
                "check_${language}_block" "$deck" "$line" 2> "$noted" || true
                [[ ! -s $noted ]] || changed+=", $(($(head -n "$line" "$deck" | grep -c '^---$') - 1))"
            else
                "check_${language}_block" "$deck" "$line"
            fi
        done
    done
    ((count >= 3)) || fail "$deck: only $count blocks were checked"
    [[ ! $changed ]] || skip "the deck shows something else than the lesson: slides ${changed#, }"
}

# Whoever writes $(play) has a shell that does not end with the first command that fails: so play says nothing, and is false.
play() {
    local said status=0
    local patience=15
    [[ ! $STOP_AT_FIRST ]] || patience=5 # whoever waits is a student
    said=$(timeout -k 1 "$(limit $patience)" "$PROGRAM" "$@" 2>&1 < /dev/null | head -c 20000; exit "${PIPESTATUS[0]}") || status=$?
    if ((status != 0)) || [[ -z $said ]]; then
        touch "$BATS_TEST_TMPDIR/said_why"
    fi
    if ((status == 124)); then
        fail "the demo hung for $(limit $patience) s; its last line was: $(tail -n 1 <<< "$said")"
    elif ((status != 0)) || [[ -z $said ]]; then
        fail "the demo ended with status $status after: $said"
    else
        echo "$said"
    fi
}

# Says how often the lesson does this: what tests/peers/flaky.c counts.
counted() { # WHAT [WORDS...]
    local said status=0
    said=$(CALM=1 REPORT=1 timeout -k 1 "$(limit 5)" "$BUILD/flaky/$stem" "${@:2}" 2>&1 > /dev/null < /dev/null) || status=$?
    ((status != 124)) || fail "it hung for $(limit 5) s while a thread pauses now and then with what it has" || return 1
    ((status == 0)) || fail "it ended with status $status where a thread pauses now and then: $(head -n 1 <<< "$said")" || return 1
    sed -n "s/^$1: //p" <<< "$said"
}

# Of a demo that hung or crashed, nothing is left to compare.
play_has_said_why() {
    [[ -e $BATS_TEST_TMPDIR/said_why ]]
}

# Two transcripts that ought to be the same, as those of two programs that do nothing are too: so not without these words.
same_story() { # WHAT WORDS ONE OTHER
    ! play_has_said_why || return 1
    [[ $3 == *"$2"* ]] || fail "$1: expected one with" "$2" "but got" "$3"
    equal "$1" "$3" "$4"
}

# What the deck says that the demo prints with these words; nothing if it does not show that.
in_the_deck() { # [WORDS...]
    awk -v built="\$ build/$stem${*:+ $*}" -v made="\$ make ${stem%%_*}${*:+ ARGS=\"$*\"}" '/^```/ { if (found) exit }
        found && /^\$ / { exit }
        found
        $0 == built || $0 == made { found = 1 }' "slides/$stem.md"
}

# The demo is what the deck shows, and in these many runs the same each time but for what differs by nature.
check_demo() { # RUNS [WORDS...]
    local runs=$1 deck first again i place=${TMPDIR:-/tmp}
    shift
    deck=$(in_the_deck "$@")
    first=$(play "$@")
    [[ ! $deck ]] || same_transcript 'the demo, beside that of the deck' "$deck" "$(in_glibc_words "${first//"$place"\//\/tmp/}")"
    for ((i = 2; i <= runs; i++)); do
        again=$(play "$@")
        equal "run $i of the demo" "$(neutral <<< "$first")" "$(neutral <<< "$again")"
    done
}

# Whichever of its first COUNT threads is refused, the program says so and ends; if there are no more of them, it does not.
ends_when_a_thread_is_refused() { # COUNT [WORDS...]
    [[ $BUILD != */thread ]] || skip 'to ThreadSanitizer, threads that are running at the end are a bug, and here the program ends without them'
    local nth count=$1
    shift
    for nth in $(seq "$count"); do
        REFUSE=$nth run limited "$BUILD/flaky/$stem" "$@"
        equal "status when thread $nth is refused" 1 "$status"
        equal "the error when thread $nth is refused" "$stem: pthread_create: Resource temporarily unavailable" "$(grep -v ' | ' <<< "$output")"
    done
    REFUSE=$((count + 1)) run limited "$BUILD/flaky/$stem" "$@"
    equal 'status when none is refused' 0 "$status"
}

# The lesson as an exercise has it changed, by a script for sed: built, as the program CHANGED. A sanitizer's library would need
# the sanitizer.
changed_by() { # SCRIPT
    [[ $BUILD != */address* && $BUILD != */undefined && $BUILD != */thread ]] || skip 'the same without a sanitizer'
    CHANGED=$BATS_TEST_TMPDIR/$stem
    sed "$1" "lessons/$stem.c" > "$CHANGED.c"
    ! cmp -s "lessons/$stem.c" "$CHANGED.c" || fail "nothing that is changed by $1"
    "${CC:-gcc}" -std=c11 -D_XOPEN_SOURCE=700 -Icommon -pthread -o "$CHANGED" "$CHANGED.c" "$BUILD/libcommon.a" -lm
}

# Starts the demo in the background; it pauses this long after each line.
begin() { # MS [OPTION...]
    LOG=$BATS_TEST_TMPDIR/log
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    : > "$LOG"
    env "$family" SLOW="$1" "$PROGRAM" "${@:2}" > "$LOG" 2> "$LOG.errors" < /dev/null 3>&- 4>&- &
    SERVER=$!
}

# Waits until the demo has ended with this status and these words on stderr, and all of its children too.
ends_with() { # STATUS ERRORS
    local status=0 demo=$SERVER
    timeout "$(limit 10)" tail --pid="$demo" -s 0.02 -f /dev/null || fail 'the demo does not end'
    SERVER=
    wait "$demo" || status=$?
    equal 'the status' "$1" "$status"
    equal 'the errors' "$2" "$(cat "$LOG.errors")"
    nothing_left_soon
}

# Breaks the demo off: plays it until it says a line with these words, and sends it the signal. It ends with this status and
# leaves nothing; what it said after that line goes to the file AFTER. SLOW, or 50 ms, keeps it from going much further. With
# GROUP=1 the signal goes to all of its processes, as that of Ctrl-C does.
broken_off_by() { # SIGNAL STATUS WORDS [OPTIONS...]
    local line='' status=0 demo
    AFTER=$BATS_TEST_TMPDIR/after
    mkfifo "$BATS_TEST_TMPDIR/says"
    family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem
    ${GROUP:+setsid} env "$family" SLOW="${SLOW:-50}" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" "${@:4}" > "$BATS_TEST_TMPDIR/says" 2>&1 \
        < /dev/null 3>&- 4>&- &
    demo=$!
    {
        until [[ $line == *"$3"* ]]; do
            read -r -t "$(limit 10)" line || { kill "$demo"; fail "it did not say: $3"; }
        done
        kill "-$1" -- "${GROUP:+-}$demo"
        timeout "$(limit 10)" cat > "$AFTER" || fail "after $3, somebody is left who might say something:" "$(cat "$AFTER")"
    } < "$BATS_TEST_TMPDIR/says"
    wait "$demo" || status=$?
    equal "status of the demo that was broken off at: $3" "$2" "$status"
    rm "$BATS_TEST_TMPDIR/says"
    nothing_left
}

neutral() {
    sed -E -e 's/(127\.0\.0\.1:)[0-9]+/\1PORT/' -e "s/$stem\.[0-9]+/$stem.PID/" -e 's/\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} [0-9]{4}\]/[TIME]/'
}
