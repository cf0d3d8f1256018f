"""The machine under the tables of hostile.py: plays one row against smtpguard and judges it.

A row is a list of steps: bytes are sent, a text is the pattern of the next reply's start, the others are below.
Judged for every row, beside its own steps: nothing was acknowledged that the backend did not acknowledge; no 5xx for
trouble of the backend; nothing with bare CR, bare LF or NUL went to the backend; one summary line, and a line of the
session in the log that says what happened; smtpguard still runs.
"""
import concurrent.futures
import itertools
import re
import sys
import time
import traceback

from .guard import fields
from .harness import Failure, expect, wait_until
from .log_words import WORDS
from .messages import must_match
from .smtp_client import RawClient


class Step:
    def __init__(self, play):
        self.play = play


def dot(pattern):
    """The reply to end-of-data."""
    def play(run):
        reply = run.expect_reply(pattern)
        if reply.code // 100 == 2:
            run.acknowledged += 1
    return Step(play)


def _end(run, allowed):
    how = run.client.end(run.row.patience)
    expect(how in allowed, f"expected a clean close, saw {how}")


EOF = Step(lambda run: _end(run, ("eof",)))
# Where the client sends on while smtpguard closes, TCP itself makes a reset of the close.
GONE = Step(lambda run: _end(run, ("eof", "reset")))
CLOSE = Step(lambda run: run.client.close())
RESET = Step(lambda run: run.client.reset())
HALF = Step(lambda run: run.client.half_close())


def pause(seconds):
    return Step(lambda run: time.sleep(seconds))


def dribble(data, seconds):
    """One byte at a time, until all is sent or the other side has had enough."""
    def play(run):
        for at in range(len(data)):
            try:
                run.client.send(data[at:at + 1])
            except OSError:
                return
            time.sleep(seconds)
    return Step(play)


def pour(data, limit=60.0):
    """Sends without reading until smtpguard takes no more and closes."""
    def play(run):
        end = time.monotonic() + limit
        run.client.socket.settimeout(run.row.patience)
        while time.monotonic() < end:
            try:
                run.client.send(data)
            except TimeoutError:
                raise Failure(f"still open, {run.row.patience:g} s after it stopped reading") from None
            except OSError:
                return
        raise Failure(f"took everything for {limit:g} s from a client that does not read")
    return Step(play)


def keep_busy(command, seconds, every=0.5):
    """A polite client that never comes to an end: one command after the other, until it is sent away with 421."""
    def play(run):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            run.client.send(command)
            if run.client.reply().code == 421:
                return
            time.sleep(every)
        raise Failure(f"still served after {seconds:g} s")
    return Step(play)


def offer(data):
    """Sends as much of it as the other side takes; what it says of it is the business of the next step."""
    def play(run):
        try:
            run.client.send(data)
        except OSError:
            pass
    return Step(play)


def many(count, pattern):
    """That many replies, each matching."""
    def play(run):
        for number in range(count):
            reply = run.client.reply()
            expect(re.match(pattern, reply.text), f"reply {number + 1}: {reply.text}")
    return Step(play)


def replies_until_end(first, last):
    """Replies that match `first`; then perhaps one that matches `last`; then the end."""
    def play(run):
        before = len(run.client.transcript)
        _end(run, ("eof", "reset"))
        seen = run.client.transcript[before:]
        bad = [text for text in seen[:-1] if not re.match(first, text)]
        expect(not bad, f"unexpected reply: {bad[:1]}")
        expect(not seen or re.match(f"(?:{first})|(?:{last})", seen[-1]), f"last reply: {seen[-1:]}")
    return Step(play)


def walk(mail=b"MAIL FROM:<a@sender.example>\r\n", message=b"Subject: x\r\n\r\n.. walk\r\n.\r\n", failing=r"4\d\d ",
         may_pass=False):
    """A polite client that goes as far as it is let. Somewhere it must be told `failing`, or all must pass if None."""
    def play(run):
        steps = [(mail, "2"), (b"RCPT TO:<user@example.net>\r\n", "2"), (b"DATA\r\n", "3"), (message, "2")]
        for said, good in steps:
            run.client.send(said)
            reply = run.client.reply()
            if reply.text[:1] != good:
                expect(failing and re.match(failing, reply.text), f"{said[:20]!r} was answered {reply.text}")
                return
        run.acknowledged += 1
        expect(failing is None or may_pass, "everything was accepted")
    return Step(play)


