# story: what each task does, in the order of the records. A step is a line and what comes of it, until all are at rest
# again; the state after a step is looked at just before the next line.

function told(task, what,    frames) {
    frames = $NF
    if (!(frames in known))
        learn_frames(frames)
    if (frames in by_say && what != "line")
        return
    if (gives_a_turn(task, what, frames))
        return
    by_stage_now[task] = frames in by_stage
    if (what == "line")
        says(task, frames)
    else if (what == "begin" || what == "start")
        begins(task, what)
    else if (what == "init")
        is_shared[$3] = $4
    else if (what == "end")
        has_ended[task] = step
    else if (what == "create")
        creates(task, $3, $4, frames)
    else if (what == "created")
        task_of_thread[$4] = $3
    else
        communicates(task, what, frames)
    if (what == "wait" && !(frames in by_stage) && $4 != "none")
        blocks(task, $3, frames)
    else if (what != "release")
        works(task, (kind_of_wait(what) ~ /mutex|condition|semaphore/ && !(frames in by_stage)) ? "" : frames)
}

function says(task, frames) {
    end_of_step()
    step++
    speaker[task] = actor_of[step]
    said_at[actor_of[step]] = step
    said_by[actor_of[step]] = task
    source_line[step] = line_at[frames] + 0
}

# Whoever gives the turns waits in the one call that the lesson makes, although there it waits for each turn.
function gives_a_turn(task, what, frames) {
    if (what == "line")
        return 0
    if (blocked_in[task] == "thread_run_all" && kind_of_wait(what) == "condition" && frames in stands_for)
        return 1 # all have had their turns: whether it still waits for an end is a matter of luck
    if (!(frames in gives_turns))
        return 0
    if (what == "wait" && blocked_in[task] != stands_for[frames]) {
        by_stage_now[task] = 0
        blocks(task, "", frames)
    } else if (what == "got" && $4 == 0)
        ends_its_turns(task, $7)
    else if (what == "pair" || what == "close")
        communicates(task, what, frames)
    return 1
}

# ---- The life of a task ----------------------------------------------------------------------------------------------

function creates(task, kind, child, frames) {
    if (kind == "thread")
        pid_of[child] = pid_of[task]
    if (frames in by_stage)
        return
    created_by[child] = self(task)
    is_later[child] = has_learned[self(task)] == step
    created_at[child] = step
    created_as[child] = kind == "thread" ? "thread" : "fork"
}

function begins(task, what) {
    if (what == "begin") {
        pid_of[task] = $3
        task_with_pid[$3] = task
    }
    if (task >= tasks)
        tasks = task + 1
    begun_at[task] = step
    if (created_by[task] != "" && !(task in plays_many))
        arrow(created_by[task], created_at[task], name_of(task), created_as[task], "", is_later[task])
    delete created_by[task]
}

function kind_of_wait(what) {
    return what == "got" ? $6 : what == "wait" ? $4 : ""
}

function works(task, frames) {
    blocked_in[task] = ""
    if (frames in line_at) {
        task_line[task] = line_at[frames]
        player_line[speaker_of_call(task)] = line_at[frames]
    }
}

# In a call with a descriptor this is $5 or, behind the result, $7.
function speaker_of_call(task) {
    return task in plays_many && $2 !~ /^(line|kill)$/ ? who(task, $2 == "got" ? $7 : $5) : speaker[task]
}

# The join of threads/ and processes/ waits with a limit, and by other means; it is called what a lesson would call.
function blocks(task, call, frames) {
    line_before[task] = task_line[task]
    works(task, frames)
    blocked_in[task] = frames in stands_for ? stands_for[frames] : call
    blocked_by[task] = $4 ~ /^(stream|datagram)$/ ? owner_of[$5] : $4 ~ /^(thread|child|mutex|condition)$/ ? name_of(task) : ""
    blocked_since[task] = ""
    if ($4 == "condition")
        signals_before[task] = signals[place_of(task, $5)] + 0
}

# ---- The state after a step ------------------------------------------------------------------------------------------

