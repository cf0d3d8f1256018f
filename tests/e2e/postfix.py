#!/usr/bin/env python3
"""Postfix as backend behind PROXY v1, PROXY v2 and XCLIENT. Runs inside the namespaces that tests/e2e/run makes."""
from support.battery import LISTENERS, V4, Battery
from support.guard import Guard
from support.harness import Suite
from support.peers import Postfix, PostfixSender


def main():
    suite = Suite("postfix", __doc__)
    peers = {}

    def start():
        peers["backend"] = Postfix(suite).start()
        peers["sender"] = PostfixSender(suite, LISTENERS[0], V4).start()

    if suite.case("peers", start, always=True):
        ports = {"proxy-v2": Postfix.PROXY, "proxy-v1": Postfix.PROXY, "xclient": Postfix.XCLIENT}
        head = suite.arguments.case.split("/")[0]
        for identity in [name for name in ports if head in name] or ports:
            guard = Guard(suite, "guard-" + identity, LISTENERS, ports[identity], identity)
            Battery(suite, identity, guard, peers["backend"], peers["sender"], ("DSN", "SMTPUTF8")).run()
    suite.finish()


if __name__ == "__main__":
    main()
