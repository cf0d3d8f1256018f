#!/usr/bin/env python3
"""Clients that are no mail servers: talk early, write commands together, or speak another language altogether.

Noticed, counted and logged with their bytes; refusing them is the policy's business. Loopback only, needs no root.
"""
import re
import time

from support import messages
from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Suite, expect
from support.log_words import WORDS
from support.smtp_client import RawClient
from support.table import own_source

DELAY = 1.0


def session_lines(guard, client):
    """All lines of this client's session, once it is over."""
    guard.summary(client.local)
    return guard.events(client.local)


def says(lines, key, also=""):
    return [line for line in lines if re.search(WORDS[key], line) and re.search(also, line)]


def must_say(lines, key, also=""):
    expect(says(lines, key, also), f"no line /{WORDS[key]}/ with /{also}/ in: " + " | ".join(lines))


def must_not_say(lines, key):
    expect(not says(lines, key), f"unexpected: {says(lines, key)[:1]}")


class OneLinePerStep:
    """The bad client of "SMTP Filters": reads one line before each thing it says, checks nothing, and sends MAIL and RCPT
    in one write. A greeting of two lines makes it talk early as well, and leaves it a line behind for ever."""

    def __init__(self, address, ident):
        self.client = RawClient(address, source=own_source())
        self.seen = []
        self.ident = ident

    def read_line(self):
        try:
            self.seen.append(self.client._read_line())
        except (EOFError, ConnectionError):
            self.seen.append("(closed)")

    def say(self, data):
        self.read_line()
        self.client.send(data)

    def run(self):
        self.say(b"HELO client.example.org\r\n")
        self.say(b"MAIL FROM:<fixme@example.org>\r\nRCPT TO:<user@example.net>\r\n")
        self.say(b"DATA\r\n")
        self.client.send(messages.header(self.ident, "test"))
        self.client.send(b"\r\n")
        self.client.send(b"asdf\r\n")
        self.client.send(b".\r\n")
        self.say(b"QUIT\r\n")
        self.read_line()
        self.client.close()


def two_commands(guard, backend, with_teaser):
    ident = messages.new_id()
    bad = OneLinePerStep(guard.address, ident)
    bad.run()
    lines = session_lines(guard, bad.client)
    must_say(lines, "pipelining")
    if with_teaser:
        expect(bad.seen[0].startswith("220-"), f"no teaser: {bad.seen[0]}")
        must_say(lines, "early", "HELO client.example.org")
    else:
        expect(bad.seen[0].startswith("220 "), f"not a plain greeting: {bad.seen[0]}")
        must_not_say(lines, "early")
        must_say(lines, "pipelining", "RCPT TO")
        # It is only observed here, and its message is a message.
        accepted = backend.accepted(bad.client.local)
        expect(len(accepted) == 1, f"{len(accepted)} messages accepted")
        messages.must_match(accepted[0].data, ident, messages.header(ident, "test") + b"\r\nasdf\r\n")


def patient(guard, with_teaser):
    began = time.monotonic()
    with RawClient(guard.address, source=own_source()) as client:
        if with_teaser:
            line = client._read_line()
            expect(line.startswith("220-"), f"no teaser: {line}")
            expect(time.monotonic() - began < DELAY, "the teaser came late")
        client.greeting()
        took = time.monotonic() - began
        expect(took >= DELAY * 0.95, f"greeted after {took:.2f} s, the delay is {DELAY:g} s")
        client.ask("EHLO client.example", 250)
        client.quit()
    lines = session_lines(guard, client)
    for key in ("early", "pipelining", "bare lf"):
        must_not_say(lines, key)


def early_talker(guard, backend):
    """Talks before the greeting, then behaves: noticed with its bytes, and carried on."""
    ident = messages.new_id()
    with RawClient(guard.address, source=own_source()) as client:
        client.send(b"EHLO early.example\r\n")
        client.greeting()
        expect(client.reply().code == 250, client.transcript[-1])
        client.transaction(messages.simple(ident))
        client.quit()
    lines = session_lines(guard, client)
    must_say(lines, "early", "EHLO early.example")
    expect(len(says(lines, "early")) == 1, "told more than once")
    expect(len(backend.accepted(client.local)) == 1, "its message was not carried on")


def stranger(guard, data, shown):
    """Another protocol: answered in SMTP, never executed, logged with its first bytes."""
    with RawClient(guard.address, source=own_source()) as client:
        client.send(data)
        codes = []
        client.socket.settimeout(3)
        try:
            while True:
                codes.append(client.reply().code)
        except (EOFError, ConnectionError, TimeoutError):
            pass
    bad = [code for code in codes if code != 220 and code // 100 not in (4, 5)]
    expect(not bad, f"replies {codes}")
    must_say(session_lines(guard, client), "early", shown)


def hostile_text(guard):
    """What a client says cannot write a log line of its own, nor reach a terminal as it is."""
    with RawClient(guard.address, source=own_source()) as client:
        client.send(b"\x1b[31mfoo\nsession=00 event=summary client=192.0.2.1:25 \"quoted\" \\\xff\r\n")
        client.greeting()
        for _ in range(2):
            expect(client.reply().code // 100 == 5, client.transcript[-1])
        client.quit()
    lines = session_lines(guard, client)
    must_say(lines, "early", "foo")
    raw = open(guard.log.path, "rb").read()
    expect(not re.search(rb"[\0-\x09\x0b-\x1f\x7f]", raw), "control bytes in the log")
    expect(not re.search(rb"^session=00 ", raw, re.M), "the client wrote a line of the log")
    expect(re.search(rb'client=192\.0\.2\.1:25 \\"quoted', raw), "quotes are not escaped")


def main():
    suite = Suite("fake_clients", __doc__)
    backend = ScriptedBackend().start()

    def guard_for(name, teaser):
        policy = {"policy.default": {"greet_delay": f'"{DELAY:g}s"', "teaser": teaser},
                  "networks": {"local": "[]"}}
        return Guard(suite, name, [("127.0.0.1", free_port())], backend.address, "proxy-v2", policy)

    teaser = guard_for("guard-teaser", "true")
    plain = guard_for("guard-plain", "false")
    if suite.case("start", lambda: (teaser.start(), plain.start()), always=True):
        suite.case("two-commands/teaser", two_commands, teaser, backend, True)
        suite.case("two-commands/plain", two_commands, plain, backend, False)
        suite.case("patient/teaser", patient, teaser, True)
        suite.case("patient/plain", patient, plain, False)
        suite.case("early-talker/teaser", early_talker, teaser, backend)
        suite.case("early-talker/plain", early_talker, plain, backend)
        suite.case("http", stranger, plain, b"GET / HTTP/1.1\r\nHost: mx.example.net\r\nUser-Agent: x\r\n\r\n",
                   re.escape("GET / HTTP/1.1"))
        suite.case("ssh", stranger, plain, b"SSH-2.0-Go\r\n", re.escape("SSH-2.0-Go"))
        suite.case("tls", stranger, plain, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\r\n", "text=")
        suite.case("hostile-text", hostile_text, plain)
        suite.case("stop", lambda: (teaser.stop(), plain.stop()), always=True)
    suite.finish()


if __name__ == "__main__":
    main()
