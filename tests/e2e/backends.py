#!/usr/bin/env python3
"""Several backends in order of preference: one that fails is passed over, and used again when it is back; what there are too many
connections for waits a little. Loopback only.
"""
import json
import os
import subprocess
import threading
import time

from support import messages
from support.backend import ScriptedBackend
from support.guard import Guard, at, fields, free_port
from support.harness import Suite, expect
from support.smtp_client import RawClient
from support.supervision import rewrite
from support.table import own_source


def new_guard(suite, name, *backends, **keys):
    others = "[" + ", ".join(f'"{at(backend.address)}"' for backend in backends[1:]) + "]"
    return Guard(suite, "guard-" + name, [("127.0.0.1", free_port())], backends[0].address,
                 sections={"backend": {"fallback": others, **keys}}).start()


def deliver(guard, code=250):
    """One message; the summary of its session. code 451: MAIL is answered so."""
    source = own_source()
    mark = guard.log.mark()
    with RawClient(guard.address, source=source, timeout=60) as client:
        client.hello()
        if code == 250:
            client.transaction(messages.simple(messages.new_id()))
        else:
            client.ask("MAIL FROM:<a@sender.example>", code)
        client.quit()
    line = guard.log.wait_for(rf"event=summary client={source}:", mark)
    return fields(line)


def by(summary, backend):
    expect(summary["backend"] == at(backend.address), f"backend={summary['backend']}, expected {at(backend.address)}")


def next_one(suite):
    """The first goes away: the same session is served by the second, and by the first again once it is back."""
    first, second = ScriptedBackend().start(), ScriptedBackend().start()
    guard = new_guard(suite, "next", first, second)
    guard.log.wait_for(f"backend {at(first.address)} answers")
    by(deliver(guard), first)
    mark = guard.log.mark()
    first.stop()
    summary = deliver(guard)
    by(summary, second)
    expect(summary["delivered"] == "1" and summary["deferred"] == "0", f"{summary}")
    line = guard.log.wait_for(f"backend {at(first.address)}: connect: ", mark)
    expect("the others are tried before it" in line, line)
    by(deliver(guard), second)
    expect(len(guard.log.find(f"backend {at(first.address)}: ", mark)) == 1, "a backend that is down is told twice")
    first.start()
    guard.log.wait_for(f"backend {at(first.address)} answers", mark, timeout=20)
    by(deliver(guard), first)
    expect(len(first.accepted()) == 2 and len(second.accepted()) == 2, f"{len(first.accepted())} and {len(second.accepted())}")
    guard.stop()


def refused_greeting(suite):
    """A backend that greets with 421 or hangs up is passed over as well: nothing was accepted yet."""
    first, second = ScriptedBackend().start(), ScriptedBackend().start()
    for stage, action in (("banner", b"421 4.3.2 busy\r\n"), ("ehlo", "close"), ("mail", "close")):
        first.default = {stage: action}
        guard = new_guard(suite, "refused-" + stage, first, second)
        by(deliver(guard), second)
        guard.stop()


def none(suite):
    """All are down: 451, and the next session is served when one is back."""
    first, second = ScriptedBackend(), ScriptedBackend()
    guard = new_guard(suite, "none", first, second)
    summary = deliver(guard, 451)
    expect(summary["deferred"] == "1", f"{summary}")
    guard.log.wait_for("no backend answers: messages get 451 until one does")
    second.start()
    guard.log.wait_for(f"backend {at(second.address)} answers", timeout=20)
    guard.log.wait_for("a backend answers again")
    by(deliver(guard), second)
    expect(len(guard.log.find("no backend answers")) == 1, "an outage is told twice")
    guard.stop()


def refusal_is_final(suite):
    """A backend that judges the client is believed: the second is not asked."""
    first, second = ScriptedBackend().start(), ScriptedBackend().start()
    first.default = {"mail": b"550 5.7.1 not you\r\n"}
    guard = new_guard(suite, "final", first, second)
    deliver(guard, 550)
    asked = [session.commands for session in second.sessions if any(said.startswith(b"MAIL") for said in session.commands)]
    expect(not asked, f"the second backend was asked: {asked}")
    guard.stop()


def hung_first(suite):
    """The first takes connections and says nothing any more: who waits for it asks for a probe, and all move on when that fails;
    whoever comes then does not wait at all. The log names in each session what was passed over."""
    first, second = ScriptedBackend().start(), ScriptedBackend().start()
    guard = new_guard(suite, "hung", first, second)
    for backend in (first, second):
        guard.log.wait_for(f"backend {at(backend.address)} answers")
    first.default = {"banner": "silent"}
    mark = guard.log.mark()
    began = time.monotonic()
    summaries = []
    clients = [threading.Thread(target=lambda: summaries.append(deliver(guard))) for _ in range(3)]
    for client in clients:
        client.start()
        time.sleep(1)
    for client in clients:
        client.join()
    took = time.monotonic() - began
    expect(len(summaries) == 3 and 10 < took < 25, f"{len(summaries)} were served after {took:.1f} s")
    for summary in summaries:
        by(summary, second)
        expect(summary["delivered"] == "1" and summary["trouble"].startswith(f"{at(first.address)}: given up"), f"{summary}")
    lines = guard.log.find(f"event=backend address={at(first.address)} trouble=", mark)
    expect(len(lines) == 3, f"{lines}")
    told = guard.log.find(f"backend {at(first.address)}: timeout", mark)
    expect(len(told) == 1 and "the others are tried before it" in told[0], f"{told}")
    began = time.monotonic()
    by(deliver(guard), second)
    expect(time.monotonic() - began < 2, "a later client waits for a backend that hangs")
    guard.stop()


