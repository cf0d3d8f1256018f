#!/usr/bin/env python3
"""More connections than there is room or memory for: known clients get in all the same, strangers who say nothing make room, and who has
been greeted and says nothing is sent away soon. Loopback only.
"""
import multiprocessing
import resource
import socket
import time

from support.backend import ScriptedBackend
from support.guard import EVENT_LOOPS, Guard, fields, free_port
from support.harness import Skip, Suite, expect, wait_until
from support.smtp_client import RawClient

ROOM = 20
MANY = 6000  # visitors that take more than the ceiling surely
KNOWN = "127.9.9.9"


def stranger(guard, number):
    """A connection that says nothing."""
    client = socket.socket()
    client.settimeout(15)
    client.bind((f"127.1.{number}.1", 0))
    client.connect(guard.address)
    return client


def heard(client):
    """All that it is told until the connection is closed."""
    said = b""
    while piece := client.recv(4096):
        said += piece
    return said.decode()


def is_closed(client):
    """It was sent away: behind what it was told is the end. Takes nothing."""
    client.setblocking(False)
    try:
        told = client.recv(4096, socket.MSG_PEEK)
        return not told or b"421 " in told
    except BlockingIOError:
        return False
    finally:
        client.settimeout(15)


def deliver(guard):
    with RawClient(guard.address, source=KNOWN) as client:
        client.hello("known.example")
        client.transaction(b"Subject: known\r\n\r\nhello\r\n")
        client.quit()


def full_of_silent(guard, backend):
    """Every place is taken by visitors that wait for their greeting."""
    mark = guard.log.mark()
    visitors = [stranger(guard, number) for number in range(ROOM)]
    wait_until(lambda: len(guard.log.find("event=connect", mark)) == ROOM, "all visitors are there")
    late = stranger(guard, 200)
    said = heard(late)
    expect(said.startswith("421 4.7.0 ") and "too many connections (session" in said, f"a stranger too many heard: {said!r}")
    before = len(backend.accepted())
    deliver(guard)
    expect(len(backend.accepted()) == before + 1, "the known client's message did not arrive")
    # Each event loop looks among its own, and dealt one of the first to each.
    gone = wait_until(lambda: [one for one in visitors[:EVENT_LOOPS] if is_closed(one)], "somebody made room")
    expect(len(gone) == 1, f"{len(gone)} made room for one")
    said = heard(gone[0])
    expect("421 4.7.0 " in said and "you have said nothing" in said, f"who waited longest heard: {said!r}")
    warning = guard.log.wait_for("connections of at most", mark)
    expect(" 2s " in warning, warning)
    expect([one for one in visitors if is_closed(one)] == gone, "another visitor was sent away")
    for visitor in [late, *visitors]:
        visitor.close()
    wait_until(lambda: len(guard.log.find("event=summary", mark)) >= ROOM + 2, "all have gone")


def silent_after_greeting(guard, _backend):
    """Under stress a greeted stranger has stress_timeout for its command, and the known all the time there is."""
    mark = guard.log.mark()
    known = RawClient(guard.address, source=KNOWN)
    known.hello("known.example")
    visitors = [stranger(guard, number) for number in range(ROOM - 2)]
    began = time.monotonic()
    for visitor in visitors:
        said = heard(visitor)
        expect("220 " in said and "421 4.4.2" in said, f"a silent stranger heard: {said!r}")
    expect(time.monotonic() - began < 14, "silent strangers kept their places")
    expect(known.ask("NOOP").code == 250, "the known client was sent away")
    known.quit()
    wait_until(lambda: len(guard.log.find("how=timeout", mark)) >= ROOM - 4, "their ends are told")
    deliver(guard)
    guard.log.wait_for("strangers have 5m for a command again", mark)


def over_the_ceiling(guard, backend):
    """Silent visitors take more memory than limits.memory: strangers make room and stay outside, the known go on."""
    mark = guard.log.mark()
    if guard.log.find("does not tell how much memory is in use"):
        raise Skip("this build does not tell how much memory is in use")
    visitors = []
    while not guard.log.find("more than limits.memory", mark):
        expect(len(visitors) < MANY, f"{MANY} visitors take less than the ceiling")
        visitors += [stranger(guard, number) for number in range(250)]
        time.sleep(0.1)
    late = stranger(guard, 251)
    said = heard(late)
    expect(said.startswith("421 4.7.0 ") and "too little memory at present" in said, f"a stranger heard: {said!r}")
    before = len(backend.accepted())
    deliver(guard)
    expect(len(backend.accepted()) == before + 1, "the known client's message did not arrive")
    said = heard(visitors[0])  # each loop sends its first away first
    expect("421 4.7.0 " in said and "too little memory" in said, f"who waited longest heard: {said!r}")
    for visitor in [late, *visitors]:
        visitor.close()
    guard.log.wait_for("strangers may come again", mark)
    print(f"  {len(visitors)} visitors: {guard.log.find('more than limits.memory', mark)[0]}")


