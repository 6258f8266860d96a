# The mistakes that these tests catch: end of file taken for data; the listening socket closed after the first client; a
# connection that is not closed when its client has left.
# shellcheck disable=SC2034 # the helper looks at it
load helper
load peers/every_server

@test "01a: the demo is the same each time" { check_demo 5; }
@test "01a: answers in upper case" { every_server_answers_in_upper_case; }

# It has nothing to give back: it ends as any program does.
ENDS_BY_SIGNAL=1

@test "01a: bob waits until ann has left" {
    start serve
    hold silent "$ADDRESS" 1
    await 'accepted client 1'
    exec {bob}<> "/dev/tcp/$HOST/$PORT"
    printf 'hi\n' >&"$bob"
    if read -r -t 0 -u "$bob"; then fail 'bob has a reply while ann is there'; fi
    release
    read -r -t "$(limit 5)" reply <&"$bob"
    exec {bob}>&-
    equal 'the reply, now that the first client has left' HI "$reply"
    stop
}

@test "01a: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "01a: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "01a: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "01a: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "01a: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "01a: serves many in a row" { every_server_serves_many_in_a_row; }
@test "01a: serves netcat" { every_server_serves_netcat; }
@test "01a: has a client" { every_server_has_a_client; }
@test "01a: survives a silent client" { every_server_survives_a_silent_client; }

@test "01a: names what is wrong" { every_server_names_what_is_wrong; }
@test "01a: names a port in use" { every_server_names_a_port_in_use; }
@test "01a: names a privileged port" { every_server_names_a_privileged_port; }
@test "01a: has help" { every_server_has_help --host --port; }
@test "01a: the slides show what is so" { check_slides; }
