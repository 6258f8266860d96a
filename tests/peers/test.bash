# Runs the tests of the lessons that begin with T; for make test. A few files at a time, as tests wait more than they compute:
# those of the house first, which take longest, then the longest files.
#
#   TAP=1      what bats prints, as it is
#   ALL=1      of a lesson's tests all, and not only up to the first that fails
T=$1
# shellcheck disable=SC2206 # T may be a pattern
files=(tests/$1*.bats)
export BUILD BATS_TEST_TIMEOUT=${TEST_TIMEOUT:-60} ALONE=
[[ -z $T || ${TAP:-} || ${ALL:-} ]] || ALONE=1
mkdir -p "$BUILD/tests"

run_file() {
    local said=$BUILD/$1.tap status=0
    if [[ $ALONE ]]; then
        export STOP_AT_FIRST=$PWD/$BUILD/$1.failed
        [[ $BUILD != /* ]] || STOP_AT_FIRST=$BUILD/$1.failed
        export UNTIDY=${STOP_AT_FIRST%failed}untidy
        rm -f "$STOP_AT_FIRST" "$UNTIDY"
    fi
    bats "$1" > "$said" 2>&1 || status=$?
    if ((status == 0)) && [[ $ALONE && -s $UNTIDY ]]; then
        add_the_last_test "$1"
        status=1
    fi
    cat "$said"
    return $status
}

# All tests have passed, but a server has left something behind: that is one test more.
add_the_last_test() { # FILE
    local number=${1#tests/} count
    count=$(($(sed -n 's/^1\.\.//p' "$said") + 1))
    sed -i "s/^1\.\..*/1..$count/" "$said"
    {
        echo "not ok $count ${number%%_*}: a server that stops says so and gives back what it took"
        sed 's/^/# /' "$UNTIDY"
    } >> "$said"
}
export -f run_file add_the_last_test

run_all() {
    { echo "${files[0]}"; ((${#files[@]} == 1)) || ls -S "${files[@]:1}"; } | xargs -P "$TEST_JOBS" -I{} bash -c 'run_file {}'
}

if [[ ${TAP:-} ]]; then
    run_all
else
    run_all | awk -v alone="$ALONE" -v terminal="$([[ ! -t 1 ]] || echo 1)" -f tests/peers/report.awk
fi
