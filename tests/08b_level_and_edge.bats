# The mistakes that these tests catch: an edge taken for the usual; a read that leaves nothing, taken for one that does.
load helper
load peers/every_server

@test "08b: the demo is the same each time" { check_demo 5; }

@test "08b: after a read of three bytes, the level is reported and the edge is not" {
    equal 'the demo' 'level  | "abcdef" arrives: epoll_wait reports it
level  | 3 of 6 bytes are read: epoll_wait reports it
level  | "g" arrives: epoll_wait reports it
edge   | "abcdef" arrives: epoll_wait reports it
edge   | 3 of 6 bytes are read: epoll_wait reports nothing
edge   | "g" arrives: epoll_wait reports it' "$(play)"
}

@test "08b: names what is wrong" {
    refuses 2 '--edge: no such option; see --help' --edge
    refuses 2 'serve: no such command; see --help' serve
}

@test "08b: has help" { every_server_has_help; }
@test "08b: the slides show what is so" { check_slides; }
