#!/usr/bin/env python3
"""What DNS lists say, what is made of it, and that no trouble of theirs refuses anybody.

Real servers: rbldnsd has the lists, nsd the reverse names, knot what is said over TCP only and what fails, unbound is the
resolver of the site. A server of a few lines is silent, slow and refusing, which real ones are not on demand. Clients come by
PROXY header from documentation addresses. Runs inside the namespaces that tests/e2e/run makes. The table stands in
judge_lists.txt beside the logs.
"""
import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from support.backend import ScriptedBackend
from support.dns_faults import NXDOMAIN, REFUSED, SERVFAIL, SILENT, FaultyDns, codes, over_tcp_only, rcode, reversed_name
from support.dns_peers import DnsPeers
from support.guard import Guard, fields, free_port
from support.harness import Failure, Suite, expect, wait_until
from support.smtp_client import RawClient

BUDGET = 3.0      # seconds that the DNS has
GREET_MAX = 1.0   # seconds after which a client is greeted whatever is not answered
SLACK = 1.5       # a busy machine

LISTED, DYNAMIC, WRONG_CODE, ERROR, OUTSIDE, BOTH = (f"203.0.113.{n}" for n in range(10, 16))
CLEAN, SILENCED, SLOWED, REFUSED_FOR, FAILED_FOR, INVENTED, BY_TCP, CUT = (f"203.0.113.{n}" for n in range(20, 28))
SAVED, NOT_SAVED, MADE_GOOD, RELEASED = (f"203.0.113.{n}" for n in range(30, 34))
TEST_CODE = "203.0.113.34"
ODD_NAMES, MANY_NAMES, BROKEN_NAMES = (f"203.0.113.{n}" for n in range(40, 43))
LISTED_6, CLEAN_6 = "2001:db8::10", "2001:db8::20"
GOOD_NAMES = [f"203.0.113.{n}" for n in range(10, 35)]

SPAM_DOMAIN = "spam-domain.net"

LISTS = """[
 {zone = "bl.example", codes = ["127.0.0.2 8 spam", "127.0.0.10 6 dynamic"], help = "https://lists.example/?ip=%s"},
 {zone = "wl.example", kind = "allow", codes = ["127.0.5.3 8 trusted"], self_test = true},
 {zone = "odd.example", score = 9}, {zone = "slow.example", score = 9}, {zone = "tcp.example", score = 9},
 {zone = "dbl.example", about = ["helo", "ptr", "sender"], codes = ["127.0.1.2 9 spam domain"]},
]""".replace("\n", " ").replace(",  ]", " ]").replace(", ]", " ]")

ALL_IN_TROUBLE = {"everybody": "it lists 127.0.0.1, so probably everybody", "nobody": "so probably nobody",
                  "parked": "198.51.100.99: not an answer of a list", "blocked": "127.255.255.254: the list does not answer",
                  "dead": "self-test: timeout", "refused": "self-test: refused", "refuses": "self-test: server_failure",
                  "servfail": "self-test: server_failure"}


def name_of(address):
    """One that a server has, not one that a provider gives to any line."""
    number = int(re.split(r"[.:]", address)[-1])
    kind = "six" if ":" in address else "mail"
    return f"{kind}{chr(ord('a') + number // 26)}{chr(ord('a') + number % 26)}.senders.net"


SOA = "$TTL 60\n@ SOA ns.senders.net. hostmaster.senders.net. 1 3600 600 86400 60\n@ NS ns.senders.net.\n"


