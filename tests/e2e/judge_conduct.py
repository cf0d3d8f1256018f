#!/usr/bin/env python3
"""How a client behaves, and what becomes of it in each posture: other protocols, line ends, junk, message text as commands,
AUTH, early talk, pipelining, relaying; the administrator's lists and rules.

Clients come by PROXY header from a documentation network, with confirmed names from an answers file and nothing else to be
said against them. Each row tells input, finding, evidence, verdict and reply; the whole table is written to conduct.txt, and
printed when the script is run by hand. Loopback only, needs no root.
"""
import itertools
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from support import messages
from support.backend import ScriptedBackend
from support.guard import Guard, fields, free_port
from support.harness import Suite, expect
from support.smtp_client import RawClient

POSTURES = ["observe", "lenient", "balanced", "strict"]
ALL = dict.fromkeys
DELAY = 0.4
_ports = itertools.count(20000)
_numbers = itertools.cycle(range(1, 200))


class Client(RawClient):
    """A client with an address of its own, announced by a PROXY header."""

    def __init__(self, guard, number=None, first=b""):
        super().__init__(guard.address, timeout=10)
        self.number = next(_numbers) if number is None else number
        self.who = (f"203.0.113.{self.number}", next(_ports))
        self.send(f"PROXY TCP4 {self.who[0]} 192.0.2.25 {self.who[1]} 25\r\n".encode() + first)

    @property
    def helo(self):
        return f"mx{self.number}.good-sender.net"

    def quietly(self, data):
        try:
            self.send(data)
        except OSError:
            pass

    def rest(self):
        """All replies until the other side closes or falls silent."""
        self.socket.settimeout(0.8)
        try:
            while True:
                self.reply()
        except (EOFError, ConnectionError, TimeoutError):
            return self.transcript


def answers_file(suite):
    path = os.path.join(suite.work, "answers")
    with open(path, "w") as file:
        file.write("good-sender.net MX 300 10 mx1.good-sender.net\n")
        for n in range(1, 255):
            file.write(f"203.0.113.{n} PTR 300 mx{n}.good-sender.net\nmx{n}.good-sender.net A 300 203.0.113.{n}\n")
    return path


class Told:
    """What the log says of one session."""

    def __init__(self, guard, client):
        client.close()
        self.summary = fields(guard.summary(client.who))
        self.lines = guard.events(client.who)
        self.findings = {found["test"]: found for found in map(fields, self.lines) if found.get("event") == "finding"}

    def events(self, name):
        return [line for line in self.lines if f" event={name} " in line + " "]


class Row:
    """`play(client)` gives the reply that counts; `expected`: by posture, the verdict and how that reply begins."""

    def __init__(self, name, play, finding, evidence, expected, first=b"", guard="plain", also=None):
        self.name, self.play, self.finding, self.evidence = name, play, finding, evidence
        self.expected, self.first, self.guard, self.also = expected, first, guard, also


def refused(*postures, code="550", otherwise="pass"):
    """Refused there, let through elsewhere."""
    return {posture: ("refuse", code) if posture in postures else (otherwise, "250") for posture in POSTURES}


AT_ONCE = {posture: ("drop", "554 5.5.1") for posture in POSTURES[1:]} | {"observe": ("pass", "")}
# By score: what the sum leads to.
BARE_LF = {"observe": ("pass", "250"), "lenient": ("pass", "250"), "balanced": ("pass", "250"), "strict": ("refuse", "550 5.5.2")}
SIX_OF_EIGHT = {"observe": ("pass", "250"), "lenient": ("pass", "250"), "balanced": ("defer", "450 4.7.1"),
                "strict": ("refuse", "550 5.5.2")}
AUTH = {"observe": ("pass", "250"), "lenient": ("pass", "250"), "balanced": ("pass", "250"), "strict": ("defer", "450 4.7.1")}


def line_by_line(*lines, recipient="user@example.net"):
    """An orderly session but for these lines behind EHLO; the reply to its recipient."""
    def play(client):
        client.greeting()
        client.ask(f"EHLO {client.helo}", 250)
        for line in lines:
            client.quietly(line)
            if client.reply().code == 554:
                return client.transcript[-1]
        client.ask("MAIL FROM:<a@good-sender.net>", 250)
        reply = client.ask(f"RCPT TO:<{recipient}>")
        client.ask("QUIT")
        return reply.text
    return play


def foreign(data):
    """Says it and nothing else; the last reply."""
    def play(client):
        client.greeting()
        client.quietly(data)
        return client.rest()[-1]
    return play


def foreign_early(client):
    return client.rest()[-1]