function end_of_step(    i, actor, task) {
    for (task in blocked_in)
        if (blocked_in[task] != "") {
            if (blocked_since[task] == "")
                blocked_since[task] = step
            if (task in plays_many)
                note_blocked(player_of(task), task)
        }
    for (i = 1; i <= actors && step > 0; i++) {
        actor = actor_name[i]
        task = task_for(actor)
        if (actor_of[step] != actor && is_unknown(actor, task)) {
            is_alive[actor, step] = is_put_aside[actor, step] = 1
            continue
        }
        if (task == "" || has_left(actor, task))
            continue
        is_alive[actor, step] = 1
        line_now[actor, step] = (task in plays_many ? player_line[actor] : task_line[task]) + 0
        if (actor_of[step] == actor && (actor, step) in let_go_line)
            line_now[actor, step] = let_go_line[actor, step]
        if (!(task in plays_many) && blocked_in[task] != "")
            note_blocked(actor, task)
    }
}

# It is there, but where is not told: it has not come to its first line, or it has ended and another will have its name.
function is_unknown(actor, task) {
    if (task == "")
        return is_about_to_speak(actor)
    return !(task in plays_many) && has_left(actor, task) && step < last_line[actor]
}

function is_about_to_speak(actor,    task) {
    for (task = 0; task < tasks; task++)
        if (name_of(task) == actor && task in begun_at && !(task in has_ended) && !(task in is_reaped))
            return 1
    return 0
}

# The name of the task itself, if it has one
function name_of(task) {
    if (task in own_name_of)
        return own_name_of[task]
    return task in first_actor && !(task in plays_many) ? first_actor[task] : ""
}

# A task that plays several clients waits for the one whose connection it is.
function player_of(task) {
    return blocked_by[task] != "" ? blocked_by[task] : speaker[task]
}

function note_blocked(actor, task) {
    blocked[actor, step] = blocked_in[task]
    since[actor, step] = blocked_since[task]
    line_blocked[actor, step] = task_line[task]
}

# What such a client waited for came in the step sent_step: until then it was blocked, from its own last line on, though
# its task has played others meanwhile.
function waited(actor, call, sent_step, task,    i) {
    if (!(task in plays_many) || !(actor in said_at) || actor == self(task))
        return
    for (i = said_at[actor]; i < sent_step; i++) {
        blocked[actor, i] = call
        since[actor, i] = said_at[actor]
        line_blocked[actor, i] = task_line[task]
    }
}

# Of several tasks with one name, the one that has said something last, unless the stage has put it aside.
function task_for(actor,    task) {
    if (actor in said_by && is_up(said_by[actor]))
        return said_by[actor]
    for (task = 0; task < tasks; task++)
        if (name_of(task) == actor && is_up(task))
            return task
    return actor in said_by ? said_by[actor] : ""
}

function is_up(task) {
    return task in begun_at && !(task in has_ended) && !(task in is_reaped) && !by_stage_now[task]
}

function has_left(actor, task) {
    if (actor_of[step] == actor)
        return 0
    if (task in plays_many && name_of(task) != actor)
        return step > last_line[actor]
    return task in has_ended || (task in is_reaped && is_reaped[task] < steps)
}

# ---- Arrows ----------------------------------------------------------------------------------------------------------

function arrow(from, from_step, to, kind, what, later,    key) {
    if (from == "" || to == "" || from == to || step == 0)
        return
    key = from SUBSEP from_step SUBSEP to SUBSEP kind SUBSEP step
    if (key in drawn)
        return
    arrows++
    drawn[key] = 1
    arrow_from[arrows] = from
    arrow_from_step[arrows] = from_step
    arrow_to[arrows] = to
    arrow_kind[arrows] = kind
    arrow_what[arrows] = what
    arrow_step[arrows] = step
    arrow_later[arrows] = later + 0
}

function is_before(a, b) {
    if (arrow_step[a] != arrow_step[b])
        return arrow_step[a] < arrow_step[b]
    if (arrow_later[a] != arrow_later[b])
        return arrow_later[a] < arrow_later[b]
    if (arrow_from_step[a] != arrow_from_step[b])
        return arrow_from_step[a] < arrow_from_step[b]
    if (arrow_from[a] != arrow_from[b])
        return actor_number[arrow_from[a]] < actor_number[arrow_from[b]]
    if (arrow_to[a] != arrow_to[b])
        return actor_number[arrow_to[a]] < actor_number[arrow_to[b]]
    return arrow_kind[a] < arrow_kind[b]
}

# In an order that does not depend on who of several was quicker in one step (a start behind the end of which its task had
# learned comes later): in_order[1] to in_order[arrows]
function sort_arrows(    a, b) {
    for (a = 1; a <= arrows; a++) {
        for (b = a - 1; b >= 1 && is_before(a, in_order[b]); b--)
            in_order[b + 1] = in_order[b]
        in_order[b + 1] = a
    }
}
