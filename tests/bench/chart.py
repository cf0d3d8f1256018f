"""The table of benchmarks as a picture: one group of bars for each row, smtpguard's in colour. SVG, no library needed."""
from xml.sax.saxutils import escape

WIDTH, LABEL, BAR, GAP, LINE = 900, 330, 420, 26, 19
OURS, OTHERS, INK, GOOD, BAD = "#2563a8", "#b8bcc4", "#22262c", "#1d7a3e", "#b3261e"


def _text(x, y, said, size=12, colour=INK, anchor="start", bold=False):
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(said)}</text>'


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def write(path, rows):
    """rows: as table.Row; values that are not finite have no bar."""
    parts, y = [], 34
    parts.append(_text(16, y, "smtpguard and its peers, one sink, one machine, one run", 16, bold=True))
    y += GAP
    for row in rows:
        y += 8
        parts.append(_text(16, y, row.what + (f" ({row.unit})" if row.unit else ""), 13, bold=True))
        finite = [value for value in row.figures.values() if value < float("inf")]
        # A row of several kinds of figures has no common scale.
        scale = max(finite, default=0) if row.unit else 0
        for name, value in row.figures.items():
            y += LINE
            parts.append(_text(LABEL - 8, y, name, anchor="end"))
            length = max(1, BAR * max(0, value) / scale) if scale and value < float("inf") else 0
            if length:
                colour = OURS if name.startswith("smtpguard") else OTHERS
                parts.append(f'<rect x="{LABEL}" y="{y - 11}" width="{length:.1f}" height="13" fill="{colour}"/>')
            parts.append(_text(LABEL + length + 6, y, _number(value) if value < float("inf") else "none"))
        for verdict in row.verdicts:
            if verdict["met"] is None:
                continue
            y += LINE
            bound = "at most" if verdict["at_most"] else "at least"
            parts.append(_text(LABEL, y, f"{verdict['what']}: {verdict['text']} ({bound} {verdict['budget']})", 12,
                               GOOD if verdict["met"] else BAD))
        y += GAP
    with open(path, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif">\n'
                   f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
