#!/usr/bin/env python3
"""Bad input: hostile clients and odd backends, in tables. Loopback only, needs no root: hostile.py BINARY.

Rows run side by side against one smtpguard with short time limits; after all of them it must serve a good session and
end cleanly (with a sanitizer build: without a report).
"""
import socket
import sys
import threading

from support import messages
from support.backend import CLOSE as B_CLOSE
from support.backend import FLOOD, RESET as B_RESET, SILENT, USUAL, ScriptedBackend, one_at_a_time
from support.guard import Guard, free_port
from support.harness import Failure, Skip, Suite, wait_until
from support.smtp_client import RawClient, stuffed
from support.table import (CLOSE, EOF, GONE, HALF, RESET, Row, dot, dribble, keep_busy, many, offer, pause, play_all, pour,
                           replies_until_end, own_source, walk)

GREETED = ["220", b"EHLO client.example\r\n", "250"]
MAILED = GREETED + [b"MAIL FROM:<a@sender.example>\r\n", "250"]
RCPTED = MAILED + [b"RCPT TO:<user@example.net>\r\n", "250"]
IN_DATA = RCPTED + [b"DATA\r\n", "354"]
QUIT = [b"QUIT\r\n", "221", EOF]
STILL_THERE = [b"NOOP\r\n", "250"] + QUIT

IDENT = messages.new_id()
GOOD = messages.awkward(IDENT)
GOOD_WIRE = stuffed(GOOD) + b".\r\n"


def command(name, line, reply, says=None):
    """A bad command in a session: refused, and the session stays in step."""
    return Row("command/" + name, GREETED + [line, reply] + STILL_THERE, says or "quit")


COMMANDS = [
    command("over-long", b"NOOP " + b"x" * 5000 + b"\r\n", r"500 "),
    command("over-long-in-pieces", b"MAIL FROM:<" + b"x" * 40000 + b"@sender.example>\r\n", r"500 "),
    command("nul", b"NOOP\0\r\n", r"50[01] "),
    command("nul-in-address", b"MAIL FROM:<a\0b@sender.example>\r\n", r"5\d\d "),
    command("8-bit-garbage", bytes(range(128, 256)) + b"\r\n", r"50[01] "),
    command("8-bit-address", b"MAIL FROM:<\xff\xfe@sender.example>\r\n", r"5\d\d "),
    command("utf8-without-smtputf8", "MAIL FROM:<jürgen@sender.example>\r\n".encode(), r"5\d\d "),
    command("bare-cr", b"NOOP\rMAIL FROM:<a@sender.example>\r\n", r"50[01] "),
    command("bare-lf", b"MAIL FROM:<a@sender.example>\n", r"500 ", "bare lf"),
    command("escape-codes", b"\x1b[2J\x1b]0;owned\x07\r\n", r"50[01] "),
    command("empty", b"\r\n", r"50[01] "),
    command("unknown", b"XYZZY\r\n", r"500 "),
    command("helo-without-name", b"HELO\r\n", r"501 "),
    command("helo-with-control-bytes", b"EHLO a\x01b\r\n", r"501 "),
    command("rcpt-before-mail", b"RCPT TO:<user@example.net>\r\n", r"503 "),
    command("data-before-mail", b"DATA\r\n", r"503 "),
    command("mail-without-from", b"MAIL <a@sender.example>\r\n", r"501 "),
    command("mail-unknown-parameter", b"MAIL FROM:<a@sender.example> XYZZY=1\r\n", r"555 "),
    command("mail-bad-size", b"MAIL FROM:<a@sender.example> SIZE=1e9\r\n", r"501 "),
    command("mail-too-large", b"MAIL FROM:<a@sender.example> SIZE=99999999999\r\n", r"552 ", "too large"),
    command("starttls-not-offered", b"STARTTLS\r\n", r"50[0-4] "),
    command("auth", b"AUTH PLAIN AGEAYg==\r\n", r"50[0-4] "),
    command("bdat", b"BDAT 0 LAST\r\n", r"50[0-4] "),
    command("expn", b"EXPN users\r\n", r"(502|550|252) "),
    command("turn", b"TURN\r\n", r"50[02] "),
    Row("command/mail-before-helo", ["220", b"MAIL FROM:<a@sender.example>\r\n", r"503 "] + STILL_THERE, "quit"),
    Row("command/second-mail", MAILED + [b"MAIL FROM:<b@sender.example>\r\n", r"503 "] + STILL_THERE, "quit"),
    Row("command/data-without-recipient", MAILED + [b"DATA\r\n", r"(503|554) "] + STILL_THERE, "quit"),
    Row("command/bare-lf-smuggled", GREETED + [
        b"NOOP\nMAIL FROM:<evil@sender.example>\nRCPT TO:<user@example.net>\n", r"500 ", r"500 ", r"500 ",
        b"RCPT TO:<user@example.net>\r\n", r"503 "] + STILL_THERE, "bare lf"),
    Row("command/line-without-end", GREETED + [b"x" * 200_000, replies_until_end("(?!)", "(421|500) ")],
        "line without end"),
    Row("command/10000", GREETED + [b"NOOP\r\n" * 10_000, many(10_000, "250")] + QUIT, "quit", patience=30),
]