EARLY = b"EHLO bot.example\r\nMAIL FROM:<a@bot.example>\r\nRCPT TO:<user@example.net>\r\n"


def talk_early(address, number, until):
    """A process that sends bots as fast as it can."""
    turn = 0
    while time.monotonic() < until:
        turn += 1
        client = socket.socket()
        try:
            client.settimeout(5)
            client.bind((f"127.{number}.{turn // 200 % 200}.{turn % 200 + 1}", 0))
            client.connect(address)
            client.sendall(EARLY)
            while client.recv(4096).count(b"\n") < 2 and time.monotonic() < until:
                pass
        except OSError:
            pass
        client.close()


def early_talker(guard):
    """What one hears that says nothing more."""
    with socket.create_connection(guard.address, timeout=15, source_address=("127.1.1.1", 0)) as client:
        client.sendall(EARLY + b"QUIT\r\n")
        return heard(client)


def early_talkers(guard, backend):
    """More of them than there is time for: they hear 421 at once, the known deliver, and later each has a session again."""
    said = early_talker(guard)
    expect("550 5.7.1 " in said and "(early_talker)" in said, f"an early talker heard: {said!r}")
    mark = guard.log.mark()
    until = time.monotonic() + 20
    bots = [multiprocessing.Process(target=talk_early, args=(guard.address, 60 + number, until)) for number in range(4)]
    for bot in bots:
        bot.start()
    try:
        while not guard.log.find("event loop works", mark):
            if time.monotonic() >= until - 5:
                raise Skip("this machine cannot send bots faster than smtpguard judges them")
            time.sleep(0.2)
        said = early_talker(guard)
        expect("421 4.7.0 " in said and "you spoke before our greeting was over" in said, f"an early talker heard: {said!r}")
        before = len(backend.accepted())
        deliver(guard)
        expect(len(backend.accepted()) == before + 1, "the known client's message did not arrive")
    finally:
        for bot in bots:
            bot.terminate()
            bot.join()
    summary = fields(guard.log.wait_for("event=summary client=127.1.1.1:.* how=dropped", mark))
    expect(summary["verdict"] == "refuse" and summary["rule"] == "early_talker" and summary["early"] == "1", f"{summary}")
    guard.log.wait_for("the event loop has time again", mark, 30)
    said = early_talker(guard)
    expect("550 5.7.1 " in said, f"after the storm an early talker heard: {said!r}")


def main():
    suite = Suite("storm", __doc__)
    backend = ScriptedBackend().start()
    limits = {"connections": str(ROOM), "connections_per_address": str(ROOM), "connections_per_network": str(ROOM),
              "stress_timeout": '"2s"', "command_timeout": '"300s"'}
    shared = {"limits": limits, "networks": {"local": "[]"}, "access": {"allow": f'["{KNOWN}"]'}}

    def guard_for(name, delay):
        policy = {"policy.default": {"greet_delay": f'"{delay}"', "greet_max": f'"{delay}"'}}
        return Guard(suite, name, [("127.0.0.1", free_port())], backend.address, sections={**shared, **policy})

    slow, quick = guard_for("guard-slow", "8s"), guard_for("guard-quick", "1s")
    # Their own files are no part of what is tested here.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    many = {"connections": str(MANY), "connections_per_address": str(MANY), "connections_per_network": str(MANY),
            "memory": '"4MB"'}
    small = Guard(suite, "guard-small", [("127.0.0.1", free_port())], backend.address,
                  sections={**shared, "limits": many, "policy.default": {"greet_delay": '"60s"', "greet_max": '"60s"'}})
    without_ceiling = {key: value for key, value in many.items() if key != "memory"}
    early = Guard(suite, "guard-early", [("127.0.0.1", free_port())], backend.address,
                  sections={**shared, "limits": without_ceiling, "memory": {"enabled": "false"},
                            "policy.default": {"posture": '"balanced"', "greet_delay": '"4s"', "greet_max": '"6s"'}})
    if suite.case("start", lambda: (slow.start(), quick.start(), small.start(), early.start()), always=True):
        suite.case("full-of-silent", full_of_silent, slow, backend)
        suite.case("silent-after-greeting", silent_after_greeting, quick, backend)
        suite.case("over-the-ceiling", over_the_ceiling, small, backend)
        suite.case("early-talkers", early_talkers, early, backend, limit=90)
        for guard in (slow, quick, small, early):
            suite.case("stop/" + guard.folder.rsplit("/", 1)[-1], guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
