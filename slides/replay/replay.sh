# Plays the demo of a lesson under the recorder, and writes its story and its picture: replay.sh STEM
# Needs what a C compiler comes with: addr2line tells from which line a call was made.
set -eu
stem=$1
program=build/recorded/$stem
work=build/recorded/work/$stem
mkdir -p "$work" build/replay build/pictures
unset STEP SLOW LANES CHOOSE QUIET ARGS

build/recorded/play "$work/transcript" "$program" > "$work/records"
awk -F '\t' '{ n = split($NF, address, " "); for (i = 1; i <= n; i++) if (!seen[address[i]]++) print address[i] }' "$work/records" |
    addr2line -a -f -e "$program" | paste - - - > "$work/addresses"
awk -v stem="$stem" -v json="build/replay/$stem.json" -v svg="build/pictures/$stem.svg" \
    -f slides/replay/read.awk -f slides/replay/story.awk -f slides/replay/edges.awk -f slides/replay/json.awk -f slides/replay/svg.awk \
    "$work/addresses" "lessons/$stem.c" "$work/records" "$work/records"