# Each of these is an end of data for some server. For us none is: the message goes on to the true end, and is refused.
SMUGGLERS = {
    "lf-dot-lf": b"\n.\n", "lf-dot-crlf": b"\n.\r\n", "cr-dot-cr": b"\r.\r", "cr-dot-crlf": b"\r.\r\n",
    "crlf-dot-lf": b"\r\n.\n", "crlf-dot-cr": b"\r\n.\r", "crcrlf": b"\r\r\n.\r\r\n", "nul-dot": b"\r\n\0.\r\n",
    "dot-nul": b"\r\n.\0\r\n", "lf-crlf-dot": b"\n\r\n.\n", "cr-at-the-end": b"\r\n.\r\r\n", "bare-cr": b"a\rb",
    "bare-lf": b"a\nb", "nul": b"a\0b",
}
SECOND = b"MAIL FROM:<evil@sender.example>\r\nRCPT TO:<user@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"
BODIES = [
    Row("body/" + name, IN_DATA + [b"Subject: x\r\n\r\none" + bad + SECOND + b"\r\n.\r\n", dot(r"5\d\d ")] + STILL_THERE,
        "message refused") for name, bad in SMUGGLERS.items()
] + [
    Row("body/over-long-line", IN_DATA + [b"Subject: x\r\n\r\n" + b"x" * 100_000 + b"\r\n.\r\n", dot(r"5\d\d ")]
        + STILL_THERE, "message refused"),
    Row("body/too-large", IN_DATA + [b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 1100 + b".\r\n", dot(r"552 ")]
        + STILL_THERE, "too large"),
    # So much too large that it is not read to its end: the client still hears why.
    Row("body/twice-too-large", IN_DATA + [offer(b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 4000 + b".\r\n"), "552 ", GONE],
        "too large"),
    Row("body/good", IN_DATA + [GOOD_WIRE, dot("250")] + QUIT, "quit", delivered=1, content=(IDENT, GOOD)),
    Row("body/good-after-bad", IN_DATA + [b"a\nb\r\n.\r\n", dot(r"5\d\d "), b"MAIL FROM:<a@sender.example>\r\n", "250",
        b"RCPT TO:<user@example.net>\r\n", "250", b"DATA\r\n", "354", GOOD_WIRE, dot("250")] + QUIT, "quit", delivered=1,
        content=(IDENT, GOOD)),
    Row("body/one-byte-at-a-time", IN_DATA + [dribble(b"X-E2E: " + b"0" * 8 + b"\r\n\r\n..\r\n.\r\n", 0.15), dot("250")]
        + QUIT, "quit", delivered=1, content=("0" * 8, b"X-E2E: " + b"0" * 8 + b"\r\n\r\n.\r\n")),
    Row("body/end-in-pieces", IN_DATA + [GOOD_WIRE[:-4], pause(0.1), b"\n", pause(0.1), b".", pause(0.1), b"\r", pause(0.1),
        b"\n", dot("250")] + QUIT, "quit", delivered=1, content=(IDENT, GOOD)),
    # More replies than are kept for one that does not read: they come in their order all the same.
    Row("command/many-replies", ["220", b"EHLO client.example\r\n" * 60 + b"QUIT\r\n"] + ["250"] * 60 + ["221", EOF], "pipelining"),
    # All in one write: noticed, and still one message, to its octet.
    Row("body/all-at-once", ["220", b"EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<user@example.net>\r\n"
        b"DATA\r\n" + GOOD_WIRE + b"QUIT\r\n", "250", "250", "250", "354", dot("250"), "221", EOF], "pipelining", delivered=1,
        content=(IDENT, GOOD)),
    Row("body/all-at-once-refused", ["220", b"EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<x@foreign.example>"
        b"\r\nDATA\r\nSubject: x\r\n.\r\nQUIT\r\n", "250", "250", "550 5.7.1", "503 ", "500 ", "500 ", "221", EOF], "pipelining"),
    # Our own networks are offered PIPELINING: nothing is noticed.
    Row("body/quit-behind-the-dot", IN_DATA + [GOOD_WIRE + b"QUIT\r\n", dot("250"), "221", EOF], "quit", delivered=1,
        content=(IDENT, GOOD)),
    Row("body/half-close-behind-quit", IN_DATA + [GOOD_WIRE + b"QUIT\r\n", HALF, dot("250"), "221", EOF], "quit", delivered=1,
        content=(IDENT, GOOD)),
    Row("body/empty", IN_DATA + [b".\r\n", dot("250")] + QUIT, "quit", delivered=1),
]

