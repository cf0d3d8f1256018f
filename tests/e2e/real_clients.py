#!/usr/bin/env python3
"""Real mail clients deliver through smtpguard: swaks, curl, msmtp, Python, nodemailer, Postfix, Exim, Sendmail, openssl.

Each sends one awkward message from an address of its own name, in plaintext and by STARTTLS; it must arrive as it was
sent, and the log must say so: what TLS was agreed on, and one summary line. The table of what it says is written to
clients.txt. Runs inside the namespaces that tests/e2e/run makes.
"""
import os

from support import certificates, clients, messages
from support.backend import ScriptedBackend
from support.guard import Guard, fields
from support.harness import Suite, expect, wait_until

HOST = "203.0.113.25"
SOURCE = "203.0.113.9"


class Bench:
    """A guard before a backend that notes all."""

    def __init__(self, suite, leg, port):
        self.suite = suite
        self.leg = leg
        self.secure = leg == "tls"
        self.relay = (HOST, port)
        self.backend = ScriptedBackend().start()
        self.guard = None

    def start(self):
        sections = {}
        if self.secure:
            folder = os.path.join(self.suite.work, "certificates")
            sections["tls"] = certificates.settings(*(certificates.make(folder, kind, kind) for kind in ("ecdsa", "rsa")))
        self.guard = Guard(self.suite, "guard-" + self.leg, [self.relay], self.backend.address, "proxy-v2", sections=sections).start()
        wait_until(lambda: self.guard.log.find("answers"), "smtpguard knows its backend")

    def told_of(self, client):
        """What the log tells of the session in which this client's sender was named: agreement on TLS, summary."""
        mail = self.guard.log.wait_for(rf"\bevent=mail\b.*\bfrom=<{client.sender}>")
        session = fields(mail)["session"]
        summary = self.guard.log.wait_for(rf"\bsession={session}\b.*\bevent=summary\b", timeout=15)
        return self.guard.log.find(rf"\bsession={session}\b.*\bevent=tls\b"), summary

    def deliver(self, kind):
        client = kind(self.suite, self.relay, SOURCE, self.secure)
        ident = messages.new_id()
        sent = messages.awkward(ident, eight_bit=client.eight_bit)
        client.send(sent.replace(b"\r\n", b"\n"))
        found = [message for message in self.backend.accepted() if ident.encode() in message.data]
        expect(len(found) == 1, f"arrived {len(found)} times")
        self.must_match(client, found[0].data, ident, sent)
        agreed, summary = self.told_of(client)
        said = fields(summary)
        expect(said["client"].startswith(SOURCE + ":") and said["delivered"] == "1", f"the log says {summary}")
        expect(said["how"] == ("quit" if client.says_quit else "client-closed"), f"the log says {summary}")
        expect("early" not in said and "pipelining" not in said, f"a good client is accused: {summary}")
        expect(len(agreed) == (1 if self.secure else 0), f"{len(agreed)} agreements on TLS")
        tls = fields(agreed[0]) if agreed else {}
        expect(not agreed or tls["protocol"] in ("TLSv1.2", "TLSv1.3"), f"the log says {agreed}")
        expect(said.get("tls") == tls.get("protocol"), f"the log says {summary}")
        with open(os.path.join(self.suite.work, "clients.txt"), "a") as table:
            print(f"{client.name:11} {self.leg:6} {tls.get('protocol', '-'):8} {tls.get('cipher', '-'):30} "
                  f"{summary.split('event=', 1)[1]}", file=table)

    def must_match(self, client, data, ident, sent):
        if client.keeps_headers:
            # Some end the data with an empty line of their own.
            got = messages.as_delivered(data, ident).rstrip(b"\r\n")
            expect(got == sent.rstrip(b"\r\n"), f"content differs: {len(got)} octets of {len(sent)}")
            return
        body = data.split(b"\r\n\r\n", 1)[1]
        expect(body == sent.split(b"\r\n\r\n", 1)[1], "the text differs")


def main():
    suite = Suite("real_clients", __doc__)
    for leg, port in (("plain", 25), ("tls", 2525)):
        bench = Bench(suite, leg, port)
        if not suite.case(leg + "/start", bench.start, always=True):
            continue
        for kind in clients.ALL:
            if bench.secure or not kind.only_secure:
                suite.case(f"{leg}/{kind.name}", bench.deliver, kind, limit=60)
        suite.case(leg + "/stop", bench.guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
