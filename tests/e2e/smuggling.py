#!/usr/bin/env python3
"""The smuggling matrix: words of CR, LF, NUL, dot, space and TAB in the middle of a message, with a second message behind
them, through smtpguard into real servers; refusing bare LF and normalising it, in plaintext and over TLS. Received
must be exactly what was acknowledged, and the second message never. The same is sent to the servers directly: there some
of it works.

The words that are known from attacks are cut at every place in and beside them, over TLS in two records; of the others
each at a place of its own: a sample, or with SMTPGUARD_E2E_FULL=1 all 9,330 of length 1 to 5. The property behind it is
tested without sockets in tests/proxy/smtp/smuggling_test.cpp. The table is written to smuggling.txt.
"""
import concurrent.futures
import itertools
import os
import random
import re
import time

from support import certificates, messages, proxy_header
from support.guard import Guard
from support.harness import Suite, expect, wait_until
from support.peers import Exim, OpenSmtpd, Postfix
from support.smtp_client import RawClient
from support.tls_client import TlsClient

SOURCE = "203.0.113.9"
HOST = "203.0.113.25"
PORTS = {"refuse": 25, "normalise": 2525}
FULL = bool(os.environ.get("SMTPGUARD_E2E_FULL"))
ALPHABET = b"\r\n\0. \t"
TRUE_END = b"\r\n.\r\n"
# Ends of data for some server or other, from the papers and tools.
KNOWN = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\n.\r\r\n",
         b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\r\n", b"\r\n\n.\r\n", b"\n\r\n.\n", b"\r\n . \r\n", b"\r\n.\t\r\n", b"\r\n\x0b.\r\n",
         b"\r\n\x0c.\r\n", b"\r\n\xc2\x85.\r\n", b"\r\n.\xe2\x80\xa8\r\n"]
SAMPLE = 250
PER_SESSION = 40
SMUGGLED = b"X-Smuggled: "


def all_words():
    for size in range(1, 6):
        for octets in itertools.product(ALPHABET, repeat=size):
            yield bytes(octets)


def chosen_words():
    words = [word for word in all_words() if word != TRUE_END]  # that one is the end of the message
    if FULL:
        return words + [word for word in KNOWN if word not in words]
    short = [word for word in words if len(word) <= 2]
    longer = [word for word in words if len(word) > 2 and word not in KNOWN]
    return KNOWN + short + random.Random(5).sample(longer, SAMPLE)


def attack(ident, word):
    inner = b"MAIL FROM:<evil@sender.example>\r\nRCPT TO:<user@example.net>\r\nDATA\r\n" + SMUGGLED + ident.encode() + b"\r\n\r\nx"
    return messages.header(ident, "outer") + b"\r\ntext" + word, inner + TRUE_END


def variants(words):
    """Words and where they are cut: octets before the end of the word, or behind it if that is negative."""
    for word in words:
        places = range(-2, len(word) + 2) if word in KNOWN else [random.Random(word).randint(-2, len(word) + 1)]
        for place in places:
            yield word, place


def send_cut(client, head, tail, place):
    wire = head + tail
    at = len(head) - place
    client.send(wire[:at])
    time.sleep(0.0005)
    client.send(wire[at:])


