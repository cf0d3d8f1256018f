#!/usr/bin/env python3
"""Every fault of HELO, reverse name and network that the article "SMTP Filters" names, and its neighbours: what the client
says, what is found, on what evidence, what each posture does about it, and what the client is told.

Each row is one session with three recipients, whose policies are lenient, balanced and strict. Clients come by PROXY header
from public addresses; the DNS is an answers file. Loopback only, needs no root. The table stands in judge_names.txt
beside the logs, and is printed when the script is run by itself.
"""
import os
import re

from support.backend import ScriptedBackend
from support.guard import Guard, fields, free_port
from support.harness import Suite, expect
from support.smtp_client import RawClient

POSTURES = ("lenient", "balanced", "strict")
OUR_ADDRESS = "198.51.100.7"
OUR_NAME = "mx.example.net"

# Whoever says it: a well-kept server.
GOOD = "203.0.113.10"

DNS = f"""
{GOOD} PTR 300 mail.sender.net
mail.sender.net A 300 {GOOD}
sender.net MX 300 10 mail.sender.net
other.sender.net A 300 192.0.2.1
mail.elsewhere.net A 300 192.0.2.1
9.dsl.sender.net A 300 192.0.2.1
mail.google.com A 300 192.0.2.1
kadath.elsewhere.net A 300 192.0.2.1
mine.elsewhere.net A 300 203.0.113.22
broken.sender.net ANY SERVFAIL

203.0.113.21 PTR 300 liar.sender.net
liar.sender.net A 300 192.0.2.1
203.0.113.22 PTR 300 dyn-203-0-113-22.isp.net
dyn-203-0-113-22.isp.net A 300 203.0.113.22
203.0.113.23 PTR 300 dyn-203-0-113-23.isp.net
203.0.113.24 PTR SERVFAIL
203.0.113.25 PTR TIMEOUT
203.0.113.26 PTR 300 slow.sender.net
slow.sender.net A TIMEOUT

203.0.113.31 PTR 300 scan.criminalip.com
scan.criminalip.com A 300 203.0.113.31
203.0.113.32 PTR 300 n2.cyberresilience.io
n2.cyberresilience.io A 300 203.0.113.32
203.0.113.33 PTR 300 hazel.internet-measurement.com
hazel.internet-measurement.com A 300 203.0.113.33
203.0.113.34 PTR 300 r4.securing-email.com
r4.securing-email.com A 300 203.0.113.34
65.49.1.108 PTR 300 scan-59a.shadowserver.org
scan-59a.shadowserver.org A 300 65.49.1.108
203.0.113.36 PTR 300 fake.shadowserver.org

3.131.215.38 PTR 300 ec2-3-131-215-38.us-east-2.compute.amazonaws.com
ec2-3-131-215-38.us-east-2.compute.amazonaws.com A 300 3.131.215.38
162.216.149.104 PTR 300 104.149.216.162.bc.googleusercontent.com
104.149.216.162.bc.googleusercontent.com A 300 162.216.149.104
3.131.215.40 PTR 300 mail.renter.net
mail.renter.net A 300 3.131.215.40
"""


# What is said of each fault, as the sender's postmaster reads it in his bounce.
SAYS = {
    "helo.self": "your server says HELO with our own name or address",
    "helo.bot_name": "your server says HELO with a name that only bots use",
    "helo.literal_mismatch": "your server says HELO with an address that it does not have",
    "helo.impersonates": "your server says HELO with the name of a company that it does not belong to",
    "helo.unqualified": "your server says HELO with a name that is not fully qualified",
    "helo.reserved": "your server says HELO with a name that exists in private networks only",
    "helo.documentation": "your server says HELO with a name from documentation (RFC 2606)",
    "helo.bare_address": "your server says HELO with an address instead of a name",
    "helo.literal": "your server says HELO with an address literal instead of a name",
    "helo.generic": "the HELO name of your server is its provider's, not its own",
    "helo.no_forward": "the HELO name of your server is not in the DNS",
    "helo.not_rdns": "the HELO name of your server and its reverse name are not of one domain",
    "helo.plain": "nothing shows that the HELO name of your server is a mail server's",
    "rdns.none": "your address has no reverse name",
    "rdns.unconfirmed": "the reverse name of your address does not lead back to it",
    "rdns.generic": "the reverse name of your address is one that a provider gives to any line",
    "network.cloud": "your address belongs to a cloud and has no name of its own",
}
NAME_IT = "; let it say its own full name, with an address in the DNS"