def start_peers(suite):
    peers = DnsPeers(suite)
    faults = {zone: FaultyDns(f"{zone}.example", free_port()) for zone in ("wl", "odd", "slow", "parked", "dead", "refuses")}
    faults["wl"].says(SAVED, codes("127.0.5.3", delay=GREET_MAX + 0.8))
    faults["wl"].says(MADE_GOOD, codes("127.0.5.3"))
    faults["wl"].says(NOT_SAVED, SILENT)
    faults["wl"].says(TEST_CODE, codes("127.0.0.255"))
    faults["odd"].says(SILENCED, SILENT)
    faults["odd"].says(REFUSED_FOR, rcode(REFUSED))
    faults["odd"].says(FAILED_FOR, rcode(SERVFAIL))
    faults["odd"].says(INVENTED, codes("127.0.0.2", "198.51.100.99"))
    faults["odd"].says(CUT, over_tcp_only("127.0.0.2"))
    faults["slow"].says(SLOWED, codes("127.0.0.2", delay=5.0))
    faults["parked"].breaks(codes("198.51.100.99"))
    faults["dead"].breaks(SILENT)
    faults["refuses"].breaks(rcode(REFUSED))
    for server in faults.values():
        peers.stubs[server.zone] = server.start().address[1]

    peers.write_list("bl", list_lines())
    peers.write_list("bl-more", [f"{BOTH} :127.0.0.10:second $"])
    peers.write_list("bl6", [f"{LISTED_6} :127.0.0.2:listed $", "::ffff:7f00:2 :127.0.0.2:test entry"])
    peers.write_list("everybody", ["127.0.0.0/8 :127.0.0.2:all $", "203.0.113.0/24 :127.0.0.2:all $"])
    peers.write_list("nobody", ["192.0.2.254 :127.0.0.2:none $"])
    peers.write_list("blocked", [f"{net} :127.255.255.254:public resolver $" for net in ("127.0.0.0/8", "203.0.113.0/24")])
    peers.write_list("works", ["127.0.0.2 :127.0.0.2:test", f"{LISTED} :127.0.0.2:listed by a list that works"])
    peers.write_list("dbl", ["test :127.0.1.2:test entry", f"{SPAM_DOMAIN} :127.0.1.2:spam domain $"])
    faults["fickle"] = FaultyDns("fickle.example", free_port())
    peers.stubs["fickle.example"] = faults["fickle"].start().address[1]
    peers.start_lists([("dbl.example", "dnset", "dbl"), ("bl.example", "ip4set", "bl"), ("bl.example", "ip4set", "bl-more"), ("bl.example", "ip6trie", "bl6"),
                       ("everybody.example", "ip4set", "everybody"), ("nobody.example", "ip4set", "nobody"),
                       ("blocked.example", "ip4set", "blocked"), ("works.example", "ip4set", "works")])

    last = {address: address.split(".")[-1] for address in GOOD_NAMES}
    reverse = SOA + "".join(f"{last[address]} PTR {name_of(address)}.\n" for address in GOOD_NAMES)
    # Legal in the DNS, and no host names.
    reverse += "40 PTR \\027[31m\\013\\010red.senders.net.\n40 PTR a\\\"b\\ c.senders.net.\n40 PTR 203.0.113.40.\n"
    reverse += "40 PTR -x_.senders.net.\n40 PTR .\n"
    reverse += "".join(f"41 PTR name-{n:02}-{'x' * 40}.senders.net.\n" for n in range(60))
    forward = SOA + "@ MX 10 ns\nns A 127.0.0.1\n" + "".join(
        f"{name_of(address).split('.')[0]} A {address}\n" for address in [*GOOD_NAMES, ODD_NAMES, MANY_NAMES])
    forward += "".join(f"name-{n:02}-{'x' * 40} A {MANY_NAMES}\n" for n in range(60))
    forward += f"{name_of(LISTED_6).split('.')[0]} AAAA {LISTED_6}\n{name_of(CLEAN_6).split('.')[0]} AAAA {CLEAN_6}\n"
    six = SOA + "".join(f"{'.'.join(reversed_name(address).split('.')[:24])} PTR {name_of(address)}.\n"
                        for address in (LISTED_6, CLEAN_6))
    peers.start_nsd({"113.0.203.in-addr.arpa": reverse, "senders.net": forward, "8.b.d.0.1.0.0.2.ip6.arpa": six})
    peers.start_knot({"tcp.example": SOA + "2.0.0.127 A 127.0.0.2\n" + f"{reversed_name(BY_TCP)} A 127.0.0.2\n"},
                     ["servfail.example"])
    return peers, faults, peers.start_unbound(refused=["refused.example"])


