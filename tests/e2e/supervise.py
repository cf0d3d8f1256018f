#!/usr/bin/env python3
"""Two processes: what the worker can no longer do, and that neither reload, upgrade nor crash costs mail.

Runs inside the namespaces that tests/e2e/run makes, as root, with a user _smtpguard and a real Postfix behind.
SMTPGUARD_E2E_FULL=1: 200 reloads and 20 upgrades under 50 clients, instead of 20 and 4 under 12.
"""
import collections
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from support import guard as guards
from support import machine, messages
from support.backend import ScriptedBackend
from support.battery import V4
from support.crowd import Crowd
from support.guard import Guard, can_connect, free_port
from support.harness import Skip, Suite, expect, wait_until
from support.peers import Postfix
from support.smtp_client import RawClient
from support.supervision import MX, Bench, greeted, has_ended, status_of, title_of

FULL = bool(os.environ.get("SMTPGUARD_E2E_FULL"))
RELOADS, UPGRADES, CLIENTS = (200, 20, 50) if FULL else (20, 4, 12)
SANITIZED = r"no sandbox on this system, or under a sanitizer"


def confined(bench):
    """User, root directory, capabilities, filter and descriptors of the worker, as the kernel sees them."""
    guard = bench.guard("confined", log={"file": f'"{bench.suite.work}/confined.log"'})
    worker = guard.worker
    expect(title_of(guard.process.pid).startswith("smtpguard: supervisor"), title_of(guard.process.pid))
    expect(title_of(worker) == "smtpguard: worker", title_of(worker))
    status = status_of(worker)
    for key in ("Uid", "Gid"):
        expect(status[key].split() == [str(machine.UID)] * 4, f"{key}: {status[key]}")
    expect(status["Groups"].split() == [str(machine.UID)], f"groups {status['Groups']}")
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        expect(int(status[key], 16) == 0, f"{key} {status[key]}")
    expect(os.readlink(f"/proc/{worker}/root") == machine.STATE, os.readlink(f"/proc/{worker}/root"))
    with open(f"/proc/{worker}/limits") as file:
        expect(re.search(r"Max core file size\s+0\s+0", file.read()), "core dumps are possible")
    files = [os.readlink(f"/proc/{worker}/fd/{number}") for number in os.listdir(f"/proc/{worker}/fd")]
    kinds = collections.Counter(re.sub(r"[:\[(].*", "", name) for name in files)
    allowed = {"socket", "anon_inode", "pipe", "/dev/null", f"{bench.suite.work}/confined.log", guard.log.path}
    strange = [name for name in kinds if name not in allowed and not name.startswith("/memfd")]
    expect(not strange, f"the worker holds {strange}")
    if guard.log.find(SANITIZED):
        guard.stop()
        raise Skip("no seccomp under a sanitizer: all but this was seen")
    expect(status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", f"Seccomp {status['Seccomp']}")
    with bench.talk() as client:
        client.transaction(messages.simple(messages.new_id()))
        client.quit()
    guard.stop()
    refused = guard.log.find(r"sandbox: the system call")
    expect(not refused, f"the worker wanted more than it has: {refused}")


def query_ids(bench):
    """c-ares 1.18 would give every process in a chroot without /dev/urandom the same ones."""
    ids = []
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def collect():
        while True:
            try:
                query, client = server.recvfrom(4096)
            except OSError:
                return
            ids.append(query[:2])
            server.sendto(query[:2] + b"\x81\x83" + query[4:], client)  # NXDOMAIN

    threading.Thread(target=collect, daemon=True).start()
    seen = []
    for turn in (1, 2):
        guard = bench.guard(f"ids-{turn}", dns={"servers": f'["127.0.0.1:{server.getsockname()[1]}"]'})
        mark = len(ids)
        for source in (V4, "203.0.113.66", "198.51.100.7"):
            with RawClient(MX, source=source, timeout=20) as client:
                client.hello()
                client.quit()
        guard.stop()
        seen.append(ids[mark:])
    server.close()
    expect(all(len(turn) >= 3 for turn in seen), f"so few questions: {[len(turn) for turn in seen]}")
    expect(seen[0][:3] != seen[1][:3], f"two starts have the same query ids: {seen[0][:3]}")


def under_load(bench, postfix):
    """Reloads and upgrades while clients send: every message accepted, each arrives once."""
    guard = bench.guard("load", limits={"drain_timeout": '"20s"'})
    waits = 0
    with Crowd(MX, V4, CLIENTS) as crowd:
        began = time.monotonic()
        for turn in range(RELOADS):
            bench.must(guard, "reload")
            if turn % (RELOADS // UPGRADES) == 0:
                while True:
                    status, said = bench.ctl(guard, "upgrade")
                    if status == 0:
                        break
                    expect("still have sessions" in said, said)
                    waits += 1
                    time.sleep(0.2)
        took = time.monotonic() - began
        time.sleep(0.5)
    expect(not crowd.trouble, f"{len(crowd.trouble)} of {len(crowd.accepted)} not accepted: {crowd.trouble[:3]}")
    # Not a count: the mailbox has messages of the cases before, and Postfix delivers after its 250.
    lost = crowd.accepted
    until = time.monotonic() + 60
    while lost and time.monotonic() < until:
        arrived = collections.Counter(postfix.mailbox.idents())
        lost = [ident for ident in crowd.accepted if not arrived[ident]]
        time.sleep(0.2)
    double = [ident for ident in crowd.accepted if arrived[ident] > 1]
    print(f"{RELOADS} reloads, {UPGRADES} upgrades in {took:.1f} s, {waits} waits, {CLIENTS} clients, "
          f"{len(crowd.accepted)} messages: {len(crowd.trouble)} refused, {len(lost)} lost, {len(double)} double",
          file=open(os.path.join(bench.suite.work, "figures.txt"), "a"))
    expect(not lost and not double, f"{len(lost)} lost, {len(double)} double")
    wait_until(lambda: len(guard.workers()) == 1, "old workers end", 25)
    guard.stop()


def crash(bench):
    """SIGSEGV under load: another worker serves, and the lost sessions are named."""
    guard = bench.guard("crash")
    with bench.talk() as client:
        client.ask("MAIL FROM:<a@sender.example>", 250)
        lost = client.local
        first = guard.worker
        with Crowd(MX, V4, 4):
            time.sleep(0.3)
            began = time.monotonic()
            os.kill(first, signal.SIGSEGV)
            wait_until(lambda: greeted(MX), "new sessions are served", 10, step=0.001)
            took = time.monotonic() - began
            time.sleep(0.3)
    guard.log.wait_for(rf"worker {first} was ended by signal 11")
    guard.log.wait_for(rf"session \S+ of {re.escape(lost[0])}:{lost[1]} was lost")
    expect(guard.worker != first, "it is the same worker")
    print(f"crash: served again after {took * 1000:.0f} ms", file=open(os.path.join(bench.suite.work, "figures.txt"), "a"))
    expect(took < 3, f"served again after {took:.1f} s")
    expect("1 crash" in bench.must(guard, "status"), "status does not tell of the crash")
    # Again and again: it takes longer each time.
    for delay in (r"in 250ms", r"in 500ms"):
        mark = guard.log.mark()
        os.kill(guard.worker, signal.SIGSEGV)
        guard.log.wait_for("starting another worker " + delay, mark)
        guard.log.wait_for("is ready", mark)
    guard.stop()


def supervisor_killed(bench):
    """The worker takes nobody more, carries what it has to the end, and ends."""
    guard = bench.guard("orphan", limits={"drain_timeout": '"10s"'})
    worker = guard.worker
    client = bench.talk()
    client.ask("MAIL FROM:<a@sender.example>", 250)
    client.ask("RCPT TO:<user@example.net>", 250)
    client.ask("DATA", 354)
    guard.process.kill()
    guard.process.wait()
    guard.log.wait_for("the supervisor has gone")
    wait_until(lambda: not can_connect(MX), "the port is closed")
    client.send(messages.simple(messages.new_id()) + b".\r\n")
    expect(client.reply().code == 250, f"was told {client.transcript[-1]}")
    client.end()
    wait_until(lambda: has_ended(worker), "the worker ends", 15)


def hangs(bench):
    """A worker whose loop stands still is replaced; one that stands still for a moment is not."""
    guard = bench.guard("hangs")
    time.sleep(6)  # its first sign of life
    first = guard.worker
    os.kill(first, signal.SIGSTOP)
    time.sleep(12)
    os.kill(first, signal.SIGCONT)
    expect(greeted(MX), "no greeting")
    time.sleep(25)
    expect(guard.worker == first, "killed too soon")
    os.kill(first, signal.SIGSTOP)
    began = time.monotonic()
    guard.log.wait_for(rf"worker {first} hangs: no sign of life for 30s: killed", timeout=45)
    wait_until(lambda: greeted(MX), "another worker serves", 10)
    print(f"hang: served again after {time.monotonic() - began:.0f} s", file=open(os.path.join(bench.suite.work, "figures.txt"), "a"))
    guard.stop()


def without_the_user(bench):
    """Where there is no _smtpguard, only a try by hand runs as root: not a service, and -n says what is missing."""
    copy = os.path.join(bench.suite.work, "passwd")
    with open("/etc/passwd") as file, open(copy, "w") as other:
        other.writelines(line for line in file if not line.startswith(machine.USER + ":"))
    guard = Guard(bench.suite, "guard-no-user", [("127.0.0.1", free_port())], ("127.0.0.1", free_port()))

    def run(*flags, **environment):
        return subprocess.run([bench.suite.binary, *flags, "-f", guard.configuration], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, env=dict(os.environ, **environment))
    machine.mount("--bind", copy, "/etc/passwd")
    try:
        for done in (run(), run("-d", NOTIFY_SOCKET=os.path.join(bench.suite.work, "nobody"))):
            expect(done.returncode == 1 and b"there is no user _smtpguard" in done.stdout, f"{done.returncode} {done.stdout.decode()}")
        done = run("-n")
        expect(done.returncode == 0 and b"warning: there is no user _smtpguard" in done.stdout, f"{done.returncode} {done.stdout.decode()}")
        expect(b"hint: no [tls]" in done.stdout, done.stdout.decode())
        guard.start()
        guard.log.wait_for("running as root: there is no user")
        guard.stop()
    finally:
        subprocess.run(["umount", "/etc/passwd"], check=True, timeout=10)
    done = run("-n")
    expect(b"no user" not in done.stdout, done.stdout.decode())
    done = run("-n", SMTPGUARD_HANDOVER_FORMAT="smtpguard handover 9")
    expect(done.returncode == 1 and b"restart instead" in done.stdout, f"{done.returncode} {done.stdout.decode()}")


def log_disk_full(bench):
    """Mail goes on; when there is room again, the log says how much is missing. log reopen works in the chroot."""
    disk = machine.small_disk(os.path.join(bench.suite.work, "disk"), 64)
    path = os.path.join(disk, "smtpguard.log")
    guard = bench.guard("disk", log={"file": f'"{path}"'})
    with open(os.path.join(disk, "filler"), "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
    for _ in range(30):  # what is left of the last page is soon full
        with bench.talk() as client:
            client.transaction(messages.simple(messages.new_id()))
            client.quit()
    os.unlink(os.path.join(disk, "filler"))

    def is_told():
        with open(path) as file:
            return re.search(r"\d+ log lines were lost here", file.read())

    wait_until(is_told, "the log tells what is missing")
    os.rename(path, path + ".0")
    bench.must(guard, "log", "reopen")
    with bench.talk() as client:
        client.quit()
    wait_until(lambda: "event=summary" in open(path).read(), "the new file has lines of the worker")
    guard.stop()


def syslog_gone(bench):
    """In the background: syslogd goes and comes back, and the worker in its chroot finds it again."""
    syslogd = machine.Syslogd(os.path.join(bench.suite.work, "syslog")).start()
    backend = ScriptedBackend().start()
    address = ("127.0.0.1", free_port())
    guard = Guard(bench.suite, "guard-syslog", [address], backend.address, "proxy-v2", {"log": {"syslog": "true"}})
    began = time.monotonic()
    done = subprocess.run([bench.suite.binary, "-f", "smtpguard.toml"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=20, cwd=guard.folder, env=dict(os.environ, **guards.SANITIZERS))
    expect(done.returncode == 0, f"status {done.returncode}: {done.stdout.decode()}")
    expect(can_connect(address), f"returned after {time.monotonic() - began:.1f} s, and nobody listens")
    said = bench.must(guard, "status")
    pid = int(re.search(r"pid (\d+)", said).group(1))
    try:
        bench.must(guard, "upgrade")  # the path of the configuration was a relative one
        expect(f"pid {pid}," in bench.must(guard, "status"), "another pid")
        for word in ("before", "between", "after"):
            if word == "between":
                syslogd.stop()
            if word == "after":
                syslogd.start()
                wait_until(lambda: syslogd.has("name=between"), "what was said while it was away", 8)
            with RawClient(address, source="127.0.0.1") as client:
                client.hello(word)
                client.quit()
            if word != "between":
                wait_until(lambda: syslogd.has(f"name={word}"), f"syslog has the session {word}", 8)
    finally:
        os.kill(pid, signal.SIGTERM)
        syslogd.stop()
    wait_until(lambda: has_ended(pid), "the daemon ends", 15)


def notifies(bench):
    """What a service manager is told."""
    path = os.path.join(bench.suite.work, "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(10)
    os.environ["NOTIFY_SOCKET"] = path
    try:
        guard = bench.guard("notify")
        expect(manager.recv(1000) == b"READY=1", "not ready")
        bench.must(guard, "reload")
        expect(re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(1000)), "no word of the reload")
        expect(manager.recv(1000) == b"READY=1", "not ready after the reload")
        bench.must(guard, "upgrade")
        expect(manager.recv(1000) == b"READY=1", "not ready after the upgrade")
        guard.stop()
        expect(manager.recv(1000) == b"STOPPING=1", "no word of the stop")
    finally:
        del os.environ["NOTIFY_SOCKET"]
        manager.close()


def without_root(bench):
    """Started by another user: it works, and says what is missing."""
    folder = tempfile.mkdtemp(prefix="smtpguard-e2e.")
    os.chmod(folder, 0o777)
    backend = ScriptedBackend().start()
    address = ("127.0.0.1", free_port())
    guard = Guard(bench.suite, "guard-nobody", [address], backend.address,
                  sections={"control": {"socket": f'"{folder}/control.sock"'}})
    shutil.copy(guard.configuration, folder)
    shutil.copy(bench.suite.binary, folder)
    with open(guard.log.path, "ab") as log:
        process = subprocess.Popen([f"{folder}/smtpguard", "-d", "-f", f"{folder}/smtpguard.toml"], user=5202, group=5202,
                                   extra_groups=[], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        guard.log.wait_for("is ready: not started as root: .*no root directory")
        with RawClient(address, source="127.0.0.1") as client:
            client.hello()
            client.quit()
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(15)
        shutil.rmtree(folder)
    expect(status == 0, f"status {status}")


def start_that_fails(bench):
    """In the background: the exit status and standard error tell, whatever it is that fails."""
    holder = socket.create_server(("127.0.0.1", 0))
    guard = Guard(bench.suite, "guard-fails", [holder.getsockname()[:2]], ("127.0.0.1", free_port()))
    done = subprocess.run([bench.suite.binary, "-f", guard.configuration], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=20)
    holder.close()
    expect(done.returncode == 1 and b"address already in use" in done.stdout, f"{done.returncode} {done.stdout.decode()}")
    os.rename(machine.STATE, machine.STATE + ".away")
    os.symlink("/tmp", machine.STATE)
    try:
        done = subprocess.run([bench.suite.binary, "-f", guard.configuration], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    finally:
        os.unlink(machine.STATE)
        os.rename(machine.STATE + ".away", machine.STATE)
    expect(done.returncode == 1 and b"is no directory" in done.stdout, f"{done.returncode} {done.stdout.decode()}")


def main():
    suite = Suite("supervise", __doc__)
    machine.install(os.path.join(suite.work, "machine"))
    guards.SANITIZERS["ASAN_OPTIONS"] += ":detect_leaks=0:handle_segv=0"  # LeakSanitizer needs /proc, which a chroot has not
    bench = Bench(suite)
    postfix = Postfix(suite)
    if not suite.case("start", postfix.start, always=True):
        suite.finish()
    for case in (confined, query_ids, crash, supervisor_killed, without_the_user, log_disk_full, notifies, without_root,
                 start_that_fails):
        suite.case(case.__name__, case, bench)
    suite.case("under_load", under_load, bench, postfix, limit=900 if FULL else 120)
    suite.case("syslog_gone", syslog_gone, bench)
    if FULL:
        suite.case("hangs", hangs, bench, limit=150)
    suite.finish()


if __name__ == "__main__":
    main()
