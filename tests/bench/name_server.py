#!/usr/bin/env python3
"""The DNS of the benchmarks, on UDP: name_server.py PORT [MILLISECONDS]

Every client 198.18.x.y has a PTR record mx-198-18-x-y.sender.test that leads back to it, and sender.test has an MX. The
self-tests of DNS lists hold, and nobody else is listed: everything else is NXDOMAIN. Each answer comes after so many milliseconds.
"""
import collections
import select
import socket
import struct
import sys
import time


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def answer(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    question = query[12:at + 5]
    kind = struct.unpack("!H", query[at + 1:at + 3])[0]
    data = None
    if kind == 12:
        data = encode("mx-" + "-".join(reversed(labels[:4])) + ".sender.test")
    elif kind == 1 and labels[1:] == ["sender", "test"]:
        data = socket.inet_aton(".".join(labels[0].split("-")[1:5]))
    elif kind == 15 and labels == ["sender", "test"]:
        data = struct.pack("!H", 10) + encode("mx-203-0-113-1.sender.test")
    elif kind == 1 and labels[:4] == ["2", "0", "0", "127"]:
        data = socket.inet_aton("127.0.0.2")
    exists = data or labels[-2:] == ["sender", "test"]  # no AAAA, but the name is there
    said = query[:2] + struct.pack("!HHHHH", 0x8180 if exists else 0x8183, 1, 1 if data else 0, 0, 0) + question
    if data:
        said += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 300, len(data)) + data
    return said


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    delay = (int(sys.argv[2]) if len(sys.argv) > 2 else 0) / 1000
    waiting = collections.deque()
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            server.sendto(*waiting.popleft()[1:])
        ready, _, _ = select.select([server], [], [], max(0, waiting[0][0] - now) if waiting else None)
        if ready:
            query, client = server.recvfrom(512)
            if delay:
                waiting.append((time.monotonic() + delay, answer(query), client))
            else:
                server.sendto(answer(query), client)


if __name__ == "__main__":
    main()
