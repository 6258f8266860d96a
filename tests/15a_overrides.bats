# The mistakes that these tests catch: a client that is served before it is verified; an error that ends the server, or hangs
# up before it is reported; an override that forgets what it replaced; a heartbeat that comes once.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "15a: the demo is the same each time" { check_demo 5; }

# The lines of the demo from the one with FIRST on, so many.
lines_from() { # FIRST COUNT
    play | awk -v first="$1" -v count="$2" 'index($0, first) { on = 1 } on && count-- > 0'
}

@test "15a: verify_request: whoever is not on the list is hung up on" {
    equal 'ann and bob' 'ann    | connects from 127.0.0.1
server | verify_request: 127.0.0.1 is on the list
ann    | received "you are 127.0.0.1"
bob    | connects from 127.0.0.2
server | verify_request: 127.0.0.2 is not on the list
bob    | is hung up on' "$(lines_from 'ann    | connects' 6)"
}

@test "15a: handle_error: the error names the client, who is told, and the server goes on" {
    same_transcript 'carl' 'carl   | connects from 127.0.0.1
server | verify_request: 127.0.0.1 is on the list
server | error serving 127.0.0.1:PORT: the handler has failed
carl   | received "sorry"' "$(lines_from 'carl   | connects' 4)"
    equal 'after him' 'dora   | received "you are 127.0.0.1"' "$(play | tail -n 1)"
}

@test "15a: handle_timeout, after the time-out and not when there is a request" {
    local from=${EPOCHREALTIME/./}
    equal 'nobody' 'server | handle_request, and nobody is there
server | handle_timeout: nobody came for 50 ms
dora   | connects from 127.0.0.1' "$(lines_from 'handle_request' 3)"
    (((${EPOCHREALTIME/./} - from) >= 50000)) || fail '50 ms were over too soon'
    equal 'how often' 1 "$(play | grep -c 'handle_timeout')"
}

@test "15a: service_actions, after a request and in each round without one" {
    local from=${EPOCHREALTIME/./}
    equal 'dora' 'server | serve_forever, in rounds of 20 ms
server | verify_request: 127.0.0.1 is on the list
server | service_actions: beat 1
server | service_actions: beat 2
server | service_actions: beat 3
dora   | received "you are 127.0.0.1"' "$(lines_from 'serve_forever' 6)"
    (((${EPOCHREALTIME/./} - from) >= 50000 + 40000)) || fail 'two rounds were over too soon'
}

@test "15a: SIGTERM and Ctrl-C end the demo" {
    SLOW=100 broken_off_by TERM 143 'bob    | connects'
    SLOW=100 broken_off_by INT 130 'beat 1'
}

@test "15a: names what is wrong" {
    refuses 2 'allow: no such command; see --help' allow
    refuses 2 '--host: no such option; see --help' --host ::1
}

@test "15a: has help" { every_server_has_help; }
@test "15a: the slides show what is so" { check_slides; }
