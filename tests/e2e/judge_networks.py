#!/usr/bin/env python3
"""Whose network a client comes from: published networks of a domain (SPF) as an exemption.

Each row is one session; clients come by PROXY header from documentation addresses; the DNS is an answers file. Loopback only,
needs no root. The table stands in judge_networks.txt beside the logs, and is printed when the script is run by itself.
"""
import os
import subprocess

from support.backend import ScriptedBackend
from support.guard import Guard, fields, free_port
from support.harness import Suite, expect
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
"""


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


def a_reload_knows_at_once(guard):
    """What was known before stays known; a domain that is no longer named exempts nobody."""
    text = open(guard.configuration).read()
    for allowed, code in (('["spf:friend.net"]', 250), ('["spf:everybody.net"]', 550)):
        with open(guard.configuration, "w") as file:
            file.write(text.replace(ALLOW, allowed))
        mark = guard.log.mark()
        tool = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")
        done = subprocess.run([tool, "-f", guard.configuration, "reload"], capture_output=True, text=True, timeout=30)
        expect(done.returncode == 0, done.stdout + done.stderr + guard.log.text()[mark:][:500])
        answer, found, _ = play(guard, "192.0.2.9")
        expect(answer.code == code, f"{allowed}: {answer.text}; {found}")


ALLOW = '["spf:friend.net", "spf:everybody.net", "spf:loop.net", "spf:silent.net", "spf:nothing.net"]'


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
    with open(os.path.join(suite.work, "judge_networks.txt"), "w") as file:
        file.write("\n".join(table) + "\n")
    if not suite.arguments.work:
        print("\n".join(table))
    suite.finish()


if __name__ == "__main__":
    main()
