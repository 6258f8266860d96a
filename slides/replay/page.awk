# The page of one lesson: what its deck asks and tries, its source, and the recorded run, for page.js to play.
#
#   awk -v lesson=17a_lost_update -v lessons='all of them, in order' -v build=build -f html.awk -f page.awk

# The lines of its deck, without the notes for the speaker: deck_line[1] to deck_line[deck_lines]
function read_deck(    path, line, note) {
    path = "slides/" lesson ".md"
    while ((getline line < path) > 0) {
        if (line ~ /^<!--/)
            note = 1
        if (!note)
            deck_line[++deck_lines] = line
        if (line ~ /-->/)
            note = 0
    }
    close(path)
}

# The slide whose heading begins so
function slide(heading,    i, out, on) {
    out = ""
    for (i = 1; i <= deck_lines; i++) {
        if (deck_line[i] == "---")
            on = 0
        if (on)
            out = out deck_line[i] "\n"
        if (index(deck_line[i], "## " heading) == 1)
            on = 1
    }
    return out
}

# The lines that answer the predictions by their numbers, on whatever slide they stand. In what to try, a bold number is that of
# a prediction.
function answers(    i, line, out, code) {
    out = ""
    for (i = 1; i <= deck_lines && deck_line[i] !~ /^## Try it/; i++) {
        line = deck_line[i]
        if (line ~ /^```/)
            code = !code
        if (code || line !~ /^[*][*]/ || line !~ /[*][*][0-9][*][*] /)
            continue
        gsub(/[*][*][0-9][*][*] See "[^"]*"[.]/, "", line)
        sub(/:$/, ".", line)
        out = out line "\n"
    }
    return out
}

# What to watch for, in the comment at the top, is marked: it is the answer.
function source(    path, line, number_of_line, out, class) {
    path = "lessons/" lesson ".c"
    out = ""
    while ((getline line < path) > 0) {
        if (line ~ /^ [*] Watch  /)
            class = "watch"
        else if (line !~ /^ [*]    /)
            class = line ~ /^\/[*] ---- .*--- [*]\/$/ ? "rule" : ""
        out = out "<li data-line=\"" ++number_of_line "\"" (class ? " class=\"" class "\"" : "") ">" (line == "" ? "\n" : esc(line)) "</li>\n"
    }
    close(path)
    return out
}

# In a script element, only < could end it.
function run(    json) {
    json = contents(build "/replay/" lesson ".json")
    gsub(/</, "\\u003c", json)
    return json
}

function neighbour(distance, rel, words,    all, count, i) {
    count = split(lessons, all, " ")
    for (i = 1; i <= count && all[i] != lesson; i++)
        ;
    i += distance
    if (!(i in all))
        return ""
    return "<a rel=\"" rel "\" href=\"" all[i] ".html\" title=\"" esc(title(all[i])) "\">" words " " number(all[i]) "</a>"
}

function deck() {
    return contents(build "/slides/" lesson ".html") ? "<a href=\"../slides/" lesson ".html\">the deck</a>" : ""
}

BEGIN {
    read_deck()
    value["number"] = number(lesson)
    value["title"] = esc(title(lesson))
    value["lesson"] = lesson
    value["predict"] = markdown(slide("Predict"))
    value["answers"] = markdown(answers())
    value["picture"] = picture(build "/pictures/" lesson ".svg", "The run as a picture, with a lane for each actor; the transcript says the same in words.")
    value["try"] = markdown(slide("Try it"))
    value["source"] = source()
    value["run"] = run()
    value["previous"] = neighbour(-1, "prev", "previous:")
    value["next"] = neighbour(1, "next", "next:")
    value["deck"] = deck()
    value["style"] = contents("slides/replay/page.css")
    value["script"] = contents("slides/replay/page.js")
    fill("slides/replay/page.html", value)
}
