#!/usr/bin/env python3
"""The table of benchmarks: called by tests/bench/run, inside namespaces of its own.

Each row compares smtpguard with peers in the same run, in turn, ROUNDS times; what is printed is the median, and ratios are
made round by round, since machines are noisy. A row that misses its budget says so; nothing here passes or fails.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chart  # noqa: E402
from peers import (KNOWN, KNOWN_ADDRESSES, STRANGERS, Direct, HAProxy, Nginx, Postscreen, Smtpguard)  # noqa: E402
from support import process  # noqa: E402
from support.guard import free_port  # noqa: E402
from support.harness import Failure  # noqa: E402
from support.jail import Jail  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "5"))


class Bench:
    """Where the peers live, and the sinks and name servers that they share. The jails of tests/e2e take it for their suite."""

    def __init__(self, arguments):
        self.work, self.cache = arguments.work, arguments.cache
        self.binary = os.path.abspath(os.path.join(arguments.build, "proxy/smtpguard"))
        self.sink = os.path.abspath(os.path.join(arguments.build, "tests/bench/bench_sink"))
        self.load_program = os.path.abspath(os.path.join(arguments.build, "tests/bench/bench_load"))
        self.names = os.path.abspath(os.path.join(arguments.build, "tests/bench/bench_names"))
        self.at_end = []
        self.jails = 0
        self.sinks, self.name_servers = {}, {}

    def folder(self, name):
        path = os.path.join(self.work, name)
        os.makedirs(path, exist_ok=True)
        return path

    def jail(self, package, *hide):
        """A new one each time: what a peer kept from the row before must not help it."""
        self.jails += 1
        return Jail(self, package, f"{package}-{self.jails}", hide)

    def start(self, name, command):
        return process.start(command, os.path.join(self.folder(name), "output"))

    def sink_port(self, how):
        if how not in self.sinks:
            self.sinks[how] = free_port()
            self.start("sink-" + how, [self.sink, f"127.0.0.1:{self.sinks[how]}", how])
        return self.sinks[how]

    def name_server(self, delay):
        if delay not in self.name_servers:
            self.name_servers[delay] = free_port()
            self.start(f"dns-{delay}", [self.names, str(self.name_servers[delay]), str(delay)])
        return self.name_servers[delay]

    def load(self, peer, kind, **options):
        """A load generator on its way; .result() waits for it."""
        command = [self.load_program, f"{peer.address[0]}:{peer.address[1]}", kind]
        return Load(command + [f"{key}={value}" for key, value in options.items()])

    def run(self, peer, kind, **options):
        return self.load(peer, kind, **options).result()


class Load:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=process.die_with_parent)

    def result(self):
        text, _ = self.process.communicate(timeout=300)
        return json.loads(text)


def lost(result):
    return sum(count for word, count in result["outcomes"].items() if word != "ok")


def must_work(peer, result):
    if lost(result):
        raise Failure(f"{peer.name}: sessions failed: {result['outcomes']}")


def median(values):
    return statistics.median(values)


def known(**options):
    return dict({"from": KNOWN, "addresses": KNOWN_ADDRESSES}, **options)


def strangers(first=0, **options):
    """Each from an address of its own; `first` of 130,000."""
    return dict({"from": f"198.{18 + first // 65536}.{first // 256 % 256}.{first % 256}", "addresses": 60_000}, **options)


class Row:
    """figures: {peer: text}; ratio: what is compared with the budget, or None."""

    def __init__(self, name, what, unit):
        self.name, self.what, self.unit = name, what, unit
        self.figures, self.verdicts = {}, []

    def judge(self, what, value, budget, at_most=True, form="{:.2f}"):
        met = value <= budget if at_most else value >= budget
        self.verdicts.append({"what": what, "value": value, "text": form.format(value), "budget": form.format(budget),
                              "at_most": at_most, "met": met})


def row_cpu(bench):
    """CPU of a peer's processes per 1,000 complete sessions of one small message, and how many of them a second."""
    count = 2000
    sink = Direct(bench).start()
    guard = Smtpguard(bench).start()
    two = Smtpguard(bench, name="smtpguard-two", event_loops=2).start()
    peers = [HAProxy(bench).start(), Nginx(bench).start(), Postscreen(bench).start()]
    variants = [("sink alone", sink, lambda _: known()), ("smtpguard, known", guard, lambda _: known()),
                ("smtpguard, strangers cached", guard, lambda _: strangers(addresses=50)),
                ("smtpguard, strangers uncached", guard, lambda number: strangers(1000 + number * count)),
                ("smtpguard with two loops, known", two, lambda _: known())]
    variants += [(peer.name + (", known" if peer.name == "postscreen" else ""), peer, lambda _: known()) for peer in peers]
    for _, peer, where in variants:
        must_work(peer, bench.run(peer, "good", count=300, **where(ROUNDS)))
    cpu, rate = {}, {}
    for number in range(ROUNDS):
        for name, peer, where in variants:
            before = peer.cpu()
            result = bench.run(peer, "good", count=count if name != "postscreen, known" else count // 2, **where(number))
            must_work(peer, result)
            done = result["outcomes"]["ok"]
            cpu.setdefault(name, []).append((peer.cpu() - before) * 1000 / done)
            rate.setdefault(name, []).append(done / result["seconds"])
    for peer in [sink, guard, two, *peers]:
        peer.stop()
    first = Row("cpu", "CPU per 1,000 complete small sessions, session log on", "s")
    first.figures = {name: median(values) for name, values in cpu.items() if name != "sink alone"}
    base = cpu["HAProxy"]
    for name, budget in (("smtpguard, known", 1.5), ("smtpguard, strangers cached", 1.5), ("smtpguard, strangers uncached", 2.5)):
        first.judge(f"{name}, against HAProxy", median([a / b for a, b in zip(cpu[name], base)]), budget)
    second = Row("rate", "sessions per second, eight at once, client and sink on the same machine", "/s")
    second.figures = {name: median(values) for name, values in rate.items()}
    for name in ("smtpguard, known", "smtpguard with two loops, known"):
        second.judge(f"{name}, against the sink alone", median([a / b for a, b in zip(rate[name], rate["sink alone"])]), 0.4,
                     at_most=False)
    for name in ("HAProxy", "nginx", "postscreen, known"):
        second.verdicts.append({"what": f"{name}, against the sink alone", "text": "{:.2f}".format(
            median([a / b for a, b in zip(rate[name], rate["sink alone"])])), "budget": "", "met": None})
    return [first, second]


def row_latency(bench):
    """A whole session of a known client, 100 new ones a second; the sink's own time is taken off."""
    sink = Direct(bench).start()
    peers = [Smtpguard(bench).start(), HAProxy(bench).start(), Nginx(bench).start(), Postscreen(bench).start()]
    added = {peer.name: {"p50": [], "p99": []} for peer in peers}
    for _ in range(ROUNDS):
        base = bench.run(sink, "good", count=400, rate=100, **known())["session_ms"]
        for peer in peers:
            result = bench.run(peer, "good", count=400, rate=100, **known())
            must_work(peer, result)
            for part in ("p50", "p99"):
                added[peer.name][part].append(result["session_ms"][part] - base[part])
    for peer in [sink, *peers]:
        peer.stop()
    row = Row("latency", "added latency of a whole session, known client", "ms")
    for name, parts in added.items():
        for part, values in parts.items():
            row.figures[f"{name}, {part}"] = median(values)
    for part in ("p50", "p99"):
        row.judge(f"smtpguard {part}, against HAProxy", median([a / b for a, b in zip(added["smtpguard"][part], added["HAProxy"][part])]),
                  1.4)
    return [row]


def row_greeting(bench):
    """From the first SYN to the whole greeting, name servers 50 ms away, no greet_delay: only what the DNS costs."""
    peers = [Smtpguard(bench, dns_delay=50, name="smtpguard"), HAProxy(bench), Postscreen(bench, greet_wait="1s")]
    for peer in peers:
        peer.start()
    figures = {}
    for number in range(ROUNDS):
        for peer in peers:
            result = bench.run(peer, "good", count=100, rate=100, **known())
            figures.setdefault(f"{peer.name}, known", []).append(result["greeting_ms"]["p50"])
        result = bench.run(peers[0], "good", count=100, rate=50, **strangers(20_000 + 100 * number))
        must_work(peers[0], result)
        figures.setdefault("smtpguard, stranger", []).append(result["greeting_ms"]["p50"])
    for peer in peers:
        peer.stop()
    row = Row("greeting", "greeting with name servers 50 ms away", "ms")
    row.figures = {name: median(values) for name, values in figures.items()}
    row.judge("smtpguard, known, against HAProxy",
              median([a / b for a, b in zip(figures["smtpguard, known"], figures["HAProxy, known"])]), 2)
    # PTR, then the address of that name: two questions that cannot be asked at once.
    row.judge("smtpguard, stranger: round trips of 50 ms", median(figures["smtpguard, stranger"]) / 50, 2.2)
    return [row]


def row_memory(bench):
    """What each silent connection adds to the peer's own memory, before it is greeted or turned away."""
    count = 5000
    row = Row("memory", "user memory per silent connection, 5,000 at once", "octets")
    # What the cache keeps of their names and lists has a bound of its own: with a small one the clients are left.
    for peer in (Smtpguard(bench, greet_delay="30s", name="smtpguard, with what is cached"),
                 Smtpguard(bench, greet_delay="30s", name="smtpguard", cache_entries=100),
                 HAProxy(bench), Nginx(bench), Postscreen(bench, greet_wait="30s")):
        peer.start()
        warm = bench.load(peer, "hold", count=100, rate=200, stay=20, **strangers(50_000))
        time.sleep(3)
        before = peer.resident()
        load = bench.load(peer, "hold", count=count, rate=1000, stay=4, **strangers())
        time.sleep(count / 1000 + 3)
        grown = peer.resident() - before
        held = load.result()["outcomes"]
        if held.get("held", 0) < count * 0.99:
            raise Failure(f"{peer.name} did not hold {count}: {held}")
        row.figures[peer.name] = grown / count
        warm.process.kill()
        warm.process.wait()
        peer.stop()
    for name in ("smtpguard", "smtpguard, with what is cached"):
        row.judge(name, row.figures[name], 1434, form="{:.0f}")
    return [row]


def row_hold(bench):
    """19,000 silent visitors at 5,000 a second, and known clients that send mail meanwhile."""
    row = Row("hold", "silent connections held, while known clients send mail", "held")
    peer = Smtpguard(bench, greet_delay="30s", name="smtpguard")
    peer.start()
    calm = bench.run(peer, "good", count=500, rate=100, **known())
    load = bench.load(peer, "hold", count=19_000, rate=5000, stay=10, **strangers())
    time.sleep(4)
    good = bench.run(peer, "good", count=500, rate=100, **known())
    held = load.result()
    peer.stop()
    if lost(good):
        print(f"  lost: {good['outcomes']}")
    row.figures = {"smtpguard, held": held["outcomes"].get("held", 0), "arrived in seconds": held["arrival"],
                   "good sessions lost of 500": lost(good), "good p99 meanwhile, ms": good["session_ms"]["p99"],
                   "good p99 before, ms": calm["session_ms"]["p99"]}
    row.judge("held", held["outcomes"].get("held", 0), 19_000, at_most=False, form="{:.0f}")
    row.judge("good sessions lost", lost(good), 0, form="{:.0f}")
    return [row]


def storm(bench, peer, kind, seconds, rate, good_rate=100, **options):
    """Good sessions alone, then beside a storm. (calm, stormy, bots, CPU of the peer per 1,000 bots)"""
    calm_cpu = peer.cpu()
    calm = bench.run(peer, "good", count=good_rate * seconds, rate=good_rate, **known())
    calm_cpu = peer.cpu() - calm_cpu
    before = peer.cpu()
    bots = bench.load(peer, kind, count=rate * (seconds + 4), rate=rate, **strangers(**options))
    time.sleep(2)
    stormy = bench.run(peer, "good", count=good_rate * seconds, rate=good_rate, **known())
    result = bots.result()
    return calm, stormy, result, (peer.cpu() - before - calm_cpu) / (rate * (seconds + 4)) * 1000


def row_early(bench):
    """Early talkers at 4,000 a second beside good sessions."""
    row = Row("early", "early talkers, 4,000 a second, beside 150 good sessions a second", "")
    figures = {}
    for number in range(max(1, ROUNDS // 2)):
        for make in (lambda: Smtpguard(bench, greet_delay="4s", name="smtpguard"), lambda: HAProxy(bench), lambda: Postscreen(bench)):
            peer = make()
            peer.start()
            calm, stormy, bots, cpu = storm(bench, peer, "early", 20, 4000, good_rate=150)
            peer.stop()
            p99 = (stormy["session_ms"] or {"p99": float("inf")})["p99"]
            kept = figures.setdefault(peer.name, {"p99": [], "lost": [], "cpu": [], "bots": bots["outcomes"], "arrival": []})
            kept["p99"].append(p99)
            kept["lost"].append(lost(stormy))
            kept["cpu"].append(cpu)
            kept["arrival"].append(24 * 4000 / bots["arrival"])
    for name, kept in figures.items():
        row.figures[f"{name}: good p99, ms"] = median(kept["p99"])
        row.figures[f"{name}: good lost of 3000"] = max(kept["lost"])
        row.figures[f"{name}: CPU per 1,000 bots, s"] = median(kept["cpu"])
        row.figures[f"{name}: bots a second"] = median(kept["arrival"])
    row.judge("good p99, against HAProxy without its pause",
              median([a / b for a, b in zip(figures["smtpguard"]["p99"], figures["HAProxy"]["p99"])]), 2)
    row.judge("CPU per 1,000 bots, s", median(figures["smtpguard"]["cpu"]), 0.06, form="{:.3f}")
    row.judge("good sessions lost", max(figures["smtpguard"]["lost"]), 0, form="{:.0f}")
    return [row]


def row_silent(bench):
    """Bots that wait for the greeting politely, say nothing and leave after ten seconds, 1,000 new ones a second."""
    row = Row("silent", "silent bots, 1,000 a second for 24 s, beside 100 good sessions a second", "")
    for peer in (Smtpguard(bench, greet_delay="4s", name="smtpguard"),
                 Smtpguard(bench, greet_delay="4s", name="smtpguard with two loops", event_loops=2), Postscreen(bench)):
        peer.start()
        calm, stormy, bots, _cpu = storm(bench, peer, "silent", 20, 1000, stay=10)
        peer.stop()
        p99 = (stormy["session_ms"] or {"p99": float("inf")})["p99"]
        row.figures[f"{peer.name}: good lost of 2000"] = lost(stormy)
        row.figures[f"{peer.name}: good p99, ms"] = p99
        row.figures[f"{peer.name}: good p99 in calm, ms"] = calm["session_ms"]["p99"]
        if peer.name != "postscreen":
            row.judge(f"{peer.name}: good sessions lost", lost(stormy), 0, form="{:.0f}")
            row.judge(f"{peer.name}: good p99, against the calm", p99 / calm["session_ms"]["p99"], 5)
    return [row]


def row_large(bench):
    """One message of 50 MB after the other."""
    sink = Direct(bench).start()
    peers = [Smtpguard(bench).start(), HAProxy(bench).start(), Nginx(bench).start(), Postscreen(bench).start()]
    rate = {}
    for _ in range(ROUNDS):
        for peer in [sink, *peers]:
            result = bench.run(peer, "good", count=3, at_once=1, octets=50_000_000, **known())
            must_work(peer, result)
            rate.setdefault(peer.name, []).append(150 / result["seconds"])
    for peer in [sink, *peers]:
        peer.stop()
    row = Row("large", "a message of 50 MB, plaintext", "MB/s")
    row.figures = {name: median(values) for name, values in rate.items()}
    row.judge("smtpguard, against the sink alone", median([a / b for a, b in zip(rate["smtpguard"], rate["sink"])]), 0.5, at_most=False)
    return [row]


ROWS = {"cpu": row_cpu, "latency": row_latency, "greeting": row_greeting, "memory": row_memory, "hold": row_hold,
        "early": row_early, "silent": row_silent, "large": row_large}


def number(value):
    if value == float("inf"):
        return "none"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def as_text(row):
    lines = [f"{row.what}{' (' + row.unit + ')' if row.unit else ''}"]
    width = max(map(len, row.figures), default=0)
    lines += [f"  {name:{width}}  {number(value):>10}" for name, value in row.figures.items()]
    for verdict in row.verdicts:
        bound = f"   budget: at {'most' if verdict.get('at_most') else 'least'} {verdict['budget']}" if verdict["budget"] else ""
        said = {True: "met", False: "MISSED", None: ""}[verdict["met"]]
        lines.append(f"  -> {verdict['what']}: {verdict['text']}{bound}   {said}".rstrip())
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--work", "--cache", "--result", "--build"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    bench = Bench(arguments)
    chosen = os.environ.get("ROWS", "").split() or list(ROWS)
    done, failed = [], []
    for index, name in enumerate(chosen):
        began = time.monotonic()
        print(f"[{index + 1}/{len(chosen)}] {name}: {ROWS[name].__doc__}", flush=True)
        try:
            rows = ROWS[name](bench)
        except (Failure, subprocess.SubprocessError, OSError, ValueError, KeyError, TypeError) as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
            print(f"  could not be measured: {failed[-1]}", flush=True)
            continue
        done += rows
        print("\n".join(map(as_text, rows)) + f"\n  ({time.monotonic() - began:.0f} s)\n", flush=True)
    with open(os.path.join(arguments.result, "table.json"), "w") as file:
        json.dump([{"name": row.name, "what": row.what, "unit": row.unit, "figures": row.figures, "verdicts": row.verdicts}
                   for row in done], file, indent=1, default=str)
    with open(os.path.join(arguments.result, "table.txt"), "w") as file:
        file.write("\n\n".join(map(as_text, done)) + "\n")
    chart.write(os.path.join(arguments.result, "table.svg"), done)
    print(f"table and chart: {arguments.result}")
    for failure in failed:
        print(f"not measured: {failure}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
