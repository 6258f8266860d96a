# The mistakes that these tests catch: a figure of nobody's, a ratio to somebody who is not the best; rounds one model after the
# other; replies that nobody compares; a load that waits for ever, or in a spin, for a server that has hung up; a server that
# waits for a reader; CPU time and memory of one process where there are many, or counted twice; servers, or their children,
# that outlive the showdown; a chart whose axes are not what they say.
# No test depends on how fast anything is.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; stem is the helper's
load helper
load peers/every_server

LOADS=$BUILD/peers/loads

family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem # in the environment of the showdown and of all servers

# One short round, unless the options say otherwise.
contest() { # OPTIONS...
    [[ " $* " == *' --requests '* ]] || set -- --requests 100 "$@"
    run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" --rounds 1 "$@"
    ((status == 0)) || fail "status $status of $*:" "$output"
    nothing_left
}

# Ends with status 1 and one line, and leaves nothing.
fails() { # MESSAGE OPTIONS...
    run limited env "$family" "$PROGRAM" --rounds 1 --requests 100 "${@:2}"
    equal "status of ${*:2}" 1 "$status"
    equal "message of ${*:2}" "$stem: $1" "$output"
    nothing_left
}

# The rows of the table, without what stands between the columns: model served rate spread ratio, and then the bar, or with
# --cpu the CPU time.
rows() {
    sed -nE 's/^([^ ]+) +\| +([0-9]+) +([0-9]+) ± *([0-9]+)% +([0-9]+\.[0-9]{2}) +/\1 \2 \3 \4 \5 /p' <<< "$output" | tr -s ' '
}

column() { # NUMBER
    rows | cut -d ' ' -f "$1" | paste -sd ' '
}

