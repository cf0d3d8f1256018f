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
from support.harness import Suite, expect

WAIT = 2

# Suspicious: a name that no mail server has (helo.plain and more), in the name of somebody else.
DNS = """
203.0.113.10 PTR 300 out1.pool.net
out1.pool.net A 300 203.0.113.10
192.0.2.10 PTR 300 out2.pool.net
out2.pool.net A 300 192.0.2.10
203.0.113.20 PTR 300 mail.clean.net
mail.clean.net A 300 203.0.113.20
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

    def must_pass(self, by=None):
        expect(self.reply.startswith("250"), self.reply)
        expect([(one["state"], one["by"]) for one in self.greylist] == ([("came-back", by)] if by else []), self.lines)


def control(guard, *words):
    tool = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")
    done = subprocess.run([tool, *words, "--json", "-f", guard.configuration], capture_output=True, text=True, timeout=20)
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


def main():
    suite = Suite("memory_acts", __doc__)
    backend = ScriptedBackend().start()
    answers = os.path.join(suite.work, "answers")
    with open(answers, "w") as file:
        file.write(DNS)
    guard = Guard(suite, "guard", [("127.0.0.1", free_port())], backend.address, "proxy-v2", {
        "policy.default": {"greet_delay": '"100ms"', "teaser": "false", "posture": '"balanced"'},
        "policy.default.thresholds": {"greylist": "1", "defer": "30", "reject": "40"},
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
        suite.case("stop", guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
