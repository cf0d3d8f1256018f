#!/usr/bin/env python3
"""testssl.sh, which thousands of administrators point at their port 25, against STARTTLS of smtpguard: protocols (-p),
kinds of ciphers (-s), forward secrecy (-f), preferences (-P) and known holes (-U).

Takes a minute of processor time, so it runs only when asked for: SMTPGUARD_E2E_TESTSSL=1 SMTPGUARD_E2E_LIMIT=600. The findings are written to
testssl.txt. Runs inside the namespaces that tests/e2e/run makes.
"""
import json
import os

from support import certificates
from support.backend import ScriptedBackend
from support.guard import Guard
from support.harness import Skip, Suite, expect
from support.jail import Jail

RELAY = ("203.0.113.25", 25)
NAME = "mx.example.net"
# What each section must have found, word for word at the start.
DUE = {
    "protocols": {"SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
                  "TLS1_2": "offered", "TLS1_3": "offered"},
    "kinds-of-ciphers": {"cipherlist_NULL": "not offered", "cipherlist_aNULL": "not offered", "cipherlist_EXPORT": "not offered",
                         "cipherlist_LOW": "not offered", "cipherlist_3DES_IDEA": "not offered", "cipherlist_STRONG": "offered"},
    "forward-secrecy": {"PFS": "offered"},
    "preferences": {"cipher_order": "server", "protocol_negotiated": "Default protocol TLS1.3"},
    "holes": {"secure_renego": "supported", "fallback_SCSV": "no protocol below TLS 1.2",
              **dict.fromkeys(("heartbleed", "CCS", "ROBOT", "secure_client_renego", "CRIME_TLS", "POODLE_SSL", "SWEET32", "FREAK",
                               "DROWN", "LOGJAM", "BEAST", "RC4"), "not vulnerable")},
}
# Ciphers with CBC stand last in the order, for servers that would come in plaintext otherwise. The rest is testssl's own.
ALLOWED = {"cipherlist_AVERAGE": "LOW", "LUCKY13": "LOW", "engine_problem": "WARN"}


class Bench:
    def __init__(self, suite):
        self.suite = suite
        self.guard = None
        self.jail = None
        self.findings = {}

    def start(self):
        if not os.environ.get("SMTPGUARD_E2E_TESTSSL"):
            raise Skip("takes a minute; asked for by SMTPGUARD_E2E_TESTSSL=1")
        folder = os.path.join(self.suite.work, "certificates")
        pairs = [certificates.make(folder, kind, kind, (NAME,)) for kind in ("ecdsa", "rsa")]
        # Most of its handshakes fail on purpose, and it wants STARTTLS each time.
        tls = dict(certificates.settings(*pairs), retry_after='"0s"')
        self.guard = Guard(self.suite, "guard", [RELAY], ScriptedBackend().start().address, sections={"tls": tls}).start()
        self.jail = Jail(self.suite, "testssl", "auditor")
        self.jail.write("/etc/hosts", f"127.0.0.1 localhost\n{RELAY[0]} {NAME}\n")

    def audit(self):
        said = self.jail.run("testssl", "--warnings", "batch", "--color", "0", "--nodns", "none", "--ip", RELAY[0], "-p", "-s", "-f",
                             "-P", "-U", "--jsonfile", "/tmp/findings.json", "--starttls", "smtp", f"{NAME}:{RELAY[1]}",
                             check=False, timeout=380)
        with open(os.path.join(self.suite.work, "said.txt"), "w") as file:
            file.write(said)
        with open(self.jail.path("/tmp/findings.json")) as file:
            self.findings = {one["id"]: one for one in json.load(file)}
        with open(os.path.join(self.suite.work, "testssl.txt"), "w") as table:
            for one in self.findings.values():
                print(f"{one['id']:24} {one['severity']:8} {one['finding']}", file=table)
        self.guard.must_run()
        expect("scanTime" in self.findings, f"it did not come to its end: {said[-300:]}")

    def must_find(self, section):
        for ident, due in DUE[section].items():
            expect(ident in self.findings, f"{ident} was not looked at")
            expect(self.findings[ident]["finding"].startswith(due), f"{ident}: {self.findings[ident]['finding']}, not {due}")

    def nothing_worse(self):
        for ident, one in self.findings.items():
            expect(one["severity"] in ("OK", "INFO") or ALLOWED.get(ident) == one["severity"],
                   f"{ident}: {one['severity']}: {one['finding']}")


def main():
    suite = Suite("testssl", __doc__)
    bench = Bench(suite)
    suite.case("start", bench.start, always=True)
    if bench.guard and suite.case("audit", bench.audit, limit=400, always=True):
        for section in DUE:
            suite.case(section, bench.must_find, section)
        suite.case("nothing-worse", bench.nothing_worse)
        suite.case("stop", bench.guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