# Every line of the last contest is where it ought to be: the head, and a row for each model.
has_the_form_for() { # LOAD MODEL...
    local want=$1 models=${*:2} lines
    lines=$(sed -E 's/ +/ /g' <<< "$output" | head -n 2)
    equal 'the head' "load | $want
model | served rate ± ratio" "$lines"
    equal 'models' "$models" "$(column 1)"
    equal 'lines' $(($# - 1 + 2)) "$(wc -l <<< "$output")"
    equal 'places of the first bar' 1 "$(awk '{ print index($0, "|") }' <<< "$output" | sort -u | wc -l)"
    equal 'lines over 80 columns' '' "$(awk '{ sub(/±/, "+") } length($0) > 80' <<< "$output")"
}

# The best has 1.00 and 30 marks, the others have their part of both.
is_in_proportion() {
    rows | awk '{ rate[NR] = $3; ratio[NR] = $5; marks[NR] = length($6); if ($3 > best) best = $3 }
        END { for (i = 1; i <= NR; i++) {
            off = ratio[i] - rate[i] / best
            slack = 0.0051 + 1 / best # the rates are rounded too
            if (off > slack || off < -slack) print "of " rate[i] " to " best " the ratio is " ratio[i]
            off = marks[i] - 30 * rate[i] / best
            if (off > 0.6 + 30 / best || off < -0.6 - 30 / best) print rate[i] " of " best " has " marks[i] " marks" } }' > "$BATS_TEST_TMPDIR/wrong"
    equal 'what is out of proportion' '' "$(cat "$BATS_TEST_TMPDIR/wrong")"
    equal 'rows with 1.00' 1 "$(($(rows | cut -d ' ' -f 5 | grep -cx 1.00) >= 1))"
    equal 'marks of the longest bar' 30 "$(rows | cut -d ' ' -f 6 | wc -L)"
}

# A script that does something and then becomes this server.
write_peer() { # NAME LINE COMMAND
    printf '#!/bin/sh\n%s\nexec %s\n' "$2" "$3" > "$BATS_TEST_TMPDIR/$1"
    chmod +x "$BATS_TEST_TMPDIR/$1"
}

# ---- The demo --------------------------------------------------------------------------------------------------------

@test "26a: the demo compares four models" {
    run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM"
    equal 'status' 0 "$status"
    has_the_form_for 'connect, clients: 16, bytes: 64, requests: 200, rounds: 3' serial threading forking epoll
    is_in_proportion
    equal 'clients that were served' '16 16 16 16' "$(column 2)"
    nothing_left
}

@test "26a: ratios and bars are in proportion, also for one model" {
    contest --models epoll
    is_in_proportion
    contest --mode echo --clients 8 --models select,epoll,thread,threading
    has_the_form_for 'echo, clients: 8, bytes: 64, requests: 100, rounds: 1' select epoll thread threading
    is_in_proportion
    contest --clients 1 --requests 4 --models '' --peer "slow=$LOADS serve slowly" --peer "quick=$BUILD/08a_epoll_server serve"
    is_in_proportion
}

# ---- Who takes part --------------------------------------------------------------------------------------------------

@test "26a: models are taken in the order of the option" {
    contest --models prefork,poll
    equal 'models' 'prefork poll' "$(column 1)"
    contest --models poll,prefork,poll
    equal 'models' 'poll prefork poll' "$(column 1)"
}

@test "26a: all are those that the mode fits" {
    contest --models all
    equal 'models' 'serial select poll epoll thread fork tcpserver threading forking prefork' "$(column 1)"
    equal 'clients that were served' '16 16 16 16 16 16 16 16 16 16' "$(column 2)"
    is_in_proportion
}

@test "26a: a model that there is not, or not for this mode" {
    refuses 2 '--models flash: there are serial select poll epoll thread fork tcpserver threading forking prefork' --models epoll,flash
    refuses 2 '--models epol: there are serial select poll epoll thread fork tcpserver threading forking prefork' --models epol
}

@test "26a: peers take part, each with its name" {
    contest --models serial --peer "mine='$BUILD/08a_epoll_server' serve" --peer "bare=$BUILD/peers/limits epoll" \
        --peer "two='$BUILD/25a_prefork_server' serve --workers 2"
    equal 'models' 'mine bare two serial' "$(column 1)"
    equal 'clients that were served' '16 16 16 16' "$(column 2)"
    is_in_proportion
}

@test "26a: a peer has a name and a command" {
    contest --models '' --peer "fifteen-letters='$BUILD/08a_epoll_server' serve"
    has_the_form_for 'connect, clients: 16, bytes: 64, requests: 100, rounds: 1' fifteen-letters
    refuses 2 "--peer =true: wants NAME='COMMAND'" --peer '=true'
    refuses 2 "--peer true: wants NAME='COMMAND'" --peer true
    refuses 2 "--peer a=: wants NAME='COMMAND'" --peer a=
}

@test "26a: forty take part, and no more" {
    local peers=() i
    for i in {1..41}; do peers+=(--peer "p$i=true"); done
    refuses 2 '--models, --peer: more than 40' "${peers[@]}"
    refuses 2 '--models, --peer: more than 40' "${peers[@]:0:62}" --models all
}

@test "26a: a peer that is no server is named" {
    fails 'echo hello: says "hello", not "listening on IPv4:PORT"' --peer 'a=echo hello'
    fails 'true: says "", not "listening on IPv4:PORT"' --peer a=true
    fails 'false: says "", not "listening on IPv4:PORT"' --models epoll --peer a=false
    fails "echo 'server | listening on 127.0.0.1:99999': "'says "server | listening on 127.0.0.1:99999", not "listening on IPv4:PORT"' \
        --peer "a=echo 'server | listening on 127.0.0.1:99999'"
    run limited env "$family" "$PROGRAM" --peer 'a=/no/such/program' # the shell has its say too
    equal status 1 "$status"
    equal 'the last line' "$stem: /no/such/program: says \"\", not \"listening on IPv4:PORT\"" "$(tail -n 1 <<< "$output")"
    nothing_left
    claim loads not-started
}

# The peer serves with a child of its own and does not end it. (A limit of time ends it where the showdown fails to.)
@test "26a: what a peer leaves behind is ended" {
    write_peer careless 'exec 2> /dev/null' "sh -c 'timeout --foreground $(limit 10) \"$BUILD/08a_epoll_server\" serve; true'"
    contest --models '' --peer "careless='$BATS_TEST_TMPDIR/careless'"
    equal 'clients that were served' 16 "$(column 2)"
    claim loads ended
}

@test "26a: a peer may say more than a pipe holds" {
    contest --models '' --peer "talker=$LOADS serve talk"
    equal 'clients that were served' 16 "$(column 2)"
}

@test "26a: who is measured neither narrates nor waits for Enter" {
    # shellcheck disable=SC2016 # the peer's shell has to find the values
    write_peer mute 'echo "$QUIET ${STEP-none} ${SLOW-none}" > "${0}.says"' "'$BUILD/08a_epoll_server' serve"
    SLOW=1 contest --models '' --peer "mute=$BATS_TEST_TMPDIR/mute"
    equal 'QUIET, STEP and SLOW' '1 none none' "$(cat "$BATS_TEST_TMPDIR/mute.says")"
}

# ---- The load --------------------------------------------------------------------------------------------------------

@test "26a: clients that stay wait for the serial server" {
    contest --mode echo --models serial,epoll
    equal 'clients that were served' '1 16' "$(column 2)"
}

@test "26a: select serves no more than its sets hold" {
    ((1200 < $(ulimit -Hn))) || skip 'needs 1200 descriptors'
    contest --mode echo --models select,poll --clients 1100 --requests 2000
    local select poll
    read -r select poll <<< "$(column 2)"
    ((select > 900 && select < 1024)) || fail "select served $select of 1100 clients"
    equal 'clients that poll served' 1100 "$poll"
    grep -qx "select *| refused or lost $((1100 - select)) of 1100" <<< "$output" || fail "$output"
}

@test "26a: idle clients stay connected beside those that ask" {
    contest --mode echo --models epoll,thread --clients 4 --idle 50
    equal 'clients that were served, the idle ones not counted' '4 4' "$(column 2)"
    claim loads idle-clients
}

@test "26a: requests of a byte, and of 8192" {
    contest --mode echo --models select,thread,poll --size 1 --clients 1 --requests 20
    equal 'clients that were served' '1 1 1' "$(column 2)"
    contest --mode connect --models epoll,threading,forking,poll --size 8192 --clients 2 --requests 4
    equal 'clients that were served' '2 2 2 2' "$(column 2)"
    claim loads large
}

@test "26a: what is counted is what the server has seen" { claim loads counts; }
@test "26a: a server that never replies ends the run" { claim loads silent-server; }
@test "26a: who is refused has failed" { claim loads refused-port; }
@test "26a: who is hung up on has failed" { claim loads hung-up; }
@test "26a: a signal ends a run" { claim loads stopped; }

@test "26a: more clients than descriptors" {
    local message='100 clients: Too many open files'
    # the leak sanitizer wants a descriptor at the end
    run limited env "$family" ASAN_OPTIONS=detect_leaks=0 bash -c 'ulimit -n 60; exec "$@"' - "$PROGRAM" --models epoll,fork --clients 100
    equal status 1 "$status"
    equal 'message' "$stem: $message" "$(in_glibc_words "$output")"
    nothing_left
}

@test "26a: a peer that hangs up at once is served no better than its figures say" {
    local mode
    for mode in connect echo; do
        contest --models '' --mode "$mode" --cpu --peer "nobody=$LOADS serve nobody"
        equal 'the row' 'nobody 0 0 0 0.00 0.0' "$(rows)"
        grep -qx 'nobody *| refused or lost 16 of 16' <<< "$output" || fail "$output"
    done
}

@test "26a: a peer whose replies do not come in time has no figures" {
    local mode peer
    for mode in connect echo; do
        for peer in silence late; do
            contest --models '' --mode "$mode" --clients 4 --cpu --peer "$peer=$LOADS serve $peer"
            equal "the row of $peer" "$peer 0 0 0 0.00 0.0" "$(rows)"
        done
    done
}

@test "26a: replies that come in many parts are waited for" {
    contest --models '' --clients 1 --size 8192 --requests 1 --peer "slowly=$LOADS serve slowly"
    equal 'served' 1 "$(column 2)"
}

@test "26a: a wrong reply ends the contest" {
    fails "$LOADS serve lower: 16 replies were wrong" --models epoll --peer "low=$LOADS serve lower"
    fails "$LOADS serve lower: 16 replies were wrong" --models '' --size 1 --peer "low=$LOADS serve lower"
    fails "$LOADS serve longer: 1 replies were wrong" --models '' --clients 1 --peer "long=$LOADS serve longer"
    claim loads wrong-replies
}

# ---- Rounds and CPUs -------------------------------------------------------------------------------------------------

@test "26a: the models take turns, round by round" {
    local name
    # shellcheck disable=SC2016 # the peer's shell has to find its name
    for name in a b c; do write_peer $name 'echo "${0##*/}" >> "${0%/*}/turns"' "'$BUILD/08a_epoll_server' serve"; done
    contest --models '' --rounds 3 \
        --peer "a=$BATS_TEST_TMPDIR/a" --peer "b=$BATS_TEST_TMPDIR/b" --peer "c=$BATS_TEST_TMPDIR/c"
    equal 'turns' 'a b c a b c a b c' "$(paste -sd ' ' "$BATS_TEST_TMPDIR/turns")"
}

# The middle one of three, and half of what lies between the others as its spread; of two, what lies in the middle.
@test "26a: a rate is the median of its rounds" { claim loads rounds; }

@test "26a: server and load share a CPU, or have all" {
    command -v taskset > /dev/null || skip 'needs taskset (Debian package util-linux)'
    local all pinned=$BATS_TEST_TMPDIR/pinned
    all=$(allowed /proc/self/status)
    # shellcheck disable=SC2016 # the peer's shell has to find the values
    write_peer pinned 'cat /proc/self/status "/proc/$PPID/status" | sed -n "s/^Cpus_allowed_list:[^0-9]*//p" > "$0.cpus"' \
        "'$BUILD/08a_epoll_server' serve"
    contest --models '' --peer "pinned=$pinned"
    [[ $(paste -sd ' ' "$pinned.cpus") =~ ^([0-9]+)\ ([0-9]+)$ ]] || fail "server and load have the CPUs $(cat "$pinned.cpus")"
    equal 'the CPU of the load' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    contest --models '' --peer "pinned=$pinned" --any-cpu
    equal 'server and load that are free' "$all $all" "$(paste -sd ' ' "$pinned.cpus")"
}

allowed() { # FILE
    sed -n 's/^Cpus_allowed_list:[^0-9]*//p' "$1"
}

@test "26a: a contender has one CPU with the load, or all" { claim loads one-cpu; }
@test "26a: CPU time is that of all processes, also of those that have ended" { claim loads cpu-time; }
@test "26a: memory that several processes share is counted once" { claim loads memory; }

# ---- The chart of make bench -----------------------------------------------------------------------------------------

chart() { # LINES
    printf %b "$1" | limited "$BUILD/peers/chart" 'a <title> & more'
}

@test "26a: a chart has a line and a name for each model" {
    local svg
    svg=$(chart '1 serial 10\n1 <&> 20\n4 <&> 30\n16 <&> 50\n')
    equal 'lines' 2 "$(grep -c '<polyline ' <<< "$svg")"
    equal 'points of each' '1 3' "$(grep -o 'points="[^"]*"' <<< "$svg" | awk '{ print NF - 1 }' | paste -sd ' ')"
    equal 'names' $'&lt;&amp;>\nserial' "$(sed -nE 's|.* paint-order="stroke">(.*)</text>$|\1|p' <<< "$svg" | sort)"
    equal 'the title' '<title>a &lt;title> &amp; more</title>' "$(grep '<title>' <<< "$svg")"
    equal 'clients' '1 4 16' "$(sed -nE 's|.* text-anchor="middle">([0-9]+)</text>$|\1|p' <<< "$svg" | paste -sd ' ')"
    equal 'what is no number' '' "$(grep -E 'nan|inf' <<< "$svg" || true)"
    ! command -v xmllint > /dev/null || xmllint --noout - <<< "$svg"
}

# Ten times as much is as far up, or to the right, everywhere: from 130 to 880, and from 560 to 60.
@test "26a: a chart has logarithmic axes" {
    local svg part
    svg=$(chart '1 a 10\n1 b 1000\n10 a 100\n100 a 1000\n100 b 1000\n')
    for part in 'points="130.0,560.0 505.0,310.0 880.0,60.0 "' 'points="130.0,60.0 880.0,60.0 "' \
        '<text x="100.0" y="566.0" text-anchor="end">10</text>' '<text x="100.0" y="316.0" text-anchor="end">100</text>' \
        '<text x="505.0" y="586.0" text-anchor="middle">10</text>'; do
        [[ $svg == *"$part"* ]] || fail "there is no $part in" "$svg"
    done
    [[ $(chart '1 a 20\n2 a 40\n') == *'points="130.0,560.0 880.0,181.8 "'* ]] || fail 'the axis does not go from 20 to 50'
}

@test "26a: no name of a chart stands on another" {
    local i twenty=''
    for i in {1..20}; do twenty+="1 name-$i 10\\n"; done
    equal 'names that are nearer than 15' '' "$(chart "$twenty" | sed -nE 's|^<text x="[0-9.]+" y="([0-9.]+)".* paint-order.*|\1|p' |
        sort -n | awk 'NR > 1 && $1 - last < 15 { print last " and " $1 } { last = $1 }')"
}

@test "26a: a chart of nothing, or of no figures, is refused" {
    local lines
    for lines in '' '1 a\n' 'a 1 1\n'; do
        run chart "$lines"
        equal "status and message" '1 chart: a line is CLIENTS NAME RATE' "$status $output"
    done
    run bash -c 'echo 1 a 1 | "$1" title > /dev/full' - "$BUILD/peers/chart"
    equal "status and message" '1 chart: write: No space left on device' "$status $output"
}

# ---- Signals ---------------------------------------------------------------------------------------------------------

# Starts a contest that takes minutes, and returns when it has a server and has used some CPU time: both are at work.
start_long_contest() { # OPTIONS...
    local end=$((SECONDS + $(limit 10)))
    env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" --requests 10000000 "$@" > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
    showdown=$!
    until [[ $(children_of "$showdown") ]] && (($(cut -d ' ' -f 14,15 "/proc/$showdown/stat" | tr ' ' '+') > 2)); do
        ((SECONDS <= end)) || { kill "$showdown"; fail 'nobody has anything to do' "$(cat "$BATS_TEST_TMPDIR/says")"; }
    done
}

ends_at() { # SIGNAL
    local status=0
    kill "-$1" "$showdown"
    timeout "$(limit 10)" tail --pid="$showdown" -s 0.02 -f /dev/null || { kill -KILL "$showdown"; fail "it does not end at SIG$1"; }
    wait "$showdown" || status=$?
    equal "status after SIG$1" 0 "$status"
    equal 'what it says' '' "$(cat "$BATS_TEST_TMPDIR/says")"
    nothing_left
}

@test "26a: SIGTERM ends the contest, and the servers with it" {
    start_long_contest --models forking
    ends_at TERM
    start_long_contest --models prefork
    ends_at TERM
    start_long_contest --models epoll --mode echo --idle 20
    ends_at TERM
}

@test "26a: SIGINT does too" {
    start_long_contest --models thread --mode echo
    ends_at INT
}

@test "26a: a signal ends the wait for a server's first line" {
    # shellcheck disable=SC2016 # the peer's shell has to find its name
    write_peer late 'echo > "$0.there"' 'tail -f /dev/null'
    mkfifo "$BATS_TEST_TMPDIR/late.there"
    env "$family" "$PROGRAM" --peer "late=$BATS_TEST_TMPDIR/late" > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
    showdown=$!
    read -r -t "$(limit 10)" < "$BATS_TEST_TMPDIR/late.there" || true
    ends_at TERM
}

@test "26a: who is killed takes the server along" {
    start_long_contest --models fork
    kill -KILL "$showdown"
    wait "$showdown" || true
    nothing_left_soon
}

@test "26a: a reader that leaves ends the contest" {
    equal 'lines' 1 "$({
        limited env "$family" "$PROGRAM" --models epoll --requests 20 || echo "$?" > "$BATS_TEST_TMPDIR/status"
    } | head -n 1 | wc -l)"
    equal 'status' '' "$(cat "$BATS_TEST_TMPDIR/status" 2> /dev/null || true)"
    nothing_left
}

