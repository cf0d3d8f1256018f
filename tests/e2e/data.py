#!/usr/bin/env python3
"""What a message may be, how slowly it may come, and where it waits. Loopback only, needs no root: data.py BINARY.

The rules of a listener (bare_lf, eight_bit), the minimum rate, and flow control: what the backend does not take is not
read from the client, and the memory of smtpguard does not grow with a message.
"""
import re
import threading
import time

from hostile import IN_DATA, QUIT, RCPTED, SECOND, SHORT, SMUGGLERS, STILL_THERE
from support import messages
from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Suite, expect, wait_until
from support.smtp_client import RawClient, stuffed
from support.table import EOF, Row, Step, dot, play_all

NORMALISED = {name for name, bad in SMUGGLERS.items() if b"\0" not in bad and b"\r" not in bad.replace(b"\r\n", b"")}
ALONE = re.compile(rb"(?:^|\n)\.\n")


def normalised(text):
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def from_device(ident, text):
    """What an old device sends: a good header, and a text as it came from a file, with the end of data of the manual."""
    sent = messages.header(ident, "device").replace(b"\r\n", b"\n") + b"\n" + text
    return Row(f"normalise/device-{ident}", IN_DATA + [sent + b"\r\n.\r\n", dot("250")] + QUIT, "normalised", delivered=1,
               content=(ident, normalised(sent + b"\r\n")))


def hidden(name):
    """A smuggler where bare LF is a line end: one message with the second one in its text, or none."""
    ident = "5" * 16 + name
    text = messages.header(ident, "x") + b"\r\none" + SMUGGLERS[name] + SECOND + b"\r\n"
    if name not in NORMALISED:
        return Row("normalise/" + name, IN_DATA + [text + b".\r\n", dot(r"550 ")] + STILL_THERE, "message refused")
    return Row("normalise/" + name, IN_DATA + [text + b".\r\n", dot("250")] + STILL_THERE, "normalised", delivered=1,
               content=(ident, normalised(text)))


NORMALISE = [hidden(name) for name in SMUGGLERS] + [
    from_device("d1", b"one\ntwo\n\nthree\n"),
    from_device("d2", b"no end of the last line"),
    from_device("d3", b"a dot\n.\nalone is text\n"),
    # A device that ends with LF . LF is not understood: it waits, and is sent away.
    Row("normalise/lf-dot-lf-at-the-end", IN_DATA + [b"Subject: x\n\none\n.\n", "421 ", EOF], "client slow"),
]

EIGHT = messages.awkward("e8")
SAID_EIGHT = [b"EHLO client.example\r\n", "250", b"MAIL FROM:<a@sender.example> BODY=8BITMIME\r\n", "250"]
EIGHT_BIT = [
    Row("eight-bit/unannounced", IN_DATA + [stuffed(EIGHT) + b".\r\n", dot("554 5.6.1 ")] + STILL_THERE, "message refused"),
    Row("eight-bit/announced", ["220"] + SAID_EIGHT + RCPTED[-2:] + [b"DATA\r\n", "354", stuffed(EIGHT) + b".\r\n", dot("250")]
        + QUIT, "quit", delivered=1, content=("e8", EIGHT)),
    Row("eight-bit/7-bit", IN_DATA + [stuffed(messages.awkward("e7", eight_bit=False)) + b".\r\n", dot("250")] + QUIT, "quit",
        delivered=1, content=("e7", messages.awkward("e7", eight_bit=False))),
]


def trickle(data, octets, pause):
    """So many octets at a time, until all is sent or the other side has had enough."""
    def play(run):
        for at in range(0, len(data), octets):
            try:
                run.client.send(data[at:at + octets])
            except OSError:
                return
            time.sleep(pause)
    return Step(play)


STEADY = messages.header("st", "steady") + b"\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 100
# The guard of these asks for 1,000 octets a second and has two seconds of patience.
RATE = [
    Row("rate/too-slow", IN_DATA + [trickle(b"x" * 60, 1, 0.1), "421 ", EOF], "too slow"),
    Row("rate/too-slow-after-a-good-start", IN_DATA + [b"Subject: x\r\n" + b"x" * 20_000, trickle(b"x" * 100, 1, 0.1), "421 ", EOF],
        "too slow"),
    Row("rate/too-slow-in-a-refused-message", IN_DATA + [b"bare\nLF", trickle(b"x" * 60, 1, 0.1), "421 ", EOF], "too slow"),
    # Slower than the patience as a whole, and good all the same.
    Row("rate/steady", IN_DATA + [trickle(stuffed(STEADY) + b".\r\n", 300, 0.2), dot("250")] + QUIT, "quit", delivered=1,
        content=("st", STEADY)),
]


def resident(guard):
    with open(f"/proc/{guard.worker}/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+) kB", status.read()).group(1)) * 1024


