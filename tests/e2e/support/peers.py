"""Real MTAs, each in its jail: Postfix, OpenSMTPD and Exim as backends, Postfix as sender."""
import os
import re

from . import process
from .guard import can_connect
from .harness import wait_until
from .jail import POSTDROP, Jail, Maildir

POSTFIX_HIDE = ("/etc/postfix", "/usr/lib/postfix", "/var/spool/postfix", "/var/lib/postfix")
EXIM_HIDE = ("/etc/exim4", "/var/spool/exim4", "/var/log/exim4")
STANDARD_SERVICES = re.compile(r"^(pickup|cleanup|qmgr|tlsmgr|rewrite|bounce|defer|trace|flush|proxymap|smtp\s+unix|relay"
                               r"|error|retry|discard|virtual|anvil|scache|postlog)")


def received_from(helo, client):
    """What a Received header says of a client without a name, in Postfix and OpenSMTPD."""
    return rf"from {re.escape(helo)} \(<?unknown>? \[(IPv6:)?{re.escape(client)}\]\)"


class Postfix:
    """Backend for example.net. Port 10025 wants a PROXY header of version 1 or 2, port 10026 takes XCLIENT.
    mynetworks is empty: behind a proxy every client seems to be near, so nobody may relay by address. Bare LF is taken for a
    line end, as Postfix did for decades: smtpguard must not depend on what stands behind it.
    tls: (certificate, key); without TLS it takes no mail then."""

    PROXY = ("127.0.0.1", 10025)
    XCLIENT = ("127.0.0.1", 10026)
    received_by = "Postfix"
    received_from = staticmethod(received_from)

    def __init__(self, suite, instance="postfix", tls=None):
        self.jail = jail = Jail(suite, "postfix", instance, POSTFIX_HIDE)
        self.mailbox = Maildir(jail.path("/home/vmail/inbox"))
        self.log = process.LogFile(jail.path("/var/log/postfix.log"))
        suite.at_end.append(lambda: jail.keep("/var/log/postfix.log"))
        secure = ""
        if tls:
            for path, inside in zip(tls, ("/etc/postfix/tls.pem", "/etc/postfix/tls.key")):
                with open(path) as file:
                    jail.write(inside, file.read())
            secure = """smtpd_tls_cert_file = /etc/postfix/tls.pem
smtpd_tls_key_file = /etc/postfix/tls.key
smtpd_tls_security_level = encrypt
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
"""
        write_postfix(jail, f"""
{secure}compatibility_level = 3.6
maillog_file = /var/log/postfix.log
myhostname = backend.example.net
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1, ::1
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_forbid_bare_newline = no
message_size_limit = 60000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.net
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{os.stat(jail.path("/home/vmail")).st_uid}
virtual_gid_maps = static:{os.stat(jail.path("/home/vmail")).st_gid}
alias_maps =
alias_database =
default_transport = discard
service_throttle_time = 1s
""", """
10025 inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
  -o smtpd_upstream_proxy_timeout=5s
10026 inet n - n - - smtpd
  -o smtpd_authorized_xclient_hosts=127.0.0.1,[::1]
""")

    def start(self):
        self.jail.run("postfix", "start")
        wait_until(lambda: can_connect(self.PROXY) and can_connect(self.XCLIENT), "Postfix listens", 15)
        return self

    def stop(self):
        self.jail.run("postfix", "stop", check=False)
        wait_until(lambda: not can_connect(self.PROXY), "Postfix stops", 15)

    def kill_sessions(self):
        """SIGKILL to the smtpd processes of this jail alone: a backend that dies inside DATA."""
        killed = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                program = os.readlink(f"/proc/{pid}/exe")
                root = os.readlink(f"/proc/{pid}/root")
            except OSError:
                continue
            if root == self.jail.root and program.endswith("/smtpd"):
                os.kill(int(pid), 9)
                killed += 1
        return killed


def write_postfix(jail, main, services):
    jail.write("/etc/postfix/main.cf", main.lstrip())
    with open(jail.path("/usr/share/postfix/dynamicmaps.cf")) as file:
        jail.write("/etc/postfix/dynamicmaps.cf", file.read())
    with open(jail.path("/usr/share/postfix/master.cf.dist")) as file:
        for line in file:
            if STANDARD_SERVICES.match(line):
                columns = line.split()
                columns[4] = "n"  # no chroot inside the jail
                services += " ".join(columns) + "\n"
    jail.write("/etc/postfix/master.cf", services.lstrip())
    jail.folder_for("/var/spool/postfix")
    jail.folder_for("/var/lib/postfix", "postfix")
    for name in ("postdrop", "postqueue"):
        program = jail.path("/usr/sbin/" + name)
        os.chown(program, 0, POSTDROP)
        os.chmod(program, 0o2755)
    jail.run("postfix", "set-permissions", check=False)  # complains of documents that we have not unpacked


