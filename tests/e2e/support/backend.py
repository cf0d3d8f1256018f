"""ScriptedBackend: an SMTP server that misbehaves at the stage that a test names, and remembers what it was told.

It understands the PROXY header, so that one server behaves differently for each client of smtpguard.
Stages: banner, ehlo, xclient, mail, rcpt, data, body (in the middle of a message), dot, rset, quit. The action of a stage is bytes to
send instead of the usual reply, seconds to wait, one of CLOSE, RESET, SILENT, FLOOD, or a list of these.
"""
import collections
import re
import socket
import ssl
import struct
import threading
import time

from .guard import free_port
from .proxy_header import SIGNATURE

CLOSE, RESET, SILENT, FLOOD = "close", "reset", "silent", "flood"
USUAL = {
    "banner": b"220 backend.example.net ESMTP\r\n",
    "ehlo": b"250-backend.example.net\r\n250-PIPELINING\r\n250-SIZE 60000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n"
            b"250 ENHANCEDSTATUSCODES\r\n",
    "xclient": b"220 backend.example.net ESMTP\r\n",
    "helo": b"250 backend.example.net\r\n",
    "mail": b"250 2.1.0 Ok\r\n",
    "rcpt": b"250 2.1.5 Ok\r\n",
    "data": b"354 go on\r\n",
    "dot": b"250 2.0.0 Ok: queued as E2E\r\n",
    "rset": b"250 2.0.0 Ok\r\n",
    "noop": b"250 2.0.0 Ok\r\n",
    "quit": b"221 2.0.0 Bye\r\n",
}
BAD_ENDS = re.compile(rb"\0|\r(?!\n)|(?<!\r)\n", re.S)


def one_at_a_time(data):
    """The same reply, octet by octet."""
    return bytearray(data)


class Gone(Exception):
    """The session is over, by the script or by the other side."""


class Message:
    def __init__(self, sender, recipients, data):
        self.sender = sender          # the whole MAIL command
        self.recipients = recipients  # the whole RCPT commands
        self.data = data              # CR LF lines, dots unstuffed


class BackendSession:
    """What one connection of smtpguard said."""

    def __init__(self):
        self.client = None   # (address, port) of the PROXY header
        self.commands = []   # without line ends
        self.accepted = []   # messages whose dot was answered with 2xx
        self.told_end = 0    # dots that were seen
        self.tls = None      # version, once a handshake is done
        self.unhealthy = []  # bare CR, bare LF or NUL in what smtpguard sent: never allowed
        self.over = False


