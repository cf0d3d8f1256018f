#!/usr/bin/env python3
"""What is done about what is remembered: who is suspicious comes back, who writes every month is known by it.

Clients come by PROXY header from public addresses; the DNS is an answers file. Loopback only, needs no root.
"""
import json
import os
import re
import subprocess
import time

from memory import Client
from support.backend import ScriptedBackend
from support.guard import Guard, fields, free_port
from support.harness import Suite, expect, wait_until

WAIT = 2

# Suspicious: a name that no mail server has (helo.plain and more), in the name of somebody else.
DNS = """
203.0.113.10 PTR 300 out1.pool.net
out1.pool.net A 300 203.0.113.10
192.0.2.10 PTR 300 out2.pool.net
out2.pool.net A 300 192.0.2.10
203.0.113.20 PTR 300 mail.clean.net
mail.clean.net A 300 203.0.113.20
203.0.113.40 PTR 300 mail.bank.net
mail.bank.net A 300 203.0.113.40
bank.net MX 300 10 mail.bank.net
203.0.113.51 PTR 300 mail.hoster.net
mail.hoster.net A 300 203.0.113.51
shop.net MX 300 10 mail.shop.net
club.net MX 300 10 mail.club.net
203.0.113.80 PTR 300 mail3.clean.net
mail3.clean.net A 300 203.0.113.80
203.0.113.70 PTR 300 mail7.other.net
mail7.other.net A 300 203.0.113.70
laptop.example A NXDOMAIN
other.net MX 300 10 mail.other.net
clean.net MX 300 10 mail.clean.net
"""


class Run:
    """One session until its recipient was answered, and on to the message if that was taken."""

    def __init__(self, guard, address, helo, sender="user@other.net", recipient="user@example.net"):
        self.client = Client(guard, address)
        self.client.greeting()
        self.client.ask(f"EHLO {helo}", 250)
        self.client.ask(f"MAIL FROM:<{sender}>", 250)
        self.reply = self.client.ask(f"RCPT TO:<{recipient}>").text
        if self.reply.startswith("250"):
            self.client.ask("DATA", 354)
            self.client.ask("Subject: hello\r\n\r\nHello.\r\n.", 250)
        self.client.ask("QUIT", 221)
        self.client.close()
        self.summary = fields(guard.summary(self.client.who))
        self.lines = guard.events(self.client.who)
        self.greylist = [fields(line) for line in self.lines if " event=greylist " in line]

    def must_wait(self):
        expect(re.match(r"450 4\.7\.1 greylisted, try again in \d+ seconds: ", self.reply), self.reply)
        expect(self.summary["verdict"] == "greylist" and self.summary["class"] == "deferred", self.summary)
        expect([one["state"] for one in self.greylist] == ["waits"], self.lines)

    def evidence(self, test):
        found = [fields(line) for line in self.lines if f" event=finding test={test} " in line]
        expect(len(found) == 1, f"{test}: {self.lines}")
        return found[0]["evidence"]

    def must_be_refused(self, rule):
        expect(self.reply.startswith("550") and rule in self.reply, self.reply)

    def must_pass(self, by=None):
        expect(self.reply.startswith("250"), self.reply)
        expect([(one["state"], one["by"]) for one in self.greylist] == ([("came-back", by)] if by else []), self.lines)


def tool(guard):
    return os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")


def control(guard, *words):
    done = subprocess.run([tool(guard), *words, "--json", "-f", guard.configuration], capture_output=True, text=True, timeout=20)
    return done.returncode, json.loads(done.stdout)


def same_network_comes_back(guard):
    """No name at all, so its pool is the /24; too early is too early; whoever came back need not do it again."""
    Run(guard, "198.51.100.20", "laptop.example").must_wait()
    Run(guard, "198.51.100.21", "laptop.example").must_wait()
    listed = control(guard, "greylist", "list")[1]["records"]
    expect(any(one["key"].startswith("198.51.100.0/24#") and one["left"] > 0 for one in listed), listed)
    Run(guard, "198.51.100.21", "laptop.example", recipient="other@example.net").must_wait()
    time.sleep(WAIT + 1)
    Run(guard, "198.51.100.22", "laptop.example").must_pass("198.51.100.0/24")
    Run(guard, "198.51.100.22", "laptop.example", recipient="third@example.net").must_pass()  # known good by now
    Run(guard, "198.51.100.23", "laptop.example", recipient="third@example.net").must_wait()


def same_organisation_comes_back(guard):
    Run(guard, "203.0.113.10", "laptop.example").must_wait()
    time.sleep(WAIT + 1)
    Run(guard, "192.0.2.10", "laptop.example").must_pass("pool.net")
    Run(guard, "203.0.113.10", "laptop.example", recipient="other@example.net").must_pass()


def clean_is_never_deferred(guard):
    Run(guard, "203.0.113.20", "mail.clean.net").must_pass()
    Run(guard, "203.0.113.20", "laptop.example", sender="user@clean.net").must_pass()