# By their CPU time, which does not depend on who else is busy: six times as much was seen.
@test "26a: select and poll pay for 900 silent clients, epoll does not" {
    contest --mode echo --models select,poll,epoll --clients 4 --idle 900 --requests 2000 --cpu
    rows | awk '{ cpu[$1] = $6 } END { if (NR != 3 || cpu["select"] < 2 * cpu["epoll"] || cpu["poll"] < 2 * cpu["epoll"]) exit 1 }' ||
        fail "$output"
}

# A thread has a stack of the kernel's, 16 KiB, and some pages of its own; a client of epoll has a few hundred bytes.
@test "26a: the memory of a silent client is that of the server, whatever else the machine does" {
    needs_an_address_space_of_its_own
    local server low high kib
    while read -r server low high; do
        kib=$(limited "$BUILD/peers/silent" "'$BUILD/$server' serve")
        awk -v kib="$kib" -v low="$low" -v high="$high" 'BEGIN { exit !(kib >= low && kib <= high) }' || fail "$server: $kib KiB"
    done << 'RANGES'
08a_epoll_server 0 3
10_thread_server 18 40
11a_fork_server 80 200
RANGES
    equal 'of a server that serves one at a time' - "$(limited "$BUILD/peers/silent" "'$BUILD/01b_rude_clients' serve" 3)"
}

