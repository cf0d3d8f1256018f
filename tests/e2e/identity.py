#!/usr/bin/env python3
"""How the backend is told who the client is; identity = "none" tells it nothing. Loopback only, needs no root.

The address of the client can only be told in a trace header; everything else arrives as it was sent. The other ways of
telling it are looked at here as well, octet for octet.
"""
import smtplib

from support import messages
from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Suite, expect
from support.smtp_client import RawClient
from support.table import own_source

SOURCE = own_source() or "127.0.0.1"


def last_message(backend, ident):
    found = [message for message in backend.accepted() if ident.encode() in message.data]
    expect(len(found) == 1, f"message {ident} was accepted {len(found)} times")
    return found[0]


def send(guard, sent, **options):
    with RawClient(guard.address, source=SOURCE) as client:
        client.hello("client.example")
        client.transaction(sent, **options)
        client.quit()
    return client


def content(guard, backend):
    ident = messages.new_id()
    sent = messages.awkward(ident)
    send(guard, sent, mail_parameters=" BODY=8BITMIME")
    messages.must_match(last_message(backend, ident).data, ident, sent)


def large(guard, backend):
    ident = messages.new_id()
    sent = messages.large(ident)
    send(guard, sent, cuts=3)
    messages.must_match(last_message(backend, ident).data, ident, sent)


def trace_header(guard, backend):
    """One Received header above the message that names the client and its HELO."""
    ident = messages.new_id()
    send(guard, messages.simple(ident))
    trace = messages.trace(last_message(backend, ident).data, ident)
    expect(len(trace) == 1 and trace[0].startswith("Received: from client.example"), f"trace headers: {trace}")
    expect(f"[{SOURCE}]" in trace[0] and "mx.example.net" in trace[0], f"not named: {trace[0]}")


def no_trace_header(guard, backend):
    """Where the backend is told the address, nothing is added to the message."""
    ident = messages.new_id()
    sent = messages.simple(ident)
    send(guard, sent)
    data = last_message(backend, ident).data
    expect(data == sent, f"changed: {data[:100]!r}")


def commands(guard, backend):
    """Rebuilt, not copied: case, blanks and source routes are ours, addresses and parameters the client's."""
    ident = messages.new_id()
    with RawClient(guard.address, source=SOURCE) as client:
        client.hello("Client.Example")
        client.ask("mail from: <\"a b\"@Sender.example> size=2000 body=8bitmime", 250)
        client.ask("rcpt to:<@relay.example,@b.example:User@Example.NET>", 250)
        client.ask("data", 354)
        client.send(messages.simple(ident) + b".\r\n")
        expect(client.reply().code == 250, client.transcript[-1])
        client.quit()
    session = next(s for s in backend.sessions if any(ident.encode() in m.data for m in s.accepted))
    said = [command.decode() for command in session.commands]
    expect(said[0] == "EHLO Client.Example", f"HELO: {said}")
    expect(said[1].split()[:2] == ["MAIL", "FROM:<\"a"] and said[1].startswith("MAIL FROM:<\"a b\"@Sender.example>"), f"MAIL: {said}")
    expect("SIZE=2000" in said[1] and "BODY=8BITMIME" in said[1].upper(), f"parameters: {said}")
    expect(said[2] == "RCPT TO:<User@Example.NET>", f"RCPT: {said}")
    expect(said[3] == "DATA", f"DATA: {said}")


def helo_stays_helo(guard, backend):
    ident = messages.new_id()
    with RawClient(guard.address, source=SOURCE) as client:
        client.greeting()
        client.ask("HELO old.example", 250)
        client.transaction(messages.simple(ident))
        client.quit()
    session = next(s for s in backend.sessions if any(ident.encode() in m.data for m in s.accepted))
    expect(session.commands[0] == b"HELO old.example", f"said {session.commands[:1]}")


def by_smtplib(guard, backend):
    ident = messages.new_id()
    sent = messages.awkward(ident)
    with smtplib.SMTP(*guard.address, local_hostname="client.example", timeout=20, source_address=(SOURCE, 0)) as client:
        client.sendmail("a@sender.example", ["user@example.net", "two@example.net"], sent, mail_options=["BODY=8BITMIME"])
    message = last_message(backend, ident)
    messages.must_match(message.data, ident, sent)
    expect(len(message.recipients) == 2, f"recipients: {message.recipients}")


def source_in_header(guard, backend):
    ident = messages.new_id()
    client = send(guard, messages.simple(ident))
    session = next(s for s in backend.sessions if any(ident.encode() in m.data for m in s.accepted))
    expect(session.client == client.local, f"the header said {session.client}, the client was {client.local}")


def main():
    suite = Suite("identity", __doc__)
    backends = {True: ScriptedBackend(proxy=True).start(), False: ScriptedBackend(proxy=False).start()}
    for identity in ("none", "proxy-v1", "proxy-v2"):
        backend = backends[identity != "none"]
        guard = Guard(suite, "guard-" + identity, [("127.0.0.1", free_port())], backend.address, identity)
        if not suite.case(identity + "/start", guard.start, always=True):
            continue
        cases = [content, commands, helo_stays_helo, by_smtplib, large]
        cases += [trace_header] if identity == "none" else [source_in_header, no_trace_header]
        for case in cases:
            suite.case(f"{identity}/{case.__name__}", case, guard, backend)
        suite.case(identity + "/stop", guard.stop, always=True)
    suite.finish()


if __name__ == "__main__":
    main()
