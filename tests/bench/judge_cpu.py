#!/usr/bin/env python3
"""What judging costs: CPU seconds of smtpguard per 1,000 complete small sessions, with the filters and without.

judge_cpu.py BINARY [SESSIONS]: the same sessions (EHLO, MAIL, RCPT, DATA of 1 KB, QUIT; one message to a sink) are played
through smtpguard in turn as
  local      clients of our own networks: nothing is looked up, only relaying and access lists are tested
  cached     strangers, all filters, PTR, A and three lists; answers from the cache (few addresses, asked before)
  uncached   strangers, each with an address of its own, asked by UDP of a name server on loopback
Median of five rounds; the ratios to `local` count, the machine may be noisy.
"""
import os
import socket
import socketserver
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from name_server import answer

LISTS = ("one.lists.test", "two.lists.test", "three.lists.test")
MESSAGE = b"From: <a@sender.test>\r\nSubject: x\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 13 + b".\r\n"
CONFIG = """hostname = "mx.example.org"
[[listener]]
address = "127.0.0.1:{port}"
proxy_from = ["127.0.0.1"]
[policy.default]
greet_delay = "0s"
posture = "balanced"
[backend]
address = "127.0.0.1:{backend}"
[recipients]
domains = ["example.org"]
[networks]
local = {local}
[dns]
servers = ["127.0.0.1:{dns}"]
[dnsbl]
{lists}
[limits]
connections_per_address = 1000
connections_per_network = 1000
[log]
syslog = false
file = "/dev/null"
"""


class Sink(socketserver.StreamRequestHandler):
    """An MTA that takes everything, behind a PROXY v2 header."""

    def handle(self):
        header = self.rfile.read(16)
        self.rfile.read(struct.unpack("!H", header[14:16])[0])
        self.wfile.write(b"220 sink ESMTP\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256


def name_server(sock):
    """As in the other benchmarks."""
    while True:
        try:
            query, client = sock.recvfrom(512)
        except OSError:
            return
        sock.sendto(answer(query), client)


def session(port, address):
    with socket.create_connection(("127.0.0.1", port)) as client:
        stream = client.makefile("rb")
        client.sendall(f"PROXY TCP4 {address} 203.0.113.25 40000 25\r\n".encode())

        def reply(expected):
            line = stream.readline()
            while line[3:4] == b"-":
                line = stream.readline()
            assert line.startswith(expected), (address, line)

        reply(b"220")
        name = f"mx-{address.replace('.', '-')}.sender.test"
        for command, code in ((f"EHLO {name}", b"250"), ("MAIL FROM:<a@sender.test>", b"250"),
                              ("RCPT TO:<b@example.org>", b"250"), ("DATA", b"354")):
            client.sendall(command.encode() + b"\r\n")
            reply(code)
        client.sendall(MESSAGE)
        reply(b"250")
        client.sendall(b"QUIT\r\n")
        reply(b"221")


def cpu(pid):
    """Of the process and its children."""
    total = 0
    for candidate in [pid] + [int(child) for child in open(f"/proc/{pid}/task/{pid}/children").read().split()]:
        fields = open(f"/proc/{candidate}/stat").read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def play(port, addresses, workers=8):
    parts = [addresses[index::workers] for index in range(workers)]
    failures = []

    def work(part):
        for address in part:
            try:
                session(port, address)
            except Exception as error:  # told below, and ends the run
                failures.append(error)
                return

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"a session failed: {failures[0]!r}")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def addresses_of(how, count, round_number):
    if how == "uncached":
        first = round_number * count
        return [f"198.{18 + n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(first, first + count)]
    return [f"203.0.113.{1 + n % 50}" for n in range(count)]


def measure(binary, count, how, rounds=5):
    backend = Server(("127.0.0.1", 0), Sink)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind(("127.0.0.1", 0))
    threading.Thread(target=name_server, args=(dns,), daemon=True).start()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "smtpguard.toml")
        lists = "\n".join(f'[[dnsbl.list]]\nzone = "{zone}"' for zone in LISTS)
        with open(path, "w") as file:
            file.write(CONFIG.format(port=port, backend=backend.server_address[1], dns=dns.getsockname()[1], lists=lists,
                                     local='["203.0.113.0/24"]' if how == "local" else "[]"))
            file.write(f'[control]\nsocket = "{folder}/control"\n')
        daemon = subprocess.Popen([binary, "-d", "-f", path], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        sys.exit("smtpguard does not listen")
                    time.sleep(0.05)
            play(port, addresses_of(how, 200, rounds))
            figures = []
            for number in range(rounds):
                before = cpu(daemon.pid)
                play(port, addresses_of(how, count, number))
                figures.append((cpu(daemon.pid) - before) * 1000 / count)
            return figures
        finally:
            daemon.terminate()
            daemon.wait()
            backend.shutdown()
            backend.server_close()
            dns.close()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    print(f"CPU seconds of smtpguard per 1,000 sessions; {count} sessions, 5 rounds, min / median / max")
    base = None
    for how in ("local", "cached", "uncached"):
        figures = measure(os.path.abspath(sys.argv[1]), count, how)
        median = statistics.median(figures)
        base = base or median
        print(f"{how:10} {min(figures):.3f} / {median:.3f} / {max(figures):.3f}   ratio {median / base:.2f}", flush=True)


if __name__ == "__main__":
    main()
