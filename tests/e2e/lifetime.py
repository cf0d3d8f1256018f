#!/usr/bin/env python3
"""What takes longer than a session: the start-up probe, a backend that goes, comes and changes, stopping, short memory.

Also: what we refuse is found again in the log, and who is noted for sending too early. Loopback only, needs no root.
"""
import os
import re
import resource
import signal
import sys
import time

from support import messages
from support.backend import USUAL, ScriptedBackend
from support.guard import Guard, at, fields, free_port
from support.harness import Skip, Suite, expect, wait_until
from support.log_words import WORDS
from support.smtp_client import RawClient
from support.table import own_source

MAIL = "MAIL FROM:<a@sender.example>"
RCPT = "RCPT TO:<user@example.net>"


def answers(backend):
    return rf"(?<!until )\bbackend {re.escape(at(backend.address))} answers"


def new_guard(suite, name, backend, identity="proxy-v2", **sections):
    return Guard(suite, "guard-" + name, [("127.0.0.1", free_port())], backend.address, identity, sections).start()


def talk(guard, source=None):
    client = RawClient(guard.address, source=source or own_source())
    return client, client.hello()


def probe_by_proxy_v1(suite):
    """Such a backend says nothing before it has read the line; no client is there yet."""
    backend = ScriptedBackend().start()
    guard = new_guard(suite, "probe-v1", backend, "proxy-v1")
    guard.log.wait_for(answers(backend))
    expect(backend.sessions and backend.sessions[0].client, "the probe sent no PROXY line")
    guard.stop()


def ehlo_refused_later(suite):
    """A backend that no longer takes EHLO: what it offered before is not offered any more, and mail passes."""
    backend = ScriptedBackend().start()
    guard = new_guard(suite, "helo-only", backend)
    guard.log.wait_for(answers(backend))
    client, offered = talk(guard)
    with client:
        expect("250-8BITMIME" in offered.lines, f"not offered at first: {offered.lines}")
        client.quit()
    backend.default = {"ehlo": b"502 5.5.1 not here\r\n"}
    for turn in (1, 2):
        client, offered = talk(guard)
        with client:
            expect(turn == 1 or not re.search("8BITMIME", offered.text), f"still offered: {offered.lines}")
            ident = messages.new_id()
            client.transaction(messages.simple(ident))
            client.quit()
        expect(len(backend.accepted(client.local)) == 1, "the message was not accepted")
    guard.stop()


def down_and_up(suite):
    """The daemon says once that the backend is gone and once that it is back, however many sessions meet it."""
    backend = ScriptedBackend().start()
    guard = new_guard(suite, "down-and-up", backend)
    guard.log.wait_for(answers(backend))
    mark = guard.log.mark()
    for is_up in (False, True):
        backend.start() if is_up else backend.stop()
        for _ in range(3):
            client, _ = talk(guard)
            with client:
                client.ask(MAIL, 250 if is_up else 451)
                client.quit()
            guard.summary(client.local)
    for pattern in (r"messages get 451 until it answers", answers(backend)):
        lines = [line for line in guard.log.find(pattern, mark) if "session=" not in line]
        expect(len(lines) == 1, f"{len(lines)} lines /{pattern}/: {lines}")
    guard.stop()


def stop_in_transaction(suite):
    """Who is inside a transaction gets drain_timeout to end it, and then a 421 before the close."""
    backend = ScriptedBackend().start()
    guard = new_guard(suite, "drain", backend, limits={"drain_timeout": '"1s"'})
    client, _ = talk(guard)
    with client:
        client.ask(MAIL, 250)
        began = time.monotonic()
        guard.process.send_signal(signal.SIGTERM)
        reply = client.reply()
        took = time.monotonic() - began
        expect(reply.code == 421, f"was told {reply.text}")
        expect(0.9 <= took <= 5, f"was told after {took:.2f} s")
        expect(client.end() == "eof", "no clean close")
    status = guard.process.wait(20)
    expect(status == 0, f"status {status}")