STAGES = {
    "connect": ["220"], "ehlo": GREETED, "mail": MAILED, "rcpt": RCPTED, "data": IN_DATA,
    "half-command": GREETED + [b"MAIL FR"],
    "body": IN_DATA + [b"Subject: x\r\n\r\nhalf a mess"],
    "body-dot": IN_DATA + [b"Subject: x\r\n\r\n."],
    "body-dot-cr": IN_DATA + [b"Subject: x\r\n\r\nx\r\n.\r"],
}
LEAVING = (
    [Row("leave/close-before-banner", [CLOSE], summary=False), Row("leave/reset-before-banner", [RESET], summary=False)]
    + [Row(f"leave/close-{stage}", steps + [CLOSE], "client closed") for stage, steps in STAGES.items()]
    + [Row(f"leave/reset-{stage}", steps + [RESET], "client reset") for stage, steps in STAGES.items()]
    + [Row(f"leave/half-close-{stage}", steps + [HALF, replies_until_end(r"\d", r"\d")], "client closed")
       for stage, steps in STAGES.items()]
    + [Row(f"leave/silent-{stage}", steps + [r"421 ", EOF], "client slow") for stage, steps in STAGES.items()]
    # The reply to the dot never reached them: the message may have been delivered, whole.
    + [Row("leave/close-after-dot", IN_DATA + [GOOD_WIRE, CLOSE], delivered=(0, 1), content=(IDENT, GOOD)),
       Row("leave/reset-after-dot", IN_DATA + [GOOD_WIRE, RESET], delivered=(0, 1), content=(IDENT, GOOD))]
)
SLOW = [
    Row("slow/one-byte-at-a-time", ["220", dribble(b"EHLO client.example\r\n" * 2, 0.3), replies_until_end("(?!)", "421 ")],
        "client slow"),
    Row("slow/never-reads", ["220", pour(b"EHLO client.example\r\n" * 200)], "client does not read", receive_buffer=4096),
    Row("slow/quit-and-stay", GREETED + [b"QUIT\r\n", "221", EOF], "quit"),
]

