#!/usr/bin/env python3
"""Postfix that takes mail over TLS only, behind smtpguard: delivery with a certificate that fits, 451 with any other, and
nothing is ever given to whom we do not believe. Runs inside the namespaces that tests/e2e/run makes."""
import os
import re

from support import certificates, messages
from support.battery import V4
from support.guard import Guard
from support.harness import Suite, expect, wait_until
from support.peers import Postfix
from support.smtp_client import RawClient

RELAY = ("203.0.113.25", 25)
NAME = "backend.example.net"


class Bench:
    def __init__(self, suite):
        self.suite = suite
        folder = os.path.join(suite.work, "certificates")
        self.authority = certificates.make(folder, "authority", hosts=("authority.example.net",))
        self.stranger = certificates.make(folder, "stranger", hosts=("authority.example.net",))
        pair = certificates.make(folder, "backend", "rsa", (NAME,), authority=self.authority)
        self.peer = Postfix(suite, tls=pair)

    def start(self):
        self.peer.start()

    def guard(self, name, address, identity, **settings):
        quoted = {key: f'"{value}"' for key, value in settings.items()}
        return Guard(self.suite, "guard-" + name, [RELAY], address, identity, sections={"backend": quoted}).start()

    def deliver(self, identity, mode):
        address = Postfix.XCLIENT if identity == "xclient" else Postfix.PROXY
        settings = {"ca_file": self.authority[0], "tls_name": NAME} if mode == "required" else {}
        guard = self.guard(f"{identity}-{mode}", address, identity, tls=mode, **settings)
        ident = messages.new_id()
        sent = messages.awkward(ident)
        with RawClient(RELAY, source=V4, timeout=20) as client:
            client.hello()
            client.transaction(sent, mail_parameters=" BODY=8BITMIME")
            client.transaction(messages.simple(messages.new_id()))
            client.quit()
        wait_until(lambda: self.peer.mailbox.with_id(ident), "the message arrives")
        stored = self.peer.mailbox.with_id(ident)[0]
        messages.must_match(stored, ident, sent)
        received = next(line for line in messages.trace(stored, ident) if line.startswith("Received:"))
        with open(os.path.join(self.suite.work, "received.txt"), "a") as file:
            print(f"{identity} {mode}: {received}", file=file)
        expect(re.match("Received: " + self.peer.received_from("client.example", V4), received), received)
        expect("(using TLSv1.3 with cipher" in received and "with ESMTPS" in received, f"not by TLS: {received}")
        guard.stop()

    def refuse(self, name, due, settings):
        """Temporary for the client, told in the log, and Postfix hears neither who sends nor who should receive."""
        guard = self.guard(name, Postfix.PROXY, "proxy-v2", **settings)
        mark = self.peer.log.mark()
        with RawClient(RELAY, source=V4, timeout=20) as client:
            client.hello()
            client.ask("MAIL FROM:<a@sender.example>", 451)
            client.ask("RCPT TO:<user@example.net>", 503)
            client.quit()
        guard.log.wait_for(due)
        expect(not self.peer.log.find(r"(from|to)=<", mark), "Postfix was told of the message")
        guard.stop()


def main():
    suite = Suite("backend_tls", __doc__)
    bench = Bench(suite)
    if suite.case("start", bench.start, always=True):
        for identity in ("proxy-v2", "proxy-v1", "xclient"):
            for mode in ("required", "opportunistic"):
                suite.case(f"{identity}/{mode}", bench.deliver, identity, mode)
        not_believed = r"TLS handshake: certificate verify failed"
        refused = {
            "another-authority": (not_believed, {"tls": "required", "ca_file": bench.stranger[0]}),
            "another-name": (not_believed, {"tls": "required", "ca_file": bench.authority[0], "tls_name": "other.example.net"}),
            "no-tls": (r"event=backend .*530 5\.7\.0", {"tls": "off"}),
        }
        for name, (due, settings) in refused.items():
            suite.case("refused/" + name, bench.refuse, name, due, settings)
    suite.finish()


if __name__ == "__main__":
    main()