def list_lines(leave_out=()):
    lines = ["127.0.0.2 :127.0.0.2:test entry", f"{DYNAMIC} :127.0.0.10:dial-up", f"{WRONG_CODE} :127.0.0.99:not for mail",
             f"{ERROR} :127.255.255.254:query refused", f"{OUTSIDE} :198.51.100.99:this domain is for sale"]
    lines += [f"{address} :127.0.0.2:listed \033[31m<b>$</b>" for address in (LISTED, BOTH, SAVED, NOT_SAVED, MADE_GOOD, RELEASED)
              if address not in leave_out]
    return lines


class Visit:
    """One session up to RCPT, and how long its steps took."""

    def __init__(self, guard, address, recipients=("user@example.net",), helo="", sender="a@senders.net"):
        self.source = (address, 40000)
        self.mark = guard.log.mark()
        self.began = time.monotonic()
        self.client = RawClient(guard.address)
        family, own = ("TCP6", "2001:db8::25") if ":" in address else ("TCP4", "203.0.113.25")
        self.client.send(f"PROXY {family} {address} {own} 40000 25\r\n".encode())
        self.client.greeting()
        self.greeted = time.monotonic() - self.began
        self.client.ask(f"EHLO {helo or name_of(address)}", 250)
        self.client.ask(f"MAIL FROM:<{sender}>", 250)
        self.replies = [self.client.ask(f"RCPT TO:<{recipient}>") for recipient in recipients]
        self.took = time.monotonic() - self.began

    def end(self, guard):
        self.client.quit()
        guard.summary(self.source, self.mark)
        lines = [fields(line) for line in guard.events(self.source, self.mark) if "event=finding" in line]
        return {line["test"]: (line["outcome"], line["evidence"]) for line in lines}


class Row:
    """says: what the client must be told at RCPT; findings: {label: (outcome, part of the evidence)}; within: seconds."""

    def __init__(self, name, address, says, findings=None, within=GREET_MAX, is_trouble=False):
        self.name = name
        self.address = address
        self.says = says
        self.findings = findings or {}
        self.within = within
        self.is_trouble = is_trouble


TAKEN = "250"


def refusal(address, label="bl.example"):
    more = f", see https://lists.example/?ip={address}" if label == "bl.example" else ""
    return f"550 5.7.1 refused: {address} is listed by {label}{more} (dnsbl.{label})"


def trouble(name, address, label, evidence, within=GREET_MAX):
    return Row(name, address, TAKEN, {label: ("temperror", evidence)}, within, True)


