#!/bin/sh
# Plays lessons for make NN and make tour, and lists them for make list. What it says of a lesson stands in the comment at
# the top of its file, and what to try in its deck.
#
#   tour.sh play|tour|list LESSONS...    with BUILD, and with ARGS in place of the lesson's own, in the environment
#
# On a terminal the question comes first, and Enter runs the lesson. Elsewhere there is the transcript alone.

part() { # KEY LESSON
    awk -v key="$1" '$0 ~ "^ [*] " key "  " { on = 1; sub(/^ [*] [A-Za-z]+ +/, ""); print; next } \
        on && /^ [*]    / { sub(/^ [*] +/, ""); print; next } { on = 0 }' "lessons/$2.c" | paste -sd ' ' -
}

title() {
    sed -n '1s/^[^:]*: //p' "lessons/$1.c"
}

command_of() {
    part Run "$1" | sed 's/,.*//'
}

run() {
    if [ "${ARGS:-}" ]; then
        sh -c "$BUILD/$1 $ARGS"
    else
        sh -c "$(command_of "$1" | sed "s|build/|$BUILD/|g")"
    fi
}

# The first thing that the deck says to try.
try() {
    sed -n '/^## Try it/,$ { /^1\. /{ s/^1\. //; s/`//g; p; q; } }' "slides/$1.md" 2> /dev/null
}

after() {
    printf '\nWatch  %s\n' "$(part Watch "$1")" | fold -s -w 80
    try "$1" | sed 's/^/Try    /' | fold -s -w 80
}

is_terminal() {
    [ -t 0 ] && [ -t 1 ]
}

# One stop, which is all that there is if COUNT is 1. Returns 2 to go back.
stop() { # LESSON NUMBER COUNT
    if [ "$3" = 1 ]; then
        printf '%s: %s\n' "$1" "$(title "$1")" | fold -s -w 80
        keys='Enter runs it, q quits'
    else
        printf '\n== lesson %d of %d: %s ==\n%s\n' "$2" "$3" "$1" "$(title "$1")"
        keys='Enter runs it, s skips it, b goes back, q quits'
    fi
    printf '\nWhat do you think? %s\n' "$(part Predict "$1")" | fold -s -w 80
    printf '\n$ %s\n' "$(command_of "$1")"
    if is_terminal; then
        printf '(%s) ' "$keys"
        read -r key || exit 0
        case $key in
        q*) exit 0 ;;
        s*) return 0 ;;
        b*) return 2 ;;
        esac
    fi
    run "$1" || return 1
    is_terminal || return 0
    after "$1"
    [ "$3" != 1 ] || return 0
    printf '\n(Enter goes on, b plays it again, q quits) ' # and the lines stay on the screen until then
    read -r key || exit 0
    case $key in
    q*) exit 0 ;;
    b*) stop "$@" ;;
    esac
}

tour() {
    number=1
    while [ "$number" -le $# ]; do
        eval "lesson=\${$number}"
        stop "$lesson" "$number" $#
        case $? in
        0) number=$((number + 1)) ;;
        2) [ "$number" = 1 ] || number=$((number - 1)) ;;
        *) exit 1 ;;
        esac
    done
}

# Of several lessons, each has its name above it.
play() {
    for lesson; do
        [ $# = 1 ] || printf '\n== %s ==\n' "$lesson"
        run "$lesson" || exit
    done
}

# With QUESTIONS, each has its question below.
list() {
    for lesson; do
        printf '%-4s%s\n' "${lesson%%_*}" "$(title "$lesson")"
        [ -z "${QUESTIONS:-}" ] || part Predict "$lesson" | fold -s -w 76 | sed 's/^/    /'
    done
}

words=$1
shift
case $words in
play) if is_terminal && [ -z "${ARGS:-}" ]; then tour "$@"; else play "$@"; fi ;;
tour)
    tour "$@"
    printf '\nThat was the tour. make help lists what else there is.\n'
    ;;
list) list "$@" ;;
esac