def behind_the_dot(suite):
    """The next MAIL before the reply to the dot: a stranger is noted, an allowed client is not."""
    if not sys.platform.startswith("linux"):
        raise Skip("needs the addresses of 127/8")
    backend = ScriptedBackend().start()
    backend.default = {"dot": [0.5, USUAL["dot"]]}
    guard = new_guard(suite, "behind-the-dot", backend, access={"allow": '["127.9.0.1"]'}, networks={"local": "[]"})
    for source, is_noted in (("127.9.0.1", False), ("127.9.0.2", True)):
        client, _ = talk(guard, source)
        with client:
            for command, code in ((MAIL, 250), (RCPT, 250), ("DATA", 354)):
                client.ask(command, code)
            client.send(b"Subject: x\r\n\r\n.\r\n")
            time.sleep(0.2)
            client.send(MAIL.encode() + b"\r\n")
            codes = [client.reply().code, client.reply().code]
            expect(codes == [250, 250], f"{source}: {client.transcript[-2:]}")
            client.quit()
        guard.summary(client.local)
        noted = [line for line in guard.events(client.local) if re.search(WORDS["pipelining"], line)]
        expect(bool(noted) == is_noted, f"{source}: noted {noted}")
    guard.stop()


def refusals_name_the_session(suite):
    """Every refusal of ours carries the id under which the log has it."""
    backend = ScriptedBackend().start()
    guard = new_guard(suite, "session-id", backend)
    good = [(MAIL, 250), (RCPT, 250), ("DATA", 354)]
    stories = {
        "unknown command": ([], "XYZZY", 500),
        "relaying": (good[:1], "RCPT TO:<user@foreign.example>", 550),
        "bare LF": (good, "Subject: x\r\n\r\na\nb\r\n.", 550),
        "backend down": ([], MAIL, 451),
    }
    for name, (before, last, code) in stories.items():
        if name == "backend down":
            backend.stop()
        client, _ = talk(guard)
        with client:
            for command, expected in before:
                client.ask(command, expected)
            text = client.ask(last, code).text
            client.quit()
        session = fields(guard.summary(client.local))["session"]
        expect(f"(session {session})" in text, f"{name}: session {session} was told {text}")
    guard.stop()


