# The mistakes that these tests catch: a figure of nobody's, a ratio to somebody who is not the best; rounds one model after the
# other; replies that nobody compares; a load that waits for ever, or in a spin, for a server that has hung up; a server that
# waits for a reader; CPU time and memory of one process where there are many, or counted twice; servers, or their children,
# that outlive the showdown; names that break JSON or SVG; a chart whose axes are not what they say.
# No test depends on how fast anything is.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test is a subshell; stem is the helper's
load helper
load peers/every_server

LOADS=$BUILD/peers/loads

# ---- What the tests ask of the showdown ------------------------------------------------------------------------------

family=TEST_FAMILY=$$.$BATS_TEST_NUMBER.$stem # in the environment of the showdown and of all servers

# One short round, unless the options say otherwise.
contest() { # OPTIONS...
    [[ " $* " == *' --seconds '* || " $* " == *' --requests '* ]] || set -- --seconds 0.02 "$@"
    run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" --rounds 1 "$@"
    ((status == 0)) || fail "status $status of $*:" "$output"
    nothing_left
}

# Ends with status 1 and one line, and leaves nothing.
fails() { # MESSAGE OPTIONS...
    run limited env "$family" "$PROGRAM" --rounds 1 --seconds 0.02 "${@:2}"
    equal "status of ${*:2}" 1 "$status"
    equal "message of ${*:2}" "$stem: $1" "$output"
    nothing_left
}

# The rows of the tables, without what stands between the columns:
# model rate spread ratio median worst cpu idle served
rows() {
    sed -nE 's/^([^ ]+) +\| +([0-9]+) ± ?([0-9]+)% +([0-9]+\.[0-9]{2}) +([0-9]+) +([0-9]+) +([0-9]+\.[0-9]) +([0-9]+\.[0-9]|-) +([0-9]+)$/\1 \2 \3 \4 \5 \6 \7 \8 \9/p' \
        <<< "$output"
}

column() { # NUMBER
    rows | cut -d ' ' -f "$1" | paste -sd ' '
}

bars() { # model marks rate
    sed -nE 's/^([^ ]+) +\| (#*) +([0-9]+)$/\1 :\2 \3/p' <<< "$output"
}

