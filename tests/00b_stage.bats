# What every program has from common/stage/: lines of many actors, STEP, SLOW, QUIET, options, being started and stopped.
# shellcheck disable=SC2034 # stem is the helper's
load helper

lessons() {
    basename -s .c lessons/[0-9]*.c
}

# ---- say ---------------------------------------------------------------------------------------------------------------

narrators() {
    limited "$BUILD/peers/narrators" "$@"
}

@test "00b: lines of many threads and processes never mix" {
    local lines
    lines=$(narrators 4 4 100)
    equal 'whole lines' 1600 "$(grep -cxE 'actor  \| process [1-4] thread [1-4] line [0-9]+' <<< "$lines")"
    equal 'lines' 1600 "$(sort -u <<< "$lines" | wc -l)"
}

@test "00b: a line has at most 80 columns, and no character is cut in two" {
    local line
    line=$(narrators 1 1 1 200)
    [[ $line == 'actor  | process 1 thread 1 line 1é'*'é...' ]] || fail "$line"
    equal 'columns' 80 "$(LC_ALL=C.UTF-8 bash -c 'echo ${#1}' - "$line")"
}

# What is wide counts twice, an accent of its own not at all.
columns_of() {
    LC_ALL=C.UTF-8 bash -c 'echo ${#1}' - "$(sed 's/字/xx/g; s/😀/xx/g; s/\xcc\x81//g' <<< "$1")"
}

@test "00b: ... a wide character takes two of them, an accent of its own none" {
    local text line
    for text in 字 😀 $'e\xcc\x81'; do
        line=$(narrators 1 1 1 60 "$text")
        [[ $line == 'actor  | process 1 thread 1 line 1'*"$text..." ]] || fail "$line"
        (($(columns_of "$line") == 79 || $(columns_of "$line") == 80)) || fail "$(columns_of "$line") columns: $line"
        line=$(LANES=1 COLUMNS=20 narrators 1 1 1 20 "$text" | tail -n +3)
        equal "in a lane of $text" "line1$(printf "$text%.0s" {1..20})" "$(tr -d '\n ' <<< "$line" | sed 's/.*line/line/')"
        while read -r line; do
            (($(columns_of "$line") <= 20)) || fail "$line"
        done <<< "$line"
    done
}

@test "00b: colours are for terminals, unless NO_COLOR or TERM says no" {
    local escape=$'\033'
    [[ $(TERM=xterm "$BUILD/peers/pty" type '' "$BUILD/peers/narrators" 1 1 1) == *"${escape}[1;3"*"mactor ${escape}[0m |"* ]]
    [[ $(TERM=xterm NO_COLOR=1 "$BUILD/peers/pty" type '' "$BUILD/peers/narrators" 1 1 1) != *"$escape"* ]]
    [[ $(TERM=dumb "$BUILD/peers/pty" type '' "$BUILD/peers/narrators" 1 1 1) != *"$escape"* ]]
    [[ $(TERM=xterm narrators 1 1 1) != *"$escape"* ]]
}

@test "00b: actors have their colours in the order in which they appear, in every process" {
    local said
    said=$(TERM=xterm limited "$BUILD/peers/pty" type '' "$BUILD/06_select_server")
    equal 'colours' $'ann 27\nbob 166\ncarl 100' "$(sed -nE $'s/.*\033\\[1;38;5;([0-9]+)m([a-z]+).*/\\2 \\1/p' <<< "$said" | sort -u)"
    [[ $said == *$'\nserver | '* ]] || fail 'the server, which stands for itself, has a colour'
}

