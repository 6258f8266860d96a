#!/usr/bin/env bash
# bench.bash: what make bench runs: each server under load beside the bare calls and beside Python, how it grows with the
# number of clients, and what is not a server. Writes the tables, the figures (JSON) and the chart to $BUILD/bench.
set -euo pipefail
build=${BUILD:-build}
out=$build/bench
python=''
if command -v python3 > /dev/null; then python=python3; fi
limits=$build/peers/limits

showdown() {
    printf '$ build/26_showdown%s\n' "$(printf ' %q' "$@")"
    "$build/26_showdown" "$@"
    echo
}

# Sets peers to the options for these models, on the bare calls and in Python; MODEL:WORD where the peer has another word.
set_peers() { # LIMITS PYTHONS
    local model
    peers=()
    for model in $1; do peers+=(--peer "limit-${model%:*}=$limits ${model#*:}"); done
    for model in ${python:+$2}; do peers+=(--peer "py-${model%:*}=$python tests/peers/servers.py ${model#*:}"); done
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
    showdown --models all --mode connect --seconds 0.1 "${peers[@]}" --json "$out/connect.json"
    set_peers 'threading epoll' 'threading epoll:selectors'
    showdown --models poll,epoll,thread,threading --mode echo --clients 64 "${peers[@]}" --json "$out/echo.json"
    set_peers 'udpserver:udp threading-udp forking-udp' 'udpserver:udp threading-udp forking-udp'
    showdown --mode datagram "${peers[@]}" --json "$out/datagram.json"
    for idle in 0 900; do
        showdown --models select,poll,epoll --mode echo --clients 4 --idle $idle
    done
    showdown --models all --mode echo --clients 1,16,256,1000,10000 --rounds 2 --json "$out/growth.json" --svg "$out/growth.svg"
    showdown programs --limits "$limits" ${python:+--python "$python tests/peers/programs.py"}
}

mkdir -p "$out"
bench | tee "$out/tables.txt"
echo "written to $out: tables.txt, growth.svg and the figures as JSON"
