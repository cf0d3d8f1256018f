"""Processes that a test starts, and the log files that they write."""
import ctypes
import os
import re
import signal
import subprocess

from .harness import Failure, wait_until

PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Outside a namespace nothing else would end a daemon whose test was killed. Linux only; elsewhere nothing."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        pass


def start(arguments, log, environment=None):
    with open(log, "ab") as out:
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                env=environment, preexec_fn=die_with_parent)


class LogFile:
    """A log that grows. mark() before an action, then look only at what came after."""

    def __init__(self, path):
        self.path = path

    def mark(self):
        try:
            return os.path.getsize(self.path)
        except OSError:
            return 0

    def text(self, since=0):
        try:
            with open(self.path, "rb") as file:
                file.seek(since)
                return file.read().decode("utf-8", "backslashreplace")
        except OSError:
            return ""

    def lines(self, since=0):
        return self.text(since).splitlines()

    def find(self, pattern, since=0):
        regex = re.compile(pattern)
        return [line for line in self.lines(since) if regex.search(line)]

    def wait_for(self, pattern, since=0, timeout=10.0):
        """The first line that matches. The reason of a failure quotes the end of the log."""
        try:
            return wait_until(lambda: self.find(pattern, since), pattern, timeout)[0]
        except Failure:
            tail = "\n".join(self.lines(since)[-5:])
            raise Failure(f"log {os.path.basename(self.path)} has no line /{pattern}/; it ends: {tail}") from None
