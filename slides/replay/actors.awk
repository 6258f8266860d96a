# actors: who says each line, and which task of the run that is. A lane of the picture is an actor.

function learn_actor(task, what) {
    if (what == "begin") {
        is_pid[$3] = 1
        is_process[task] = 1
    } else if (what == "create" && $3 == "thread")
        learn_start($4, task)
    else if (what == "end")
        ended_before[task] = NR
    else if (what == "send" && !($5 in sends_first) && task in says_now)
        sends_first[$5] = says_now[task]
    else if (what == "line")
        learn_line(task)
    if ($0 ~ /127\.0\.0\.1:[0-9]/)
        learn_ports($0)
}

function learn_line(task,    text) {
    text = $0
    sub(/^[^\t]*\tline\t/, "", text)
    sub(/\t[^\t]*$/, "", text)
    said_as[++steps] = text
    sub(/ *\| .*/, "", said_as[steps])
    sub(/^[^|]*\| /, "", text)
    text_of[steps] = text
    task_of[steps] = task
    says_now[task] = said_as[steps]
}

function learn_start(task, by) {
    if (!($NF in known))
        learn_frames($NF)
    last_started = task
    started_at[task] = NR
    started_by[task] = by SUBSEP line_at[$NF]
}

# When all lines are known
function name_actors(    k) {
    find_shared_names()
    for (k = 1; k <= steps; k++) {
        actor_of[k] = said_as[k] in is_shared_name ? one_of_several(said_as[k], task_of[k]) : said_as[k]
        is_said_by(k, task_of[k], actor_of[k])
    }
    name_silent_threads()
}

# Two tasks say lines in turn with one name: each has a lane, in order of appearance.
function find_shared_names(    k, name) {
    for (k = 1; k <= steps; k++) {
        name = said_as[k]
        if (name in latest && latest[name] != task_of[k] && (name, task_of[k]) in has_said)
            is_shared_name[name] = 1
        latest[name] = task_of[k]
        has_said[name, task_of[k]] = 1
    }
}

function one_of_several(name, task) {
    if (!((name, task) in its_number))
        its_number[name, task] = ++how_many[name]
    return name " " its_number[name, task]
}

function is_said_by(k, task, actor) {
    if (actor == "main" && task in is_process)
        own_name_of[task] = actor
    last_line[actor] = k
    if (!(actor in actor_number)) {
        actor_number[actor] = ++actors
        actor_name[actors] = actor
    }
    if (!(task in first_actor))
        first_actor[task] = speaker[task] = actor
    else if (first_actor[task] != actor)
        plays_many[task] = 1
}

# A thread that says nothing has the name of those that were started from the same line before it, if these have ended.
function name_silent_threads(    task, name) {
    for (task = 0; task <= last_started; task++) {
        name = task in started_at && !(task in first_actor) ? name_before(task) : ""
        if (name != "")
            first_actor[task] = speaker[task] = name
    }
}

# "" if there was none, or if they had several names
function name_before(task,    other, name) {
    for (other in started_at) {
        if (started_by[other] != started_by[task] || started_at[other] >= started_at[task])
            continue
        if (!(other in first_actor) || !(other in ended_before) || ended_before[other] > started_at[task] || \
            name != "" && name != first_actor[other])
            return ""
        name = first_actor[other]
    }
    return name
}
