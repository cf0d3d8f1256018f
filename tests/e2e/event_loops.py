#!/usr/bin/env python3
"""Several event loops in one worker: clients are dealt out in turn, and whatever there is once counts for all of them.

Loopback only, needs no root.
"""
import os
import re
import signal
import subprocess
import time

from support import messages
from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Skip, Suite, expect, wait_until
from support.smtp_client import RawClient
from support.supervision import rewrite
from support.table import own_source

LOOPS = 4
HANGS = 30  # seconds without a sign of life after which the supervisor ends a worker
MAIL = "MAIL FROM:<a@sender.example>"
RCPT = "RCPT TO:<user@example.net>"


class Case:
    """A guard with several loops and its backend."""

    def __init__(self, suite, name, **sections):
        self.tool = os.path.join(os.path.dirname(suite.binary), "tools", "smtpguardctl")
        self.backend = ScriptedBackend().start()
        self.guard = Guard(suite, "guard-" + name, [("127.0.0.1", free_port())], self.backend.address,
                           sections=sections, event_loops=LOOPS).start()
        self.source = own_source()

    def crowd(self, count):
        """So many clients, and the last line of each greeting."""
        clients = [RawClient(self.guard.address, source=self.source) for _ in range(count)]
        return clients, [client.reply() for client in clients]

    def ctl(self, *words):
        control = os.path.join(self.guard.folder, "control.sock")
        return subprocess.run([self.tool, *words, "--socket", control], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60).stdout.decode()


def close_all(clients):
    for client in clients:
        client.close()


def threads(suite):
    """As many threads as loops serve: of each some client's session is served there (Linux tells by processor time)."""
    case = Case(suite, "threads")
    tasks = f"/proc/{case.guard.worker}/task"
    if not os.path.isdir(tasks):
        raise Skip("this system does not show the threads of a process")
    wait_until(lambda: len(os.listdir(tasks)) >= LOOPS, f"the worker has {LOOPS} threads")

    def switches():
        """How often each thread has given up its processor: one that serves waits for its clients."""
        found = {}
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/status") as file:
                found[task] = int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))
        return found

    before = switches()
    clients, _ = case.crowd(LOOPS)
    for _ in range(200):
        for client in clients:
            client.ask("RSET", 250)
    worked = sorted(now - before.get(task, 0) for task, now in switches().items())
    expect(worked[-LOOPS] >= 100, f"a loop has hardly worked: {worked}")
    close_all(clients)
    case.guard.stop()


def one_for_all(suite):
    """Counted, listed and told once: sessions of every loop, and the limit of one address."""
    case = Case(suite, "one-for-all", limits={"connections_per_address": "10"})
    clients, greetings = case.crowd(12)
    codes = [greeting.code for greeting in greetings]
    expect(sorted(codes) == [220] * 10 + [421] * 2, f"greeted by {codes}")
    greeted = [client for client, code in zip(clients, codes) if code == 220]
    for client in greeted:
        client.ask("EHLO client.example", 250)
    listed = case.ctl("sessions")
    shown = [f":{client.local[1]}" for client in greeted]
    expect(all(port + " " in listed for port in shown), f"not all are listed: {listed}")
    ages = [float(line.split()[2]) for line in listed.splitlines() if "127." in line]
    expect(ages == sorted(ages, reverse=True), f"the oldest are not first: {listed}")
    expect(" 10 sessions and 0 visitors" in case.ctl("status"), f"status: {case.ctl('status')}")
    close_all(clients)
    case.guard.stop()


def reload_reaches_all(suite):
    """After a reload every loop greets with the new name; who was here keeps the old one."""
    case = Case(suite, "reload")
    old, _ = case.crowd(LOOPS)
    rewrite(case.guard, r'^hostname = .*', 'hostname = "mx2.example.net"')
    expect("reloaded" in case.ctl("reload"), "no reload")
    new, greetings = case.crowd(2 * LOOPS)
    expect(all("mx2.example.net" in greeting.text for greeting in greetings), f"greeted with {greetings}")
    for client in old:
        expect("mx.example.net" in client.ask("EHLO client.example", 250).text, "an old session changed its name")
    close_all(old + new)
    rewrite(case.guard, r'^event_loops = .*', 'event_loops = 2')
    said = case.ctl("reload")
    expect("event_loops: changes take effect with" in said, f"the reload says: {said}")
    expect(f"with {LOOPS} event loops" in case.ctl("status"), f"status: {case.ctl('status')}")
    case.guard.stop()


