#!/usr/bin/env python3
"""`smtpguardctl test` and the live verdict agree: 200 generated sessions, each played and each imagined.

Clients come by PROXY header from documentation addresses; the DNS is an answers file that both sides read. What is
compared is the last reply that the client is left with, text and all. Loopback only, needs no root. The seed is printed
on failure; SMTPGUARD_E2E_SEED repeats a run.
"""
import json
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Suite, expect
from support.smtp_client import RawClient

SESSIONS = 200
SEED = int(os.environ.get("SMTPGUARD_E2E_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)

OUTCOMES = ["NXDOMAIN", "NODATA", "SERVFAIL", "REFUSED", "TIMEOUT", "MALFORMED"]
HELOS = ["mail.example.com", "mail.example.org", "localhost.localdomain", "localhost", "WIN-7N1FIECL6IC", "User",
         "ylmf-pc", "mx.example.net", "mx-a.real-sender.com", "mx-b.real-sender.com", "nowhere.real-sender.com", "broken.real-sender.com",
         "mail.google.com", "host.local", "example", "[{ip}]", "[203.0.113.1]", "{ip}", "[IPv6:2001:db8::1]", "127.0.0.1",
         "[127.0.0.1]", "ip-{dashed}.pool.real-sender.com", "a_b.real-sender.com", "", "-", "...", "xn--bcher-kva.real-sender.com"]
SENDERS = ["", "ann@real-sender.com", "bob@broken.real-sender.com", "x@example.net", "noreply@nowhere.real-sender.com", "bad address", "a@b@c"]
RECIPIENTS = ["lenient@example.net", "balanced@example.net", "strict@example.net", "soft@example.net", "other@example.net",
              "postmaster@example.net", "Abuse@EXAMPLE.net", "victim@foreign.test", "victim%foreign.test@example.net",
              "foreign.test!victim@example.net", "@relay.test:strict@example.net", "postmaster", "not an address"]


def client_addresses(dice):
    four = [f"203.0.113.{n}" for n in dice.sample(range(1, 255), 60)] + [f"192.0.2.{n}" for n in dice.sample(range(1, 255), 60)]
    return four + [f"2001:db8::{n:x}" for n in dice.sample(range(1, 65535), 20)]


# Lists that work, answer error codes, list everybody (and so fail their self-test), say nothing.
LISTS = [("works", '["127.0.0.2 8 spam", "127.0.0.3 5 weak"]'), ("trusted", '["127.0.0.[2..4] 6 good"]'),
         ("wild", '["127.0.0.2 9 everybody"]'), ("dead", '["127.0.0.2 9 dead"]')]


def list_lines(addresses, dice):
    lines = [f"2.0.0.127.{zone}.test A 300 127.0.0.2" for zone in ("works", "trusted", "wild")]
    lines += ["*.wild.test A 300 127.0.0.2", "*.dead.test ANY SERVFAIL"]
    for address in addresses:
        if ":" not in address:
            name = ".".join(reversed(address.split(".")))
            lines += [f"{name}.works.test A 300 {dice.choice(['127.0.0.2', '127.0.0.3', '127.255.255.254'])}"] * (dice.random() < 0.4)
            lines += [f"{name}.trusted.test A 300 127.0.0.3"] * (dice.random() < 0.2)
    return lines


def write_answers(path, addresses, dice):
    lines = list_lines(addresses, dice) + ["mx-a.real-sender.com A 300 203.0.113.10",
             "real-sender.com MX 300 10 mx-a.real-sender.com", "mx-b.real-sender.com A 300 203.0.113.11", "*.broken.real-sender.com ANY SERVFAIL",
             "broken.real-sender.com ANY SERVFAIL"]
    for index, address in enumerate(addresses):
        kind = dice.randrange(5)
        kind_of_host = "AAAA" if ":" in address else "A"
        if kind == 0:
            lines.append(f"{address} PTR {dice.choice(OUTCOMES)}")
        elif kind == 1:  # confirmed
            lines += [f"{address} PTR 300 host{index}.real-sender.com", f"host{index}.real-sender.com {kind_of_host} 300 {address}"]
        elif kind == 2:  # not confirmed
            lines.append(f"{address} PTR 300 host{index}.real-sender.com")
        elif kind == 3:  # generic and confirmed
            name = f"ip-{address.replace('.', '-').replace(':', '-')}.dyn.real-sender.com"
            lines += [f"{address} PTR 300 {name}", f"{name} {kind_of_host} 300 {address}"]
        # else: no line at all, NXDOMAIN
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


class Imagined:
    def __init__(self, dice, addresses):
        self.address = dice.choice(addresses)
        self.helo = dice.choice(HELOS).format(ip=self.address, dashed=self.address.replace(".", "-").replace(":", "-"))
        self.sender = dice.choice(SENDERS)
        self.recipients = dice.sample(RECIPIENTS, dice.choice([1, 1, 1, 2, 3]))
        self.early = dice.random() < 0.15

    def __str__(self):
        return f"{self.address} helo={self.helo!r} from={self.sender!r} to={self.recipients} early={self.early}"


def play(guard, imagined):
    """The replies to EHLO, MAIL and each RCPT, as far as the session went."""
    with RawClient(guard.address) as client:
        family = "TCP6" if ":" in imagined.address else "TCP4"
        own = "2001:db8::19" if family == "TCP6" else "203.0.113.25"
        header = f"PROXY {family} {imagined.address} {own} 40000 25\r\n".encode()
        ehlo = f"EHLO {imagined.helo}\r\n".encode()
        client.send(header + ehlo if imagined.early else header)
        replies = [client.reply()]
        commands = [ehlo.decode().rstrip("\r\n"), f"MAIL FROM:<{imagined.sender}>"]
        commands += [f"RCPT TO:<{recipient}>" for recipient in imagined.recipients]
        for command in commands:
            if not (command.startswith("EHLO") and imagined.early):
                client.send(command.encode() + b"\r\n")
            replies.append(client.reply())
            if replies[-1].code != 250 and not command.startswith("RCPT"):
                break
        return replies


def imagine(guard, tool, answers, imagined):
    call = [tool, "test", "--json", "-f", guard.configuration, "--answers", answers, "--ip", imagined.address,
            "--helo", imagined.helo, "--from", imagined.sender]
    call += [word for recipient in imagined.recipients for word in ("--rcpt", recipient)]
    call += ["--early"] if imagined.early else []
    done = subprocess.run(call, capture_output=True, text=True, timeout=30)
    expect(done.returncode in (0, 2, 3), f"{call}: status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def without_session(text):
    at = text.rfind(" (session ")
    return text if at < 0 else text[:at]


def agree(suite_guard, tool, answers, imagined):
    live = play(suite_guard, imagined)[-1]
    report = imagine(suite_guard, tool, answers, imagined)
    last = report["steps"][-1]
    told = f"{imagined}: live {live.text!r}, imagined {last['command']!r} {last['reply']!r}"
    expect(live.code == int(last["reply"][:3]), told)
    if live.code != 250:
        expect(without_session(live.text) == without_session(last["reply"]), told)
    return last["verdict"]


def sessions_agree(guard, tool, answers, addresses, dice):
    imagined = [Imagined(dice, addresses) for _ in range(SESSIONS)]
    seen = {}
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(agree, guard, tool, answers, one) for one in imagined]:
            verdict = future.result()
            seen[verdict] = seen.get(verdict, 0) + 1
    # A generator that meets one verdict only would prove nothing.
    expect(min(seen.get("pass", 0), seen.get("refuse", 0)) >= 20, f"verdicts met: {seen}, seed {SEED}")
    with open(os.path.join(os.path.dirname(guard.configuration), "agreed.txt"), "w") as file:
        file.write(f"seed {SEED}: {SESSIONS} sessions agree; {seen}\n")


def exit_status(guard, tool, answers, recipient, status, begins):
    done = subprocess.run([tool, "test", "-f", guard.configuration, "--answers", answers, "--ip", "203.0.113.1", "--helo",
                           "mail.real-sender.com", "--early", "--from", "a@real-sender.com", "--rcpt", recipient],
                          capture_output=True, text=True, timeout=30)
    expect(done.returncode == status, f"status {done.returncode}, expected {status}: {done.stdout}{done.stderr}")
    expect(any(line.strip().startswith(f"reply    {begins}") for line in done.stdout.splitlines()), done.stdout)


def wrong_use(guard, tool, answers):
    for arguments, told in ((["--ip", "300.1.1.1"], "no IP address"), (["--ip", "192.0.2.1", "--listener", "192.0.2.9:1"], "--listener"),
                            (["--ip", "192.0.2.1", "--answers", "/nowhere"], "/nowhere")):
        done = subprocess.run([tool, "test", "-f", guard.configuration, *arguments], capture_output=True, text=True, timeout=30)
        expect(done.returncode == 1 and told in done.stderr, f"{arguments}: {done.returncode} {done.stderr}")


def main():
    suite = Suite("dry_run", __doc__)
    tool = os.path.join(os.path.dirname(suite.binary), "tools", "smtpguardctl")
    dice = random.Random(SEED)
    addresses = client_addresses(dice)
    answers = os.path.join(suite.work, "answers")
    write_answers(answers, addresses, dice)
    backend = ScriptedBackend().start()
    policies = {f"policy.{name}": {"posture": f'"{posture}"', "recipients": f'["{name}@example.net"]', **more}
                for name, posture, more in (("lenient", "lenient", {}), ("balanced", "balanced", {}),
                                            ("strict", "strict", {}), ("soft", "strict", {"soft": "true"}))}
    guard = Guard(suite, "guard", [("127.0.0.1", free_port())], backend.address, sections={
        "policy.default": {"greet_delay": '"100ms"', "greet_max": '"6s"', "teaser": "false", "posture": '"balanced"'},
        "dnsbl": {"list": "[" + ", ".join(f'{{zone = "{zone}.test", label = "{zone}", codes = {codes}'
                                          + (', kind = "allow"}' if zone == "trusted" else "}") for zone, codes in LISTS) + "]"},
        "networks": {"local": "[]"}, "dns": {"answers": f'"{answers}"', "budget": '"1s"'}, **policies},
        listener_keys={"proxy_from": '["127.0.0.1"]'})
    suite.case("start", guard.start, always=True)
    suite.case(f"{SESSIONS}_sessions_agree", sessions_agree, guard, tool, answers, addresses, dice, limit=120)
    suite.case("status_accepted", exit_status, guard, tool, answers, "lenient@example.net", 0, "250")
    suite.case("status_refused", exit_status, guard, tool, answers, "strict@example.net", 2, "550 5.7.1 refused")
    suite.case("status_deferred", exit_status, guard, tool, answers, "soft@example.net", 3, "450 4.7.1")
    suite.case("wrong_use", wrong_use, guard, tool, answers)
    suite.case("stop", guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
