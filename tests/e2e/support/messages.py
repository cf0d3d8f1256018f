"""Messages that break careless proxies, and the comparison of what arrived with what was sent."""
import hashlib
import random
import uuid

from .harness import Failure


def header(ident, subject):
    return (f"X-E2E: {ident}\r\nFrom: <a@sender.example>\r\nTo: <user@example.net>\r\nSubject: {subject}\r\n"
            f"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <{ident}@sender.example>\r\n").encode()


def new_id():
    return uuid.uuid4().hex


def simple(ident, subject="simple"):
    return header(ident, subject) + b"\r\nhello\r\n"


DOT_LINES = [b".", b"..", b"...", b". ", b".x", b"..x", b" .", b"x.", b"", b".", b"", b""]
BODY_8BIT = [bytes(range(128, 256)), "Grüße, 你好".encode(), b"\xff\xfe\xfd", b"."]
BODY_LONG = [b"x" * 998, b"." + b"y" * 997, b"z" * 997 + b".", b" " * 998]


def awkward(ident, eight_bit=True):
    """Dot lines, 998-octet lines, trailing blanks and empty lines, and bytes above 127."""
    lines = DOT_LINES + BODY_LONG + [b"blanks at the end  \t ", b"\ttab", b"From here", b">From there"]
    if eight_bit:
        lines = lines + BODY_8BIT
    mime = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    return header(ident, "awkward") + (mime if eight_bit else b"") + b"\r\n" + b"\r\n".join(lines) + b"\r\n"


def large(ident, size=20_000_000, seed=1):
    """`size` octets of printable lines of all lengths up to 998, every seventh one beginning with dots."""
    dice = random.Random(seed)
    alphabet = bytes(range(33, 127))
    pool = bytes(dice.choices(alphabet, k=200_000))
    out = bytearray(header(ident, "large") + b"\r\n")
    count = 0
    while len(out) < size:
        count += 1
        length = 998 if count % 11 == 0 else dice.randint(0, 120) if count % 3 else dice.randint(0, 998)
        start = dice.randrange(len(pool) - 1000)
        line = pool[start:start + length]
        if count % 7 == 0:
            line = b"." * dice.randint(1, 3) + line[3:]
        out += line + b"\r\n"
    return bytes(out)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def as_delivered(stored, ident):
    """A stored message (LF or CR LF lines) from its own first header on, with CR LF: what the sender sent.
    What stands above that line are trace headers of the servers on the way."""
    crlf = stored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    start = crlf.find(b"X-E2E: " + ident.encode() + b"\r\n")
    if start < 0:
        raise Failure(f"message {ident} has lost its first header")
    return crlf[start:]


def must_match(stored, ident, sent):
    got = as_delivered(stored, ident)
    if digest(got) == digest(sent):
        return
    at = next((i for i, (a, b) in enumerate(zip(got, sent)) if a != b), min(len(got), len(sent)))
    raise Failure(f"content differs at octet {at} of {len(sent)} (got {len(got)}): "
                  f"sent {sent[max(0, at - 20):at + 20]!r}, arrived {got[max(0, at - 20):at + 20]!r}")


def trace(stored, ident):
    """The headers that servers put above the message, unfolded, one string each."""
    text = stored.replace(b"\r\n", b"\n")
    top = text[:text.find(b"X-E2E: " + ident.encode())].decode("latin-1")
    return top.replace("\n\t", " ").replace("\n ", " ").splitlines()
