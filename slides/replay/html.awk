# What the pages share: text becomes HTML in esc() alone, and a slide's Markdown, as far as the decks use it, in markdown().

# The one place where a name, a line of C or a byte of a transcript is made harmless. In a value in quotes too.
function esc(s) {
    gsub(/&/, "\\&amp;", s)
    gsub(/</, "\\&lt;", s)
    gsub(/>/, "\\&gt;", s)
    gsub(/"/, "\\&quot;", s)
    return s
}

# `code`, **bold** and [text](address), in a line.
function inline(s,    out, found, cut) {
    out = ""
    while (match(s, /`[^`]+`|[*][*][^*]+[*][*]|\[[^]]+\]\([^)]+\)/)) {
        out = out esc(substr(s, 1, RSTART - 1))
        found = substr(s, RSTART, RLENGTH)
        s = substr(s, RSTART + RLENGTH)
        if (found ~ /^`/)
            out = out "<code>" esc(substr(found, 2, length(found) - 2)) "</code>"
        else if (found ~ /^[*]/)
            out = out "<strong>" inline(substr(found, 3, length(found) - 4)) "</strong>"
        else {
            cut = index(found, "](")
            out = out link(substr(found, 2, cut - 2), substr(found, cut + 2, length(found) - cut - 2))
        }
    }
    return out esc(s)
}

# A link to the deck of another lesson leads to its page.
function link(text, address) {
    sub(/[.]md$/, ".html", address)
    return "<a href=\"" esc(address) "\">" inline(text) "</a>"
}

# The lines of a slide: paragraphs, lists (numbered from where the slide does), and blocks between ```.
function markdown(lines,    count, line, i, out, open, code) {
    count = split(lines, line, "\n")
    out = open = ""
    for (i = 1; i <= count; i++) {
        if (line[i] ~ /^```/) {
            out = out close_block(open) (code ? "</code></pre>\n" : "<pre><code>")
            code = !code
            open = ""
        } else if (code) {
            out = out esc(line[i]) "\n"
        } else if (line[i] ~ /^[0-9]+[.] /) {
            if (open != "ol")
                out = out close_block(open) "<ol start=\"" (line[i] + 0) "\">\n"
            open = "ol"
            out = out "<li>" inline(substr(line[i], index(line[i], " ") + 1)) "</li>\n"
        } else if (line[i] ~ /^- /) {
            if (open != "ul")
                out = out close_block(open) "<ul>\n"
            open = "ul"
            out = out "<li>" inline(substr(line[i], 3)) "</li>\n"
        } else if (line[i] != "") {
            out = out close_block(open) "<p>" inline(line[i]) "</p>\n"
            open = ""
        }
    }
    return out close_block(open)
}

function close_block(open) {
    return open ? "</" open ">\n" : ""
}

# All of a file, or nothing if there is none.
function contents(path,    line, out) {
    out = ""
    while ((getline line < path) > 0)
        out = out line "\n"
    close(path)
    return out
}

# A picture inside the page: an address that holds the picture itself.
function picture(path, words,    svg) {
    svg = contents(path)
    gsub(/%/, "%25", svg)
    gsub(/#/, "%23", svg)
    gsub(/</, "%3C", svg)
    gsub(/>/, "%3E", svg)
    gsub(/"/, "%22", svg)
    gsub(/\n/, "%0A", svg)
    return svg ? "<img alt=\"" esc(words) "\" src=\"data:image/svg+xml;charset=utf-8," svg "\">" : ""
}

# What the comment at the top of a lesson says under this key, in one line.
function part(key, lesson,    path, line, out, on) {
    path = "lessons/" lesson ".c"
    out = ""
    while ((getline line < path) > 0 && line !~ /^ [*]\//) {
        if (line ~ ("^ [*] " key "  ")) {
            on = 1
            sub(/^ [*] [A-Za-z]+ +/, "", line)
            out = line
        } else if (on && line ~ /^ [*]    /) {
            sub(/^ [*] +/, "", line)
            out = out " " line
        } else
            on = 0
    }
    close(path)
    return out
}

# The heading of its deck, without the number.
function title(lesson,    path, line) {
    path = "slides/" lesson ".md"
    while ((getline line < path) > 0 && line !~ /^# /)
        ;
    close(path)
    sub(/^# [^ ]+ · /, "", line)
    return line
}

function number(lesson) {
    sub(/_.*/, "", lesson)
    return lesson
}

# Prints a template: value[NAME], which is HTML already, in the place of {{NAME}}.
function fill(template, value,    text, name) {
    text = contents(template)
    while (match(text, /[{][{][a-z]+[}][}]/)) {
        name = substr(text, RSTART + 2, RLENGTH - 4)
        printf "%s%s", substr(text, 1, RSTART - 1), value[name]
        text = substr(text, RSTART + RLENGTH)
    }
    printf "%s", text
}
