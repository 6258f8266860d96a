# The mistakes that these tests catch: a client's error that ends the server; SIGPIPE; a call that a signal interrupts taken
# for one that failed; send not looped; a failed accept that ends the server, or spins.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

@test "01b: the demo is the same each time" { check_demo 5; }
@test "01b: answers in upper case" { every_server_answers_in_upper_case; }

@test "01b: the server says what was wrong with each client, and serves on" {
    equal 'what the server says of those who leave' 'server | client 1 has left: end of file
server | client 2 has left: Connection reset by peer
server | client 3 has left: Broken pipe
server | client 4 has left: end of file' "$(play | grep 'has left')"
}

ended() { # RUDE MESSAGE
    local i
    for i in {1..5}; do
        run limited "$PROGRAM" --plain --rude "$1"
        equal "status of a plain server, $1" 1 "$status"
        # a sanitizer may say something too, of files that it cannot open
        [[ $(grep "^$stem: " <<< "$output") =~ ^$stem:\ $2$ ]] || fail "$1: $output"
    done
}

@test "01b: a reset ends the plain server" { ended reset 'recv: Connection reset by peer'; }
@test "01b: a client that is gone ends the plain server without a word of its own" { ended gone 'signal 13 has ended the server: Broken pipe'; }
@test "01b: a signal ends the plain server" { ended signal '[a-z]*: Interrupted system call'; }
@test "01b: too few descriptors end the plain server" { ended full 'accept: Too many open files'; }

@test "01b: each of the four leaves the server that has the changes as it was" {
    local rude
    for rude in reset gone signal full; do
        [[ $(play --rude "$rude") == *'dora   | received "HELLO"'*'server | stopped' ]] || fail "$rude: $(play --rude "$rude")"
    done
}

@test "01b: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "01b: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "01b: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "01b: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "01b: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "01b: serves many in a row" { every_server_serves_many_in_a_row; }
@test "01b: has a client" { every_server_has_a_client; }
@test "01b: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "01b: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "01b: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "01b: survives a silent client" { every_server_survives_a_silent_client; }
@test "01b: survives sending without end" { every_server_survives_sending_without_end; }
@test "01b: survives EMFILE without a spin" { every_server_survives_emfile 4 -S; }
@test "01b: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "01b: stops with clients connected" { every_server_stops_with_clients_connected; }

@test "01b: names what is wrong" {
    every_server_names_what_is_wrong
    refuses 2 '--rude wild: not reset, gone, signal, full or all' --rude wild
}

@test "01b: names a port in use" { every_server_names_a_port_in_use; }
@test "01b: has help" { every_server_has_help --host --port --plain --rude; }
@test "01b: the slides show what is so" { check_slides; }
