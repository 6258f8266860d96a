# The mistakes that these tests catch: close, or both directions shut down, where there is still a reply to come; an end of file
# that is taken for a client that is gone; a send that is trusted to tell it.
# shellcheck disable=SC2154
load helper
load peers/every_server # for refuses and every_server_has_help: this lesson serves nobody

@test "01c: the demo is the same each time" { check_demo 5; }

story() { # ACTORS, as a pattern: whose line begins a scene, up to the next scene
    play | tail -n +2 | awk -v actors="^($1)" '/^(ann|bob|carl) .* sends "hi"/ { on = $0 ~ actors } on'
}

shutdown='ann    | sends "hi"
ann    | shuts down her sending side
server | receives "hi"
server | receives 0 bytes: end of file
server | sends "HI"
ann    | receives "HI"
ann    | sends "ho": Broken pipe
server | closes
ann    | receives 0 bytes: end of file'

close='bob    | sends "hi"
bob    | closes
server | receives "hi"
server | receives 0 bytes: end of file
server | sends "HI"
kernel | nobody has bob'\''s socket any more: a reset comes back
server | sends "HO": Broken pipe'

unread='carl   | sends "hi"
server | closes without reading it
carl   | receives: Connection reset by peer'

@test "01c: whoever has shut down the sending side still receives" { equal 'what it says' "$shutdown" "$(story ann)"; }
@test "01c: a peer that has closed is noticed by the second send" { equal 'what it says' "$close" "$(story bob)"; }
@test "01c: a close that leaves bytes unread is a reset" { equal 'what it says' "$unread" "$(story carl)"; }
@test "01c: the demo plays the three" { equal 'what it says' "$shutdown"$'\n'"$close"$'\n'"$unread" "$(story .)"; }

with_few_descriptors() {
    (exec 3>&- 4>&- && ulimit -n 5 && exec "$PROGRAM")
}

@test "01c: names what is wrong" {
    refuses 2 'serve: no such command; see --help' serve
    refuses 2 'close: no such command; see --help' close
    refuses 2 '--linger: no such option; see --help' --linger
    run with_few_descriptors
    equal 'status without descriptors' 1 "$status"
    equal 'message without descriptors' "$stem: accept: Too many open files" "$(in_glibc_words "$(grep -m 1 -v ' | ' <<< "$output")")"
}

@test "01c: has help" { every_server_has_help; }
@test "01c: the slides show what is so" { check_slides; }
