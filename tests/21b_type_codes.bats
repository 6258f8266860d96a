# The mistakes that these tests catch: an index that is an offset in bytes; a bound that is off by one; a value that is cut to
# fit; a wrong size or range of a type; a sign that is lost.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load peers/every_server

@test "21b: the demo is the same each time" { check_demo 5; }

@test "21b: what a child writes, its parent sees, with every type code" {
    local demo
    demo=$(play)
    equal 'type codes' 'c u b B h H i I l L q Q f d' "$(sed -nE "s/^main   \| '(.)' .* [1-8]: .*, .*$/\1/p" <<< "$demo" | paste -sd ' ')"
    [[ $demo == *"'b' signed char        1: -128, 127"* && $demo == *"'Q' unsigned long long 8: 0, 18446744073709551615"* ]] || fail "$demo"
    [[ $demo == *"'f' float              4: -3.40282e+38, 3.40282e+38"* ]] || fail "$demo"
}

@test "21b: [2] and [-3] are no items of two" {
    equal 'what is no item' 'main   | [2] of 2: no such item
main   | [-3] of 2: no such item' "$(play | grep 'of 2:')"
}

fits() { # CODE NUMBERS...
    local number
    for number in "${@:2}"; do equal "$number" "main   | $number in a '$1': $number" "$(limited "$PROGRAM" value -- "$1" "$number")"; done
}

refused() { # CODE NUMBER WHAT_C_STORES
    equal "$2" "main   | $2 in a '$1': does not fit; C would store $3" "$(limited "$PROGRAM" value -- "$1" "$2")"
}

@test "21b: each type code has its C type's range" {
    fits b -128 127
    refused b -129 127
    refused b 128 -128
    fits B 0 255
    refused B -1 255
    refused B 256 0
    fits h -32768 32767
    refused h 32768 -32768
    fits H 0 65535
    refused H 65536 0
    fits i -2147483648 2147483647
    refused i -2147483649 2147483647
    fits I 0 4294967295
    refused I 4294967296 0
    fits q -9223372036854775808 9223372036854775807
    fits Q 0 9223372036854775807
    refused Q -1 18446744073709551615
}

@test "21b: characters are numbers too" {
    equal 'a char' "main   | 255 in a 'c': 0xff" "$(limited "$PROGRAM" value c 255)"
    refused c 256 0x00
    equal 'a wchar_t' "main   | 1114111 in a 'u': 0x10ffff" "$(limited "$PROGRAM" value u 1114111)"
    refused u 1114112 0x110000
}

@test "21b: a process that is refused is a clear error" {
    run limited env REFUSE=1 "$BUILD/flaky/$stem"
    equal 'status and last line' "1 $stem: fork: Resource temporarily unavailable" "$status ${lines[-1]}"
}

@test "21b: names what is wrong" {
    refuses 2 'x: none of c u b B h H i I l L q Q' value x 1
    refuses 2 'f: none of c u b B h H i I l L q Q' value f 1
    refuses 2 ': none of c u b B h H i I l L q Q' value '' 1
    refuses 2 'bb: none of c u b B h H i I l L q Q' value bb 1
    refuses 2 'NUMBER 1.5: not a number from -9223372036854775808 to 9223372036854775807' value i 1.5
    refuses 2 'value: wants CODE NUMBER' value i
}

@test "21b: has help" { every_server_has_help; }
@test "21b: the slides show what is so" { check_slides; }