def refused(*tests, mend=""):
    return "550 5.7.1 refused: " + ", ".join(f"{SAYS[test]} ({test})" for test in tests) + mend


def deferred(*tests, mend=""):
    return "450 4.7.1 not accepted now: " + ", ".join(f"{SAYS[test]} ({test})" for test in tests) + mend


TAKEN = "250 2.1.5 Ok"


class Row:
    """findings: {"helo.self": its evidence}; unknown: the same for what the DNS did not let us find out. replies: what the
    recipients with the policies lenient, balanced and strict are answered, but for the id of the session."""

    def __init__(self, name, helo, client=GOOD, findings=None, unknown=None, replies=(TAKEN, TAKEN, TAKEN)):
        self.name = name
        self.helo = [helo] if isinstance(helo, str) else helo
        self.client = client
        self.findings = {(test, "fail"): evidence for test, evidence in (findings or {}).items()}
        self.findings.update({(test, "temperror"): evidence for test, evidence in (unknown or {}).items()})
        self.replies = replies


def required(test, postures=3):
    """Refuses alone in the `postures` strictest."""
    return (TAKEN,) * (3 - postures) + (refused(test, mend=NAME_IT),) * postures


def look(name, helo, test):
    """A fault in the look of the name: 4 points in balanced, alone enough in strict."""
    return Row(name, helo, findings={test: helo}, replies=required(test, 1))


def own_name(name, client, findings=None, **more):
    """The client says its confirmed name."""
    host = re.search(rf"^{re.escape(client)} PTR 300 (\S+)", DNS, re.M).group(1)
    return Row(name, host, client, {test: evidence.format(host=host) for test, evidence in (findings or {}).items()}, **more)


HELO = [
    Row("nothing-wrong", "mail.sender.net"),
    Row("in-capitals-with-the-dot-of-the-root", "MAIL.Sender.Net."),
    Row("our-name", OUR_NAME, findings={"helo.self": OUR_NAME}, replies=required("helo.self")),
    Row("our-address", OUR_ADDRESS, findings={"helo.self": OUR_ADDRESS}, replies=required("helo.self")),
    Row("our-address-in-brackets", f"[{OUR_ADDRESS}]", findings={"helo.self": f"[{OUR_ADDRESS}]"}, replies=required("helo.self")),
    Row("bot-user", "User", findings={"helo.bot_name": "User"}, replies=required("helo.bot_name", 2)),
    Row("bot-ylmf-pc", "ylmf-pc", findings={"helo.bot_name": "ylmf-pc"}, replies=required("helo.bot_name", 2)),
    Row("another-address-in-brackets", "[192.0.2.1]", findings={"helo.literal_mismatch": "[192.0.2.1]"},
        replies=(TAKEN, deferred("helo.literal_mismatch", mend=NAME_IT), refused("helo.literal_mismatch", mend=NAME_IT))),
    Row("big-company", "mail.google.com", findings={"helo.impersonates": "mail.google.com, PTR mail.sender.net",
                                                    "helo.not_rdns": "mail.google.com, PTR mail.sender.net"},
        replies=(TAKEN, deferred("helo.impersonates", "helo.not_rdns"), refused("helo.impersonates", mend=NAME_IT))),
    look("unqualified-windows", "WIN-7N1FIECL6IC", "helo.unqualified"),
    look("unqualified-no-host-name", "$domain", "helo.unqualified"),
    look("localhost.localdomain", "localhost.localdomain", "helo.reserved"),
    look("private-domain", "exchange.corp.local", "helo.reserved"),
    look("mail.example.org", "mail.example.org", "helo.documentation"),
    look("address-without-brackets", GOOD, "helo.bare_address"),
    Row("own-address-in-brackets", f"[{GOOD}]", findings={"helo.literal": f"[{GOOD}]"}),
    Row("ipv6-literal-over-ipv4", "[IPv6:2001:db8::1]", findings={"helo.literal": "[IPv6:2001:db8::1]"}),
    Row("changed", ["mail.sender.net", "other.sender.net"], findings={"helo.changed": "changes: 1, now other.sender.net"}),
    Row("generic", "9.dsl.sender.net", findings={"helo.generic": "9.dsl.sender.net: dsl"}),
    Row("not-in-the-dns", "gone.sender.net", findings={"helo.no_forward": "gone.sender.net: no such name"}),
    Row("dns-trouble", "broken.sender.net", unknown={"helo.no_forward": "broken.sender.net: server_failure"}),
    Row("not-the-reverse-name", "mail.elsewhere.net", findings={"helo.not_rdns": "mail.elsewhere.net, PTR mail.sender.net"}),
    # The smallest faults together.
    Row("not-in-the-dns-and-elsewhere", "gone.elsewhere.net",
        findings={"helo.no_forward": "gone.elsewhere.net: no such name", "helo.not_rdns": "gone.elsewhere.net, PTR mail.sender.net",
                  "helo.plain": "gone.elsewhere.net, PTR mail.sender.net"},
        replies=(TAKEN, TAKEN, deferred("helo.no_forward", "helo.not_rdns", "helo.plain"))),
]

