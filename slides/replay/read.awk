# read: the input, in this order: the addresses of the program (ADDRESS FUNCTION PATH:LINE, with tabs in between), the
# lesson, and the records twice: who speaks is to be known before what anybody did can be told.
#
# A record is: TASK WHAT ... FRAMES, with tabs in between; see record.h.

BEGIN { FS = "\t" }

FNR == 1 { input++ }

input == 1 { learn_address($1, $2, $3) }
input == 2 { learn_lesson($0) }
input == 3 { learn_speaker() }
input == 4 { told($1, $2) }

END {
    end_of_step()
    sort_arrows()
    write_json()
    write_picture()
}

# ---- Addresses -------------------------------------------------------------------------------------------------------

# Which calls belong to the stage, and to no actor: whose turn it is, how a line is written, who ends the whole demo.
function learn_address(address, function_name, place,    file) {
    sub(/^0x0*/, "", address)
    file = place
    sub(/:[0-9?]+.*$/, "", file)
    sub(/^.*\//, "", file)
    if (file == stem ".c") {
        sub(/^.*:/, "", place)
        line_of[address] = place + 0
    }
    if (file ~ /^(gate|turns|choose|say|lanes|still|terminal|watch|signals|die|server_program)\.c$/)
        is_stage[address] = 1
    if (function_name == "thread_join" || function_name == "process_join")
        joins_in[address] = function_name == "thread_join" ? "pthread_join" : "waitpid"
    if (function_name ~ /^turns_/)
        is_director[address] = 1
    if (file ~ /^(say|lanes|still|terminal|watch)\.c$/)
        is_say[address] = 1
}

# Once for each way by which a call was reached.
function learn_frames(frames,    frame, n, i) {
    known[frames] = 1
    n = split(frames, frame, " ")
    for (i = 1; i <= n; i++) {
        if (i == 1 && frame[i] in is_stage)
            by_stage[frames] = 1
        if (frame[i] in is_say)
            by_say[frames] = 1
        if (frame[i] in is_director)
            by_director[frames] = 1
        if (frame[i] in joins_in && !(frames in stands_for))
            stands_for[frames] = joins_in[frame[i]]
        if (!(frames in line_at) && frame[i] in line_of)
            line_at[frames] = line_of[frame[i]]
    }
}

# ---- The lesson: the comment at its top ------------------------------------------------------------------------------

function learn_lesson(text) {
    if (FNR == 1) {
        title = text
        sub(/^[^:]*: /, "", title)
    }
    if (text ~ /^ \* [A-Z][a-z]+ +/) {
        key = substr(text, 4)
        sub(/ .*/, "", key)
        sub(/^ \* [A-Z][a-z]+ +/, "", text)
        about[key] = text
    } else if (text ~ /^ \*     /) {
        sub(/^ \* +/, "", text)
        about[key] = about[key] " " text
    } else {
        key = "rest"
    }
}

# ---- The lines, and who says them ------------------------------------------------------------------------------------

function learn_speaker(    actor, text) {
    if ($2 == "begin") {
        is_pid[$3] = 1
        is_process[$1] = 1
    }
    if ($0 ~ /127\.0\.0\.1:[0-9]/)
        learn_ports($0)
    if ($2 == "create" && $3 == "thread")
        creator_of[$4] = $1
    if ($2 == "send" && !($5 in sends_first) && $1 in says_now)
        sends_first[$5] = says_now[$1]
    if ($2 != "line")
        return
    text = $0
    sub(/^[^\t]*\tline\t/, "", text)
    sub(/\t[^\t]*$/, "", text)
    actor = text
    sub(/ *\| .*/, "", actor)
    sub(/^[^|]*\| /, "", text)
    steps++
    actor_of[steps] = actor
    text_of[steps] = text
    task_of[steps] = $1
    says_now[$1] = actor
    if (actor == "main" && $1 in is_process)
        own_name_of[$1] = actor
    if (actor in latest && latest[actor] != $1 && (actor, $1) in has_said)
        is_shared_name[actor] = 1
    latest[actor] = $1
    has_said[actor, $1] = 1
    last_line[actor] = steps
    if (!(actor in actor_number)) {
        actor_number[actor] = ++actors
        actor_name[actors] = actor
    }
    if (!($1 in first_actor)) {
        first_actor[$1] = actor
        speaker[$1] = actor
    } else if (first_actor[$1] != actor) {
        plays_many[$1] = 1
    }
}

function learn_ports(text,    port) {
    while (match(text, /127\.0\.0\.1:[0-9]+/)) {
        port = substr(text, RSTART + 10, RLENGTH - 10)
        if (port > 1023)
            is_port[port] = 1
        text = substr(text, RSTART + RLENGTH)
    }
}

# What differs each time is named instead, as in the decks: a port, a process, the time.
function without_numbers(text,    done, number, before) {
    sub(/\[[A-Z][a-z][a-z] [A-Z][a-z][a-z] [ 0-9]+ [0-9:]+ [0-9]+\]/, "[TIME]", text)
    sub(/: [0-9]+ ms$/, ": MS ms", text)
    while (match(text, /[0-9]+/)) {
        number = substr(text, RSTART, RLENGTH)
        before = substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        if (number in is_port && before ~ /:$/)
            number = "PORT"
        else if (number in is_pid && before ~ /([.]|(am|was|is|pid|process) )$/)
            number = "PID"
        done = done before number
    }
    return done text
}
