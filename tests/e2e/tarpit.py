#!/usr/bin/env python3
"""Who is refused whatever comes waits for its refusals: only that, so many at a time, and nobody while connections are short.

Clients come by PROXY header from documentation addresses; the DNS is an empty answers file. Loopback only, needs no root.
"""
import json
import os
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from memory import Client
from support.backend import ScriptedBackend
from support.guard import Guard, fields, free_port
from support.harness import Suite, expect, wait_until

TIME = 2
ROOM = 20
CONDEMNED = "condemned.example"


def greeted(guard, number, helo=CONDEMNED, sender="user@example.org"):
    """On to its first recipient."""
    client = Client(guard, f"203.0.113.{number}")
    client.greeting()
    client.ask(f"EHLO {helo}", 250)
    client.ask(f"MAIL FROM:<{sender}>", 250)
    return client


def summary_of(guard, client):
    client.close()
    return fields(guard.summary(client.who))


def status(guard, command="status"):
    tool = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")
    done = subprocess.run([tool, command, "--json", "-f", guard.configuration], capture_output=True, text=True, timeout=20)
    return json.loads(done.stdout)


def waits(guard):
    """Each refusal comes late; what comes after it as well."""
    client = greeted(guard, 1)
    for command in ("RCPT TO:<user@example.net>", "RCPT TO:<other@example.net>"):
        began = time.monotonic()
        client.ask(command, 550)
        expect(time.monotonic() - began >= TIME, f"{command} was answered after {time.monotonic() - began:.2f} s")
    client.ask("QUIT", 221)
    expect(summary_of(guard, client).get("slowed") == "2", "summary")


def who_may_pass_does_not(guard):
    """A sender that is refused, somebody without fault, a stranger's typing errors, the postmaster's mail: nobody waits."""
    client = greeted(guard, 2, "mail.example.org", "denied@example.org")
    client.ask("RCPT TO:<user@example.net>", 550)
    client.ask("NONSENSE", 500)
    client.ask("RSET", 250)
    client.ask("MAIL FROM:<user@example.org>", 250)
    client.ask("RCPT TO:<elsewhere@example.com>", 550)
    client.ask("RCPT TO:<user@example.net>", 250)
    expect("slowed" not in summary_of(guard, client), "a denied sender and a foreign recipient")
    client = greeted(guard, 3)
    client.ask("RCPT TO:<postmaster@example.net>", 250)
    client.ask("RCPT TO:<user@example.net>", 550)
    client.ask("DATA", 354)
    client.ask("Subject: help\r\n\r\nPlease.\r\n.", 250)
    summary = summary_of(guard, client)
    expect("slowed" not in summary and summary["delivered"] == "1", summary)


def so_many(guard):
    clients = [greeted(guard, number) for number in (4, 5, 6)]
    for client in clients[:2]:
        client.send(b"RCPT TO:<user@example.net>\r\n")
    wait_until(lambda: status(guard)["slowed"] == 2, "two in the tarpit")
    stages = sorted(session["stage"] for session in status(guard, "sessions")["sessions"])
    expect(stages == ["after MAIL", "in the tarpit", "in the tarpit"], stages)
    clients[2].ask("RCPT TO:<user@example.net>", 550)
    expect("slowed" not in summary_of(guard, clients[2]), "a third one")
    for client in clients[:2]:
        client.reply()
        expect(summary_of(guard, client)["slowed"] == "1", "the first two")
    expect(status(guard)["slowed"] == 0, "the tarpit is empty again")


def busy(guard):
    """Seconds that the worker has computed so far."""
    with open(f"/proc/{guard.worker}/stat") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def urgent_data(guard):
    """Urgent data wakes a wait that is for the end of the connection alone; it must not wake it again and again."""
    client = greeted(guard, 7)
    client.send(b"RCPT TO:<user@example.net>\r\n")
    wait_until(lambda: status(guard)["slowed"] == 1, "one in the tarpit")
    before = busy(guard)
    client.socket.send(b"!", socket.MSG_OOB)
    expect(client.reply().code == 550, "its refusal")
    expect(busy(guard) - before < TIME / 4, f"the worker was busy for {busy(guard) - before:.2f} s of {TIME}")
    expect(summary_of(guard, client)["slowed"] == "1", "summary")


def makes_room(guard):
    """When connections become short, who waits is told at once and goes; nobody else is slowed then."""
    slowed = greeted(guard, 10)
    slowed.send(b"RCPT TO:<user@example.net>\r\n")
    wait_until(lambda: status(guard)["slowed"] == 1, "one in the tarpit")
    others = [greeted(guard, 20 + number) for number in range(ROOM * 4 // 5)]
    said = slowed.reply().text
    expect(said.startswith("550"), said)
    said = slowed.reply().text
    expect(re.fullmatch(r"421 4\.7\.0 too many connections \(session \w+\)", said.strip()), said)
    summary = summary_of(guard, slowed)
    expect(summary["how"] == "dropped" and "room was needed" in summary["detail"] and summary["class"] == "refused", summary)
    others[0].ask("RCPT TO:<user@example.net>", 550)
    expect("slowed" not in summary_of(guard, others[0]), "under stress")
    for client in others[1:]:
        client.close()


def stops_at_once(guard):
    """A stop does not wait for those who wait."""
    slowed = greeted(guard, 11)
    wait_until(lambda: status(guard)["sessions"] < ROOM // 2, "the others have gone")
    client = greeted(guard, 12, "mail.example.org")
    client.ask("QUIT", 221)  # the stress is over
    slowed.send(b"RCPT TO:<user@example.net>\r\n")
    wait_until(lambda: status(guard)["slowed"] == 1, "one in the tarpit")
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(guard.stop)
        expect(slowed.reply().code == 550, "its refusal")
        slowed.close()  # a transaction in hand may end
        stopping.result()


def main():
    suite = Suite("tarpit", __doc__)
    backend = ScriptedBackend().start()
    answers = os.path.join(suite.work, "answers")
    with open(answers, "w") as file:
        file.write("example.org MX 300 10 mail.example.org\n")

    def guard_for(name, limits):
        return Guard(suite, name, [("127.0.0.1", free_port())], backend.address, "proxy-v2", {
            "policy.default": {"greet_delay": '"100ms"', "teaser": "false", "posture": '"lenient"'},
            "access": {"deny": f'["helo:{CONDEMNED}", "from:denied@example.org"]'},
            "limits": limits, "dns": {"answers": f'"{answers}"', "budget": '"500ms"'}}, {"proxy_from": '["127.0.0.0/8"]'})

    short = guard_for("guard-short", {"tarpit": f'"{TIME}s"', "tarpit_connections": "2"})
    long = guard_for("guard-long", {"tarpit": '"60s"', "connections": str(ROOM)})
    if suite.case("start", lambda: (short.start(), long.start()), always=True):
        suite.case("waits", waits, short)
        suite.case("who-may-pass", who_may_pass_does_not, short)
        suite.case("so-many", so_many, short)
        suite.case("urgent-data", urgent_data, short)
        suite.case("stop", short.stop, always=True)
        suite.case("makes-room", makes_room, long)
        suite.case("stops-at-once", stops_at_once, long)
    suite.finish()


if __name__ == "__main__":
    main()
