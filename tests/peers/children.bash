# Servers whose clients are served by processes of their own: what their tests ask the system, and clients that stay.
# A test file loads this after helper.bash.
# shellcheck shell=bash disable=SC2034,SC2154

# ---- What the tests ask the system -------------------------------------------------------------------------------------

# The children of the server, with the state of each: R runs, S sleeps, Z is a zombie. proc_pid_stat(5)
children() {
    cat /proc/[0-9]*/stat 2> /dev/null | sed -n "s/^\([0-9]*\) ([^)]*) \(.\) $SERVER .*/\1 \2/p" | sort
}

running() { children | sed -n '/Z$/!s/ .*//p'; }
zombies() { children | sed -n 's/ Z$//p'; }

# Nothing, once the process has ended.
command_line() { # PID
    { tr -d '\0' < "/proc/$1/cmdline"; } 2> /dev/null || true
}

# How many sockets the process has.
sockets() { # PID
    find "/proc/$1/fd" -lname 'socket:*' | wc -l
}

# Waits until the command prints this.
becomes() { # WHAT EXPECTED COMMAND...
    local end=$((SECONDS + $(limit 5)))
    until [[ $("${@:3}" 2> /dev/null) == "$2" ]]; do
        ((SECONDS <= end)) || equal "$1" "$2" "$("${@:3}")"
    done
}

# ---- Clients -----------------------------------------------------------------------------------------------------------

says() { # DESCRIPTOR TEXT
    echo "$2" >&"$1"
    hears "$1" "${2^^}"
}

hears() { # DESCRIPTOR TEXT
    local reply=
    read -r -t "$(limit 5)" reply <&"$1" || true
    equal 'the reply' "$2" "$reply"
}

has_end_of_file() { # DESCRIPTOR
    local status=0
    read -r -N 1 -t "$(limit 5)" <&"$1" 2> /dev/null || status=$? # a reset is one too, and read complains of it
    equal 'status of read at the end of file' 1 "$status"
}

# ---- The end of a server that has children: with the words in SERVE ------------------------------------------------------

# Ctrl-Z stops whole groups: a child that is stopped does not hear of SIGTERM until it goes on.
a_stopped_child_keeps_nobody_from_ending() {
    local from
    start "${SERVE[@]}"
    comes
    kill -STOP "$CHILD"
    until grep -q '^State:.*T' "/proc/$CHILD/status"; do :; done
    from=${EPOCHREALTIME/./}
    stop
    ((${EPOCHREALTIME/./} - from < $(limit 1) * 1000000)) || fail 'it took more than a second to end a stopped child'
}

# The signal comes to the server alone, as from the window of a terminal that is closed, or from kill -9.
no_child_outlives_its_server() {
    local signal child
    for signal in HUP TERM KILL; do
        start "${SERVE[@]}"
        comes
        child=$CHILD
        comes
        kill -STOP "$CHILD"
        kill "-$signal" "$SERVER"
        wait "$SERVER" || true
        for child in "$child" "$CHILD"; do becomes "the child after SIG$signal" '' command_line "$child"; done
        start "${SERVE[@]}" --port "$PORT"
        serves
        stop
    done
}

# What exec keeps: a child from before, which somebody else may want to wait for.
waits_for_its_own_children_only() {
    local other
    SERVER_PROGRAM=$BATS_TEST_TMPDIR/with_a_child
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n: &\nexec %q "$@"\n' "$PROGRAM" > "$SERVER_PROGRAM"
    chmod +x "$SERVER_PROGRAM"
    start "${SERVE[@]}"
    becomes 'how many other children have ended' 1 eval 'zombies | wc -l'
    other=$(zombies)
    comes
    exec {CLIENT}>&-
    becomes 'children' "$other Z" children
    serves
    becomes 'children' "$other Z" children
    stop
}

# Whoever starts it may have ignored or blocked SIGCHLD. Two clients stay, so there always is a child that has not ended.
children_are_reaped_whatever_was_inherited() {
    local how i
    for how in ignore block; do
        SERVER_PROGRAM=$BUILD/peers/inherit start "$how" SIGCHLD "$PROGRAM" "${SERVE[@]}"
        comes
        comes
        for i in {1..45}; do serves; done
        becomes "zombies with SIGCHLD: $how" '' zombies
        stop
    done
}

# Connects a client, CLIENT, and has a reply from the process that serves it, CHILD, which was not there before.
comes() {
    local others
    others=$(running)
    exec {CLIENT}<> "/dev/tcp/$HOST/$PORT"
    says "$CLIENT" hello
    CHILD=$(comm -13 <(echo "$others") <(running))
    [[ $CHILD =~ ^[0-9]+$ ]] || fail "not one process more for one client more: $CHILD"
}
