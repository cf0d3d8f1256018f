#!/usr/bin/env python3
"""OpenSMTPD 6.8 as backend behind PROXY v2. Runs inside the namespaces that tests/e2e/run makes."""
from support.battery import LISTENERS, V4, Battery
from support.guard import Guard
from support.harness import Suite
from support.peers import OpenSmtpd, PostfixSender


def main():
    suite = Suite("opensmtpd", __doc__)
    peers = {}

    def start():
        peers["backend"] = OpenSmtpd(suite).start()
        peers["sender"] = PostfixSender(suite, LISTENERS[0], V4).start()

    if suite.case("peers", start, always=True):
        guard = Guard(suite, "guard-proxy-v2", LISTENERS, OpenSmtpd.ADDRESS, "proxy-v2")
        Battery(suite, "proxy-v2", guard, peers["backend"], peers["sender"]).run()
    suite.finish()


if __name__ == "__main__":
    main()
