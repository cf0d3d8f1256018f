"""What each real backend must show, whatever tells it the client's address."""
import os
import re
import smtplib

from . import messages
from .clients import Swaks
from .harness import expect, wait_until
from .smtp_client import RawClient

V4 = "203.0.113.9"
V6 = "2001:db8::9"
LISTENERS = [("203.0.113.25", 25), ("2001:db8::25", 25)]


class Battery:
    """One guard in front of one backend. `peer` has mailbox, log, received_by and received_from; `sender` is a PostfixSender."""

    def __init__(self, suite, name, guard, peer, sender, extensions=()):
        self.suite = suite
        self.name = name
        self.guard = guard
        self.peer = peer
        self.sender = sender
        self.extensions = extensions  # what this backend can show beyond 8BITMIME: DSN, SMTPUTF8

    def run(self):
        if not self.suite.case(f"{self.name}/start", self.start, always=True):
            return
        cases = [self.ipv4, self.ipv6, self.awkward, self.several, self.by_smtplib, self.by_swaks, self.by_postfix,
                 self.postmaster, self.foreign, self.large]
        cases += [self.smtputf8] if "SMTPUTF8" in self.extensions else [self.no_smtputf8]
        cases += [self.dsn] if "DSN" in self.extensions else []
        for case in cases:
            self.suite.case(f"{self.name}/{case.__name__}", case)
        self.suite.case(f"{self.name}/stop", self.guard.stop, always=True)

    def start(self):
        """One session goes ahead: from it smtpguard learns what the backend offers (SMTPUTF8, DSN)."""
        self.guard.start()
        with self.talk(V4) as client:
            client.transaction(messages.simple(messages.new_id()))
            client.quit()

    # What arrived.

    def arrived(self, ident):
        wait_until(lambda: self.peer.mailbox.with_id(ident), f"message {ident} in the mailbox", 15)
        found = self.peer.mailbox.with_id(ident)
        expect(len(found) == 1, f"message {ident} arrived {len(found)} times")
        return found[0]

    def received(self, stored, ident):
        """The Received header of the backend: the topmost."""
        found = [line for line in messages.trace(stored, ident) if line.startswith("Received:")]
        expect(found, f"no Received header above message {ident}")
        return found[0]

    def must_name(self, stored, ident, client, helo="client.example"):
        """The backend believes that it talked to `client`, in its Received header."""
        received = self.received(stored, ident)
        print(f"{self.name}: {received}", file=self.headers())
        expect(re.match("Received: " + self.peer.received_from(helo, client), received),
               f"Received does not name {client}: {received}")
        expect(self.peer.received_by in received, f"Received is not of {self.peer.received_by}: {received}")

    def headers(self):
        """Received headers are kept for whoever wants to see them."""
        return open(os.path.join(self.suite.work, "received.txt"), "a")

    def must_log(self, client, mark):
        """The backend's log holds the client's address, and not the proxy's as a client."""
        self.peer.log.wait_for(rf"(connect(ed)? (from \S*\[|address=\[?)|client=\S*\[|H=\S* \[){re.escape(client)}\b", mark)

    def talk(self, source):
        address = LISTENERS[1] if ":" in source else LISTENERS[0]
        client = RawClient(address, source=source, timeout=20)
        client.hello()
        return client

    # The cases.

    def ipv4(self, source=V4):
        mark = self.peer.log.mark()
        guard_mark = self.guard.log.mark()
        ident = messages.new_id()
        sent = messages.simple(ident)
        with self.talk(source) as client:
            client.transaction(sent)
            client.quit()
        stored = self.arrived(ident)
        self.must_name(stored, ident, source)
        messages.must_match(stored, ident, sent)
        self.must_log(source, mark)
        self.guard.summary(client.local, guard_mark)

    def ipv6(self):
        self.ipv4(V6)

    def awkward(self):
        ident = messages.new_id()
        sent = messages.awkward(ident)
        with self.talk(V4) as client:
            client.transaction(sent, mail_parameters=" BODY=8BITMIME")
            client.quit()
        messages.must_match(self.arrived(ident), ident, sent)

    def several(self):
        """Four transactions in one session, one of them given up by RSET, with a refused recipient in between."""
        idents = [messages.new_id() for _ in range(3)]
        with self.talk(V4) as client:
            client.transaction(messages.simple(idents[0]))
            client.ask("MAIL FROM:<given-up@sender.example>", 250)
            client.ask("RCPT TO:<user@example.net>", 250)
            client.ask("RSET", 250)
            client.transaction(messages.awkward(idents[1]), sender="b@sender.example", mail_parameters=" BODY=8BITMIME",
                               recipients=("one@example.net", "two@example.net"))
            client.ask("MAIL FROM:<>", 250)
            client.ask("RCPT TO:<x@foreign.example>", 5)
            client.ask("RCPT TO:<user@example.net>", 250)
            client.ask("DATA", 354)
            client.send(messages.simple(idents[2]) + b".\r\n")
            expect(client.reply().code == 250, f"third message: {client.transcript[-1]}")
            client.quit()
        self.must_name(self.arrived(idents[0]), idents[0], V4)
        wait_until(lambda: len(self.peer.mailbox.with_id(idents[1])) == 2, "two copies of the second message", 15)
        for stored in self.peer.mailbox.with_id(idents[1]):
            messages.must_match(stored, idents[1], messages.awkward(idents[1]))
        third = self.arrived(idents[2])
        messages.must_match(third, idents[2], messages.simple(idents[2]))
        self.must_name(third, idents[2], V4)
        expect(not self.peer.mailbox.with_text("given-up"), "a transaction that was reset has arrived")

    def by_smtplib(self):
        ident = messages.new_id()
        sent = messages.awkward(ident)
        with smtplib.SMTP(*LISTENERS[0], local_hostname="client.example", timeout=20, source_address=(V4, 0)) as client:
            refused = client.sendmail("a@sender.example", ["user@example.net"], sent, mail_options=["BODY=8BITMIME"])
        expect(not refused, f"refused: {refused}")
        stored = self.arrived(ident)
        self.must_name(stored, ident, V4)
        messages.must_match(stored, ident, sent)

    def by_swaks(self):
        ident = messages.new_id()
        sent = messages.awkward(ident, eight_bit=False)
        Swaks(self.suite, LISTENERS[0], V4).send(sent.replace(b"\r\n", b"\n"))
        stored = self.arrived(ident)
        self.must_name(stored, ident, V4)
        # swaks ends its data with an empty line of its own.
        got = messages.as_delivered(stored, ident).rstrip(b"\r\n")
        expect(got == sent.rstrip(b"\r\n"), f"content differs: {len(got)} octets of {len(sent)}")

    def by_postfix(self):
        ident = messages.new_id()
        sent = messages.awkward(ident)
        mark = self.sender.log.mark()
        self.sender.send(sent.replace(b"\r\n", b"\n"))
        line = self.sender.log.wait_for(r"postfix/smtp\[.*status=", mark, 20)
        expect("status=sent" in line, line)
        stored = self.arrived(ident)
        self.must_name(stored, ident, V4, "sender.b.example")
        body = messages.as_delivered(stored, ident).split(b"\r\n\r\n", 1)[1]
        expect(body == sent.split(b"\r\n\r\n", 1)[1], "the body differs")

    def smtputf8(self):
        ident = messages.new_id()
        sent = messages.simple(ident, "Grüße")
        with self.talk(V4) as client:
            client.ask("MAIL FROM:<jürgen@sender.example> SMTPUTF8 BODY=8BITMIME".encode(), 250)
            client.ask("RCPT TO:<empfänger@example.net>".encode(), 250)
            client.ask("DATA", 354)
            client.send(sent + b".\r\n")
            expect(client.reply().code == 250, client.transcript[-1])
            client.quit()
        stored = self.arrived(ident)
        messages.must_match(stored, ident, sent)
        head = stored.split(b"X-E2E", 1)[0]
        expect("jürgen@sender.example".encode() in head and "empfänger@example.net".encode() in head,
               "the addresses are not in the delivered envelope")

    def no_smtputf8(self):
        """What the backend lacks is not offered, and refused at once."""
        with RawClient(LISTENERS[0], source=V4) as client:
            offered = client.hello().text
            expect("SMTPUTF8" not in offered and "SIZE" in offered, f"offered: {offered}")
            client.ask("MAIL FROM:<jürgen@sender.example> SMTPUTF8".encode(), 5)
            client.ask("MAIL FROM:<a@sender.example> SMTPUTF8".encode(), 555)
            client.quit()

    def dsn(self):
        """The report of delivery that the backend writes repeats ENVID and ORCPT: they came through unhurt."""
        ident = messages.new_id()
        envelope = "QQ" + ident[:12]
        with self.talk(V4) as client:
            client.transaction(messages.simple(ident), sender="reports@example.net",
                               mail_parameters=f" RET=HDRS ENVID={envelope}+2Bplus",
                               rcpt_parameters=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+2Ehop@else.example")
            client.quit()
        wait_until(lambda: self.reports(envelope), "the report of delivery", 15)
        report = self.reports(envelope)[0].decode("latin-1")
        expect(re.search(rf"^Original-Envelope-ID: {envelope}(\+2B|\+)plus$", report, re.M | re.I), "ENVID was changed")
        expect(re.search(r"Original-Recipient: rfc822; ?first(\+2E|\.)hop@else\.example", report), "ORCPT was changed")
        expect("hello\n" not in report, "RET=HDRS was lost: the report holds the body")

    def reports(self, envelope):
        return [report for report in self.peer.mailbox.with_text(envelope)
                if re.search(rb"^Original-Envelope-ID: ", report, re.M | re.I)]

    def postmaster(self):
        ident = messages.new_id()
        with self.talk(V4) as client:
            client.transaction(messages.simple(ident), recipients=("postmaster@example.net",))
            client.quit()
        self.arrived(ident)

    def foreign(self):
        """Refused by us: 550 5.7.1, and the backend never hears of it."""
        mark = self.peer.log.mark()
        with self.talk(V4) as client:
            client.ask("MAIL FROM:<a@sender.example>", 250)
            for recipient in ("<x@foreign.example>", "<x@sub.example.net>", "<@example.net:x@foreign.example>",
                              "<x%foreign.example@foreign.example>"):
                reply = client.ask(f"RCPT TO:{recipient}", 550)
                expect(reply.text.startswith("550 5.7.1 "), f"{recipient}: {reply.text}")
            expect(client.ask("DATA").code in (503, 554), f"DATA without recipients: {client.transcript[-1]}")
            client.quit()
        expect(not self.peer.log.find("foreign.example", mark), "the backend was asked about a foreign recipient")

    def large(self):
        """20 MB with random cuts."""
        ident = messages.new_id()
        sent = messages.large(ident)
        with self.talk(V4) as client:
            client.transaction(sent, cuts=7, mail_parameters=f" SIZE={len(sent)}")
            client.quit()
        stored = self.arrived(ident)
        messages.must_match(stored, ident, sent)
        self.must_name(stored, ident, V4)
        self.peer.mailbox.clear()
