#!/usr/bin/env python3
"""Whose network a client comes from: published networks of a domain (SPF) as an exemption, lists of networks as Spamhaus DROP
is published, and autonomous systems, from a file in MaxMind's format and from Team Cymru's answers.

Each row is one session; clients come by PROXY header from documentation addresses; the DNS is an answers file. Loopback only,
needs no root. The table stands in judge_networks.txt beside the logs, and is printed when the script is run by itself.
"""
import os
import subprocess
import time

from support import maxmind
from support.backend import ScriptedBackend
from support.guard import Guard, fields, free_port
from support.harness import SLOWNESS, Skip, Suite, expect
from support.smtp_client import RawClient

# friend.net mails from its own network, its MX and those of its provider; two are left out. The others are in trouble.
DNS = """
friend.net TXT 300 "v=spf1 -ip4:192.0.2.66 ip4:192.0.2.0/24 mx include:_spf.provider.net ~all"
friend.net MX 300 10 mx.friend.net
mx.friend.net A 300 198.51.100.25
_spf.provider.net TXT 300 "v=spf1 ip4:203.0.113.0/28 ip6:2001:db8:5::/48 -all"
everybody.net TXT 300 "v=spf1 +all"
loop.net TXT 300 "v=spf1 ip4:203.0.113.128/25 include:loop.net"
silent.net TXT SERVFAIL
# Team Cymru's answers, each for a /24.
0.114.0.203.origin.asn.cymru.com TXT 300 "64511 | 203.0.114.0/24 | ZZ | other | 2020-01-01"
0.115.0.203.origin.asn.cymru.com TXT 300 "64512 64513 | 203.0.115.0/24 | ZZ | other | 2020-01-01"
0.116.0.203.origin.asn.cymru.com TXT SERVFAIL
# A well-kept server.
203.0.115.9 PTR 300 mail.sender.net
mail.sender.net A 300 203.0.115.9 198.18.1.9 203.0.114.9 203.0.116.9
198.18.1.9 PTR 300 mail.sender.net
203.0.114.9 PTR 300 mail.sender.net
203.0.116.9 PTR 300 mail.sender.net
sender.net MX 300 10 mail.sender.net
"""

DROP_TEXT = """; Spamhaus DROP List 2026/11/28 - (c) 2026 The Spamhaus Project SLU
; Last-Modified: Fri, 27 Nov 2026 22:09:26 GMT
198.18.0.0/24 ; SBL256894
198.18.1.0/24 ; SBL434604
"""
DROP_JSON = """{"cidr":"2001:db8:66::/48","sblid":"SBL500001","rir":"ripencc"}
{"cidr":"198.18.2.0/24","sblid":"SBL500002","rir":"apnic"}
{"type":"metadata","timestamp":1764300000,"size":512,"records":2,"copyright":"(c) 2026 The Spamhaus Project SLU"}
"""
ASN_DROP = """{"asn":64499,"rir":"ripencc","domain":"bulletproof.example","cc":"ZZ","asname":"BULLETPROOF, #1 host"}
{"type":"metadata","timestamp":1764300000,"size":512,"records":1}
"""
SYSTEMS = {"198.18.4.0/24": (64499, "Bulletproof"), "198.18.5.0/24": (64500, "Friendly Provider Ltd"),
           "2001:db8:7::/48": (64500, "Friendly Provider Ltd"), "198.18.6.0/24": (64501, "Example Cloud Inc.")}


def play(guard, client, helo="WIN-7N1FIECL6IC"):
    """What a client with a bad name is answered at RCPT, and what was found."""
    mark = guard.log.mark()
    with RawClient(guard.address) as raw:
        family, own = ("TCP6", "2001:db8::25") if ":" in client else ("TCP4", "203.0.113.25")
        raw.send(f"PROXY {family} {client} {own} 40000 25\r\n".encode())
        raw.greeting()
        reply = raw.ask(f"EHLO {helo}")
        expect(reply.code == 250, reply.text)
        raw.ask("MAIL FROM:<ann@sender.net>", 250)
        answer = raw.ask("RCPT TO:<user@example.net>")
        raw.quit()
    guard.summary((client, 40000), mark)
    lines = [fields(line) for line in guard.events((client, 40000), mark)]
    return answer, {line["test"]: line["evidence"] for line in lines if line["event"] == "finding"}, lines


def judge(guard, table, client, code, test=None, evidence=None):
    answer, found, _ = play(guard, client)
    table.append(f"{client:<18} {answer.text}; {found}")
    expect(answer.code == code, f"{answer.text!r}, expected {code}; {found}")
    expect(test is None or found.get(test) == evidence, f"{found}, expected {test}={evidence}")
    return found


def is_exempt(guard, table, client):
    found = judge(guard, table, client, 250, "access.allow", "spf:friend.net")
    expect(list(found) == ["access.allow"], f"{found}")


