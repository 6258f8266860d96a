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
    equal 'what is wrong' '' "$(awk -v bugs="$(cd tests/bugs && echo ./*.patch)" '
        FNR == 1 { steps_of_last(); stem = FILENAME; gsub(/.*\/|\.[a-z]*$/, "", stem); number = stem; sub(/_.*/, "", number) }
        FILENAME ~ /^lessons/ { if (/^[a-z_].*\(/ && !/;$/) heads[stem] = heads[stem] $0 "\n"; next }
        FILENAME ~ /bats$/ { if (/^@test/) titles[stem] = titles[stem] $0 "\n"; next }
        /^none / { none = 1 }
        /^(empty|cut) / && heads[stem] !~ ("[^a-z_0-9]" $2 "\\(") { print stem ": no function " $2 }
        /^step / { step_is_whole(); step = $0; steps++ }
        sub(/^    test /, "") { tests++; if (!index(titles[stem], "@test \"" number ": " $0)) print stem ": no test " $0 }
        /^    (hint|bug) / { helps++ }
        /^    bug / { for (i = 2; i <= NF; i++) if (!index(bugs, "/" number "_" $i ".patch")) print stem ": no bug " $i }
        function step_is_whole() { if (step != "" && (!tests || !helps)) print stem ": too little in " step; tests = helps = 0 }
        function steps_of_last() { if (lab && !none && steps < 2) print stem ": too few steps"; if (lab) step_is_whole(); step = ""; steps = none = 0; lab = FILENAME ~ /lab$/ }
        END { steps_of_last() }' lessons/*.c tests/[0-9]*.bats tests/labs/*.lab)"
}

@test "00c: every emptied lesson compiles without a warning, in 100 columns, and no comment says how it is done" {
    local stem
    for stem in $(labs); do
        ! has_lab "$stem" || emptied "$stem" > "$BATS_TEST_TMPDIR/$stem.c"
    done
    equal 'functions that are left to write' "$(grep -cE '^(empty|cut) ' tests/labs/*.lab | sed 's/.*labs.//; s/\.lab//; /:0$/d')" \
        "$(cd "$BATS_TEST_TMPDIR" && grep -c '/\* TODO$' -- *.c | sed 's/\.c//')"
    equal 'comments above them' '' "$(awk '/^$|^}/ { above = "" } /\*\/$/ && !/^    / { above = $0 } /^    \/\* TODO$/ && above != "" { print FILENAME, above }
        /^\/\* def / { python = 1 } /^$/ { python = 0 } python { above = "" }' "$BATS_TEST_TMPDIR"/*.c)"
    equal 'lines over 100 columns' '' "$(LC_ALL=C.UTF-8 grep -nE '^.{101}' "$BATS_TEST_TMPDIR"/*.c || true)"
    run xargs -P 4 -I{} "${CC:-gcc}" -std=c11 -D_XOPEN_SOURCE=700 -Icommon -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only {} \
        < <(printf '%s\n' "$BATS_TEST_TMPDIR"/*.c)
    equal 'warnings' '' "$output"
}

@test "00c: a lab is red at its first step, and the lesson as its answer is green; no file is overwritten, and the grade has the last word" {
    local stem=12a_class file=$BATS_TEST_TMPDIR/lab/12a_class.c
    [[ $(make_lab grade T=12a) == *"there is no $file yet: make lab T=12a"* ]]
    make_lab lab T=12a
    cmp "$file" <(emptied $stem)
    run make_lab grade T=12a STRICT=1
    [[ $status == 2 && $output == 'step 1 is red: '*'not ok  12a: '*"$file: 0 of 2 steps hold. make hint T=12a helps."* ]] || fail "$output"
    [[ $(make_lab lab T=12a SHOW=1) == *'first build it: 0 of 2 steps hold so far'* ]]
    cp lessons/$stem.c "$file"
    [[ $(make_lab lab T=12a) == *'is yours, and stays as it is'* ]]
    cmp lessons/$stem.c "$file"
    run make_lab grade T=12a
    [[ $status == 0 && $output == *'step 2 holds'*'all 2 steps hold'* ]] || fail "$output"
    [[ $(make_lab labs) == *'12a  a class is a table'*' ## '*'2 of 2'* ]]
    echo '/* mine */' >> "$file"
    [[ $(make_lab lab T=12a SHOW=1) == *'-/* mine */'* ]]
    echo 'int' >> "$file"
    run make_lab grade T=12a
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
    clang-format --dry-run -Werror lessons/0*.c 2> /dev/null || skip 'needs the clang-format of the lessons'
    cp .clang-format "$room"
    find "$room"/*/lessons -name '*.c' -print0 | xargs -0 -P 2 -n 90 clang-format --dry-run -Werror 2> "$room/said" || true
    equal 'layout that tells' '' "$(sed -n "s#^$room/\([^:]*:[0-9]*\).*#\1#p" "$room/said")"
}

# ---- Programs that a grader has to survive -----------------------------------------------------------------------------

# One program for all, built once: HOSTILE says what it does.
hostile_program() {
    printf '#define _GNU_SOURCE\n'
    printf '#include <%s>\n' fcntl.h signal.h stdio.h stdlib.h string.h sys/mman.h unistd.h
    cat << 'END'
int main(void)
{
    const char *kind = getenv("HOSTILE");
    int *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    puts("main   | end");
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    switch (kind[0]) {
    case 'c': /* crashes */
        *(volatile int *)0 = 1;
        break;
    case 'p': /* prints */
        for (;;)
            puts("and so on, and so on");
    case 'g': /* grows */
        for (;;)
            memset(malloc(1 << 20), 1, 1 << 20);
    case 'f': /* forks; bounded here as well: at 3,000 */
        while (__atomic_add_fetch(made, 1, __ATOMIC_SEQ_CST) < 3000)
            fork();
        pause();
        break;
    case 'e': /* ends, and leaves a child and a name behind */
        shm_open("/24a_left.4194303", O_CREAT | O_RDWR, 0600);
        if (fork() == 0) {
            setsid();
            pause();
        }
        return 0;
    }
    for (;;)
        pause();
}
END
}

