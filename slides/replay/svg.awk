# svg: the story as a picture in the style of the decks: a lane for each actor, time to the right, a column for each line.
#
# A block with a number says that line; hatched is blocked in the call that stands there; thin is neither: it could go on.
# A column is as wide as the names of the calls need, so a step that takes long to tell is no longer than another in time.

function write_picture(    i) {
    lanes = actors < MOST_LANES ? actors : MOST_LANES
    left = width_of(longest_name()) + 36
    gap = lanes <= 4 ? 100 : lanes <= 8 ? 80 : 62
    find_runs()
    set_columns()
    height = TOP + gap * (lanes - 1) + 46
    begin_picture()
    for (i = 1; i <= lanes; i++)
        draw_lane(i)
    draw_arrows()
    print "</svg>" > svg
    close(svg)
}

BEGIN {
    MOST_LANES = 12
    BLOCK = 30   # the width of the block that says a line
    BAR = 40     # the height of a bar: two lines of text fit
    WOKEN = 5    # the width of what is done between two calls without a line
    TOP = 96     # the middle of the first lane
    LETTER = 10.4
    for (i = 32; i < 127; i++)
        ASCII = ASCII sprintf("%c", i)
    split("#1a4f96 #c8502a #e0a526 #b5e3cf #b03ab0 #1f8f8f #c01f2e #7d62a8", palette, " ")
}

# About: a capital is wider.
function width_of(text,    capitals) {
    capitals = text
    gsub(/[^A-Z]/, "", capitals)
    return (length(text) + length(capitals) / 4) * LETTER
}

function longest_name(    i, name) {
    for (i = 1; i <= lanes; i++)
        if (length(actor_name[i]) > length(name))
            name = actor_name[i]
    return name
}

function is_dark(name) {
    return name ~ /^(server|main|parent|kernel)$/
}

# As in common/stage/colour.c: the next colour of the list for each actor, in the order in which they appear; from the ninth on by name.
function colour_of(i,    j, number, hash) {
    if (is_dark(actor_name[i]))
        return "#1c2733"
    for (j = 1; j <= i; j++)
        number += !is_dark(actor_name[j])
    if (number <= 8)
        return palette[number]
    hash = 1
    for (j = 1; j <= length(actor_name[i]); j++)
        hash = (hash * 43 + 31 + index(ASCII, substr(actor_name[i], j, 1))) % 4294967296
    return palette[hash % 8 + 1]
}

function ink_on(colour) {
    return colour == "#e0a526" || colour == "#b5e3cf" ? "#1b1b1b" : "#ffffff"
}

# ---- The parts -------------------------------------------------------------------------------------------------------

function begin_picture(    k) {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"18\" role=\"img\"" \
        " aria-labelledby=\"t d\">\n<title id=\"t\">%s: who waits for whom</title>\n<desc id=\"d\">", width, height, escaped(stem) > svg
    for (k = 1; k <= steps; k++)
        print k ". " escaped(actor_of[k] ": " without_numbers(text_of[k]) described(k)) > svg
    print "</desc>" > svg
    print "<defs><marker id=\"tip\" markerUnits=\"userSpaceOnUse\" markerWidth=\"12\" markerHeight=\"10\" refX=\"11\" refY=\"5\" orient=\"auto\">" \
        "<path d=\"M0,0 L12,5 L0,10 z\" fill=\"#555555\"/></marker>" > svg
    print "<pattern id=\"wait\" width=\"10\" height=\"10\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">" \
        "<rect width=\"10\" height=\"10\" fill=\"#ffffff\"/><rect width=\"3\" height=\"10\" fill=\"#bbbbbb\"/></pattern></defs>" > svg
    printf "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height > svg
    printf "<text x=\"%d\" y=\"28\" fill=\"#555555\">a number: says that line · hatched: blocked in a call · thin: could go on%s</text>\n", \
        left, (actors > lanes ? " · " actors - lanes " more actors are not drawn" : "") > svg
}

# For whoever hears the picture.
function described(k,    i, text) {
    for (i = 1; i <= lanes; i++)
        if ((actor_name[i], k) in blocked)
            text = text (text ? ", " : " (blocked: ") actor_name[i] " in " blocked[actor_name[i], k]
    return text (text ? ")" : "")
}

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    gsub(/[\001-\037]/, "?", text)
    return text
}

function bar(from, to, i, high, fill, colour) {
    if (to - from >= 1)
        printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"3\" fill=\"%s\" stroke=\"%s\" stroke-width=\"2\"/>\n", \
            from, y_of(i) - high / 2, to - from, high, fill, colour > svg
}

function draw_lane(i,    k, actor, colour) {
    actor = actor_name[i]
    colour = colour_of(i)
    printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" font-weight=\"bold\" fill=\"#1b1b1b\">%s</text>\n", left - 16, y_of(i) + 6, \
        escaped(actor) > svg
    printf "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#bbbbbb\"/>\n", left, y_of(i), width - 10, y_of(i) > svg
    draw_rests(i, actor, colour)
    for (k = 1; k <= runs; k++)
        if (run_lane[k] == i)
            draw_run(k, colour)
    for (k = 1; k <= steps; k++)
        if (actor_of[k] == actor)
            draw_block(i, k, colour)
}

function is_at_rest(i, k) {
    return (actor_name[i], k) in is_alive && !((i, k) in run_at) && !((actor_name[i], k) in is_put_aside)
}

# Until the line of a step has had its effect, an actor is as it was.
function draw_rests(i, actor, colour,    k, from) {
    for (k = 1; k <= steps; k++) {
        if (!is_at_rest(i, k))
            continue
        from = act_of(k)
        while (k < steps && is_at_rest(i, k + 1))
            k++
        bar(from, k < steps && !((actor, k + 1) in is_alive) ? x[k + 1] : k < steps ? act_of(k + 1) : x[k + 1], i, 10, colour, colour)
    }
}

function end_of_run(r,    k) {
    k = run_end[r] + 1
    if (k > steps)
        return x[k]
    return actor_of[k] == actor_name[run_lane[r]] ? x[k] : act_of(k)
}

function draw_run(r, colour,    from, to, line, n, j) {
    from = act_of(run_begin[r])
    if ((run_lane[r], run_begin[r] - 1) in run_at && actor_of[run_begin[r]] != actor_name[run_lane[r]]) {
        bar(from, from + WOKEN, run_lane[r], BAR, colour, colour)
        from += WOKEN
    }
    to = end_of_run(r)
    bar(from, to, run_lane[r], BAR, "url(#wait)", colour)
    if (!run_label[r])
        return
    n = width_of(run_call[r]) + 12 <= to - from ? split(run_call[r], line, "\n") : split(split_call(run_call[r]), line, "\n")
    for (j = 1; j <= n; j++)
        printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#1b1b1b\" stroke=\"#ffffff\" stroke-width=\"5\" paint-order=\"stroke\">%s</text>\n", \
            (from + to) / 2, y_of(run_lane[r]) + 6 + (j - (n + 1) / 2) * 18, line[j] > svg
}

function draw_block(i, k, colour) {
    printf "<g><title>%s</title>\n", escaped(k ". " actor_of[k] ": " without_numbers(text_of[k])) > svg
    bar(x[k] + 1, x[k] + BLOCK, i, BAR, colour, colour)
    printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" font-weight=\"bold\" fill=\"%s\">%d</text></g>\n", x[k] + (BLOCK + 1) / 2, \
        y_of(i) + 6, ink_on(colour), k > svg
}
