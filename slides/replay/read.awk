# read: the input, in this order: the addresses of the program (ADDRESS FUNCTION PATH:LINE, with tabs in between), the
# lesson, and the records twice: who speaks is to be known before what anybody did can be told.
#
# A record is: TASK WHAT ... FRAMES, with tabs in between; see record.h.

BEGIN { FS = "\t" }

FNR == 1 { input++ }

input == 1 { learn_address($1, $2, $3) }
input == 2 { learn_lesson($0) }
input == 3 { learn_actor($1, $2) }
input == 4 && FNR == 1 { name_actors() }
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
    function_at[address] = function_name
    if (file ~ /^(say|lanes|still|terminal|watch)\.c$/)
        is_say[address] = 1
}

# Once for each way by which a call was reached: from which line of the lesson, and by which function that this calls.
function learn_frames(frames,    frame, n, i) {
    known[frames] = 1
    n = split(frames, frame, " ")
    if (frame[1] in is_stage)
        by_stage[frames] = 1
    for (i = 1; i <= n; i++) {
        if (frame[i] in is_say)
            by_say[frames] = 1
        if (function_at[frame[i]] ~ /^turns_/)
            gives_turns[frames] = 1
        if (frame[i] in joins_in && !(frames in stands_for))
            stands_for[frames] = joins_in[frame[i]]
        if (!(frames in line_at) && frame[i] in line_of) {
            line_at[frames] = line_of[frame[i]]
            if (frames in gives_turns)
                stands_for[frames] = function_at[frame[i - 1]]
        }
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

# ---- What differs each time ---------------------------------------------------------------------------------------------

function learn_ports(text,    port) {
    while (match(text, /127\.0\.0\.1:[0-9]+/)) {
        port = substr(text, RSTART + 10, RLENGTH - 10)
        if (port > 1023)
            is_port[port] = 1
        text = substr(text, RSTART + RLENGTH)
    }
}

# What differs each time is named instead, as in the decks: a port, a process, the time. What was measured is N.
function without_numbers(text,    done, number, before) {
    if (text ~ / [0-9]+[.][0-9]+ /)
        return without_figures(text)
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

# A row of a table of lesson 26: columns stay where they are, a count before the figures stays, a bar goes.
function without_figures(text,    done, figure) {
    sub(/ *#+$/, "", text)
    gsub(/±[0-9 ]+%/, "±N%", text)
    while (match(text, / +[0-9]+([.][0-9]+)?/)) {
        figure = substr(text, RSTART, RLENGTH)
        if (done != "" || figure ~ /[.]/)
            figure = sprintf("%" RLENGTH "s", "N")
        done = done substr(text, 1, RSTART - 1) figure
        text = substr(text, RSTART + RLENGTH)
    }
    return done text
}