# Odd backends: what they do, at which stage, and what the log says of it.
ODD = {
    "421": ([b"421 4.3.2 shutting down\r\n", B_CLOSE], "backend 421"),
    "garbage": ([b"hello there\r\n"], "backend garbage"),
    "binary": ([bytes(range(0, 256)) * 4 + b"\r\n"], "backend garbage"),
    "bare-lf": ([b"250 fine\n", SILENT], None),
    "wrong-code": ([b"199 what\r\n"], "backend garbage"),
    "mixed-codes": ([b"250-one\r\n550 two\r\n"], "backend garbage"),
    "over-long": ([b"250 " + b"x" * 100_000 + b"\r\n"], "backend garbage"),
    "endless": ([FLOOD], "backend garbage"),
    "silent": ([SILENT], "backend timeout"),
    "half-reply": ([b"25", SILENT], "backend timeout"),
    "close": ([B_CLOSE], "backend gone"),
    "half-reply-close": ([b"250-x\r\n", B_CLOSE], "backend gone"),
    "reset": ([B_RESET], "backend gone"),
}
STAGE_NAMES = ["banner", "ehlo", "mail", "rcpt", "data", "dot"]
# At the dot the backend may have taken the message before it spoke nonsense: 4xx then, and at worst a second copy. A
# reply that is merely long, or ends with LF alone, may be believed.
BELIEVABLE = {"over-long", "bare-lf"}
TROUBLE = [
    Row(f"backend/{stage}-{name}", GREETED + [walk(may_pass=name in BELIEVABLE), CLOSE],
        None if name in BELIEVABLE else says, backend={stage: action}, patience=15,
        delivered=(0, 1) if stage == "dot" or name in BELIEVABLE else 0)
    for stage in STAGE_NAMES for name, (action, says) in ODD.items()
] + [
    # Dies, or talks out of turn, while the message is on its way.
    Row("backend/body-close", GREETED + [walk(), CLOSE], "backend gone", backend={"body": B_CLOSE}),
    Row("backend/body-reset", GREETED + [walk(), CLOSE], "backend gone", backend={"body": B_RESET}),
    Row("backend/body-421", GREETED + [walk(), CLOSE], "backend 421", backend={"body": [b"421 4.3.2 down\r\n", B_CLOSE]}),
    Row("backend/body-early-250", IN_DATA + [b"Subject: x\r\n\r\nbody\r\n", pause(0.3), b"more\r\n.\r\n", dot(r"4\d\d "), CLOSE],
        "backend garbage", backend={"body": [b"250 2.0.0 queued already\r\n", SILENT]}),
    # A reply that begins before the end of the message is not its answer, wherever it ends.
    Row("backend/body-half-250", IN_DATA + [b"Subject: x\r\n\r\nbody\r\n", pause(0.3), b"more\r\n.\r\n", dot(r"4\d\d "), CLOSE],
        "backend garbage", backend={"body": b"250 2.0.0 que", "dot": b"ued\r\n554 5.6.0 no\r\n"}),
    # What was unasked after MAIL is not the answer to RCPT.
    Row("backend/mail-250-and-late-250", MAILED + [pause(0.6), b"RCPT TO:<user@example.net>\r\n", "451 ", CLOSE],
        "backend garbage", backend={"mail": [USUAL["mail"], 0.2, b"250 spurious\r\n"], "rcpt": b"550 5.1.1 no such user\r\n"}),
    # Meant for us, not for the client.
    Row("backend/mail-530", GREETED + [b"MAIL FROM:<a@sender.example>\r\n", "451 "] + STILL_THERE, "backend wants starttls",
        backend={"mail": b"530 5.7.0 Must issue a STARTTLS command first\r\n"}),
    Row("backend/data-250", GREETED + [walk(), CLOSE], None, backend={"data": b"250 2.0.0 queued already\r\n"}),
    Row("backend/data-354-and-250", GREETED + [walk(), CLOSE], "backend garbage",
        backend={"data": b"354 go on\r\n250 2.0.0 queued already\r\n", "dot": SILENT}),
    Row("backend/rcpt-two-replies", GREETED + [walk(), CLOSE], "backend garbage",
        backend={"rcpt": b"250 2.1.5 Ok\r\n354 go on\r\n250 2.0.0 queued already\r\n", "data": SILENT, "dot": SILENT}),
    Row("backend/mail-354", GREETED + [walk(), CLOSE], None, backend={"mail": b"354 go on\r\n"}),
    Row("backend/dot-354", GREETED + [walk(), CLOSE], None, backend={"dot": b"354 more\r\n"}),
    # A transaction that failed by the backend can be tried again in the same session, on a new connection.
    Row("backend/dies-then-works", GREETED + [walk(), b"RSET\r\n", "250", walk(failing=None)] + QUIT, "backend gone",
        backend=[{"data": B_CLOSE}, {}], delivered=1),
]
# Alone with a fresh smtpguard: what a backend offers is learned, and would change what other rows are offered.
UNLEARNED = [
    Row("backend/no-extensions", GREETED + [walk(mail=b"MAIL FROM:<a@sender.example> BODY=8BITMIME\r\n"), CLOSE], None,
        backend={"ehlo": b"250 backend.example.net\r\n"}),
]
LISTED_GREETING = b"554 5.7.1 10.0.0.1 is listed\r\n"
LISTED = {identity: [Row(f"listed/{identity}", GREETED + [b"MAIL FROM:<a@sender.example>\r\n", "451 "] + STILL_THERE,
                         "backend greeted 554")] for identity in ("none", "xclient")}
