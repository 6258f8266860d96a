# A student's labs, for make lab, grade, hint, watch, labs and repair.
#
#   lab.bash lab|show|grade|hint|watch|repair LESSON, or labs LESSONS...
#
# A grade of which something is red ends with status 3: make grade makes 0 of it, because the last line that a student reads
# is to be the grade's and not make's, unless STRICT=1.
# In the environment: LAB, the student's own folder; ANSWERS, where the answers are built; BUILD, where the lessons are; MAKE.
# tests/labs/LESSON.lab says what is emptied and the steps; README.md, "Labs", says how it is written.
# What the student has reached is in LAB/.score: LESSON (steps, best, grades, hints), LESSON.bug, LESSON.mended.
set -u
export LC_ALL=C
labs=${LABS:-tests/labs}
words=$1
shift
stem=${1:-}
number=${stem%%_*}
lab=$labs/$stem.lab
score=$LAB/.score/$stem
red=3

# ---- A lab file --------------------------------------------------------------------------------------------------------

# Reads the steps into titles, and their tests, hints and bugs, one a line.
read_lab() { # FILE
    local line rest step=-1 last=''
    titles=() tests=() hints=() bugs=() reason='' most_processes=600 most_mib=512
    while IFS= read -r line || [[ $line ]]; do
        read -r _ rest <<< "$line"
        case $line in
        'step '*) titles[++step]=$rest tests[step]='' hints[step]='' bugs[step]='' last='' ;;
        'none '*) reason=$rest last=none ;;
        'processes '*) most_processes=$rest ;;
        'memory '*) most_mib=$rest ;;
        '        '*)
            case $last in
            hint) hints[step]+=" ${line#        }" ;;
            none) reason+=" ${line#        }" ;;
            esac
            ;;
        '    test '*) tests[step]+=${tests[step]:+$'\n'}$rest last=test ;;
        '    bug '*) bugs[step]+="${bugs[step]:+ }$rest" last=bug ;;
        '    hint '*) hints[step]+=${hints[step]:+$'\n'}$rest last=hint ;;
        esac
    done < "$1"
}

# The titles of the lesson's tests that begin with one of these words.
titles_of() { # WORDS, one a line
    local title prefix
    sed -n 's/^@test "\(.*\)" {.*/\1/p' "tests/$stem.bats" | while IFS= read -r title; do
        while IFS= read -r prefix; do
            [[ $title != "$number: $prefix"* ]] || { echo "$title" && break; }
        done <<< "$1"
    done
}

# ---- The score ---------------------------------------------------------------------------------------------------------

recall() { # KEY
    sed -n "s/^$1 //p" "$score" 2> /dev/null | grep . || echo 0
}

remember() { # KEY VALUE
    mkdir -p "$LAB/.score"
    { grep -v "^$1 " "$score" 2> /dev/null; echo "$1 $2"; } > "$score.new"
    mv "$score.new" "$score"
}

# ---- make lab ----------------------------------------------------------------------------------------------------------

refuse() {
    printf 'make %s: %s\n' "$words" "$1" >&2
    exit 1
}

give() {
    [[ ! $reason ]] || refuse "$stem has no lab: $reason"
    if [[ -e $LAB/$stem.c ]]; then
        echo "$LAB/$stem.c is yours, and stays as it is. To start again, move it away."
        return
    fi
    mkdir -p "$LAB"
    awk -v number="$number" -f tests/labs/empty.awk "$lab" "lessons/$stem.c" > "$LAB/$stem.new" || exit 1
    mv "$LAB/$stem.new" "$LAB/$stem.c"
    echo "$LAB/$stem.c: the parts that you write are marked TODO. The steps:"
    local i
    for i in "${!titles[@]}"; do echo "  $((i + 1)) ${titles[i]}"; done
    echo "make grade T=$number says how far you are, make hint T=$number helps."
}