def observe_only_tells(guard):
    run = Run(guard, "198.51.100.90", "laptop.example", recipient="watched@example.net")
    run.must_pass()
    expect(run.summary["would"] == "greylist", run.summary)


def correspondents(guard):
    """Who has written from a confirmed name passes strict with a broken HELO, months later as well; who says so does not."""
    strict = {"sender": "bills@bank.net", "recipient": "strict@example.net"}
    Run(guard, "203.0.113.40", "localhost.localdomain", **strict).must_be_refused("helo.reserved")
    first = Run(guard, "203.0.113.40", "mail.bank.net", **strict)
    first.must_pass()
    listed = control(guard, "correspondents", "list")[1]["records"]
    expect({"bank.net", "bank.net<203.0.113.0/24"} <= {one["key"] for one in listed}, listed)
    again = Run(guard, "203.0.113.40", "localhost.localdomain", **strict)
    again.must_pass()
    expect(again.evidence("history.correspondent").startswith("bank.net by its confirmed name, since 20"), again.lines)
    expect("helo.reserved" in again.summary["observed"], again.summary)
    # The address in the same network that has no name; and others that only say so.
    Run(guard, "203.0.113.41", "localhost.localdomain", **strict).must_pass()
    Run(guard, "198.51.100.40", "localhost.localdomain", **strict).must_be_refused("helo.reserved")
    Run(guard, "203.0.113.40", "localhost.localdomain", sender="x@other.net", recipient="strict@example.net").must_be_refused("helo.reserved")


def imported(guard, work):
    path = os.path.join(work, "correspondents")
    with open(path, "w") as file:
        file.write("# two\nshop.net 198.51.100.50\nclub.net hoster.net  # by its name\n")
    done = subprocess.run([tool(guard), "correspondents", "import", path, "-f", guard.configuration], capture_output=True, text=True)
    expect(done.returncode == 0 and "2 imported" in done.stdout, done)
    for address, sender in (("198.51.100.51", "a@shop.net"), ("203.0.113.51", "a@club.net")):
        Run(guard, address, "localhost.localdomain", sender=sender, recipient="strict@example.net").must_pass()
    Run(guard, "198.51.100.52", "localhost.localdomain", sender="a@club.net", recipient="strict@example.net").must_be_refused("helo.reserved")


def blocks(guard):
    """By hand, with a reason that the client is told; over a restart; lifted."""
    def greeting(address):
        client = Client(guard, address)
        said = client.reply().text
        client.close()
        return said, client

    status, made = control(guard, "block", "add", "203.0.113.60/30", "--for", "1h", "--why", "floods us")
    expect(status == 0 and made["blocks"][0]["author"].startswith("uid "), made)
    time.sleep(1)
    guard.stop()
    guard.start()
    wait_until(lambda: len(guard.log.find(r"clients remembered from")) >= 2, "the memory is read again")
    said, client = greeting("203.0.113.61")
    expect(re.match(r"421 4\.7\.1 \S+ 203\.0\.113\.60/30 is blocked until 20\S+: floods us; mend that", said), said)
    summary = fields(guard.summary(client.who))
    expect(summary["how"] == "blocked" and summary["class"] == "refused", summary)
    expect(greeting("203.0.113.64")[0].startswith("220"), "the neighbour of a blocked network")
    expect(control(guard, "block", "add", "127.0.0.1", "--why", "me")[0] == 1, "a local address")
    expect(control(guard, "block", "del", "203.0.113.60/30")[0] == 0, "block del")
    expect(greeting("203.0.113.61")[0].startswith("220"), "not blocked any more")
    expect(control(guard, "block", "list")[1]["blocks"] == [], "block list")


def harvesters(guard, backend):
    """Unknown recipients are remembered, add up to a finding, and end in a block; the second one is longer."""
    address = "203.0.113.70"
    backend.default = {"rcpt": b"550 5.1.1 no such user\r\n"}
    for _ in range(3):
        client = Client(guard, address)
        client.greeting()
        client.ask("EHLO mail.other.net", 250)
        client.ask("MAIL FROM:<user@other.net>", 250)
        for number in range(4):
            client.ask(f"RCPT TO:<unknown{number}@example.net>", 550)
        client.ask("QUIT", 221)
        client.close()
        guard.summary(client.who)
    backend.default = {}
    lines = guard.events(client.who)
    expect(any(" event=block state=begins " in line and "writes to recipients that do not exist" in line for line in lines), lines)
    client = Client(guard, address)
    said = client.reply().text
    expect(said.startswith("421 4.7.1") and "do not exist" in said, said)
    client.close()
    listed = control(guard, "block", "list")[1]["blocks"]
    expect([(one["network"], one["author"], one["times"]) for one in listed] == [("203.0.113.70/32", "smtpguard", 1)], listed)
    # Whose block is lifted is forgiven: its next slip does not block it again.
    control(guard, "block", "del", address)
    backend.default = {"rcpt": b"550 5.1.1 no such user\r\n"}
    run = Run(guard, address, "mail.other.net")
    backend.default = {}
    expect(run.reply.startswith("550 5.1.1"), run.reply)
    expect(not any(" event=block " in line for line in run.lines), run.lines)


