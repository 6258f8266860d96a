# arrows: the arrows of the picture, from whoever let another go on, and what they say.

# What is sent comes first: its label says more than the others.
function draw_arrows(    a, i, round) {
    for (round = 1; round <= 2; round++)
        for (i = 1; i <= arrows; i++) {
            a = in_order[i]
            if ((arrow_kind[a] == "send") == (round == 1) && actor_number[arrow_from[a]] <= lanes && \
                actor_number[arrow_to[a]] <= lanes)
                draw_arrow(a, actor_number[arrow_from[a]], actor_number[arrow_to[a]])
        }
}

function draw_arrow(a, from, to,    down, x1, x2, y1, y2, step_1) {
    down = to > from ? 1 : -1
    step_1 = arrow_from_step[a] < 1 ? 1 : arrow_from_step[a]
    x2 = act_of(arrow_step[a]) + 7 * arrows_in[arrow_step[a]]++
    x1 = step_1 == arrow_step[a] ? x2 : act_of(step_1)
    y1 = y_of(from) + down * half_of(from, step_1)
    y2 = y_of(to) - down * (half_of(to, arrow_step[a]) + 1)
    printf "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#555555\" stroke-width=\"2\" marker-end=\"url(#tip)\"/>\n", \
        x1, y1, x2, y2 > svg
    label_arrow(label_of(a), x1 + (x2 - x1) * (gap / 2 - 12) / (y2 > y1 ? y2 - y1 : y1 - y2), y_of(from) + down * gap / 2 + 6)
}

# Half of what is drawn in the lane when a line has been said
function half_of(i, k) {
    return actor_of[k] == actor_name[i] || (i, k) in run_at || (i, k - 1) in run_at ? BAR / 2 : 5
}

function label_of(a,    text) {
    if (arrow_what[a] == "end of file")
        return "close"
    if (arrow_kind[a] == "kill")
        return arrow_what[a]
    if (arrow_kind[a] != "send")
        return arrow_kind[a]
    text = bytes_of(arrow_what[a])
    if (text == "bytes")
        return ""
    return length(text) > 10 ? substr(text, 1, 7) "..." : text
}

# To the right of the arrow, or to its left, or not at all: two labels must not overlap.
function label_arrow(text, at, y) {
    if (text == "")
        return
    if (is_free(at + 6, at + 6 + width_of(text), y))
        write_label(text, at + 6, y)
    else if (is_free(at - 6 - width_of(text), at - 6, y))
        write_label(text, at - 6 - width_of(text), y)
}

function is_free(from, to, y,    i) {
    if (to > width || from < left)
        return 0
    for (i = 1; i <= labels; i++)
        if (label_y[i] == y && from < label_to[i] + 6 && to > label_from[i] - 6)
            return 0
    return 1
}

function write_label(text, from, y) {
    labels++
    label_y[labels] = y
    label_from[labels] = from
    label_to[labels] = from + width_of(text)
    printf "<text x=\"%.1f\" y=\"%d\" fill=\"#1b1b1b\" stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\">%s</text>\n", from, y, \
        escaped(text) > svg
}