class ScriptedBackend:
    def __init__(self, port=None, proxy=True, tls=None):
        """tls: (certificate, key); STARTTLS is offered then. A script's "starttls" is what is sent instead of its 220."""
        self.tls = tls
        self.address = ("127.0.0.1", port or free_port())
        self.proxy = proxy
        self.sessions = []
        self.scripts = collections.defaultdict(list)  # client -> scripts, one for each connection in turn
        self.default = {}
        self.server = None
        self.lock = threading.Lock()

    def start(self):
        self.server = socket.create_server(self.address, backlog=200)
        threading.Thread(target=self._accept, args=(self.server,), daemon=True).start()
        return self

    def stop(self):
        """Refuses connections from now on."""
        server, self.server = self.server, None
        try:
            server.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError:
            pass
        server.close()

    def of(self, client):
        """Sessions that were opened for this client."""
        with self.lock:
            return [session for session in self.sessions if session.client == tuple(client)]

    def accepted(self, client=None):
        with self.lock:
            return [message for session in self.sessions if client is None or session.client == tuple(client)
                    for message in session.accepted]

    def _accept(self, server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        session = BackendSession()
        try:
            _Connection(self, connection, session).run()
        except (Gone, OSError):
            pass
        finally:
            session.over = True
            connection.close()


class _Connection:
    def __init__(self, backend, connection, session):
        self.backend = backend
        self.socket = connection
        self.socket.settimeout(60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.session = session
        self.buffer = b""
        self.script = {}

    def run(self):
        if self.backend.proxy:
            self.session.client = self._header()
        with self.backend.lock:
            queue = self.backend.scripts.get(self.session.client)
            self.script = queue.pop(0) if queue else self.backend.default
            self.backend.sessions.append(self.session)
        self._answer("banner")
        sender, recipients = None, []
        while True:
            line = self._line()
            self.session.commands.append(line)
            verb = line.split(b" ")[0].decode("latin-1").lower()
            if verb == "mail":
                sender, recipients = line, []
            elif verb == "rcpt":
                recipients.append(line)
            elif verb == "data":
                if self._answer("data")[:1] == b"3":
                    self._message(sender, recipients)
                continue
            if verb == "starttls" and self.backend.tls:
                self._start_tls()
                continue
            if verb not in USUAL:
                self.socket.sendall(b"500 5.5.1 unknown\r\n")
                continue
            if verb == "ehlo" and self.backend.tls and not self.session.tls and "ehlo" not in self.script:
                self.socket.sendall(USUAL["ehlo"].replace(b"250-PIPELINING", b"250-STARTTLS\r\n250-PIPELINING"))
                continue
            self._answer(verb)
            if verb == "quit":
                raise Gone

    def _start_tls(self):
        self._act(self.script.get("starttls", b"220 2.0.0 go ahead\r\n"))
        using = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        using.load_cert_chain(*self.backend.tls)
        self.socket = using.wrap_socket(self.socket, server_side=True)
        self.buffer = b""
        self.session.tls = self.socket.version()

    def _message(self, sender, recipients):
        if "body" in self.script:
            self._more()
            self._act(self.script["body"])
        lines = []
        while True:
            line = self._line()
            if line == b".":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self.session.told_end += 1
        message = Message(sender, recipients, b"".join(line + b"\r\n" for line in lines))
        action = self.script.get("dot", USUAL["dot"])
        said = [one for one in (action if isinstance(action, list) else [action]) if not isinstance(one, float)]
        first = said[0] if said else None
        if isinstance(first, (bytes, bytearray)) and re.match(rb"2\d\d[ \r-]", first):
            with self.backend.lock:
                self.session.accepted.append(message)
        self._act(action)

    def _answer(self, stage):
        action = self.script.get(stage, USUAL[stage])
        self._act(action)
        return action if isinstance(action, bytes) else b"".join(bytes(a) for a in action if isinstance(a, (bytes, bytearray)))

    def _act(self, action):
        for one in action if isinstance(action, list) else [action]:
            if isinstance(one, bytes):
                self.socket.sendall(one)
            elif isinstance(one, bytearray):
                for octet in one:
                    self.socket.sendall(bytes([octet]))
                    time.sleep(0.02)
            elif isinstance(one, float):
                time.sleep(one)
            elif one == SILENT:
                while self.socket.recv(65536):  # goes on taking, never says a word
                    pass
                raise Gone
            elif one == FLOOD:
                for _ in range(20000):
                    self.socket.sendall(b"250-and one more line of this reply\r\n" * 50)
                raise Gone
            elif one == RESET:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.socket.close()
                raise Gone
            elif one == CLOSE:
                time.sleep(0.05)  # what was said before arrives before the end does
                raise Gone

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _line(self):
        """Up to CR LF, strictly. A CR LF that a lax server would see elsewhere is noted."""
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        if BAD_ENDS.search(line):
            self.session.unhealthy.append(line[:200])
        return line

    def _header(self):
        start = self._exactly(12)
        if start != SIGNATURE:
            line = start + self._line()
            words = line.decode("latin-1").split()
            return (words[2], int(words[4]))
        command, family, length = struct.unpack(">BBH", self._exactly(4))
        body = self._exactly(length)
        if command != 0x21:
            return None
        size = {0x11: 4, 0x21: 16}[family]
        address = socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, body[:size])
        return (address, struct.unpack(">H", body[2 * size:2 * size + 2])[0])
