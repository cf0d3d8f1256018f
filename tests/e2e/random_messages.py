#!/usr/bin/env python3
"""Random messages through the real daemon to a server that keeps a digest of each: what arrives is what was sent, octet for
octet, in plaintext and over TLS, however it is cut into segments and records.

Lines of all lengths up to the limit, of all octets but CR, LF and NUL, many of them beginning with dots, many empty; some
messages have no line at all. A few hundred, or SMTPGUARD_E2E_MESSAGES=10000. Loopback only: random_messages.py BINARY.
"""
import concurrent.futures
import os
import random
import re
import time

from support import certificates, messages
from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Suite, expect, wait_until
from support.smtp_client import send_in_pieces, stuffed
from support.tls_client import TlsClient

COUNT = int(os.environ.get("SMTPGUARD_E2E_MESSAGES", "300"))
PER_SESSION = 50
LONGEST_LINE = 65_536
OCTETS = bytes(octet for octet in range(256) if octet not in b"\r\n\0")
POOL = bytes(random.Random(1).choices(OCTETS, k=4 * LONGEST_LINE))


def random_line(dice):
    kind = dice.random()
    if kind < 0.1:
        return b"." * dice.randint(0, 4)
    longest = 80 if kind < 0.8 else 998 if kind < 0.99 else LONGEST_LINE
    length = longest if dice.random() < 0.05 else dice.randint(0, longest)
    start = dice.randrange(len(POOL) - LONGEST_LINE)
    line = POOL[start:start + length]
    return b"." + line[1:] if length and dice.random() < 0.2 else line


def random_message(number):
    dice = random.Random(number)
    return b"".join(random_line(dice) + b"\r\n" for _ in range(dice.randint(0, 40)))


class Bench:
    def __init__(self, suite):
        self.suite = suite
        self.backend = ScriptedBackend().start()
        tls = certificates.settings(certificates.make(os.path.join(suite.work, "certificates"), "ecdsa"))
        self.guard = Guard(suite, "guard", [("127.0.0.1", free_port())], self.backend.address, sections={"tls": tls})

    def start(self):
        self.guard.start()
        wait_until(lambda: self.guard.log.find("answers"), "smtpguard knows its backend")

    def send(self, leg, numbers):
        """One session; returns the digests of its messages."""
        sent = {}
        with TlsClient(self.guard.address, timeout=60) as client:
            if leg == "tls":
                client.start_tls()
            else:
                client.hello()
            for number in numbers:
                message = random_message(number)
                client.ask(f"MAIL FROM:<{leg}-{number}@client.example> BODY=8BITMIME", 250)
                client.ask("RCPT TO:<user@example.net>", 250)
                client.ask("DATA", 354)
                send_in_pieces(client, stuffed(message) + b".\r\n", number)
                reply = client.reply()
                expect(reply.code == 250, f"message {number}: {reply.text}")
                sent[number] = messages.digest(message)
            client.quit()
        return sent

    def run(self, leg):
        began = time.monotonic()
        parts = [range(at, min(at + PER_SESSION, COUNT)) for at in range(0, COUNT, PER_SESSION)]
        sent = {}
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for part in pool.map(lambda numbers: self.send(leg, numbers), parts):
                sent.update(part)
        arrived = {}
        octets = 0
        for message in self.backend.accepted():
            found = re.match(rf"MAIL FROM:<{leg}-(\d+)@".encode(), message.sender)
            if found:
                number = int(found.group(1))
                expect(number not in arrived, f"message {number} arrived twice")
                arrived[number] = messages.digest(message.data)
                octets += len(message.data)
        with open(os.path.join(self.suite.work, "random_messages.txt"), "a") as table:
            equal = sum(arrived.get(number) == due for number, due in sent.items())
            print(f"{leg:6} sent {len(sent)}  arrived {len(arrived)}  digests equal {equal}  octets {octets}  "
                  f"({time.monotonic() - began:.0f} s)", file=table)
        for number, due in sent.items():
            expect(arrived.get(number) == due, f"message {number} arrived otherwise than it was sent")
        expect(len(arrived) == COUNT, f"{len(arrived)} messages arrived, {COUNT} were sent")

    def stop(self):
        expect(not any(session.unhealthy for session in self.backend.sessions), "the backend saw a bare CR, LF or NUL")
        self.guard.stop()


def main():
    suite = Suite("random_messages", __doc__)
    bench = Bench(suite)
    if suite.case("start", bench.start, always=True):
        for leg in ("plain", "tls"):
            suite.case(leg, bench.run, leg, limit=30 + COUNT // 10)
        suite.case("stop", bench.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
