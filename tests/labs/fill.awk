# Prints an emptied lesson with the functions of an answer in place of its own; for tests/labs/prove.
#
#   awk -f fill.awk tests/labs/answers/06_select_server.c emptied.c
#
# What stands in the answer and not in the lesson, a function that helps, goes before the next one that does.

function name_of(text) { return match(text, /[a-z_0-9]+\(/) ? substr(text, RSTART, RLENGTH - 1) : "" }

# A function ends with } at the left edge; its head is what stands between an empty line or a comment and its {.
FNR == NR {
    chunk = chunk $0 "\n"
    if (/^$/ || /\*\/$/) head = ""
    else if (/^\{/) opened = name_of(head)
    else head = head " " $0
    if (/^\}/ && opened != "") {
        chunks[++count] = chunk
        names[count] = opened
        chunk = opened = head = ""
    }
    next
}

{ line[FNR] = $0; lines = FNR }

END {
    for (i = 1; i <= lines; i++) {
        if (line[i] == "" || line[i] ~ /\*\/$|^[}#]|;$/) start = i + 1
        if (line[i] == "{") {
            text = ""
            for (j = start; j < i; j++) text = text " " line[j]
            from[name_of(text)] = start
        }
    }
    for (i = 1; i <= count; i++) {
        before = before chunks[i]
        if (!(names[i] in from)) continue
        instead[from[names[i]]] = before
        before = ""
    }
    for (i = 1; i <= lines; i++) {
        if (i in instead) {
            printf "%s", instead[i]
            while (line[i] != "}") i++
        } else print line[i]
    }
}