def each_carries_mail(suite):
    case = Case(suite, "mail")
    for number in range(3 * LOOPS):
        with RawClient(case.guard.address, source=case.source) as client:
            client.hello()
            expect(client.transaction(messages.simple(messages.new_id())).code == 250, f"message {number} was not taken")
            client.quit()
    arrived = len(case.backend.accepted())
    expect(arrived == 3 * LOOPS, f"{arrived} messages arrived")
    case.guard.stop()


def stop_is_for_all(suite):
    """SIGTERM: idle sessions of every loop hear 421, transactions in each end, and the process ends in order."""
    case = Case(suite, "stop")
    idle, _ = case.crowd(LOOPS)
    busy, _ = case.crowd(LOOPS)
    for client in busy:
        client.ask("EHLO client.example", 250)
        client.ask(MAIL, 250)
        client.ask(RCPT, 250)
        client.ask("DATA", 354)
    case.guard.process.send_signal(signal.SIGTERM)
    for client in idle:
        expect(client.reply().code == 421, f"an idle session heard {client.transcript[-1:]}")
    for client in busy:
        client.send(b"Subject: x\r\n\r\nlate\r\n.\r\n")
        expect(client.reply().code == 250, f"a message was not taken: {client.transcript[-1:]}")
    close_all(idle + busy)
    status = case.guard.process.wait(20)
    expect(status == 0, f"status {status}")


def long_drain(suite):
    """Loops that have ended do not hang: who is inside a message in another one has all of drain_timeout for it."""
    case = Case(suite, "long-drain", limits={"drain_timeout": '"90s"'})
    clients, _ = case.crowd(LOOPS)
    busy = clients[1]
    for command, code in (("EHLO client.example", 250), (MAIL, 250), (RCPT, 250), ("DATA", 354)):
        busy.ask(command, code)
    case.guard.process.send_signal(signal.SIGTERM)
    case.guard.log.wait_for("event=summary.* how=shutdown")
    listed = case.ctl("sessions")
    expect("inside a message" in listed, f"asked while stopping: {listed}")
    time.sleep(HANGS + 7)
    busy.send(b"Subject: late\r\n\r\nlate\r\n.\r\n")
    expect(busy.reply().code == 250, f"the message was not taken: {busy.transcript[-1:]}")
    close_all(clients)
    status = case.guard.process.wait(20)
    expect(status == 0, f"status {status}")


def upgrade_ends_when_nobody_is_here(suite):
    """A worker that retires ends with its last session, whichever loop has that."""
    case = Case(suite, "upgrade")
    case.guard.log.wait_for(r"worker \d+ is ready")
    old = case.guard.worker
    clients, _ = case.crowd(2 * LOOPS)
    expect("upgrade" in case.ctl("upgrade"), "no upgrade")
    wait_until(lambda: len(case.guard.workers()) == 2, "there are two workers")
    for client in clients:
        client.ask("EHLO client.example", 250)
        client.ask(MAIL, 250)
        client.ask("QUIT", 221)
    wait_until(lambda: old not in case.guard.workers(), "the old worker has ended", 15)
    case.guard.stop()


def backend_trouble_is_told_once(suite):
    """Sessions of all loops find the backend down: one line, and another when it is back."""
    case = Case(suite, "trouble")
    case.guard.log.wait_for(r"backend \S+ answers")
    case.backend.stop()
    clients, _ = case.crowd(2 * LOOPS)
    for client in clients:
        client.ask("EHLO client.example", 250)
        client.ask(MAIL, 451)
    told = case.guard.log.find(r"backend \S+: .*until it answers")
    expect(len(told) == 1, f"told {told}")
    ScriptedBackend(case.backend.address[1]).start()
    wait_until(lambda: len(case.guard.log.find(r"backend \S+ answers")) == 2, "the backend is found again", 20)
    close_all(clients)
    case.guard.stop()


def main():
    suite = Suite("event_loops", __doc__)
    for case in (threads, one_for_all, reload_reaches_all, each_carries_mail, stop_is_for_all,
                 upgrade_ends_when_nobody_is_here, backend_trouble_is_told_once, long_drain):
        suite.case(case.__name__, case, suite, limit=80)
    suite.finish()


if __name__ == "__main__":
    main()
