"""What the log must say, in one place: patterns over the lines of one session (key=value).

A row of the tables names a key; some line of its session must match the pattern.
"""
WORDS = {
    # How the client's side ended.
    "quit": r"\bend=quit",
    "client closed": r"\bend=\S*(close|eof|gone|lost)",
    "client reset": r"\bend=\S*(reset|close|gone|lost)",
    "client slow": r"\bend=\S*time",
    "client does not read": r"\bend=\S*(write|time)",
    "too many errors": r"\bend=\S*error",
    "too many commands": r"\bend=\S*command",
    "line without end": r"\bend=\S*(line|junk|long)",
    "too many connections": r"\bend=\S*(limit|connections|busy)",
    # What was wrong with what it sent.
    "early": r"\bevent=early\b",
    "bare lf": r"bare[ _]?lf",
    "message refused": r"\b55\d|bare|NUL|nul|too long|overlong",
    "too large": r"\b552\b",
    # What was wrong behind us.
    "backend refused": r"backend.*refused",
    "backend timeout": r"backend.*(time|answer)",
    "backend 421": r"backend.*421|421.*backend|\b4[25]1\b",
    "backend garbage": r"backend.*(garbage|not a reply|unexpected|syntax|protocol|malformed|invalid|too long)",
    "backend gone": r"backend.*(close|reset|lost|eof|gone|end)",
    "backend said 5": r"\b55\d\b",
    "backend said 4": r"\b45\d\b",
}
