# The house itself: its rooms, its rules, and make. What a lesson's own tests prove is in its own file.
# shellcheck disable=SC2013,SC2034 # words of one line each; stem is the helper's
load helper

# The names in a room: a number is an hour, a letter one sitting of it (06_name, 17a_name).
names_in() { # ROOM SUFFIX
    find "$1" -name "[0-9][0-9]*$2" -printf '%f\n' | grep -xE "[0-9]{2}[a-z]?_[a-z0-9_]+$2" | sed "s/$2\$//" | sort
}

lessons() {
    names_in lessons .c
}

lines_of_common=7112 # to be 4500

pictures_of() { # DECK...
    grep -oh 'img/[0-9a-z_]*\.svg' "$@" | sort -u
}

# ---- Rooms -------------------------------------------------------------------------------------------------------------

@test "00: every lesson has its four rooms, and no room is without its lesson" {
    local want
    want=$(lessons)
    [[ $want ]] || fail 'there is no lesson'
    equal 'decks' "$want" "$(names_in slides .md)"
    equal 'tests' "$want" "$(names_in tests .bats | grep -v '^00')"
    equal 'files of no lesson' '' "$(find lessons slides tests -maxdepth 1 -name '*.*' -printf '%f\n' |
        grep -vxE '[0-9]{2}[a-z]?_[a-z0-9_]+[.](c|md|bats)|theme.css|helper.bash' || true)"
    for lesson in $want; do [[ -x $BUILD/$lesson ]] || fail "$lesson has not been built"; done
}

@test "00: nothing else stands at the top" {
    equal 'the top level' 'Makefile README.md common lessons slides tests' \
        "$(find . -mindepth 1 -maxdepth 1 -not -name '.*' -not -name build -not -name lab -printf '%f\n' | sort | paste -sd ' ')"
    equal 'dot files' '' "$(find . -mindepth 1 -maxdepth 1 -name '.*' -printf '%f\n' |
        grep -vxE '\.(ci|git|github|gitignore|clang-format|editorconfig)' || true)"
}

@test "00: a header says which lesson introduces it, and no lesson includes it before" { # 17 < 17a < 17b < 18
    equal 'headers that are not introduced, or too late' '' "$(LC_ALL=C awk '
        FILENAME ~ /h$/ { if (FNR == 2 && match($0, /^ \* Introduced by lesson [0-9][0-9][a-z]?/)) first[FILENAME] = substr($0, 25, RLENGTH - 24)
            next }
        /^#include "/ { split($2, part, "\""); header = "common/" part[2]; name = FILENAME
            sub(/.*\//, "", name); sub(/_.*/, "", name)
            if (!(header in first)) print header " does not say which lesson introduces it"
            else if (name < first[header]) print name " includes " header ", which lesson " first[header] " introduces" }' common/*/*.h lessons/*.c)"
    equal 'headers of lesson 01a' 'stage/args.h stage/cast.h stage/die.h stage/say.h stage/server_program.h' "$(sed -n 's/^#include "\(.*\)"/\1/p' lessons/01a_*.c | paste -sd ' ')"
}