# Of each line, "N" of the terminal's 256 or "#rrggbb": hue in degrees, and contrast on black and on white. WCAG 2, 1.4.3
measured() {
    awk 'function level(i) { return i == 0 ? 0 : 55 + 40 * i }
        function linear(v) { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ^ 2.4 }
        function hex(s) { return (index(digits, substr(s, 1, 1)) - 1) * 16 + index(digits, substr(s, 2, 1)) - 1 }
        BEGIN { digits = "0123456789abcdef" }
        /^#/ { r = hex(substr($0, 2)); g = hex(substr($0, 4)); b = hex(substr($0, 6)) }
        /^[0-9]/ { n = $0 - 16; r = level(int(n / 36)); g = level(int(n / 6) % 6); b = level(n % 6) }
        { most = r > g ? r : g; most = b > most ? b : most; least = r < g ? r : g; least = b < least ? b : least; d = most - least
            hue = most == r ? (g - b) / d * 60 : most == g ? (b - r) / d * 60 + 120 : (r - g) / d * 60 + 240
            light = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
            printf "%d %.1f %.1f\n", (hue + 360) % 360, (light + 0.05) / 0.05, 1.05 / (light + 0.05) }'
}

@test "00b: eight colours that differ, each legible on black and on white, and the same in terminal, deck, picture and page" {
    local terminal picture page theme
    terminal=$(sed -nE 's/.*colours\[[A-Z]*\] = \{(.*)\};/\1/p' common/stage/colour.c | tr -d ' ' | tr , '\n')
    picture=$(sed -nE 's/.*split\("(#[^"]*)", palette.*/\1/p' slides/replay/svg.awk | tr ' ' '\n')
    page=$(sed -nE 's/^    --actor-[1-8]: (#[0-9a-f]+);.*/\1/p' slides/replay/page.css)
    theme=$(sed -nE 's/^    --(first|second|third|fourth): (#[0-9a-f]+);.*/\2/p' slides/theme.css)
    equal 'colours' 8 "$(sort -u <<< "$terminal" | wc -l)"
    equal 'hard to read' '' "$(measured <<< "$terminal" | awk '$2 < 3.5 || $3 < 3.5')"
    equal 'those of the deck' "$theme" "$(head -n 4 <<< "$picture")"
    for room in "$picture" "$page"; do
        equal 'other hues than on the terminal' '' "$(paste -d ' ' <(measured <<< "$terminal") <(measured <<< "$room") |
            awk '{ d = $1 > $4 ? $1 - $4 : $4 - $1; d = d > 180 ? 360 - d : d } d > 40' | head -n 8)"
    done
    equal 'without a colour, in the page' "$(grep -oE 'dark\[\] = \{.*\}' common/stage/colour.c | grep -oE '[a-z]+"' | tr -d '"')" \
        "$(grep -E '^const DARK' slides/replay/page.js | grep -oE "[a-z]+'" | tr -d "'")"
    equal 'and in the picture' "$(grep -oE 'dark\[\] = \{.*\}' common/stage/colour.c | grep -oE '[a-z]+"' | tr -d '"' | paste -sd '|')" \
        "$(sed -nE 's/.*name ~ .\^\((.*)\)\$.*/\1/p' slides/replay/svg.awk)"
}

@test "00b: STEP waits for Enter after each line, and for nothing after the last" {
    local stepped plain
    plain=$("$BUILD/01a_serial_server" 2>&1)
    stepped=$(STEP=1 NO_COLOR=1 limited "$BUILD/peers/pty" step "$BUILD/01a_serial_server")
    stem=01a_serial_server
    equal 'the transcript' "$(neutral <<< "$plain")" "$(neutral <<< "$stepped")"
    run limited "$BUILD/peers/pty" step "$BUILD/01a_serial_server"
    [[ $output == *'one Enter brought '*' lines'* ]] || fail 'without STEP it should not wait' "$output"
}

# Plays 17a in single steps, on a terminal that echoes. Its last line says whether the terminal's settings are as they were.
stepped() { # PROMPTS AND KEYS...
    # shellcheck disable=SC2016
    STEP=1 NO_COLOR=1 limited "$BUILD/peers/pty" act "$@" -- bash -c 'trap : INT
        before=$(stty -g)
        "$0"
        echo "status $?"
        [[ $before == "$(stty -g)" ]] && echo same' "$BUILD/17a_lost_update" 2>&1
}

