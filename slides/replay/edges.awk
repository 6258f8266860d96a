# edges: which call woke which. A receive is matched with the send whose bytes it took, an accept with a connect, a lock
# with the unlock before it, a wait with the signal, a join with the end.

function communicates(task, what, frames) {
    if (what == "pair")
        is_pair($4, $8)
    else if (what == "connect")
        connects(task)
    else if (what == "send")
        sends(task, $4, $5, $6, $7, $8, $9, $10)
    else if (what == "connected")
        is_connected($3, $5, $6, $7)
    else if (what == "sent")
        was_sent(task, $3)
    else if (what == "close")
        closes(task, $5)
    else if (what == "release")
        releases(task, $3, $4)
    else if (what == "kill")
        kills(task, $3, $4)
    else if (what == "got")
        gets(task, $3, $4, $6, $7, $8, $9, frames)
}

# Whose call it is: a task that plays several clients has a connection for each. What has no name is not a client's.
function who(task, object) {
    if (!(task in plays_many))
        return speaker[task]
    if (object in owner_of)
        return owner_of[object]
    return object == "" || object in own_name || !(task in own_name_of) ? speaker[task] : own_name_of[task]
}

# Threads, processes and locks are the task's own, whoever it plays: of a task that has no name of its own, nothing is told.
function self(task) {
    if (!(task in plays_many))
        return speaker[task]
    return task in own_name_of ? own_name_of[task] : ""
}

# ---- Connections: an object is the number of a socket ----------------------------------------------------------------

function is_pair(one, other) {
    partner[one] = other
    partner[other] = one
}

# For main, whoever sends there first; a server does not connect: it is whoever speaks next.
function who_connects(task, object,    k) {
    if (task in plays_many && task in own_name_of && object in sends_first)
        return sends_first[object]
    if (!(task in plays_many) || speaker[task] != "server")
        return speaker[task]
    for (k = step + 1; k <= steps; k++)
        if (task_of[k] == task && actor_of[k] != "server")
            return actor_of[k]
    return speaker[task]
}

