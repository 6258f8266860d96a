# The pages that make pages writes: what is in them, and, in a browser, what they show. One run of Chromium plays all of them
# (tests/peers/pages.js); each test looks for what it found. Caught: a step that cannot be taken back, an answer that is seen
# before the first step, a name that becomes markup, a pane that is wider than a phone.
load helper

PAGES=$PWD/build/pages
BROWSER=$(command -v chromium chromium-browser google-chrome | head -n 1) || true

setup_file() {
    [[ $BUILD == "$PWD/build" ]] || return 0
    # one make at a time writes there
    env -u MAKEFLAGS -u MAKELEVEL flock build/flags timeout 300 make -j2 pages > "$BATS_FILE_TMPDIR/make.log" 2>&1 ||
        fail 'make pages failed' "$(tail -n 20 "$BATS_FILE_TMPDIR/make.log")"
    make_nasty_page
    [[ ! $BROWSER ]] || play_pages
}

setup() {
    note_only_failures
    [[ $BUILD == "$PWD/build" ]] || skip 'the pages are those of the plain build'
}

lessons() {
    basename -s .c lessons/[0-9]*.c
}

# A lesson whose names, texts, source and deck try to become more than text, and whose page is made as any other.
make_nasty_page() {
    local markup='<img src=x onerror=alert(1)>&lt;"</script></style><script>alert(2)</script>'
    local name=$BATS_FILE_TMPDIR/nasty
    mkdir -p "$name"/{lessons,slides,build/replay}
    cp -R slides/replay "$name/slides"
    printf '/* 99_nasty: %s\n *\n * Predict  %s\n * Watch    %s\n */\nint main(void) { return "%s"; }\n' \
        "$markup" "$markup" "$markup" "$markup" > "$name/lessons/99_nasty.c"
    # shellcheck disable=SC2016
    printf '# 99 · %s\n\n## Predict\n\n%s\n\n1. `%s` **%s**\n\n---\n\n## Try it\n\n- %s\n\n```text\n%s\n```\n' \
        "$markup" "$markup" "$markup" "$markup" "$markup" "$markup" > "$name/slides/99_nasty.md"
    printf '{"actors": ["%s", "bob"], "steps": [
        {"actor": "%s", "text": "says %s", "line": 6, "at": {"%s": {"line": 6, "blocked": "%s", "since": 1}}, "arrows": []},
        {"actor": "bob", "text": "\\u0001 \\\\ \\"", "line": 0, "at": {}, "arrows": [
            {"from": "%s", "to": "bob", "kind": "send", "what": "%s", "step": 1}, {"from": "bob", "to": "%s", "kind": "%s", "what": "", "step": 2}]}]}' \
        "${markup//\"/\\\"}"{,,,,,,,,} > "$name/build/replay/99_nasty.json"
    (
        cd "$name" || exit
        awk -v lessons=99_nasty -v lesson=99_nasty -v build=build -f slides/replay/html.awk -f slides/replay/page.awk > 99_nasty.html
    )
}

# Writes the result, a line for each fault and one at the end, and what the pages had to say on the browser's console.
play_pages() {
    local all=$BATS_FILE_TMPDIR/all run name
    {
        echo '<!DOCTYPE html><meta charset="utf-8"><iframe></iframe><pre></pre><script>const runs = {};'
        for run in build/replay/*.json "$BATS_FILE_TMPDIR/nasty/build/replay/99_nasty.json"; do
            name=$(basename "$run" .json)
            [[ $name == 99_nasty || -e lessons/$name.c ]] || continue # of a lesson that has been renamed
            printf "runs['%s'] = %s;\n" "$name" "$(sed 's/</\\u003c/g' "$run")"
        done
        printf 'const folders = ["file://%s", "file://%s"];' "$PAGES" "$BATS_FILE_TMPDIR/nasty"
        cat tests/peers/pages.js
        echo '</script>'
    } > "$all.html"
    timeout 300 "$BROWSER" --headless --no-sandbox --disable-gpu --user-data-dir="$BATS_FILE_TMPDIR/profile" \
        --allow-file-access-from-files --enable-logging=stderr --virtual-time-budget=100000000 --dump-dom "file://$all.html" \
        > "$all.dom" 2> "$all.log" < /dev/null 3>&- 4>&-
    sed -n '/<pre>/,/<\/pre>/{s/.*<pre>//; s/<\/pre>.*//; p}' "$all.dom" > "$all.result"
}

