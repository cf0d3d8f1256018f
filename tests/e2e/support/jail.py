"""Jail: a private root for one peer - an overlay of / and its unpacked packages, then chroot.

Packages that exclude each other run side by side, compiled-in paths are right, and nothing of the host is written.
Works only inside the namespaces that tests/e2e/run makes; they take the mounts away again.
Traps that were met: the upper layer must be a tmpfs (on the root disk it would lie inside the lower one), the
unpacked tree is copied into it (as a second lower layer it would lie inside the first), /dev is a tmpfs of its own
(in the host's one /dev/log would be seen by all), and /var/run is an absolute link: write to run/ only.
"""
import os
import re
import shutil
import subprocess

USERS = ["postfix", "opensmtpd", "opensmtpq", "vmail", "Debian-exim", "smmta", "smmsp"]
FIRST_ID = 5001
IDS = {user: FIRST_ID + n for n, user in enumerate(USERS)}
POSTDROP = 5100
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]


def _run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.decode(errors='replace').strip()}")


class Jail:
    def __init__(self, suite, package, instance, hide=()):
        self.folder = os.path.join(suite.work, instance)
        base = os.path.join(self.folder, "jail")
        os.makedirs(base)
        _run("mount", "-t", "tmpfs", "-o", "size=2g,mode=755", "tmpfs", base)
        for name in ("up", "wk", "root"):
            os.mkdir(os.path.join(base, name))
        self.root = os.path.join(base, "root")
        _run("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir=/,upperdir={base}/up,workdir={base}/wk", self.root)
        # An MTA that is installed here would show its configuration and spool through the overlay.
        for path in hide:
            shutil.rmtree(self.path(path), ignore_errors=True)
            if os.path.lexists(self.path(path)):
                os.remove(self.path(path))
        _run("cp", "-a", os.path.join(suite.cache, package) + "/.", self.root)
        self._devices()
        self._names()

    def path(self, inside):
        return self.root + inside

    def write(self, inside, text):
        path = self.path(inside)
        if os.path.islink(path):
            os.remove(path)  # an absolute link would lead out of the jail
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def folder_for(self, inside, user=None):
        os.makedirs(self.path(inside), exist_ok=True)
        if user:
            os.chown(self.path(inside), IDS[user], IDS[user])

    def command(self, *arguments):
        return ["chroot", self.root, *arguments]

    def run(self, *arguments, data=None, check=True, timeout=30):
        done = subprocess.run(self.command(*arguments), input=data if data is not None else b"",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def keep(self, inside):
        """Copies a file of the jail, which goes with the namespace, beside the other logs."""
        if os.path.exists(self.path(inside)):
            shutil.copy(self.path(inside), os.path.join(self.folder, os.path.basename(inside)))

    def _devices(self):
        for name in ("dev", "run"):
            _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.path("/" + name))
        _run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", self.path("/tmp"))
        _run("mount", "-t", "proc", "proc", self.path("/proc"))
        os.mkdir(self.path("/dev/shm"))
        os.chmod(self.path("/dev/shm"), 0o1777)
        for name in DEVICES:
            open(self.path("/dev/" + name), "w").close()
            _run("mount", "--bind", "/dev/" + name, self.path("/dev/" + name))
        for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            os.symlink(target, self.path("/dev/" + name))

    def _names(self):
        # Nobody answers at this address, which is our own: look-ups fail at once instead of timing out.
        self.write("/etc/resolv.conf", "nameserver 192.0.2.53\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n")
        self.write("/etc/nsswitch.conf", "hosts: files dns\n")
        system = [("root", 0, "/", "/bin/bash"), ("daemon", 1, "/", "/bin/false"), ("mail", 8, "/var/mail", "/bin/false"),
                  ("nobody", 65534, "/", "/bin/false")]
        users = system + [(user, IDS[user], "/home/" + user, "/bin/sh") for user in USERS]
        self.write("/etc/passwd", "".join(f"{u}:x:{i}:{i}::{home}:{shell}\n" for u, i, home, shell in users))
        self.write("/etc/group", "".join(f"{u}:x:{i}:\n" for u, i, _h, _s in users)
                   + f"postdrop:x:{POSTDROP}:\nnogroup:x:65535:\n")
        self.write("/etc/shadow", "".join(f"{u}:*:19000:0:99999:7:::\n" for u, _i, _h, _s in users))
        self.folder_for("/home/vmail", "vmail")


def idents_of(messages):
    """The X-E2E of each that has one."""
    found = [re.search(rb"^X-E2E: (\w+)", message, re.M) for message in messages]
    return [match.group(1).decode() for match in found if match]


class Maildir:
    """Messages that an MTA delivered."""

    def __init__(self, path):
        self.path = path

    def messages(self):
        try:
            names = os.listdir(os.path.join(self.path, "new"))
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            with open(os.path.join(self.path, "new", name), "rb") as file:
                found.append(file.read())
        return found

    def take(self):
        """Messages that are there, which are gone then: for runs that deliver more than the jail has room for."""
        found = []
        for name in os.listdir(os.path.join(self.path, "new")) if self.count() else []:
            path = os.path.join(self.path, "new", name)
            with open(path, "rb") as file:
                found.append(file.read())
            os.remove(path)
        return found

    def count(self):
        try:
            return len(os.listdir(os.path.join(self.path, "new")))
        except FileNotFoundError:
            return 0

    def idents(self):
        """The X-E2E of every message, as often as it arrived."""
        return idents_of(self.messages())

    def with_text(self, text):
        return [message for message in self.messages() if text.encode() in message]

    def with_id(self, ident):
        return [message for message in self.messages()
                if re.search(rb"^X-E2E: " + ident.encode() + rb"\r?$", message, re.M)]

    def clear(self):
        for name in os.listdir(os.path.join(self.path, "new")) if self.count() else []:
            os.remove(os.path.join(self.path, "new", name))