ROWS = [
    Row("not_listed", CLEAN, TAKEN),
    Row("listed", LISTED, refusal(LISTED), {"bl.example": ("fail", "bl.example 127.0.0.2 spam")}),
    Row("listed_by_a_weaker_code", DYNAMIC, f"450 4.7.1 not accepted now: {DYNAMIC} is listed by bl.example",
        {"bl.example": ("fail", "127.0.0.10 dynamic")}),
    Row("two_codes_the_heavier_counts", BOTH, refusal(BOTH), {"bl.example": ("fail", "127.0.0.2 spam, 127.0.0.10 dynamic")}),
    Row("a_code_that_is_not_configured", WRONG_CODE, TAKEN),
    Row("ipv6_not_listed", CLEAN_6, TAKEN),
    Row("ipv6_listed", LISTED_6, refusal(LISTED_6), {"bl.example": ("fail", "127.0.0.2 spam")}),
    trouble("error_code", ERROR, "bl.example", "127.255.255.254: the list does not answer public resolvers"),
    trouble("answer_outside_127", OUTSIDE, "bl.example", "198.51.100.99: not an answer of a list"),
    trouble("listing_beside_an_invented_answer", INVENTED, "odd.example", "198.51.100.99: not an answer of a list"),
    Row("answer_by_tcp_only", BY_TCP, refusal(BY_TCP, "tcp.example"), {"tcp.example": ("fail", "127.0.0.2")}),
    Row("answer_cut_off_over_udp", CUT, refusal(CUT, "odd.example"), {"odd.example": ("fail", "127.0.0.2")}),
    trouble("allow_list_refuses_by_255", TEST_CODE, "wl.example", "127.0.0.255: the list refuses your resolver"),
    Row("allow_list_outweighs", MADE_GOOD, TAKEN, {"bl.example": ("fail", "127.0.0.2")}),
    Row("late_allow_list_saves", SAVED, TAKEN, {"bl.example": ("fail", "127.0.0.2")}, BUDGET),
    Row("silent_allow_list_saves_nobody", NOT_SAVED, refusal(NOT_SAVED), {"wl.example": ("temperror", "timeout")}, BUDGET),
    trouble("list_refuses", REFUSED_FOR, "odd.example", "server_failure", BUDGET),
    trouble("list_fails", FAILED_FOR, "odd.example", "server_failure", BUDGET),
    Row("many_reverse_names", MANY_NAMES, TAKEN),
    Row("odd_reverse_names", ODD_NAMES, TAKEN, within=BUDGET),
    trouble("list_slow_by_5s", SLOWED, "slow.example", "timeout", BUDGET),
    trouble("list_silent", SILENCED, "odd.example", "timeout", BUDGET),
]


class Table:
    def __init__(self, path):
        self.path = path
        self.lines = [f"{'case':<36} {'client':<15} {'greeted':>7} {'rcpt':>6}  answer at RCPT; findings"]

    def add(self, name, visit, findings):
        told = "; ".join(f"{test} {outcome}: {evidence}" for test, (outcome, evidence) in sorted(findings.items()))
        reply = re.sub(r" \(session \w+\)", "", visit.replies[-1].text)
        self.lines.append(f"{name:<36} {visit.source[0]:<15} {visit.greeted:>6.2f}s {visit.took:>5.2f}s  {reply}; {told}")
        with open(self.path, "w") as file:
            file.write("\n".join(self.lines) + "\n")


def play(guard, table, row):
    visit = Visit(guard, row.address)
    findings = visit.end(guard)
    table.add(row.name, visit, findings)
    reply = visit.replies[0]
    expect(reply.text.startswith(row.says), f"{reply.text!r}, expected {row.says!r}; {findings}")
    expect(not (row.is_trouble and reply.code >= 500), f"trouble refused a client: {reply.text}")
    for label, (outcome, part) in row.findings.items():
        found = findings.get(f"dnsbl.{label}", ("none", ""))
        expect(found[0] == outcome and part in found[1], f"{label}: {found}, expected {outcome} {part!r}")
    expect(visit.greeted <= GREET_MAX + SLACK, f"greeted after {visit.greeted:.2f} s")
    expect(visit.took <= row.within + SLACK, f"RCPT answered after {visit.took:.2f} s, expected {row.within} s")
    expect("\033" not in guard.log.text(), "a terminal is driven by the log")


def postmaster_is_reached(guard, backend, table):
    visit = Visit(guard, LISTED, ("user@example.net", "postmaster@example.net", "user@example.net"))
    told = [reply.code for reply in visit.replies]
    expect(told == [550, 250, 550], f"{visit.replies}")
    table.add("postmaster_between_two_refusals", visit, visit.end(guard))
    expect(len(backend.of(visit.source)) >= 1, "postmaster was not asked of the backend")


