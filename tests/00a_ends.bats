# What ends a program, what it inherits, and what it leaves: the same for all lessons. Each test plays all of them, some at a
# time, and each lesson in a folder of its own. Where a test knows several ways, each lesson is played in one of them, and its
# neighbour in the next; with ALL_WAYS=1 each is played in all.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/children

AT_A_TIME=12
STARTED_BY=
ENDINGS=SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGPIPE

# Calls the function for each program and its words, and fails with what was printed where it failed.
for_all() { # PROGRAMS FUNCTION [WORDS...]
    local programs=$1 words count=0 all=$BATS_TEST_TMPDIR failed='' pids=()
    shift
    seq -f "$all/%g/tmp" "$(wc -l <<< "$programs")" | xargs mkdir -p
    while read -r words; do
        count=$((count + 1))
        (
            BATS_TEST_TMPDIR=$all/$count stem=${words%% *}
            PROGRAM=$BUILD/$stem family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$count.
            read -ra OPTIONS <<< "${words#"$stem"}"
            export TMPDIR=$BATS_TEST_TMPDIR/tmp
            set -e
            "$@"
            : > "$all/$count.ok"
        ) > "$all/$count.log" 2>&1 < /dev/null 3>&- 4>&- &
        pids+=("$!")
        ((count % AT_A_TIME)) || wait "${pids[@]}" || true # and for nobody else: bats has a child too
    done <<< "$programs"
    wait "${pids[@]}" || true
    count=0
    while read -r words; do
        [[ -e $all/$((++count)).ok ]] || failed+="$words: $(tail -n 5 "$all/$count.log")"$'\n'
    done <<< "$programs"
    [[ -z $failed ]] || fail "$failed"
    ((count > 20)) || fail "only $count programs were played"
}

# The way in which the program that is being played is played.
one_of() { # WAYS...
    local ways=("$@")
    if [[ ${ALL_WAYS:-} ]]; then echo "$*"; else echo "${ways[count % $#]}"; fi
}

demos() {
    basename -s .c lessons/[0-9]*.c
}

# Each lesson's serve, and the ways in which it can be told to serve.
servers() {
    local lesson help
    for lesson in $(basename -s .c lessons/[0-9]*.c | grep -v ^01a); do # which has nothing to give back
        help=$("$BUILD/$lesson" --help)
        [[ $help == *$'\n  serve'* ]] || continue
        echo "$lesson serve"
        [[ $help != *$'\n  --class'* ]] || printf "$lesson serve --class %s\n" unix-stream unix-datagram udp
        [[ $help != *$'\n  --class'*forking* ]] || printf "$lesson serve --class %s\n" threading-unix-stream forking-tcp forking-unix-stream
    done
}