show() {
    [[ -e $LAB/$stem.c ]] || refuse "there is no $LAB/$stem.c yet: make lab T=$number"
    (($(recall best) == ${#titles[@]})) || refuse "first build it: $(recall best) of ${#titles[@]} steps hold so far"
    diff -u "$LAB/$stem.c" "lessons/$stem.c" && echo 'yours is the same as the lesson'
    return 0
}

# ---- make grade --------------------------------------------------------------------------------------------------------

# What the student saved last: the lab's file, or that of the repair.
choose() {
    name=$stem
    [[ ! $LAB/$stem.repair.c -nt $LAB/$stem.c ]] || name=$stem.repair
    [[ -e $LAB/$name.c ]] || refuse "there is no $LAB/$stem.c yet: make lab T=$number"
}

# A folder like build/, in which the lesson is the student's. Of what the tests need besides, one line is said, the first time.
build() {
    rooms=$ANSWERS/$name
    $MAKE -j"$(nproc)" --no-print-directory needed T="$number" 2> "$scratch/built" |
        awk -v number="$number" '/^  CC/ && !said++ { print "compiles what the tests of " number " need; only the first time takes so long" }'
    if ((PIPESTATUS[0] != 0)); then
        grep -v '^make' "$scratch/built" | head -n 20
        refuse 'what the tests need does not compile'
    fi
    if ! $MAKE --no-print-directory "$rooms/answer" "$rooms/flaky/answer" > "$scratch/built" 2>&1; then
        grep -v '^make' "$scratch/built" | head -n 20
        echo "$LAB/$name.c does not compile"
        return 1
    fi
    grep -vE '^make|^  (CC|LINK) ' "$scratch/built" | head -n 20
    local program
    for program in "$BUILD"/[0-9]* "$BUILD"/peers; do ln -sfn "$(realpath "$program")" "$rooms/${program##*/}"; done
    ln -f "$rooms/answer" "$rooms/$stem"
    ln -f "$rooms/flaky/answer" "$rooms/flaky/$stem"
}

# Runs these tests until one fails, within bounds; prints what a student is told. Whatever they leave in files goes too.
run_tests() { # TITLES, one a line
    local status pattern
    # shellcheck disable=SC2001 # each character that means something to bats -f
    pattern=$(sed 's/[][\\.*^$+?(){}|]/\\&/g' <<< "$1" | paste -sd '|')
    rm -f "$scratch/failed"
    tmp=$(mktemp -d "${TMPDIR:-/tmp}/gXXXX") # short, as the paths of sockets have to be
    env -u MAKEFLAGS -u MAKELEVEL BUILD="$(realpath "$rooms")" STOP_AT_FIRST="$scratch/failed" BATS_TEST_TIMEOUT=$((30 * ${TEST_SLOWDOWN:-1})) TMPDIR="$tmp" \
        "$BUILD/peers/bounded" "${GRADE_SECONDS:-$((120 * ${TEST_SLOWDOWN:-1}))}" "$most_processes" "$most_mib" \
        bats -f "^($pattern)\$" "tests/$stem.bats" > "$scratch/tap" 2> "$scratch/bound" < /dev/null {one_at_a_time}>&-
    status=$?
    rm -rf "$tmp"
    no_names_left
    ((status != 0)) || return 0
    ((status < 128)) || exit "$status" # a signal, such as that of Ctrl-C
    if ((status == 99)); then
        echo "    Your program was ended: $(tail -n 1 "$scratch/bound")."
        sed -n '$s/^ok [0-9]* /    The test before it: /p' "$scratch/tap"
    else
        awk -v alone=1 -f tests/peers/report.awk "$scratch/tap" | grep -vE '^[0-9]+ passed, |^skipped ' |
            sed -e "s#build/$stem#$rooms/$stem#; s# *All tests: .*##"
        what_it_means
    fi
    return 1
}

# What the statuses of a program that was ended by a signal mean, in words.
what_it_means() {
    local said
    said=$(sed -n '/^not ok/,/^ok/p' "$scratch/tap" | grep -oE '\b(status|code) [0-9]+|^# [0-9]+$|Segmentation fault|signal [0-9]+' | head -n 8)
    case $said in
    *139* | *Segmentation* | *'signal 11'*) echo '    Status 139 is a crash: it used memory that does not belong to it (SIGSEGV).' ;;
    *134* | *'signal 6'*) echo '    Status 134 is a crash: it was aborted (SIGABRT).' ;;
    *136* | *'signal 8'*) echo '    Status 136 is a crash: it divided by 0 (SIGFPE).' ;;
    *135* | *'signal 7'*) echo '    Status 135 is a crash: it used memory that has gone (SIGBUS).' ;;
    *141* | *'signal 13'*) echo '    Status 141 is SIGPIPE: it wrote to a pipe or a socket whose reader had gone.' ;;
    *124* | *137*) echo '    Status 124 or 137: it did not come to an end, and was killed.' ;;
    esac
    ! grep -qE 'did not stop|somebody is left' "$scratch/tap" || echo '    It was sent a signal that has to end it, and it went on.'
}