def trouble_is_told_once(guard):
    for domain, why in (("everybody.net", "everybody.net lets everybody send (+all)"), ("loop.net", "more than 10 look-ups"),
                        ("silent.net", "silent.net TXT: server_failure"), ("nothing.net", "nothing.net has no SPF record")):
        lines = guard.log.find(rf"spf_trouble domain={domain} ")
        expect(len(lines) == 1 and why in lines[0] and "remedy=" in lines[0], f"{domain}: {lines}")
    expect(not guard.log.find("spf_trouble domain=friend.net"), "friend.net is in trouble")


def dry_run_agrees(guard):
    tool = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")
    for client, status in (("192.0.2.9", 0), ("192.0.2.66", 2)):
        done = subprocess.run([tool, "test", "-f", guard.configuration, "--ip", client, "--helo", "WIN-7N1FIECL6IC", "--from",
                               "ann@sender.net", "--rcpt", "user@example.net"], capture_output=True, text=True, timeout=30)
        expect(done.returncode == status, f"{client}: {done.returncode}, expected {status}: {done.stdout}{done.stderr}")
        expect("spf:everybody.net exempts nobody: everybody.net lets everybody send (+all)" in done.stderr, done.stderr)
        expect(("spf:friend.net" in done.stdout) == (status == 0), done.stdout)


def is_listed(guard, table, client, evidence):
    found = judge(guard, table, client, 550, "network.list.drop", evidence)
    expect("access.deny" not in found, str(found))


def is_known_as(guard, table, client, code, asn, findings, helo="mail.sender.net"):
    """The number stands in the summary; `findings` among what is found."""
    answer, found, lines = play(guard, client, helo)
    table.append(f"{client:<18} {answer.text}; {found}; asn={lines[-1].get('asn')}")
    expect(answer.code == code, f"{answer.text!r}, expected {code}; {found}")
    expect(lines[-1]["event"] == "summary" and lines[-1].get("asn") == asn, f"{lines[-1]}")
    expect(findings.items() <= found.items(), f"{found}, expected {findings}")


def lists_are_read_anew(guard, table, folder):
    answer, found, _ = play(guard, "198.18.3.9")
    expect("network.list.drop" not in found, str(found))
    with open(os.path.join(folder, "drop.txt"), "a") as file:
        file.write("198.18.3.0/24 ; SBL7\n")
    maxmind.write(os.path.join(folder, "asn.mmdb"), dict(SYSTEMS, **{"198.18.3.0/24": (64777, "New")}), 28)
    reload(guard)
    is_listed(guard, table, "198.18.3.9", "198.18.3.0/24 (SBL7)")
    is_known_as(guard, table, "198.18.3.9", 550, "64777", {})
    with open(os.path.join(folder, "drop.txt"), "a") as file:
        file.write("198.18.3.1/24 ; SBL8\n")
    done = reload(guard, status=1)
    expect("drop.txt:6:1" in done.stdout + done.stderr and "198.18.3.0/24" in done.stdout + done.stderr, done.stdout + done.stderr)
    is_listed(guard, table, "198.18.3.9", "198.18.3.0/24 (SBL7)")


def reload(guard, status=0):
    tool = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")
    done = subprocess.run([tool, "-f", guard.configuration, "reload"], capture_output=True, text=True, timeout=90)
    expect((done.returncode == 0) == (status == 0), f"{done.returncode}: {done.stdout}{done.stderr}")
    return done


def many_networks(guard, table, folder):
    """A file of two hundred thousand: how long the reload takes is told; sessions are answered as before."""
    if SLOWNESS > 1:
        raise Skip("such a build reads this longer than smtpguardctl waits")
    with open(os.path.join(folder, "drop.txt"), "w") as file:
        file.write("198.18.1.0/24 ; SBL434604\n")
        file.writelines(f"{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}.128/25 ; SBL{n}\n" for n in range(200_000))
    began = time.monotonic()
    reload(guard)
    took = time.monotonic() - began
    table.append(f"200,000 networks: reload in {took:.1f} s")
    expect(took < 60, f"the reload took {took:.1f} s")
    is_listed(guard, table, "198.18.1.9", "198.18.1.0/24 (SBL434604)")
    began = time.monotonic()
    play(guard, "1.9.9.200")
    table.append(f"a session then: {1000 * (time.monotonic() - began):.0f} ms")


def a_reload_knows_at_once(guard):
    """What was known before stays known; a domain that is no longer named exempts nobody."""
    text = open(guard.configuration).read()
    for allowed, code in (('["spf:friend.net"]', 250), ('["spf:everybody.net"]', 550)):
        with open(guard.configuration, "w") as file:
            file.write(text.replace(ALLOW, allowed))
        reload(guard)
        answer, found, _ = play(guard, "192.0.2.9")
        expect(answer.code == code, f"{allowed}: {answer.text}; {found}")


ALLOW = '["spf:friend.net", "spf:everybody.net", "spf:loop.net", "spf:silent.net", "spf:nothing.net"]'