def costs_no_backend(guard, backend):
    before = len(backend.of((LISTED, 40000)))
    Visit(guard, LISTED).end(guard)
    expect(len(backend.of((LISTED, 40000))) == before, "a condemned client opened the backend")


def refusal_sticks(guard, peers, table):
    visit = Visit(guard, RELEASED)
    first = visit.replies[0].text
    expect(first.startswith(refusal(RELEASED)), first)
    peers.write_list("bl", list_lines(leave_out=[RELEASED]))

    # The list has let go of the address once a new session is taken: floor of the cache, 10 s.
    def is_released():
        fresh = Visit(guard, RELEASED)
        code = fresh.replies[0].code
        fresh.client.close()
        time.sleep(0.5)
        return code == 250

    wait_until(is_released, "the end of the listing", 25)
    visit.client.ask("RSET", 250)
    visit.client.ask("MAIL FROM:<other@senders.net>", 250)
    again = visit.client.ask("RCPT TO:<user@example.net>")
    visit.client.ask(f"EHLO {name_of(RELEASED)}", 250)
    visit.client.ask("MAIL FROM:<other@senders.net>", 250)
    once_more = visit.client.ask("RCPT TO:<second@example.net>")
    expect(again.text == first and once_more.text == first, f"{first!r}, then {again.text!r}, then {once_more.text!r}")
    visit.client.quit()


def told_once(guard):
    found = guard.log.find(r"list_trouble zone=bl\.example ")
    expect(len(found) == 1, f"{len(found)} lines about bl.example: {found}")
    expect("127.255.255.254" in found[0] or "198.51.100.99" in found[0], found[0])


def ctl(guard, *words):
    tool = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")
    return subprocess.run([tool, "-f", guard.configuration, *words], capture_output=True, text=True, timeout=30)


def selftest(guard):
    """{(label, kind of entries): row}; the table for people stands beside the log."""
    with open(os.path.join(os.path.dirname(guard.configuration), "dnsbl_selftest.txt"), "w") as file:
        file.write(ctl(guard, "dnsbl", "selftest").stdout)
    done = ctl(guard, "dnsbl", "selftest", "--json")
    return {(one["label"], one["entries"]): one for one in json.loads(done.stdout)["lists"]}, done.returncode


def selftest_of_good_lists(guard):
    rows, status = selftest(guard)
    for which in (("bl.example", "IPv4"), ("bl.example", "IPv6"), ("wl.example", "IPv4"), ("tcp.example", "IPv4"),
                  ("dbl.example", "names")):
        row = rows[which]
        expect(row["works"] and row["listed_entry_ok"] and row["unlisted_entry_ok"] and not row["meaning"], f"{which}: {row}")
    # Its zone has IPv4 entries only: that is told, and IPv4 counts all the same.
    row = rows[("tcp.example", "IPv6")]
    expect(not row["works"] and "::FFFF:7F00:2" in row["meaning"] and "ipv6 = false" in row["remedy"], str(row))
    expect(status == 3, f"status {status}")


def selftest_of_broken_lists(guard):
    rows, status = selftest(guard)
    wanted = {"everybody": (True, False), "nobody": (False, True), "parked": (False, False), "blocked": (False, False),
              "dead": (False, False), "refused": (False, False), "refuses": (False, False), "servfail": (False, False),
              "works": (True, True), "fickle": (True, True)}
    for zone, entries in wanted.items():
        row = rows[(f"{zone}.example", "IPv4")]
        expect((row["listed_entry_ok"], row["unlisted_entry_ok"]) == entries, f"{zone}: {row}")
        expect(row["works"] == (entries == (True, True)), f"{zone}: {row}")
        expect(zone not in ALL_IN_TROUBLE or ALL_IN_TROUBLE[zone] in row["meaning"], f"{zone}: {row}")
    for zone in ("everybody", "nobody", "parked", "blocked"):
        expect(rows[(f"{zone}.example", "IPv4")]["remedy"], f"{zone}: no remedy")
    expect(status == 3, f"status {status}")


