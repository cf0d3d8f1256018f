"""Real name servers in one jail: rbldnsd for lists, nsd and knot for zones, unbound in front of them as the resolver of the site.

Each has a port of its own on 127.0.0.1. Works only inside the namespaces that tests/e2e/run makes.
"""
import os
import socket

from . import process
from .guard import free_port
from .harness import wait_until
from .jail import Jail

LIST_USER = 5107  # rbldnsd wants to be somebody else than root


class DnsPeers:
    def __init__(self, suite, instance="dns"):
        self.suite = suite
        self.jail = Jail(suite, "dns", instance, ("/etc/nsd", "/etc/knot", "/etc/unbound"))
        self.jail.folder_for("/z")
        self.processes = []
        self.stubs = {}  # zone: port of its server
        suite.at_end.append(self.stop)

    def _start(self, name, *command):
        log = os.path.join(self.jail.folder, name + ".log")
        started = process.start(self.jail.command(*command), log)
        self.processes.append(started)
        return started

    def stop(self):
        for one in self.processes:
            if one.poll() is None:
                one.kill()
                one.wait()

    def write_list(self, name, lines):
        """A data file of rbldnsd, which looks for changes every second."""
        self.jail.write("/z/" + name, "\n".join(lines) + "\n")

    def start_lists(self, zones):
        """zones: [(zone, kind of data, file)]"""
        port = free_port()
        self._start("rbldnsd", "rbldnsd", "-n", "-u", f"{LIST_USER}:{LIST_USER}", "-b", f"127.0.0.1/{port}", "-t", "2",
                    "-c", "1", "-w", "/z", *[f"{zone}:{kind}:{file}" for zone, kind, file in zones])
        self.stubs.update({zone: port for zone, _kind, _file in zones})

    def start_nsd(self, zones):
        """zones: {name: text of the zone file}"""
        port = free_port()
        text = f"""
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonesdir: "/z"
  zonelistfile: "/run/zl"
  xfrdir: "/run"
  server-count: 1
remote-control:
  control-enable: no
"""
        for number, (zone, content) in enumerate(zones.items()):
            self.jail.write(f"/z/nsd-{number}", content)
            text += f'zone:\n  name: "{zone}"\n  zonefile: "nsd-{number}"\n'
        self.jail.write("/etc/nsd/test.conf", text)
        self._start("nsd", "nsd", "-d", "-c", "/etc/nsd/test.conf")
        self.stubs.update({zone: port for zone in zones})

    def start_knot(self, tcp_only, broken):
        """tcp_only: {zone: text}; broken: zones whose file is missing, so that knot says SERVFAIL."""
        port = free_port()
        self.jail.folder_for("/run/knot")
        text = f"server:\n  rundir: /run/knot\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: /run/knot\n"
        text += "log:\n - target: stderr\n   any: info\nzone:\n"
        for number, (zone, content) in enumerate(tcp_only.items()):
            self.jail.write(f"/z/knot-{number}", content)
            text += f" - domain: {zone}\n   storage: /z\n   file: knot-{number}\n   module: mod-noudp\n"
        for zone in broken:
            text += f" - domain: {zone}\n   storage: /z\n   file: missing\n"
        self.jail.write("/etc/knot/test.conf", text)
        self._start("knot", "knotd", "-c", "/etc/knot/test.conf")
        self.stubs.update({zone: port for zone in [*tcp_only, *broken]})

    def start_unbound(self, refused=()):
        """The resolver of the site, for all zones of the servers above and of self.stubs. Returns its address."""
        port = free_port()
        text = f"""
server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "/run"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  do-not-query-localhost: no
  qname-minimisation: no
  unknown-server-time-limit: 10000
  infra-cache-min-rtt: 10000
  infra-keep-probing: yes
  num-threads: 1
  cache-max-ttl: 2
  cache-max-negative-ttl: 2
"""
        for zone in self.stubs:
            text += f'  local-zone: "{zone}." nodefault\n'
        for zone in refused:
            text += f'  local-zone: "{zone}." refuse\n'
        text += "remote-control:\n  control-enable: no\n"
        for zone, stub in self.stubs.items():
            text += f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{stub}\n  stub-no-cache: no\n'
        self.jail.write("/etc/unbound/test.conf", text)
        self._start("unbound", "unbound", "-d", "-c", "/etc/unbound/test.conf")
        address = ("127.0.0.1", port)
        wait_until(lambda: is_open(address), "unbound answers", 15)
        return address


def is_open(address):
    try:
        socket.create_connection(address, timeout=0.5).close()
        return True
    except OSError:
        return False