# The backend's own refusals are its own: they go through with their class.
REFUSALS = [
    # By PROXY v2 the greeting is said to the client; where it knows us alone (LISTED) it is our trouble.
    Row("refusal/banner-554", GREETED + [b"MAIL FROM:<a@sender.example>\r\n", "554 "] + STILL_THERE, "backend said 5",
        backend={"banner": LISTED_GREETING}),
    Row("refusal/mail-550", GREETED + [b"MAIL FROM:<a@sender.example>\r\n", "550 "] + STILL_THERE, "backend said 5",
        backend={"mail": b"550 5.7.1 not you\r\n"}),
    Row("refusal/rcpt-550", MAILED + [b"RCPT TO:<user@example.net>\r\n", "550 "] + STILL_THERE, "backend said 5",
        backend={"rcpt": b"550 5.1.1 no such user\r\n"}),
    Row("refusal/rcpt-450", MAILED + [b"RCPT TO:<user@example.net>\r\n", "450 "] + STILL_THERE, "backend said 4",
        backend={"rcpt": b"450 4.2.0 greylisted\r\n"}),
    Row("refusal/rcpt-multiline", MAILED + [b"RCPT TO:<user@example.net>\r\n", "550-?"] + STILL_THERE, "backend said 5",
        backend={"rcpt": b"550-5.1.1 no such\r\n550 5.1.1 user\r\n"}),
    Row("refusal/data-451", RCPTED + [b"DATA\r\n", "451 "] + STILL_THERE, "backend said 4",
        backend={"data": b"451 4.3.0 later\r\n"}),
    Row("refusal/dot-554", IN_DATA + [GOOD_WIRE, dot("554 ")] + STILL_THERE, "backend said 5",
        backend={"dot": b"554 5.7.1 spam\r\n"}),
    Row("refusal/dot-451", IN_DATA + [GOOD_WIRE, dot("451 ")] + STILL_THERE, "backend said 4",
        backend={"dot": b"451 4.7.1 later\r\n"}),
    Row("refusal/escape-codes", MAILED + [b"RCPT TO:<user@example.net>\r\n", r"550[ -][ -~\n]*$"] + STILL_THERE, "backend said 5",
        backend={"rcpt": b"550 5.1.1 no \x1b[31muser\x1b[0m\r\n"}),
]
# A backend that is not there at all.
# Slow, or chatty, but right.
FINE = [
    Row("fine/slow-replies", GREETED + [walk(failing=None)] + QUIT, "quit", delivered=1,
        backend={stage: [one_at_a_time(USUAL[stage])] for stage in ("banner", "mail", "rcpt", "data", "dot")}),
    Row("fine/long-multiline", GREETED + [walk(failing=None)] + QUIT, "quit", delivered=1,
        backend={stage: b"250-and\r\n" * 30 + b"250 so on\r\n" for stage in ("mail", "rcpt", "dot")}),
]
DOWN = [
    Row("down/refuses", GREETED + [walk(), b"QUIT\r\n", replies_until_end("221", "221")], "backend refused"),
]
UNREACHABLE = [
    Row("unreachable/connect-timeout", GREETED + [walk(), b"QUIT\r\n", replies_until_end("221", "221")], "backend timeout"),
]
LIMITS = [
    Row("limits/commands", GREETED + [b"NOOP\r\n" * 10_000, replies_until_end("250", "421 ")], "too many commands"),
    Row("limits/errors", GREETED + [b"XYZZY\r\n" * 100, replies_until_end("500", "421 ")], "too many errors"),
    Row("limits/transactions", GREETED + ([b"MAIL FROM:<a@sender.example>\r\n", "250", b"RSET\r\n", "250"] * 2)
        + [b"MAIL FROM:<a@sender.example>\r\n", "4[25][12] ", CLOSE]),
    Row("limits/session-timeout", GREETED + [keep_busy(b"NOOP\r\n", 10), EOF]),
    Row("limits/session-timeout-in-data", IN_DATA + [dribble(b"x" * 30, 0.4), replies_until_end("(?!)", "421 ")]),
    Row("limits/recipients", MAILED + [b"RCPT TO:<user@example.net>\r\n", "250"] * 3
        + [b"RCPT TO:<user@example.net>\r\n", "452 "] + QUIT, "quit"),
]

