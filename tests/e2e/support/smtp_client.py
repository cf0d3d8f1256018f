"""RawClient: an SMTP client that says exactly what a test wants, from the address that it wants."""
import random
import socket
import struct
import time

from .harness import Failure


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3]) if lines and lines[-1][:3].isdigit() else 0
        self.text = "\n".join(lines)

    def __repr__(self):
        return f"Reply({self.text!r})"


class RawClient:
    """One connection. Every wait is bounded by `timeout`; what was received stands in `transcript`."""

    def __init__(self, address, source=None, timeout=15.0, receive_buffer=None, send_buffer=None, connect=True):
        self.address = address
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if send_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.socket.bind((source or ("::1" if family == socket.AF_INET6 else "127.0.0.1"), 0))
        self.local = self.socket.getsockname()[:2]
        self.buffer = b""
        self.transcript = []
        if connect:
            self.connect()

    def connect(self):
        self.socket.connect(self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def _read_line(self):
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError("connection closed" + (f" after {self.buffer!r}" if self.buffer else ""))
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Failure(f"reply line without CR LF: {line!r}")
        return line[:-1].decode("latin-1")

    def reply(self):
        """One whole reply. EOFError on a clean close, ConnectionError on a reset, TimeoutError if none came."""
        lines = []
        while True:
            line = self._read_line()
            if len(line) < 3 or not line[:3].isdigit() or line[3:4] not in ("", " ", "-"):
                raise Failure(f"not an SMTP reply line: {line!r}")
            lines.append(line)
            if line[3:4] != "-":
                reply = Reply(lines)
                self.transcript.append(reply.text)
                return reply

    def ask(self, command, code=None):
        """Sends one command, returns its reply; `code` is what it must be (2 for the class, 250 for the code)."""
        self.send((command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        reply = self.reply()
        must_be(reply, code, command)
        return reply

    def greeting(self, code=220):
        reply = self.reply()
        must_be(reply, code, "greeting")
        return reply

    def hello(self, name="client.example", code=250):
        self.greeting()
        return self.ask(f"EHLO {name}", code)

    def end(self, timeout=10.0):
        """Waits for the other side to close. Returns "eof" or "reset"; further replies go to the transcript."""
        self.socket.settimeout(timeout)
        try:
            while True:
                self.reply()
        except EOFError:
            return "eof"
        except (ConnectionResetError, BrokenPipeError):
            return "reset"
        except TimeoutError:
            raise Failure(f"the connection is still open after {timeout:g} s") from None

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def quit(self):
        self.ask("QUIT", 221)
        ended = self.end()
        self.close()
        return ended

    def transaction(self, message, sender="a@sender.example", recipients=("user@example.net",), mail_parameters="",
                    rcpt_parameters="", cuts=None):
        """MAIL, RCPT, DATA and the message (CR LF lines, dots not yet stuffed). Returns the reply to the dot."""
        self.ask(f"MAIL FROM:<{sender}>{mail_parameters}", 250)
        for recipient in recipients:
            self.ask(f"RCPT TO:<{recipient}>{rcpt_parameters}", 250)
        self.ask("DATA", 354)
        wire = stuffed(message) + b".\r\n"
        if cuts is None:
            self.send(wire)
        else:
            send_in_pieces(self, wire, cuts)
        reply = self.reply()
        must_be(reply, 250, "end of data")
        return reply


def must_be(reply, code, what):
    if code is None:
        return
    good = reply.code == code if code >= 100 else reply.code // 100 == code
    if not good:
        raise Failure(f"{what!r}: expected {code}, got {reply.text!r}")


def stuffed(message):
    """Dot stuffing, RFC 5321 4.5.2. Only after CR LF, so that bare LF stays what the test made it."""
    if message.startswith(b"."):
        message = b"." + message
    return message.replace(b"\r\n.", b"\r\n..")


def send_in_pieces(client, wire, seed):
    """Random cuts, and a cut at each place of some of the CR LF . sequences, where a decoder may err."""
    dice = random.Random(seed)
    at = 0
    while at < len(wire):
        kind = dice.random()
        if kind < 0.3:
            near = wire.find(b"\r\n.", at)
            size = near - at + dice.randint(1, 5) if near >= 0 and near - at < 65536 else dice.randint(1, 65536)
        elif kind < 0.5:
            size = dice.randint(1, 20)
        else:
            size = dice.randint(1, 131072)
        client.send(wire[at:at + size])
        at += size
        if dice.random() < 0.02:
            time.sleep(0.001)  # lets the piece go out alone
    return at
