"""A writer of MaxMind's format (.mmdb): networks with the numbers and names of their autonomous systems."""
import ipaddress
import struct

SEPARATOR = b"\0" * 16
MARK = b"\xab\xcd\xefMaxMind.com"


def text(value):
    data = value.encode()
    assert len(data) < 29 + 256
    return (bytes([0x40 | len(data)]) if len(data) < 29 else bytes([0x40 | 29, len(data) - 29])) + data


def number(value, kind=6):
    data = value.to_bytes(8, "big").lstrip(b"\0")
    return bytes([kind << 5 | len(data)]) + data if kind < 8 else bytes([len(data), kind - 7]) + data


def mapping(members):
    return bytes([0xE0 | len(members)]) + b"".join(text(key) + value for key, value in members.items())


def bits_of(network):
    """A path from the root of a tree of IPv6 networks: IPv4 stands at ::/96."""
    network = ipaddress.ip_network(network)
    value, length = int(network.network_address), network.prefixlen + (96 if network.version == 4 else 0)
    return [value >> (127 - bit) & 1 for bit in range(length)]


def database(systems, record_size=24):
    """systems: {"192.0.2.0/24": (64500, "Example")}; nested networks: the wider one must come first."""
    root, data, offsets = [None, None], b"", {}
    for network, (asn, name) in systems.items():
        offsets[network] = len(data)
        data += mapping({"autonomous_system_number": number(asn), "autonomous_system_organization": text(name)})
        node = root
        path = bits_of(network)
        for bit in path[:-1]:
            if not isinstance(node[bit], list):
                node[bit] = [node[bit], node[bit]]
            node = node[bit]
        node[path[-1]] = network
    nodes = []

    def gather(node):
        nodes.append(node)
        for side in node:
            if isinstance(side, list):
                gather(side)

    gather(root)
    places = {id(node): place for place, node in enumerate(nodes)}

    def value_of(side):
        if side is None:
            return len(nodes)
        return places[id(side)] if isinstance(side, list) else len(nodes) + len(SEPARATOR) + offsets[side]

    tree = b""
    for node in nodes:
        left, right = value_of(node[0]), value_of(node[1])
        if record_size == 28:
            tree += left.to_bytes(4, "big")[1:] + bytes([(left >> 24) << 4 | right >> 24]) + right.to_bytes(4, "big")[1:]
        else:
            tree += left.to_bytes(record_size // 8, "big") + right.to_bytes(record_size // 8, "big")
    metadata = mapping({"node_count": number(len(nodes)), "record_size": number(record_size, 5), "ip_version": number(6, 5),
                        "database_type": text("Test-ASN"), "binary_format_major_version": number(2, 5),
                        "binary_format_minor_version": number(0, 5), "build_epoch": number(1700000000, 9),
                        "description": mapping({"en": text("for tests")}), "languages": b"\x01\x04" + text("en")})
    return tree + SEPARATOR + data + MARK + metadata


def write(path, systems, record_size=24):
    with open(path, "wb") as file:
        file.write(database(systems, record_size))