def short_of_memory(suite):
    """Memory runs out under clients with unfinished lines; when they have left, the next one is greeted."""
    binary = os.path.join(os.path.dirname(suite.binary), "../../release/proxy/smtpguard")
    if not os.path.exists(binary):
        raise Skip(f"needs a build without sanitizers, and there is no {os.path.normpath(binary)}")
    if not sys.platform.startswith("linux"):
        raise Skip("needs prlimit and /proc")
    crowd_size = min(1500, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3)
    backend = ScriptedBackend().start()
    many = "5000"
    guard = Guard(suite, "guard-memory", [("127.0.0.1", free_port())], backend.address, "proxy-v2", {
        "limits": {"connections": many, "connections_per_address": many, "connections_per_network": many}})
    guard.binary = binary
    guard.start()
    guard.log.wait_for(answers(backend))
    worker = guard.worker
    with open(f"/proc/{worker}/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    hard = resource.prlimit(worker, resource.RLIMIT_AS)[1]
    resource.prlimit(worker, resource.RLIMIT_AS, (size + 1_000_000, hard))
    crowd = []
    try:
        while len(crowd) < crowd_size and guard.process.poll() is None:
            try:
                crowd.append(RawClient(guard.address, source=own_source(), timeout=1))
                crowd[-1].send(b"NOOP " + b"x" * 1900)
            except TimeoutError:
                break  # nobody is taken in any more
            except OSError:
                pass  # turned away at once
        guard.must_run()
        expect(guard.worker == worker, "the worker was replaced")
        expect(guard.log.find("bad_alloc"), f"{len(crowd)} clients did not use up the memory")
    finally:
        for client in crowd:
            client.close()

    def is_greeted():
        try:
            with RawClient(guard.address, source=own_source(), timeout=1) as client:
                return client.reply().code == 220
        except (OSError, EOFError):
            return False

    guard.must_run()
    wait_until(is_greeted, "the next client is greeted", 8)
    guard.stop()


def another_backend(suite):
    """A session that began before a reload goes on with the backend of that time, and teaches nobody else what that one can do."""
    old, new = ScriptedBackend().start(), ScriptedBackend().start()
    new.default = {"ehlo": b"250-new.example.net\r\n250-SIZE 60000000\r\n250 ENHANCEDSTATUSCODES\r\n"}
    guard = new_guard(suite, "another-backend", old)
    guard.log.wait_for(answers(old))
    before, _ = talk(guard)
    with before:
        with open(guard.configuration) as file:
            text = file.read()
        with open(guard.configuration, "w") as file:
            file.write(text.replace(at(old.address), at(new.address)))
        mark = guard.log.mark()
        guard.process.send_signal(signal.SIGHUP)
        guard.log.wait_for("reloaded ", mark)
        guard.log.wait_for(answers(new), mark)
        for command, code in (("EHLO again.example", 250), (MAIL + " BODY=8BITMIME", 250), (RCPT, 250)):
            before.ask(command, code)
        expect(any(one.client == before.local for one in old.sessions), "the old session has changed its backend")
        after, offered = talk(guard)
        with after:
            expect("8BITMIME" not in offered.text, f"the new backend's sessions learn from the old one: {offered.lines}")
            after.ask(MAIL, 250)
            after.quit()
        expect(any(one.client == after.local for one in new.sessions), "the new session has the old backend")
        before.quit()
    told = [line for line in guard.log.find("backend .* answers", mark) if at(old.address) in line]
    expect(not told, f"news of a backend that is gone: {told}")
    guard.stop()


def what_is_deferred(suite):
    """4xx to anything but mail is no deferral: not in the summary, nor in status. Whose refusal it is is told beside a delivery."""
    backend = ScriptedBackend().start()
    guard = new_guard(suite, "deferred", backend)
    client, _ = talk(guard)
    with client:
        client.transaction(messages.simple(messages.new_id()))
        client.ask(MAIL, 250)
        client.ask("RCPT TO:<someone@foreign.example>", 550)
        client.quit()
    told = fields(guard.summary(client.local))
    expect((told["verdict"], told["about"], told["class"]) == ("refuse", "<someone@foreign.example>", "delivered"), str(told))
    expect((told["delivered"], told["refused"], told["deferred"]) == ("1", "1", "0"), str(told))
    client, _ = talk(guard)
    with client:
        guard.process.send_signal(signal.SIGTERM)
        expect(client.reply().code == 421, "no 421")
    told = fields(guard.summary(client.local))
    expect((told["how"], told["deferred"]) == ("shutdown", "0"), str(told))
    expect(guard.process.wait(20) == 0, "the status of the end")


def slow_front_end(suite):
    """The early window begins when the client is known, not when its front end connected."""
    backend = ScriptedBackend().start()
    guard = Guard(suite, "guard-slow-front-end", [("127.0.0.1", free_port())], backend.address,
                  sections={"policy.default": {"greet_delay": '"1s"', "teaser": "true"}},
                  listener_keys={"proxy_from": '["127.0.0.1"]'}).start()
    for talks_early in (False, True):
        with RawClient(guard.address) as client:
            time.sleep(1.3)
            client.send(b"PROXY TCP4 203.0.113.9 198.51.100.7 4000 25\r\n")
            began = time.monotonic()
            if talks_early:
                time.sleep(0.3)
                client.send(b"EHLO early.example\r\n")
            expect(client.reply().code == 220, client.transcript[-1])
            took = time.monotonic() - began
            expect(talks_early or took >= 0.9, f"greeted {took:.2f} s after the header")
            if talks_early:
                expect(client.reply().code == 250, client.transcript[-1])
            client.quit()
    wait_until(lambda: len(guard.log.find("event=summary .*client=203.0.113.9:4000")) == 2, "two summaries")
    early = guard.log.find(r"event=early what=early after=connect")
    expect(len(early) == 1, f"noted as early: {early}")
    guard.stop()


def main():
    suite = Suite("lifetime", __doc__)
    for case in (probe_by_proxy_v1, ehlo_refused_later, down_and_up, stop_in_transaction, behind_the_dot,
                 refusals_name_the_session, short_of_memory, another_backend, what_is_deferred, slow_front_end):
        suite.case(case.__name__, case, suite)
    suite.finish()


if __name__ == "__main__":
    main()
