"""FaultyDns: a name server that does what real ones do not do on demand - silence, delays, refusals, invented answers.

One zone on one UDP and TCP port. What it does for a name is one of the behaviours below; a name that is not told gets
`default`, which is NXDOMAIN. The test entries of a list (RFC 5782) are right unless they are told otherwise.
"""
import ipaddress
import socket
import struct
import threading

SILENT = "silent"
TYPES = {"A": 1, "PTR": 12, "TXT": 16}
NXDOMAIN, SERVFAIL, REFUSED = 3, 2, 5


def codes(*addresses, delay=0.0):
    return {"addresses": addresses, "delay": delay}


def rcode(number, delay=0.0):
    return {"rcode": number, "delay": delay}


def over_tcp_only(*addresses):
    """Over UDP an answer that is cut off."""
    return {"addresses": addresses, "truncated": True}


def reversed_name(address):
    """As a list has it: 9.2.0.192, or 32 nibbles."""
    return ipaddress.ip_address(address).reverse_pointer.replace(".in-addr.arpa", "").replace(".ip6.arpa", "")


class FaultyDns:
    def __init__(self, zone, port, default=None):
        self.zone = zone
        self.address = ("127.0.0.1", port)
        self.default = default or rcode(NXDOMAIN)
        self.behaviours = {}
        self.asked = []  # names, without the zone
        self.says("127.0.0.2", codes("127.0.0.2"))
        self.says("127.0.0.1", rcode(NXDOMAIN))
        self.says("::ffff:127.0.0.2", codes("127.0.0.2"))

    def says(self, address, behaviour):
        self.behaviours[reversed_name(address)] = behaviour

    def breaks(self, behaviour):
        """From now on this for every name."""
        self.behaviours.clear()
        self.default = behaviour
        return self

    def start(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(self.address)
        tcp = socket.create_server(self.address)
        threading.Thread(target=self._serve_udp, args=(udp,), daemon=True).start()
        threading.Thread(target=self._serve_tcp, args=(tcp,), daemon=True).start()
        return self

    def _serve_udp(self, udp):
        while True:
            query, client = udp.recvfrom(4096)
            self._later(query, False, lambda reply, to=client: udp.sendto(reply, to))

    def _serve_tcp(self, tcp):
        while True:
            connection, _ = tcp.accept()
            threading.Thread(target=self._serve_stream, args=(connection,), daemon=True).start()

    def _serve_stream(self, connection):
        with connection:
            connection.settimeout(30)
            try:
                while True:
                    head = connection.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    query = connection.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
                    self._later(query, True, lambda reply: connection.sendall(struct.pack(">H", len(reply)) + reply))
            except OSError:
                return

    def _later(self, query, is_tcp, send):
        ident, flags, question, name, kind = parse(query)
        left = name[:-len(self.zone) - 1] if name.endswith("." + self.zone) else name
        self.asked.append(left)
        behaviour = self.behaviours.get(left, self.default)
        if behaviour == SILENT:
            return
        reply = build(ident, flags, question, kind, behaviour, is_tcp)
        if behaviour.get("delay"):
            threading.Timer(behaviour["delay"], send, (reply,)).start()
        else:
            send(reply)


def parse(query):
    ident, flags = struct.unpack(">HH", query[:4])
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
        at += 1 + query[at]
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    return ident, flags, query[12:at + 5], ".".join(labels), kind


def build(ident, flags, question, kind, behaviour, is_tcp):
    addresses = behaviour.get("addresses", ()) if kind == TYPES["A"] else ()
    cut = behaviour.get("truncated", False) and not is_tcp
    records = b"" if cut else b"".join(
        struct.pack(">HHHIH", 0xC00C, 1, 1, 2, 4) + socket.inet_aton(address) for address in addresses)
    answer_flags = 0x8400 | (flags & 0x0100) | (0x0200 if cut else 0) | behaviour.get("rcode", 0)
    return struct.pack(">HHHHHH", ident, answer_flags, 1, 0 if cut else len(addresses), 0, 0) + question + records
