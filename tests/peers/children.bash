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
    until [[ $("${@:3}") == "$2" ]]; do
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

# Connects a client, CLIENT, and has a reply from the process that serves it, CHILD, which was not there before.
comes() {
    local others
    others=$(running)
    exec {CLIENT}<> "/dev/tcp/$HOST/$PORT"
    says "$CLIENT" hello
    CHILD=$(comm -13 <(echo "$others") <(running))
    [[ $CHILD =~ ^[0-9]+$ ]] || fail "not one process more for one client more: $CHILD"
}
