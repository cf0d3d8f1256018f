#!/usr/bin/env python3
"""Nothing is lost and nothing is believed too early: what dies inside DATA, what is down, who may say PROXY.

Real Postfix behind. Runs inside the namespaces that tests/e2e/run makes.
"""
import re
import signal
import time

from support import messages, proxy_header
from support.battery import LISTENERS, V4
from support.guard import Guard, can_connect, fields
from support.harness import Failure, Suite, expect, wait_until
from support.log_words import WORDS
from support.peers import Postfix, PostfixSender
from support.smtp_client import RawClient, stuffed

FRONT_END = "198.51.100.7"
SAID = ("203.0.113.66", 40123)  # the client that the front end names
FORGED = ("203.0.113.77", 40123)  # the same from somebody who has no right to; seen nowhere else
MX = LISTENERS[0]


class Bench:
    def __init__(self, suite):
        self.suite = suite
        self.postfix = Postfix(suite)
        self.sender = PostfixSender(suite, MX, V4)
        self.guards = 0
        self.guard = None

    def backend_up(self):
        if not can_connect(Postfix.PROXY):
            self.postfix.start()

    def new_guard(self, **options):
        self.guards += 1
        self.guard = Guard(self.suite, f"guard-{self.guards}", LISTENERS, Postfix.PROXY, "proxy-v2", **options)
        self.guard.start()

    def talk(self):
        client = RawClient(MX, source=V4, timeout=20)
        client.hello()
        return client

    def deliver(self):
        """A whole session that must pass; the message must arrive."""
        ident = messages.new_id()
        sent = messages.awkward(ident)
        with self.talk() as client:
            client.transaction(sent)
            client.quit()
        self.must_arrive(ident, sent)

    def must_arrive(self, ident, sent):
        wait_until(lambda: self.postfix.mailbox.with_id(ident), f"message {ident} in the mailbox", 15)
        found = self.postfix.mailbox.with_id(ident)
        expect(len(found) == 1, f"arrived {len(found)} times")
        messages.must_match(found[0], ident, sent)
        return found[0]

    def must_not_arrive(self, ident, mark):
        """Postfix says when it gave the session up; then nothing can come any more."""
        self.postfix.log.wait_for(r"lost connection after (DATA|END-OF-MESSAGE|MAIL|RCPT)|disconnect from", mark)
        expect(not self.postfix.mailbox.with_id(ident), "half a message was delivered")
        queue = self.postfix.jail.run("postqueue", "-p")
        expect("Mail queue is empty" in queue, f"something is queued: {queue}")

    def half_way(self, ident, size=300_000):
        """A client in the middle of a message, as far as the backend: the first half has been read there."""
        sent = messages.large(ident, size)
        client = self.talk()
        client.ask("MAIL FROM:<a@sender.example>", 250)
        client.ask("RCPT TO:<user@example.net>", 250)
        client.ask("DATA", 354)
        wire = stuffed(sent) + b".\r\n"
        client.send(wire[:size // 2])
        time.sleep(0.2)  # the half is on its way; whichever part of it has arrived, the outcome is the same
        return client, sent, wire[size // 2:]


def start(bench):
    bench.new_guard()
    bench.sender.start()


def backend_down(bench):
    """Never 5xx; the client may come again, and when the backend is back all passes without a restart."""
    with bench.talk() as client:
        reply = client.ask("MAIL FROM:<a@sender.example>")
        expect(reply.code in (451, 421), f"MAIL was answered {reply.text}")
    expect(bench.guard.summary(client.local), "no summary")
    trouble = [line for line in bench.guard.log.lines() if re.search(WORDS["backend refused"], line)]
    expect(trouble, f"no line says /{WORDS['backend refused']}/")
    ident = messages.new_id()
    sent = messages.simple(ident)
    mark = bench.sender.log.mark()
    bench.sender.send(sent.replace(b"\r\n", b"\n"))
    line = bench.sender.log.wait_for(r"postfix/smtp\[.*status=", mark, 20)
    expect("status=deferred" in line, f"a real sender does not keep it: {line}")
    process_before = bench.guard.process.pid
    bench.backend_up()
    bench.deliver()
    expect(bench.guard.process.pid == process_before and bench.guard.process.poll() is None, "smtpguard was restarted")
    wait_until(lambda: bench.postfix.mailbox.with_id(ident), "the deferred message arrives by itself", 20)


def guard_killed_in_data(bench):
    ident = messages.new_id()
    mark = bench.postfix.log.mark()
    client, sent, _rest = bench.half_way(ident)
    bench.guard.kill()
    expect(client.end() in ("eof", "reset"), "the client still has a connection")
    client.close()
    bench.must_not_arrive(ident, mark)
    bench.new_guard()
    with bench.talk() as client:
        client.transaction(sent)
        client.quit()
    bench.must_arrive(ident, sent)


def backend_killed_in_data(bench):
    bench.deliver()
    ident = messages.new_id()
    client, _sent, rest = bench.half_way(ident)
    expect(bench.postfix.kill_sessions() > 0, "no smtpd to kill")
    try:
        client.send(rest)
        reply = client.reply()
    except (EOFError, ConnectionError) as gone:
        raise Failure(f"no reply to the message: {gone!r}") from None
    expect(reply.code // 100 == 4, f"the message was answered {reply.text}")
    client.close()
    expect(not bench.postfix.mailbox.with_id(ident), "half a message was delivered")
    wait_until(lambda: can_connect(Postfix.PROXY), "Postfix listens again", 15)
    wait_until(lambda: works_again(bench), "the next session passes", 15, 0.5)
    expect(not bench.postfix.mailbox.with_id(ident), "half a message was delivered")


def works_again(bench):
    try:
        bench.deliver()
        return True
    except Failure:
        return False


def client_closes_in_data(bench):
    ident = messages.new_id()
    mark = bench.postfix.log.mark()
    client, _sent, _rest = bench.half_way(ident)
    client.close()
    bench.must_not_arrive(ident, mark)
    bench.guard.summary(client.local)


def client_resets_in_data(bench):
    ident = messages.new_id()
    mark = bench.postfix.log.mark()
    client, _sent, _rest = bench.half_way(ident)
    client.reset()
    bench.must_not_arrive(ident, mark)
    bench.guard.summary(client.local)


def stop_in_data(bench):
    """SIGTERM: the message that is on its way is taken, its sender told, nobody new comes in, exit 0."""
    ident = messages.new_id()
    client, sent, rest = bench.half_way(ident)
    bench.guard.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not can_connect(MX), "new connections are refused", 10)
    client.send(rest)
    reply = client.reply()
    expect(reply.code == 250, f"the message was answered {reply.text}")
    client.end()
    status = bench.guard.process.wait(15)
    expect(status == 0, f"status {status}")
    bench.must_arrive(ident, sent)


def from_front_end(header, source=FRONT_END):
    client = RawClient(MX, source=source, timeout=10)
    client.send(header)
    return client


def received_of(bench, client):
    ident = messages.new_id()
    sent = messages.simple(ident)
    client.hello()
    client.transaction(sent)
    client.quit()
    stored = bench.must_arrive(ident, sent)
    return [line for line in messages.trace(stored, ident) if line.startswith("Received:")][0]


def believed(bench, header, address, in_pieces=False):
    if in_pieces:
        client = RawClient(MX, source=FRONT_END, timeout=10)
        for at in range(len(header)):
            client.send(header[at:at + 1])
            time.sleep(0.002)
    else:
        client = from_front_end(header)
    with client:
        received = received_of(bench, client)
    expect(f"{address}]" in received, f"expected {address}: {received}")
    if address != FRONT_END:
        found = bench.guard.log.find(rf"\bevent=summary\b.*client={re.escape(SAID[0])}:{SAID[1]}\b")
        expect(found or ":" in address, "the log does not name the client of the header")


def with_first_commands(bench):
    """What follows the header in the same packet is the client's, and early talk or not, it is not lost."""
    with from_front_end(proxy_header.v1(SAID, MX) + b"EHLO client.example\r\n") as client:
        client.greeting()
        expect(client.reply().code == 250, client.transcript[-1])
        client.quit()


def front_end_without_header(bench, data):
    """From a trusted front end something else than a header is closed without a word."""
    with from_front_end(data) as client:
        client.end()
        expect(not client.transcript, f"was told {client.transcript}")
    bench.guard.log.wait_for(WORDS["bad proxy header"])


def stranger_with_header(bench, header):
    """From anyone else a header is another protocol on the mail port: sent away, and the address stays what it is."""
    mark = bench.postfix.log.mark()
    with RawClient(MX, source=V4, timeout=10) as client:
        # The end of a v2 header is no line; a line end makes one of it.
        client.send(header + (b"" if header.endswith(b"\r\n") else b"\r\n"))
        replies = []
        try:
            while True:
                replies.append(client.reply())
        except (EOFError, ConnectionError):
            pass
        expect(replies and replies[-1].code == 554, f"replies: {[reply.text for reply in replies]}")
        expect("protocol.non_smtp" in replies[-1].text, replies[-1].text)
        summary = fields(bench.guard.summary(client.local))
        expect(summary["rule"] == "protocol.non_smtp", f"summary: {summary}")
    expect(FORGED[0] not in bench.postfix.log.text(mark), "the backend was told the address of the header")


def proxy_cases(suite, bench):
    v6 = (("2001:db8::66", 40123), ("2001:db8::25", 25))
    tls = proxy_header.tlv(0x20, b"\x01\0\0\0\0" + proxy_header.tlv(0x21, b"TLSv1.3"))
    for name, header, address in (
            ("v1", proxy_header.v1(SAID, MX), SAID[0]), ("v2", proxy_header.v2(SAID, MX), SAID[0]),
            ("v1-ipv6", proxy_header.v1(*v6), v6[0][0]), ("v2-ipv6", proxy_header.v2(*v6), v6[0][0]),
            ("v2-tlv", proxy_header.v2(SAID, MX, tls), SAID[0]), ("v2-local", proxy_header.V2_LOCAL, FRONT_END),
            ("v1-unknown", proxy_header.V1_UNKNOWN, FRONT_END)):
        suite.case(f"proxy_from/{name}", believed, bench, header, address)
    for name, build in (("v1", proxy_header.v1), ("v2", proxy_header.v2)):
        suite.case(f"proxy_from/{name}-in-pieces", believed, bench, build(SAID, MX), SAID[0], True)
        suite.case(f"proxy_from/stranger-{name}", stranger_with_header, bench, build(FORGED, MX))
    suite.case("proxy_from/with-first-commands", with_first_commands, bench)
    for name, data in (("ehlo", b"EHLO client.example\r\n"), ("bad-v1", b"PROXY TCP4 999.1.1.1 203.0.113.25 1 2\r\n"),
                       ("bad-v2", proxy_header.SIGNATURE + b"\x21\x11\0\x02xx"),
                       ("unspec-v2", proxy_header.SIGNATURE + b"\x21\0\0\0"), ("v1-bare-lf", proxy_header.v1(SAID, MX)[:-2] + b"\n")):
        suite.case(f"proxy_from/no-header-{name}", front_end_without_header, bench, data)


def main():
    suite = Suite("nothing_lost", __doc__)
    bench = Bench(suite)
    if suite.case("start", start, bench, always=True):
        suite.case("backend-down", backend_down, bench, limit=60)
        suite.case("backend-up", bench.backend_up, always=True)
        suite.case("guard-killed-in-data", guard_killed_in_data, bench)
        suite.case("backend-killed-in-data", backend_killed_in_data, bench)
        suite.case("client-closes-in-data", client_closes_in_data, bench)
        suite.case("client-resets-in-data", client_resets_in_data, bench)
        suite.case("stop-in-data", stop_in_data, bench)
        bench.guard.kill()
        trusted = {"proxy_from": f'["{FRONT_END}/32"]'}
        if suite.case("proxy_from/start", lambda: bench.new_guard(listener_keys=trusted), always=True):
            proxy_cases(suite, bench)
            suite.case("proxy_from/stop", bench.guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