@test "26a: a folder may have a quote in its name" {
    mkdir "$BATS_TEST_TMPDIR/it's"
    cp "$BUILD"/{26a_showdown,01b_rude_clients} "$BATS_TEST_TMPDIR/it's"
    run limited "$BATS_TEST_TMPDIR/it's/26a_showdown" --models serial --requests 10
    equal status 0 "$status"
    [[ ${lines[-1]} == serial* ]] || fail "$output"
}

@test "26a: a server that serves a few of many has a short bar" {
    contest --mode echo --models serial,epoll --clients 20
    [[ $(rows | head -n 1 | cut -d ' ' -f 1,2,6) =~ ^serial\ [1-3]\ ?#{0,5}$ ]] || fail "$output"
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "26a: names what is wrong" {
    refuses 2 '--mode slow: not one of echo, connect' --mode slow
    refuses 2 '--clients 0: not a number from 1 to 20000' --clients 0
    refuses 2 '--clients 20001: not a number from 1 to 20000' --clients 20001
    refuses 2 '--idle: for --mode echo, where a client stays connected' --idle 1
    refuses 2 '--idle -1: not a number from 0 to 20000' --idle -1
    refuses 2 '--idle 20001: not a number from 0 to 20000' --idle 20001
    refuses 2 '--size 0: not a number from 1 to 8192' --size 0
    refuses 2 '--size 8193: not a number from 1 to 8192' --size 8193
    refuses 2 '--requests 0: not a number from 1 to 10000000' --requests 0
    refuses 2 '--requests 1e3: not a number from 1 to 10000000' --requests 1e3
    refuses 2 '--rounds 0: not a number from 1 to 25' --rounds 0
    refuses 2 '--rounds 26: not a number from 1 to 25' --rounds 26
    refuses 2 '--models: wants a value' --models
    refuses 2 'epoll: no such command; see --help' epoll
}

@test "26a: has help" {
    every_server_has_help --models --peer --mode --clients --idle --size --requests --rounds --cpu --any-cpu
}

@test "26a: the slides show what is so" { check_slides; }
