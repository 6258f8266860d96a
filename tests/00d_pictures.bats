# The pictures that make picture draws, and the recorder under which it plays the demos. Caught: a demo that says something
# else under the recorder, a wait that is not seen or is the stage's, an arrow from another connection or from a lock that
# nobody waited for, a picture that is another one on a busy machine.
load helper

PLAYED='01a 06 11a 14c 16b 17a 18a 20a 22a 23a 24a' # and 26a, whose lines differ each time

setup_file() {
    [[ $BUILD == "$PWD/build" ]] || return 0
    local number pictures=()
    for number in $PLAYED 26a; do
        pictures+=("build/pictures/$(stem_of "$number").svg")
    done
    mapfile -t -O "${#pictures[@]}" pictures < <(drawn_of_decks | sed 's#slides/img#build/pictures#')
    # one make at a time writes there
    env -u MAKEFLAGS -u MAKELEVEL flock build/flags make -j2 "${pictures[@]}" > "$BATS_FILE_TMPDIR/make.log" 2>&1 ||
        fail 'make failed' "$(tail -n 20 "$BATS_FILE_TMPDIR/make.log")"
}

setup() {
    [[ $BUILD == "$PWD/build" ]] || skip 'the pictures are those of the plain build'
}

stem_of() { # NUMBER
    basename -s .c "lessons/$1"_*.c
}