RDNS = [
    # Without a reverse name a mail server is let in if its name says what it is; with the least doubt strict is not.
    Row("none", "mail.sender.net", "203.0.113.20", {"rdns.none": "20.113.0.203.in-addr.arpa"}),
    Row("none-and-a-plain-name", "kadath.elsewhere.net", "203.0.113.20",
        {"rdns.none": "20.113.0.203.in-addr.arpa", "helo.plain": "kadath.elsewhere.net, PTR none"},
        replies=(TAKEN, TAKEN, deferred("rdns.none", "helo.plain"))),
    Row("does-not-lead-back", "liar.sender.net", "203.0.113.21",
        {"rdns.unconfirmed": "liar.sender.net", "helo.plain": "liar.sender.net, PTR liar.sender.net"},
        replies=(TAKEN, TAKEN, deferred("rdns.unconfirmed", "helo.plain"))),
    own_name("generic", "203.0.113.22", {"rdns.generic": "{host}: 203.0.113.22", "helo.generic": "{host}: 203.0.113.22"},
             replies=(TAKEN, deferred("helo.generic", "rdns.generic"), refused("helo.generic", "rdns.generic"))),
    # The same line, and somebody who runs his own server there.
    Row("generic-with-a-name-of-its-own", "mine.elsewhere.net", "203.0.113.22"),
    # What a bot on a home line looks like.
    Row("dial-up-bot", "WIN-5N8GBBS0R5I", "203.0.113.23",
        {"helo.unqualified": "WIN-5N8GBBS0R5I", "rdns.unconfirmed": "dyn-203-0-113-23.isp.net",
         "rdns.generic": "dyn-203-0-113-23.isp.net: 203.0.113.23"},
        replies=(TAKEN, refused("helo.unqualified", "rdns.unconfirmed", "rdns.generic"), refused("helo.unqualified", mend=NAME_IT))),
    Row("servfail", "mail.sender.net", "203.0.113.24", unknown={"rdns.none": "24.113.0.203.in-addr.arpa: server_failure"}),
    Row("timeout", "mail.sender.net", "203.0.113.25", unknown={"rdns.none": "25.113.0.203.in-addr.arpa: timeout"}),
    Row("timeout-on-the-way-back", "mail.sender.net", "203.0.113.26", unknown={"rdns.unconfirmed": "slow.sender.net"}),
]

CLOUD = (TAKEN, deferred("helo.generic", "rdns.generic", "network.cloud"), refused("helo.generic", "network.cloud", "rdns.generic"))
NETWORK = [
    own_name("criminalip.com", "203.0.113.31", {"network.scanner": "{host} of criminalip.com (criminalip)"}),
    own_name("cyberresilience.io", "203.0.113.32", {"network.scanner": "{host} of cyberresilience.io (cyberresilience)"}),
    own_name("internet-measurement.com", "203.0.113.33",
             {"network.scanner": "{host} of internet-measurement.com (internet-measurement)"}),
    own_name("securing-email.com", "203.0.113.34", {"network.scanner": "{host} of securing-email.com (securing-email)"}),
    own_name("shadowserver.org", "65.49.1.108", {"network.scanner": "{host} of shadowserver.org (shadowserver)"}),
    Row("not-shadowserver.org", "mail.sender.net", "203.0.113.36", {"rdns.unconfirmed": "fake.shadowserver.org"}),
    own_name("compute.amazonaws.com", "3.131.215.38",
             {"helo.generic": "{host}: 3.131.215.38", "rdns.generic": "{host}: 3.131.215.38",
              "network.cloud": "{host} of compute.amazonaws.com (amazon)"}, replies=CLOUD),
    # The address of the article; whose scanner it is today is known as well.
    own_name("googleusercontent.com", "162.216.149.104",
             {"helo.generic": "{host}: 162.216.149.104", "rdns.generic": "{host}: 162.216.149.104",
              "network.cloud": "{host} of googleusercontent.com (google)",
              "network.scanner": "162.216.149.104 of 162.216.148.0/22 (palo-alto-networks)"}, replies=CLOUD),
    Row("cloud-without-a-name", "mail.sender.net", "3.131.215.39",
        {"rdns.none": "39.215.131.3.in-addr.arpa", "network.cloud_unnamed": "3.131.215.39 of 3.128.0.0/12 (amazon)"}),
    own_name("cloud-with-a-name-of-its-own", "3.131.215.40"),
]


