# The mistakes that these tests catch: a time-out for each read taken for one for the request; a deadline that each read
# starts anew.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "15d: the demo is the same each time" { check_demo 3; }

scene() { # EXPECTED OPTIONS...
    same_transcript "the demo ${*:2}" "$1" "$(play "${@:2}")"
}

takes() { # AT_LEAST_MS AT_MOST_MS COMMAND...
    local from=${EPOCHREALTIME/./} took most
    most=$(($2 * $(limit 1)))
    "${@:3}"
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    ((took >= $1 && took <= most)) || fail "it took $took ms"
}

late() { # TIMEOUT DEADLINE
    echo "ann    | connects from 127.0.0.1
server | a read may take $1 ms
server | all of the request may take $2 ms
ann    | sends a byte every 10 ms
server | error serving 127.0.0.1:PORT: no line by the deadline
ann    | is hung up on"
}

@test "15d: a deadline ends the request of a client that trickles" {
    takes 200 5000 scene "$(late 200 200)"
    takes 20 1500 scene "$(late 1000 20)" --timeout 1000 --deadline 20 # ann would go on for 2 s
}

@test "15d: ... which no time-out for each read does" {
    takes 2000 10000 scene 'ann    | connects from 127.0.0.1
server | a read may take 1000 ms
ann    | sends a byte every 10 ms
ann    | received "you are 127.0.0.1"' --deadline 0 --timeout 1000
}

@test "15d: SIGTERM ends the demo" {
    broken_off_by TERM 143 'sends a byte every 10 ms' --timeout 60000 --deadline 0
}

@test "15d: names what is wrong" {
    refuses 2 '--timeout 0: not a number from 20 to 60000' --timeout 0
    refuses 2 '--deadline 1s: not a number from 0 to 60000' --deadline 1s
    refuses 2 '--deadline 60001: not a number from 0 to 60000' --deadline 60001
    refuses 2 'ann: no such command; see --help' ann
}

@test "15d: has help" { every_server_has_help --timeout --deadline; }
@test "15d: the slides show what is so" { check_slides; }