def status_names_the_broken(guard):
    told = ctl(guard, "status").stdout
    for zone, why in ALL_IN_TROUBLE.items():
        line = next((line for line in told.splitlines() if f" {zone}.example is out: " in line), "")
        expect(why in line, f"{zone}: {line!r} in {told}")
    with open(os.path.join(os.path.dirname(guard.configuration), "status.txt"), "w") as file:
        file.write(told)


def names_are_looked_up(guard, table):
    for helo, sender, label, who in ((f"mx.{SPAM_DOMAIN}", "a@senders.net", "dbl.example", "the domain that you name in HELO"),
                                     ("", f"a@news.{SPAM_DOMAIN}", "dbl.example.sender", "the domain of the sender")):
        visit = Visit(guard, CLEAN, helo=helo, sender=sender)
        findings = visit.end(guard)
        table.add("names_" + (helo or sender), visit, findings)
        says = f"550 5.7.1 refused: {who} is listed by dbl.example (dnsbl.{label})"
        expect(visit.replies[0].text.startswith(says), f"{visit.replies[0].text!r}, expected {says!r}; {findings}")
        expect(SPAM_DOMAIN in findings[f"dnsbl.{label}"][1], str(findings))


def stats_count_hits(guard):
    report = json.loads(ctl(guard, "dnsbl", "stats", "--json").stdout)
    lists = {one["label"]: one for one in report["lists"]}
    expect(report["sessions"] >= len(ROWS), f"{report['sessions']} sessions")
    bl, odd = lists["bl.example"], lists["odd.example"]
    expect(bl["hits"] >= 5 and bl["alone"] >= 4 and bl["questions"] >= len(ROWS), str(bl))
    expect(bl["with"].get("wl.example", 0) >= 1, str(bl))
    expect(bl["error_codes"] >= 2 and bl["median_ms"] is not None, str(bl))
    expect(odd["timeouts"] + odd["failures"] + odd["refusals"] >= 2, str(odd))
    with open(os.path.join(os.path.dirname(guard.configuration), "dnsbl_stats.txt"), "w") as file:
        file.write(ctl(guard, "dnsbl", "stats").stdout)


def a_failing_list_is_not_waited_for(guard, faults, table):
    """Half of its answers fail: five clients find out, the sixth does not wait; then it comes back."""
    Visit(guard, CLEAN).end(guard)
    faults["fickle"].breaks(SILENT)
    first = [f"203.0.113.{n}" for n in range(60, 66)]
    with ThreadPoolExecutor(len(first)) as pool:
        visits = list(pool.map(lambda address: Visit(guard, address), first))
    for visit in visits:
        expect(visit.replies[0].code == 250, visit.replies[0].text)
        visit.client.quit()
    guard.log.wait_for(r"list_trouble zone=fickle\.example .*answers did not come \(timeout\)", timeout=10)
    visit = Visit(guard, "203.0.113.70")
    findings = visit.end(guard)
    table.add("a_failing_list_is_out", visit, findings)
    expect(visit.replies[0].code == 250 and visit.took < GREET_MAX, f"{visit.took:.2f} s, {visit.replies[0].text}")
    expect(findings["dnsbl.fickle.example"][0] == "temperror", str(findings))
    faults["fickle"].default = rcode(NXDOMAIN)
    faults["fickle"].says("127.0.0.2", codes("127.0.0.2"))
    faults["fickle"].says("203.0.113.71", codes("127.0.0.2"))
    guard.log.wait_for(r"list_works zone=fickle\.example", timeout=60)
    visit = Visit(guard, "203.0.113.71")
    table.add("and_comes_back", visit, visit.end(guard))
    expect(visit.replies[0].text.startswith(refusal("203.0.113.71", "fickle.example")), visit.replies[0].text)