def begin(guard, row):
    client = RawClient(guard.address)
    client.send(f"PROXY TCP4 {row.client} {OUR_ADDRESS} 40000 25\r\n".encode())
    client.greeting()
    return client


def play(guard, row):
    """The replies to the three recipients, without the id of the session."""
    with begin(guard, row) as client:
        for helo in row.helo:
            client.ask(f"EHLO {helo}", 250)
        client.ask("MAIL FROM:<ann@sender.net>", 250)
        replies = [client.ask(f"RCPT TO:<{posture}@example.net>") for posture in POSTURES]
        client.quit()
    return tuple(re.sub(r" \(session \w+\)$", "", reply.text) for reply in replies)


def findings_of(guard, row, since):
    """{(test, outcome): evidence} of the session, from its lines in the log."""
    guard.summary((row.client, 40000), since)
    lines = [fields(line) for line in guard.events((row.client, 40000), since)]
    return {(said["test"], said["outcome"]): said["evidence"] for said in lines if said["event"] == "finding"}


def judge(guard, table, row):
    since = guard.log.mark()
    replies = play(guard, row)
    found = findings_of(guard, row, since)
    table.append((row, found, replies))
    expect(found == row.findings, f"found {found}, expected {row.findings}")
    for posture, said, wanted in zip(POSTURES, replies, row.replies):
        expect(said == wanted, f"{posture}: {said!r}, expected {wanted!r}")


def no_name(guard):
    """SMTP's own business, whatever the posture: 501 for HELO without a name, 503 for MAIL without HELO."""
    with begin(guard, HELO[0]) as client:
        client.ask("MAIL FROM:<ann@sender.net>", 503)
        for command in ("HELO", "EHLO", "EHLO ", "HELO two names"):
            client.ask(command, 501)
        client.ask("MAIL FROM:<ann@sender.net>", 503)
        client.quit()


def text_of(table):
    lines = []
    for row, found, replies in table:
        lines.append(f"{row.name}: {row.client} EHLO {', EHLO '.join(row.helo)}")
        lines += [f"    {test} {outcome}: {evidence}" for (test, outcome), evidence in sorted(found.items())] or ["    no fault"]
        lines += [f"    {posture:9}{reply}" for posture, reply in zip(POSTURES, replies)]
    return "\n".join(lines) + "\n"


def main():
    suite = Suite("judge_names", __doc__)
    answers = os.path.join(suite.work, "answers")
    with open(answers, "w") as file:
        file.write(DNS)
    policies = {f"policy.{posture}": {"posture": f'"{posture}"', "recipients": f'["{posture}@example.net"]'} for posture in POSTURES}
    guard = Guard(suite, "guard", [("127.0.0.1", free_port())], ScriptedBackend().start().address, sections={
        "policy.default": {"greet_delay": '"0s"', "teaser": "false"}, "networks": {"local": "[]"},
        "dns": {"answers": f'"{answers}"'}, **policies}, listener_keys={"proxy_from": '["127.0.0.1"]'})
    table = []
    suite.case("start", guard.start, always=True)
    suite.case("no-name", no_name, guard)
    for kind, rows in (("helo", HELO), ("rdns", RDNS), ("network", NETWORK)):
        for row in rows:
            suite.case(f"{kind}/{row.name}", judge, guard, table, row)
    suite.case("stop", guard.stop, always=True)
    with open(os.path.join(suite.work, "judge_names.txt"), "w") as file:
        file.write(text_of(table))
    if not suite.arguments.work:
        print(text_of(table), end="")
    suite.finish()


if __name__ == "__main__":
    main()
