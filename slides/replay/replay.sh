#!/usr/bin/env bash
# Plays the demo of a lesson under the recorder, and writes its story and its picture: replay.sh STEM [FOLDER]
# Needs what a C compiler comes with: addr2line tells from which line a call was made.
# With a folder, the story is told once more by the awk files there, from the records that there are (the tests do so).
set -eu
stem=$1
program=build/recorded/$stem
work=build/recorded/work/$stem
teller=${2:-slides/replay}
to=${2:-build}

if [ $# = 1 ]; then
    mkdir -p "$work" build/replay build/pictures
    unset STEP SLOW LANES CHOOSE QUIET
    export PATH="$PWD/build:$PATH" # the showdown plays others
    build/recorded/play "$work/transcript" "$program" > "$work/records"
    awk -F '\t' '{ n = split($NF, address, " "); for (i = 1; i <= n; i++) if (!seen[address[i]]++) print address[i] }' \
        "$work/records" | addr2line -a -f -e "$program" | paste - - - > "$work/addresses"
fi
mkdir -p "$to/replay" "$to/pictures"
awk -v stem="$stem" -v json="$to/replay/$stem.json" -v svg="$to/pictures/$stem.svg" \
    -f "$teller/read.awk" -f "$teller/actors.awk" -f "$teller/story.awk" -f "$teller/edges.awk" -f "$teller/json.awk" \
    -f "$teller/layout.awk" -f "$teller/svg.awk" -f "$teller/arrows.awk" \
    "$work/addresses" "lessons/$stem.c" "$work/records" "$work/records"
