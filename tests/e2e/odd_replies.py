#!/usr/bin/env python3
"""What a client is told when a backend fails or answers oddly, and what the log says: every fault at every stage.
Loopback only, needs no root.

The outcome of each is written down in odd_replies.md, and compared. A change there is a change of what clients and
administrators see.
Judged for each, beside its outcome: what the client was told is well-formed, one reply for each command, and nothing was
acknowledged that the backend had not accepted; then smtpguard serves the next client.
"""
import concurrent.futures
import difflib
import os
import re

from support.backend import CLOSE, FLOOD, RESET, SILENT, USUAL, ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Failure, Suite, expect, wait_until
from support.smtp_client import RawClient
from support.table import own_source

STAGES = ["banner", "ehlo", "xclient", "mail", "rcpt", "data", "dot", "rset", "quit"]
WITH_XCLIENT = USUAL["ehlo"].replace(b"250-8BITMIME\r\n", b"250-8BITMIME\r\n250-XCLIENT NAME ADDR PORT PROTO HELO\r\n")
SAID_EHLO = b"EHLO client.example"
PRINTABLE = re.compile(r"[2345]\d\d[ -][ -~]*")


def good(stage):
    return USUAL[stage]


def code(stage):
    return USUAL[stage][:3]


# By name: the action of the scripted backend, given the stage.
REPLIES = {
    "bare LF behind it": lambda s: code(s) + b" fine\n",
    "no text": lambda s: code(s) + b"\r\n",
    "600 octets of text": lambda s: code(s) + b" " + b"x" * 600 + b"\r\n",
    "100 KB of text": lambda s: code(s) + b" " + b"x" * 100_000 + b"\r\n",
    "100 lines": lambda s: (code(s) + b"-line\r\n") * 99 + code(s) + b" line\r\n",
    "200 lines": lambda s: (code(s) + b"-line\r\n") * 199 + code(s) + b" line\r\n",
    "lines without end": lambda s: FLOOD,
    "no code": lambda s: b"hello there\r\n",
    "two digits": lambda s: b"25 ok\r\n",
    "199": lambda s: b"199 what\r\n",
    "600": lambda s: b"600 what\r\n",
    "250_": lambda s: code(s) + b"_fine\r\n",
    "codes mixed": lambda s: code(s) + b"-one\r\n550 two\r\n",
    "empty line": lambda s: b"\r\n" + good(s),
    "NUL": lambda s: code(s) + b" a\0b\r\n",
    "bare CR": lambda s: code(s) + b" a\rb\r\n",
    "escape codes": lambda s: b"550 5.7.1 no \x1b[31mway\x1b[0m\r\n",
    "8-bit": lambda s: b"550 5.7.1 nein \xe4\xff\r\n",
    "250": lambda s: b"250 2.0.0 fine\r\n",
    "354": lambda s: b"354 go on\r\n",
    "450": lambda s: b"450 4.7.1 later\r\n",
    "550 5.7.1": lambda s: b"550 5.7.1 not you\r\n",
    "550": lambda s: b"550 no\r\n",
    "500": lambda s: b"500 5.5.2 what\r\n",
    "503": lambda s: b"503 5.5.1 out of order\r\n",
    "530": lambda s: b"530 5.7.0 STARTTLS first\r\n",
    "421 and close": lambda s: [b"421 4.3.2 shutting down\r\n", CLOSE],
    "twice": lambda s: good(s) + good(s),
    "twice, the second late": lambda s: [good(s), 0.1, good(s)],
    "and 554": lambda s: good(s) + b"554 5.7.1 no\r\n",
    "close": lambda s: CLOSE,
    "half of it, close": lambda s: [good(s)[:5], CLOSE],
    "it, then close": lambda s: [good(s), CLOSE],
    "reset": lambda s: RESET,
    "silence": lambda s: SILENT,
    "half of it, silence": lambda s: [good(s)[:5], SILENT],
}
# Whether these are seen before the next command or behind it is a matter of time. Either is right: a new connection, or
# 451; never a success that was another command's.
RACES = {"twice, the second late", "it, then close"}
# What the log calls the stages: a dash stands for it in the table, or there would be nine columns of nearly the same.
STAGE_WORDS = re.compile(r"the connection \(its 220\)|EHLO|XCLIENT|MAIL|RCPT|DATA|end of data|RSET|QUIT")
GOOD_CODES = re.compile(r"\b(220|250|354)(?=_fine| and then)")
HINT = re.compile(r"; does it expect PROXY version 2 here\? \(backend\.identity\)$")
EITHER = re.compile(r"delivered|451 4\.3\.0 to \w+")


