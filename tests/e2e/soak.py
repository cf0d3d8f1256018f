#!/usr/bin/env python3
"""Everything at once, for as long as one likes: good, hostile and broken clients, a Postfix that is killed and started, name
servers that fail and are slow, reloads good and bad. Every acknowledged message is accounted for.

Runs inside the namespaces that tests/e2e/run makes. SMTPGUARD_SOAK=SECONDS (20; `make soak` takes 600); progress is printed
when it is longer than a minute.
"""
import collections
import os
import random
import signal
import statistics
import threading
import time

from support import messages
from support.battery import LISTENERS, V4
from support.dns_faults import SERVFAIL, SILENT, FaultyDns, codes, rcode
from support.guard import Guard, can_connect, fields, free_port
from support.harness import Suite, expect, wait_until
from support.jail import idents_of
from support.peers import Postfix
from support.smtp_client import RawClient, stuffed
from support.supervision import restore, rewrite

SECONDS = int(os.environ.get("SMTPGUARD_SOAK", "20"))
MX = LISTENERS[0]
HOSTILE = ("203.0.113.66", "198.51.100.7")
ZONE = "list.test"


class Sender(threading.Thread):
    """A good client: sends each message until it is acknowledged, as a queue does."""

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak = soak
        self.dice = random.Random(number)
        self.acknowledged = []
        self.tries = collections.Counter()     # by ident: how often its dot was sent
        self.deferred = collections.Counter()  # replies that were not 2xx, in short

    def run(self):
        while not self.soak.is_over.is_set():
            ident = messages.new_id()
            kind = self.dice.random()
            text = (messages.large(ident, 300_000, self.dice.randrange(1000)) if kind < 0.05
                    else messages.awkward(ident) if kind < 0.5 else messages.simple(ident))
            while not self.soak.is_ending.is_set() and not self.send_once(ident, text):
                time.sleep(0.2)

    def send_once(self, ident, text):
        try:
            with RawClient(MX, source=V4, timeout=60) as client:
                client.hello()
                client.ask("MAIL FROM:<a@sender.example>", 250)
                client.ask("RCPT TO:<user@example.net>", 250)
                client.ask("DATA", 354)
                wire = stuffed(text)
                client.send(wire)
                self.tries[ident] += 1
                client.send(b".\r\n")
                reply = client.reply()
                expect(reply.code == 250, reply.text)
                self.acknowledged.append(ident)
                client.quit()
                return True
        except Exception as trouble:  # every one of them means: try again later
            if ident in self.acknowledged[-1:]:
                return True
            self.deferred[str(trouble)[:50]] += 1
            return False


def early(client):
    client.send(b"EHLO bot\r\nMAIL FROM:<a@bot.example>\r\nRCPT TO:<user@example.net>\r\nDATA\r\n")
    client.end(5)


def silent(client):
    time.sleep(2)


def junk(client):
    client.send(bytes(random.randrange(256) for _ in range(3000)))
    client.end(5)


def web(client):
    client.send(b"GET / HTTP/1.1\r\nHost: mx.example.net\r\n\r\n")
    client.end(5)


def half_a_message(client):
    client.hello()
    client.ask("MAIL FROM:<a@sender.example>")
    client.ask("RCPT TO:<user@example.net>")
    client.ask("DATA")
    client.send(stuffed(messages.large(messages.new_id(), 60_000))[:40_000])
    client.reset()


def smuggler(client):
    client.hello()
    client.ask("MAIL FROM:<a@sender.example>")
    client.ask("RCPT TO:<user@example.net>")
    client.ask("DATA")
    client.send(b"Subject: smuggled\r\n\r\nx\n.\r\nMAIL FROM:<evil@sender.example>\r\nRCPT TO:<user@example.net>\r\nDATA\r\nX-Smuggled: yes"
                b"\r\n\r\n.\r\n")
    client.end(3)


