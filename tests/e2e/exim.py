#!/usr/bin/env python3
"""Exim 4.96 as backend behind PROXY v2 and v1. Runs inside the namespaces that tests/e2e/run makes."""
from support.battery import LISTENERS, V4, Battery
from support.guard import Guard
from support.harness import Suite
from support.peers import Exim, PostfixSender


def main():
    suite = Suite("exim", __doc__)
    peers = {}

    def start():
        peers["backend"] = Exim(suite).start()
        peers["sender"] = PostfixSender(suite, LISTENERS[0], V4).start()

    if suite.case("peers", start, always=True):
        for identity in ("proxy-v2", "proxy-v1"):
            guard = Guard(suite, "guard-" + identity, LISTENERS, Exim.ADDRESS, identity)
            Battery(suite, identity, guard, peers["backend"], peers["sender"], ("DSN", "SMTPUTF8")).run()
    suite.finish()


if __name__ == "__main__":
    main()