# Every line of the last contest is where it ought to be: the head, a row for each model, the bars.
has_the_form_for() { # LOAD MODEL...
    local want=$1 models=${*:2} lines
    lines=$(sed -E 's/ +/ /g; s/[0-9]+$//' <<< "$output" | head -n 3)
    equal 'the head' "load | $want
model | rate ± ratio median 99 % CPU idle served
 | 1/s us us us KiB" "$lines"
    equal 'models' "$models" "$(column 1)"
    equal 'bars' "$models" "$(bars | sed 's/ .*//' | paste -sd ' ')"
    equal 'rates' "$(column 2)" "$(bars | sed 's/.* //' | paste -sd ' ')"
    equal 'lines' $((2 * ($# - 1) + 4)) "$(wc -l <<< "$output")"
    equal 'places of the first bar' 1 "$(awk '{ print index($0, "|") }' <<< "$output" | sort -u | wc -l)"
    equal 'lines over 80 columns' '' "$(awk '{ sub(/±/, "+") } length($0) > 80' <<< "$output")"
}

# The best has 1.00 and 40 marks, the others have their part of both.
is_in_proportion() {
    rows | awk '{ rate[NR] = $2; ratio[NR] = $4; if ($2 > best) best = $2 }
        END { for (i = 1; i <= NR; i++) {
            off = ratio[i] - rate[i] / best
            slack = 0.0051 + 1 / best # the rates are rounded too
            if (off > slack || off < -slack) print "of " rate[i] " to " best " the ratio is " ratio[i] } }' > "$BATS_TEST_TMPDIR/wrong"
    bars | awk '{ marks[NR] = length($2) - 1; rate[NR] = $3; if ($3 > best) best = $3 }
        END { for (i = 1; i <= NR; i++) {
            off = marks[i] - 40 * rate[i] / best
            if (off > 0.6 + 40 / best || off < -0.6 - 40 / best) print rate[i] " of " best " has " marks[i] " marks" } }' >> "$BATS_TEST_TMPDIR/wrong"
    equal 'what is out of proportion' '' "$(cat "$BATS_TEST_TMPDIR/wrong")"
    equal 'rows with 1.00' 1 "$(($(rows | cut -d ' ' -f 4 | grep -cx 1.00) >= 1))"
    equal 'marks of the longest bar' 40 "$(($(bars | cut -d ' ' -f 2 | wc -L) - 1))"
}

# A script that does something and then becomes this server.
write_peer() { # NAME LINE COMMAND
    printf '#!/bin/sh\n%s\nexec %s\n' "$2" "$3" > "$BATS_TEST_TMPDIR/$1"
    chmod +x "$BATS_TEST_TMPDIR/$1"
}

# ---- The demo --------------------------------------------------------------------------------------------------------

@test "26: the demo compares four models" {
    run limited env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM"
    equal 'status' 0 "$status"
    has_the_form_for '16 clients, connect of 64 bytes, 3 rounds of 200 requests' serial threading forking epoll
    is_in_proportion
    equal 'clients that were served' '16 16 16 16' "$(column 9)"
    nothing_left
}

@test "26: a table for each number of clients, and bars of the last" {
    contest --mode echo --models thread,epoll --clients 1,3,12
    equal 'tables' '1 3 12' "$(sed -nE 's/^load +\| ([0-9]+) clients?, echo.*/\1/p' <<< "$output" | paste -sd ' ')"
    equal 'clients that were served' '1 1 3 3 12 12' "$(column 9)"
    equal 'bars' 'load | requests a second with 12 clients' "$(grep 'a second' <<< "$output" | sed -E 's/ +/ /g')"
    equal 'rates of the last' "$(column 2 | cut -d ' ' -f 5-)" "$(bars | sed 's/.* //' | paste -sd ' ')"
}

@test "26: ratios and bars are in proportion, also for one model" {
    contest --models epoll
    is_in_proportion
    equal 'bars' 1 "$(bars | wc -l)"
    contest --mode echo --clients 8 --models select,epoll,thread,threading
    has_the_form_for '8 clients, echo of 64 bytes, 1 round of 0.02 s' select epoll thread threading
    is_in_proportion
    contest --clients 1 --requests 4 --models '' --peer "slow=$LOADS serve slowly" --peer "quick=$BUILD/08a_epoll_server serve"
    is_in_proportion
}

# ---- Who takes part --------------------------------------------------------------------------------------------------

@test "26: models are taken in the order of the option" {
    contest --models prefork,poll
    equal 'models' 'prefork poll' "$(column 1)"
    contest --models poll,prefork,poll
    equal 'models' 'poll prefork poll' "$(column 1)"
}

@test "26: all are those that the mode fits" {
    contest --models all
    equal 'models' 'serial select poll epoll thread fork tcpserver threading forking prefork' "$(column 1)"
    equal 'clients that were served' '16 16 16 16 16 16 16 16 16 16' "$(column 9)"
    contest --mode datagram --models all
    equal 'models' 'udpserver threading-udp forking-udp' "$(column 1)"
    equal 'clients that were served' '16 16 16' "$(column 9)"
    is_in_proportion
}

@test "26: an option that would change nothing is refused" {
    local option
    for option in --models=epoll --peer=a=b --mode=echo --clients=1 --idle=1 --size=1 --seconds=1 --requests=1 --json=x --svg=x; do
        refuses 2 'programs: takes --rounds, --cpus, --python and --limits' programs "$option"
    done
    refuses 2 '--python, --limits: for programs' --python python3
    refuses 2 '--python, --limits: for programs' --limits build/peers/limits
}

@test "26: a model that there is not, or not for this mode" {
    refuses 2 '--models flash: for --mode connect there are serial select poll epoll thread fork tcpserver threading forking prefork' --models epoll,flash
    refuses 2 '--models epol: for --mode connect there are serial select poll epoll thread fork tcpserver threading forking prefork' --models epol
    refuses 2 '--models udpserver: for --mode connect there are serial select poll epoll thread fork tcpserver threading forking prefork' --models serial,udpserver
    refuses 2 '--models forking-udp: for --mode echo there are serial select poll epoll thread fork tcpserver threading forking prefork' --mode echo --models forking-udp
    refuses 2 '--models epoll: for --mode datagram there are udpserver threading-udp forking-udp' --mode datagram --models epoll
    refuses 2 '--models: nobody takes part' --models ''
}

@test "26: peers take part, each with its name" {
    contest --models serial --peer "mine='$BUILD/08a_epoll_server' serve" --peer "bare=$BUILD/peers/limits epoll" \
        --peer "two='$BUILD/25_prefork_server' serve --workers 2"
    equal 'models' 'serial mine bare two' "$(column 1)"
    equal 'clients that were served' '16 16 16 16' "$(column 9)"
    is_in_proportion
    contest --mode datagram --models '' --peer "udp=$BUILD/peers/limits udp"
    equal 'models' 'udp' "$(column 1)"
}

@test "26: a peer's name may have 19 letters" {
    contest --models '' --peer "nineteen-letters-it='$BUILD/08a_epoll_server' serve"
    has_the_form_for '16 clients, connect of 64 bytes, 1 round of 0.02 s' nineteen-letters-it
    refuses 2 '--peer twenty-letters-it-is: a name has 1 to 19 letters' --peer 'twenty-letters-it-is=true'
    refuses 2 '--peer : a name has 1 to 19 letters' --peer '=true'
    refuses 2 "--peer true: wants NAME='COMMAND'" --peer true
    refuses 2 "--peer a=: wants NAME='COMMAND'" --peer a=
}

@test "26: forty take part, and no more" {
    local peers=() i
    for i in {1..41}; do peers+=(--peer "p$i=true"); done
    refuses 2 '--peer: more than 40' "${peers[@]}"
    refuses 2 '--models, --peer: more than 40' "${peers[@]:0:62}" --models all
}

@test "26: a peer that is no server is named" {
    fails 'a: says "hello", not "listening on IPv4:PORT"' --peer 'a=echo hello'
    fails 'a: says "", not "listening on IPv4:PORT"' --peer a=true
    fails 'a: says "", not "listening on IPv4:PORT"' --models epoll --peer a=false
    fails 'a: says "server | listening on 127.0.0.1:99999", not "listening on IPv4:PORT"' \
        --peer "a=echo 'server | listening on 127.0.0.1:99999'"
    run limited env "$family" "$PROGRAM" --peer 'a=/no/such/program' # the shell has its say too
    equal status 1 "$status"
    equal 'the last line' "$stem: a: says \"\", not \"listening on IPv4:PORT\"" "$(tail -n 1 <<< "$output")"
    nothing_left
    claim loads not-started
}

# The peer serves with a child of its own and does not end it. (A limit of time ends it where the showdown fails to.)
@test "26: what a peer leaves behind is ended" {
    write_peer careless 'exec 2> /dev/null' "sh -c 'timeout --foreground $(limit 10) \"$BUILD/08a_epoll_server\" serve; true'"
    contest --models '' --peer "careless='$BATS_TEST_TMPDIR/careless'"
    equal 'clients that were served' 16 "$(column 9)"
    claim loads ended
}

@test "26: a peer may say more than a pipe holds" {
    contest --models '' --peer "talker=$LOADS serve talk"
    equal 'clients that were served' 16 "$(column 9)"
}

@test "26: who is measured neither narrates nor waits for Enter" {
    # shellcheck disable=SC2016 # the peer's shell has to find the values
    write_peer mute 'echo "$QUIET ${STEP-none} ${SLOW-none}" > "${0}.says"' "'$BUILD/08a_epoll_server' serve"
    SLOW=1 contest --models '' --peer "mute=$BATS_TEST_TMPDIR/mute"
    equal 'QUIET, STEP and SLOW' '1 none none' "$(cat "$BATS_TEST_TMPDIR/mute.says")"
}

# ---- The load --------------------------------------------------------------------------------------------------------

@test "26: clients that stay wait for the serial server" {
    contest --mode echo --models serial,epoll
    equal 'clients that were served' '1 16' "$(column 9)"
    equal 'memory of a client where one is served at once' '-' "$(rows | head -n 1 | cut -d ' ' -f 8)"
    [[ $(rows | tail -n 1 | cut -d ' ' -f 8) =~ ^[0-9]+\.[0-9]$ ]] || fail "$output"
}

@test "26: select serves no more than its sets hold" {
    ((1200 < $(ulimit -Hn))) || skip 'needs 1200 descriptors'
    contest --mode echo --models select,poll --clients 1100 --requests 2000
    local select poll
    read -r select poll <<< "$(column 9)"
    ((select > 900 && select < 1024)) || fail "select served $select of 1100 clients"
    equal 'clients that poll served' 1100 "$poll"
    [[ $output == *"select | refused or lost $((1100 - select)) of 1100 clients"* ]] || fail "$output"
}

@test "26: idle clients stay connected beside those that ask" {
    contest --mode echo --models epoll,thread --clients 4 --idle 50 --json "$BATS_TEST_TMPDIR/json"
    equal 'clients that were served, the idle ones not counted' '4 4' "$(column 9)"
    equal 'idle' 2 "$(grep -c '"idle": 50,' "$BATS_TEST_TMPDIR/json")"
    contest --mode datagram --models udpserver --clients 4 --idle 5
    equal 'clients that were served' '4' "$(column 9)"
    refuses 2 '--idle: for --mode echo and datagram, where a client stays connected' --idle 1
    claim loads idle-clients
}

@test "26: requests of a byte, and of a million" {
    contest --mode echo --models select,thread,poll --size 1 --clients 1 --requests 20
    equal 'clients that were served' '1 1 1' "$(column 9)"
    [[ $output == *'1 client'*', echo of 1 byte'* ]] || fail "$output"
    contest --mode connect --models epoll,threading,forking,poll --size 1000000 --clients 2 --requests 4
    equal 'clients that were served' '2 2 2 2' "$(column 9)"
    claim loads mebibytes
}

@test "26: a datagram has at most 8192 bytes" {
    contest --mode datagram --models udpserver,forking-udp --size 8192 --clients 2 --requests 20
    equal 'clients that were served' '2 2' "$(column 9)"
    refuses 2 '--size 8193: a server takes a datagram of 8192 bytes at most' --mode datagram --size 8193
    claim loads datagrams
}

@test "26: --requests ends a round, and no time does" {
    contest --models epoll --requests 20
    [[ $output == *'16 clients, connect of 64 bytes, 1 round'*' of 20 requests'* ]] || fail "$output"
}

@test "26: what is counted is what the server has seen" { claim loads counts; }
@test "26: a server that never replies ends the run" { claim loads silent-server; }
@test "26: who is refused has failed" { claim loads refused-port; }
@test "26: who is hung up on has failed" { claim loads hung-up; }
@test "26: a load without descriptors leaves none open" { claim loads out-of-descriptors; }
@test "26: a signal ends a run" { claim loads stopped; }

@test "26: more clients than descriptors" {
    local message='100 clients: Too many open files'
    run limited env "$family" bash -c 'ulimit -n 60; exec "$@"' - "$PROGRAM" --models epoll,fork --clients 100
    equal status 1 "$status"
    equal 'message' "$stem: $message" "$(in_glibc_words "$output")"
    nothing_left
}

@test "26: too few descriptors for silent clients: no figure for their memory" {
    run limited env "$family" bash -c 'ulimit -n 45; exec "$@"' - "$PROGRAM" --mode echo --models serial --clients 2 --rounds 1
    equal 'status' 0 "$status"
    equal 'idle and served' '- 1' "$(column 8,9)"
    nothing_left
}

@test "26: a peer that hangs up at once is served no better than its figures say" {
    local mode
    for mode in connect echo; do
        contest --models '' --mode "$mode" --seconds 60 --peer "nobody=$LOADS serve nobody" --json "$BATS_TEST_TMPDIR/json"
        equal 'the row' 'nobody 0 0 0.00 0 0 0.0 - 0' "$(rows)"
        grep -qxE 'nobody \| +0 of 16 served' <<< "$output" || fail "$output"
        [[ $output == *'nobody | refused or lost 16 of 16 clients'* ]] || fail "$output"
        equal 'rate' 1 "$(grep -c '"rate": 0.0,' "$BATS_TEST_TMPDIR/json")"
    done
}

@test "26: a peer whose replies do not come in time has no figures" {
    local mode peer
    for mode in connect echo; do
        for peer in silence late; do
            contest --models '' --mode "$mode" --clients 4 --peer "$peer=$LOADS serve $peer"
            equal "the row of $peer" "$peer 0 0 0.00 0 0 0.0 - 0" "$(rows)"
            grep -q "^$peer *| no reply within 300 ms: not measured$" <<< "$output" || fail "$output"
        done
    done
}

@test "26: replies that come in many parts are waited for" {
    contest --models '' --clients 1 --size 32000 --requests 1 --peer "slowly=$LOADS serve slowly"
    equal 'served' 1 "$(column 9)"
}

@test "26: a wrong reply ends the contest" {
    fails 'low: 16 replies were wrong' --models epoll --peer "low=$LOADS serve lower"
    fails 'low: 16 replies were wrong' --models '' --size 1 --peer "low=$LOADS serve lower"
    fails 'long: 1 replies were wrong' --models '' --clients 1 --peer "long=$LOADS serve longer"
    claim loads wrong-replies
}

# ---- Rounds and CPUs -------------------------------------------------------------------------------------------------

@test "26: the models take turns, round by round" {
    local name
    # shellcheck disable=SC2016 # the peer's shell has to find its name
    for name in a b c; do write_peer $name 'echo "${0##*/}" >> "${0%/*}/turns"' "'$BUILD/08a_epoll_server' serve"; done
    contest --models '' --rounds 3 --json "$BATS_TEST_TMPDIR/json" \
        --peer "a=$BATS_TEST_TMPDIR/a" --peer "b=$BATS_TEST_TMPDIR/b" --peer "c=$BATS_TEST_TMPDIR/c"
    equal 'turns' 'a b c a b c a b c' "$(paste -sd ' ' "$BATS_TEST_TMPDIR/turns")"
    equal 'rates of each' 3 "$(grep -cE '"rates": \[[0-9.]+, [0-9.]+, [0-9.]+\]\}' "$BATS_TEST_TMPDIR/json")"
}

# The middle one of three, and half of what lies between the others as its spread.
@test "26: a rate is the median of its rounds" {
    contest --models epoll,serial --rounds 3 --json "$BATS_TEST_TMPDIR/json"
    local rates spreads
    rates=$(sed -nE 's/.*"rates": \[(.*)\]\}.*/\1/p' "$BATS_TEST_TMPDIR/json" | tr -d ',')
    equal 'medians' "$(while read -r line; do tr ' ' '\n' <<< "$line" | sort -n | sed -n 2p; done <<< "$rates")" \
        "$(sed -nE 's/.*"rate": ([0-9.]+),.*/\1/p' "$BATS_TEST_TMPDIR/json")"
    spreads=$(while read -r line; do
        tr ' ' '\n' <<< "$line" | sort -n | paste -sd ' ' | awk '{ print 50 * ($3 - $1) / $2 }'
    done <<< "$rates" | paste -sd ' ')
    # of rates with one decimal
    awk '{ for (i = 1; i <= 2; i++) { apart = $i - $(i + 2); if (NF != 4 || apart > 0.6 || apart < -0.6) exit 1 } }' \
        <<< "$spreads $(column 3)" || fail "the spreads are $spreads, and the table says $(column 3)"
}

@test "26: server and load share a CPU, or have one each, or all" {
    command -v taskset > /dev/null || skip 'needs taskset (Debian package util-linux)'
    local all first pinned=$BATS_TEST_TMPDIR/pinned option
    all=$(allowed /proc/self/status)
    first=${all%%[,-]*}
    # shellcheck disable=SC2016 # the peer's shell has to find the values
    write_peer pinned 'cat /proc/self/status "/proc/$PPID/status" | sed -n "s/^Cpus_allowed_list:[^0-9]*//p" > "$0.cpus"' \
        "'$BUILD/08a_epoll_server' serve"
    for option in '' '--cpus same'; do
        # shellcheck disable=SC2086 # none or two words
        contest --models '' --peer "pinned=$pinned" $option
        equal "server and load with '$option'" "$first $first" "$(paste -sd ' ' "$pinned.cpus")"
    done
    contest --models '' --peer "pinned=$pinned" --cpus free
    equal 'server and load that are free' "$all $all" "$(paste -sd ' ' "$pinned.cpus")"
    run taskset -c "$first" "$PROGRAM" --cpus split
    equal 'split on one CPU' "2 $stem: --cpus split: this program may use one CPU only" "$status $output"
    [[ $all == *[,-]* ]] || skip 'split: needs two CPUs'
    contest --models '' --peer "pinned=$pinned" --cpus split
    [[ $(paste -sd ' ' "$pinned.cpus") =~ ^$first\ [0-9]+$ && $(sort -u "$pinned.cpus" | wc -l) == 2 ]] ||
        fail "server and load that are split: $(cat "$pinned.cpus")"
}

allowed() { # FILE
    sed -n 's/^Cpus_allowed_list:[^0-9]*//p' "$1"
}

@test "26: a contender is on its CPU, and free again" { claim loads pinned; }
@test "26: CPU time is that of all processes, also of those that have ended" { claim loads cpu-time; }
@test "26: memory that several processes share is counted once" { claim loads memory; }

# ---- Files -----------------------------------------------------------------------------------------------------------

@test "26: the JSON file has every figure" {
    local json=$BATS_TEST_TMPDIR/json field
    contest --mode echo --models epoll --clients 2,4 --size 10 --rounds 2 --peer "a\"b\\c=$BUILD/peers/limits epoll" --json "$json"
    for field in model mode clients idle size rate median_us p99_us cpu_us idle_kib served failed rates; do
        equal "times of $field" 4 "$(grep -o "\"$field\": " "$json" | wc -l)"
    done
    grep -qF '"model": "a\"b\\c"' "$json" || fail "$(cat "$json")"
    # the table rounds the rate itself, and here it has been rounded before
    paste -d ' ' <(rows | tail -n 2 | cut -d ' ' -f 2) <(sed -nE 's/.*"rate": ([0-9.]+),.*/\1/p' "$json" | tail -n 2) |
        awk '{ apart = $1 - $2; if (NF != 2 || apart > 1 || apart < -1) exit 1 } END { if (NR != 2) exit 1 }' ||
        fail "other rates than in the table: $(cat "$json")"
    ! grep -F '"idle_kib": null' "$json" || fail 'no memory for each idle client'
    contest --models epoll --json "$json.connect"
    grep -qF '"idle_kib": null' "$json.connect" || fail "$(cat "$json.connect")"
    python3 -c '' 2> /dev/null || skip 'the rest needs python3'
    equal 'what Python reads' "[(2, 'a\"b\\\\c'), (2, 'epoll'), (4, 'a\"b\\\\c'), (4, 'epoll')] {10} {'echo'} {0} [2, 2, 2, 2] True" "$(
        python3 - "$json" << 'PYTHON'
import json
import sys

rows = json.load(open(sys.argv[1]))
print(
    sorted((row["clients"], row["model"]) for row in rows),
    *({row[name] for row in rows} for name in ("size", "mode", "idle")),
    [len(row["rates"]) for row in rows],
    all(0 < row["median_us"] <= row["p99_us"] and row["served"] == row["clients"] for row in rows),
)
PYTHON
    )"
}

@test "26: the SVG file is a chart with a line and a name for each model" {
    local svg=$BATS_TEST_TMPDIR/svg
    contest --models serial,epoll --clients 1,4,16 --peer "<&>=$BUILD/peers/limits epoll" --svg "$svg"
    equal 'lines' 3 "$(grep -c '<polyline ' "$svg")"
    equal 'points of each' 3 "$(grep -cE 'points="([0-9.]+,[0-9.]+ ){3}"/>' "$svg")"
    equal 'names' $'&lt;&amp;>\nepoll\nserial' "$(sed -nE 's|^<text x="938\.0".* paint-order="stroke">(.*)</text>$|\1|p' "$svg" | sort)"
    equal 'clients' '1 4 16' "$(sed -nE 's|.* text-anchor="middle">([0-9]+)</text>$|\1|p' "$svg" | paste -sd ' ')"
    equal 'what is no number' '' "$(grep -E 'nan|inf' "$svg" || true)"
    if command -v xmllint > /dev/null; then
        xmllint --noout "$svg"
    elif python3 -c '' 2> /dev/null; then
        python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$svg"
    else
        skip 'the rest needs xmllint or python3'
    fi
}

@test "26: a chart has logarithmic axes" { claim loads chart-axes; }
@test "26: no name of a chart stands on another" { claim loads chart-names; }
@test "26: a chart that cannot be written" { claim loads chart-that-cannot-be; }

@test "26: a file that cannot be written" {
    local option
    for option in json svg; do
        run limited env "$family" "$PROGRAM" --rounds 1 --seconds 0.02 --models epoll "--$option" /no/such/file
        equal "status of --$option" 1 "$status"
        [[ $(tail -n 1 <<< "$output") == "$stem: "*' /no/such/file: No such file or directory' ]] || fail "$output"
        equal 'messages' 1 "$(grep -c "^$stem: " <<< "$output")"
        run limited env "$family" "$PROGRAM" --rounds 1 --seconds 0.02 --models epoll "--$option" /dev/full
        equal "status of a full disk" 1 "$status"
        equal 'message' "$stem: write /dev/full: No space left on device" "$(tail -n 1 <<< "$output")"
        nothing_left
    done
}

# ---- Options ---------------------------------------------------------------------------------------------------------

@test "26: names what is wrong" {
    refuses 2 '--mode slow: not one of echo, connect, datagram' --mode slow
    refuses 2 '--cpus one: not one of same, split, free' --cpus one
    refuses 2 '--clients 0: not a number from 1 to 20000' --clients 0
    refuses 2 '--clients 20001: not a number from 1 to 20000' --clients 1,20001
    refuses 2 '--clients x: not a number from 1 to 20000' --clients 16,x
    refuses 2 '--clients: no number' --clients ''
    refuses 2 '--clients: more than 12 numbers' --clients 1,2,3,4,5,6,7,8,9,10,11,12,13
    refuses 2 '--clients 16,16: not from few to many' --clients 16,16
    refuses 2 '--clients 16,4: not from few to many' --clients 16,4
    local seconds
    for seconds in 0 -1 0.009 60.1 x '' 1x nan inf; do
        refuses 2 "--seconds $seconds: not a number from 0.01 to 60" --seconds "$seconds"
    done
    refuses 2 '--idle -1: not a number from 0 to 20000' --idle -1
    refuses 2 '--idle 20001: not a number from 0 to 20000' --idle 20001
    refuses 2 '--size 0: not a number from 1 to 1000000' --size 0
    refuses 2 '--size 1000001: not a number from 1 to 1000000' --size 1000001
    refuses 2 '--requests 0: not a number from 1 to 10000000' --requests 0
    refuses 2 '--requests 1e3: not a number from 1 to 10000000' --requests 1e3
    refuses 2 '--seconds, --requests: one or the other' --seconds 1 --requests 20
    refuses 2 '--rounds 0: not a number from 1 to 25' --rounds 0
    refuses 2 '--rounds 26: not a number from 1 to 25' --rounds 26
    refuses 2 '--svg: wants a value' --svg
    refuses 2 'epoll: no such command; see --help' epoll
    refuses 2 'more: unexpected' programs more
}

@test "26: has help" {
    every_server_has_help --models --peer --mode --clients --idle --size --seconds --requests --rounds --cpus --json --svg \
        --python --limits
}

# ---- Signals ---------------------------------------------------------------------------------------------------------

# Starts a contest that takes minutes, and returns when it has a server and has used some CPU time: both are at work.
start_long_contest() { # OPTIONS...
    local end=$((SECONDS + $(limit 10)))
    env "$family" TMPDIR="$BATS_TEST_TMPDIR" "$PROGRAM" --seconds 60 "$@" > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
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

@test "26: SIGTERM ends the contest, and the servers with it" {
    start_long_contest --models forking
    ends_at TERM
    start_long_contest --models prefork
    ends_at TERM
    start_long_contest --models epoll --mode echo --idle 20
    ends_at TERM
}

@test "26: SIGINT does too" {
    start_long_contest --models thread --mode echo
    ends_at INT
    start_long_contest --models udpserver --mode datagram
    ends_at INT
}

@test "26: a signal ends the wait for a server's first line" {
    # shellcheck disable=SC2016 # the peer's shell has to find its name
    write_peer late 'echo > "$0.there"' 'tail -f /dev/null'
    mkfifo "$BATS_TEST_TMPDIR/late.there"
    env "$family" "$PROGRAM" --peer "late=$BATS_TEST_TMPDIR/late" > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
    showdown=$!
    read -r -t "$(limit 10)" < "$BATS_TEST_TMPDIR/late.there" || true
    ends_at TERM
}

@test "26: who is killed takes the server along" {
    start_long_contest --models fork
    kill -KILL "$showdown"
    wait "$showdown" || true
    nothing_left_soon
}

@test "26: a reader that leaves ends the contest" {
    equal 'lines' 1 "$({
        limited env "$family" "$PROGRAM" --models epoll --clients 1,2,3,4 --seconds 0.02 || echo "$?" > "$BATS_TEST_TMPDIR/status"
    } | head -n 1 | wc -l)"
    equal 'status' '' "$(cat "$BATS_TEST_TMPDIR/status" 2> /dev/null || true)"
    nothing_left
}

