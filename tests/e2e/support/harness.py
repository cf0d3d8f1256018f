"""Cases of one script: run, named, bounded in time, reported one line each.

Prints `ok SCRIPT/CASE`, `FAIL SCRIPT/CASE: reason` or `skip SCRIPT/CASE: reason`, which tests/e2e/run counts.
A traceback goes to stderr, which run keeps beside the logs.
"""
import argparse
import os
import signal
import sys
import tempfile
import time
import traceback


class Failure(AssertionError):
    """What the test expected did not happen; the text is the reason that is printed."""


# How many times as long as usual a case may take: under ThreadSanitizer, for instance.
SLOWNESS = int(os.environ.get("SMTPGUARD_E2E_SLOWNESS", "1"))


class Skip(Exception):
    """The case cannot run here; the text says why."""


class CaseTimeout(Failure):
    pass


def expect(condition, reason):
    if not condition:
        raise Failure(reason)


def wait_until(condition, what, timeout=10.0, step=0.03):
    """Polls until condition() is true and returns its value; never sleeps for a guessed time."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {timeout:g} s")
        time.sleep(step)


def one_line(text, limit=600):
    text = "".join(c if 32 <= ord(c) < 127 else "\\x%02x" % ord(c) for c in str(text).replace("\n", " | "))
    return text if len(text) <= limit else text[:limit] + "..."


class Suite:
    def __init__(self, name, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("binary")
        parser.add_argument("--work", help="folder for configuration and logs (default: a new one)")
        parser.add_argument("--cache", default=os.path.expanduser("~/.cache/smtpguard-peers"))
        parser.add_argument("--case", default="", help="only cases whose name holds this text")
        self.arguments = parser.parse_args()
        self.name = name
        self.binary = os.path.abspath(self.arguments.binary)
        self.cache = self.arguments.cache
        self.work = self.arguments.work or tempfile.mkdtemp(prefix="smtpguard-e2e.")
        self.failed = 0
        self.ran = 0
        self.at_end = []  # called in reverse order by finish()

    def wants(self, case):
        return self.arguments.case in case

    def report(self, word, case, reason=""):
        line = f"{word} {self.name}/{case}" + (f": {one_line(reason)}" if reason else "")
        sys.stdout.write(line + "\n")  # one write: scripts side by side share the terminal
        sys.stdout.flush()
        if word == "FAIL":
            self.failed += 1

    def case(self, case, function, *args, limit=40, always=False):
        """Runs one case. Returns True if it passed (or was not chosen). always: chosen whatever the pattern."""
        if not always and not self.wants(case):
            return True

        limit *= SLOWNESS

        def on_alarm(_signal, _frame):
            raise CaseTimeout(f"took longer than {limit} s")

        self.ran += 1
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(limit)
        try:
            function(*args)
        except Skip as skip:
            self.report("skip", case, skip)
            return True
        except Failure as failure:
            signal.alarm(0)
            traceback.print_exc()
            self.report("FAIL", case, failure)
            return False
        except Exception as error:  # a broken test is a failed test, and the others still run
            signal.alarm(0)
            traceback.print_exc()
            self.report("FAIL", case, f"{type(error).__name__}: {error}")
            return False
        finally:
            signal.alarm(0)
        self.report("ok", case)
        return True

    def finish(self):
        for action in reversed(self.at_end):
            try:
                action()
            except Exception:
                traceback.print_exc()
        if not self.arguments.work:
            print(f"logs: {self.work}")
        sys.stdout.flush()
        sys.exit(1 if self.failed else 0)