# The pictures of the decks that make picture has drawn
drawn_of_decks() {
    grep -lF ': who waits for whom</title>' slides/img/*.svg
}

# Ports, processes and the time of day differ each time; what lives in /tmp has a process's number in its name.
without_numbers() {
    sed -E 's/127\.0\.0\.1:[0-9]+/PORT/; s/[.][0-9]+$/.PID/; s/(am|was|is|pid|process) [0-9]{2,}/\1 PID/g; s/\[... ... .*20[0-9][0-9]\]/TIME/'
}

# What is true after the line that holds TEXT
after_line() { # NUMBER TEXT
    grep -A 2 -F "$2" "build/replay/$(stem_of "$1").json"
}

# A line of the transcript for each step of the story; only in the transcript do actors fill a column.
lines_told() { # JSON
    sed -nE 's/"actor": "[^"]*", "name": /"actor": /; s/^ *\{"actor": "([^"]*)", "text": "(.*)", "line": [0-9]+,$/\1 | \2/p' "$1" |
        sed 's/\\\(["\\]\)/\1/g; s/127.0.0.1:PORT/PORT/; s/\[TIME\]/TIME/'
}

@test "00d: a demo says under the recorder what it says without, and its story has the same lines" {
    local lesson number
    for number in $PLAYED; do
        lesson=$(stem_of "$number")
        equal "$lesson" "$("$BUILD/$lesson" < /dev/null | without_numbers)" \
            "$(without_numbers < "build/recorded/work/$lesson/transcript")"
        equal "the story of $lesson" "$(sed -E 's/ +[|]/ |/' "build/recorded/work/$lesson/transcript" | without_numbers)" \
            "$(lines_told "build/replay/$lesson.json" | without_numbers)"
    done
}

# Where the arrow with this label begins and ends: pixels from the top
arrow_with() { # LABEL FOLDER
    awk -F '"' -v label="$1" '/marker-end/ { begins = $4; ends = $8 } $0 ~ ">" label "</text>" { print begins, ends }' \
        "$2/pictures/01a_serial_server.svg"
}

# The lanes are 100 pixels apart, with bars of 40: server, ann, bob
arrows_go_from_lane_to_lane() { # FOLDER
    equal 'ann to the server' '176 117' "$(arrow_with hello "$1")" && equal 'the server to ann' '116 175' "$(arrow_with HELLO "$1")" &&
        equal 'the server to bob' '116 275' "$(arrow_with HI "$1")"
}

@test "00d: the picture has an arrow from the lane of whoever sends to the lane of whoever receives, and a block for each line" {
    arrows_go_from_lane_to_lane build
    equal 'blocks' "$(wc -l < build/recorded/work/01a_serial_server/transcript)" "$(grep -c '<g><title>' build/pictures/01a_serial_server.svg)"
}

bob_waits_for_the_server() { # FOLDER
    local line
    line=$(grep -A 1 -F 'accepted client 2' "$1/replay/01a_serial_server.json")
    [[ $line == *'"bob": {"line": '*', "blocked": "recv", "since": 7}'* ]]
}

ann_is_answered_first() { # FOLDER
    grep -A 2 -F '"accepted client 1"' "$1/replay/01a_serial_server.json" |
        grep -qF '"arrows": [{"from": "ann", "to": "server", "kind": "send", "what": "hello", "step": 2}]'
}

bob_waits_for_the_lock() { # FOLDER
    grep -A 1 -F '"wants the lock"' "$1/replay/17a_lost_update.json" | grep -qF '"blocked": "pthread_mutex_lock", "since": 7}' &&
        grep -A 2 -F '"writes 1, unlocks"' "$1/replay/17a_lost_update.json" |
        grep -qF '{"from": "ann", "to": "bob", "kind": "unlock", "what": "", "step": 8}'
}

nobody_waits_before() { # FOLDER
    ! grep -A 1 -F '"text": "reads 0"' "$1/replay/17a_lost_update.json" | grep -qE '"(ann|bob)": [{][^}]*"blocked"'
}

@test "00d: 01a: bob waits in recv until the server has accepted him, and the picture says so" {
    bob_waits_for_the_server build
    ann_is_answered_first build
    grep -q '>accept</text>' build/pictures/01a_serial_server.svg
    grep -q '>recv</text>' build/pictures/01a_serial_server.svg
    grep -q '10\. server: accepted client 2 (blocked: bob in recv)' build/pictures/01a_serial_server.svg
}

@test "00d: 17a: bob waits for the lock, ann's unlock wakes him, and waiting for one's turn is no wait" {
    bob_waits_for_the_lock build
    nobody_waits_before build
}

main_joins_the_loop() { # FOLDER
    local learned
    learned=$(grep -A 2 -F 'received \"still there?\"' "$1/replay/14c_shutdown.json" | tail -n 1)
    [[ $learned == *'{"from": "loop", "to": "main", "kind": "end", '* && $learned != *'"bob"'* ]]
}

each_part_has_its_loop() { # FOLDER
    local json=$1/replay/14c_shutdown.json
    [[ $(grep -cF '{"from": "main", "to": "loop", "kind": "thread", ' "$json") == 2 ]] &&
        grep -A 1 -F 'sends \"shutdown\"' "$json" | tail -n 1 | grep -qE '"loop": [{][^}]*"blocked": "poll"'
}

main_gives_the_turns() { # FOLDER
    local line
    line=$(grep -n 'thread_run_all(' lessons/17a_*.c | head -n 1 | cut -d : -f 1)
    [[ $(grep -cF "\"main\": {\"line\": $line, \"blocked\": \"thread_run_all\", \"since\": 1}" "$1/replay/17a_lost_update.json") == 3 ]]
}

each_worker_has_its_lane() { # FOLDER
    local json=$1/replay/24a_process_pool.json number
    for number in 1 2 3 4 5; do # each does a task, and then one more
        [[ $(grep -cF "{\"actor\": \"worker $number\", \"name\": \"worker\", \"text\": " "$json") == 2 ]] || return
        grep -qF "{\"from\": \"worker $number\", \"to\": \"main\", \"kind\": \"end\"" "$json" || return
    done
}

main_learns_of_the_end() { # FOLDER
    grep -A 2 -F '"gets the word, and ends"' "$1/replay/16b_join.json" |
        grep -qF '{"from": "slow", "to": "main", "kind": "end", "what": "", "step": 5}'
}

no_figure_is_told() { # FOLDER
    grep -F '"actor": "serial"' "$1/replay/26a_showdown.json" | grep -qE '"text": " *16 +N ±N% +N"'
}

@test "00d: 14c: who plays ann and bob joins the loop as main, and each part has its loop, though one of them says nothing" {
    main_joins_the_loop build
    each_part_has_its_loop build
}

@test "00d: 16b: of two threads that join a third, each learns of its end, whichever is the first" {
    main_learns_of_the_end build
}

@test "00d: 24a: each of the five workers has a lane, and a line has the name that it has in the terminal" {
    each_worker_has_its_lane build
}

@test "00d: 26a: what was measured is N, and what the servers say elsewhere is no line of the demo" {
    no_figure_is_told build
    equal 'lines' "$(wc -l < build/recorded/work/26a_showdown/transcript)" "$(grep -c '"actor": ' build/replay/26a_showdown.json)"
}

@test "00d: 17a: main is blocked while it gives the turns, and ann is at the unlock that lets bob go on" {
    main_gives_the_turns build
    after_line 17a '"writes 1, unlocks"' | grep -qE "\"ann\": \{\"line\": $(grep -n 'pthread_mutex_unlock(&lock)' lessons/17a_*.c | head -n 1 | cut -d : -f 1)\}"
}

@test "00d: each kind of waiting, start and end is told by its name" {
    after_line 06 'listening on' | grep -qF '"blocked": "select"'
    after_line 18a '"carl", "text": "waits"' | grep -qF '"carl": {"line": '
    after_line 18a '"carl", "text": "waits"' | grep -qE '"carl": [^}]*"blocked": "pthread_cond_wait", "since": 3}'
    after_line 11a 'listening on' | grep -qF '"blocked": "poll"'
    grep -qF '"kind": "fork"' build/replay/11a_fork_server.json
    grep -qF '"kind": "end"' build/replay/11a_fork_server.json
    grep -qF '"kind": "thread"' build/replay/18a_event.json
    grep -qF '"kind": "signal"' build/replay/18a_event.json
    grep -qF '"blocked": "waitpid"' build/replay/23a_manager_dict.json
}

# The story told by awk files with a mistake in them, from the same records
told_with() { # NUMBER FILE FROM TO
    local folder=$BATS_TEST_TMPDIR/$2.$((++mistakes))
    mkdir -p "$folder"
    cp slides/replay/*.awk "$folder"
    FROM=$3 TO=$4 awk '{
        at = index($0, ENVIRON["FROM"])
        if (at) { $0 = substr($0, 1, at - 1) ENVIRON["TO"] substr($0, at + length(ENVIRON["FROM"])); done = 1 }
        print
    } END { exit !done }' "slides/replay/$2" > "$folder/$2" || fail "$2 has no $3"
    bash slides/replay/replay.sh "$(stem_of "$1")" "$folder"
    told=$folder
}

sees() { # MISTAKE CHECK
    ! "$2" "$told" || fail "mistake $1 is not seen by $2"
}

@test "00d: a mistake in the recorder is seen" {
    local mistakes=0 told
    told_with 01a story.awk 'i < sent_step' 'i < 0' # a client that another client's line has interrupted waits no more
    sees "$mistakes" bob_waits_for_the_server
    told_with 01a edges.awk 'named[here, there] = object' 'named[here] = object' # any connection is as good as another
    sees "$mistakes" ann_is_answered_first
    # shellcheck disable=SC2016 # this is awk
    told_with 14c actors.awk 'own_name_of[task] = actor' '' # main has no name while it plays others
    sees "$mistakes" main_joins_the_loop
    told_with 14c actors.awk 'name_silent_threads()' '' # who says nothing is nobody
    sees "$mistakes" each_part_has_its_loop
    told_with 17a story.awk 'if (gives_a_turn(task, what, frames))' 'if (0)' # main is where it lets others go on
    sees "$mistakes" main_gives_the_turns
    # shellcheck disable=SC2016 # this is awk
    told_with 24a actors.awk 'said_as[k] in is_shared_name' '0' # one name, one lane
    sees "$mistakes" each_worker_has_its_lane
    told_with 26a read.awk 'return without_figures(text)' '' # what was measured is told
    sees "$mistakes" no_figure_is_told
    told_with 17a read.awk '(gate|turns|' '(' # to wait for one's turn is a wait like another
    sees "$mistakes" nobody_waits_before
    told_with 17a edges.awk '(how, address) in release_by' '0' # nobody has woken it
    sees "$mistakes" bob_waits_for_the_lock
    # shellcheck disable=SC2016 # this is awk
    told_with 17a story.awk '$4 != "none"' '0' # nobody waits
    sees "$mistakes" bob_waits_for_the_lock
}

@test "00d: the drawn pictures of the decks are those of the runs" {
    local picture
    [[ $(drawn_of_decks) == *10_thread_server* ]]
    for picture in $(drawn_of_decks); do
        cmp "$picture" "build/pictures/${picture##*/}" || fail "make picture, and then: cp build/pictures/${picture##*/} slides/img/"
    done
}

@test "00d: the picture is the same on a busy machine" {
    local lesson busy=()
    for _ in 1 2; do
        timeout "$(limit 20)" sh -c 'while :; do :; done' 3>&- 4>&- &
        busy+=($!)
    done
    for lesson in 01a_serial_server 17a_lost_update 11a_fork_server; do
        cp "build/replay/$lesson.json" "build/pictures/$lesson.svg" "$BATS_TEST_TMPDIR"
        for _ in 1 2 3; do
            bash slides/replay/replay.sh "$lesson"
            cmp "build/replay/$lesson.json" "$BATS_TEST_TMPDIR/$lesson.json"
            cmp "build/pictures/$lesson.svg" "$BATS_TEST_TMPDIR/$lesson.svg"
        done
    done
    kill "${busy[@]}"
}