def a_slow_list_is_not_waited_for(guard, faults, table):
    faults["fickle"].default = rcode(NXDOMAIN, delay=1.4)
    with ThreadPoolExecutor(6) as pool:
        visits = list(pool.map(lambda address: Visit(guard, address), [f"203.0.113.{n}" for n in range(80, 86)]))
    for visit in visits:
        visit.client.quit()
    wait_until(lambda: " fickle.example is slow: " in ctl(guard, "status").stdout, "the list is found slow", 10)
    visit = Visit(guard, "203.0.113.90")
    findings = visit.end(guard)
    table.add("a_slow_list_is_not_waited_for", visit, findings)
    expect(visit.replies[0].code == 250 and visit.took < GREET_MAX, f"{visit.took:.2f} s")


def console_agrees(guard):
    tool = os.path.join(os.path.dirname(guard.binary), "tools", "smtpguardctl")
    for address, status, wanted in ((CLEAN, 0, {}), (LISTED, 2, {"bl.example": ("listed", 8)}),
                                    (BY_TCP, 2, {"tcp.example": ("listed", 9)}), (LISTED_6, 2, {"bl.example": ("listed", 8)}),
                                    (ERROR, 3, {"bl.example": ("trouble", None)}),
                                    (SILENCED, 3, {"odd.example": ("trouble", None)})):
        done = subprocess.run([tool, "dnsbl", "check", address, "--json", "-f", guard.configuration], capture_output=True,
                              text=True, timeout=30)
        expect(done.returncode == status, f"{address}: status {done.returncode}, expected {status}: {done.stdout}{done.stderr}")
        lists = {one["label"]: one for one in json.loads(done.stdout)["lists"]}
        for label, (result, score) in wanted.items():
            expect((lists[label]["result"], lists[label]["score"]) == (result, score), f"{address}: {lists[label]}")
    shown = subprocess.run([tool, "dnsbl", "check", LISTED, "-f", guard.configuration], capture_output=True, text=True, timeout=30)
    expect(f"says \"listed \\x1B[31m<b>{LISTED}</b>\"" in shown.stdout and "\033" not in shown.stdout, shown.stdout)
    with open(os.path.join(os.path.dirname(guard.configuration), "dnsbl_check.txt"), "w") as file:
        file.write(shown.stdout)


# A second site, whose lists are all in trouble but one.

def broken_lists_refuse_nobody(guard, table):
    for zone in ALL_IN_TROUBLE:
        guard.log.wait_for(rf"list_trouble zone={zone}\.example ", timeout=12)
    visit = Visit(guard, CLEAN)
    findings = visit.end(guard)
    table.add("all_lists_broken_but_one", visit, findings)
    expect(visit.replies[0].code == 250, f"{visit.replies[0].text}; {findings}")
    for zone, why in ALL_IN_TROUBLE.items():
        found = findings.get(f"dnsbl.{zone}.example", ("none", ""))
        expect(found[0] == "temperror" and why in found[1], f"{zone}: {found}, expected {why!r}")
    # What failed its self-test is not asked about clients, so nobody waits for it.
    expect(visit.took < GREET_MAX, f"RCPT answered after {visit.took:.2f} s")


def the_one_that_works_counts(guard, table):
    visit = Visit(guard, LISTED)
    findings = visit.end(guard)
    table.add("the_one_that_works", visit, findings)
    expect(visit.replies[0].text.startswith(refusal(LISTED, "works.example")), visit.replies[0].text)


def a_dead_list_comes_back(guard, faults, table):
    for entry in ("127.0.0.2", "::ffff:127.0.0.2"):
        faults["dead"].says(entry, codes("127.0.0.2"))
    faults["dead"].says(CLEAN, codes("127.0.0.2"))
    faults["dead"].default = rcode(NXDOMAIN)
    guard.log.wait_for(r"list_works zone=dead\.example", timeout=35)
    visit = Visit(guard, CLEAN)
    table.add("a_dead_list_has_come_back", visit, visit.end(guard))
    expect(visit.replies[0].text.startswith(refusal(CLEAN, "dead.example")), visit.replies[0].text)


