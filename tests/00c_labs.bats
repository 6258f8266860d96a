# The labs: what is given to a student, what is graded, and what the grader bounds. That each lab's steps are right for the
# lesson, for its seeded bugs and for the emptied file, tests/labs/prove proves.
# shellcheck disable=SC2034,SC2154 # stem is the helper's
load helper

labs() {
    find tests/labs -name '*.lab' -printf '%f\n' | sed 's/\.lab$//' | sort
}

emptied() { # LESSON
    awk -v number="${1%%_*}" -f tests/labs/empty.awk "tests/labs/$1.lab" "lessons/$1.c"
}

has_lab() { # LESSON
    ! grep -q '^none ' "tests/labs/$1.lab"
}

# A student's own folder, and one for what is built there. The bats that grades is not the one that runs this.
make_lab() { # TARGET [VARIABLE=VALUE...]
    local room=$BATS_TEST_TMPDIR
    (
        unset "${!BATS_@}" MAKEFLAGS MAKELEVEL
        PATH=${PATH#*/bats-core:} make -s --no-print-directory "BUILD=$BUILD" "LAB=$room/lab" "ANSWERS=$room/built" "$@" 2>&1
    )
}

@test "00c: every lesson has a lab, or says why it has none, and a mistake to repair" {
    equal 'lab files' "$(basename -s .c lessons/*.c | sort)" "$(labs)"
    equal 'lessons with a repair' "$(labs)" "$(awk -F '/' 'FNR == 1 { own = "" } /^\+\+\+ b\// { own = own == "" ? $3 : "two" }
        { of[FILENAME] = own } END { for (file in of) { sub(/\.c$/, "", of[file]); print of[file] } }' tests/bugs/*.patch | sort -u | grep -xF "$(labs)")"
}

@test "00c: a lab names functions and tests that there are, and every step has a test and a hint or a bug" {
    local stem number lab wrong=''
    for stem in $(labs); do
        number=${stem%%_*} lab=tests/labs/$stem.lab
        has_lab "$stem" || continue
        while read -r name; do
            grep -qE "^[a-z_].*\b$name\(.*[^;]$" "lessons/$stem.c" || wrong+="$stem: no function $name"$'\n'
        done < <(sed -nE 's/^(empty|cut) ([a-z_0-9]+).*/\2/p' "$lab")
        while read -r title; do
            grep -qF "@test \"$number: $title" "tests/$stem.bats" || wrong+="$stem: no test $title"$'\n'
        done < <(sed -n 's/^    test //p' "$lab")
        while read -r bug; do
            [[ -e tests/bugs/${number}_$bug.patch ]] || wrong+="$stem: no bug $bug"$'\n'
        done < <(sed -n 's/^    bug //p' "$lab" | tr ' ' '\n')
        wrong+=$(awk -v stem="$stem" '/^step / { check(); step = $0; tests = helps = 0; steps++ } /^    test / { tests++ } /^    (hint|bug) / { helps++ }
            function check() { if (step != "" && (!tests || !helps)) print stem ": too little in " step }
            END { check(); if (steps < 2) print stem ": only one step" }' "$lab")
    done
    equal 'what is wrong' '' "$wrong"
}

@test "00c: every emptied lesson compiles without a warning, in 100 columns, and no comment says how it is done" {
    local stem
    for stem in $(labs); do
        has_lab "$stem" || continue
        emptied "$stem" > "$BATS_TEST_TMPDIR/$stem.c"
        equal "TODO in $stem" "$(grep -cE '^(empty|cut) ' "tests/labs/$stem.lab")" "$(grep -c '/\* TODO$' "$BATS_TEST_TMPDIR/$stem.c")"
        equal "comments above what $stem empties" '' "$(awk '/^$|^}/ { above = "" } /\*\/$/ && !/^    / { above = $0 } /^    \/\* TODO$/ && above != "" { print above }
            /^\/\* def / { python = 1 } /^$/ { python = 0 } python { above = "" }' "$BATS_TEST_TMPDIR/$stem.c")"
        equal "lines over 100 columns in $stem" '' "$(LC_ALL=C.UTF-8 grep -nE '^.{101}' "$BATS_TEST_TMPDIR/$stem.c" || true)"
    done
    run xargs -P 4 -I{} "${CC:-gcc}" -std=c11 -D_XOPEN_SOURCE=700 -Icommon -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only {} \
        < <(printf '%s\n' "$BATS_TEST_TMPDIR"/*.c)
    equal 'warnings' '' "$output"
}

@test "00c: a lab is red at its first step, and the lesson as its answer is green; no file is overwritten, and the grade has the last word" {
    local stem=24a_process_pool file=$BATS_TEST_TMPDIR/lab/24a_process_pool.c
    [[ $(make_lab grade T=24a) == *"there is no $file yet: make lab T=24a"* ]]
    make_lab lab T=24a
    cmp "$file" <(emptied $stem)
    run make_lab grade T=24a
    [[ $status == 0 && $output == 'step 1 is red: '*'not ok  24a: '*"$file: 0 of 3 steps hold. make hint T=24a helps." ]] || fail "$output"
    run make_lab grade T=24a STRICT=1
    [[ $status == 2 && $output == 'step 1 is red: '*"$file: 0 of 3 steps hold"* ]] || fail "$output"
    [[ $(make_lab lab T=24a SHOW=1) == *'first build it: 0 of 3 steps hold so far'* ]]
    cp lessons/$stem.c "$file"
    [[ $(make_lab lab T=24a) == *'is yours, and stays as it is'* ]]
    cmp lessons/$stem.c "$file"
    run make_lab grade T=24a
    [[ $status == 0 && $output == *'step 3 holds'*'all 3 steps hold'* ]] || fail "$output"
    [[ $(make_lab labs) == *'24a  five processes'*' ### '*'3 of 3'* ]]
    echo '/* mine */' >> "$file"
    [[ $(make_lab lab T=24a SHOW=1) == *'-/* mine */'* ]]
    echo 'int' >> "$file"
    run make_lab grade T=24a
    [[ $status == 0 && $output == *'error: '*"$file does not compile" ]] || fail "$output"
}

@test "00c: hints come one after the other, those of the step that is red" {
    make_lab lab T=17a
    [[ $(make_lab hint T=17a) == 'step 1: '*'hint 1 of 3: '* ]]
    [[ $(make_lab hint T=17a) == 'step 1: '*'hint 2 of 3: '* ]]
    [[ $(make_lab hint T=17a) == *'hint 3 of 3: Some believe this, and it is wrong: only the writing has to be locked' ]]
    [[ $(make_lab hint T=17a) == *'That was the last hint'*'slides/17a_lost_update.md'* ]]
}

@test "00c: a repair hides its bug, is red until it is mended, and then says what was believed" {
    local copy=$BATS_TEST_TMPDIR/lab/17a_lost_update.repair.c
    [[ $(make_lab repair T=17a) == "$copy is the lesson with a mistake in it."* ]]
    [[ $(make_lab repair T=17a) == *'still waits to be mended'* ]]
    run make_lab grade T=17a
    [[ $status == 0 && $output == *'not mended yet. make hint T=17a helps.' ]] || fail "$output"
    [[ $(make_lab hint T=17a) == 'The symptom: this test fails: 17a: '* ]]
    [[ $(make_lab hint T=17a) == *'believes: '* ]]
    [[ $(make_lab hint T=17a) == *'@@'* ]]
    cp lessons/17a_lost_update.c "$copy"
    [[ $(make_lab grade T=17a) == *': mended. '*'make repair T=17a gives the next; '* ]]
    [[ ! -e $copy ]]
}

# In make repair, a line that is laid out in another way says where the mistake is. A clang-format to which the lessons are not
# laid out well has other rules than ours.
@test "00c: every seeded bug applies, and its layout does not tell where it is" {
    local bug file room=$BATS_TEST_TMPDIR
    while read -r bug file; do install -D "$file" "$room/$bug/$file"; done \
        < <(awk 'FNR == 1 { bug = FILENAME; gsub(/.*\/|\.patch/, "", bug) } sub(/^\+\+\+ b\//, "") { print bug, $1 }' tests/bugs/*.patch)
    awk 'FNR == 1 { bug = FILENAME; gsub(/.*\/|\.patch/, "", bug) } /^(diff|index) / || FNR < 3 { next }
        sub(/^--- a\//, "--- a/" bug "/") || sub(/^\+\+\+ b\//, "+++ b/" bug "/") || 1' tests/bugs/*.patch |
        GIT_CEILING_DIRECTORIES=$(dirname "$room") git -C "$room" apply --whitespace=nowarn
    clang-format --dry-run -Werror lessons/*.c 2> /dev/null || skip 'needs the clang-format of the lessons'
    cp .clang-format "$room"
    find "$room" -name '*.[ch]' -print0 | xargs -0 -P 2 -n 90 clang-format --dry-run -Werror 2> "$room/said" || true
    equal 'layout that tells' '' "$(sed -n "s#^$room/\([^:]*:[0-9]*\).*#\1#p" "$room/said")"
}

# ---- Programs that a grader has to survive -----------------------------------------------------------------------------

# A lab of one step with this test, and a student's program with this main. Whatever is to be named by the bound of time has a
# short one, so that the test itself never says anything first; whatever is to be named otherwise has a long one.
hostile() { # NAME SECONDS TEST C
    local room=$BATS_TEST_TMPDIR/$1
    mkdir -p "$room/lab" "$room/labs"
    printf '%s\n' 'empty work' 'step it ends' "    test $3" 'memory 64' 'processes 300' > "$room/labs/24a_process_pool.lab"
    printf '#define _GNU_SOURCE\n#include <%s>\n' fcntl.h signal.h stdio.h stdlib.h string.h sys/mman.h unistd.h > "$room/lab/24a_process_pool.c"
    printf 'int main(void)\n{\n    puts("main   | end");\n    fflush(stdout);\n    %s\n    return 0;\n}\n' "$4" >> "$room/lab/24a_process_pool.c"
    (
        unset "${!BATS_@}" MAKEFLAGS MAKELEVEL
        export PATH=${PATH#*/bats-core:} LABS=$room/labs LAB=$room/lab ANSWERS=$room/built MAKE="make BUILD=$BUILD LAB=$room/lab ANSWERS=$room/built"
        GRADE_SECONDS=$2 TEST_SLOWDOWN=8 bash tests/labs/lab.bash grade 24a_process_pool > "$room/said" 2>&1 || true
    )
}

is_said() { # NAME WORDS|WORDS...
    local said
    said=$(cat "$BATS_TEST_TMPDIR/$1/said")
    [[ $said == *'step 1 is red: it ends'* && $said =~ $2 ]] || fail "$1:" "$(cat "$BATS_TEST_TMPDIR/$1/said")"
}

# Bounded by the test as well: this bomb ends at 3,000.
bomb='int *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    while (__atomic_add_fetch(made, 1, __ATOMIC_SEQ_CST) < 3000) fork();
    pause();'

all_hostile() {
    hostile loops 4 'ten tasks on' 'signal(SIGTERM, SIG_IGN); for (;;) pause();' &
    hostile crashes 50 'ten tasks on' '*(volatile int *)0 = 1;' &
    hostile prints 4 'a demo that is broken off' 'signal(SIGPIPE, SIG_IGN); signal(SIGTERM, SIG_IGN); for (;;) puts("and so on, and so on");' &
    hostile grows 50 'ten tasks on' 'for (;;) memset(malloc(1 << 20), 1, 1 << 20);' &
    hostile leaves 4 'a demo that is broken off' 'shm_open("/24a_left.4194303", O_CREAT | O_RDWR, 0600); if (fork() == 0) { setsid(); signal(SIGTERM, SIG_IGN); pause(); }' &
    hostile forks 50 'ten tasks on' "$bomb" &
    wait
}

@test "00c: programs that hang, crash, print, grow and fork without end are named, and leave nothing behind" {
    [[ $BUILD != */address* && $BUILD != */thread ]] || skip 'the sanitizer takes memory of its own'
    local left
    export -f hostile all_hostile
    export BATS_TEST_TMPDIR BUILD bomb
    if ((EUID == 0)) && unshare -pf --mount-proc true 2> /dev/null; then
        left=$(timeout -k 1 "$(limit 58)" unshare -pf --kill-child --mount-proc bash -c 'all_hostile; ls -d /proc/[0-9]* 2> /dev/null | wc -l' 3>&- 4>&-)
        ((left <= 4)) || fail "$left processes are left"
    else
        timeout -k 1 "$(limit 58)" bash -c all_hostile 3>&- 4>&-
    fi
    is_said loops 'did not come to an end in 4 seconds'
    is_said crashes 'SIGSEGV'
    is_said prints 'more than 64 MiB|did not come to an end' # as fast as the machine is
    is_said grows 'it took more than 64 MiB of memory'
    is_said forks 'it started more than 300 processes'
    is_said leaves ''
    equal 'names that are left' '' "$(ls /dev/shm/24a_left* 2> /dev/null || true)"
}

@test "00c: a grade builds what the lesson's tests need, and no more" {
    equal 'programs' "$(printf '%s\n' 17b_recursive_lock flaky/17b_recursive_lock peers/bounded peers/peer)" \
        "$(make_lab -n needed T=17b BUILD="$BATS_TEST_TMPDIR" | sed -n "s#.*LINK $BATS_TEST_TMPDIR/\([^']*\)'.*#\1#p" | sort)"
}