class Talk:
    """A client that goes on as far as it is let, and what it was told first that was no success."""

    def __init__(self, guard, source):
        self.client = RawClient(guard.address, source=source, timeout=20, connect=False)
        self.outcome = None
        self.acknowledged = 0

    def say(self, name, line, wanted):
        self.client.send(line)
        reply = self.client.reply()
        for told in reply.lines:
            expect(PRINTABLE.fullmatch(told) and len(told) <= 510, f"not a reply line: {told!r}")
        if reply.code // 100 == wanted:
            return True
        if self.outcome is None:
            enhanced = re.match(r"\d\d\d (\d\.\d+\.\d+)", reply.text)
            self.outcome = f"{reply.code} {enhanced.group(1) if enhanced else ''}".strip() + f" to {name}"
        return False

    def message(self):
        """Ends at the first refusal, as a careful client does."""
        steps = [("MAIL", b"MAIL FROM:<a@sender.example>\r\n", 2), ("RCPT", b"RCPT TO:<user@example.net>\r\n", 2),
                 ("DATA", b"DATA\r\n", 3), ("message", b"Subject: x\r\n\r\n.. text\r\n.\r\n", 2)]
        for name, line, wanted in steps:
            if not self.say(name, line, wanted):
                return
        self.acknowledged += 1

    def play(self, stage):
        with self.client as client:
            client.connect()
            client.hello()
            if stage == "rset":
                client.ask("MAIL FROM:<given-up@sender.example>", 250)
                self.say("RSET", b"RSET\r\n", 2)
            self.message()
            # The session is in step whatever has happened, and RSET clears what is left.
            client.ask("RSET", 250)
            client.ask("NOOP", 250)
            client.quit()
        return self.outcome or "delivered"


def trouble_of(guard, local):
    """What the log says of the backend in the session of that client."""
    connect = guard.log.wait_for(rf"session=(\S+) event=connect client={re.escape(local[0])}:{local[1]} ")
    session = re.search(r"session=(\S+)", connect).group(1)
    guard.log.wait_for(rf"session={session} event=summary ")
    lines = guard.log.find(rf"session={session} event=backend ")
    troubles = [re.search(r'trouble="((?:[^"\\]|\\.)*)"', line).group(1) for line in lines]
    return {in_short(trouble) for trouble in troubles}


def in_short(trouble):
    """Without what differs from stage to stage, and in a cell of a table."""
    short = HINT.sub("", trouble).replace(r"\"", "'")
    short = STAGE_WORDS.sub("-", short.replace("greeted with", "answered - with"))
    return GOOD_CODES.sub("250", short)


def by_proxy(guard, backend, name, stage):
    source = own_source() or "127.0.0.1"
    talk = Talk(guard, source)
    local = talk.client.local
    backend.scripts[local] = [{stage: REPLIES[name](stage)}]
    outcome = talk.play(stage)
    wait_until(lambda: all(session.over for session in backend.of(local)), "the backend's connections end", 15)
    judge(talk, backend.of(local))
    return settled(name, outcome), trouble_of(guard, local)


def by_xclient(guard, backend, name, stage):
    before = len(backend.sessions)
    backend.default = {"ehlo": WITH_XCLIENT, stage: REPLIES[name](stage)}
    talk = Talk(guard, own_source() or "127.0.0.1")
    outcome = talk.play(stage)
    sessions = backend.sessions[before:]
    wait_until(lambda: all(session.over for session in sessions), "the backend's connections end", 15)
    judge(talk, sessions)
    return settled(name, outcome), trouble_of(guard, talk.client.local)


def settled(name, outcome):
    if name not in RACES:
        return outcome
    expect(EITHER.fullmatch(outcome), f"the client was told {outcome}")
    return "451 or delivered"