def envelope_at_once(client):
    client.greeting()
    client.ask(f"EHLO {client.helo}", 250)
    client.send(b"MAIL FROM:<a@good-sender.net>\r\nRCPT TO:<user@example.net>\r\n")
    client.reply()
    reply = client.reply()
    client.ask("QUIT")
    return reply.text


def early(client):
    client.greeting()
    expect(client.reply().code == 250, client.transcript[-1])
    client.ask("MAIL FROM:<a@good-sender.net>", 250)
    reply = client.ask("RCPT TO:<user@example.net>")
    client.ask("QUIT")
    return reply.text


def message_after_refused_data(client):
    client.greeting()
    client.ask(f"EHLO {client.helo}", 250)
    client.ask("MAIL FROM:<a@good-sender.net>", 250)
    client.ask("RCPT TO:<x@foreign.example>", 550)
    client.ask("DATA", 503)
    client.quietly(b"From: <a@good-sender.net>\r\nTo: <x@foreign.example>\r\nSubject: secret\r\n\r\n" + b"text\r\n" * 8 + b".\r\nQUIT\r\n")
    client.rest()
    told = [text for text in client.transcript if text.startswith("554")]
    return told[-1] if told else client.transcript[-1]


def article(client):
    """The client of the article: one line read for each step, MAIL and RCPT in one write, nothing checked."""
    def line():
        try:
            return client._read_line()
        except (EOFError, ConnectionError, TimeoutError):
            return "(closed)"
    client.socket.settimeout(1.5)
    seen = []
    for data in (f"HELO {client.helo}\r\n".encode(), b"MAIL FROM:<fixme@good-sender.net>\r\nRCPT TO:<fixme@foreign.example>\r\n", b"DATA\r\n"):
        seen.append(line())
        client.quietly(data)
    for part in (b"From: <fixme@good-sender.net>\r\n", b"Subject: test\r\n", b"\r\n", b"asdf\r\n", b".\r\n", b"QUIT\r\n"):
        client.quietly(part)
    while seen[-1] != "(closed)" and len(seen) < 30:
        seen.append(line())
    told = [text for text in seen if text.startswith("554")]
    return told[-1] if told else seen[-2]


