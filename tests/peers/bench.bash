#!/usr/bin/env bash
# bench.bash: what make bench runs: each server under load beside the bare calls and beside Python, how it grows with the
# number of clients, the memory of a silent client, and what is no server. Writes the tables, the figures of the growth and
# its chart to $BUILD/bench.
set -euo pipefail
build=${BUILD:-build}
out=$build/bench
limits=$build/peers/limits
python=''
if command -v python3 > /dev/null; then python=python3; fi

showdown() {
    printf '$ build/26a_showdown%s\n' "$(printf ' %q' "$@")"
    "$build/26a_showdown" "$@"
    echo
}

# Sets peers to the options for these models, on the bare calls and in Python; NAME:WORD where the peer has another word.
set_peers() { # LIMITS PYTHONS
    local model
    peers=()
    for model in $1; do peers+=(--peer "bare-${model%:*}=$limits ${model#*:}"); done
    for model in ${python:+$2}; do peers+=(--peer "py-${model%:*}=$python tests/peers/servers.py ${model#*:}"); done
}

# Those that are served are the rows of the figures.
grow() { # CLIENTS...
    local clients
    : > "$out/growth.txt"
    for clients in "$@"; do
        showdown --models all --mode echo --clients "$clients" --requests $((2000 + clients)) --rounds 2 | tee "$out/growth.part"
        sed -nE 's/^([a-z]+) +\| +([0-9]+) +([0-9]+) ±.*/\1 \2 \3/p' "$out/growth.part" |
            awk -v clients="$clients" '$2 == clients { print clients, $1, $3 }' >> "$out/growth.txt"
        rm "$out/growth.part"
    done
    "$build/peers/chart" 'Requests a second, as long as all clients are served' < "$out/growth.txt" > "$out/growth.svg"
}

memory_of_the_silent() {
    local server
    echo 'memory of a silent client, beside its sockets, in KiB'
    for server in 06_select_server 07_poll_server 08a_epoll_server 10_thread_server 11a_fork_server; do
        printf '%-17s %6s\n' "$server" "$("$build/peers/silent" "'$build/$server' serve")"
    done
    echo
}

bench() {
    uname -srm
    echo "$(nproc) CPUs:$(sed -n 's/^model name[^:]*://p' /proc/cpuinfo | head -n 1)"
    [[ ! $python ]] || python3 -c 'import sys, platform, sysconfig
optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
print(f"Python {platform.python_version()}, {sys.executable}, built", "with optimisation" if optimised else "without optimisation")'
    [[ $python ]] || echo 'python3 is not here: the rows of Python are left out'
    echo

    set_peers 'serial threading forking' 'serial tcpserver:tcp threading forking'
    showdown --models all --requests 500 --cpu "${peers[@]}"
    set_peers 'threading epoll' 'threading epoll:selectors'
    showdown --models poll,epoll,thread,threading --mode echo --clients 64 --cpu "${peers[@]}"
    for idle in 0 900; do
        showdown --models select,poll,epoll --mode echo --clients 4 --idle $idle --cpu
    done
    memory_of_the_silent
    grow 1 16 256 1000 4000
    # shellcheck disable=SC2086 # two words, or none
    bash tests/peers/rates.bash 3 "$build/peers/costs" "$limits" ${python:+$python tests/peers/programs.py}
}

mkdir -p "$out"
bench | tee "$out/tables.txt"
echo "written to $out: tables.txt, growth.txt and growth.svg"