PROMPT='Enter: next  c: run on  q: quit'

@test "00b: a step says what may be pressed; the prompt and the key leave no trace" {
    local plain keys=() i
    plain=$("$BUILD/17a_lost_update")$'\nstatus 0\nsame'
    for ((i = 1; i < 12; i++)); do keys+=("$PROMPT" $'\n'); done
    equal 'Enter' "$plain" "$(stepped "${keys[@]}")"
    equal 'c runs on' "$plain" "$(stepped "$PROMPT" $'\n' "$PROMPT" c)"
    equal 'another key is none' "$plain" "$(stepped "$PROMPT" 'xyz c')"
}

@test "00b: a program that a child has become belongs to the demo: c there runs on in all, and the colours go on" {
    local said
    said=$(STEP=1 TERM=xterm limited "$BUILD/peers/pty" act 'mark is 7' '' "$PROMPT" $'\n' 'mark is 1' '' "$PROMPT" c -- "$BUILD/19d_exec")
    equal 'who says a line' 'child program program program program program main child program program program program program main child main' \
        "$(sed 's/\x1b\[[0-9;]*m//g; s/ *[|].*//' <<< "$said" | xargs)"
    equal 'colours' $'child 27\nprogram 166' "$(sed -nE $'s/.*\033\\[1;38;5;([0-9]+)m([a-z]+).*/\\2 \\1/p' <<< "$said" | sort -u)"
}

@test "00b: q ends a demo in single steps, and Ctrl-C does; the terminal is as it was" {
    local said
    said=$("$BUILD/17a_lost_update" | head -n 2)
    equal q "$said"$'\nstatus 0\nsame' "$(stepped "$PROMPT" $'\n' "$PROMPT" q)"
    said=$(stepped "$PROMPT" $'\n' "$PROMPT" $'\x03')
    [[ $said == *$'\nstatus 130\nsame' ]] || fail "$said"
}