# ---- What is not a server --------------------------------------------------------------------------------------------

# The showdown looks for the lessons in its own folder: here they are scripts.
given_lessons_of() { # RATE OF_PYTHON OF_LIMITS
    SHOWDOWN=$BATS_TEST_TMPDIR/lessons/$stem
    mkdir -p "${SHOWDOWN%/*}/peers"
    cp "$PROGRAM" "$SHOWDOWN"
    write_script lessons/peers/costs "$1"
    write_script python "$2"
    write_script limits "$3"
}

# A script that writes its words down and says that it has done so many things in a second.
write_script() { # NAME RATE
    # shellcheck disable=SC2016 # the script's shell has to find the values
    printf '#!/bin/sh\necho "${0##*/} $*" >> "%s/words"\necho "timing | %s things in 1.000 s, %s things/s"\n' \
        "$BATS_TEST_TMPDIR" "$2" "$2" > "$BATS_TEST_TMPDIR/$1"
    chmod +x "$BATS_TEST_TMPDIR/$1"
}

@test "26: programs compares what is not a server with its peers" {
    given_lessons_of 100 50 400
    run limited "$SHOWDOWN" programs --rounds 1 --python "$BATS_TEST_TMPDIR/python" --limits "$BATS_TEST_TMPDIR/limits"
    equal status 0 "$status"
    equal 'the table' "program | rate ± of Python of bare calls
$(printf '%s | 100 ± 0%% 2.00 ± 0%% 0.25 ± 0%%\n' thread lock event process array plock dict apply async map1 map)" \
        "$(sed -E 's/ +/ /g' <<< "$output")"
    equal 'what Python is asked for' 'thread lock event process array plock dict apply async map1 map' \
        "$(sed -n 's/^python //p' "$BATS_TEST_TMPDIR/words" | paste -sd ' ')"
    equal 'what the bare calls are asked for' 'thread lock event process array plock dict apply async async map' \
        "$(sed -n 's/^limits //p' "$BATS_TEST_TMPDIR/words" | paste -sd ' ')"
}

