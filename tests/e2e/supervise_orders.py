#!/usr/bin/env python3
"""Reload and upgrade: what is refused and changes nothing, what sessions keep, what comes after a crash, who takes over.

Runs inside the namespaces that tests/e2e/run makes, as root, with a user _smtpguard and a real Postfix behind.
"""
import os
import re
import shutil
import signal
import socket
import time

from support import certificates, machine, messages
from support import guard as guards
from support.guard import can_connect, free_port
from support.harness import Suite, expect, wait_until
from support.peers import Postfix
from support.supervision import MX, Bench, greeted, has_ended, restore, rewrite, status_of


def reload_refused(bench):
    """A broken file, a list that cannot be read, a port that is taken: told, and nothing has changed."""
    folder = os.path.join(bench.suite.work, "guard-refused")
    os.makedirs(folder, exist_ok=True)
    lists = os.path.join(folder, "deny")
    with open(lists, "w") as file:
        file.write("192.0.2.0/24\n")
    pair = certificates.make(folder, "refused", "ecdsa")
    guard = bench.guard("refused", access={"deny_files": f'["{lists}"]'}, tls=certificates.settings(pair))
    worker = guard.worker
    strange = certificates.make(folder, "strange", "ecdsa")
    taken = free_port()
    holder = socket.create_server(("127.0.0.1", taken))
    stories = (
        ("broken", lambda: rewrite(guard, r"^hostname.*", "hostname = "), r"reload: .*smtpguard.toml:1"),
        ("unknown key", lambda: rewrite(guard, r"^hostname", "hostnam"), r"hostnam: unknown key"),
        ("two errors", lambda: rewrite(guard, r"^hostname", "colour = 1\nhostnam"), r"colour: unknown key"),
        ("key away", lambda: (os.rename(pair[1], pair[1] + ".away"), rewrite(guard, r"\Z", "\n"))[1], r"tls.keys: .*No such file"),
        ("another key", lambda: (os.rename(pair[1], pair[1] + ".away"), shutil.copy(strange[1], pair[1]),
                                 rewrite(guard, r"\Z", "\n"))[2], r"holds the private key of this certificate"),
        ("list", lambda: (os.rename(lists, lists + ".away"), rewrite(guard, r"\Z", "\n"))[1], r"deny: "),
        ("port", lambda: rewrite(guard, r"^address = \"203.0.113.25:25\"", f'address = "127.0.0.1:{taken}"'),
         r"listen on 127.0.0.1:\d+: address already in use"),
    )
    for name, spoil, pattern in stories:
        mark = guard.log.mark()
        before = spoil()
        status, said = bench.ctl(guard, "reload")
        expect(status != 0 and "nothing is changed" in said, f"{name}: {said}")
        expect(re.search(pattern.replace("reload: ", ""), said), f"{name}: smtpguardctl does not say why: {said}")
        guard.log.wait_for(pattern, mark)
        guard.log.wait_for("nothing is changed", mark)
        mark = guard.log.mark()
        guard.process.send_signal(signal.SIGHUP)
        guard.log.wait_for("nothing is changed", mark)
        restore(guard, before)
        for path in (lists, pair[1]):
            if os.path.exists(path + ".away"):
                os.rename(path + ".away", path)
        expect(guard.worker == worker, f"{name}: another worker")
        with bench.talk() as client:
            client.transaction(messages.simple(messages.new_id()))
            client.quit()
    holder.close()
    bench.must(guard, "reload")
    rewrite(guard, r"^identity = .*", 'identity = "none"')
    said = bench.must(guard, "reload")
    expect(re.search(r"^warning: .*identity", said, re.M), f"no warning: {said}")
    guard.stop()


def second_daemon(bench):
    """A worker whose supervisor was killed still has the control socket when another daemon starts: that one gets it later."""
    first = bench.guard("first")
    orphan = first.worker
    os.kill(orphan, signal.SIGSTOP)
    first.process.kill()
    first.process.wait()
    control = os.path.join(first.folder, "control.sock")
    second = bench.guard("second", address=("203.0.113.66", 25), control={"socket": f'"{control}"'})
    second.log.wait_for("is in use by another smtpguard")
    os.kill(orphan, signal.SIGCONT)
    second.log.wait_for("control socket .* is open now")
    expect(f"pid {second.process.pid}," in bench.must(first, "status"), "another one answers")
    wait_until(lambda: has_ended(orphan), "the orphan ends", 15)
    bench.must(first, "drain")
    expect(second.process.wait(20) == 0, "the status of the end")


def shorter_drain(bench):
    """The old worker of an upgrade keeps its sessions as long as the new configuration says, and tells them before it ends."""
    guard = bench.guard("shorter", limits={"drain_timeout": '"60s"'})
    old = guard.worker
    with bench.talk() as client:
        client.ask("MAIL FROM:<a@sender.example>", 250)
        rewrite(guard, r"^drain_timeout.*", 'drain_timeout = "4s"')
        bench.must(guard, "upgrade")
        began = time.monotonic()
        wait_until(lambda: re.search(rf"draining +worker {old}: 1 session left, for ", bench.must(guard, "status")),
                   "status tells of the old worker", 3)
        said = bench.must(guard, "sessions")
        expect(f"and 1 of worker {old}, which drains" in said, said)
        reply = client.reply()
        took = time.monotonic() - began
        expect(reply.code == 421 and 3 < took < 8, f"after {took:.1f} s: {reply.text}")
    wait_until(lambda: has_ended(old), "the old worker ends")
    wait_until(lambda: "draining" not in bench.must(guard, "status"), "status tells of nobody any more", 5)
    with bench.talk() as client:
        client.ask("MAIL FROM:<a@sender.example>", 250)
        guard.process.send_signal(signal.SIGTERM)
        said = wait_until(lambda: re.search(r"stopping since (\S+), started (\S+) ", bench.must(guard, "status")), "status says so")
        expect(said.group(1) > said.group(2), said.group(0))
        client.ask("RSET", 250)
        client.end()
    expect(guard.process.wait(20) == 0, "the status of the end")