@test "00b: a program is killed while it waits for a key, and the terminal is as it was" {
    local said
    # shellcheck disable=SC2016
    said=$(STEP=1 NO_COLOR=1 limited "$BUILD/peers/pty" type '' bash -c 'before=$(stty -g)
        "$0" < /dev/tty &
        until program=$(ps -o pid= --ppid $!) && [[ $before != "$(stty -g)" ]]; do :; done
        kill -KILL $program
        wait $!
        echo "status $?"
        [[ $before == "$(stty -g)" ]] && echo same' "$BUILD/17a_lost_update" 2>&1)
    [[ $said == 'ann    | reads 0'*$'\nstatus 137\n'*same ]] || fail "$said"
}

@test "00b: Ctrl-Z in single steps stops the demo, and fg brings the prompt back" {
    local said story=$BATS_TEST_TMPDIR/story rc=$BATS_TEST_TMPDIR/rc
    echo "PS1='> '" > "$rc"
    said=$(STEP=1 NO_COLOR=1 limited "$BUILD/peers/pty" act '> ' "stty -g > $story; $BUILD/17a_lost_update"$'\n' "$PROMPT" $'\n' \
        "$PROMPT" $'\x1a' Stopped "stty -g >> $story; fg"$'\n' "$PROMPT" c '> ' "stty -g >> $story; exit"$'\n' -- bash --noprofile --rcfile "$rc" -i 2>&1)
    equal 'different settings' 1 "$(sort -u "$story" | wc -l)"
    equal 'lines' "$("$BUILD/17a_lost_update")" "$(grep -a ' | ' <<< "$said")"
}

# Four of them stand at the same time: on a terminal, in a pipe, in single steps, and with pauses that are longer.
@test "00b: a demo that stands still for five seconds on a terminal says who waits in which call" {
    local on=$BATS_TEST_TMPDIR still=("$BUILD/peers/narrators" still)
    export NO_COLOR=1
    # shellcheck disable=SC2016
    {
        STEP=1 timeout -k 1 8 "$BUILD/peers/pty" type '' "${still[@]}" > "$on/step" 2>&1 3>&- 4>&- &
        SLOW=4000 timeout -k 1 8 "$BUILD/peers/pty" type '' "${still[@]}" > "$on/slow" 2>&1 3>&- 4>&- &
        timeout -k 1 8 "${still[@]}" > "$on/pipe" 2>&1 3>&- 4>&- &
    }
    limited "$BUILD/peers/pty" act 'in pthread_mutex_lock' $'\x03' -- "${still[@]}" > "$on/terminal" 2>&1 || true
    equal 'what is said' 'narrators: no line for 5 s (Ctrl-C ends it): main in pthread_join or sem_wait, ann in pthread_mutex_lock' \
        "$(sed 's/\^C//' "$on/terminal" | grep '^narrators')" # the terminal shows the key, perhaps before the line's end
    timeout 10 tail --pid="$!" -s 0.1 -f /dev/null
    equal 'elsewhere' '' "$(cat "$on"/{step,slow,pipe} | grep '^narrators')"
    equal 'lines' $'main   | has the lock\nann    | wants the lock' "$(cat "$on/pipe")"
}

@test "00b: STEP lets one line through for one Enter, whoever waits" {
    run env STEP=1 NO_COLOR=1 timeout "$(limit 15)" "$BUILD/peers/pty" step "$BUILD/peers/narrators" 3 2 3
    ((status == 0)) || fail "$output"
    equal 'lines' 18 "$(grep -cE '^actor  \| process' <<< "$output")"
}

# The lock of the thread that waits for Enter is copied by fork, and the thread that would give it back is not.
@test "00b: STEP holds up no child that was forked beside a thread that waits for Enter" {
    run env STEP=1 NO_COLOR=1 timeout "$(limit 15)" "$BUILD/peers/pty" step "$BUILD/peers/narrators" beside-fork
    ((status == 0)) || fail "$output"
    equal 'lines of children' 5 "$(grep -cE '^child  \| number' <<< "$output")"
}

@test "00b: STEP without a terminal and STEP=0 do not wait" {
    STEP=1 limited setsid -w "$BUILD/peers/narrators" 1 1 3 < /dev/null | grep -c actor
    STEP=0 limited "$BUILD/peers/pty" type '' "$BUILD/peers/narrators" 1 1 3
}

@test "00b: a wrong SLOW is refused, as a wrong option is" {
    local slow
    for slow in fast -1 60001 1.5; do
        run env SLOW=$slow "$BUILD/01a_serial_server"
        equal "SLOW=$slow" "2 01a_serial_server: SLOW $slow: not a number from 0 to 60000" "$status $output"
    done
    SLOW='' "$BUILD/01a_serial_server"
}

@test "00b: SLOW pauses after each line" {
    local start=${EPOCHREALTIME/./}
    SLOW=30 narrators 1 1 5
    (((${EPOCHREALTIME/./} - start) >= 150000))
}

@test "00b: QUIET lets a server say where it listens, and no more, and it serves" {
    local lesson status
    for lesson in 01b_rude_clients 06_select_server 10_thread_server 11a_fork_server 25a_prefork_server; do
        status=0
        SERVER_PROGRAM=$BUILD/$lesson QUIET=1 start serve
        serves
        serves
        kill "$SERVER"
        wait "$SERVER" || status=$?
        SERVER=
        wait "$DRAIN"
        equal "status of $lesson" 0 "$status"
        equal "what $lesson says" "server | listening on $ADDRESS" "$(cat "$LOG" "$LOG.errors")"
    done
    nothing_left
}

@test "00b: QUIET is for all processes, and QUIET=0 for none" {
    equal 'lines' 1 "$(QUIET=1 narrators 1 1 5 | wc -l)"
    equal 'lines' 5 "$(QUIET=0 narrators 1 1 5 | wc -l)"
    equal 'lines' 5 "$(QUIET='' narrators 1 1 5 | wc -l)"
}

# Who says what, a line for each actor's words in a row, from the lanes or, with -v lanes=0, from the transcript.
words_of() { # LANES
    awk -v lanes="$1" 'function add(who, text) {
            gsub(/[ \n]/, "", text)
            if (who != last) printf "%s%s: ", last == "" ? "" : "\n", who
            last = who; printf "%s", text
        }
        !lanes { i = index($0, " | "); who = substr($0, 1, i); sub(/ +$/, "", who); add(who, substr($0, i + 3)); next }
        /^-+[+]/ { split(before, name, / *[|] */); count = 0; rest = $0; at = 1
            while ((i = index(rest, "+")) > 0) { first[++count] = at; at += i + 1; rest = substr(rest, i + 2) }
            first[++count] = at; first[count + 1] = 1000; before = ""; next }
        { row(before); before = $0 }
        function row(text,   c, cell) {
            for (c = 1; c <= count; c++) {
                cell = substr(text, first[c], first[c + 1] - first[c] - (c < count ? 2 : 0))
                if (cell ~ /[^ ]/) { sub(/ +$/, "", name[c]); add(name[c], cell) }
            }
        }
        END { row(before) }' | sed -E 's/(127[.]0[.]0[.]1:)[0-9]+/\1PORT/; s/[.][0-9]+$/.PID/; s/ +:/:/'
}

