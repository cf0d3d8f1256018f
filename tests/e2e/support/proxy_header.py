"""PROXY headers made by hand, for tests that play the front end."""
import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2_LOCAL = SIGNATURE + b"\x20\0\0\0"
V1_UNKNOWN = b"PROXY UNKNOWN\r\n"


def v1(source, destination):
    family = 6 if ":" in source[0] else 4
    return f"PROXY TCP{family} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def v2(source, destination, tlvs=b""):
    body = ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(destination[0]).packed
    body += struct.pack(">HH", source[1], destination[1]) + tlvs
    family = b"\x21" if ":" in source[0] else b"\x11"
    return SIGNATURE + b"\x21" + family + struct.pack(">H", len(body)) + body
