# The mistakes that these tests catch: send not looped; end of file taken for data; the listening socket closed after the
# first client; a client's error that ends the server; a failed accept that ends it or spins; SIGPIPE.
load helper
load peers/every_server

@test "01: the demo is the same each time" { check_demo 5; }
@test "01: the slides show what is so" { check_slides; }

@test "01: bob waits until ann has left" {
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

@test "01: answers in upper case" { every_server_answers_in_upper_case; }
@test "01: answers after a half-close" { every_server_answers_after_a_half_close; }
@test "01: passes a mebibyte unharmed" { every_server_passes_a_mebibyte_unharmed; }
@test "01: answers byte by byte" { every_server_answers_byte_by_byte; }
@test "01: survives an empty connection" { every_server_survives_an_empty_connection; }
@test "01: passes NUL bytes" { every_server_passes_nul_bytes; }
@test "01: serves many in a row" { every_server_serves_many_in_a_row; }
@test "01: serves netcat" { every_server_serves_netcat; }
@test "01: has a client" { every_server_has_a_client; }
@test "01: survives a reset in mid-reply" { every_server_survives_a_reset_in_mid_reply; }
@test "01: survives a client that is gone" { every_server_survives_a_client_that_is_gone; }
@test "01: survives a client that stops reading" { every_server_survives_a_client_that_stops_reading; }
@test "01: survives a silent client" { every_server_survives_a_silent_client; }
@test "01: survives sending without end" { every_server_survives_sending_without_end; }
@test "01: survives EMFILE without a spin" { every_server_survives_emfile 4 -S; }
@test "01: survives EINTR and short transfers" { every_server_survives_eintr_and_short_transfers; }
@test "01: stops with clients connected" { every_server_stops_with_clients_connected; }
@test "01: names what is wrong" { every_server_names_what_is_wrong; }
@test "01: names a port in use" { every_server_names_a_port_in_use; }
@test "01: names a privileged port" { every_server_names_a_privileged_port; }
@test "01: has help" { every_server_has_help --host --port; }