@test "00b: LANES gives each actor a column; read from top to bottom, the transcript is the same" {
    local lesson columns drawn
    local -a rows
    for lesson in 06_select_server 08b_level_and_edge 17a_lost_update 18a_event 23b_two_calls; do
        for columns in 80 120; do
            drawn=$(COLUMNS=$columns LANES=1 limited "$BUILD/$lesson" 2>&1)
            equal "words of $lesson in $columns columns" "$("$BUILD/$lesson" | words_of 0)" "$(words_of 1 <<< "$drawn")"
            equal "longer rows of $lesson" '' "$(awk -v most="$columns" 'length($0) > most' <<< "$drawn")"
            rows[columns]=$(wc -l <<< "$drawn")
        done
        ((rows[120] < rows[80])) || fail "$lesson has ${rows[120]} rows of 120 columns, and ${rows[80]} of 80"
    done
    drawn=$(LANES=1 "$BUILD/17a_lost_update" | sed -n 3,4p)
    [[ $drawn =~ ^'reads 0 '[^$'\n']+$'\n '\ +'| reads 0 ' ]] || fail "$drawn"
}

@test "00b: LANES on a terminal: a step is a line, however many rows it takes, and the colours are those of the actors" {
    local said keys=() i escape=$'\033'
    said=$(LANES=1 "$BUILD/17a_lost_update")
    for ((i = 1; i < 12; i++)); do keys+=("$PROMPT" $'\n'); done
    equal 'steps' "$said"$'\nstatus 0\nsame' "$(LANES=1 stepped "${keys[@]}")"
    said=$(TERM=xterm LANES=1 limited "$BUILD/peers/pty" type '' "$BUILD/17a_lost_update")
    equal 'colours' $'ann 27\nbob 166' "$(sed -n 1p <<< "$said" | grep -oE '38;5;[0-9]+m[a-z]+' | sed -E 's/.*;([0-9]+)m(.*)/\2 \1/')"
    [[ $said == *"${escape}[1;38;5;27mwrites 1${escape}[0m "* ]] || fail "$said"
}

@test "00b: LANES says when the actors have no room, and leaves a server alone" {
    run env LANES=1 "$BUILD/19a_processes"
    [[ $output == '19a_processes: LANES: 11 actors need 108 columns, and there are 80'$'\nmain   | '* ]] || fail "$output"
    LANES=1 SERVER_PROGRAM=$BUILD/06_select_server start serve
    stop
}

# ---- Options -----------------------------------------------------------------------------------------------------------

