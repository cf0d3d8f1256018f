"""Real mail clients, each sending one message the way that people use it.

A client is told where smtpguard listens and from which address it must come, and has send(message): the message with LF
lines; what goes wrong is a Failure with what the client printed. The sender's address names the client, so that its
session is found in the log: sender_of("curl") is curl@sender.example. All run inside the namespaces of tests/e2e/run.
"""
import glob
import json
import os
import shutil
import smtplib
import subprocess

from .harness import Failure, Skip, expect
from .jail import Jail
from .peers import EXIM_HIDE, PostfixSender
from .process import LogFile
from .smtp_client import stuffed
from .tls_client import context

RECIPIENT = "user@example.net"
HELO = "client.example"


def sender_of(name):
    return name + "@sender.example"


def run(command, data=None, environment=None, timeout=30):
    """Runs a client to its end; any status but 0 is a Failure that quotes it."""
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          env=dict(os.environ, **(environment or {})))
    said = done.stdout.decode(errors="replace")
    expect(done.returncode == 0, f"{os.path.basename(command[0])} ended with {done.returncode}: {said[-400:]}")
    return said


class Client:
    """relay: (host, port) of smtpguard; source: the address to come from. secure: by STARTTLS or not at all, and whose the
    certificate is does not matter, as it does not to most senders."""

    eight_bit = True  # can send 8-bit text
    keeps_headers = True  # sends the message octet for octet; else only its text
    says_quit = True
    only_secure = False  # has no use without TLS

    def __init__(self, suite, relay, source, secure=False):
        self.suite = suite
        self.relay = relay
        self.source = source
        self.secure = secure

    @property
    def sender(self):
        return sender_of(self.name)

    def instance(self):
        """The name of a jail of its own."""
        return f"{self.name}-sender" + ("-tls" if self.secure else "")


class Smtplib(Client):
    name = "smtplib"

    def send(self, message):
        with smtplib.SMTP(*self.relay, local_hostname=HELO, timeout=20, source_address=(self.source, 0)) as client:
            if self.secure:
                client.starttls(context=context())
            refused = client.sendmail(self.sender, [RECIPIENT], message.replace(b"\n", b"\r\n"), mail_options=["BODY=8BITMIME"])
        expect(not refused, f"refused: {refused}")