function connects(task) {
    owner_of[$4] = who_connects(task, $4)
    connect_step[$4] = step
    connect_by[$4] = owner_of[$4]
    if ($7 ~ /^\//)
        queued[$7, ++queue_end[$7]] = $4
    connecting_to[$4] = $7
}

function is_connected(result, object, here, there) {
    if (result < 0 && queued[connecting_to[object], queue_end[connecting_to[object]]] == object)
        queue_end[connecting_to[object]]--
    else
        learn(object, here, there)
    if ((there, here) in accepted_before) # by a server that was quicker than connect
        connect_arrow(object, accepted_before[there, here])
}

function connect_arrow(object, server) {
    arrow(connect_by[object], connect_step[object], server, "connect", "")
}

function learn_names(object, here, there) {
    if (there != "-" && here !~ /:0$/)
        named[here, there] = object
    if (there != "-")
        peer_name[object] = there
}

function partner_of(kind, object) {
    if (kind == "pipe")
        return object
    if (!(object in partner) && object in own_name && (peer_name[object], own_name[object]) in named)
        is_pair(object, named[peer_name[object], own_name[object]])
    return object in partner ? partner[object] : ""
}

function accepts(task, object, here, there,    other) {
    if (here ~ /^\//) {
        other = queued[here, ++queue_begin[here]]
        if (other != "")
            is_pair(object, other)
    } else
        other = partner_of("stream", object)
    if (task in plays_many)
        owner_of[object] = "server" in actor_number ? "server" : speaker[task]
    if (other != "")
        connect_arrow(other, who(task, object))
    else
        accepted_before[here, there] = who(task, object)
}

BEGIN {
    FLOOD = 2000 # Of what follows after so many bytes, only the first arrow is drawn: in how many pieces it comes is chance.
}

# ---- Bytes -----------------------------------------------------------------------------------------------------------

function key_of_datagram(object, there, to) {
    if (object in partner)
        return partner[object]
    return to != "-" ? to : there
}

function sends(task, kind, object, here, there, to, length_of, bytes,    key) {
    learn(object, here, there)
    if (task in plays_many && object in connect_by && !(object in used_by) && speaker[task] != "server")
        owner_of[object] = connect_by[object] = speaker[task] # whoever says that it sends
    used_by[object] = who(task, object)
    key = kind == "datagram" ? key_of_datagram(object, there, to) : object
    sent_key[task] = key
    sent_number[task] = ++sent_count[key]
    sent_kind[key, sent_count[key]] = kind
    sent_by[key, sent_count[key]] = who(task, object)
    sent_total[key] += length_of
    is_flood[key, sent_count[key]] = sent_total[key] > FLOOD
    sent_at[key, sent_count[key]] = sent_total[key] > FLOOD ? said_at[who(task, object)] : step
    sent_bytes[key, sent_count[key]] = bytes
    sent_length[key, sent_count[key]] = length_of
}

function was_sent(task, result) {
    if (sent_key[task] == "")
        return
    sent_length[sent_key[task], sent_number[task]] = result < 0 ? -1 : result
    sent_key[task] = ""
}

function learn(object, here, there) {
    if (here != "-" && here !~ /^0\.0\.0\.0:0$/)
        own_name[object] = here
    learn_names(object, here, there)
}

function closes(task, object) {
    closed_by[object] = who(task, object)
    closed_at[object] = step
}

function receives(task, call, count, kind, object, here, there,    key, actor) {
    learn(object, here, there)
    actor = used_by[object] = who(task, object)
    key = kind == "datagram" ? (object in partner ? object : here) : partner_of(kind, object)
    if (key == "")
        return
    if (kind == "datagram")
        takes_datagram(actor, key, call, task)
    else if (count > 0)
        takes_bytes(actor, key, count, call, task)
    else if (count == 0)
        takes_end(actor, key, call, task)
}

# Only if whoever used the other end last has closed it: if it has ended, the arrow of its end says so.
function takes_end(actor, key, call, task) {
    if (!(key in closed_by) || key in used_by && used_by[key] != closed_by[key])
        return
    arrow(closed_by[key], closed_at[key], actor, "send", "end of file")
    waited(actor, call, closed_at[key], task)
}

function takes_datagram(actor, key, call, task,    j) {
    do
        j = ++taken[key]
    while (j < sent_count[key] && sent_length[key, j] < 0)
    if (j > sent_count[key])
        return
    arrow(sent_by[key, j], sent_at[key, j], actor, "send", sent_bytes[key, j])
    waited(actor, call, sent_at[key, j], task)
}

# One receive may take several sends, and several receives one: the arrow goes to the first.
function takes_bytes(actor, key, count, call, task,    j) {
    while (count > 0 && taken[key] < sent_count[key]) {
        j = taken[key] + 1
        if (sent_length[key, j] > 0 && !touched[key, j]++) {
            if (!(is_flood[key, j] && (sent_by[key, j], actor) in flooded))
                arrow(sent_by[key, j], sent_at[key, j], actor, "send", sent_bytes[key, j])
            if (is_flood[key, j])
                flooded[sent_by[key, j], actor] = 1
            waited(actor, call, sent_at[key, j], task)
        }
        if (sent_length[key, j] > count) {
            sent_length[key, j] -= count
            return
        }
        if (sent_length[key, j] > 0)
            count -= sent_length[key, j]
        taken[key]++
    }
}

# ---- Locks, conditions, semaphores -----------------------------------------------------------------------------------

# In another process the same address is another lock, unless it is shared.
function place_of(task, address) {
    return is_shared[address] ? address : address " " pid_of[task]
}

function releases(task, how, address) {
    address = place_of(task, address)
    release_by[how, address] = self(task)
    release_line[how, address] = $NF in line_at ? line_at[$NF] : 0
    release_at[how, address] = step
    if (how == "signal") {
        signal_by[address, ++signals[address]] = self(task)
        signal_at[address, signals[address]] = step
    }
}

BEGIN {
    how_to_wait["unlock"] = "mutex"
    how_to_wait["signal"] = "cond"
    how_to_wait["post"] = "sem"
    # as Linux numbers them
    split("SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM " \
        "SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP", signal_name, " ")
}

# Only if it has been seen waiting: else nobody woke it.
function is_woken(task, how, address) {
    address = place_of(task, address)
    if (blocked_in[task] ~ how_to_wait[how] && blocked_since[task] != "" && (how, address) in release_by)
        is_let_go(release_by[how, address], release_at[how, address], self(task), how, release_line[how, address])
}

# Whoever has let it go in this step is seen in that call.
function is_let_go(by, at, actor, how, line) {
    arrow(by, at, actor, how, "")
    if (at == step && line)
        let_go_line[by, step] = line
}

# ---- Ends, and signals -----------------------------------------------------------------------------------------------

function joins(task, child, frames) {
    if (child == "" || frames in by_stage || child in is_joined)
        return
    is_joined[child] = 1
    if (child in plays_many || !(child in first_actor))
        return
    arrow(name_of(child), child in has_ended ? has_ended[child] : step, self(task), "end", "")
    has_learned[self(task)] = step
}

# The join of threads/ waits for a signal that each thread gives at its end. Others may have given theirs before this one looks:
# the first since it waits has woken it.
function learns_the_end(task, condition,    first) {
    first = signals_before[task] + 1
    if ((condition, first) in signal_by)
        arrow(signal_by[condition, first], signal_at[condition, first], self(task), "end", "")
    has_learned[self(task)] = step
}

# Whoever gives the turns is told of an end by end of file.
function ends_its_turns(task, object,    key) {
    key = partner_of("stream", object)
    if (key in closed_by)
        arrow(closed_by[key], closed_at[key], self(task), "end", "")
    has_learned[self(task)] = step
}

function kills(task, pid, number,    other) {
    other = task_with_pid[pid]
    if (number > 0 && other != "" && !(other in plays_many) && !($NF in by_stage))
        arrow(speaker[task], step, name_of(other), "kill", signal_name[number] ? signal_name[number] : "signal " number)
}

# ---- What a call brought ---------------------------------------------------------------------------------------------

function gets(task, call, result, kind, object, here, there, frames,    is_seen_waiting) {
    is_seen_waiting = blocked_in[task] != "" && blocked_since[task] != ""
    if (kind == "child" && result > 0 || kind == "child" && call == "waitid" && object > 0) {
        is_reaped[task_with_pid[object]] = step
        joins(task, task_with_pid[object], frames)
    }
    if (blocked_in[task] != "" && blocked_since[task] == "" && kind ~ /mutex|condition|semaphore/)
        task_line[task] = line_before[task] # it has waited for nobody who would be seen
    if (result < 0 || frames in by_stage)
        return
    if (call == "accept") {
        learn(object, here, there)
        accepts(task, object, here, there)
    } else if (kind == "stream" || kind == "datagram" || kind == "pipe") {
        if (call != "peek")
            receives(task, call, result, kind, object, here, there)
    } else if (kind == "thread")
        joins(task, task_of_thread[object], frames)
    else if (kind == "mutex" && call ~ /mutex/)
        is_woken(task, "unlock", object)
    else if (kind == "condition" && frames in stands_for) {
        if (is_seen_waiting) # else it was a matter of luck whether it waited
            learns_the_end(task, place_of(task, object))
    } else if (kind == "condition")
        is_woken(task, "signal", object)
    else if (kind == "semaphore")
        is_woken(task, "post", object)
}
