"""What stands before the sink in a benchmark: nothing, smtpguard, HAProxy, nginx, Postfix with postscreen.

Each has `address` where clients connect, `pids()`, and `cpu()` in seconds of all its processes, those that have ended
included. Known clients come from 203.0.113.0/24 and are allow-listed where there is such a list; strangers from
198.18.0.0/15. Works only in the namespaces that tests/bench/run makes; the jails and recipes are those of tests/e2e.
"""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from support import process  # noqa: E402
from support.guard import can_connect, free_port  # noqa: E402
from support.harness import Failure, wait_until  # noqa: E402
from support.peers import POSTFIX_HIDE, write_postfix  # noqa: E402

KNOWN, KNOWN_ADDRESSES = "203.0.113.1", 50
STRANGERS = "198.18.0.1"
FRONT = "203.0.113.25"
LISTS = ("one.lists.test", "two.lists.test", "three.lists.test")
TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """(parent, CPU seconds of the process and of its children that have ended)"""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / TICKS


def _descendants(pid):
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents.setdefault(_stat(name)[0], []).append(int(name))
        except OSError:
            continue
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


def resident(pid):
    """Octets of the process's own memory."""
    with open(f"/proc/{pid}/status") as status:
        return sum(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


class Peer:
    name = "?"
    knows_clients = True  # an allow list decides what happens

    def __init__(self, bench):
        self.bench = bench
        self.address = (FRONT, free_port(FRONT))
        self.process = None

    def pids(self):
        return _descendants(self.process.pid)

    def cpu(self):
        total = 0
        for pid in self.pids():
            try:
                total += _stat(pid)[1]
            except OSError:
                continue
        return total

    def resident(self):
        return sum(map(resident, self.pids()))

    def wait(self):
        wait_until(lambda: can_connect(self.address), f"{self.name} listens", 20)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except Exception:
                self.process.kill()
                self.process.wait()


class Direct(Peer):
    """The sink alone."""
    name = "sink"

    def start(self):
        self.process = self.bench.start("sink-alone", [self.bench.sink, f"{FRONT}:{self.address[1]}", "none"])
        return self.wait()


class Smtpguard(Peer):
    name = "smtpguard"

    def __init__(self, bench, greet_delay="0s", teaser=True, dns_delay=0, name="smtpguard", lists=LISTS, connections=19_500,
                 event_loops=1, cache_entries=20_000):
        super().__init__(bench)
        self.name = name
        self.folder = bench.folder(name)
        port = bench.name_server(dns_delay)
        zones = "".join(f'[[dnsbl.list]]\nzone = "{zone}"\n' for zone in lists)
        self.configuration = os.path.join(self.folder, "smtpguard.toml")
        with open(self.configuration, "w") as file:
            file.write(f"""hostname = "mx.example.net"
event_loops = {event_loops}
[[listener]]
address = "{FRONT}:{self.address[1]}"
[policy.default]
greet_delay = "{greet_delay}"
teaser = {str(teaser).lower()}
posture = "balanced"
[backend]
address = "127.0.0.1:{bench.sink_port('proxy')}"
[recipients]
domains = ["example.net"]
[access]
allow = ["203.0.113.0/24"]
[memory]
enabled = false
[dns]
servers = ["127.0.0.1:{port}"]
cache_entries = {cache_entries}
{zones}[limits]
connections = {connections}
connections_per_address = 19000
connections_per_network = 19000
message_size = "100MB"
[log]
syslog = false
[control]
socket = "{self.folder}/control"
""")

    def start(self):
        self.process = self.bench.start(self.name, [self.bench.binary, "-d", "-f", self.configuration])
        return self.wait()

    def resident(self):
        return resident(self.pids()[-1])  # the worker


class HAProxy(Peer):
    """TCP mode with a log; it tests nothing."""
    name = "HAProxy"

    def start(self):
        jail = self.bench.jail("haproxy", "/etc/haproxy")
        jail.write("/etc/hap.cfg", f"""
global
  maxconn 9900
  log stdout format raw local0
defaults
  mode tcp
  log global
  option tcplog
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen smtp
  bind {FRONT}:{self.address[1]}
  server b 127.0.0.1:{self.bench.sink_port("proxy")} send-proxy-v2
""")
        self.process = self.bench.start("haproxy", jail.command("haproxy", "-db", "-f", "/etc/hap.cfg"))
        return self.wait()


class Nginx(Peer):
    """The mail proxy; it tests nothing, answers EHLO and MAIL itself, and asks its own HTTP server whom to hand over to."""
    name = "nginx"

    def start(self):
        jail = self.bench.jail("nginx", "/etc/nginx")
        web = free_port()
        jail.write("/etc/bench.conf", f"""
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
user nobody nogroup;
worker_processes 1;
pid /run/nginx.pid;
error_log /run/error.log info;
events {{ worker_connections 19900; }}
http {{
  access_log off;
  client_body_temp_path /run/a; proxy_temp_path /run/b; fastcgi_temp_path /run/c; uwsgi_temp_path /run/d; scgi_temp_path /run/e;
  server {{
    listen 127.0.0.1:{web};
    location /auth {{
      add_header Auth-Status OK; add_header Auth-Server 127.0.0.1; add_header Auth-Port {self.bench.sink_port("xclient")};
      return 204;
    }}
  }}
}}
mail {{
  server_name nginx.example.net; auth_http 127.0.0.1:{web}/auth; xclient on; proxy_pass_error_message on;
  server {{ listen {FRONT}:{self.address[1]}; protocol smtp; smtp_auth none; }}
}}
""")
        self.process = self.bench.start("nginx", jail.command("nginx", "-c", "/etc/bench.conf"))
        return self.wait()


class Postscreen(Peer):
    """postscreen with its DNS lists and smtpd behind it, which is the MTA itself and discards what it gets."""
    name = "postscreen"

    def __init__(self, bench, greet_wait="2s"):
        super().__init__(bench)
        self.greet_wait = greet_wait

    def start(self):
        self.jail = jail = self.bench.jail("postfix", *POSTFIX_HIDE)
        lists = " ".join(f"{zone}*1" for zone in LISTS)
        write_postfix(jail, f"""
compatibility_level = 3.6
maillog_file = /var/log/postfix.log
myhostname = mx.example.net
mydestination =
mynetworks =
inet_interfaces = {FRONT}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
default_process_limit = 100
message_size_limit = 100000000
mailbox_size_limit = 0
virtual_mailbox_domains = example.net
virtual_transport = discard
local_transport = discard
default_transport = discard
alias_maps =
alias_database =
postscreen_access_list = cidr:/etc/postfix/known
postscreen_greet_wait = {self.greet_wait}
postscreen_greet_action = enforce
postscreen_dnsbl_sites = {lists}
postscreen_dnsbl_action = enforce
postscreen_client_connection_count_limit = 19000
postscreen_pre_queue_limit = 18000
postscreen_post_queue_limit = 18000
""", f"""
{self.address[1]} inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
""")
        jail.write("/etc/postfix/known", "203.0.113.0/24 permit\n")
        jail.run("postfix", "start")
        return self.wait()

    def pids(self):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/root") == self.jail.root:
                    found.append(int(pid))
            except OSError:
                continue
        return found

    def stop(self):
        self.jail.run("postfix", "stop", check=False)

    def resident(self):
        for pid in self.pids():
            try:
                if os.readlink(f"/proc/{pid}/exe").endswith("/postscreen"):
                    return resident(pid)
            except OSError:
                continue
        raise Failure("postscreen does not run")
