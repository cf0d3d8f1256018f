"""A machine as smtpguard finds it when it is installed: the user _smtpguard, a state directory, syslog.

Only inside the namespaces that tests/e2e/run makes: bind mounts over files of the host, which the host does not see.
"""
import os
import socket
import subprocess
import threading

USER = "_smtpguard"
UID = 5201
STATE = "/var/lib/smtpguard"
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]


def mount(*arguments):
    done = subprocess.run(["mount", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(f"mount {' '.join(arguments)}: {done.stdout.decode(errors='replace').strip()}")


def install(folder):
    """The user, and an empty /var/lib for its state directory."""
    os.makedirs(folder, exist_ok=True)
    for path, line in (("/etc/passwd", f"{USER}:x:{UID}:{UID}::/nonexistent:/usr/sbin/nologin\n"),
                       ("/etc/group", f"{USER}:x:{UID}:\n")):
        copy = os.path.join(folder, os.path.basename(path))
        with open(path) as file:
            text = "".join(known for known in file if not known.startswith(USER + ":"))
        with open(copy, "w") as file:
            file.write(text + line)
        mount("--bind", copy, path)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib")


def small_disk(folder, kilobytes):
    os.makedirs(folder, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={kilobytes}k,mode=755", "tmpfs", folder)
    return folder


class Syslogd:
    """Somebody behind /dev/log, who can go away and come back."""

    def __init__(self, folder):
        base = os.path.join(folder, "dev")
        os.makedirs(base)
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", base)
        for name in DEVICES:
            open(os.path.join(base, name), "w").close()
            mount("--bind", "/dev/" + name, os.path.join(base, name))
        os.symlink("/proc/self/fd", os.path.join(base, "fd"))
        mount("--rbind", base, "/dev")
        self.lines = []
        self.socket = None

    def start(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        threading.Thread(target=self._read, args=(self.socket,), daemon=True).start()
        return self

    def stop(self):
        os.unlink("/dev/log")
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _read(self, source):
        while True:
            try:
                line = source.recv(65536)
            except OSError:
                return
            if not line:
                return
            self.lines.append(line.decode("utf-8", "backslashreplace"))

    def has(self, text):
        return any(text in line for line in self.lines)
