"""The table as a picture: an SVG with a bar for each target, how much of it was reached."""

from xml.sax.saxutils import escape

LABEL, BARS, VALUE = 330, 360, 240  # pixels: widths of the three columns
LINE, BAR = 24, 14  # heights
MOST = 2.0  # of the target; a longer bar ends there with an arrow
TOP = 62
MET, MISSED, INK, GREY = "#2a7f4f", "#c0392b", "#222222", "#bbbbbb"


def text(x, y, words, anchor="start", size=12, colour=INK):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}">{escape(words)}</text>')


def draw(rows, about):
    """The bytes of the file. Rows without a target are left out."""
    rows = [row for row in rows if row.goal is not None]
    width = LABEL + BARS + VALUE
    height = TOP + LINE * len(rows) + 20
    scale = BARS / MOST

    def x_of(score):
        return LABEL + scale * min(max(score, 0), MOST)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" font-family="sans-serif">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             text(10, 22, "rbit: measured, as a part of its target", size=15),
             text(10, 40, f"{about['date']}, {about['processors']} processors, state on "
                          f"{about['file_system']}, fdatasync {about['fdatasync_us']} us",
                  size=11, colour="#666666")]
    for score in (0, 0.5, 1, 1.5, 2):
        x = x_of(score)
        parts.append(f'<line x1="{x:.0f}" y1="{TOP - 4}" x2="{x:.0f}" y2="{height - 16}" '
                     f'stroke="{INK if score == 1 else GREY}" stroke-width="1"/>')
        parts.append(text(x, TOP - 8, "target" if score == 1 else f"{score:g}", "middle", 10))
    for number, row in enumerate(rows):
        y = TOP + LINE * number + (LINE - BAR) / 2
        colour = MET if row.is_met else MISSED
        length = x_of(row.score) - LABEL
        parts.append(text(LABEL - 8, y + BAR - 3, row.figure, "end"))
        parts.append(f'<rect x="{LABEL}" y="{y:.0f}" width="{max(length, 1):.1f}" height="{BAR}" '
                     f'fill="{colour}"/>')
        if row.score > MOST:
            end = LABEL + BARS
            parts.append(f'<path d="M{end} {y:.0f} l8 {BAR / 2:.0f} l-8 {BAR / 2:.0f} z" '
                         f'fill="{colour}"/>')
        parts.append(text(LABEL + BARS + 16, y + BAR - 3, f"{row.measured}  ({row.target})",
                          colour=colour))
    return "\n".join([*parts, "</svg>", ""])
