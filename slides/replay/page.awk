# The page of one lesson: what its deck asks and tries, its source, and the recorded run, for page.js to play.
#
#   awk -v lesson=17a_lost_update -v lessons='all of them, in order' -v build=build -f html.awk -f page.awk

# The slide whose heading begins so, without its notes.
function slide(heading,    path, line, out, on, note) {
    path = "slides/" lesson ".md"
    out = ""
    while ((getline line < path) > 0) {
        if (line == "---")
            on = 0
        if (line ~ /^<!--/)
            note = 1
        if (on && !note)
            out = out line "\n"
        if (line ~ /-->/)
            note = 0
        if (index(line, "## " heading) == 1)
            on = 1
    }
    close(path)
    return out
}

# The lines of the deck that answer the predictions by their numbers, on whatever slide they stand. In what to try, a bold
# number is that of a prediction; in the notes, it is for the teacher.
function answers(    path, line, out, note, code) {
    path = "slides/" lesson ".md"
    out = ""
    while ((getline line < path) > 0 && line !~ /^## Try it/) {
        if (line ~ /^```/)
            code = !code
        if (line ~ /^<!--/)
            note = 1
        if (!note && !code && line ~ /^[*][*]/ && line ~ /[*][*][0-9][*][*] /) {
            gsub(/[*][*][0-9][*][*] See "[^"]*"[.]/, "", line)
            sub(/:$/, ".", line)
            out = out line "\n"
        }
        if (line ~ /-->/)
            note = 0
    }
    close(path)
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
