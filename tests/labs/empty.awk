# Prints a lesson with the functions that are its idea emptied: what make lab gives a student.
#
#   awk -v number=06 -f empty.awk tests/labs/06_select_server.lab lessons/06_select_server.c
#
# The first file says what is emptied (README.md, "Labs"); the second is the lesson. In place of its lines, a function gets
# its contract, and whatever keeps the compiler quiet until it is written.

function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }

# ---- The lab file ----

FNR == NR && /^(empty|cut) / {
    name = $2
    order[++functions] = name
    way[name] = $1
    pattern[name] = $0
    sub(/^[a-z]+ [a-z_0-9]+ */, "", pattern[name])
    next
}
FNR == NR && /^step / { titles[++steps] = substr($0, 6); name = ""; next }
FNR == NR && /^[^ ]/ { name = ""; next }
FNR == NR && /^    / { if (name != "") contract[name] = contract[name] substr($0, 5) "\n"; next }
FNR == NR { next }

# ---- The lesson ----

{ line[FNR] = $0; lines = FNR }

# Comments and strings hold no names that count.
function bare(text) {
    gsub(/"([^"\\]|\\.)*"/, "\"\"", text)
    gsub(/\/\*[^*]*\*\//, "", text)
    sub(/\/\*.*/, "", text)
    if (text ~ /^ *\*/) text = ""
    return text
}

# The names of functions and variables that stand alone at the left edge, by the line that defines them.
function find_names(    i, text, rest) {
    for (i = 1; i <= lines; i++) {
        if (line[i] ~ /^\{/) { open[name_of(head(i), "")] = i; last = name_of(head(i), "") }
        if (line[i] ~ /^\}/ && last != "") { closing[last] = i; last = "" }
        if (match(line[i], /^\} \*? ?[a-z_0-9]+( =|;)/)) {
            rest = substr(line[i], RSTART, RLENGTH)
            gsub(/[^a-z_0-9]/, "", rest)
            is_static[rest] = 1
        }
        if (line[i] !~ /^static /) continue
        text = bare(line[i])
        if (text ~ /^static [^=]*[a-z_0-9]+\([^*]/) {
            is_static[name_of(text, "")] = 1
            continue
        }
        sub(/^static /, "", text)
        while (match(text, /[a-z_0-9]+(\[[^]]*\])*(\)\(| =|;|,)/)) {
            rest = substr(text, RSTART, RLENGTH)
            sub(/[^a-z_0-9].*/, "", rest)
            is_static[rest] = 1
            text = substr(text, RSTART + RLENGTH)
            if (text ~ /^ *\{/) break
        }
    }
}

# The head of the function that opens at this line, all of it in one.
function head(at,    text, i) {
    for (i = at - 1; i > 0 && line[i] != "" && line[i] !~ /[;}\/]$/; i--) text = line[i] " " text
    gsub(/__attribute__\(\([^)]*\)\) */, "", text)
    return text
}

# The comment above a function says how it does what it does; what a student needs stands in the contract. What it is in Python
# stays.
function hide_comment(at,    first, last) {
    for (last = at - 1; line[last] != "" && line[last] !~ /[;}\/]$/; last--) continue
    if (line[last] !~ /\*\/$/) return
    for (first = last; line[first] !~ /^\/\*/ && first > 1; first--) continue
    if (line[first] ~ /^\/\* (def |----)/ || line[first] !~ /^\/\*/) return
    for (; first <= last; first++) hidden[first] = 1
}

function name_of(text, unused) {
    return match(text, /[a-z_0-9]+\(/) ? substr(text, RSTART, RLENGTH - 1) : ""
}

function parameters(text,    i, c, depth, piece, names) {
    sub(/^[^(]*\(/, "", text)
    sub(/\)[^)]*$/, ",", text)
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "(") depth++
        if (c == ")") depth--
        if (c != "," || depth > 0) { piece = piece c; continue }
        if (match(piece, /\(\*[a-z_0-9]+/)) names = names " " substr(piece, RSTART + 2, RLENGTH - 2)
        else {
            gsub(/\[[^]]*\]/, "", piece)
            if (match(piece, /[a-z_0-9]+ *$/) && trim(piece) != "void") names = names " " trim(substr(piece, RSTART, RLENGTH))
        }
        piece = ""
    }
    return names
}