PROTOCOLS = {
    "HTTP": [b"GET / HTTP/1.1\r\nHost: mx.example.net\r\nUser-Agent: x\r\n\r\n", b"POST /cgi-bin/luci HTTP/1.1\r\n\r\n",
             b"CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    "SSH": [b"SSH-2.0-Go\r\n"],
    "TLS": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"],
    "SOCKS4": [b"\x04\x01\x01\xbb\xc0\x00\x02\x07\x00"],
    "SOCKS5": [b"\x05\x01\x00"],
    "RDP": [b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00"],
    "SIP": [b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\n\r\n"],
    "RTSP": [b"OPTIONS / RTSP/1.0\r\n\r\n"],
    "SMB": [b"\x00\x00\x00\xa4\xffSMB\x72\x00\x00\x00\x00"],
    "LDAP": [b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"],
    "DNS": [b"\x00\x1e\x00\x06\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03"],
    "Redis": [b"*1\r\n$4\r\nINFO\r\n"],
    "MQTT": [b"\x10\x17\x00\x04MQTT\x04\x02\x00\x3c\x00\x0bmqtt-client"],
    "PostgreSQL": [b"\x00\x00\x00\x08\x04\xd2\x16\x2f"],
    "VNC": [b"RFB 003.008\n"],
    "Telnet": [b"\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x18"],
    "Kerberos": [b"\x00\x00\x00\x71\x6a\x81\x6e\x30\x81\x6b\xa1\x03"],
    "IMAP": [b"a001 LOGIN user secret\r\n"],
    "POP3 or FTP": [b"USER anonymous\r\n"],
    "IRC": [b"NICK bot\r\nUSER bot 0 * :bot\r\n"],
    "JSON-RPC": [b'{"id":1,"method":"mining.subscribe","params":[]}\n'],
    "PROXY": [b"PROXY TCP4 198.51.100.1 192.0.2.25 4000 25\r\n"],
}
ONE_FINDING = "one finding"

ROWS = [
    Row(f"{name}/{index + 1}", foreign(data), "protocol.non_smtp", re.escape(name) + ": ", AT_ONCE, also=ONE_FINDING)
    for name, samples in PROTOCOLS.items() for index, data in enumerate(samples)
] + [
    Row(f"{name}/early{teaser}", foreign_early, "protocol.non_smtp", re.escape(name) + ": ", AT_ONCE, first=PROTOCOLS[name][0],
        guard="teaser" if teaser else "plain")
    for name in ("HTTP", "TLS", "SSH", "SOCKS5") for teaser in ("", "-teaser")
] + [
    Row("bare LF", line_by_line(b"NOOP\n"), "protocol.bare_lf", "1 line$", BARE_LF),
    Row("NUL", line_by_line(b"NOOP\0\r\n"), "protocol.control_bytes", "in 1 line$", SIX_OF_EIGHT),
    Row("bare CR", line_by_line(b"NOOP\rRSET\r\n"), "protocol.control_bytes", "in 1 line$", SIX_OF_EIGHT),
    Row("junk", line_by_line(*[b"XYZZY %d\r\n" % n for n in range(11)]), "protocol.unknown_commands", "more than 10 lines",
        AT_ONCE | {"observe": ("pass", "250")}),
    Row("junk, ten lines", line_by_line(*[b"XYZZY %d\r\n" % n for n in range(10)]), None, "", refused()),
    Row("AUTH", line_by_line(b"AUTH LOGIN\r\n"), "auth.not_offered", "1 time$", AUTH),
    Row("message text", message_after_refused_data, "protocol.message_line", "From:$",
        {posture: ("drop", "554 5.5.1") for posture in POSTURES[1:]} | {"observe": ("refuse", "")}, also="one line"),
    Row("article's client", article, "protocol.message_line", "From:$",
        {posture: ("drop", "554 5.5.1") for posture in POSTURES[1:]} | {"observe": ("refuse", "")}, also="pipelining"),
    Row("article's client/teaser", article, "pipelining", "before the reply",
        {posture: ("drop", "") for posture in POSTURES[1:]} | {"observe": ("refuse", "")}, guard="teaser", also="early"),
    Row("early talk", early, "early_talker", "before the greeting", refused("balanced", "strict"), first="EHLO"),
    Row("early talk/teaser", early, "early_talker", "before the greeting", refused("balanced", "strict"), first="EHLO", guard="teaser"),
    Row("pipelining", envelope_at_once, "pipelining", "1 time",
        {"observe": ("pass", "250"), "lenient": ("pass", "250"), "balanced": ("defer", "450"), "strict": ("refuse", "550")}),
    Row("pipelining/teaser", envelope_at_once, "pipelining", "1 time",
        {"observe": ("pass", "250"), "lenient": ("pass", "250"), "balanced": ("defer", "450"), "strict": ("refuse", "550")}, guard="teaser"),
    Row("orderly", line_by_line(), None, "", refused()),
] + [
    Row(f"relay {name}", line_by_line(recipient=recipient), rule, evidence,
        refused(*POSTURES) if rule else refused())
    for name, recipient, rule, evidence in (
        ("foreign", "x@foreign.example", "relay.foreign", "x@foreign.example$"),
        ("percent", "x%foreign.example@example.net", "relay.hidden", "x%foreign.example@example.net$"),
        ("bang", "foreign.example!x@example.net", "relay.hidden", "foreign.example!x@example.net$"),
        ("quoted", '"x@foreign.example"@example.net', "relay.hidden", "foreign.example"),
        ("route", "@a.example,@b.example:x@foreign.example", "relay.foreign", "x@foreign.example$"),
        ("route to us", "@a.example:user@example.net", None, ""),
        ("postmaster elsewhere", "postmaster@foreign.example", "relay.foreign", "postmaster@foreign.example$"))
]


def check(row, guard, posture, table):
    first = row.first
    client = Client(guard)
    if first == "EHLO":
        first = f"EHLO {client.helo}\r\n".encode()
    if first:
        client.send(first)
    reply = row.play(client)
    told = Told(guard, client)
    verdict, begins = row.expected[posture]
    where = f"{row.name}/{posture}: reply {reply!r}, summary {told.summary}"
    expect(reply.startswith(begins), f"wanted {begins!r}; {where}")
    expect(told.summary["verdict"] == verdict, f"wanted {verdict}; {where}")
    found = told.findings.get(row.finding, {})
    if row.finding is None:
        expect(not told.findings, f"findings {list(told.findings)}; {where}")
    else:
        expect(re.search(row.evidence, found.get("evidence", "")), f"finding {row.finding}: {found}; {where}")
        acts = row.finding in told.summary.get("reasons", "")
        expect(acts or posture == "observe" or row.finding in told.summary.get("observed", ""), where)
    if row.also == ONE_FINDING and posture != "observe":
        events = [fields(line)["event"] for line in told.lines]
        expect(events == ["connect", "finding", "end", "summary"], f"events {events}; {where}")
        expect(told.summary["class"] == "abuse" and told.summary["how"] == "dropped", where)
    if row.also == "one line":
        text = [line for line in told.lines if re.search(r"From:|text of a message", line)]
        expect(len(text) == (2 if posture == "observe" else 1), f"{posture}: {len(text)} lines tell of the text: {text}")
        expect("secret" not in "".join(told.lines), "the subject stands in the log")
    if row.also == "pipelining":
        expect("pipelining" in told.findings and "relay.foreign" in told.findings, where)
    if row.also == "early":
        expect("early_talker" in told.findings, where)
    table.append((row.name, posture, row.finding or "-", found.get("evidence", "-")[:60], told.summary["verdict"], reply.split("\n")[-1][:110]))


def play_row(row, guards, table):
    with ThreadPoolExecutor(4) as pool:
        played = [pool.submit(check, row, guards[row.guard, posture], posture, table) for posture in POSTURES]
        for one in played:
            one.result()


def deliver(client, sender, recipient="user@example.net"):
    """One message; the replies to RCPT and, if that was a 250, to the message."""
    client.ask(f"MAIL FROM:<{sender}>", 250)
    replies = [client.ask(f"RCPT TO:<{recipient}>").text]
    if replies[0].startswith("250"):
        client.ask("DATA", 354)
        client.send(messages.simple(messages.new_id()).replace(b"\r\n.", b"\r\n..") + b".\r\n")
        replies.append(client.reply().text)
    else:
        client.ask("RSET", 250)
    return replies


def greeted(guard, number, helo=None):
    client = Client(guard, number)
    client.greeting()
    client.ask(f"EHLO {helo or client.helo}", 250)
    return client


def observed(guard, number):
    client = Client(guard, number)
    client.send(f"EHLO {client.helo}\r\n".encode())
    client.greeting()
    client.reply()
    replies = deliver(client, "a@good-sender.net")
    client.quit()
    told = Told(guard, client)
    expect(replies[-1].startswith("250"), replies)
    expect(told.summary["verdict"] == "pass" and told.summary["would"] == "refuse", told.summary)
    expect("access.observe" in told.summary["reasons"] and "early_talker" in told.summary["observed"], told.summary)


def gentler_recipient(guard, number):
    client = Client(guard, number)
    client.send(f"EHLO {client.helo}\r\n".encode())
    client.greeting()
    client.reply()
    expect(deliver(client, "a@good-sender.net", "gentle@example.net")[-1].startswith("250"), client.transcript)
    client.quit()
    told = Told(guard, client)
    expect(told.summary["delivered"] == "1" and told.summary["verdict"] == "pass", told.summary)


def discarded(guard, backend, number, sender):
    before = len(backend.accepted())
    client = greeted(guard, number)
    replies = deliver(client, sender)
    client.quit()
    told = Told(guard, client)
    expect(replies[-1].startswith("250"), replies)
    expect(len(backend.accepted()) == before, "the backend got it")
    expect(told.summary["verdict"] == "discard" and told.summary["discarded"] == "1", told.summary)
    expect(any("reason=access.discard" in line for line in told.events("data")), told.lines)


def denied(guard, number, helo=None, reply="550 5.7.1 refused: your server stands in this site's deny list (access.deny)"):
    client = greeted(guard, number, helo)
    replies = deliver(client, "a@good-sender.net")
    expect(replies == [replies[0]] and replies[0].startswith(reply), replies)
    expect(deliver(client, "a@good-sender.net", "postmaster@example.net")[-1].startswith("250"), client.transcript)
    client.quit()
    expect(Told(guard, client).findings["access.deny"]["outcome"] == "fail", "no finding")


def denied_sender(guard, number):
    client = greeted(guard, number)
    expect(deliver(client, "spam@good-sender.net")[0].startswith("550 5.7.1 refused: the sender"), client.transcript)
    expect(deliver(client, "ham@good-sender.net")[-1].startswith("250"), client.transcript)
    client.quit()


def denied_recipient(guard, number):
    client = greeted(guard, number)
    expect(deliver(client, "a@good-sender.net", "gone@example.net")[0].startswith("550 5.2.1"), client.transcript)
    expect(deliver(client, "a@good-sender.net")[-1].startswith("250"), client.transcript)
    client.quit()


def allowed(guard, number):
    began = time.monotonic()
    client = Client(guard, number)
    client.send(b"EHLO localhost.localdomain\r\n")  # its conduct does not count
    client.greeting()
    expect("PIPELINING" in client.reply().text, client.transcript)
    expect(time.monotonic() - began < DELAY, "it had to wait")
    expect(deliver(client, "a@good-sender.net")[-1].startswith("250"), client.transcript)
    client.quit()


def quiet(guard, number, helo=None, lines=("summary",)):
    client = Client(guard, number)
    client.greeting()
    client.ask(b"NOOP\n")
    client.reply()
    client.ask(f"EHLO {helo or client.helo}", 250)
    client.ask("XYZZY")
    client.quit()
    client.close()
    summary = fields(guard.summary(client.who))
    told = [fields(line)["event"] for line in guard.log.find(rf"\bsession={summary['session']}\b")]
    expect(told == list(lines), told)


def by_rule(guard, number, helo, reply):
    client = greeted(guard, number, helo)
    expect(deliver(client, "a@good-sender.net")[0].startswith(reply), client.transcript)
    client.quit()
    found = Told(guard, client).findings.get("rule.windows-names")
    expect((found is not None) == reply.startswith("550"), found)
    expect(found is None or found["evidence"] == f"helo={helo}", found)


def print_table(suite, table):
    table.sort(key=lambda row: ([one.name for one in ROWS].index(row[0]), POSTURES.index(row[1])))
    head = ("input", "posture", "finding", "evidence", "verdict", "reply")
    widths = [max(len(row[i]) for row in [head] + table) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head] + table]
    with open(os.path.join(suite.work, "conduct.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
    if not suite.arguments.work:
        print("\n".join(lines))


def main():
    suite = Suite("judge_conduct", __doc__)
    backend = ScriptedBackend().start()
    dns = {"answers": f'"{answers_file(suite)}"'}
    proxied = {"proxy_from": '["127.0.0.0/8"]'}

    def guard_for(name, posture, teaser, more):
        policy = {"policy.default": {"posture": f'"{posture}"', "greet_delay": f'"{DELAY:g}s"'.replace("0.4s", "400ms"), "teaser": teaser}}
        return Guard(suite, name, [("127.0.0.1", free_port())], backend.address, "proxy-v2", policy | {"dns": dns} | more, proxied)

    guards = {("plain", posture): guard_for(f"plain-{posture}", posture, "false", {}) for posture in POSTURES}
    guards |= {("teaser", posture): guard_for(f"teaser-{posture}", posture, "true", {}) for posture in POSTURES}
    lists = guard_for("lists", "strict", "false", {
        "policy.gentle": {"posture": '"lenient"', "recipients": '["gentle@example.net"]'},
        "access": {"observe": '["203.0.113.201"]', "discard": '["203.0.113.202", "from:stalker@good-sender.net"]',
                   "deny": '["203.0.113.203", "ptr:mx204.good-sender.net", "helo:bad.good-sender.net", "from:spam@good-sender.net", '
                           '"to:gone@example.net"]',
                   "quiet": '["203.0.113.205", "ptr:mx206.good-sender.net"]', "allow": '["203.0.113.207"]'},
        "[rule]": {"name": '"windows-names"', "helo": "'^(DESKTOP|WIN)-'", "action": '"refuse"',
                   "text": '"your host has the name of a home computer"'}})
    everybody = [*guards.values(), lists]
    table = []
    if suite.case("start", lambda: [guard.start() for guard in everybody], always=True):
        for row in ROWS:
            suite.case(row.name.replace(" ", "-"), play_row, row, guards, table)
        suite.case("access/gentler-recipient", gentler_recipient, lists, 216)
        suite.case("access/observe", observed, lists, 201)
        suite.case("access/discard-address", discarded, lists, backend, 202, "a@good-sender.net")
        suite.case("access/discard-sender", discarded, lists, backend, 210, "stalker@good-sender.net")
        suite.case("access/deny-address", denied, lists, 203)
        suite.case("access/deny-ptr", denied, lists, 204)
        suite.case("access/deny-helo", denied, lists, 211, "bad.good-sender.net")
        suite.case("access/deny-sender", denied_sender, lists, 212)
        suite.case("access/deny-recipient", denied_recipient, lists, 213)
        suite.case("access/allow", allowed, lists, 207)
        suite.case("access/quiet-address", quiet, lists, 205)
        suite.case("access/quiet-ptr", quiet, lists, 206, None, ("connect", "summary"))
        suite.case("rule/refuse", by_rule, lists, 214, "DESKTOP-1A2B3C.good-sender.net", "550 5.7.1 refused: your host has the name of a home computer (rule.windows-names)")
        suite.case("rule/others", by_rule, lists, 215, "mx215.good-sender.net", "250")
        suite.case("stop", lambda: [guard.stop() for guard in everybody], always=True)
        print_table(suite, table)
    suite.finish()


if __name__ == "__main__":
    main()
