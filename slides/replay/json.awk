# json: the story as JSON; the page is made from it.
#
# A step is a line: "actor" says it, "name" is what the line calls the actor, where several have that name. "at" is the
# state after it, of every actor that is alive: "line" is where it last was in the lesson's source (0: not in it; "aside":
# it is there, but where is not told), "blocked" the call that it waits in, "since" the step from which on it has done so.
# "arrows" end at this step; their "step" is where they begin.

function write_json(    i) {
    printf "{\n  \"stem\": %s, \"number\": %s, \"title\": %s,\n", quoted(stem), quoted(substr(stem, 1, index(stem, "_") - 1)), \
        quoted(title) > json
    printf "  \"question\": %s,\n  \"watch\": %s,\n", quoted(about["Predict"]), quoted(about["Watch"]) > json
    printf "  \"actors\": [" > json
    for (i = 1; i <= actors; i++)
        printf "%s%s", (i > 1 ? ", " : ""), quoted(actor_name[i]) > json
    printf "],\n  \"steps\": [" > json
    for (i = 1; i <= steps; i++)
        write_step(i)
    printf "\n  ]\n}\n" > json
    close(json)
}

function write_step(k,    i, a, separator) {
    printf "%s\n    {\"actor\": %s, %s\"text\": %s, \"line\": %d,\n     \"at\": {", (k > 1 ? "," : ""), quoted(actor_of[k]), \
        (actor_of[k] == said_as[k] ? "" : "\"name\": " quoted(said_as[k]) ", "), quoted(without_numbers(text_of[k])), source_line[k] > json
    for (i = 1; i <= actors; i++)
        if ((actor_name[i], k) in is_alive) {
            write_actor(actor_name[i], k, separator)
            separator = ", "
        }
    printf "},\n     \"arrows\": [" > json
    separator = ""
    for (i = 1; i <= arrows; i++) {
        a = in_order[i]
        if (arrow_step[a] != k)
            continue
        printf "%s{\"from\": %s, \"to\": %s, \"kind\": %s, \"what\": %s, \"step\": %d}", separator, quoted(arrow_from[a]), \
            quoted(arrow_to[a]), quoted(arrow_kind[a]), quoted(bytes_of(arrow_what[a])), arrow_from_step[a] > json
        separator = ", "
    }
    printf "]}" > json
}

function write_actor(actor, k, separator) {
    printf "%s%s: {", separator, quoted(actor) > json
    if ((actor, k) in blocked)
        printf "\"line\": %d, \"blocked\": %s, \"since\": %d}", line_blocked[actor, k], quoted(blocked[actor, k]), \
            since[actor, k] > json
    else if ((actor, k) in is_put_aside)
        printf "\"line\": 0, \"aside\": true}" > json
    else
        printf "\"line\": %d}", line_now[actor, k] > json
}

# What has been sent, as far as it is text: 32 bytes are kept, and a newline reads \n.
function bytes_of(text) {
    gsub(/%20/, " ", text)
    gsub(/%0A/, "\\n", text)
    gsub(/%0D/, "\\r", text)
    if (text ~ /%[013-9A-F][0-9A-F]|%2[^5]/)
        return "bytes" # numbers of a machine: they may be other ones next time
    gsub(/%25/, "%", text)
    return without_numbers(text)
}

function quoted(text) {
    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\"", text)
    gsub(/\t/, "\\t", text)
    gsub(/\r/, "\\r", text)
    gsub(/\033/, "\\u001b", text)
    gsub(/[\001-\037]/, "?", text)
    return "\"" text "\""
}