# Each word of C is noted with the module that it stands in: a header and its .c are one.
@test "00: a helper in common/ has two users, and each of its functions has one" {
    equal 'helpers with one user, functions with none' '' "$(awk '
        FNR == 1 { module = FILENAME; sub(/\.[ch]$/, "", module); sub(/^common\//, "", module) }
        /^#include "/ { split($2, part, "\""); sub(/\.h$/, "", part[2])
            if (part[2] != module && !((part[2], FILENAME) in included)) users[part[2]]++
            included[part[2], FILENAME] = 1; next }
        FILENAME ~ /^common.*\.h$/ { modules[module] = 1
            if (match($0, /^[a-z_][^(]*[ *][a-z_0-9]+\(/)) { name = substr($0, 1, RLENGTH - 1); sub(/.*[ *]/, "", name); functions[name] = module } }
        FILENAME ~ /\.c$/ && FILENAME !~ /^tests/ { n = split($0, word, /[^A-Za-z_0-9]+/)
            for (i = 1; i <= n; i++) if (word[i] in functions && functions[word[i]] != module) used[word[i]] = 1 }
        END { for (m in modules) if (users[m] < 2) print m ".h has " users[m] + 0 " users"
            for (name in functions) if (!(name in used)) print "nobody uses " name }' common/*/*.h common/*/*.c lessons/*.c tests/peers/*.c)"
}

@test "00: a lesson opens with what to predict, run, watch and read" {
    equal 'what lessons do not say' '' "$(awk '
        function missing(   i) { for (i = 1; i <= 6; i++) if (!(key[i] in said)) print lesson ": " key[i]; split("", said) }
        BEGIN { split("Predict Run Watch Before After Python", key) }
        FNR == 1 { if (lesson) missing(); lesson = FILENAME; sub(/.*\//, "", lesson); sub(/\.c$/, "", lesson); inside = 1
            if (index($0, "/* " lesson ": ") != 1) print lesson ": its name" }
        inside && /^ \* [A-Z][a-z]+  / { said[$2] = 1 }
        /\*\// { inside = 0 }
        END { missing() }' lessons/*.c)"
}

# Time is the subject in one place only: is_idle in tests/helper.bash.
@test "00: no lesson, helper or test waits by the clock" {
    equal 'sleep in C' '' "$(grep -lE '\b(u?sleep|nanosleep)\b *\(' lessons/*.c common/*/*.c tests/peers/*.c)"
    equal 'sleep in tests' tests/helper.bash "$(grep -lE '(^|[;&|(]) *sleep [0-9$]' tests/*.ba* tests/peers/*.bash tests/bugs/run)"
    equal 'sleeps in the helper' 1 "$(grep -cE '(^|[;&|(]) *sleep [0-9$]' tests/helper.bash)"
}

@test "00: every test file has tests, and every lesson its seeded bugs" {
    local lesson count least
    equal 'files with too few tests' '' "$(grep -c '^@test' tests/*.bats | awk -F: '$2 < 3')"
    equal 'tests with the number of another file' '' \
        "$(awk '/^@test/ { name = FILENAME; sub(/.*\//, "", name); sub(/_.*/, "", name); if ($2 != "\"" name ":") print FILENAME ": " $0 }' tests/*.bats)"
    for lesson in $(lessons); do
        least=2
        [[ $("$BUILD/$lesson" --help) != *$'\n  serve'* ]] || least=3
        count=$(compgen -G "tests/bugs/${lesson%%_*}_*.patch" | wc -l)
        ((count >= least)) || fail "$lesson has $count bugs"
    done
    equal 'bugs of no lesson' '' "$(names_in tests/bugs .patch | cut -d _ -f 1 | sort -u | comm -23 - <({ echo 00b; echo 00d; lessons | cut -d _ -f 1; } | sort))"
    equal 'bugs without a misconception, or caught by no test' '' "$(awk 'FILENAME ~ /bats$/ { if (sub(/^@test "/, "") && sub(/" \{.*/, "")) titles[$0] = 1; next }
        FNR == 1 && (!/^Misconception: ./ || / None$/) || FNR == 2 && sub(/^Caught by: /, "") && !($0 in titles) { print FILENAME ": " $0 }' tests/*.bats tests/bugs/*.patch)"
}

@test "00: a deck has notes for the speaker and its pictures, and no picture is without its deck" {
    equal 'decks with too few notes' '' "$(awk '
        function enough() { if (notes < int((rules - 1) / 2)) print deck ": " notes }
        FNR == 1 { if (deck) enough(); deck = FILENAME; rules = notes = 0 }
        /^---$/ { rules++ }
        /<!--/ { notes++ }
        END { enough() }' slides/*.md)"
    equal 'pictures that are shown, and those that there are' "$(pictures_of slides/*.md)" "$(cd slides && find img -type f -size +0 | sort)"
}

@test "00: the syllabus of the README has one row for each lesson, in order" {
    equal 'the rows of the syllabus' "$(lessons)" "$(sed -nE 's/^[|] ([0-9]{2}[a-z]?_[a-z0-9_]+) [|].*/\1/p' README.md)"
}

# ---- Budgets -----------------------------------------------------------------------------------------------------------

# The functions of more than 30 lines, their heads included.
long_functions_of() { # FILE...
    awk 'FNR == 1 { head = 1; inside = 0 }
        FNR == head && match($0, /[a-z_0-9]+\(/) { name = substr($0, RSTART, RLENGTH - 1) }
        /^\{/ { inside = 1 }
        /^\}/ { if (inside && FNR - head >= 30) print FILENAME ":" name; inside = 0 }
        !inside && (/^$/ || /\*\/$/ || /;$/ || /^\}/ || /^#/) { head = FNR + 1 }' "$@"
}

# The slides on which the blocks of a language (or of any) have more than LINES lines, all together.
crowded_slides() { # LANGUAGE LINES DECK...
    awk -v language="$1" -v most="$2" '
        function turn() { if (lines > most) print deck ", slide " slide ": " lines; slide++; lines = 0 }
        FNR == 1 { turn(); deck = FILENAME; slide = -1; inside = 0 }
        /^---$/ { turn() }
        /^```/ { inside = !inside; counts = language == "" || $0 == "```" language; next }
        inside && counts { lines++ }
        END { turn() }' "${@:3}"
}

in_blocks() { # LANGUAGE, or a pattern of some; DECK...
    awk -v fence="^\`\`\`($1)\$" '/^```/ { inside = !inside && $0 ~ fence; next } inside { print FILENAME ": " $0 }' "${@:2}"
}

@test "00: a lesson has at most 200 lines of 100 columns, its functions 30 lines" {
    equal 'lessons of more than 200 lines' '' "$(wc -l lessons/*.c | awk '$1 > 200 && $2 != "total"')"
    equal 'lines over 100 columns' '' "$(LC_ALL=C.UTF-8 grep -nE '^.{101}' lessons/*.c || true)"
    equal 'functions over 30 lines' '' "$(long_functions_of lessons/*.c)"
}

@test "00: a deck has 5 to 9 slides with a picture, code that is seen from the last row, and the common look" {
    equal 'decks of less than 5 or more than 9 slides' '' "$(grep -c '^---$' slides/*.md | awk -F: '$2 < 6 || $2 > 10')"
    equal 'decks without a picture' '' "$(grep -LE 'img/[0-9a-z_]*\.svg' slides/*.md || true)"
    equal 'slides with more than 16 lines of C' '' "$(crowded_slides c 16 slides/*.md)"
    equal 'slides with more than 20 lines in blocks' '' "$(crowded_slides '' 20 slides/*.md)"
    equal 'lines of blocks over 84 columns' '' "$(in_blocks 'c|console|text' slides/*.md | LC_ALL=C.UTF-8 grep -E '^[^:]*: .{85}' || true)"
    equal 'commands that filter' '' "$(in_blocks console slides/*.md | grep -E '(^[^:]*: [$]|[|;&]) *(sed|grep|awk|head|tail|tr|cut)\b' || true)"
    equal 'decks with a front matter of their own' '' "$(awk 'BEGIN { split("---,marp: true,theme: toolkit,paginate: true,---", want, ",") }
        FNR <= 5 && $0 != want[FNR] { print FILENAME ": " $0 }' slides/*.md)"
    equal 'looks of their own' '' "$(grep -nE '<style|!\[(w|h|bg)\b|!\[\]' slides/*.md || true)"
}

@test "00: a picture fits its slide, its labels are large, and its colours are those of the theme" {
    equal 'pictures that are not within 1160 by 480, or without a font-size' '' "$(awk '
        FNR == 1 { split($0, box, /viewBox="|"/); n = split($0, part, "viewBox=\""); split(part[2], box, /[ "]/)
            if (n < 2 || box[3] > 1160 || box[4] > 480) print FILENAME ": " box[3] " by " box[4] }
        /<svg [^>]*font-size="/ { sized[FILENAME] = 1 }
        END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in sized)) print ARGV[i] }' slides/img/*.svg)"
    equal 'font sizes under 18' '' "$(grep -oE 'font-size[=:] *"?[0-9.]+' slides/img/*.svg | awk -F '[=:" ]+' '$NF < 18')"
    equal 'colours that the theme does not have' '' "$(grep -oE '(fill|stroke|color)[=:]"?#[0-9a-fA-F]+' slides/img/*.svg |
        grep -vE "($(grep -oE '#[0-9a-f]{6}' slides/theme.css | paste -sd '|'))\$" || true)"
}

@test "00: common/ is small: its modules, its functions, and all of it" {
    local file lines
    equal 'modules over 300 lines' '' "$(wc -l common/*/*.c | awk '$1 > 300 && $2 != "total" { print $2 }')"
    equal 'functions over 30 lines' '' "$(long_functions_of common/*/*.c)"
    equal 'lines over 100 columns' '' "$(LC_ALL=C.UTF-8 grep -nE '^.{101}' common/*/*.[ch] tests/peers/*.c || true)"
    lines=$(cat common/*/*.[ch] | wc -l)
    ((lines <= lines_of_common)) || fail "common/ has $lines lines"
}

@test "00: a room of common/ includes itself and the rooms to its left" {
    local rooms='stage sockets socketserver threads processes bench'
    equal 'the rooms' "$(tr ' ' '\n' <<< "$rooms" | sort)" "$(find common -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)"
    equal 'what includes to the right' '' "$(awk -v rooms="$rooms" 'BEGIN { n = split(rooms, room); for (i = 1; i <= n; i++) place[room[i]] = i }
        /^#include "/ { split(FILENAME, here, "/"); split($2, there, /["\/]/)
            if (!place[there[2]] || place[there[2]] > place[here[2]]) print FILENAME " includes " $2 }' common/*/*.[ch])"
}

# ---- make --------------------------------------------------------------------------------------------------------------

make_here() {
    env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory "BUILD=$BUILD" "$@" 2>&1
}

@test "00: make help lists the targets, and so does a mistyped one" {
    local target
    run make_here help
    for target in all NN tour test bugs bench lab grade hint watch labs repair slides picture pages clean help; do
        equal "lines about $target" 1 "$(grep -c "^  make $target " <<< "$output")"
    done
    local help=$output
    run make_here -B help
    equal 'the list, when all is made again' "$help" "$output"
    run make_here tuor
    ((status == 2))
    [[ $output == "make: no target 'tuor'"*"$help"* ]] || fail "$output"
    for target in tests lessons build NN; do
        run make_here "$target"
        [[ $status == 2 && $output == "make: no target '$target'"*"$help"* ]] || fail "$output"
    done
    equal 'lines over 80 columns' '' "$(awk 'length($0) > 80' <<< "$help")"
}

@test "00: make NN plays the demo, or what ARGS say" {
    run make_here 01a
    ((status == 0))
    [[ $output == *'client 2 has left' ]] || fail "$output"
    run make_here 01a ARGS=--help
    [[ $output == 'Usage: 01a_serial_server '* ]] || fail "$output"
}

# A course of five lessons, each of which says its name; bats says what it is given.
@test "00: a number plays its hour, a letter one sitting, and a zero in front may be left out" {
    local copy=$BATS_TEST_TMPDIR/course lesson
    mkdir -p "$copy"/{lessons,slides,common/{room,stage},tests/peers,bin}
    cp common/stage/tour.sh "$copy/common/stage"
    cp tests/peers/test.bash "$copy/tests/peers"
    for lesson in 06_one 16_six 17a_two 17b_three 18_four; do
        printf '/* %s: a title\n * Predict  what?\n * Run  build/%s, or make it\n */\n' "$lesson" "$lesson" > "$copy/lessons/$lesson.c"
        printf '#include <stdio.h>\nint main(int n, char **v) { return printf("%s %%s\\n", n > 1 ? v[1] : "") < 0; }\n' "$lesson" >> "$copy/lessons/$lesson.c"
        echo "load helper" > "$copy/tests/$lesson.bats"
    done
    echo 'extern int nothing;' | tee "$copy/common/room/nothing.c" > "$copy/tests/peers/flaky.c"
    printf '#!/bin/sh\necho "bats $*"\n' > "$copy/bin/bats"
    chmod +x "$copy/bin/bats"
    cp Makefile "$copy"
    local PATH=$copy/bin:$PATH
    cd "$copy"
    make_course() { make_here BUILD=build SAN= TAP=1 "$@"; }
    make_course programs
    equal 'make 06' '06_one ' "$(make_course 06)"
    equal 'make 6' '06_one ' "$(make_course 6)"
    equal 'make 17b' '17b_three ' "$(make_course 17b)"
    equal 'make 17' $'\n== 17a_two ==\n17a_two \n\n== 17b_three ==\n17b_three ' "$(make_course 17)"
    equal 'make 17b ARGS=' '17b_three serve' "$(make_course 17b ARGS='serve now')"
    equal 'make tour' $'06_one \n16_six \n17a_two \n17b_three \n18_four ' "$(make_course tour < /dev/null | grep '^[01]')"
    equal 'make tour T=17' $'17a_two \n17b_three \n18_four ' "$(make_course tour T=17 < /dev/null | grep '^[01]')"
    equal 'make tour T=6' '== lesson 1 of 5: 06_one ==' "$(make_course tour T=6 < /dev/null | grep '^== ' | head -n 1)"
    equal 'make list' $'06  a title\n16  a title\n17a a title\n17b a title\n18  a title' "$(make_course list)"
    equal 'make list T=17' $'17a a title\n    what?\n17b a title\n    what?' "$(make_course list T=17)"
    equal 'make list T=6' $'06  a title\n    what?' "$(make_course list T=6)"
    equal 'make 17d' 'make: no lesson 17d. Did you mean 17 17a 17b? make list names them all.' "$(make_course 17d | head -n 1)"
    equal 'make 006' 'make: no lesson 006. Did you mean 06? make list names them all.' "$(make_course 006 | head -n 1)"
    equal 'make 066' 'make: no lesson 066. Did you mean 06? make list names them all.' "$(make_course 066 | head -n 1)"
    equal 'make 99' 'make: no lesson 99. make list names them all.' "$(make_course 99 | head -n 1)"
    equal 'make test T=17b' 'bats tests/17b_three.bats' "$(make_course test T=17b)"
    equal 'make test T=6' 'bats tests/06_one.bats' "$(make_course test T=6)"
    mkdir -p build/tests
    equal 'make test T=17' $'bats tests/17a_two.bats\nbats tests/17b_three.bats' "$(make_course test T=17 | sort)"
    equal "make test T='1[68]'" $'bats tests/16_six.bats\nbats tests/18_four.bats' "$(make_course test T='1[68]' | sort)"
    run make_course tour T=19
    [[ $status == 2 && $output == *'no lesson for T=19'* ]] || fail "$output"
    rm -r build
    make_course 16
    equal 'what make 16 builds' 16_six "$(find build -maxdepth 1 -type f -perm -u+x -printf '%f ' | xargs)"
}

@test "00: each lesson's help fits 80 columns" {
    local lesson
    equal 'lines of make list over 80 columns' '' "$(make_here list | awk 'length($0) > 80')"
    for lesson in $(lessons); do
        "$BUILD/$lesson" --help > "$BATS_TEST_TMPDIR/$lesson"
    done
    equal 'lines of --help over 80 columns' '' "$(awk 'length($0) > 80' "$BATS_TEST_TMPDIR"/*)"
}

# How many lines each lesson has said, if more than 24 or none.
long_demos() {
    awk '/^== lesson / { lesson = $6 } /^\$ build\// { counts = 1; next }
        /^$/ { if (counts && (lines == 0 || lines > 24)) print lesson ": " lines; counts = lines = 0 }
        counts { lines++ }'
}

@test "00: the tour plays every lesson, at most 24 lines of 80 columns, and goes on by itself without a terminal" {
    export TSAN_OPTIONS=report_mutex_bugs=0 # as in the tests of lesson 17
    local start=$SECONDS
    run make_here tour < /dev/null
    ((status == 0)) || fail "$output"
    ((SECONDS - start < $(limit 30))) || fail "the tour took $((SECONDS - start)) s"
    local lesson number=0 count
    count=$(lessons | wc -l)
    for lesson in $(lessons); do
        number=$((number + 1))
        [[ $output == *"== lesson $number of $count: $lesson =="*'What do you think? '*" build/$lesson"* ]] || fail "$output"
    done
    [[ $output == *'That was the tour.'* ]]
    equal 'demos of more than 24 lines' '' "$(long_demos <<< "$output")"
    equal 'lines over 80 columns' '' "$(LC_ALL=C.UTF-8 grep -E '^.{81}' <<< "$output" || true)"
}

@test "00: the tour waits for Enter on a terminal" {
    run limited "$BUILD/peers/pty" type $'\n\n\x04' env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory "BUILD=$BUILD" tour
    [[ $output == *'== lesson 2 of '* && $output != *'== lesson 3 of '* ]] || fail "$output"
}

on_a_terminal() { # KEYS TARGETS...
    limited "$BUILD/peers/pty" type "$1" env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory "BUILD=$BUILD" "${@:2}"
}

@test "00: on a terminal, s skips a lesson of the tour, b goes back, and q quits" {
    equal 'lessons' '01a_serial_server 01b_rude_clients 01a_serial_server' \
        "$(on_a_terminal $'s\nb\nq\n' tour | sed -n 's/^== lesson .*: \(.*\) ==.*/\1/p' | xargs)"
}

@test "00: a lesson of the tour stays on the screen until Enter, and b plays it again" {
    local said
    said=$(on_a_terminal $'\nb\n\nq\n' 17)
    equal 'stops' '17a_lost_update 17a_lost_update' "$(sed -n 's/^.*== lesson .*: \(.*\) ==.*/\1/p' <<< "$said" | xargs)"
    equal 'plays' 2 "$(grep -c 'an atomic addition' <<< "$said")"
    [[ $said == *'(Enter goes on, b plays it again, q quits)'* ]] || fail "$said"
}

@test "00: on a terminal, make NN asks first, and says afterwards what to watch and what to try" {
    local said
    said=$(on_a_terminal $'\n' 17a)
    [[ $said == '17a_lost_update: '*'(Enter runs it, q quits)'*'main   |'*'Watch  '*'Try    '* ]] || fail "$said"
    said=$(on_a_terminal $'\x04' 17a)
    [[ $said == *'(Enter runs it, q quits)'* && $said != *'main   |'* ]] || fail "$said"
    said=$(on_a_terminal $'q\n' 17)
    [[ $said == *'== lesson 1 of 3: 17a_lost_update =='* && $said != *'17b_'* && $said != *'main   |'* ]] || fail "$said"
}

@test "00: a test that fails says what was expected, what students believe, and how to go on" {
    local bug=tests/bugs/24b_waits_too_long.patch title belief
    title=$(sed -n '2s/^Caught by: //p' $bug) belief=$(sed -n '1s/^Misconception: //p' $bug)
    run awk -v alone=1 -f tests/peers/report.awk <<< "1..4
ok 1 24b: one
not ok 2 $title
# (from function \`fail' in file tests/helper.bash, line 29,
#  in test file tests/24b_results.bats, line 20)
#   \`equal 'results' failed
# line 4: expected
# no result yet
# but got
# a result
ok 3 24b: three # skip not run
ok 4 24b: four # skip the deck shows something else than the lesson: slides 4"
    equal 'what is said' "1 not ok  $title
    line 4: expected
    no result yet
    but got
    a result
    Students who see this often believe:
        $belief
    See it: build/24b_results    Read: slides/24b_results.md    All tests: ALL=1 make test T=24b
1 passed, 1 failed, 1 skipped, 1 not run (0 s)
skipped 1: the deck shows something else than the lesson: slides 4" "$status ${output/([0-9] s)/(0 s)}"
}

@test "00: tests that do not say how they ended are missed" {
    run awk -f tests/peers/report.awk <<< $'1..3\nok 1 06: one\nok 2 06: two'
    equal 'status' 1 "$status"
    [[ $output == '2 passed, 0 failed'*'1 tests have not said how they ended' ]] || fail "$output"
    run awk -f tests/peers/report.awk < /dev/null
    equal 'status without a test' 1 "$status"
    run awk -f tests/peers/report.awk <<< $'1..2\nok 1 06: one\nok 2 06: two'
    equal 'status when all is well' 0 "$status"
}

@test "00: make test T= stops at the first test that fails" {
    local file=$BATS_TEST_TMPDIR/tests/99_x.bats
    mkdir -p "$BATS_TEST_TMPDIR/tests/peers"
    cp tests/helper.bash "${file%/*}"
    cp tests/peers/*.bash tests/peers/report.awk "${file%/*}/peers"
    printf '%s\n' 'load helper' '@test "99: one" { true; }' '@test "99: two" { equal this a b; }' '@test "99: three" { fail here; }' > "$file"
    cd "$BATS_TEST_TMPDIR"
    export BUILD TEST_JOBS=1 TAP='' ALL=''
    run bash tests/peers/test.bash 99
    [[ $status == 1 && $output == *'not ok  99: two'* && $output == *'1 passed, 1 failed, 1 not run'* ]] || fail "$output"
    ALL=1 run bash tests/peers/test.bash 99
    [[ $status == 1 && $output == *'1 passed, 2 failed ('* ]] || fail "$output"
    # shellcheck disable=SC2016
    printf '%s\n' 'load helper' '@test "99: one" { echo here >> "$UNTIDY"; }' > "$file" # as stop does
    run bash tests/peers/test.bash 99
    [[ $status == 1 && $output == *'not ok  99: a server that stops says so and gives back what it took'*'1 passed, 1 failed ('* ]] || fail "$output"
}

@test "00: make test without a test is an error" {
    run make_here test T=98
    ((status == 2))
    [[ $output == *'no tests for T=98'* ]] || fail "$output"
}

# A new lesson is a new file; what a header changes is built again; all of it in parallel, without a warning.
# A course of two lessons and two modules, of which one lesson and one module include the header of the other.
@test "00: make builds out of tree, in parallel, with the flags that it is given" {
    local copy=$BATS_TEST_TMPDIR/copy
    mkdir -p "$copy"/{lessons,common/room}
    cp Makefile "$copy"
    cd "$copy"
    echo 'int main(void) { return 0; }' | tee lessons/06_one.c > lessons/98_new.c
    echo 'extern int nothing;' | tee common/room/one.h common/room/one.c > common/room/two.c
    sed -i '1i #include "room/one.h"' lessons/98_new.c common/room/two.c
    run make_here BUILD=out SAN= -j 4 CFLAGS='-O0 -Werror' CPPFLAGS=-DGIVEN V=1
    ((status == 0)) || fail "$output"
    [[ $output == *'-DGIVEN -O0 -Werror'* ]] || fail "$output"
    [[ -x out/06_one && -x out/98_new ]]
    equal 'what stands beside the sources' 'Makefile common lessons out' "$(find . -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd ' ')"
    equal 'objects among the sources' '' "$(find common lessons -not -name '*.[ch]' -type f)"
    built_again() { make_here BUILD="${2:-out}" SAN= CFLAGS='-O0 -Werror' CPPFLAGS="-D$1" | grep '^  CC ' | xargs; }
    equal 'what is built again for nothing' '' "$(built_again GIVEN)"
    touch common/room/one.h
    equal 'what a header changes' 'CC common/room/two.c CC lessons/98_new.c' "$(built_again GIVEN)"
    touch common/room/one.h
    equal 'the same by another name of the folder' 'CC common/room/two.c CC lessons/98_new.c' "$(built_again GIVEN "$copy/out")"
    equal 'what other flags change' 4 "$(built_again OTHER | grep -o CC | wc -l)"
}

# Headers that cannot be had, as on a system that is not Linux: what would be built then does without them.
@test "00: without the headers of Linux, everything is built but the lessons that say so" {
    local hidden=$BATS_TEST_TMPDIR/hidden header left_out lesson commands built
    local headers='epoll|eventfd|inotify|prctl|signalfd|timerfd'
    mkdir -p "$hidden/sys"
    for header in ${headers//|/ }; do echo '#error "not here"' > "$hidden/sys/$header.h"; done
    commands=$(make_here -n BUILD="$BATS_TEST_TMPDIR/out" SAN= CPPFLAGS="-I$hidden" all)
    built=$(grep -oE ' (common|lessons)/[^ ]*\.c$' <<< "$commands")
    left_out=$(for lesson in $(lessons); do grep -q " lessons/$lesson.c$" <<< "$built" || echo "$lesson"; done)
    equal 'what says that it needs Linux' "$(grep -l '^ [*] Needs    Linux' lessons/*.c | xargs basename -s .c)" "$left_out"
    equal 'what needs Linux, and is built' '' "$(xargs grep -lE "^#include <sys/($headers)\.h>" <<< "$built" | xargs grep -L '^#ifdef __linux__')"
    [[ $commands == *"left out because they need Linux: $(paste -sd ' ' <<< "$left_out")"* ]] || fail "$commands"
}