nothing_left_at_all() {
    nothing_left_soon
    [[ ! $(compgen -G "$TMPDIR/*") ]] || fail 'files that were left:' "$TMPDIR"/*
    [[ ! $(compgen -G "/dev/shm/$stem*.$DEMO*") ]] || fail 'names in shared memory that were left:' /dev/shm/"$stem"*
}

# Starts the demo, a line each PACE ms (20), and returns when it has said so many lines. At 200 ms a line, a demo takes longer
# than it is waited for, unless something ends it.
begin_demo() { # LINES
    local i
    mkfifo "$BATS_TEST_TMPDIR/says"
    # shellcheck disable=SC2086 # a command and its words
    ${GROUP:+setsid} env "$family" SLOW="${PACE:-20}" $STARTED_BY "$PROGRAM" "${OPTIONS[@]}" > "$BATS_TEST_TMPDIR/says" 2> "$BATS_TEST_TMPDIR/errors" &
    DEMO=$!
    exec {says}< "$BATS_TEST_TMPDIR/says"
    for ((i = 0; i < $1; i++)); do read -r -t "$(limit 10)" _ <&"$says" || fail "line $((i + 1)) has not come"; done
}

# Within a second, it has ended, and so has everybody who might say something more.
ends_at_once() {
    local status=0
    timeout "$(limit 2)" cat <&"$says" > "$BATS_TEST_TMPDIR/after" || fail "it does not end; it said:" "$(tail -n 2 "$BATS_TEST_TMPDIR/after")"
    wait "$DEMO" || status=$?
    exec {says}<&-
    rm "$BATS_TEST_TMPDIR/says"
    [[ " $* " == *" $status "* ]] || fail "status $status, not one of $*" "$(cat "$BATS_TEST_TMPDIR/errors")"
    nothing_left_at_all
}

# ---- It is told to end -------------------------------------------------------------------------------------------------

# A window that is closed is told to the demo alone or to all of its processes, a key to all of them.
demo_ends() {
    local how lines
    ulimit -c 0
    for how in $(one_of HUP INT:all QUIT:all HUP:all); do
        local signal=${how%:all} GROUP=
        [[ $how == "$signal" ]] || GROUP=1
        for lines in $(one_of 2 7 2); do
            begin_demo "$lines" 2> /dev/null || { ends_at_once 0 && continue; } # it has no more lines than that
            kill "-$signal" -- "${GROUP:+-}$DEMO" 2> /dev/null || true
            ends_at_once 0 $((128 + $(kill -l "$signal"))) 1
        done
    done
}

@test "00a: the terminal goes away, or Ctrl-C or Ctrl-\\ is typed: a demo ends within a second and leaves nothing" {
    for_all "$(demos)" demo_ends
}

window_is_closed() {
    DEMO=PID
    limited env "$family" STEP=1 "$BUILD/peers/pty" hang 4 "$PROGRAM" > "$BATS_TEST_TMPDIR/says" || true
    nothing_left_at_all
}

@test "00a: a demo in single steps ends when its window is closed" { for_all "$(demos)" window_is_closed; }

is_quit() {
    DEMO=PID
    local said status=0
    said=$(limited env "$family" STEP=1 NO_COLOR=1 "$BUILD/peers/pty" act 'q: quit' q -- "$PROGRAM") || status=$?
    equal 'status and lines' '0 1' "$status $(wc -l <<< "$said")"
    nothing_left_at_all
}

@test "00a: q ends a demo in single steps, without another line" { for_all "$(demos)" is_quit; }

server_ends_at_a_hangup() {
    start "${OPTIONS[@]}"
    DEMO=$SERVER
    kill -HUP "$SERVER"
    stopped
}

# It has been told to stop.
stopped() {
    local status=0
    timeout "$(limit 2)" tail --pid="$SERVER" -s 0.02 -f /dev/null || fail 'it does not end'
    wait "$SERVER" || status=$?
    SERVER=
    equal status 0 "$status"
    wait "$DRAIN"
    equal 'the last line' 'server | stopped' "$(tail -n 1 "$LOG" | tr -s ' ')"
    nothing_left_at_all
}

server_ends_under_nohup() {
    SERVER_PROGRAM=$BUILD/peers/inherit start ignore SIGHUP "$PROGRAM" "${OPTIONS[@]}"
    DEMO=$SERVER
    kill -HUP "$SERVER"
    # signal 1 is ignored, and does not wait either
    equal 'ignored' 1 $((0x$(sed -n 's/^SigIgn:\t//p' "/proc/$SERVER/status") & 1))
    kill -QUIT "$SERVER"
    stopped
}

server_ends() {
    local how
    for how in $(one_of server_ends_at_a_hangup server_ends_under_nohup); do "$how"; done
}

@test "00a: a server ends with status 0 when the terminal goes away; under nohup it stays, and Ctrl-\\ ends it" {
    for_all "$(servers)" server_ends
}

# ---- What is inherited -------------------------------------------------------------------------------------------------

# What may differ between two runs is masked: numbers, and the day and the month of a time.
masked() {
    sed -E 's/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/DATE/g; s/[0-9.]+/N/g; s/#+/#/; s/± +/±/g' | tr -s ' '
}

plays_as_usual() { # [COMMAND...] that starts it
    local usual=$BATS_FILE_TMPDIR/$stem got status=0
    DEMO=PID
    [[ -e $usual ]] || limited "$PROGRAM" > "$usual" 2>&1
    got=$(limited env "$family" "$@" "$PROGRAM" 2>&1) || status=$?
    equal status 0 "$status"
    [[ $(masked < "$usual") == "$(masked <<< "$got")" ]] || fail "$(diff <(masked < "$usual") <(masked <<< "$got"))"
    nothing_left_at_all
}

# Signals ignored and blocked, and where that may be had, process 1.
STRANGE=("$BUILD/peers/inherit" ignore "$ENDINGS,SIGCHLD" "$BUILD/peers/inherit" block "$ENDINGS,SIGCHLD")
! unshare -pf --mount-proc true 2> /dev/null || STRANGE=(unshare -pf --mount-proc "${STRANGE[@]}")

plays_as_usual_in_a_strange_place() {
    plays_as_usual "${STRANGE[@]}" "$BUILD/peers/inherit" closed 0
}

@test "00a: signals that were ignored and blocked, no standard input, and being process 1 change nothing in a demo" {
    for_all "$(demos)" plays_as_usual_in_a_strange_place
}

plays_to_its_end() {
    local closed
    DEMO=PID
    for closed in $(one_of 1 2 012); do
        limited env "$family" "$BUILD/peers/inherit" closed "$closed" "$PROGRAM" > "$BATS_TEST_TMPDIR/says" 2>&1 || fail "without $closed: status $?" "$(cat "$BATS_TEST_TMPDIR/says")"
        nothing_left_at_all
    done
}

@test "00a: a demo plays to its end without a standard output, a standard error, or any of the three" {
    for_all "$(demos)" plays_to_its_end
}

# Whoever it is that runs the program that was started in a strange place.
in_its_place() { # PID
    if [[ ${STRANGE[0]} == unshare ]]; then children_of "$1"; else echo "$1"; fi
}

demo_ends_although() {
    local pid
    STARTED_BY="${STRANGE[*]}" begin_demo 2 2> /dev/null || { ends_at_once 0 && return; }
    pid=$(in_its_place "$DEMO")
    [[ ! $pid ]] || kill -TERM "$pid" 2> /dev/null || true # it may have ended
    ends_at_once 0 143 1
}

@test "00a: a demo ends at SIGTERM, although it was ignored and blocked, as process 1 too" {
    PACE=200 AT_A_TIME=24 for_all "$(demos)" demo_ends_although
}

server_ends_although() {
    SERVER_PROGRAM=${STRANGE[0]} start "${STRANGE[@]:1}" "$PROGRAM" "${OPTIONS[@]}"
    DEMO=PID
    [[ ! $ADDRESS =~ :[0-9]+$ || ${OPTIONS[*]} == *udp* || $stem == 02* || $stem == 04* || $stem == 09* ]] || ask 'still here' > /dev/null
    kill -TERM "$(in_its_place "$SERVER")"
    stopped
}

@test "00a: a server ends when told, whatever signals it found ignored or blocked, as process 1 too" {
    for_all "$(servers)" server_ends_although
}

# ---- What cannot be printed --------------------------------------------------------------------------------------------

says_why() { # STATUS OF WHAT
    equal 'status' 1 "$1"
    [[ $(cat "$BATS_TEST_TMPDIR/errors") =~ ^$stem:\ write:\ (No space left on device|File too large)$ ]] || fail "$(cat "$BATS_TEST_TMPDIR/errors")"
    nothing_left_at_all
}

finds_the_disk_full() {
    local status=0
    DEMO=PID
    timeout "$(limit 2)" env "$family" "$PROGRAM" "${OPTIONS[@]}" > /dev/full 2> "$BATS_TEST_TMPDIR/errors" || status=$?
    says_why "$status"
}

@test "00a: a full disk ends a server with one line" { for_all "$(servers)" finds_the_disk_full; }

# The file may take 512 bytes: it is full in the middle, and whoever says the next line finds that out.
fills_the_disk() {
    local status=0
    DEMO=PID
    { dd if=/dev/zero bs=512 count=1 2> /dev/null; } > "$BATS_TEST_TMPDIR/says"
    (
        ulimit -f 1
        exec timeout "$(limit 10)" env "$family" "$PROGRAM" "${OPTIONS[@]}" >> "$BATS_TEST_TMPDIR/says" 2> "$BATS_TEST_TMPDIR/errors"
    ) || status=$?
    ((status == 0 && $(wc -c < "$BATS_TEST_TMPDIR/says") < 1024)) || says_why "$status"
}

meets_a_full_disk() {
    local how
    for how in $(one_of finds_the_disk_full fills_the_disk); do "$how"; done
}

@test "00a: a disk that is full, or fills in the middle of a demo, ends it with one line" { for_all "$(demos)" meets_a_full_disk; }

# ---- No process or thread is to be had ---------------------------------------------------------------------------------

# It ends by itself, with one line that says why, or does without, and leaves nothing in any case.
is_refused() {
    local nth status
    DEMO=PID
    for nth in $(one_of 1 2 3); do
        status=0
        CALM=1 REFUSE=$nth timeout "$(limit 5)" env "$family" "$BUILD/flaky/$stem" > "$BATS_TEST_TMPDIR/says" 2> "$BATS_TEST_TMPDIR/errors" || status=$?
        ((status == 0)) || equal "without process or thread $nth" "1 1" "$status $(wc -l < "$BATS_TEST_TMPDIR/errors")"
        nothing_left_at_all
    done
}

@test "00a: a demo that is refused a process or a thread ends with one line and leaves nothing" { for_all "$(demos)" is_refused; }

# ---- Too few descriptors -----------------------------------------------------------------------------------------------

# It ends by itself, with one line that says why, or it waits for better times, and ends when it is told to.
starves() {
    local limit status log=$BATS_TEST_TMPDIR
    for limit in $(one_of 4 5 6) $(one_of 7 8 9) $(one_of 10 11 12); do
        (
            exec > "$log/says" 2> "$log/errors"
            export "${family?}"
            ulimit -n "$limit"
            exec "$PROGRAM"
        ) &
        DEMO=$! status=0
        timeout 1 tail --pid="$DEMO" -s 0.02 -f /dev/null || kill -TERM "$DEMO" 2> /dev/null || true
        timeout "$(limit 2)" tail --pid="$DEMO" -s 0.02 -f /dev/null || fail "with $limit descriptors it does not end"
        wait "$DEMO" || status=$?
        case $status in
        0 | 143) ;;
        1) equal "lines on the standard error with $limit descriptors" 1 "$(wc -l < "$log/errors")" ;;
        *) fail "with $limit descriptors: status $status" ;;
        esac
    done
    nothing_left_at_all
}

@test "00a: without enough descriptors, a demo ends by itself with one line, or when it is told to" { AT_A_TIME=24 for_all "$(demos)" starves; }

# ---- A child that is stopped, a parent that is killed ------------------------------------------------------------------

ends_with_its_children_stopped() {
    local children
    begin_demo 3 2> /dev/null || { ends_at_once 0 && return; }
    children=$(children_of "$DEMO")
    # shellcheck disable=SC2086 # one word each
    [[ -z $children ]] || kill -STOP $children 2> /dev/null || true # some may have ended
    kill -TERM "$DEMO" 2> /dev/null || true
    ends_at_once 0 143 1
}

leaves_no_child() {
    begin_demo 3 2> /dev/null || { ends_at_once 0 && return; }
    kill -KILL "$DEMO" 2> /dev/null || true # it may have ended
    wait "$DEMO" || true
    exec {says}<&-
    becomes 'the processes that were left' '' grep -lF "$family" /proc/[0-9]*/environ
}

