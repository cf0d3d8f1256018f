#!/usr/bin/env python3
"""User memory of smtpguard per silent visitor (before the greeting), per idle session (after EHLO) and per idle TLS session.

idle_memory.py BINARY [COUNT]: starts BINARY on loopback, opens COUNT (5,000) connections from many addresses of
127.0.0.0/8, and prints what RssAnon of the process grew by. Budgets: 1.4 KB per visitor, 4 KB per session, 21 KB per TLS
session (needs the openssl command).
"""
import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

CONFIG = """hostname = "mx.example.org"
[[listener]]
address = "127.0.0.1:{port}"
[policy.default]
greet_delay = "{delay}"
{networks}[backend]
address = "127.0.0.1:9"
[recipients]
domains = ["example.org"]
[limits]
connections = 15000
connections_per_address = 15000
connections_per_network = 15000
[log]
syslog = false
file = "/dev/null"
{tls}"""

# Loopback is local by default, and who is local is greeted at once. Of strangers the DNS is asked: here it
# knows no name, out of a file.
STRANGERS = """[dns]
answers = "{answers}"
[networks]
local = []
"""

TLS = """[tls]
certificates = ["{0}/mx.pem"]
keys = ["{0}/mx.key"]
"""


def worker_of(pid):
    """The process that has the sessions."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return int(children.read().split()[-1])


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port, index):
    client = socket.socket()
    client.bind((f"127.{1 + index // 60000}.{index // 250 % 250}.{1 + index % 250}", 0))
    client.connect(("127.0.0.1", port))
    return client


def read_until(client, end):
    got = b""
    client.settimeout(30)
    while end not in got:
        piece = client.recv(4096)
        if not piece:
            raise SystemExit(f"the server closed after {got!r}")
        got += piece
    return got


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=mx.example.org", "-keyout", folder + "/mx.key", "-out", folder + "/mx.pem"], check=True,
                   capture_output=True)


def hello(client, context):
    """EHLO, and once more under TLS if there is a context. The socket that speaks from now on."""
    client.sendall(b"EHLO client.example\r\n")
    read_until(client, b"250 ")
    if context is None:
        return client
    client.sendall(b"STARTTLS\r\n")
    read_until(client, b"ready to start TLS\r\n")
    return hello(context.wrap_socket(client), None)


def measure(binary, count, silent, folder=None):
    port = free_port()
    context = None
    if folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config, tempfile.NamedTemporaryFile() as answers:
        config.write(CONFIG.format(port=port, delay="60s" if silent else "0s",
                                   networks=STRANGERS.format(answers=answers.name) if silent else "", tls=TLS.format(folder) if folder else ""))
        config.flush()
        server = subprocess.Popen([binary, "-d", "-f", config.name], stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                try:
                    connect(port, 0).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            warm = [connect(port, i) for i in range(50)]  # tables and pools have their first size
            if not silent:
                warm = [hello(client, context) for client in warm]
            time.sleep(0.3)
            before = resident(worker_of(server.pid))
            clients = []
            for index in range(count):
                client = connect(port, 50 + index)
                clients.append(client if silent else hello(client, context))
            time.sleep(0.5)
            grown = resident(worker_of(server.pid)) - before
            ready, _, _ = select.select(clients[:500], [], [], 0)
            if silent and len(ready) < 500:
                raise SystemExit("a visitor got no teaser")
            return grown / count
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)


def main():
    binary = os.path.realpath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{count} connections, growth of RssAnon of {binary}")
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder)
        for what, silent, tls, budget in (("silent visitor", True, None, 1434), ("idle session after EHLO", False, None, 4096),
                                          ("idle TLS session", False, folder, 21504)):
            octets = measure(binary, count, silent, tls)
            print(f"{what:26} {octets:7.0f} octets   budget {budget}   {'met' if octets <= budget else 'MISSED'}")


if __name__ == "__main__":
    main()
