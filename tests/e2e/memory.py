#!/usr/bin/env python3
"""What is remembered of clients: who has shown manners is greeted at once, the others of its name as well, and a bot on the
lines of the same provider is not.

Clients come by PROXY header from public addresses; the DNS is an answers file. Loopback only, needs no root.
"""
import itertools
import json
import os
import signal
import subprocess
import time

from support.backend import ScriptedBackend
from support.guard import Guard, can_connect, fields, free_port
from support.harness import Suite, expect, wait_until
from support.smtp_client import RawClient

DELAY = 1.0
_ports = itertools.count(20000)

DNS = """
203.0.113.10 PTR 300 mail.sender.net
mail.sender.net A 300 203.0.113.10
203.0.113.11 PTR 300 mail2.sender.net
mail2.sender.net A 300 203.0.113.11
203.0.113.12 PTR 300 mail3.sender.net
mail3.sender.net A 300 192.0.2.1

203.0.113.20 PTR 300 mail.isp.net
mail.isp.net A 300 203.0.113.20
203.0.113.21 PTR 300 dsl-203-0-113-21.isp.net
dsl-203-0-113-21.isp.net A 300 203.0.113.21
203.0.113.22 PTR 300 dsl-203-0-113-22.isp.net
dsl-203-0-113-22.isp.net A 300 203.0.113.22

203.0.113.30 PTR 300 mail.listed.net
mail.listed.net A 300 203.0.113.30
30.113.0.203.bl.example.org A 300 127.0.0.2
203.0.113.31 PTR 300 mail.unsure.net
mail.unsure.net A 300 203.0.113.31
31.113.0.203.bl.example.org A SERVFAIL
203.0.113.32 PTR 300 mail.later.net
mail.later.net A 300 203.0.113.32
"""


class Client(RawClient):
    """Says by a PROXY header who it is."""

    def __init__(self, guard, address, first=b""):
        super().__init__(guard.address, timeout=10)
        self.who = (address, next(_ports))
        self.began = time.monotonic()
        self.send(f"PROXY TCP4 {address} 192.0.2.25 {self.who[1]} 25\r\n".encode() + first)

    def greeted_after(self):
        self.greeting()
        return time.monotonic() - self.began


def deliver(client, helo):
    """Without pipelining; the lines of the EHLO reply."""
    offered = client.ask(f"EHLO {helo}", 250).lines
    client.ask("MAIL FROM:<user@sender.net>", 250)
    client.ask("RCPT TO:<user@example.net>", 250)
    client.ask("DATA", 354)
    client.ask("Subject: hello\r\n\r\nHello.\r\n.", 250)
    client.ask("QUIT", 221)
    client.close()
    return offered


class Session:
    """One good session of a client: how long it waited, whether it might pipeline, what the log says."""

    def __init__(self, guard, address, helo):
        client = Client(guard, address)
        self.waited = client.greeted_after()
        self.may_pipeline = any("PIPELINING" in line for line in deliver(client, helo))
        self.summary = fields(guard.summary(client.who))
        self.lines = guard.events(client.who)
        self.known = [fields(line) for line in self.lines if " event=memory " in line]

    def must_be_stranger(self, word):
        expect(self.waited >= DELAY, f"greeted after {self.waited:.3f} s")
        expect(not self.may_pipeline, "PIPELINING is offered to a stranger")
        expect(not self.known, self.lines)
        expect(self.summary.get("memory", "") == word, self.summary)

    def must_be_known(self, by):
        expect(self.waited < DELAY / 2, f"greeted after {self.waited:.3f} s")
        expect(self.may_pipeline, "no PIPELINING for a known client")
        expect([one["by"] for one in self.known] == [by], self.lines)
        expect(self.summary["memory"] == "known", self.summary)


def second_session(guard):
    Session(guard, "203.0.113.10", "mail.sender.net").must_be_stranger("learned")
    Session(guard, "203.0.113.10", "mail.sender.net").must_be_known("203.0.113.10")


def same_organisation(guard):
    Session(guard, "203.0.113.11", "mail2.sender.net").must_be_known("sender.net")
    Session(guard, "203.0.113.12", "mail3.sender.net").must_be_stranger("learned")


def bot_of_the_provider(guard):
    """The provider's own server earns a pass for its name; the lines of its customers have none of it."""
    Session(guard, "203.0.113.20", "mail.isp.net").must_be_stranger("learned")
    Session(guard, "203.0.113.21", "client.sender.net").must_be_stranger("learned")
    Session(guard, "203.0.113.22", "client.sender.net").must_be_stranger("learned")


def early_talk_ends_it(guard, address="203.0.113.50"):
    """A pass is for who has waited; who talks early never had one."""
    for _ in range(2):
        client = Client(guard, address, b"EHLO mail.sender.net\r\n")
        client.greeting()
        client.reply()
        client.ask("QUIT", 221)
        client.close()
        summary = fields(guard.summary(client.who))
        expect(summary["early"] == "1", summary)
        expect("learned" not in summary.get("memory", ""), summary)


