"""Guard: the smtpguard under test - configuration written, started, its log read, stopped and judged."""
import contextlib
import os
import re
import random
import signal
import socket
import subprocess

from . import process
from .harness import Failure, expect, wait_until

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    # What ends by SIGSEGV is to be seen as that.
    "TSAN_OPTIONS": "exitcode=99:handle_segv=0",
}
# How many event loops every smtpguard of a run has.
EVENT_LOOPS = int(os.environ.get("SMTPGUARD_E2E_EVENT_LOOPS", "1"))
SANITIZER_REPORT = r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:"

# key=value, the value perhaps in quotes with backslash escapes.
FIELD = re.compile(r'([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S*)')


def fields(line):
    return {key: value[1:-1] if value.startswith('"') else value for key, value in FIELD.findall(line)}


def at(address):
    """("::1", 25) -> "[::1]:25", as configuration and log write it."""
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


# Below the range from which the system takes the ports of clients: else a client of ours, or what is left of one
# (TIME_WAIT), may have the port by the time that the server binds it.
SERVER_PORTS = range(10240, 32000)
_given = set()


def free_port(host="127.0.0.1"):
    """A port that is free now, never the same twice. Outside a namespace somebody may be faster: Guard.start() says so."""
    while True:
        port = random.SystemRandom().choice(SERVER_PORTS)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue


def can_connect(address, timeout=0.5):
    try:
        socket.create_connection(address, timeout=timeout).close()
        return True
    except OSError:
        return False


class Guard:
    """listeners: [(host, port)]. Further TOML goes in by section: sections={"limits": {"commands": "5"}}; values are
    TOML text, so strings carry their quotes. listener_keys are put into every [[listener]]."""

    def __init__(self, suite, name, listeners, backend, identity="proxy-v2", sections=None, listener_keys=None,
                 event_loops=EVENT_LOOPS):
        self.event_loops = event_loops
        self.binary = suite.binary
        self.folder = os.path.join(suite.work, name)
        os.makedirs(self.folder, exist_ok=True)
        self.listeners = listeners
        self.configuration = os.path.join(self.folder, "smtpguard.toml")
        self.log = process.LogFile(os.path.join(self.folder, "smtpguard.log"))
        self.process = None
        self._write(backend, identity, sections or {}, listener_keys or {})
        suite.at_end.append(self.kill)

    def _write(self, backend, identity, sections, listener_keys):
        tables = {
            "policy.default": {"greet_delay": '"0s"', "teaser": "true"},
            "backend": {"address": f'"{at(backend)}"', "identity": f'"{identity}"'},
            "recipients": {"domains": '["example.net"]'},
            "limits": {"message_size": '"50MB"', "connections_per_address": "500",
                       "connections_per_network": "500"},
            # A case must not depend on how the clients of others behaved.
            "memory": {"enabled": "false"},
            "log": {"syslog": "false"},
            "control": {"socket": f'"{os.path.join(self.folder, "control.sock")}"'},
        }
        for table, keys in sections.items():
            tables.setdefault(table, {}).update(keys)
        text = 'hostname = "mx.example.net"\n'
        text += f"event_loops = {self.event_loops}\n"
        for listener in self.listeners:
            text += f'\n[[listener]]\naddress = "{at(listener)}"\n'
            text += "".join(f"{key} = {value}\n" for key, value in listener_keys.items())
        for table, keys in tables.items():
            text += f"\n[{table}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
        with open(self.configuration, "w") as file:
            file.write(text)

    def start(self):
        self.process = process.start([self.binary, "-d", "-f", self.configuration], self.log.path,
                                     dict(os.environ, **SANITIZERS))

        def ready():
            if self.process.poll() is not None:
                raise Failure(f"smtpguard ended at once with status {self.process.returncode}: "
                              + " | ".join(self.log.lines()[-5:]))
            return all(can_connect(listener) for listener in self.listeners)

        wait_until(ready, f"smtpguard listens on {', '.join(map(at, self.listeners))}", 15)
        return self

    @property
    def address(self):
        return self.listeners[0]

    def workers(self):
        """The processes that have the sessions, the oldest first (Linux)."""
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
                return [int(pid) for pid in children.read().split()]
        except OSError:
            return []

    @property
    def worker(self):
        return wait_until(self.workers, "smtpguard has a worker")[-1]

    def must_run(self):
        expect(self.process.poll() is None, f"smtpguard died with status {self.process.returncode}: "
               + " | ".join(self.log.lines()[-5:]))

    def stop(self, timeout=20.0):
        """SIGTERM; must end with status 0 and without a sanitizer's report."""
        self.must_run()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"smtpguard still runs {timeout:g} s after SIGTERM") from None
        report = self.log.find(SANITIZER_REPORT)
        expect(not report, f"sanitizer: {report[:1]}, see {self.log.path}")
        expect(status == 0, f"status {status} after SIGTERM, expected 0")

    def kill(self):
        """SIGKILL, to this process and its workers only."""
        if self.process is not None and self.process.poll() is None:
            workers = self.workers()
            self.process.kill()  # first: it would start another worker
            self.process.wait()
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def summaries(self, client, since=0):
        """Summary lines of the session that came from `client` (address, port)."""
        return self.log.find(rf"\bsummary\b.*\bclient={re.escape(at(client))}(\s|$)", since)

    def summary(self, client, since=0, timeout=10.0):
        """The one summary line of a session. More than one is a failure."""
        wait_until(lambda: self.summaries(client, since), f"summary line of client {at(client)} in the log", timeout)
        found = self.summaries(client, since)
        expect(len(found) == 1, f"{len(found)} summary lines for client {at(client)}: {found}")
        return found[0]

    def events(self, client, since=0):
        """All lines of the session that came from `client`, found by its session id."""
        connect = self.log.find(rf"\bevent=connect\b.*\bclient={re.escape(at(client))}(\s|$)", since)
        if not connect:
            return []
        session = fields(connect[0])["session"]
        return self.log.find(rf"\bsession={re.escape(session)}(\s|$)", since)
