#!/usr/bin/env python3
"""A dumb pipe with smtpguard's command line: proves the frame and the peers without smtpguard.

It sends the PROXY header or XCLIENT and then copies bytes. So `tests/e2e/run tests/e2e/support/stand_in.py` passes what
any proxy must do and fails what only smtpguard does (foreign recipients, proxy_from, nearly all of hostile.py): that a
test can fail is shown so. Not part of smtpguard.
"""
import os
import signal
import socket
import sys
import threading
import tomllib

import proxy_header


def parse(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def reply_of(connection):
    data = b""
    while True:
        byte = connection.recv(1)
        if not byte:
            raise OSError("backend closed")
        data += byte
        line = data.rsplit(b"\r\n", 2)[-2] if data.count(b"\r\n") > 1 else data[:-2]
        if data.endswith(b"\r\n") and line[3:4] != b"-":
            return data


def introduce(backend, identity, source, destination):
    """Says who the client is; returns the banner for the client."""
    if identity == "proxy-v1":
        backend.sendall(proxy_header.v1(source, destination))
    elif identity == "proxy-v2":
        backend.sendall(proxy_header.v2(source, destination))
    banner = reply_of(backend)
    if identity == "xclient":
        backend.sendall(b"EHLO mx.example.net\r\n")
        reply_of(backend)
        address = "IPV6:" + source[0] if ":" in source[0] else source[0]
        backend.sendall(f"XCLIENT NAME=[UNAVAILABLE] ADDR={address} PORT={source[1]}\r\n".encode())
        banner = reply_of(backend)
    return banner


def copy(from_, to):
    try:
        while data := from_.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        for side in (from_, to):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client, source, settings):
    shown = f"[{source[0]}]:{source[1]}" if ":" in source[0] else f"{source[0]}:{source[1]}"
    sys.stderr.write(f"session={source[1]} event=connect client={shown}\n")
    try:
        backend = socket.create_connection(parse(settings["backend"]["address"]), timeout=5)
        backend.settimeout(None)
        for side in (client, backend):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(introduce(backend, settings["backend"]["identity"], source, client.getsockname()[:2]))
        back = threading.Thread(target=copy, args=(backend, client), daemon=True)
        back.start()
        copy(client, backend)
        back.join()
        backend.close()
    except OSError as error:
        try:
            client.sendall(f"421 4.3.0 {error}\r\n".encode())
        except OSError:
            pass
    client.close()
    sys.stderr.write(f"session={source[1]} summary client={shown} end=pipe\n")


def listen(address, settings):
    server = socket.create_server(address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET, backlog=100)
    while True:
        client, source = server.accept()
        threading.Thread(target=serve, args=(client, source[:2], settings), daemon=True).start()


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with open(sys.argv[sys.argv.index("-f") + 1], "rb") as file:
        settings = tomllib.load(file)
    for listener in settings["listener"]:
        threading.Thread(target=listen, args=(parse(listener["address"]), settings), daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
