# A run of which only the transcript is known, in the form that page.js reads. Where each actor was, and who waited for whom,
# only a recorder can tell.
#
#   build/17a_lost_update | awk -f transcript.awk

function json(s,    out, i, c) {
    out = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\"" || c == "\\")
            c = "\\" c
        else if (c < " ")
            c = sprintf("\\u%04x", index("\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020" \
                "\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037", c))
        out = out c
    }
    return "\"" out "\""
}

{
    bar = index($0, " | ")
    actor = substr($0, 1, bar - 1)
    sub(/ +$/, "", actor)
    if (!(actor in seen)) {
        actors = actors (NR > 1 ? ", " : "") json(actor)
        alive = alive (NR > 1 ? ", " : "") json(actor) ": {\"line\": 0}"
    }
    seen[actor]
    steps = steps (NR > 1 ? ",\n" : "") "{\"actor\": " json(actor) ", \"text\": " json(substr($0, bar + 3)) ", \"line\": 0, \"at\": {" \
        alive "}, \"arrows\": []}"
}

END {
    printf "{\"actors\": [%s],\n\"steps\": [\n%s\n]}\n", actors, steps
}