def slow_with_one(suite):
    """Slow with one client, quick with the probe: nobody else is sent elsewhere, and the client gets its greeting in the end."""
    first, second = ScriptedBackend().start(), ScriptedBackend().start()
    guard = new_guard(suite, "slow", first, second, greeting_timeout='"9s"')
    for backend in (first, second):
        guard.log.wait_for(f"backend {at(backend.address)} answers")
    probed = len(first.sessions)
    source = own_source()
    mark = guard.log.mark()
    with RawClient(guard.address, source=source, timeout=30) as client:
        first.scripts[client.local] = [{"banner": "silent"}]
        client.hello()
        began = time.monotonic()
        client.ask("MAIL FROM:<a@sender.example>", 250)
        took = time.monotonic() - began
        client.quit()
    expect(8 < took < 12, f"it was served after {took:.1f} s")
    expect(len(first.sessions) == probed + 2, f"{len(first.sessions) - probed} connections instead of the client's and a probe's")
    by(fields(guard.log.wait_for(rf"event=summary client={source}:", mark)), second)
    by(deliver(guard), first)
    expect(not guard.log.find(rf"backend {at(first.address)}: ", mark), "a backend that is slow with one client is called down")
    guard.stop()


def down_at_start(suite):
    """The log says where the mail goes, and that each of them was asked."""
    first, second = ScriptedBackend(), ScriptedBackend().start()
    guard = new_guard(suite, "down", first, second)
    line = guard.log.wait_for(f"backend {at(first.address)}: connect: ")
    expect("the others are tried before it" in line, line)
    guard.log.wait_for(f"backend {at(second.address)} answers")
    by(deliver(guard), second)
    guard.stop()


def weaker_fallback(suite):
    """What the first can do and the second cannot is not offered, whoever gets the message."""
    first, second = ScriptedBackend().start(), ScriptedBackend().start()
    first.default = {"ehlo": b"250-backend.example.net\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n"}
    second.default = {"ehlo": b"250-backend.example.net\r\n250 8BITMIME\r\n"}
    guard = new_guard(suite, "weaker", first, second)
    for backend in (first, second):
        guard.log.wait_for(f"backend {at(backend.address)} answers")
    for _ in range(2):  # also after the first has had a message
        with RawClient(guard.address, source=own_source()) as client:
            client.reply()
            offered = client.ask("EHLO client.example", 250).text
            expect("8BITMIME" in offered, offered)
            expect("SMTPUTF8" not in offered and "DSN" not in offered, offered)
            client.transaction(messages.simple(messages.new_id()))
            client.quit()
    guard.stop()


def most_connections(suite):
    """One connection at most: the second client waits for the first, and a third is told 451 after a while."""
    backend = ScriptedBackend().start()
    guard = new_guard(suite, "most", backend, connections="1")
    guard.log.wait_for("answers")
    first = RawClient(guard.address, source=own_source())
    first.hello()
    first.ask("MAIL FROM:<a@sender.example>", 250)
    mark = guard.log.mark()
    began = time.monotonic()
    deliver(guard, 451)
    waited = time.monotonic() - began
    expect(4 < waited < 15, f"it waited {waited:.1f} s")
    guard.log.wait_for("all connections that there may be are taken", mark)
    expect(not guard.log.find(r"backend \S+: ", mark), "the backend was called down")
    release = threading.Timer(1.0, first.quit)
    release.start()
    by(deliver(guard), backend)
    release.join()
    guard.stop()


def probe(suite, guard, *words):
    tool = os.path.join(os.path.dirname(suite.binary), "tools", "smtpguardctl")
    done = subprocess.run([tool, "probe", "-f", guard.configuration, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode()


def probed(suite):
    """smtpguardctl probe: a good backend, one that relays for strangers, one that is down, one that breaks off."""
    good, open_relay, down, broken = (ScriptedBackend() for _ in range(4))
    for backend in (good, open_relay, broken):
        backend.start()
    good.default = {"rcpt": b"554 5.7.1 <smtpguard-probe@example.com>: Relay access denied\r\n"}
    broken.default = {"ehlo": "close"}
    guard = Guard(suite, "guard-probed", [("127.0.0.1", free_port())], good.address)  # is not started
    status, said = probe(suite, guard)
    expect(status == 0 and "refuses foreign recipients: 554 5.7.1 " in said and "SIZE 60000000, 8BITMIME" in said, said)
    expect(good.sessions[0].client == ("192.0.2.1", 40000), f"on behalf of {good.sessions[0].client}")
    expect("DATA" not in good.sessions[0].commands, "it sent a message")
    status, said = probe(suite, guard, "--ip", "198.51.100.9", "--json")
    expect(status == 0 and json.loads(said)[0]["relay"] == "refused", said)
    expect(good.sessions[1].client[0] == "198.51.100.9", f"on behalf of {good.sessions[1].client}")
    others = ", ".join(f'"{at(backend.address)}"' for backend in (open_relay, down, broken))
    rewrite(guard, r"^identity =", f"fallback = [{others}]\nidentity =")
    status, said = probe(suite, guard)
    expect(status == 1 and "RELAYS FOR STRANGERS: 250 2.1.5 Ok" in said, said)
    expect("connect: connection refused" in said and said.count("  trouble  ") == 2, said)


def main():
    suite = Suite("backends", __doc__)
    for case in (next_one, refused_greeting, hung_first, slow_with_one, none, refusal_is_final, down_at_start, weaker_fallback,
                 most_connections, probed):
        suite.case(case.__name__, case, suite, limit=60)
    suite.finish()


if __name__ == "__main__":
    main()
