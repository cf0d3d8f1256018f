"""A guard under a supervisor: started, asked by smtpguardctl, its file rewritten, its processes looked at."""
import os
import re
import subprocess

from .battery import LISTENERS, V4
from .guard import Guard
from .harness import expect
from .peers import Postfix
from .smtp_client import RawClient

MX = LISTENERS[0]


class Bench:
    def __init__(self, suite):
        self.suite = suite
        self.tool = os.path.join(os.path.dirname(suite.binary), "tools", "smtpguardctl")
        self.count = 0

    def guard(self, name, backend=Postfix.PROXY, binary=None, address=MX, **sections):
        sections.setdefault("limits", {}).update({"connections_per_address": "500", "connections_per_network": "500"})
        guard = Guard(self.suite, "guard-" + name, [address], backend, "proxy-v2", sections)
        guard.binary = binary or self.suite.binary
        guard.start()
        guard.log.wait_for(r"worker \d+ is ready")  # the port is open before
        return guard

    def ctl(self, guard, *words):
        done = subprocess.run([self.tool, *words, "--socket", os.path.join(guard.folder, "control.sock")],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout.decode()

    def must(self, guard, *words):
        status, said = self.ctl(guard, *words)
        expect(status == 0, f"{' '.join(words)}: {said}")
        return said

    def talk(self, address=MX):
        client = RawClient(address, source=V4, timeout=20)
        client.hello()
        return client


def rewrite(guard, pattern, replacement):
    with open(guard.configuration) as file:
        text = file.read()
    changed = re.sub(pattern, replacement, text, flags=re.M)
    expect(changed != text, f"the configuration has no {pattern}")
    with open(guard.configuration, "w") as file:
        file.write(changed)
    return text


def restore(guard, text):
    with open(guard.configuration, "w") as file:
        file.write(text)


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def title_of(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().rstrip(b"\0").decode()


def has_ended(pid):
    """Nobody may be there to bury it."""
    try:
        return status_of(pid)["State"].startswith("Z")
    except OSError:
        return True


def greeted(address):
    try:
        with RawClient(address, source=V4, timeout=2) as client:
            return client.reply().code == 220
    except (OSError, EOFError):
        return False
