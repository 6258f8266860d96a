#!/usr/bin/env bash
# rates.bash: what is no server, beside the bare calls and beside Python: rates, and the ratios to both.
#
#   rates.bash ROUNDS COSTS LIMITS [PYTHON...]
#
# All three are commands that take a word and print "timing | N THINGS in S s, R THINGS/s": costs.c, limits.c, programs.py.
# They take turns, on one CPU if taskset(1) is there; each figure is the median of the rounds.
set -euo pipefail
shopt -s inherit_errexit
rounds=$1 costs=$2 limits=$3
python=("${@:4}")

# The word of a row, which Python knows; that of the bare calls; and what costs is asked for.
rows='thread thread thread
lock lock lock
event event event
process process process
array array array
plock plock array 4
dict dict dict
apply apply apply 2
async async async 2
map1 async map1 2
map map map 2'

rate() { # COMMAND...
    local says
    if ! says=$("$@") || ! grep -qE '^timing \| .*, [0-9]*[1-9][0-9]* [^,]*/s$' <<< "$says"; then
        echo "rates.bash: $*: has no line with its timing" >&2
        return 1
    fi
    sed -nE 's/^timing \| .*, ([0-9]+) [^,]*\/s$/\1/p' <<< "$says"
}

# Reads "RATE OF_LIMITS OF_PYTHON" of each round and prints the medians of the rate and of its ratios to the others.
medians() {
    awk 'function median(values, count,    i, j, low) {
            for (i = 1; i <= count; i++)
                for (j = i + 1; j <= count; j++)
                    if (values[j] < values[i]) { low = values[j]; values[j] = values[i]; values[i] = low }
            return (values[int((count + 1) / 2)] + values[int(count / 2) + 1]) / 2
        }
        { rate[NR] = $1; limit[NR] = $1 / $2; python[NR] = $3 ? $1 / $3 : 0 }
        END {
            printf "%10.0f %14.2f ", median(rate, NR), median(limit, NR)
            if (python[1]) printf "%12.2f\n", median(python, NR)
            else printf "%12s\n", "-"
        }'
}

if command -v taskset > /dev/null; then
    cpus=$(taskset -pc $$ | sed 's/.*: //')
    taskset -pc "${cpus%%[,-]*}" $$ > /dev/null
fi
printf '%-8s %10s %14s %12s\n' what 'a second' 'of bare calls' 'of Python'
while read -r word limit words; do
    figures=$(for ((i = 0; i < rounds; i++)); do
        # shellcheck disable=SC2086 # one word, or two
        own=$(rate "$costs" $words)
        bare=$(rate "$limits" "$limit")
        other=0
        ((${#python[@]} == 0)) || other=$(rate "${python[@]}" "$word")
        echo "$own $bare $other"
    done)
    printf '%-8s %s\n' "$word" "$(medians <<< "$figures")"
done <<< "$rows"