@test "00b: an option may stand again, where each is meant" {
    local peer="'$BUILD/08a_epoll_server' serve"
    run limited "$BUILD/26a_showdown" --rounds 1 --requests 1 --models '' --peer "a=$peer" --peer "b=$peer" "--peer=c=$peer"
    equal status 0 "$status"
    equal 'peers' $'a\nb\nc' "$(sed -n 's| *[|].*||; /^[abc]$/p' <<< "$output" | sort -u)"
    run limited "$BUILD/26a_showdown" --models '' --peer "a=$peer" --peer
    equal 'without a value' '2 26a_showdown: --peer: wants a value' "$status $output"
    run limited "$BUILD/26a_showdown" --models '' --peer "a=$peer" --peer b
    equal 'the second is looked at too' "2 26a_showdown: --peer b: wants NAME='COMMAND'" "$status $output"
}

# ---- Being started and stopped -----------------------------------------------------------------------------------------

@test "00b: without standard descriptors, a demo gives their numbers to no socket" {
    for lesson in 01b_rude_clients 04_lines 06_select_server; do
        # shellcheck disable=SC2016
        run limited bash -c 'exec "$0" <&- >&- 2>&-' "$BUILD/$lesson"
        equal "status of $lesson" 0 "$status"
    done
}

# As head -n does it: whoever says the next line gets SIGPIPE or an error.
@test "00b: a demo whose reader leaves ends, and leaves nothing behind" {
    local lesson line=0 status=$BATS_TEST_TMPDIR/status family=TEST_FAMILY=$$.$BATS_TEST_NUMBER
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
    for lesson in $(lessons); do
        [[ $BUILD != */thread || $lesson != 22a_* ]] || continue # 5,000 processes take a quarter of a minute there
        line=$((line % 6 + 1)) # another one for each lesson
        {
            env "$family" timeout "$(limit 10)" "$BUILD/$lesson" 2> /dev/null < /dev/null || echo "$?" > "$status"
        } | head -n "$line" > "$BATS_TEST_TMPDIR/read"
        [[ -s $BATS_TEST_TMPDIR/read && $(cat "$status" 2> /dev/null) != 124 ]] || fail "$lesson does not end when its reader leaves after line $line"
        nothing_left
        equal "what $lesson has left" '' "$(ls "$TMPDIR")"
    done
}

@test "00b: stopped by Ctrl-Z and continued, a demo goes on" {
    local lesson line='' demo process
    for lesson in 01a_serial_server 06_select_server; do
        stem=$lesson
        mkfifo "$BATS_TEST_TMPDIR/$lesson"
        SLOW=10 setsid "$BUILD/$lesson" > "$BATS_TEST_TMPDIR/$lesson" 2>&1 < /dev/null 3>&- 4>&- &
        demo=$! # the leader of its process group
        {
            until [[ $line == ann* ]]; do read -r line; done # the cast has been forked
            kill -STOP -- "-$demo"
            for process in "$demo" $(children_of "$demo"); do
                until grep -q '^State:.*T' "/proc/$process/status"; do :; done
            done
            kill -CONT -- "-$demo"
            equal "the transcript of $lesson" "$("$BUILD/$lesson" | neutral | sed '1,/^ann/d')" "$(neutral)"
        } < "$BATS_TEST_TMPDIR/$lesson"
        line=''
        wait "$demo"
    done
}

@test "00b: a server whose words nobody reads stops, and leaves no path" {
    mkfifo "$BATS_TEST_TMPDIR/says"
    TMPDIR=$BATS_TEST_TMPDIR "$BUILD/03a_unix_stream" serve > "$BATS_TEST_TMPDIR/says" 3>&- 4>&- &
    local server=$! line
    read -r line < "$BATS_TEST_TMPDIR/says"
    "$BUILD/03a_unix_stream" connect "${line##* }" <<< 'is anybody there?' || true
    wait "$server"
    equal 'sockets that were left' '' "$(find "$BATS_TEST_TMPDIR" -type s)"
}
