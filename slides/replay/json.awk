# json: the story as JSON; the page is made from it.
#
# A step is a line. "at" is the state after it, of every actor that is alive: "line" is where it last was in the lesson's
# source (0: not in it), "blocked" the call that it waits in, "since" the step from which on it has done so. "arrows" end
# at this step; their "step" is where they begin.

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

function write_step(k,    i, separator) {
    printf "%s\n    {\"actor\": %s, \"text\": %s, \"line\": %d,\n     \"at\": {", (k > 1 ? "," : ""), quoted(actor_of[k]), \
        quoted(without_numbers(text_of[k])), source_line[k] > json
    for (i = 1; i <= actors; i++)
        if ((actor_name[i], k) in is_alive) {
            write_actor(actor_name[i], k, separator)
            separator = ", "
        }
    printf "},\n     \"arrows\": [" > json
    separator = ""
    for (i = 1; i <= arrows; i++)
        if (arrow_step[i] == k) {
            printf "%s{\"from\": %s, \"to\": %s, \"kind\": %s, \"what\": %s, \"step\": %d}", separator, quoted(arrow_from[i]), \
                quoted(arrow_to[i]), quoted(arrow_kind[i]), quoted(bytes_of(arrow_what[i])), arrow_from_step[i] > json
            separator = ", "
        }
    printf "]}" > json
}

function write_actor(actor, k, separator) {
    printf "%s%s: {", separator, quoted(actor) > json
    if ((actor, k) in blocked)
        printf "\"line\": %d, \"blocked\": %s, \"since\": %d}", line_blocked[actor, k], quoted(blocked[actor, k]), \
            since[actor, k] > json
    else
        printf "\"line\": %d}", line_now[actor, k] > json
}

# A newline reads \n, other bytes that cannot be printed \xNN; 32 bytes are kept.
function bytes_of(text,    out, at, byte) {
    while (at = index(text, "%")) {
        byte = substr(text, at + 1, 2)
        out = out substr(text, 1, at - 1) (byte == "20" ? " " : byte == "25" ? "%" : byte == "0A" ? "\\n" : "\\x" byte)
        text = substr(text, at + 3)
    }
    return out text
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