def sanitizer_factor(guard):
    """A sanitizer's own memory grows with that of the program."""
    return 3 if guard.log.find("under a sanitizer") else 1


class Watch:
    """Samples the memory of smtpguard while the body of a with statement runs."""

    def __init__(self, guard):
        self.guard = guard
        self.before = self.most = resident(guard)
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.is_over.wait(0.01):
            self.most = max(self.most, resident(self.guard))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    @property
    def grown(self):
        return self.most - self.before


def slow_backend(guard, backend):
    """A message of 55 MB while the backend reads nothing for three seconds: the client is stopped, the memory does not
    grow, the time of the backend is not counted as the client's, and all of it arrives."""
    ident = messages.new_id()
    sent = messages.header(ident, "large") + b"\r\n" + (b"." + b"x" * 990 + b"\r\n") * 55_000
    wire = stuffed(sent) + b".\r\n"
    stall = 3.0
    with Watch(guard) as memory, RawClient(guard.address, timeout=40, send_buffer=65536) as client:
        backend.scripts[client.local] = [{"body": stall}]
        client.hello()
        client.ask("MAIL FROM:<a@sender.example>", 250)
        client.ask("RCPT TO:<user@example.net>", 250)
        client.ask("DATA", 354)
        began = time.monotonic()
        while_stalled = 0
        for at in range(0, len(wire), 65536):
            client.send(wire[at:at + 65536])
            if time.monotonic() - began < stall - 0.5:
                while_stalled = at
        reply = client.reply()
        took = time.monotonic() - began
        client.quit()
    expect(reply.code == 250, f"the message was answered {reply.text}")
    wait_until(lambda: backend.accepted(client.local), "the backend has the message")
    messages.must_match(backend.accepted(client.local)[0].data, ident, sent)
    note = (f"{len(wire)} octets in {took:.1f} s, {while_stalled} of them while the backend did not read; "
            f"memory grew by {memory.grown} octets")
    print(note, file=open(guard.folder + "/slow_backend.txt", "w"))
    expect(while_stalled < 20_000_000, "the client was not stopped: " + note)
    expect(memory.grown < sanitizer_factor(guard) * 3_000_000, "the message was kept in memory: " + note)


def many_at_once(guard, backend):
    """Twenty messages of 3 MB side by side with a backend that stands still: memory is bounded for all of them."""
    sent = messages.large("many", 3_000_000)
    wire = stuffed(sent) + b".\r\n"
    told = []

    def deliver():
        with RawClient(guard.address, timeout=40, send_buffer=65536) as client:
            backend.scripts[client.local] = [{"body": 2.0}]
            client.hello()
            client.ask("MAIL FROM:<a@sender.example>", 250)
            client.ask("RCPT TO:<user@example.net>", 250)
            client.ask("DATA", 354)
            client.send(wire)
            told.append(client.reply().code)

    with Watch(guard) as memory:
        clients = [threading.Thread(target=deliver) for _ in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    expect(told == [250] * 20, f"answers: {told}")
    # One piece for each that the backend has not taken yet: 64 KiB and what stuffing adds.
    print(f"memory grew by {memory.grown} octets", file=open(guard.folder + "/many_at_once.txt", "w"))
    expect(memory.grown < sanitizer_factor(guard) * (20 * 150_000 + 2_000_000), f"memory grew by {memory.grown} octets")


def main():
    suite = Suite("data", __doc__)
    backend = ScriptedBackend().start()

    def guard_for(name, listener_keys=None, **limits):
        sections = {table: dict(keys) for table, keys in SHORT.items()}
        sections["limits"].update(limits)
        sections["backend"].update({"data_timeout": '"20s"', "end_timeout": '"20s"'})
        return Guard(suite, "guard-" + name, [("127.0.0.1", free_port())], backend.address, "proxy-v2", sections, listener_keys)

    guards = {
        "normalise": (guard_for("normalise", {"bare_lf": '"normalise"'}), NORMALISE),
        "eight-bit": (guard_for("eight-bit", {"eight_bit": '"refuse"'}), EIGHT_BIT),
        "rate": (guard_for("rate", data_rate="1000", message_size='"50MB"'), RATE),
    }
    flow = guard_for("flow", message_size='"60MB"', data_rate="1000")

    def start():
        for guard, _ in guards.values():
            guard.start()
        flow.start()

    if suite.case("start", start, always=True, limit=60):
        for guard, rows in guards.values():
            play_all(suite, rows, guard, backend)
        suite.case("flow/slow-backend", slow_backend, flow, backend)
        suite.case("flow/many-at-once", many_at_once, flow, backend)
        for guard in [guard for guard, _ in guards.values()] + [flow]:
            suite.case("stop/" + guard.folder.rsplit("/", 1)[-1], guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