def never_reads(client):
    try:
        for _ in range(2000):
            client.send(b"NOOP\r\n" * 20)
    except OSError:
        pass


MISCHIEF = (early, silent, junk, web, half_a_message, smuggler, never_reads)


class Soak:
    def __init__(self, suite):
        self.suite = suite
        self.is_over = threading.Event()    # no new messages
        self.is_ending = threading.Event()  # nor further tries
        self.postfix = Postfix(suite).start()
        self.dns = FaultyDns(ZONE, free_port()).start()
        self.guard = Guard(suite, "guard", [MX], Postfix.PROXY, "proxy-v2", sections={
            "dns": {"servers": f'["127.0.0.1:{self.dns.address[1]}"]', "budget": '"1s"'},
            "networks": {"local": "[]"}, "access": {"allow": f'["{V4}"]'},
            "dnsbl": {"list": f'[{{ zone = "{ZONE}" }}]'},
            "policy.default": {"greet_delay": '"500ms"', "greet_max": '"1s"', "posture": '"balanced"'},
            "limits": {"connections_per_address": "200", "connections_per_network": "400", "command_timeout": '"5s"',
                       "write_timeout": '"5s"', "data_timeout": '"10s"'},
            "backend": {"greeting_timeout": '"5s"', "reply_timeout": '"10s"', "end_timeout": '"20s"'}}).start()
        self.counts = collections.Counter()
        self.arrived = collections.Counter()  # by ident
        self.smuggled = 0
        self.samples = []  # (seconds, octets, descriptors) of the worker

    def be_hostile(self):
        while not self.is_ending.is_set():
            what = random.choice(MISCHIEF)
            try:
                with RawClient(MX, source=random.choice(HOSTILE), timeout=10) as client:
                    what(client)
            except Exception:  # whatever it met, it deserved
                pass
            self.counts[what.__name__] += 1

    def shake_backend(self):
        """Killed sessions, and a whole Postfix that goes and comes."""
        while not self.is_over.wait(min(7, SECONDS / 5)):
            self.counts["backend sessions killed"] += self.postfix.kill_sessions()
            if self.counts["backend restarts"] * 30 < self.elapsed():
                self.counts["backend restarts"] += 1
                self.postfix.stop()
                time.sleep(2)
                self.postfix.start()

    def shake_dns(self):
        states = [codes("127.0.0.2", delay=0.5), rcode(SERVFAIL), SILENT, rcode(3), codes("127.0.0.2")]
        while not self.is_over.wait(min(5, SECONDS / 6)):
            self.dns.default = random.choice(states)
            self.counts["changes of the DNS"] += 1

    def reload(self):
        turn = 0
        while not self.is_over.wait(min(4, SECONDS / 6)):
            turn += 1
            text = None
            if turn % 3 == 0:
                text = rewrite(self.guard, r'^identity = .*$', 'identity = "nonsense"')
            mark = self.guard.log.mark()
            self.guard.process.send_signal(signal.SIGHUP)
            self.guard.log.wait_for("reload|nonsense", mark, 15)
            if text:
                restore(self.guard, text)
            self.counts["reloads, broken" if text else "reloads"] += 1

    def sample(self):
        while not self.is_over.wait(1):
            try:
                worker = self.guard.workers()[-1]
                with open(f"/proc/{worker}/status") as status:
                    octets = sum(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))
                self.samples.append((self.elapsed(), octets, len(os.listdir(f"/proc/{worker}/fd"))))
            except (OSError, IndexError):
                continue
            if len(self.samples) % 10 == 0:
                self.harvest()
            if SECONDS > 60 and len(self.samples) % 30 == 0:
                sent = sum(len(sender.acknowledged) for sender in self.senders)
                print(f"soak: {self.elapsed():.0f} of {SECONDS} s, {sent} messages, {octets / 1e6:.1f} MB, "
                      f"{self.samples[-1][2]} descriptors", flush=True)

    def harvest(self):
        """What has arrived, taken out of the jail, which would be full after a hundred thousand messages."""
        messages = self.postfix.mailbox.take()
        self.arrived.update(idents_of(messages))
        self.smuggled += sum(b"X-Smuggled" in message for message in messages)

    def elapsed(self):
        return time.monotonic() - self.began

    def run(self):
        self.began = time.monotonic()
        worker = self.guard.worker
        self.senders = [Sender(self, number) for number in range(6)]
        others = [threading.Thread(target=what, daemon=True)
                  for what in (self.be_hostile,) * 8 + (self.shake_backend, self.shake_dns, self.reload, self.sample)]
        for thread in [*self.senders, *others]:
            thread.start()
        time.sleep(SECONDS)
        self.is_over.set()
        for thread in others[8:]:
            thread.join(40)
        wait_until(lambda: can_connect(Postfix.PROXY), "Postfix is back", 20)
        for sender in self.senders:
            sender.join(40)
        self.is_ending.set()
        self.account(worker)

    def account(self, worker):
        acknowledged = [ident for sender in self.senders for ident in sender.acknowledged]
        tries = sum((sender.tries for sender in self.senders), collections.Counter())
        arrived = self.arrived

        def all_there():
            self.harvest()
            return all(arrived[ident] for ident in acknowledged)

        try:
            wait_until(all_there, "every acknowledged message is delivered", 60, step=1)
        finally:
            lost = [ident for ident in acknowledged if not arrived[ident]]
            doubled = {ident: count for ident, count in arrived.items() if count > 1}
            self.tell(acknowledged, lost, doubled)
        expect(not lost, f"{len(lost)} acknowledged messages were lost, {lost[:3]}")
        # A dot whose answer never came may have been the end of a delivery; its sender tries again (RFC 5321 4.2.5).
        unfounded = [ident for ident, count in doubled.items() if count > tries[ident]]
        expect(not unfounded, f"more often delivered than sent: {unfounded[:3]}")
        expect(not self.smuggled, "a message was smuggled")
        expect(len(acknowledged) > SECONDS, f"only {len(acknowledged)} messages in {SECONDS} s")
        expect(self.guard.workers() == [worker], "the worker was replaced")
        crashes = self.guard.log.find(r"event=fault|how=fault|crash")
        expect(not crashes, f"faults: {crashes[:2]}")

    def tell(self, acknowledged, lost, doubled):
        ends = collections.Counter(fields(line).get("class", "?") for line in self.guard.log.find("event=summary"))
        deferred = sum((sender.deferred for sender in self.senders), collections.Counter())
        lines = [f"{SECONDS} s: acknowledged {len(acknowledged)}, lost {len(lost)}, delivered twice {len(doubled)}",
                 "shaken by: " + ", ".join(f"{what} {count}" for what, count in sorted(self.counts.items())),
                 "sessions: " + ", ".join(f"{what} {count}" for what, count in ends.most_common()),
                 "good clients were told to come back: " + ", ".join(f"{count}x {text!r}" for text, count in deferred.most_common(6))]
        if len(self.samples) >= 9:
            third = len(self.samples) // 3
            for what, index, scale in (("memory (MB)", 1, 1e6), ("descriptors", 2, 1)):
                values = [sample[index] / scale for sample in self.samples]
                lines.append(f"{what}: peak of the first third {max(values[:third]):.1f}, of the last {max(values[-third:]):.1f}, "
                             f"median {statistics.median(values):.1f}")
        with open(os.path.join(self.suite.work, "soak.txt"), "w") as file:
            file.write("\n".join(lines) + "\n")
        if SECONDS > 60:
            print("\n".join("soak: " + line for line in lines), flush=True)


def main():
    suite = Suite("soak", __doc__)
    soak = Soak(suite)
    suite.case("everything-at-once", soak.run, limit=SECONDS + 180)
    suite.case("stop", soak.guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
