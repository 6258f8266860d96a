# The mistakes that these tests catch: end of file that is no end; one recv taken for a line; a newline that everybody is
# expected to send; a prompt cut in the middle of a character.
# shellcheck disable=SC2034,SC2154 # SERVER_PROGRAM and stem are the helper's
load helper
load peers/every_server
load peers/concurrent
load peers/children

@test "13b: the demo is the same each time" { check_demo 5; }

greeting='欢迎致电10086,请输入1xxx,0转人工服务.'
recorded='通过可能会被录音.balabala一大推'
again='请重新输入.'

@test "13b: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 0 'hears'
    broken_off_by INT 0 'client 1 dials "9'
}

# ---- The hotline -------------------------------------------------------------------------------------------------------

# What the hotline says to these lines; the posts' would not stop.
dials() { # TEXT
    ask "$1" | head -c 10000
}

# The posts' server sends prompts without end to a client that closes its side.
@test "13b: at the end of the file, the greeting is all that was sent" {
    start serve
    equal 'bytes' $((${#greeting} + 1)) "$(dials '' | wc -c)"
    await 'client 1 has left'
    serves_the_hotline
    stop
}

serves_the_hotline() {
    equal 'a call' "$greeting" "$(dials '')"
}

@test "13b: a line is what ends with a newline, or with the file" {
    start serve
    equal 'two lines at once' "$greeting"$'\n'"$recorded"$'\n'"$recorded" "$(dials $'0\n0\n')"
    equal 'CRLF' "$greeting"$'\n'"$recorded" "$(dials $'0\r\n')"
    equal 'a last line without its newline' "$greeting"$'\n'"$recorded" "$(dials 0)"
    equal 'an empty line' "$greeting"$'\n'"$again" "$(dials $'\n')"
    equal 'more than 0' "$greeting"$'\n'"$again"$'\n'"$again" "$(dials $'00\n 0\n')"
    equal '0 and NUL' "$greeting"$'\n'"$again" "$(printf '0\0\n' | peer talk "$ADDRESS")"
    equal 'a line of 10,000 bytes, and 0' "$greeting"$'\n'"$again"$'\n'"$recorded" \
        "$( (head -c 10000 /dev/zero | tr '\0' 0 && printf '\n0\n') | peer talk "$ADDRESS")"
    stop
}

@test "13b: a call from beginning to end" {
    start serve
    equal 'a call' "$greeting"$'\n'"$recorded"$'\n'"$again" "$(printf '0\n9\nexit\n' | limited "$PROGRAM" connect "$HOST" "$PORT")"
    equal 'a call that ends with the file' "$greeting"$'\n'"$again" "$(dials $'1\n')"
    stop
}

# The posts' client: sk.sendall("0"), and a recv. The dialogue goes on, call by call.
@test "13b: what no newline follows is answered too, after a while" {
    start serve
    local line='' dialled
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    read -r -t "$(limit 5)" line <&"$ann"
    equal 'unasked' "$greeting" "$line"
    for dialled in "0 $recorded" "1 $again" "0 $recorded"; do
        printf %s "${dialled%% *}" >&"$ann"
        read -r -t "$(limit 5)" line <&"$ann" || true
        equal "the reply to ${dialled%% *}" "${dialled#* }" "$line"
    done
    printf exit >&"$ann"
    has_end_of_file "$ann"
    stop
}

@test "13b: a line that comes in two parts is one line, if the second follows soon" {
    start serve
    local line=
    exec {ann}<> "/dev/tcp/$HOST/$PORT"
    read -r -t "$(limit 5)" line <&"$ann"
    equal 'unasked' "$greeting" "$line"
    printf 'ex' >&"$ann"
    printf 'it\n' >&"$ann"
    has_end_of_file "$ann"
    stop
    equal 'what client 1 dialled' 'thread-1 | client 1 dials "exit"' "$(grep '1 dials' "$LOG")"
}

@test "13b: the interactive client prints the greeting unasked, and ends when the call does" {
    local line='' connect status=0
    start serve
    mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
    timeout "$(limit 15)" "$PROGRAM" connect "$HOST" "$PORT" < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
    connect=$!
    exec {in}> "$BATS_TEST_TMPDIR/in" {out}< "$BATS_TEST_TMPDIR/out"
    read -r -t "$(limit 5)" line <&"$out" || true
    equal 'before anything is typed' "$greeting" "$line"
    echo 0 >&"$in"
    read -r -t "$(limit 5)" line <&"$out" || true
    equal 'the reply to 0' "$recorded" "$line"
    echo exit >&"$in"
    wait "$connect" || status=$?
    equal 'status of connect' 0 "$status"
    exec {in}>&- {out}<&-
    stop
}

@test "13b: no short transfer leaves a character cut" {
    SERVER_PROGRAM=$BUILD/flaky/$stem
    start serve
    equal 'a call' "$greeting"$'\n'"$recorded"$'\n'"$again"$'\n'"$recorded" "$(ask $'0\n9\n0\n')"
    stop
}

@test "13b: stops at once with silent callers on the line" {
    start serve
    hold silent "$ADDRESS" 3
    stops_within 1
}

# ---- Options, help, slides ---------------------------------------------------------------------------------------------

@test "13b: names what is wrong" { every_server_names_what_is_wrong; }

@test "13b: names a port in use" {
    start serve
    refuses 1 "bind 127.0.0.1:$PORT: Address already in use" serve --port "$PORT"
    serves_the_hotline
    stop
}

@test "13b: names a privileged port" { every_server_names_a_privileged_port; }
@test "13b: has help" { every_server_has_help --host --port; }

# Each word of it is typed, and the server does with it what is said.
@test "13b: the help says what may be typed at connect, and so does connect on a terminal" {
    [[ $("$PROGRAM" --help) == *'To type at connect:'*'0 speaks to a person, exit ends the call; Ctrl-D hangs up'* ]] || fail 'the help does not'
    start serve
    run limited "$BUILD/peers/pty" act 'exit ends the call' $'exit\n' -- "$PROGRAM" connect "$HOST" "$PORT"
    [[ $status == 0 && $output == *'请输入1xxx'* ]] || fail "$output"
    equal 'in a pipe' '' "$(limited "$PROGRAM" connect "$HOST" "$PORT" 2>&1 <<< exit | grep Ctrl-D || true)"
    stop
}
@test "13b: the slides show what is so" { check_slides; }