found_no() { # TEST
    [[ $BROWSER ]] || skip 'needs a browser (Debian package chromium)'
    grep -q "^played.$(($(lessons | wc -l) + 1))$" "$BATS_FILE_TMPDIR/all.result" || fail 'not all pages were played' "$(cat "$BATS_FILE_TMPDIR"/all.*{result,log})"
    equal "faults" '' "$(sed -n "s/^$1\t//p" "$BATS_FILE_TMPDIR/all.result" | head -n 20)"
}

@test "00b: there is a page for each lesson, and the index links them in order" {
    equal 'pages' "$(lessons)" "$(basename -s .html "$PAGES"/[0-9]*.html)"
    equal 'links of the index' "$(lessons)" "$(grep -o 'href="[^"]*' "$PAGES/index.html" | sed 's/href="//; s/[.]html//')"
    grep -q 'rel="next" href="01b_rude_clients.html"' "$PAGES/01a_serial_server.html"
    grep -q 'rel="prev" href="26a_showdown.html"' "$PAGES/26b_costs.html"
}

@test "00b: a page needs nothing but itself, and may ask for nothing" {
    local page
    for page in "$PAGES"/*.html; do
        grep -q "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';" "$page"
        equal "addresses in $page" '' "$(grep -oE '(src|href)="[^"]*"|url\([^)]*\)|@import.*' "$page" |
            grep -vE '^(src="data:|href="([0-9a-z_]+|../slides/[0-9a-z_]+)[.]html"|href="https?://)' || true)"
        equal "scripts in $page" '' "$(grep -o '<script [^>]*src=.*' "$page" || true)"
    done
}

@test "00b: a page has the question, the source and what to try, and its marks are balanced" {
    local lesson page
    for lesson in $(lessons); do
        page=$PAGES/$lesson.html
        equal "lines of the source in $page" "$(wc -l < "lessons/$lesson.c")" "$(grep -c '^<li data-line=' "$page")"
        equal "predictions in $page" "$(sed -n '/^## Predict/,/^---/p' "slides/$lesson.md" | grep -c '^[0-9][.] ')" \
            "$(sed -n '/class="question"/,/<.section>/p' "$page" | grep -c '^<li>')"
        equal "exercises in $page" "$(sed -n '/^## Try it/,$p' "slides/$lesson.md" | grep -c '^[0-9][.] ')" \
            "$(sed -n '/class="try"/,/<.section>/p' "$page" | grep -c '^<li>')"
        equal "marks that are left in $page" '' "$(sed -n '/class="question"/,/class="transcript"/p; /class="try"/,/<footer/p' "$page" | grep -oE '\{\{|\]\(' || true)"
    done
}

@test "00b: names, texts and bytes never become markup" {
    local page=$BATS_FILE_TMPDIR/nasty/99_nasty.html
    equal 'elements' '' "$(grep -oE '<(img|/?script)[^>]*>' "$page" | grep -vE '^<(script|script type="application/json" id="run"|/script)>$' || true)"
    equal 'scripts' 2 "$(grep -c '<script' "$page")"
    found_no markup
}

@test "00b: at each step, the transcript up to it is shown, and before the first the question alone" {
    found_no text
}

@test "00b: to the end and back to the start, each step is the same as on the way there" {
    found_no back
}

@test "00b: keys, a click, the address and play lead to the same steps" {
    found_no ways
}

@test "00b: nothing is wider than its page, on a projector and on a phone" {
    found_no wide
}

@test "00b: a page has no error, and no request is refused" {
    found_no error
    equal 'console' '' "$(grep CONSOLE "$BATS_FILE_TMPDIR/all.log" || true)"
}