@test "26: a lesson and its peers take turns, as often as --rounds says" {
    given_lessons_of 100 50 400
    run limited "$SHOWDOWN" programs --rounds 2 --python "$BATS_TEST_TMPDIR/python" --limits "$BATS_TEST_TMPDIR/limits"
    equal status 0 "$status"
    equal 'the first row' 'costs python limits costs python limits' \
        "$(head -n 6 "$BATS_TEST_TMPDIR/words" | sed 's/ .*//' | paste -sd ' ')"
}

@test "26: a program without peers has a rate, and no ratio" {
    given_lessons_of 100 1 1
    run limited "$SHOWDOWN" programs --rounds 1
    equal status 0 "$status"
    equal 'the first row' 'thread | 100 ± 0% - -' "$(sed -n '2s/ \+/ /gp' <<< "$output")"
    run limited "$SHOWDOWN" programs --rounds 1 --limits "$BATS_TEST_TMPDIR/limits"
    equal 'the first row' 'thread | 100 ± 0% - 100.00 ± 0%' "$(sed -n '2s/ \+/ /gp' <<< "$output")"
}

@test "26: a program that fails, or has no timing, is named" {
    given_lessons_of 100 1 1
    local lesson=$BATS_TEST_TMPDIR/lessons/peers/costs line
    for line in 'exit 1' 'echo "timing | 5 things in 1.000 s, 0 things/s"' 'echo "main | nothing"' \
        'echo "timing | 5 things in 1.000 s, 5 things/s"; exit 3'; do
        echo "$line" > "$lesson"
        run limited "$SHOWDOWN" programs --rounds 1
        equal "status when the lesson says: $line" 1 "$status"
        [[ $(tail -n 1 <<< "$output") == "$stem: '"*"'peers/costs thread: has no line with its timing" ]] || fail "$output"
        equal 'messages' 1 "$(grep -c "^$stem: " <<< "$output")"
    done
    given_lessons_of 100 1 1
    run limited "$SHOWDOWN" programs --rounds 1 --python false
    equal 'status when a peer fails' 1 "$status"
    equal 'the last line' "$stem: false thread: has no line with its timing" "$(tail -n 1 <<< "$output")"
}