SHORT = {
    "limits": {"message_size": '"1MB"', "connections": "2000", "connections_per_address": "2000",
               "connections_per_network": "2000", "commands": "1000000", "command_timeout": '"2s"', "data_timeout": '"2s"',
               "data_rate": "0", "write_timeout": '"2s"', "drain_timeout": '"2s"'},
    "backend": {"connect_timeout": '"2s"', "greeting_timeout": '"2s"', "reply_timeout": '"2s"', "data_timeout": '"2s"',
                "end_timeout": '"2s"'},
}


# These keep both processes busy; beside them a polite row might be late for its own time limit.
HEAVY = {"command/10000", "slow/never-reads"} | {row.name for row in TROUBLE if row.name.endswith("-endless")}


def with_keys(table_name, **keys):
    sections = {name: dict(values) for name, values in SHORT.items()}
    sections.setdefault(table_name, {}).update(keys)
    return sections


def good_session(guard, backend):
    ident = messages.new_id()
    sent = messages.awkward(ident)
    with RawClient(guard.address) as client:
        backend.scripts[client.local] = []
        offered = client.hello().lines
        client.transaction(sent, mail_parameters=" BODY=8BITMIME" if "250-8BITMIME" in offered else "")
        client.quit()
        accepted = backend.accepted(client.local)
    if len(accepted) != 1:
        raise Failure(f"the backend accepted {len(accepted)} messages")
    messages.must_match(accepted[0].data, ident, sent)


