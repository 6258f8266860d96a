# layout: where each step and each lane of the picture stands.

# ---- Runs: steps after which an actor is blocked in one call ---------------------------------------------------------

function find_runs(    i, k, actor) {
    for (i = 1; i <= lanes; i++) {
        actor = actor_name[i]
        for (k = 1; k <= steps; k++) {
            if (!((actor, k) in blocked))
                continue
            if (k > 1 && (actor, k - 1) in blocked && since[actor, k - 1] == since[actor, k] && actor_of[k] != actor)
                run_end[run_at[i, k] = run_at[i, k - 1]] = k
            else {
                runs++
                run_at[i, k] = runs
                run_lane[runs] = i
                run_begin[runs] = run_end[runs] = k
                run_call[runs] = blocked[actor, k]
            }
        }
    }
}

# pthread_mutex_lock in two lines, where one is too long
function split_call(call,    at) {
    at = index(call, "_")
    if (length(call) < 12 || !at)
        return call
    return substr(call, 1, at) "\n" substr(call, at + 1)
}

function width_of_call(call,    line, n, i, most) {
    n = split(split_call(call), line, "\n")
    for (i = 1; i <= n; i++)
        if (width_of(line[i]) > most)
            most = width_of(line[i])
    return most + 12
}

function width_of_run(r,    k, sum) {
    for (k = run_begin[r]; k <= run_end[r]; k++)
        sum += column[k]
    return sum - BLOCK - 14
}

# ---- Columns ---------------------------------------------------------------------------------------------------------

# The first run of an actor in a call has the name of the call, and gets the room for it.
function set_columns(    k, r, want, room, total, key) {
    for (k = 1; k <= steps; k++)
        column[k] = BLOCK + 16
    for (r = 1; r <= runs; r++) {
        key = run_lane[r] SUBSEP run_call[r]
        want = width_of_call(run_call[r])
        if (key in has_label && width_of_run(r) < want)
            continue
        has_label[key] = 1
        run_label[r] = 1
        room = width_of_run(r)
        for (k = run_begin[r]; k <= run_end[r] && room < want; k++)
            column[k] += (want - room) / (run_end[r] - run_begin[r] + 1)
    }
    for (k = 1; k <= steps; k++)
        total += column[k]
    width = left + total + 20
    if (width < 1160) {
        for (k = 1; k <= steps; k++)
            column[k] += (1160 - width) / steps
        width = 1160
    }
    x[1] = left
    for (k = 1; k <= steps; k++)
        x[k + 1] = x[k] + column[k]
}

# Where what a line sets going happens
function act_of(k) {
    return x[k] + BLOCK + 3
}

function y_of(i) {
    return TOP + gap * (i - 1)
}
