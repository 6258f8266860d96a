# The syllabus, with a link to each lesson's page.
#
#   awk -v lessons='all of them, in order' -v build=build -f html.awk -f index.awk

BEGIN {
    count = split(lessons, all, " ")
    for (i = 1; i <= count; i++) {
        rows = rows "<li><a href=\"" all[i] ".html\"><span class=\"number\">" number(all[i]) "</span> " esc(title(all[i])) "</a>\n"
        rows = rows "<p>" esc(part("Predict", all[i])) "</p>\n"
        rows = rows "<details><summary>picture of the run</summary>" picture(build "/pictures/" all[i] ".svg", "A picture of the run")
        rows = rows "</details></li>\n"
    }
    value["rows"] = rows
    value["style"] = contents("slides/replay/page.css")
    fill("slides/replay/index.html", value)
}