@test "26: programs times the lessons themselves" {
    [[ $BUILD != */thread ]] || skip 'takes too long'
    run limited "$PROGRAM" programs --rounds 1
    equal status 0 "$status"
    equal 'rows' 'thread lock event process array plock dict apply async map1 map' \
        "$(sed -nE 's/^([a-z0-9]+) +\| +[1-9][0-9]* ± 0% +- +-$/\1/p' <<< "$output" | paste -sd ' ')"
}

@test "26: a signal ends programs" {
    given_lessons_of 100 1 1
    # shellcheck disable=SC2016 # the script's shell has to find its name
    printf '#!/bin/sh\necho > "$0.there"\nexec "%s" serve silence > /dev/null\n' "$LOADS" \
        > "$BATS_TEST_TMPDIR/lessons/peers/costs"
    mkfifo "$BATS_TEST_TMPDIR/lessons/peers/costs.there"
    env "$family" "$SHOWDOWN" programs > "$BATS_TEST_TMPDIR/says" 2>&1 < /dev/null 3>&- 4>&- &
    showdown=$!
    read -r -t "$(limit 10)" < "$BATS_TEST_TMPDIR/lessons/peers/costs.there" || true
    kill "$showdown"
    timeout "$(limit 10)" tail --pid="$showdown" -s 0.02 -f /dev/null || { kill -KILL "$showdown"; fail 'it does not end'; }
    wait "$showdown" || true
    nothing_left_soon
}

