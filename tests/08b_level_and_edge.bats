# The mistakes that these tests catch: an edge taken for the usual; a read that leaves nothing, taken for one that does.
# shellcheck disable=SC2154 # CHANGED is the helper's
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

@test "08b: after EPOLL_CTL_MOD with the same events, the edge is reported once more" {
    changed_by 's/report(trigger, list, "3 of 6 bytes are read");/& epoll_ctl(list, EPOLL_CTL_MOD, ends[0], \&event); report(trigger, list, "once more");/'
    equal 'what is added' '> level  | once more: epoll_wait reports it
> edge   | once more: epoll_wait reports it' "$(diff <(play) <("$CHANGED") | grep '^[<>]')"
}

@test "08b: names what is wrong" {
    refuses 2 '--edge: no such option; see --help' --edge
    refuses 2 'serve: no such command; see --help' serve
}

@test "08b: has help" { every_server_has_help; }
@test "08b: the slides show what is so" { check_slides; }