def each_was_told_once(guard):
    for zone in ALL_IN_TROUBLE:
        found = guard.log.find(rf"list_trouble zone={zone}\.example ")
        expect(len(found) == 1, f"{zone}: {found}")


def sections(resolver, lists):
    return {"policy.default": {"greet_delay": '"100ms"', "greet_max": f'"{int(GREET_MAX * 1000)}ms"', "teaser": "false",
                               "posture": '"balanced"'},
            "networks": {"local": "[]"}, "dns": {"servers": f'["127.0.0.1:{resolver[1]}"]', "budget": f'"{BUDGET:.0f}s"'},
            "dnsbl": {"list": lists}}


def main():
    suite = Suite("judge_lists", __doc__)
    world = {}

    def start():
        world["peers"], world["faults"], world["resolver"] = start_peers(suite)

    if not suite.case("peers", start, always=True):
        suite.finish()
    table = Table(os.path.join(suite.work, "judge_lists.txt"))
    backend = ScriptedBackend().start()
    trusted = {"proxy_from": '["127.0.0.1"]'}
    guard = Guard(suite, "guard", [("127.0.0.1", free_port())], backend.address,
                  sections=sections(world["resolver"], LISTS), listener_keys=trusted)
    suite.case("start", guard.start, always=True)

    def all_work():
        # A list counts once it has shown that it works.
        visit = Visit(guard, CLEAN)
        return not [test for test in visit.end(guard) if test.startswith("dnsbl.")]

    suite.case("all_lists_pass_their_self_test", lambda: wait_until(all_work, "all lists work", 25), always=True)
    for row in ROWS:
        suite.case(row.name, play, guard, table, row)
    suite.case("postmaster_is_reached", postmaster_is_reached, guard, backend, table)
    suite.case("condemned_costs_no_backend", costs_no_backend, guard, backend)
    suite.case("names_are_looked_up", names_are_looked_up, guard, table)
    suite.case("console_agrees", console_agrees, guard)
    suite.case("selftest", selftest_of_good_lists, guard)
    suite.case("stats", stats_count_hits, guard)
    suite.case("a_refusal_sticks", refusal_sticks, guard, world["peers"], table)
    suite.case("trouble_is_told_once", told_once, guard)
    suite.case("stop", guard.stop, always=True)

    lists = ", ".join(f'{{zone = "{zone}.example", score = 9}}' for zone in (*ALL_IN_TROUBLE, "works", "fickle"))
    broken = Guard(suite, "broken", [("127.0.0.1", free_port())], backend.address,
                   sections=sections(world["resolver"], f"[{lists}]"), listener_keys=trusted)
    suite.case("broken/start", broken.start, always=True)
    suite.case("broken/refuses_nobody", broken_lists_refuse_nobody, broken, table)
    suite.case("broken/the_one_that_works_counts", the_one_that_works_counts, broken, table)
    suite.case("broken/selftest", selftest_of_broken_lists, broken)
    suite.case("broken/status", status_names_the_broken, broken)
    suite.case("broken/a_failing_list_is_not_waited_for", a_failing_list_is_not_waited_for, broken, world["faults"], table)
    suite.case("broken/a_slow_list_is_not_waited_for", a_slow_list_is_not_waited_for, broken, world["faults"], table)
    suite.case("broken/a_dead_list_comes_back", a_dead_list_comes_back, broken, world["faults"], table)
    suite.case("broken/each_was_told_once", each_was_told_once, broken)
    suite.case("broken/stop", broken.stop, always=True)
    if not suite.arguments.work:
        print("\n".join(table.lines))
    suite.finish()


if __name__ == "__main__":
    main()