def rules_of_a_session(bench):
    """Who came before a reload keeps the old rules; a new listener is there, a removed one is gone."""
    guard = bench.guard("rules")
    with bench.talk() as before:
        other = ("203.0.113.66", 25)
        rewrite(guard, r"domains = .*", 'domains = ["example.org"]')
        rewrite(guard, r"^address = \"203.0.113.25:25\"", f'address = "{other[0]}:{other[1]}"')
        said = bench.must(guard, "reload")
        expect("reloaded" in said, said)
        before.ask("MAIL FROM:<a@sender.example>", 250)
        before.ask("RCPT TO:<user@example.net>", 250)
        wait_until(lambda: not can_connect(MX), "the old port is closed")
        with bench.talk(other) as after:
            after.ask("MAIL FROM:<a@sender.example>", 250)
            after.ask("RCPT TO:<user@example.net>", 5)
            after.quit()
        before.quit()
    guard.listeners = [other]
    guard.stop()


def upgrade_refused(bench):
    """A new program that does not work is not taken."""
    binary = os.path.join(bench.suite.work, "smtpguard-copy")
    shutil.copy(bench.suite.binary, binary)
    guard = bench.guard("upgrade", binary=binary)
    worker = guard.worker
    for text in ("#!/bin/sh\necho does not start >&2\nexit 1\n", "no program at all\n", "#!/bin/sh\nkill -SEGV $$\n"):
        os.unlink(binary)
        with open(binary, "w") as file:
            file.write(text)
        os.chmod(binary, 0o755)
        status, said = bench.ctl(guard, "upgrade")
        expect(status != 0 and "nothing is changed" in said, f"{text!r}: {said}")
        expect(guard.worker == worker, "another worker")
    os.unlink(binary)
    shutil.copy(bench.suite.binary, binary)
    with bench.talk() as client:
        client.ask("MAIL FROM:<a@sender.example>", 250)
        began = bench.must(guard, "status").split("running since ")[1].split()[0]
        bench.must(guard, "upgrade")
        expect(guard.worker != worker, "the same worker")
        client.ask("RCPT TO:<user@example.net>", 250)
        client.ask("RSET", 250)
        client.quit()
    now = bench.must(guard, "status")
    expect(f"pid {guard.process.pid}," in now and began in now, now)
    wait_until(lambda: len(guard.workers()) == 1, "the old worker ends")
    guard.stop()


def crash_after_failed_upgrade(bench):
    """What the upgraded supervisor could not open is not lacking for good: not the user, the root, nor the port."""
    folder = os.path.join(bench.suite.work, "guard-halfway")
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, "mail.log")
    guard = bench.guard("halfway", log={"file": f'"{log}"'})
    os.unlink(log)
    os.mkdir(log)
    status, said = bench.ctl(guard, "upgrade")
    expect(status != 0, said)
    mark = guard.log.mark()
    os.kill(guard.worker, signal.SIGSEGV)
    guard.log.wait_for("is ready", mark)
    expect(status_of(guard.worker)["Uid"].split() == [str(machine.UID)] * 4, f"Uid {status_of(guard.worker)['Uid']}")
    expect(os.readlink(f"/proc/{guard.worker}/root") == machine.STATE, "another root directory")
    expect(greeted(MX), "no greeting")
    os.rmdir(log)

    taken = ("203.0.113.66", 25)
    holder = socket.create_server(taken)
    rewrite(guard, r"^address = \"203.0.113.25:25\"", f'address = "{taken[0]}:{taken[1]}"')
    status, said = bench.ctl(guard, "upgrade")
    expect(status != 0 and "address already in use" in said, said)
    expect(greeted(MX), "the old worker has gone")
    mark = guard.log.mark()
    os.kill(guard.worker, signal.SIGSEGV)
    guard.log.wait_for("cannot start a worker: .*address already in use", mark)
    holder.close()
    wait_until(lambda: greeted(taken), "the port is served as soon as it is free", 10)
    guard.listeners = [taken]
    guard.stop()


def two_hangups(bench):
    """The second SIGHUP, while the first is obeyed, is not lost."""
    guard = bench.guard("hangups")
    mark = guard.log.mark()
    os.kill(guard.worker, signal.SIGSTOP)
    guard.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    guard.process.send_signal(signal.SIGHUP)
    guard.log.wait_for("reload: follows", mark)
    os.kill(guard.worker, signal.SIGCONT)
    wait_until(lambda: len(guard.log.find(r"reloaded ")) == 2, "two reloads", 10)
    guard.stop()


def main():
    suite = Suite("supervise_orders", __doc__)
    machine.install(os.path.join(suite.work, "machine"))
    guards.SANITIZERS["ASAN_OPTIONS"] += ":detect_leaks=0:handle_segv=0"  # as in supervise.py
    bench = Bench(suite)
    if not suite.case("start", Postfix(suite).start, always=True):
        suite.finish()
    for case in (reload_refused, rules_of_a_session, upgrade_refused, crash_after_failed_upgrade, two_hangups, second_daemon,
                 shorter_drain):
        suite.case(case.__name__, case, bench)
    suite.finish()


if __name__ == "__main__":
    main()
