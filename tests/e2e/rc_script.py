#!/usr/bin/env python3
"""OpenBSD's rc script of smtpguard in mksh, against a stand-in of rc.subr written from its manual.

Runs inside the namespaces that tests/e2e/run makes: pgrep and pkill must see no other smtpguard.
"""
import os
import re
import shutil
import socket
import subprocess

from support import machine
from support.backend import ScriptedBackend
from support.guard import Guard, can_connect, free_port
from support.harness import Skip, Suite, expect, wait_until
from support.smtp_client import RawClient

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "../../rc.d/smtpguard.in")


class Rc:
    def __init__(self, suite):
        self.shell = shutil.which("mksh") or os.path.join(suite.cache, "mksh/usr/bin/mksh")
        with open(SCRIPT) as file:
            text = file.read()
        text = text.replace("/etc/rc.d/rc.subr", os.path.join(HERE, "support/rc.subr"))
        # As installed: the binary's folder, whatever it is here.
        text = text.replace("@CMAKE_INSTALL_FULL_SBINDIR@", os.path.dirname(suite.binary))
        text = re.sub(r"\A#!.*", "#!" + self.shell, text)
        self.script = os.path.join(suite.work, "smtpguard.rc")
        with open(self.script, "w") as file:
            file.write(text)
        os.chmod(self.script, 0o755)
        backend = ScriptedBackend().start()
        self.log = os.path.join(suite.work, "rc.log")
        self.guard = Guard(suite, "guard-rc", [("127.0.0.1", free_port())], backend.address,
                           sections={"log": {"file": f'"{self.log}"'}})

    def act(self, action, flags=None):
        """(exit status, what it printed); a daemon that kept the terminal would hold this up."""
        flags = f"-f {self.guard.configuration}" if flags is None else flags
        done = subprocess.run([self.script, action], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20, env=dict(os.environ, RC_FLAGS=flags))
        return done.returncode, done.stdout.decode()

    def must(self, action, status=0, text=""):
        got, said = self.act(action)
        expect(got == status and text in said, f"{action}: status {got}: {said}")

    def family(self):
        """pids by title."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    title = file.read().rstrip(b"\0").decode()
            except OSError:
                continue
            if title.startswith("smtpguard: "):
                found[title.split()[1]] = int(pid)
        return found

    def log_has(self, pattern):
        with open(self.log) as file:
            return re.search(pattern, file.read())

    def spoil(self):
        with open(self.guard.configuration) as file:
            text = file.read()
        with open(self.guard.configuration, "w") as file:
            file.write(text.replace("hostname", "hostnam"))
        return text

    def mend(self, text):
        with open(self.guard.configuration, "w") as file:
            file.write(text)


def fails_before_the_start(rc):
    """A configuration that is not good: configtest and start say what is wrong, and nothing runs."""
    text = rc.spoil()
    for action in ("configtest", "start"):
        rc.must(action, 1, "hostnam: unknown key")
    rc.mend(text)
    rc.must("configtest", 0, "configuration OK")
    rc.must("check", 1)
    expect(not rc.family(), f"something runs: {rc.family()}")


def port_is_taken(rc):
    holder = socket.create_server(rc.guard.address)
    rc.must("start", 1, "address already in use")
    holder.close()
    expect(not rc.family(), f"something runs: {rc.family()}")


def starts(rc):
    rc.must("start", 0, "ok")
    expect(can_connect(rc.guard.address), "ok was said, and nobody listens")
    expect(set(rc.family()) == {"supervisor", "worker"}, f"{rc.family()}")
    rc.must("check", 0, "ok")
    rc.must("start", 0)
    expect(not rc.log_has("SIGTERM"), "the second start has hit the first")


def reloads(rc):
    """The supervisor alone is signalled, both live on; a bad file is refused by the script already."""
    before = rc.family()
    rc.must("reload", 0, "ok")
    wait_until(lambda: rc.log_has("reloaded "), "the log tells of the reload")
    text = rc.spoil()
    rc.must("reload", 1, "hostnam: unknown key")
    rc.must("restart", 1, "hostnam: unknown key")
    rc.mend(text)
    expect(rc.family() == before, f"{before} became {rc.family()}")


def restarts(rc):
    before = rc.family()
    rc.must("restart", 0, "ok")
    after = rc.family()
    expect(set(after) == set(before) and after["supervisor"] != before["supervisor"], f"{before}, {after}")


def stops(rc):
    """The worker is not signalled: it lets a session end that the supervisor has told it of."""
    with RawClient(rc.guard.address, source="127.0.0.1") as client:
        client.hello()
        rc.must("stop", 0, "ok")
        expect(client.reply().code == 421, f"was told {client.transcript[-1]}")
    expect(not rc.family(), f"still there: {rc.family()}")
    rc.must("check", 1)
    rc.must("stop", 0)


def main():
    suite = Suite("rc_script", __doc__)
    machine.install(os.path.join(suite.work, "machine"))
    rc = Rc(suite)

    def needed():
        for program in (rc.shell, "pgrep", "pkill"):
            if not shutil.which(program):
                raise Skip(f"{program} is not there")

    suite.case("start", needed, always=True)
    if shutil.which(rc.shell) and shutil.which("pkill"):
        for case in (fails_before_the_start, port_is_taken, starts, reloads, restarts, stops):
            suite.case(case.__name__, case, rc)
    suite.finish()


if __name__ == "__main__":
    main()
