# Turns what bats prints (TAP) into what a class reads: of a test that fails, what was expected and what came, and what
# students who see this often believe; at the end, what passed, what failed and what was skipped, and why.
#
#   awk -v alone=1 -v terminal=1 -f report.awk    alone: the tests of some lessons, which stop at the first that fails;
#                                                 terminal: a line tells how far it is

function seconds(    now) { "date +%s" | getline now; close("date +%s"); return now }

function stem_of(title) { sub(/:.*/, "", title); return title }

# What bats -f and a shell take for this title.
function pattern_of(title) { gsub(/[][\\.*^$+?(){}|']/, ".", title); return title }

function lesson_of(title,    command, name) {
    command = "ls lessons/" stem_of(title) "_*.c 2> /dev/null"
    command | getline name
    close(command)
    sub(/.*\//, "", name)
    sub(/\.c$/, "", name)
    return name
}

# At most three misconceptions of the seeded bugs that this test catches.
function beliefs(title,    command, line, misconception, count) {
    command = "cat tests/bugs/" stem_of(title) "_*.patch 2> /dev/null"
    while ((command | getline line) > 0) {
        if (line ~ /^Misconception: /) misconception = substr(line, 16)
        if (line == "Caught by: " title && count < 3) {
            if (count++ == 0) print "    Students who see this often believe:"
            print "        " misconception
        }
    }
    close(command)
}

function end_failure(    i, lesson, most) {
    if (title == "") return
    print (terminal ? "\r\033[K" : "") "not ok  " title
    most = alone ? 8 : 20
    for (i = 1; i <= lines; i++) {
        if (lines <= most || i <= most / 2 || i > lines - most / 2) print "    " substr(detail[i], 1, 120)
        else if (i == most / 2 + 1) print "    ... (" lines - most " lines left out)"
    }
    beliefs(title)
    lesson = lesson_of(title)
    if (alone && lesson != "") print "    See it: build/" lesson "    Read: slides/" lesson ".md    All tests: ALL=1 make test T=" stem_of(title)
    title = ""
}

BEGIN { start = seconds() }

/^1\.\.[0-9]+$/ {
    end_failure()
    planned += substr($0, 4)
    if (terminal) printf "\r%d files, %d tests, %d s ", ++files, seen, seconds() - start
    next
}

/^(not )?ok [0-9]+ / {
    end_failure()
    name = $0
    sub(/^(not )?ok [0-9]+ /, "", name)
    seen++
    if ($1 == "not") {
        failed++
        title = failures[failed] = name
        sub(/ # timeout.*/, "", failures[failed])
        sub(/ # timeout after/, " hung for", title)
        lines = 0
    } else if (name ~ / # skip/) {
        reason = name
        sub(/.* # skip ?/, "", reason)
        sub(/^\(|\)$/, "", reason)
        if (reason == "not run") not_run++
        else if (!(skips[reason]++)) order[++reasons] = reason
    } else {
        passed++
    }
    next
}

# Not the stack of calls, not what it took to link, and not what the shell says of a process that was ended.
/^# (\(from|\(in| from function| in test file|  `|  LINK|  CC|  AR)|\.bash: line [0-9]+: +[0-9]+ [A-Z]/ { next }
title != "" { detail[++lines] = substr($0, 3); next }
{ other[++others] = $0 }

END {
    end_failure()
    printf "%s%d passed, %d failed", terminal ? "\r\033[K" : "", passed, failed
    if (reasons) printf ", %d skipped", seen - passed - failed - not_run
    if (not_run) printf ", %d not run", not_run
    printf " (%d s)\n", seconds() - start
    for (i = 1; i <= reasons; i++) printf "skipped %d: %s\n", skips[order[i]], order[i]
    if (!alone) for (i = 1; i <= failed; i++) printf "failed: make test T=%s ALL=1, or bats -f '%s' tests\n", stem_of(failures[i]), pattern_of(failures[i])
    if (seen < planned || planned == 0) {
        for (i = 1; i <= others; i++) print other[i]
        printf "%d tests have not said how they ended\n", planned - seen
    }
    exit failed > 0 || seen < planned || planned == 0
}