function nothing_of_type(text) {
    sub(/[a-z_0-9]+\(.*/, "", text)
    if (text ~ /_Noreturn/) return "_exit(EXIT_SUCCESS);"
    gsub(/static|inline/, "", text)
    text = trim(text)
    if (text == "void") return ""
    if (text ~ /\*$/) return "return NULL;"
    if (text == "bool") return "return false;"
    return text ~ /^(struct|union) |^fd_set$/ ? "return (" text "){0};" : "return 0;"
}

# A statement ends where a line ends in one of ; { } or in a comment; from its first line, prints its last. A block ends
# where it closes.
function end_of_statement(at,    i, text, indent) {
    for (i = at; i < lines; i++) {
        text = bare(line[i])
        sub(/ +$/, "", text)
        if (text == "" && trim(line[i]) != "" && i > at) continue
        if (text ~ /[;}]$/ || text == "") return i
        if (text ~ /\{$/) {
            match(line[at], /^ */)
            indent = substr(line[at], 1, RLENGTH)
            while (line[++i] != indent "}" && i < lines) continue
            return i
        }
    }
    return i
}

# The function without the statements that the pattern matches.
function without(name,    at, end, text, i, kept) {
    for (at = open[name] + 1; at < closing[name]; at = end + 1) {
        end = at
        text = trim(line[at])
        if (bare(line[at]) ~ /\{$/ && text !~ pattern[name]) { kept = kept line[at] "\n"; continue }
        end = end_of_statement(at)
        for (i = at + 1; i <= end; i++) text = text " " trim(line[i])
        if (text ~ pattern[name]) continue
        for (i = at; i <= end; i++) kept = kept line[i] "\n"
    }
    return kept
}

# A line begins a paragraph if it begins with a label ("In:", "Says:"), or is not indented and follows one that is.
function as_comment(text,    parts, n, i, label, said, row) {
    n = split(text, parts, "\n") - 1
    said = "    /* TODO\n"
    for (i = 1; i <= n + 1; i++) {
        if (row != "" && (i > n || parts[i] ~ /^[A-Z][a-z]+: / || (label != "" && parts[i] ~ /^[^ ]/))) {
            match(row, /^[A-Z][a-z]+: +/)
            label = RLENGTH > 0 ? substr(row, 1, RLENGTH) : ""
            said = said wrap(substr(row, length(label) + 1), "     * " label, "     * " sprintf("%*s", length(label), "")) "\n"
            row = label = ""
        }
        if (parts[i] ~ /^[A-Z][a-z]+: /) label = "it has one"
        row = row (row == "" ? "" : " ") (row == "" ? parts[i] : trim(parts[i]))
    }
    return said "     */\n"
}

# How often the name stands where it is used, and not where it is defined.
function uses(name,    i, text, count) {
    for (i = 1; i <= written; i++) {
        text = out[i]
        if (text ~ /^\}/ || (text ~ /^static / && text !~ /=/)) continue
        gsub(/(struct|union|enum) [a-z_0-9]+/, "", text)
        if (text ~ /^static /) sub(/^[^=]*=/, "", text)
        if (bare(text) ~ "(^|[^a-z_0-9.>])" name "([^a-z_0-9]|$)") count++
    }
    return count
}

function write(text,    parts, n, i) {
    n = split(text, parts, "\n")
    if (parts[n] == "") n--
    for (i = 1; i <= n; i++) out[++written] = parts[i]
}

function wrap(text, first, next_,    words, n, i, row, said) {
    n = split(text, words, " ")
    row = first
    for (i = 1; i <= n; i++) {
        if (length(row) + length(words[i]) + 1 > 96) { said = said row "\n"; row = next_ }
        row = row (row ~ / $/ ? "" : " ") words[i]
    }
    return said row
}

function lab_header(    i) {
    write("\n/* ---- Lab: build it in these steps\n *")
    for (i = 1; i <= steps; i++) write(wrap(titles[i], " *   " i ". ", " *      "))
    write(" *\n * make grade T=" number " says how far you are, make hint T=" number " helps, and make watch T=" number)
    write(" * grades whenever you save. What is to be written is marked TODO. */")
}

END {
    find_names()
    for (i = 1; i <= functions; i++) {
        name = order[i]
        if (!(name in open)) {
            print FILENAME ": no function " name > "/dev/stderr"
            exit 1
        }
        at_line[open[name]] = name
        hide_comment(open[name])
    }
    for (i = 1; i <= lines; i++) {
        if (i in hidden) continue
        out[++written] = line[i]
        if (line[i] ~ /^ ?\*\/$|\*\/$/ && !headed) { headed = 1; lab_header() }
        if (!(i in at_line)) continue
        name = at_line[i]
        write(as_comment(contract[name]))
        mark_at[++marks] = written
        marked[marks] = name
        if (way[name] == "cut") write(without(name))
        i = closing[name] - 1
    }
    for (m = 1; m <= marks; m++) quiet[mark_at[m]] = quiet_of(marked[m])
    for (i = 1; i <= written; i++) {
        print out[i]
        if (i in quiet) printf "%s", quiet[i]
    }
}

# Names that only this function used, and its parameters: mentioned, so that the compiler does not warn.
function quiet_of(name,    i, j, mine, kept, own, text, words, n, list, names, row, said) {
    mine = parameters(head(open[name]))
    kept = way[name] == "cut" ? without(name) : ""
    list = mine
    for (i = open[name] + 1; i < closing[name]; i++) {
        text = bare(line[i])
        gsub(/(struct|union|enum) [a-z_0-9]+/, "", text)
        gsub(/(\.|->)[a-z_0-9]+/, "", text)
        gsub(/[^a-z_0-9]+/, " ", text)
        list = list " " text
    }
    n = split(list, words, " ")
    for (i = 1; i <= n; i++) {
        j = words[i]
        own = (" " mine " ") ~ (" " j " ")
        if (own && kept ~ ("(^|[^a-z_0-9])" j "([^a-z_0-9]|$)")) continue
        if (!own && (!(j in is_static) || j in done || uses(j) > 0 || j == name)) continue
        if (!own) done[j] = 1
        if ((" " names " ") ~ (" " j " ")) continue
        names = names " " j
    }
    n = split(names, words, " ")
    for (i = 1; i <= n; i++) {
        text = "(void)" words[i]
        if (row != "" && length(row) + length(text) > 90) { said = said row ";\n"; row = "" }
        row = row (row == "" ? "    " : ", ") text
    }
    if (row != "") said = said row ";\n"
    if (said != "") said = "    /* delete these mentions as you go: they only keep the compiler quiet */\n" said
    text = way[name] == "empty" ? nothing_of_type(head(open[name])) : ""
    return said (text == "" ? "" : "    " text "\n")
}