ends_with_its_children() {
    local how
    for how in $(one_of ends_with_its_children_stopped leaves_no_child); do "$how"; done
}

@test "00a: a stopped child keeps no demo from ending, and no child outlives one that is killed" {
    for_all "$(demos)" ends_with_its_children
}

# ---- A host ------------------------------------------------------------------------------------------------------------

# As in the posts, whose clients all connect to localhost.
localhost_is_a_host() {
    [[ $("$PROGRAM" --help) == *$'\n  --host'* && ${OPTIONS[*]} != *unix* ]] || return 0 # it has a path
    start "${OPTIONS[@]}" --host localhost
    DEMO=$SERVER
    equal 'where it listens' 127.0.0.1 "$HOST"
    case "$stem ${OPTIONS[*]}" in *udp* | 02*) transport=UDP ;; *) transport=TCP ;; esac
    [[ $("$PROGRAM" --help) != *$'\n  connect'* || $transport == UDP || $stem == 13* || $stem == 04* ]] ||
        equal 'the reply' HELLO "$(limited "$PROGRAM" connect localhost "$PORT" <<< hello)"
    kill -TERM "$SERVER"
    stopped
}

@test "00a: localhost is a host wherever one is asked for" { for_all "$(servers)" localhost_is_a_host; }

# ---- A path ------------------------------------------------------------------------------------------------------------

# "rm -f path; serve" while the old server still runs: what stands there belongs to the new one.
leaves_the_successor_its_path() {
    local path=$BATS_TEST_TMPDIR/path old old_drain
    [[ $("$PROGRAM" --help) == *$'\n  --path'* && ${OPTIONS[*]} != *tcp* && ${OPTIONS[*]} != *udp* ]] || return 0
    [[ $("$PROGRAM" --help) != *--class* || ${OPTIONS[*]} == *unix* ]] || return 0
    start "${OPTIONS[@]}" --path "$path"
    old=$SERVER old_drain=$DRAIN
    rm "$path"
    start "${OPTIONS[@]}" --path "$path"
    DEMO=$SERVER
    kill -TERM "$old"
    wait "$old"
    wait "$old_drain"
    [[ -S $path ]] || fail 'the old server has removed the path of the new one'
    kill -TERM "$SERVER"
    stopped
    [[ ! -e $path ]] || fail 'the new server has left its path'
}

@test "00a: a server leaves its successor the path" { for_all "$(servers)" leaves_the_successor_its_path; }