lab_in() { # ROOM WORD...
    (
        unset "${!BATS_@}" MAKEFLAGS MAKELEVEL
        export PATH=${PATH#*/bats-core:} LABS=$1/labs LAB=$1/lab ANSWERS=$1/built MAKE="make BUILD=$BUILD LAB=$1/lab ANSWERS=$1/built"
        "${@:2}" 2>&1
    )
}

# Grades it in a folder of its own, in a lab of one step with this test. Whatever is to be named by the bound of time has a short
# one, so that the test itself never says anything first; whatever is to be named otherwise has a long one.
hostile() { # NAME SECONDS TEST
    local room=$BATS_TEST_TMPDIR/$1
    cp -a "$BATS_TEST_TMPDIR/all" "$room"
    printf '%s\n' 'empty work' 'step it ends' "    test $3" 'memory 64' 'processes 300' > "$room/labs/24a_process_pool.lab"
    HOSTILE=$1 GRADE_SECONDS=$2 TEST_SLOWDOWN=8 lab_in "$room" bash tests/labs/lab.bash grade 24a_process_pool > "$room/said" || true
}

is_said() { # NAME WORDS|WORDS...
    local said
    said=$(cat "$BATS_TEST_TMPDIR/$1/said")
    [[ $said == *'step 1 is red: it ends'* && $said =~ $2 ]] || fail "$1:" "$(cat "$BATS_TEST_TMPDIR/$1/said")"
}

all_hostile() {
    local room=$BATS_TEST_TMPDIR/all
    mkdir -p "$room/lab" "$room/labs"
    hostile_program > "$room/lab/24a_process_pool.c"
    lab_in "$room" make -s BUILD="$BUILD" LAB="$room/lab" ANSWERS="$room/built" "$room"/built/24a_process_pool/{,flaky/}answer > "$room/compiled"
    hostile loops 4 'ten tasks on' &
    hostile crashes 50 'ten tasks on' &
    hostile prints 4 'a demo that is broken off' &
    hostile grows 50 'ten tasks on' &
    hostile ends 4 'a demo that is broken off' &
    hostile forks 50 'ten tasks on' &
    wait
}

@test "00c: programs that hang, crash, print, grow and fork without end are named, and leave nothing behind" {
    [[ $BUILD != */address* && $BUILD != */thread ]] || skip 'the sanitizer takes memory of its own'
    local left
    export -f hostile hostile_program lab_in all_hostile
    export BATS_TEST_TMPDIR BUILD
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
    is_said ends ''
    equal 'names that are left' '' "$(ls /dev/shm/24a_left* 2> /dev/null || true)"
}

@test "00c: a grade builds what the lesson's tests need, and no more" {
    equal 'programs' "$(printf '%s\n' 17b_recursive_lock flaky/17b_recursive_lock peers/bounded peers/peer)" \
        "$(make_lab -n needed T=17b BUILD="$BATS_TEST_TMPDIR" | sed -n "s#.*LINK $BATS_TEST_TMPDIR/\([^']*\)'.*#\1#p" | sort)"
}