def judge(talk, sessions):
    accepted = sum(len(session.accepted) for session in sessions)
    expect(talk.acknowledged <= accepted, f"{talk.acknowledged} acknowledged, {accepted} accepted")
    unhealthy = [line for session in sessions for line in session.unhealthy]
    expect(not unhealthy, f"sent to the backend: {unhealthy[:1]}")


def as_table(cells):
    """Markdown: a row for each reply, a column for each stage."""
    lines = ["| the backend says | " + " | ".join(STAGES) + " |", "|---" * (len(STAGES) + 1) + "|"]
    for name in REPLIES:
        lines.append(f"| {name} | " + " | ".join(cells[name, stage] for stage in STAGES) + " |")
    return [line.replace("dot |", "end of data |") for line in lines]


def as_log_table(troubles):
    """Markdown: for each reply what the log has said, whatever the stage."""
    lines = ["| the backend says | trouble= in the log |", "|---|---|"]
    for name in REPLIES:
        said = "; or ".join(sorted(troubles[name])) or "nothing: it is no fault"
        said = "depends on when it is seen" if name in RACES else said
        lines.append(f"| {name} | {said} |")
    return lines


def unreachable(suite):
    """A backend that is not there: what the client is told and the log says, by name."""
    found = {}
    for name, address in (("nobody listens", ("127.0.0.1", free_port())), ("no such network", ("240.0.0.1", 25))):
        guard = Guard(suite, "guard-unreachable", [("127.0.0.1", free_port())], address).start()
        talk = Talk(guard, own_source() or "127.0.0.1")
        outcome = talk.play("banner")
        found[name] = outcome, trouble_of(guard, talk.client.local)
        guard.stop()
    return found


def compare(suite, cells, troubles):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "odd_replies.md")
    got = as_table(cells) + as_log_table(troubles)
    for name, (outcome, said) in unreachable(suite).items():
        got.append(f"| {name} ({outcome}) | {'; or '.join(sorted(said))} |")
    with open(os.path.join(suite.work, "odd_replies.md"), "w") as file:
        print("\n".join(got), file=file)
    with open(path) as file:
        written = [line.rstrip("\n") for line in file if line.startswith("|")]
    changes = [line for line in difflib.unified_diff(written, got, lineterm="", n=0) if line[:2] in ("+|", "-|")]
    expect(not changes, "differs from odd_replies.md: " + " ".join(changes[:6]))


def main():
    suite = Suite("odd_replies", __doc__)
    short = {"backend": {key: '"1s"' for key in ("greeting_timeout", "reply_timeout", "data_timeout", "end_timeout")}}
    sides = {}
    for identity in ("proxy-v2", "xclient"):
        backend = ScriptedBackend(proxy=identity == "proxy-v2")
        backend.default = {} if identity == "proxy-v2" else {"ehlo": WITH_XCLIENT}
        sides[identity] = (Guard(suite, "guard-" + identity, [("127.0.0.1", free_port())], backend.start().address, identity, short), backend)

    def start():
        for guard, _backend in sides.values():
            guard.start()

    cells = {}
    troubles = {name: set() for name in REPLIES}

    def play(stage):
        """All replies of one stage: side by side, but for XCLIENT, where the backend does not know whom it talks to."""
        identity, cell, workers = ("xclient", by_xclient, 1) if stage == "xclient" else ("proxy-v2", by_proxy, 12)
        failures = []

        def one(name):
            try:
                cells[name, stage], said = cell(*sides[identity], name, stage)
                troubles[name] |= said
            except (Failure, OSError, EOFError) as failure:
                cells[name, stage] = "?"
                failures.append(f"{name}: {failure!r}")

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, REPLIES))
        expect(not failures, " | ".join(failures))

    if suite.case("start", start, always=True):
        for stage in STAGES:
            suite.case("stage/" + stage, play, stage, limit=60)
        if len(cells) == len(STAGES) * len(REPLIES):
            suite.case("table", compare, suite, cells, troubles)
        for identity, (guard, _backend) in sides.items():
            suite.case("stop/" + identity, guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