class Row:
    def __init__(self, name, steps, says=None, backend=None, delivered=0, content=None, patience=10.0, summary=True,
                 receive_buffer=None):
        self.name = name
        self.steps = steps
        self.says = says          # a key of WORDS: what the log must say of it
        self.backend = backend    # script of the backend (or a list of them), or None for a good one
        self.delivered = delivered if isinstance(delivered, tuple) else (delivered, delivered)
        self.content = content    # what the one delivered message must be
        self.patience = patience  # how long a close may take
        self.summary = summary
        self.receive_buffer = receive_buffer


_sources = itertools.count(1)


def own_source():
    """An address for each row: ports come again soon, and log and backend tell sessions apart by address and port.
    Linux has all of 127/8; elsewhere the port must do."""
    if not sys.platform.startswith("linux"):
        return None
    number = next(_sources)
    return f"127.1.{number // 250}.{number % 250 + 1}"


class Run:
    """One row being played."""

    def __init__(self, row, guard, backend, trouble):
        self.row = row
        self.guard = guard
        self.backend = backend
        self.trouble = trouble  # the backend's fault: no 5xx may be seen
        self.acknowledged = 0
        self.client = None

    def expect_reply(self, pattern):
        try:
            reply = self.client.reply()
        except EOFError as gone:
            raise Failure(f"expected {pattern}: {gone}") from None
        except TimeoutError:
            raise Failure(f"expected {pattern}, no reply came") from None
        expect(re.match(pattern, reply.text), f"expected {pattern}, got {reply.text}")
        return reply

    def play(self):
        self.client = RawClient(self.guard.address, source=own_source(), receive_buffer=self.row.receive_buffer, connect=False)
        local = self.client.local
        if self.row.backend is not None and self.backend is not None:
            scripts = self.row.backend if isinstance(self.row.backend, list) else [self.row.backend]
            self.backend.scripts[local] = list(scripts)
        try:
            self.client.connect()
            for number, step in enumerate(self.row.steps, 1):
                try:
                    self._step(step)
                except Failure as failure:
                    raise Failure(f"step {number}: {failure}; seen: {self.client.transcript[-3:]}") from None
                except (OSError, EOFError) as error:
                    raise Failure(f"step {number}: {error!r}; seen: {self.client.transcript[-3:]}") from None
        finally:
            self.client.close()
        self._judge(local)

    def _step(self, step):
        if isinstance(step, bytes):
            self.client.send(step)
        elif isinstance(step, str):
            self.expect_reply(step)
        else:
            step.play(self)

    def _judge(self, local):
        self.guard.must_run()
        refused = [text for text in self.client.transcript if text.startswith("5")]
        expect(not (self.trouble and refused), f"5xx for trouble of the backend: {refused[:1]}")
        if self.row.summary:
            self._judge_log(local)
        if self.backend is not None:
            self._judge_backend(local)

    def _judge_log(self, local):
        summary = self.guard.summary(local)
        if self.row.says:
            session = fields(summary).get("session", "?")
            lines = self.guard.log.find(rf"\bsession={re.escape(session)}(\s|$)")
            words = WORDS[self.row.says]
            expect(any(re.search(words, line) for line in lines), f"no line of the session says /{words}/: {summary}")

    def _judge_backend(self, local):
        wait_until(lambda: all(session.over for session in self.backend.of(local)),
                   "smtpguard closes the backend connection", 15)
        accepted = self.backend.accepted(local)
        expect(self.acknowledged <= len(accepted),
               f"{self.acknowledged} messages acknowledged, the backend accepted {len(accepted)}")
        least, most = self.row.delivered
        expect(least <= len(accepted) <= most, f"the backend accepted {len(accepted)} messages, expected {least} to {most}")
        unhealthy = [line for session in self.backend.of(local) for line in session.unhealthy]
        expect(not unhealthy, f"sent to the backend: {unhealthy[:1]}")
        if self.row.content and accepted:
            ident, sent = self.row.content
            must_match(accepted[0].data, ident, sent)


def play_all(suite, rows, guard, backend, trouble=False, workers=12, heavy=()):
    """Rows run side by side: nearly all their time is waiting for limits. The heavy ones come last, one by one."""
    chosen = [row for row in rows if suite.wants(row.name)]

    def play(row):
        try:
            Run(row, guard, backend, trouble).play()
        except Exception as error:
            traceback.print_exc()
            suite.report("FAIL", row.name, error if isinstance(error, Failure) else f"{type(error).__name__}: {error}")
        else:
            suite.report("ok", row.name)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(play, [row for row in chosen if row.name not in heavy]))
    for row in chosen:
        if row.name in heavy:
            play(row)
