# The mistakes that these tests catch: a subclass that is a copy of the wrong table, or keeps an entry that is not for it; a
# method that is replaced and forgotten; super that is the method itself.
# shellcheck disable=SC2154
load helper

@test "12a: the demo is the same each time" { check_demo 5; }

@test "12a: three servers take the same steps, and each step is that of its class" {
    equal 'the demo' 'ann    | sends "hello" to a TCPServer
server | get_request: accept
server | finish_request: the text is "hello"
server | close_request: close
ann    | sees the end of file
ann    | sends "hello" to a UDPServer
server | get_request: nothing to accept
server | finish_request: the text is "hello"
server | close_request: nothing to close
ann    | sees no end of file
ann    | sends "hello" to a CountingServer
server | get_request: accept
server | finish_request: the text is "hello"
server | close_request: request 1 is done
server | close_request: close
ann    | sees the end of file' "$(play)"
}

@test "12a: without super, the connection stays open" {
    changed_by '/\/. super()/d'
    equal 'what changes' '< server | close_request: close
< ann    | sees the end of file
> ann    | sees no end of file' "$(diff <(play) <("$CHANGED") | grep '^[<>]')"
}

# The cells of the picture, row by row: what is filled is the class's own.
@test "12a: the picture shows the tables of the lesson" {
    local class copied
    for class in TCPServer UDPServer CountingServer; do
        grep -q ">$class<" slides/img/12a_class.svg || fail "$class is not in the picture"
    done
    copied=$(grep -c 'fill="#ffffff" stroke="#1a4f96"' slides/img/12a_class.svg)
    equal 'cells that are copied' 4 "$copied"
    equal 'cells that are replaced' 6 "$(grep -c '<rect .* fill="#1a4f96"' slides/img/12a_class.svg)"
    equal 'entries that the lesson fills in' 6 "$(grep -cE '[.](get|finish|close)_request = [a-z_]+[;}]' lessons/12a_class.c)"
}

@test "12a: names what is wrong" {
    run limited "$PROGRAM" --super
    equal 'a wrong option' "2 $stem: --super: no such option; see --help" "$status $output"
    run limited "$PROGRAM" serve
    equal 'a wrong command' "2 $stem: serve: no such command; see --help" "$status $output"
}

@test "12a: the slides show what is so" { check_slides; }