class PostfixSender:
    """Postfix as the sending server of b.example: everything goes to `relay` from address `source`."""

    def __init__(self, suite, relay, source, instance="postfix-sender", tls="may"):
        self.jail = jail = Jail(suite, "postfix", instance, POSTFIX_HIDE)
        self.log = process.LogFile(jail.path("/var/log/postfix.log"))
        suite.at_end.append(lambda: jail.keep("/var/log/postfix.log"))
        # inet_interfaces must not hold the relay's address, or Postfix sees a loop to itself.
        write_postfix(jail, f"""
compatibility_level = 3.6
maillog_file = /var/log/postfix.log
myhostname = sender.b.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [{relay[0]}]:{relay[1]}
smtp_bind_address = {source}
smtp_tls_security_level = {tls}
message_size_limit = 60000000
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
alias_maps =
alias_database =
""", "")

    def start(self):
        self.jail.run("postfix", "start")
        return self

    def send(self, message, sender="a@b.example", recipient="user@example.net", body="8BITMIME"):
        """Queues one message (LF lines)."""
        self.jail.run("sendmail", "-i", "-B", body, "-f", sender, recipient, data=message)


class OpenSmtpd:
    """Backend for example.net on port 10035, PROXY v2 only."""

    ADDRESS = ("127.0.0.1", 10035)
    received_by = "OpenSMTPD"
    received_from = staticmethod(received_from)

    def __init__(self, suite, instance="opensmtpd"):
        self.jail = jail = Jail(suite, "opensmtpd", instance, ("/etc/smtpd.conf", "/var/spool/smtpd"))
        self.mailbox = Maildir(jail.path("/home/vmail/Maildir"))
        self.log = process.LogFile(os.path.join(jail.folder, "opensmtpd.log"))
        jail.folder_for("/var/lib/opensmtpd/empty")
        jail.write("/etc/smtpd.conf", f"""
smtp max-message-size 60M
listen on 127.0.0.1 port {self.ADDRESS[1]} hostname backend.example.net proxy-v2
table doms {{ "example.net" }}
table virt {{ "@" = "vmail" }}
action "deliver" maildir "/home/vmail/Maildir" virtual <virt>
match from any for domain <doms> action "deliver"
""".lstrip())

    def start(self):
        self.jail.run("smtpd", "-n")
        process.start(self.jail.command("smtpd", "-dv"), self.log.path)
        wait_until(lambda: can_connect(self.ADDRESS), "OpenSMTPD listens", 15)
        return self


class Exim:
    """Backend for example.net; port 10045 wants a PROXY header of version 1 or 2."""

    ADDRESS = ("127.0.0.1", 10045)
    received_by = "Exim"

    def __init__(self, suite, instance="exim"):
        self.jail = jail = Jail(suite, "exim", instance, EXIM_HIDE)
        self.mailbox = Maildir(jail.path("/home/vmail/Maildir"))
        self.log = process.LogFile(jail.path("/var/log/exim4/mainlog"))
        suite.at_end.append(lambda: jail.keep("/var/log/exim4/mainlog"))
        for folder in ("/var/spool/exim4", "/var/log/exim4"):
            jail.folder_for(folder, "Debian-exim")
        os.chmod(jail.path("/usr/sbin/exim4"), 0o4755)
        jail.write("/etc/exim4/exim4.conf", f"""
primary_hostname = backend.example.net
domainlist local_domains = example.net
daemon_smtp_ports = {self.ADDRESS[1]}
local_interfaces = 127.0.0.1
hosts_proxy = 127.0.0.1
tls_advertise_hosts =
dsn_advertise_hosts = *
message_size_limit = 60M
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = acl_rcpt
log_file_path = /var/log/exim4/%slog
log_selector = +smtp_connection
keep_environment =
rfc1413_query_timeout = 0s
begin acl
acl_rcpt:
  accept domains = +local_domains
  deny message = relay not permitted
begin routers
box:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = /home/vmail/Maildir
  maildir_format
  create_directory
  user = vmail
  group = vmail
""".lstrip())

    def start(self):
        process.start(self.jail.command("exim4", "-bdf", "-q30m"), os.path.join(self.jail.folder, "exim.log"))
        wait_until(lambda: can_connect(self.ADDRESS), "Exim listens", 15)
        return self

    def received_from(self, helo, client):
        return rf"from \[{re.escape(client)}\] \((port=\d+ )?helo={re.escape(helo)}\)"