class Target:
    """One server, with a guard for each rule before it."""

    def __init__(self, suite, name, peer, address, tls):
        self.suite = suite
        self.name = name
        self.peer = peer
        self.address = address
        self.tls = tls  # a section of the configuration
        self.guards = {}
        self.lines = []

    def start(self):
        self.peer.start()
        for rule in PORTS:
            guard = Guard(self.suite, f"guard-{self.name}-{rule}", [(HOST, PORTS[rule])], self.address, "proxy-v2",
                          sections={"tls": self.tls}, listener_keys={"bare_lf": f'"{rule}"'})
            self.guards[rule] = guard.start()

    def stop(self):
        for guard in self.guards.values():
            guard.stop()

    def play(self, rule, leg, cut_words):
        """One session; returns the names of the messages that were acknowledged."""
        taken = []
        with TlsClient((HOST, PORTS[rule]), source=SOURCE, timeout=60) as client:
            if leg == "tls":
                client.start_tls()
            else:
                client.hello()
            for word, place in cut_words:
                client.ask("MAIL FROM:<a@sender.example>", 250)
                client.ask("RCPT TO:<user@example.net>", 250)
                client.ask("DATA", 354)
                ident = f"{rule}-{leg}-{word.hex()}-{place}"
                send_cut(client, *attack(ident, word), place)
                reply = client.reply()
                expect(reply.code in (250, 550), f"{word!r}: {reply.text}")
                if reply.code == 250:
                    taken.append(ident)
            client.quit()
        return taken

    def matrix(self, rule, leg):
        """Every message that was acknowledged has arrived once, and nothing else."""
        self.peer.mailbox.clear()
        words = chosen_words()
        sent = list(variants(words))
        began = time.monotonic()
        sessions = [sent[at:at + PER_SESSION] for at in range(0, len(sent), PER_SESSION)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            taken = [ident for some in pool.map(lambda part: self.play(rule, leg, part), sessions) for ident in some]
        wait_until(lambda: self.peer.mailbox.count() >= len(taken), f"{len(taken)} messages in the mailbox", 120, 0.2)
        time.sleep(1)  # a smuggled one would be behind its outer message by less than that
        stored = self.peer.mailbox.messages()
        arrived = [found.group(1).decode() for found in (re.search(rb"^X-E2E: (\S+?)\r?$", text, re.M) for text in stored) if found]
        smuggled = len(stored) - len(arrived)
        self.lines.append(f"{self.name:10} {leg:6} {rule:10} words {len(words):5}  variants {len(sent):5}  "
                          f"refused {len(sent) - len(taken):5}  acknowledged {len(taken):5}  "
                          f"received {len(stored):5}  smuggled {smuggled}  ({time.monotonic() - began:.0f} s)")
        expect(smuggled == 0, f"{smuggled} messages were smuggled")
        expect(sorted(arrived) == sorted(taken), f"{len(arrived)} arrived, {len(taken)} were acknowledged")

    def directly(self):
        """Without smtpguard: what of the known words this server falls for. It shows that the matrix can fail."""
        self.peer.mailbox.clear()
        for word in KNOWN:
            with RawClient(self.address, timeout=10) as client:
                client.send(proxy_header.v2((SOURCE, 40123), (HOST, 25)))
                client.hello()
                client.ask("MAIL FROM:<a@sender.example>", 250)
                client.ask("RCPT TO:<user@example.net>", 250)
                client.ask("DATA", 354)
                client.send(b"".join(attack("direct-" + word.hex(), word)))
                client.reply()
                client.send(b"QUIT\r\n")
                client.end()
        time.sleep(2)
        stored = self.peer.mailbox.messages()
        smuggled = [text for text in stored if b"X-E2E: " not in text]
        fell = sorted(re.search(SMUGGLED + rb"direct-(\w+)", text).group(1).decode() for text in smuggled)
        said = ", ".join(repr(bytes.fromhex(word))[1:] for word in fell)
        self.lines.append(f"{self.name:10} directly          words {len(KNOWN):5}  smuggled {len(smuggled)}: {said}")
        return len(smuggled)


def write_table(suite, targets):
    with open(os.path.join(suite.work, "smuggling.txt"), "w") as table:
        for target in targets:
            print("\n".join(target.lines), file=table)


def main():
    suite = Suite("smuggling", __doc__)
    made = {"postfix": (Postfix, Postfix.PROXY), "opensmtpd": (OpenSmtpd, OpenSmtpd.ADDRESS), "exim": (Exim, Exim.ADDRESS)}
    targets = []
    weak = 0
    tls = certificates.settings(certificates.make(os.path.join(suite.work, "certificates"), "ecdsa"))
    for name, (kind, address) in made.items():
        target = Target(suite, name, kind(suite), address, tls)
        targets.append(target)
        if not suite.case(f"{name}/start", target.start, always=True):
            continue
        for leg in ("plain", "tls"):
            for rule in PORTS:
                suite.case(f"{name}/{leg}/{rule}", target.matrix, rule, leg, limit=3600 if FULL else 120)
        weak += target.directly()
        suite.case(f"{name}/stop", target.stop, always=True)
    write_table(suite, targets)
    suite.case("can-fail", lambda: expect(weak > 0, "no server fell for any word: the matrix would see nothing"))
    suite.finish()


if __name__ == "__main__":
    main()
