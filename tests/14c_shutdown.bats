# The mistakes that these tests catch: shutdown that waits for its own thread, or that does not wait for the loop of another.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "14c: the demo is the same each time" { check_demo 5; }

# The lines of one part of the demo: after "main   | TITLE...", up to the next line of main.
part() { # TITLE
    play | awk -v title="main   | $1" '/^main / { on = index($0, title) == 1; next } on'
}

@test "14c: a handler that the loop calls may not call shutdown: it is told so, and the server goes on" {
    equal 'a TCPServer' 'ann    | sends "shutdown"
loop   | received "shutdown"
ann    | received "refused, EDEADLK"
bob    | sends "still there?"
loop   | received "still there?"
bob    | received "still there?"' "$(part 'a TCPServer')"
}

@test "14c: a handler with a thread of its own may" {
    equal 'a ThreadingTCPServer' 'ann    | sends "shutdown"
thread-1 | received "shutdown"
ann    | received "the loop has ended"' "$(part 'a ThreadingTCPServer')"
}

@test "14c: without a thread for the loop it ends, and says why" { ends_when_a_thread_is_refused 2; }

@test "14c: a demo that is broken off leaves nothing behind" {
    broken_off_by TERM 143 'ann    | received "refused, EDEADLK"'
    broken_off_by HUP 129 'thread-1 | received "shutdown"'
}

@test "14c: names what is wrong" {
    refuses 2 '--mixin: no such option; see --help' --mixin
    refuses 2 'serve: no such command; see --help' serve
}

@test "14c: has help" { every_server_has_help; }
@test "14c: the slides show what is so" { check_slides; }