def pipelining_ends_it(guard, address="203.0.113.51"):
    """Offered PIPELINING it may; what is no SMTP takes the pass away."""
    Session(guard, address, "client.sender.net").must_be_stranger("learned")
    client = Client(guard, address)
    client.greeting()
    client.send(b"EHLO client.sender.net\nNOOP\r\n")
    client.reply()
    client.close()
    guard.summary(client.who)
    Session(guard, address, "client.sender.net").must_be_stranger("learned")


def no_pass_by_unanswered_lists(guard, address, name):
    for _ in range(2):
        Session(guard, address, name).must_be_stranger("seen" if _ else "")


def by_hand(guard):
    """What smtpguardctl shows and changes."""
    control = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")

    def ask(*words):
        done = subprocess.run([control, *words, "--json", "-f", guard.configuration], capture_output=True, text=True, timeout=20)
        return done.returncode, json.loads(done.stdout)

    Session(guard, "203.0.113.10", "mail.sender.net")
    status, stats = ask("memory", "stats")
    expect(status == 0 and stats["entries"] >= 2 and stats["store"] == "works", stats)
    expect(ask("memory", "show", "sender.net")[1]["records"][0]["known_good"], ask("memory", "show", "sender.net"))
    others = ask("memory", "show", "203.0.113.99")[1]["records"]  # its network has failed above
    expect([record["kind"] for record in others] == ["network"], f"a stranger is remembered: {others}")
    expect(ask("memory", "show", "no such thing!")[0] == 1, "an address that is none")
    expect(ask("pass", "203.0.113.60")[0] == 0, "pass")
    Session(guard, "203.0.113.60", "client.sender.net").must_be_known("203.0.113.60")
    expect(ask("memory", "forget", "203.0.113.60")[0] == 0, "forget")
    Session(guard, "203.0.113.60", "client.sender.net").must_be_stranger("learned")


def after_a_restart(guard):
    """SIGTERM, and the memory is still there; SIGKILL of the worker, and what it knew a second ago is, too."""
    Session(guard, "203.0.113.10", "mail.sender.net")
    time.sleep(1)
    guard.stop()
    guard.start()
    wait_until(lambda: len(guard.log.find(r"clients remembered from")) >= 2, "the memory is read again")
    Session(guard, "203.0.113.10", "mail.sender.net").must_be_known("203.0.113.10")
    Session(guard, "203.0.113.70", "client.sender.net").must_be_stranger("learned")
    time.sleep(1)
    os.kill(guard.worker, signal.SIGKILL)
    wait_until(lambda: len(guard.log.find(r"clients remembered from")) >= 3, "the next worker has read its memory")
    wait_until(lambda: can_connect(guard.address), "the next worker serves")
    Session(guard, "203.0.113.70", "client.sender.net").must_be_known("203.0.113.70")


def local_clients(guard):
    """Our own networks do not wait, and nothing is remembered of them."""
    client = RawClient(guard.listeners[1], timeout=10)
    began = time.monotonic()
    client.greeting()
    expect(time.monotonic() - began < DELAY / 2, "a client of our own network has to wait")
    client.ask("QUIT", 221)
    client.close()
    expect("memory" not in fields(guard.summary(client.local)), guard.summary(client.local))


def main():
    suite = Suite("memory", __doc__)
    backend = ScriptedBackend().start()
    answers = os.path.join(suite.work, "answers")
    with open(answers, "w") as file:
        file.write(DNS)
    guard = Guard(suite, "guard", [("127.0.0.1", free_port()), ("127.0.0.1", free_port())], backend.address, "proxy-v2", {
        "policy.default": {"greet_delay": f'"{DELAY:g}s"', "teaser": "false"}, "memory": {"enabled": "true", "folder": f'"{suite.work}"'},
        "dns": {"answers": f'"{answers}"', "budget": '"500ms"'}, "[dnsbl.list]": {"zone": '"bl.example.org"', "self_test": "false", "score": "1"}})
    # The second listener is for clients without a header.
    text = open(guard.configuration).read()
    first = text.index("[[listener]]")
    second = text.index("[[listener]]", first + 1)
    with open(guard.configuration, "w") as file:
        file.write(text[:second] + 'proxy_from = ["127.0.0.0/8"]\n' + text[second:])
    if suite.case("start", guard.start, always=True):
        suite.case("stranger-waits-once", second_session, guard)
        suite.case("same-organisation", same_organisation, guard)
        suite.case("bot-of-the-provider", bot_of_the_provider, guard)
        suite.case("early-talk", early_talk_ends_it, guard)
        suite.case("no-smtp-ends-it", pipelining_ends_it, guard)
        suite.case("listed-earns-nothing", no_pass_by_unanswered_lists, guard, "203.0.113.30", "mail.listed.net")
        suite.case("unanswered-list-earns-nothing", no_pass_by_unanswered_lists, guard, "203.0.113.31", "mail.unsure.net")
        suite.case("smtpguardctl", by_hand, guard)
        suite.case("restart-and-kill", after_a_restart, guard)
        suite.case("local-clients", local_clients, guard)
        suite.case("stop", guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
