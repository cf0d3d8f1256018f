"""What the log must say, in one place: patterns over the lines of one session (key=value).

A row of the tables names a key; some line of its session must match the pattern.
"""
WORDS = {
    # How the client's side ended.
    "quit": r"\bhow=quit\b",
    "client closed": r"\bhow=client-closed\b",
    "client reset": r"\bhow=client-(reset|closed)\b",
    "client slow": r"\bhow=timeout\b",
    "client does not read": r"\bhow=not-reading\b",
    "too many errors": r"\bhow=abuse\b.*error",
    "too many commands": r"\bhow=abuse\b.*command",
    "line without end": r"\bhow=abuse\b.*line",
    "too many connections": r"\bhow=refused\b.*connections",
    "stopped": r"\bhow=shutdown\b",
    "bad proxy header": r"\bhow=bad-proxy-header\b",
    # What was wrong with what it sent.
    "early": r"\bevent=early\b.*\bwhat=early\b",
    "pipelining": r"\bevent=early\b.*\bwhat=pipelining\b",
    "bare lf": r"\bevent=early\b.*\bwhat=bare-lf\b",
    "message refused": r"\bevent=data\b.*\b55\d\b",
    "normalised": r"\bevent=data\b.*\bbare_lf=[1-9]",
    "too slow": r"\bhow=timeout\b.*\bmessage after \d+ octets in ",
    "too large": r"\b552\b",
    # What was wrong behind us.
    "backend refused": r"\btrouble=.*refused",
    "backend timeout": r"\btrouble=.*\btimeout\b",
    "backend 421": r"\btrouble=.*\b421\b",
    "backend wants starttls": r"\btrouble=.*\b530\b",
    "backend greeted 554": r"\btrouble=.*\b554\b",
    "backend garbage": r"\btrouble=.*(no proper reply|nothing|not asked|before the end|answered|greeted)",
    "backend gone": r"\btrouble=.*(closed|reset|pipe|lost)",
    "backend said 5": r"\b55\d\b",
    "backend said 4": r"\b45\d\b",
}