class Swaks(Client):
    name = "swaks"
    eight_bit = False
    program = "clients/usr/bin/swaks"

    def arguments(self):
        return ["--server", self.relay[0], "--port", str(self.relay[1]), "--local-interface", self.source, "--ehlo", HELO,
                "--from", self.sender, "--to", RECIPIENT, "--data", "-", *(["-tls"] if self.secure else [])]

    def send(self, message):
        program = os.path.join(self.suite.cache, self.program)
        if subprocess.run(["perl", program, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            raise Skip("swaks does not run with this machine's perl")
        modules = glob.glob(os.path.join(self.suite.cache, "ssleay/usr/lib/*/perl5/*"))
        environment = {"PERL5LIB": ":".join(modules)}
        if self.secure and subprocess.run(["perl", "-MNet::SSLeay", "-e", "1"], stderr=subprocess.DEVNULL,
                                          env=dict(os.environ, **environment)).returncode:
            raise Skip("Net::SSLeay does not run with this machine's perl")
        run(["perl", program, *self.arguments()], message, environment)


class Curl(Client):
    name = "curl"

    def arguments(self):
        return ["-sS", "--interface", self.source, "--url", f"smtp://{self.relay[0]}:{self.relay[1]}/{HELO}",
                "--mail-from", self.sender, "--mail-rcpt", RECIPIENT, "-T", "-", *(["--ssl-reqd", "-k"] if self.secure else [])]

    def send(self, message):
        if not shutil.which("curl"):
            raise Skip("curl is not on this machine")
        run(["curl", *self.arguments()], message.replace(b"\n", b"\r\n"))


class Msmtp(Client):
    name = "msmtp"

    def arguments(self):
        return [f"--host={self.relay[0]}", f"--port={self.relay[1]}", f"--source-ip={self.source}", f"--domain={HELO}",
                f"--from={self.sender}", *(["--tls=on", "--tls-starttls=on", "--tls-certcheck=off"] if self.secure else []), RECIPIENT]

    def send(self, message):
        tree = os.path.join(self.suite.cache, "msmtp/usr")
        libraries = os.path.join(tree, "lib", os.uname().machine + "-linux-gnu")
        run([os.path.join(tree, "bin/msmtp"), *self.arguments()], message, {"LD_LIBRARY_PATH": libraries})


class Nodemailer(Client):
    name = "nodemailer"
    says_quit = False  # closes when it has its 250

    def options(self):
        return {"host": self.relay[0], "port": self.relay[1], "name": HELO, "localAddress": self.source,
                **({"requireTLS": True, "tls": {"rejectUnauthorized": False}} if self.secure else {"ignoreTLS": True})}

    def send(self, message):
        modules = os.path.join(self.suite.cache, "npm/node_modules")
        if not shutil.which("node") or not os.path.isdir(os.path.join(modules, "nodemailer")):
            raise Skip("node or nodemailer is not there")
        script = """
const chunks = []
process.stdin.on('data', c => chunks.push(c)).on('end', async () => {
  const transport = require('nodemailer').createTransport(%s)
  await transport.sendMail({envelope: {from: %s, to: %s}, raw: Buffer.concat(chunks)})
})""" % tuple(map(json.dumps, (self.options(), self.sender, RECIPIENT)))
        run(["node", "-e", script], message, {"NODE_PATH": modules})


class Postfix(Client):
    """The queue and the SMTP client of a real server. Its cleanup(8) adds headers of its own."""
    name = "postfix"
    keeps_headers = False

    def __init__(self, suite, relay, source, secure=False):
        super().__init__(suite, relay, source, secure)
        self.server = PostfixSender(suite, relay, source, self.instance(), "encrypt" if secure else "may").start()

    def send(self, message):
        mark = self.server.log.mark()
        self.server.send(message, self.sender, RECIPIENT)
        line = self.server.log.wait_for(r"postfix/smtp\[.*status=", mark, 20)
        expect("status=sent" in line, line)


class Exim(Client):
    name = "exim"

    def __init__(self, suite, relay, source, secure=False):
        super().__init__(suite, relay, source, secure)
        self.jail = jail = Jail(suite, "exim", self.instance(), EXIM_HIDE)
        for folder in ("/var/spool/exim4", "/var/log/exim4"):
            jail.folder_for(folder, "Debian-exim")
        jail.write("/etc/exim4/exim4.conf", f"""
primary_hostname = exim.sender.example
log_file_path = /var/log/exim4/%slog
keep_environment =
never_users =
begin routers
out:
  driver = manualroute
  route_list = * {relay[0]}::{relay[1]} byname
  self = send
  transport = out
begin transports
out:
  driver = smtp
  interface = {source}
  {"hosts_require_tls = *" if secure else "hosts_avoid_tls = *"}
  tls_verify_certificates =
begin retry
* * F,1h,2s
""".lstrip())
        self.log = LogFile(jail.path("/var/log/exim4/mainlog"))
        suite.at_end.append(lambda: jail.keep("/var/log/exim4/mainlog"))

    def send(self, message):
        self.jail.run("exim4", "-odf", "-oi", "-f", self.sender, RECIPIENT, data=message)
        done = self.log.find(rf" => {RECIPIENT} .*C=\"250 ")
        expect(done, "not delivered: " + " | ".join(self.log.lines()[-4:]))


class Sendmail(Client):
    name = "sendmail"
    keeps_headers = False  # it puts its own Received behind the headers that come first

    def __init__(self, suite, relay, source, secure=False):
        super().__init__(suite, relay, source, secure)
        self.jail = jail = Jail(suite, "sendmail", self.instance(), ("/etc/mail", "/var/spool/mqueue", "/var/lib/sendmail"))
        jail.write("/etc/mail/sender.mc", f"""
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
define(`SMART_HOST', `relay:[{relay[0]}]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {relay[1]}')dnl
define(`confDOMAIN_NAME', `sendmail.sender.example')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
CLIENT_OPTIONS(`Family=inet, Address={source}')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
MAILER(`smtp')dnl
""".lstrip())
        jail.write("/etc/mail/service.switch", "hosts files\n")
        jail.folder_for("/var/spool/mqueue")
        os.chmod(jail.path("/var/spool/mqueue"), 0o700)
        jail.folder_for("/var/lib/sendmail/host_status")
        jail.folder_for("/run/sendmail")
        jail.write("/etc/mail/local-host-names", "sendmail.sender.example\n")
        jail.write("/etc/mail/sendmail.cf", jail.run("m4", "/etc/mail/sender.mc"))

    def send(self, message):
        said = self.jail.run("/usr/libexec/sendmail/sendmail", "-Am", "-C", "/etc/mail/sendmail.cf", "-i", "-odi", "-oem", "-v",
                             "-B8BITMIME", "-f", self.sender, RECIPIENT, data=message)
        if "Sent (" not in said:
            raise Failure("not delivered: " + said[-400:])


class OpensslSClient(Client):
    """openssl s_client, as people do by hand; what it says is written down beforehand, one line after each reply."""
    name = "s_client"
    only_secure = True

    def send(self, message):
        if not shutil.which("openssl"):
            raise Skip("openssl is not on this machine")
        call = ["openssl", "s_client", "-quiet", "-starttls", "smtp", "-name", HELO, "-bind", f"{self.source}:0",
                "-connect", f"{self.relay[0]}:{self.relay[1]}"]
        data = stuffed(message.replace(b"\n", b"\r\n")) + b".\r\n"
        dialog = [(f"EHLO {HELO}", 250), (f"MAIL FROM:<{self.sender}> BODY=8BITMIME", 250), (f"RCPT TO:<{RECIPIENT}>", 250),
                  ("DATA", 354), (data, 250), ("QUIT", 221)]
        with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            try:
                for line, due in dialog:
                    client.stdin.write(line if isinstance(line, bytes) else line.encode() + b"\r\n")
                    client.stdin.flush()
                    code = final_code(client.stdout)
                    expect(code == due, f"{line!r:.60}: {code}")
            finally:
                client.stdin.close()
                client.terminate()


def final_code(stream):
    """The code of the next whole reply, 0 at the end."""
    for line in stream:
        if line[:3].isdigit() and line[3:4] != b"-":
            return int(line[:3])
    return 0


ALL = (Smtplib, Swaks, Curl, Msmtp, Nodemailer, Postfix, Exim, Sendmail, OpensslSClient)