def rates(guard):
    """More messages a minute than limits.message_rate: 450, in words; not for our own networks."""
    replies = [Run(guard, "203.0.113.80", "mail.clean.net", sender="user@clean.net").reply for _ in range(9)]
    expect([reply[:3] for reply in replies] == ["250"] * 8 + ["450"], replies)
    expect("too many messages a minute from your address; try again in " in replies[-1], replies[-1])
    # Of the message, so another recipient of the same one fares no better.
    client = Client(guard, "203.0.113.80")
    client.greeting()
    client.ask("EHLO mail.clean.net", 250)
    client.ask("MAIL FROM:<user@clean.net>", 250)
    for _ in range(3):
        client.ask("RCPT TO:<user@example.net>", 450)
    client.close()


def exported_and_imported(guard, work):
    """All of it as JSON Lines; what was forgotten comes back with them while the daemon runs."""
    time.sleep(1)
    store = os.path.join(work, "memory.sqlite")
    ask = lambda *words: subprocess.run([tool(guard), "memory", *words, "--store", store], capture_output=True, text=True, timeout=20)
    lines = ask("export").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    expect(any(one.get("key") == "bank.net" for one in records) and any("network" in one for one in records), lines[:5])
    expect(control(guard, "memory", "forget", "198.51.100.22")[0] == 0, "forget")
    time.sleep(1)
    path = os.path.join(work, "export.jsonl")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    done = ask("import", path)
    expect(f"{len(lines)} imported" in done.stdout, done)
    known = lambda: [one for one in control(guard, "memory", "show", "198.51.100.22")[1]["records"] if one["kind"] == "address"]
    wait_until(known, "the running daemon takes over what was imported")
    expect(known()[0]["known_good"], known())
    bad = ask("import", "/dev/null/none")
    expect(bad.returncode == 1, bad)


def dry_run(guard, answers):
    """smtpguardctl test asks the daemon what it remembers, and says so where none answers."""
    words = ["test", "--ip", "203.0.113.40", "--helo", "localhost.localdomain", "--from", "bills@bank.net", "--rcpt", "strict@example.net",
             "--answers", answers, "-f", guard.configuration]
    done = subprocess.run([tool(guard), *words], capture_output=True, text=True, timeout=20)
    expect(done.returncode == 0 and "known good by" in done.stdout and "history.correspondent" in done.stdout, done)
    done = subprocess.run([tool(guard), *words, "--socket", "/nowhere"], capture_output=True, text=True, timeout=20)
    expect(done.returncode == 2 and "no daemon answers, so the client is taken for a stranger" in done.stdout, done)


def main():
    suite = Suite("memory_acts", __doc__)
    backend = ScriptedBackend().start()
    answers = os.path.join(suite.work, "answers")
    with open(answers, "w") as file:
        file.write(DNS)
    guard = Guard(suite, "guard", [("127.0.0.1", free_port())], backend.address, "proxy-v2", {
        "policy.default": {"greet_delay": '"100ms"', "teaser": "false", "posture": '"balanced"'},
        "policy.default.thresholds": {"greylist": "1", "defer": "30", "reject": "40"},
        "policy.strict": {"posture": '"strict"', "recipients": '["strict@example.net"]'},
        "limits": {"message_rate": "8"}, "blocks": {"harvest": "11"},
        "policy.watched": {"posture": '"observe"', "recipients": '["watched@example.net"]'},
        "policy.watched.thresholds": {"greylist": "1", "defer": "30", "reject": "40"},
        "memory": {"enabled": "true", "folder": f'"{suite.work}"'}, "greylist": {"wait": f'"{WAIT}s"', "window": '"5m"'},
        "dns": {"answers": f'"{answers}"', "budget": '"500ms"'}})
    with open(guard.configuration) as file:
        text = file.read()
    at = text.index("[[listener]]") + len("[[listener]]\n")
    with open(guard.configuration, "w") as file:
        file.write(text[:at] + 'proxy_from = ["127.0.0.0/8"]\n' + text[at:])
    if suite.case("start", guard.start, always=True):
        suite.case("greylist-network", same_network_comes_back, guard)
        suite.case("greylist-organisation", same_organisation_comes_back, guard)
        suite.case("clean-never-deferred", clean_is_never_deferred, guard)
        suite.case("observe-only-tells", observe_only_tells, guard)
        suite.case("correspondents", correspondents, guard)
        suite.case("imported", imported, guard, suite.work)
        suite.case("blocks", blocks, guard)
        suite.case("harvesters", harvesters, guard, backend)
        suite.case("rates", rates, guard)
        suite.case("export-import", exported_and_imported, guard, suite.work)
        suite.case("dry-run", dry_run, guard, answers)
        suite.case("stop", guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