def networks(suite, table, answers):
    """A second site, with lists of networks and autonomous systems."""
    folder = os.path.join(suite.work, "lists")
    os.makedirs(folder, exist_ok=True)
    for name, content in (("drop.txt", DROP_TEXT), ("drop.json", DROP_JSON), ("asndrop.json", ASN_DROP)):
        with open(os.path.join(folder, name), "w") as file:
            file.write(content)
    maxmind.write(os.path.join(folder, "asn.mmdb"), SYSTEMS)
    guard = Guard(suite, "networks", [("127.0.0.1", free_port())], ScriptedBackend().start().address, sections={
        "policy.default": {"greet_delay": '"0s"', "teaser": "false", "posture": '"strict"'}, "networks": {"local": "[]"},
        "dns": {"answers": f'"{answers}"'}, "asn": {"file": f'"{folder}/asn.mmdb"', "cymru": "true"},
        "access": {"allow": '["asn:64500"]', "deny": '["asn:64511"]', "deny_files": f'["{folder}/asndrop.json"]'},
        "network": {"list": f'[{{label = "drop", files = ["{folder}/drop.txt", "{folder}/drop.json"], score = 8}}]'},
        "rule": {}}, listener_keys={"proxy_from": '["127.0.0.1"]'})
    with open(guard.configuration) as file:
        text = file.read().replace("\n[rule]\n", "\n[[rule]]\nname = \"cloud\"\nasn = 'Example Cloud|^6451[23]$'\nscore = 9\n")
    with open(guard.configuration, "w") as file:
        file.write(text)
    suite.case("start_networks", guard.start, always=True)
    for name, client, evidence in (("text", "198.18.1.9", "198.18.1.0/24 (SBL434604)"),
                                   ("json", "198.18.2.9", "198.18.2.0/24 (SBL500002)"),
                                   ("ipv6", "2001:db8:66::9", "2001:db8:66::/48 (SBL500001)")):
        suite.case(f"drop/{name}", is_listed, guard, table, client, evidence)
    deny = {"access.deny": "asn:64499"}
    for name, client, code, asn, findings in (
            ("asn_drop_json", "198.18.4.9", 550, "64499", deny),
            ("allowed_by_file", "198.18.5.9", 250, "64500", {"access.allow": "asn:64500"}),
            ("allowed_by_file_ipv6", "2001:db8:7::9", 250, "64500", {"access.allow": "asn:64500"}),
            ("rule_by_name", "198.18.6.9", 550, "64501", {"rule.cloud": "asn=64501 Example Cloud Inc."}),
            ("denied_by_cymru", "203.0.114.9", 550, "64511", {"access.deny": "asn:64511"}),
            ("rule_by_cymru", "203.0.115.9", 550, "64512,64513", {"rule.cloud": "asn=64512"}),
            ("trouble_counts_for_nothing", "203.0.116.9", 250, None, {})):
        suite.case(f"asn/{name}", is_known_as, guard, table, client, code, asn, findings)
    suite.case("drop/read_anew", lists_are_read_anew, guard, table, folder)
    suite.case("drop/many", many_networks, guard, table, folder)
    suite.case("stop_networks", guard.stop, always=True)


def main():
    suite = Suite("judge_networks", __doc__)
    answers = os.path.join(suite.work, "answers")
    with open(answers, "w") as file:
        file.write(DNS)
    guard = Guard(suite, "guard", [("127.0.0.1", free_port())], ScriptedBackend().start().address, sections={
        "policy.default": {"greet_delay": '"0s"', "teaser": "false", "posture": '"strict"'}, "networks": {"local": "[]"},
        "dns": {"answers": f'"{answers}"'}, "access": {"allow": ALLOW}}, listener_keys={"proxy_from": '["127.0.0.1"]'})
    table = []
    suite.case("start", guard.start, always=True)
    for name, client in (("its_network", "192.0.2.9"), ("its_mx", "198.51.100.25"), ("its_provider", "203.0.113.7"),
                         ("its_provider_ipv6", "2001:db8:5::7")):
        suite.case(f"spf/{name}", is_exempt, guard, table, client)
    for name, client in (("left_out", "192.0.2.66"), ("not_in_it", "203.0.113.99"), ("of_a_domain_in_trouble", "203.0.113.130"),
                         ("not_in_it_ipv6", "2001:db8:6::7")):
        suite.case(f"spf/{name}", judge, guard, table, client, 550)
    suite.case("spf/trouble_is_told_once", trouble_is_told_once, guard)
    suite.case("spf/dry_run_agrees", dry_run_agrees, guard)
    suite.case("spf/reload", a_reload_knows_at_once, guard)
    suite.case("stop", guard.stop, always=True)
    networks(suite, table, answers)
    with open(os.path.join(suite.work, "judge_networks.txt"), "w") as file:
        file.write("\n".join(table) + "\n")
    if not suite.arguments.work:
        print("\n".join(table))
    suite.finish()


if __name__ == "__main__":
    main()
