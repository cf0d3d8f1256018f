#!/usr/bin/env python3
"""More connections than there is room or memory for: known clients get in all the same, strangers who say nothing make room, and who has
been greeted and says nothing is sent away soon. Loopback only.
"""
import resource
import socket
import time

from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Suite, expect, wait_until
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
    said = heard(visitors[0])
    expect("421 4.7.0 " in said and "you have said nothing" in said, f"who waited longest heard: {said!r}")
    warning = guard.log.wait_for("connections of at most", mark)
    expect(" 2s " in warning, warning)
    for visitor in visitors[1:]:
        visitor.setblocking(False)
        try:
            expect(visitor.recv(4096).startswith(b"220-"), "another visitor was sent away")
        except BlockingIOError:
            pass
        visitor.close()
    late.close()
    visitors[0].close()
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
    said = heard(visitors[0])
    expect("421 4.7.0 " in said and "too little memory" in said, f"who waited longest heard: {said!r}")
    for visitor in [late, *visitors]:
        visitor.close()
    guard.log.wait_for("strangers may come again", mark)
    print(f"  {len(visitors)} visitors: {guard.log.find('more than limits.memory', mark)[0]}")


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
    if suite.case("start", lambda: (slow.start(), quick.start(), small.start()), always=True):
        suite.case("full-of-silent", full_of_silent, slow, backend)
        suite.case("silent-after-greeting", silent_after_greeting, quick, backend)
        suite.case("over-the-ceiling", over_the_ceiling, small, backend)
        for guard in (slow, quick, small):
            suite.case("stop/" + guard.folder.rsplit("/", 1)[-1], guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