# By their CPU time, which does not depend on who else is busy: six times as much was seen.
@test "26: select and poll pay for 900 silent clients, epoll does not" {
    contest --mode echo --models select,poll,epoll --clients 4 --idle 900
    rows | awk '{ cpu[$1] = $7 } END { if (NR != 3 || cpu["select"] < 2 * cpu["epoll"] || cpu["poll"] < 2 * cpu["epoll"]) exit 1 }' ||
        fail "$output"
}

# A thread has a stack of the kernel's, 16 KiB, and some pages of its own; a client of epoll has a few hundred bytes.
@test "26: the memory of a silent client is that of the server, whatever else the machine does" {
    needs_an_address_space_of_its_own
    contest --mode echo --models epoll,thread,fork --clients 2
    rows | awk '{ kib[$1] = $8 } END { if (NR != 3 || kib["epoll"] > 3 || kib["thread"] < 18 || kib["thread"] > 40 ||
        kib["fork"] < 80 || kib["fork"] > 200) exit 1 }' || fail "$output"
}

@test "26: a peer that is named after a model is its pair, round by round" {
    contest --models serial,epoll --peer "same-serial='$BUILD/01b_rude_clients' serve" --peer "other='$BUILD/01b_rude_clients' serve"
    equal 'pairs' 1 "$(grep -cE '^serial +\| +[0-9.]+ ± *[0-9]+% of same-serial$' <<< "$output")"
    equal 'lines with a pair' 1 "$(grep -c '% of ' <<< "$output")"
}

@test "26: a folder may have a quote in its name" {
    mkdir "$BATS_TEST_TMPDIR/it's"
    cp "$BUILD"/{26_showdown,01b_rude_clients} "$BATS_TEST_TMPDIR/it's"
    run limited "$BATS_TEST_TMPDIR/it's/26_showdown" --models serial --requests 10
    equal status 0 "$status"
}

@test "26: a server that serves a few of many has a short bar" {
    contest --mode echo --models serial,epoll --clients 20
    grep -qE '^serial +\| #{0,8} +[1-3] of 20 served$' <<< "$output" || fail "$output"
}

@test "26: the slides show what is so" { check_slides; }