def full_socket():
    """A listening socket that takes no more connections: a connect to it waits for ever."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(server.getsockname())
        fillers.append(filler)
    return server, fillers


def greeted(guard):
    with RawClient(guard.address) as client:
        return client.reply().code == 220


def connection_limit(guard):
    """The fourth connection of one address is turned away with 421, and there is room again when one has gone."""
    clients = [RawClient(guard.address) for _ in range(3)]
    try:
        for client in clients:
            client.greeting()
        with RawClient(guard.address) as fourth:
            fourth.greeting(421)
            fourth.end()
        clients.pop().quit()
        wait_until(lambda: greeted(guard), "room for the next connection")
    finally:
        for client in clients:
            client.close()


def network_limit(guard):
    """Neighbours share a limit: five of one /24, the sixth is turned away, another network is not."""
    if not sys.platform.startswith("linux"):
        raise Skip("needs the addresses of 127/8")
    clients = []
    try:
        for host in range(1, 6):
            clients.append(RawClient(guard.address, source=f"127.2.0.{host}"))
            clients[-1].greeting()
        with RawClient(guard.address, source="127.2.0.6") as sixth:
            sixth.greeting(421)
            sixth.end()
        with RawClient(guard.address, source="127.2.1.1") as elsewhere:
            elsewhere.hello()
            elsewhere.quit()
    finally:
        for client in clients:
            client.close()


def stop_with_sessions(guard):
    """SIGTERM: whoever is there is told 421 and nobody holds the end up for longer than drain_timeout."""
    clients = [RawClient(guard.address, source=own_source()) for _ in range(3)]
    clients[0].greeting()
    clients[1].hello()
    clients[2].hello()
    clients[2].ask("MAIL FROM:<a@sender.example>", 250)
    guard.stop(timeout=10)
    for client in clients:
        client.end()
        client.close()
    told = [client.transcript[-1][:4] for client in clients[:2]]
    if told != ["421 ", "421 "]:
        raise Failure(f"idle sessions were told {told}")


def main():
    suite = Suite("hostile", __doc__)
    backend = ScriptedBackend().start()
    full, fillers = full_socket()

    listed_by = ScriptedBackend(proxy=False)
    listed_by.default = {"banner": LISTED_GREETING}
    listed_by.start()

    def guard_for(name, to, sections, identity="proxy-v2"):
        return Guard(suite, name, [("127.0.0.1", free_port())], to, identity, sections)

    main_guard = guard_for("guard", backend.address, SHORT)
    down = guard_for("guard-down", ("127.0.0.1", free_port()), SHORT)
    unreachable = guard_for("guard-unreachable", full.getsockname(), SHORT)
    limits = guard_for("guard-limits", backend.address,
                       with_keys("limits", commands="50", errors="5", recipients="3", transactions="2",
                                 session_timeout='"6s"'))
    few = guard_for("guard-few", backend.address, with_keys("limits", connections_per_address="3", connections_per_network="5"))
    listed = {identity: guard_for("guard-listed-" + identity, listed_by.address, SHORT, identity) for identity in LISTED}
    everyone = [main_guard, down, unreachable, limits, few, *listed.values()]

    def start():
        for guard in everyone:
            guard.start()

    if suite.case("start", start, always=True, limit=60):
        suite.case("before/good-session", good_session, main_guard, backend)
        small = threading.Thread(target=lambda: (
            play_all(suite, DOWN, down, None, trouble=True), play_all(suite, UNREACHABLE, unreachable, None, trouble=True),
            play_all(suite, LIMITS, limits, backend),
            *(play_all(suite, LISTED[identity], guard, listed_by, trouble=True) for identity, guard in listed.items())))
        small.start()
        play_all(suite, LEAVING + SLOW + COMMANDS + BODIES + REFUSALS + FINE, main_guard, backend, heavy=HEAVY)
        play_all(suite, TROUBLE, main_guard, backend, trouble=True, heavy=HEAVY)
        small.join()
        play_all(suite, UNLEARNED, few, backend, trouble=True)
        suite.case("limits/connections", connection_limit, few)
        suite.case("limits/network", network_limit, few)
        suite.case("after/good-session", good_session, main_guard, backend)
        suite.case("stop/with-sessions", stop_with_sessions, limits)
        for guard in everyone:
            if guard.process.poll() is not None and guard is limits:
                continue
            suite.case("stop/" + guard.folder.rsplit("/", 1)[-1], guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
