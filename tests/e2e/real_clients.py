#!/usr/bin/env python3
"""Real mail clients deliver through smtpguard: swaks, curl, msmtp, Python, nodemailer, Postfix, Exim, Sendmail.

Each sends one awkward message from an address of its own name; it must arrive as it was sent, and the log must say so in
one summary line. The table that README and reports quote is written to clients.txt. Runs inside the namespaces that
tests/e2e/run makes.
"""
import os

from support import clients, messages
from support.backend import ScriptedBackend
from support.guard import Guard, fields
from support.harness import Suite, expect, wait_until

RELAY = ("203.0.113.25", 25)
SOURCE = "203.0.113.9"


class Bench:
    def __init__(self, suite):
        self.suite = suite
        self.backend = ScriptedBackend().start()
        self.guard = Guard(suite, "guard", [RELAY], self.backend.address, "proxy-v2")

    def start(self):
        self.guard.start()
        wait_until(lambda: self.guard.log.find("answers"), "smtpguard knows its backend")

    def summary_of(self, client):
        """The summary line of the session in which this client's sender was named."""
        mail = self.guard.log.wait_for(rf"\bevent=mail\b.*\bfrom=<{client.sender}>")
        session = fields(mail)["session"]
        return self.guard.log.wait_for(rf"\bsession={session}\b.*\bevent=summary\b", timeout=15)

    def deliver(self, kind):
        client = kind(self.suite, RELAY, SOURCE)
        ident = messages.new_id()
        sent = messages.awkward(ident, eight_bit=client.eight_bit)
        client.send(sent.replace(b"\r\n", b"\n"))
        found = [message for message in self.backend.accepted() if ident.encode() in message.data]
        expect(len(found) == 1, f"arrived {len(found)} times")
        self.must_match(client, found[0].data, ident, sent)
        summary = self.summary_of(client)
        said = fields(summary)
        expect(said["client"].startswith(SOURCE + ":") and said["delivered"] == "1", f"the log says {summary}")
        expect(said["how"] == ("quit" if client.says_quit else "client-closed"), f"the log says {summary}")
        expect("early" not in said and "pipelining" not in said, f"a good client is accused: {summary}")
        with open(os.path.join(self.suite.work, "clients.txt"), "a") as table:
            print(f"{client.name:12} {summary.split('session=', 1)[1]}", file=table)

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
    bench = Bench(suite)
    if suite.case("start", bench.start, always=True):
        for kind in clients.ALL:
            suite.case("plain/" + kind.name, bench.deliver, kind, limit=60)
        suite.case("stop", bench.guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