# Shared memory of those who have gone: named after the lesson and a process, and new since the grade began.
no_names_left() {
    local file pid
    for file in /dev/shm/*"$number"*.[0-9]*; do
        pid=${file##*.}
        [[ ! -O $file || ! $file -nt $scratch/began || -d /proc/$pid ]] || rm -f "$file"
    done
}

grade() {
    local i status=0
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch" ${tmp:+"$tmp"}' EXIT
    trap 'exit 130' INT TERM HUP
    touch "$scratch/began"
    choose
    mkdir -p "$LAB/.score"
    exec {one_at_a_time}> "$LAB/.score/lock" # of this student
    flock "$one_at_a_time" 2> /dev/null
    build || { remember grades $(($(recall grades) + 1)); exit $red; }
    if [[ $name == *.repair ]]; then
        grade_repair
        return
    fi
    for i in "${!titles[@]}"; do
        if ! run_tests "$(titles_of "${tests[i]}")" > "$scratch/said"; then
            echo "step $((i + 1)) is red: ${titles[i]}"
            cat "$scratch/said"
            status=$red
            break
        fi
        echo "step $((i + 1)) holds: ${titles[i]}"
    done
    ((status != 0)) || i=${#titles[@]}
    keep_score "$i"
    return $status
}

keep_score() { # STEPS
    (($1 == $(recall steps))) || remember hints 0
    remember steps "$1"
    (($1 <= $(recall best))) || remember best "$1"
    remember grades $(($(recall grades) + 1))
    if (($1 == ${#titles[@]})); then
        echo "$LAB/$name.c: all $1 steps hold. make lab T=$number SHOW=1 shows how your file differs from the lesson."
    else
        echo "$LAB/$name.c: $1 of ${#titles[@]} steps hold. make hint T=$number helps."
    fi
}

# ---- make repair -------------------------------------------------------------------------------------------------------

# The seeded bugs that change the lesson's own file, and no other.
bugs_of() {
    local file
    for file in "tests/bugs/${number}"_*.patch; do
        [[ -e $file && $(sed -n 's/^+++ b\///p' "$file") == "lessons/$stem.c" ]] && basename -s .patch "$file"
    done
}

repair() {
    local copy=$LAB/$stem.repair.c left bug scratch
    if [[ -e $copy ]]; then
        echo "$copy still waits to be mended: make grade T=$number. To start again, move it away."
        return
    fi
    [[ $(bugs_of) ]] || refuse "no seeded bug of $stem is in its own file"
    touch "$LAB/.score/$stem.mended" 2> /dev/null || { mkdir -p "$LAB/.score" && touch "$LAB/.score/$stem.mended"; }
    left=$(bugs_of | grep -vxF -f "$LAB/.score/$stem.mended")
    if [[ ! $left ]]; then
        echo "you have mended every mistake in $stem; they start again from the first"
        : > "$LAB/.score/$stem.mended"
        left=$(bugs_of)
    fi
    bug=$(shuf -n 1 <<< "$left")
    scratch=$(mktemp -d)
    mkdir "$scratch/lessons"
    cp "lessons/$stem.c" "$scratch/lessons"
    (patch=$PWD/tests/bugs/$bug.patch && cd "$scratch" && GIT_CEILING_DIRECTORIES=$scratch git apply "$patch") ||
        { rm -r "$scratch"; refuse "$bug does not apply"; }
    cp "$scratch/lessons/$stem.c" "$copy"
    rm -r "$scratch"
    echo "$bug" > "$LAB/.score/$stem.bug"
    echo 0 >> "$LAB/.score/$stem.bug"
    echo "$copy is the lesson with a mistake in it. Mend it; make grade T=$number says whether you have, make hint T=$number helps."
}

bug_of_repair() {
    [[ -e $LAB/.score/$stem.bug ]] || refuse "$LAB/$stem.repair.c was not written by make repair"
    bug=$(sed -n 1p "$LAB/.score/$stem.bug")
    patch=tests/bugs/$bug.patch
    caught=$(sed -n '2s/^Caught by: //p' "$patch")
}

grade_repair() {
    local all
    bug_of_repair
    all=$(titles_of "$(printf '%s\n' "${tests[@]}")")
    if ! run_tests "${caught:-$all}" || ! { run_tests "$all"; }; then
        echo "$LAB/$name.c: it is not mended yet. make hint T=$number helps."
        return $red
    fi
    echo "$bug" >> "$LAB/.score/$stem.mended"
    echo "$LAB/$name.c: mended. Students who make this mistake believe: $(sed -n '1s/^Misconception: //p' "$patch")"
    mv "$LAB/$name.c" "$LAB/.score/$bug.c"
    echo "make repair T=$number gives the next; $(bugs_of | grep -cvxF -f "$LAB/.score/$stem.mended") are left"
}

# First the symptom, then the misconception, then the function, then the lines.
hint_repair() {
    local given
    bug_of_repair
    given=$(sed -n 2p "$LAB/.score/$stem.bug")
    case $given in
    0) echo "The symptom: this test fails: ${caught:-make grade T=$number shows it}" ;;
    1) echo "Whoever makes this mistake believes: $(sed -n '1s/^Misconception: //p' "$patch")" ;;
    *)
        echo 'Lines after a minus are those of the lesson, lines after a plus those of the mistake:'
        sed -n '/^@@/,$p' "$patch"
        ;;
    esac
    printf '%s\n' "$bug" $((given + 1)) > "$LAB/.score/$stem.bug"
}

# ---- make hint, watch, labs --------------------------------------------------------------------------------------------

# The hints of the first step that does not hold, then what students believe who stand still here.
hint() {
    local step given
    choose
    if [[ $name == *.repair ]]; then
        hint_repair
        return
    fi
    step=$(recall steps) given=$(recall hints)
    ((step < ${#titles[@]})) || { echo 'all steps hold: no hint is needed'; return; }
    mapfile -t hint < <({ printf '%s' "${hints[step]:+${hints[step]}$'\n'}"; beliefs "${bugs[step]}"; } | grep .)
    echo "step $((step + 1)): ${titles[step]}"
    if ((given < ${#hint[@]})); then
        echo "hint $((given + 1)) of ${#hint[@]}: ${hint[given]}" | fold -s -w 100
        remember hints $((given + 1))
    else
        echo "That was the last hint of this step; all ${#hint[@]} again:"
        printf '  %s\n' "${hint[@]}" | fold -s -w 100
        echo "Read slides/$stem.md."
    fi
}

beliefs() { # BUGS
    local bug
    for bug in $1; do sed -n '1s/^Misconception: /Some believe this, and it is wrong: /p' "tests/bugs/${number}_$bug.patch"; done
}

# Without a terminal there is nobody to press a key, and nobody to end it either: then it grades once.
watch() {
    local never
    exec {never}<> <(:)
    while choose; do
        touch -r "$LAB/$name.c" "$LAB/.score/watched" 2> /dev/null || { mkdir -p "$LAB/.score"; continue; }
        "${BASH}" "$0" grade "$stem"
        echo "(waits until $LAB/$name.c is saved; Ctrl-C ends)"
        until [[ $LAB/$name.c -nt $LAB/.score/watched ]]; do
            read -r -t 0.3 -u "$never" _ || [[ -e $LAB/$name.c ]] || break
        done
    done
}

labs() { # LESSONS...
    local steps total bar
    for stem; do
        number=${stem%%_*} lab=$labs/$stem.lab score=$LAB/.score/$stem
        [[ -e $lab ]] || continue
        read_lab "$lab"
        total=${#titles[@]} steps=$(recall best)
        bar=$(printf '%*s' "$steps" '' | tr ' ' '#')$(printf '%*s' $((total - steps)) '' | tr ' ' .)
        [[ ! $reason ]] || bar='no lab'
        printf '%-4s %-58.58s %-8s %s\n' "$number" "$(sed -n '1s/^[^:]*: //p' "lessons/$stem.c")" "$bar" "$([[ $reason ]] || echo "$steps of $total")"
    done
}

if [[ $words == labs ]]; then
    labs "$@"
    exit
fi
[[ $# == 1 ]] || refuse "T=${T:-} has to be one lesson${*:+: one of $(printf '%s ' "${@%%_*}")}"
[[ -e $lab ]] || refuse "$stem has no lab"
read_lab "$lab"
case $words in
lab) give ;;
*) "$words" ;;
esac
