# The mistakes that these tests catch: shutdown that sets a flag and wakes nobody; a server that is closed while its loop
# runs; a loop whose thread nobody joins.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "14a: the demo is the same each time" { check_demo 5; }

@test "14a: three clients are answered by Thread-2, Thread-3, Thread-4, as in the post" {
    local said
    said=$(play)
    [[ $said =~ ^'main   | server_address is 127.0.0.1:'[1-9] ]] || fail "port 0 did not become a real one" "$said"
    same_transcript 'the demo' 'main   | server_address is 127.0.0.1:PORT
main   | Server loop running in thread: Thread-1
main   | sends "Hello World 1"
Thread-2 | received "Hello World 1"
main   | Received: Thread-2: Hello World 1
main   | sends "Hello World 2"
Thread-3 | received "Hello World 2"
main   | Received: Thread-3: Hello World 2
main   | sends "Hello World 3"
Thread-4 | received "Hello World 3"
main   | Received: Thread-4: Hello World 3
main   | shutdown, join Thread-1, server_close
main   | fileno is -1' "$said"
}

begin_and_end() { # SERVERS WORDS...
    equal "many $*" "main   | $1 servers have begun and ended" "$(play many "$@")"
}

# A round of the loop is longer than a start and a shutdown may take.
takes_under_50_ms_each() { # SERVERS WORDS...
    local from=${EPOCHREALTIME/./} took
    begin_and_end "$@"
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((took < 50 * $1)) || fail "$1 servers took $took ms"
}

@test "14a: shutdown does not wait for the end of a round" {
    [[ -z ${TEST_SLOWDOWN:-} ]] || skip 'a slow machine'
    takes_under_50_ms_each 8
    takes_under_50_ms_each 20
    takes_under_50_ms_each 20 --poll 60000
}

@test "14a: the demo does not wait for the end of a round" {
    same_story 'with rounds of a minute' 'Received: Thread-4: Hello World 3' \
        "$(play | neutral)" "$(play --poll 60000 | neutral)"
}

# Threads that nobody joins keep their stacks: 8 MiB of address space each, unless ulimit -s says otherwise.
@test "14a: the loop's thread is joined, and gives back its stack" {
    needs_an_address_space_of_its_own
    ulimit -S -s 8192
    ulimit -v 1000000
    begin_and_end 300
}

@test "14a: without a thread for the loop it ends, and says why" {
    run env CALM=1 REFUSE=1 timeout -k 1 "$(limit 5)" "$BUILD/flaky/$stem"
    equal status 1 "$status"
    equal 'message' "$stem: pthread_create: Resource temporarily unavailable" "${lines[-1]}"
}

@test "14a: names what is wrong" {
    refuses 2 '--poll 0: not a number from 1 to 60000' --poll 0
    refuses 2 '--poll 60001: not a number from 1 to 60000' --poll 60001
    refuses 2 '--poll 0.5: not a number from 1 to 60000' --poll 0.5
    refuses 2 'COUNT 0: not a number from 1 to 10000' many 0
    refuses 2 'many: wants COUNT' many
    refuses 2 'more: no such command; see --help' more
}

@test "14a: has help" { every_server_has_help --poll; }
@test "14a: the slides show what is so" { check_slides; }
