#!/usr/bin/env python3
"""STARTTLS with clients and backends: what is agreed on, what is forgotten, what is refused. Loopback only, no root: tls.py BINARY."""
import contextlib
import ssl
import subprocess
import time

from support import certificates, messages
from support.backend import ScriptedBackend
from support.guard import Guard, free_port
from support.harness import Skip, Suite, expect, wait_until
from support.smtp_client import RawClient
from support.tls_client import TlsClient, context

EVIL = b"EHLO evil.example\r\nMAIL FROM:<evil@evil.example>\r\nRCPT TO:<user@example.net>\r\n"


def a_message_arrives(guard, backend, version, protocol):
    ident = messages.new_id()
    message = messages.awkward(ident)
    with TlsClient(guard.address) as client:
        offered = client.start_tls(context(most=version))
        expect("STARTTLS" not in offered.text, "STARTTLS is offered once more under TLS")
        expect("PIPELINING" in offered.text, "PIPELINING is not offered under TLS")
        expect(client.socket.version() == protocol, f"{client.socket.version()}, not {protocol}")
        client.transaction(message, mail_parameters=" BODY=8BITMIME", cuts=7)
        local = client.local
        client.quit()
    got = backend.accepted(local)
    expect([one.data for one in got] == [message], "the message did not arrive as it was sent")
    told = wait_until(lambda: guard.log.find(f"event=tls protocol={protocol}"), "the log tells of TLS")
    expect("cipher=" in told[0], told[0])


def the_log_tells(guard):
    with TlsClient(guard.address) as client:
        client.start_tls(server_name="MX.example.net")
        client.quit()
    wait_until(lambda: guard.log.find("event=tls .*sni=MX.example.net"), "the log tells the name asked for")
    wait_until(lambda: guard.log.find("event=summary .*tls=TLSv1.3"), "the summary tells of TLS")


def certificate_by_name(guard):
    kinds = {"mx.example.net": "ecdsa", "other.example.net": "rsa", "a.wild.example.net": "rsa", "unknown.example": "ecdsa"}
    for name, kind in kinds.items():
        with TlsClient(guard.address) as client:
            client.start_tls(server_name=name)
            expect(client.certificate_kind() == kind, f"{name}: {client.certificate_kind()}, not {kind}")
            client.quit()


def certificate_by_cipher(guard):
    for ciphers, kind in (("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa"), ("ECDHE-RSA-AES128-GCM-SHA256", "rsa")):
        with TlsClient(guard.address) as client:
            client.start_tls(context(most=ssl.TLSVersion.TLSv1_2, ciphers=ciphers))
            expect(client.certificate_kind() == kind, f"{ciphers}: {client.certificate_kind()}, not {kind}")
            client.quit()


def injected(guard, backend, pause):
    """CVE-2011-0411: what somebody in the middle put behind STARTTLS is said by nobody."""
    with TlsClient(guard.address) as client:
        client.hello()
        client.send(b"STARTTLS\r\n" + EVIL)
        reply = client.reply()
        expect(reply.code == 220, f"STARTTLS: {reply.text}")
        time.sleep(pause)
        client.shake_hands()
        client.ask("RCPT TO:<user@example.net>", 503)
        client.ask("MAIL FROM:<a@client.example>", 503)
        client.ask("EHLO client.example", 250)
        client.ask("RCPT TO:<user@example.net>", 503)
        local = client.local
        client.quit()
    expect(not backend.of(local), "the backend was opened for what was injected")
    expect(not guard.log.find("evil@evil.example.*reply=.250"), "what was injected was executed")


def injected_behind_go_ahead(guard, backend):
    """Plaintext where the ClientHello is due: the handshake fails, and the connection is closed without a word of SMTP."""
    with TlsClient(guard.address) as client:
        client.hello()
        client.ask("STARTTLS", 220)
        client.send(EVIL)
        said = client.socket.recv(1000)  # an alert, or nothing
        expect(said[:1] in (b"", b"\x15"), f"said {said!r}")
        expect(not backend.of(client.local), "the backend was opened")
    wait_until(lambda: guard.log.find("how=tls-failed"), "the log tells that the handshake failed")


def plaintext_after_farewell(guard, backend):
    """CVE-2026-45185: close_notify in a message, then plaintext. No part of it is anything."""
    with TlsClient(guard.address) as client:
        client.start_tls()
        client.ask("MAIL FROM:<a@client.example>", 250)
        client.ask("RCPT TO:<user@example.net>", 250)
        client.ask("DATA", 354)
        client.send(b"Subject: half\r\n\r\ntext\r\n")
        local = client.local
        plain = client.socket
        plain.settimeout(5)
        try:
            plain = plain.unwrap()
        except (ssl.SSLError, OSError):
            pass
        try:
            plain.sendall(b".\r\nMAIL FROM:<evil@evil.example>\r\n")
        except (ssl.SSLError, OSError):
            pass
    wait_until(lambda: backend.of(local) and all(one.over for one in backend.of(local)), "the backend is closed")
    expect(not backend.accepted(local), "half a message was accepted")
    expect(all(one.told_end == 0 for one in backend.of(local)), "the backend saw a dot")


def farewell_is_answered(guard):
    with TlsClient(guard.address) as client:
        client.start_tls()
        client.socket.unwrap()  # fails where the other side just closes


def cut_off_without_farewell(guard, backend):
    """FIN in a message, without close_notify: truncation by somebody in the middle would look the same. No dot is sent on."""
    with TlsClient(guard.address) as client:
        client.start_tls()
        client.ask("MAIL FROM:<a@client.example>", 250)
        client.ask("RCPT TO:<user@example.net>", 250)
        client.ask("DATA", 354)
        client.send(b"Subject: half\r\n\r\nall of it\r\n.")
        local = client.local
        client.close()
    wait_until(lambda: backend.of(local) and all(one.over for one in backend.of(local)), "the backend is closed")
    expect(not backend.accepted(local) and all(one.told_end == 0 for one in backend.of(local)), "the backend saw a dot")


def many_commands_in_one_record(guard):
    """What OpenSSL has taken from the socket wakes nobody: it must be used up before the next wait."""
    with TlsClient(guard.address) as client:
        client.start_tls()
        client.send(b"NOOP\r\n" * 500)
        for _ in range(500):
            expect(client.reply().code == 250, client.transcript[-1])
        client.quit()


def second_starttls(guard):
    with TlsClient(guard.address) as client:
        client.start_tls()
        client.ask("STARTTLS", 503)
        client.quit()


def starttls_closes_the_backend(guard, backend):
    with TlsClient(guard.address) as client:
        client.hello()
        client.ask("MAIL FROM:<a@client.example>", 250)
        client.ask("STARTTLS", 220)
        client.shake_hands()
        client.ask("EHLO client.example", 250)
        client.ask("MAIL FROM:<b@client.example>", 250)
        local = client.local
        client.quit()
    wait_until(lambda: len(backend.of(local)) == 2, "the backend was opened twice")
    expect(backend.of(local)[0].commands[-1] == b"QUIT", "the first connection was not closed in order")


def silent_handshake(guard):
    began = time.monotonic()
    with TlsClient(guard.address) as client:
        client.hello()
        client.ask("STARTTLS", 220)
        client.send(b"\x16\x03\x01")
        ended = client.socket.recv(1000)
        expect(not ended, f"said {ended!r}")
    took = time.monotonic() - began
    expect(1.5 < took < 6, f"a handshake of 2 s at most took {took:.1f} s")
    wait_until(lambda: guard.log.find("how=tls-failed detail=timeout"), "the log tells of the timeout")


def stalled_handshakes_block_nobody(guard):
    stalled = []
    for number in range(50):
        client = TlsClient(guard.address)
        client.hello()
        client.ask("STARTTLS", 220)
        client.send(b"\x16\x03\x01\x02\x00"[:number % 6])
        stalled.append(client)
    began = time.monotonic()
    with TlsClient(guard.address) as client:
        client.start_tls()
        client.quit()
    took = time.monotonic() - began
    expect(took < 1, f"a good handshake took {took:.1f} s")
    for client in stalled:
        client.close()


def resumption(guard):
    """By ticket, in both protocols, and told in the log; early data is not taken."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        using = context(most=version)
        with TlsClient(guard.address) as client:
            client.start_tls(using)
            client.ask("NOOP", 250)  # the tickets of TLS 1.3 come after the handshake
            session = client.socket.session
            client.quit()  # what breaks off is not resumed
        with TlsClient(guard.address) as client:
            client.hello()
            client.ask("STARTTLS", 220)
            client.socket = using.wrap_socket(client.socket, session=session)
            client.ask("EHLO client.example", 250)
            expect(client.socket.session_reused, f"{version.name}: not resumed")
            client.quit()
    wait_until(lambda: len(guard.log.find("event=tls .*resumed")) == 2, "the log tells of both")
    said = s_client(guard, "-tls1_3", "-ign_eof", say=b"NOOP\nQUIT\n").stdout
    expect(b"Max Early Data: 0" in said and b"Max Early Data: 1" not in said, f"early data is offered: {said[-300:]!r}")


def wrong_protocol_name(guard):
    with TlsClient(guard.address) as client:
        client.hello()
        client.ask("STARTTLS", 220)
        try:
            client.shake_hands(context(alpn=["http/1.1"]))
        except ssl.SSLError as error:
            expect("NO_APPLICATION_PROTOCOL" in str(error).upper().replace(" ", "_"), f"another error: {error}")
            return
        raise AssertionError("a client that wants to speak HTTP was served")


def right_protocol_name(guard):
    with TlsClient(guard.address) as client:
        client.start_tls(context(alpn=["smtp"]))
        expect(client.socket.selected_alpn_protocol() == "smtp", "ALPN was not answered")
        client.quit()


def s_client(guard, *flags, say=b"QUIT\r\n"):
    call = ["openssl", "s_client", "-starttls", "smtp", "-crlf", "-connect", f"{guard.address[0]}:{guard.address[1]}", *flags]
    try:
        return subprocess.run(call, input=say, capture_output=True, timeout=20)
    except FileNotFoundError:
        raise Skip("the openssl command is missing") from None


def renegotiation(guard):
    """R alone on a line asks s_client for a new handshake."""
    done = s_client(guard, "-tls1_2", say=b"R\nNOOP\nQUIT\n")
    said = done.stdout + done.stderr
    expect(b"RENEGOTIATING" in said, f"no renegotiation was tried: {said[-300:]!r}")
    expect(b"no renegotiation" in said, f"renegotiation was not refused: {said[-300:]!r}")


def old_protocols(guard):
    for flag in ("-tls1", "-tls1_1"):
        said = s_client(guard, flag, "-cipher", "ALL:@SECLEVEL=0").stdout
        expect(b"Cipher is (NONE)" in said, f"{flag} was served")


def many_idle(guard):
    """A hundred idle TLS sessions do not stop another one."""
    idle = []
    for _ in range(100):
        client = TlsClient(guard.address)
        client.start_tls()
        idle.append(client)
    with TlsClient(guard.address) as client:
        client.start_tls()
        client.ask("NOOP", 250)
    for client in idle:
        client.close()


def reload_with_new_certificate(suite, folder):
    first = certificates.make(folder, "reloaded", "ecdsa")
    backend = ScriptedBackend().start()
    guard = Guard(suite, "reload", [("127.0.0.1", free_port())], backend.address,
                  sections={"tls": certificates.settings(first)}).start()
    with TlsClient(guard.address) as old:
        old.start_tls()
        expect(old.certificate_kind() == "ecdsa", "not the first certificate")
        certificates.make(folder, "reloaded", "rsa")
        guard.process.send_signal(1)  # SIGHUP
        wait_until(lambda: guard.log.find("reload"), "the reload is told")

        def shows_rsa():
            with TlsClient(guard.address) as new:
                new.start_tls()
                return new.certificate_kind() == "rsa"
        wait_until(shows_rsa, "the new certificate is shown")
        old.ask("NOOP", 250)
        with open(first[0], "w") as broken:
            broken.write("no certificate")
        guard.process.send_signal(1)
        wait_until(lambda: guard.log.find("holds no certificate"), "the broken file is told")
        expect(shows_rsa(), "a failed reload changed the certificate")
    guard.stop()
    backend.stop()


def fail_to_shake_hands(guard, how, source=None):
    """"refuse": this is no TLS. "alert": the certificate is not believed. "cut": the line breaks."""
    count = len(guard.log.find("how=tls-failed"))
    with TlsClient(guard.address, source=source) as client:
        client.hello()
        client.ask("STARTTLS", 220)
        if how == "alert":
            with contextlib.suppress(ssl.SSLCertVerificationError):
                client.shake_hands(ssl.create_default_context(), "mx.example.net")
        elif how == "refuse":
            client.send(EVIL)
            client.socket.recv(1000)
    wait_until(lambda: len(guard.log.find("how=tls-failed")) > count, "the handshake fails")


def is_offered(guard, source=None):
    with TlsClient(guard.address, source=source) as client:
        offers = "STARTTLS" in client.hello().text
        if not offers:
            client.ask("STARTTLS", 454)
    return offers


def failed_handshake_is_remembered(suite, folder, backend):
    """Who sent an alert, or no TLS at all, is not offered STARTTLS for a while, and the log says so. One broken line is forgiven,
    our own networks are always offered it, and with another certificate all begins anew."""
    pair = certificates.make(folder, "remembered", "ecdsa")
    guard = Guard(suite, "remembered", [("127.0.0.1", free_port())], backend.address,
                  sections={"tls": dict(certificates.settings(pair), retry_after='"3s"'),
                            "networks": {"local": '["127.0.0.1/32"]'}}).start()
    for how in ("refuse", "alert"):
        fail_to_shake_hands(guard, how)
        expect(is_offered(guard), f"{how}: our own network is punished")
    for source, how in (("127.0.0.2", "refuse"), ("127.0.0.3", "alert")):
        fail_to_shake_hands(guard, how, source)
        mark = guard.log.mark()
        expect(not is_offered(guard, source), f"{how}: STARTTLS is offered again")
        for event in ("helo", "summary"):
            wait_until(lambda: guard.log.find(f"event={event} .*starttls=withheld", mark), f"the {event} line says so")
    expect(is_offered(guard, "127.0.0.9"), "somebody else is punished")
    wait_until(lambda: is_offered(guard, "127.0.0.2"), "STARTTLS is offered again after retry_after", step=0.3)
    fail_to_shake_hands(guard, "cut", "127.0.0.4")
    expect(is_offered(guard, "127.0.0.4"), "a broken line is no refusal")
    fail_to_shake_hands(guard, "cut", "127.0.0.4")
    expect(not is_offered(guard, "127.0.0.4"), "offered after two broken lines")
    fail_to_shake_hands(guard, "refuse", "127.0.0.5")
    for is_new in (False, True):
        if is_new:
            certificates.make(folder, "remembered", "ecdsa")
        mark = guard.log.mark()
        guard.process.send_signal(1)  # SIGHUP
        wait_until(lambda: guard.log.find("reloaded ", mark), "the reload")
        expect(is_offered(guard, "127.0.0.5") == is_new, f"after a reload, new certificate: {is_new}")
    guard.stop()


def start_before_backend(suite, name, backend, **settings):
    quoted = {key: f'"{value}"' for key, value in settings.items()}
    return Guard(suite, name, [("127.0.0.1", free_port())], backend.address, sections={"backend": quoted}).start()


def deliver_to_backend(guard, backend):
    ident = messages.new_id()
    message = messages.awkward(ident)
    with RawClient(guard.address, timeout=20) as client:
        client.hello()
        client.transaction(message, mail_parameters=" BODY=8BITMIME")
        local = client.local
        client.quit()
    expect([one.data for one in backend.accepted(local)] == [message], "the message did not arrive as it was sent")
    return backend.of(local)


def mail_gets_451(guard):
    with RawClient(guard.address, timeout=20) as client:
        client.hello()
        client.ask("MAIL FROM:<a@client.example>", 451)
        client.quit()


def backend_by_tls(suite, pair, authority):
    backend = ScriptedBackend(tls=pair).start()
    for name, settings in {"opportunistic": {"tls": "opportunistic"},
                           "required": {"tls": "required", "ca_file": authority[0], "tls_name": "backend.example.net"}}.items():
        guard = start_before_backend(suite, "backend-" + name, backend, **settings)
        last = deliver_to_backend(guard, backend)[-1]
        expect(last.tls == "TLSv1.3", f"{name}: {last.tls}")
        expect(last.commands[:3] == [b"EHLO client.example", b"STARTTLS", b"EHLO client.example"], str(last.commands[:3]))
        guard.stop()
    backend.stop()


def backend_without_tls(suite, authority):
    backend = ScriptedBackend().start()
    guard = start_before_backend(suite, "backend-plain", backend, tls="opportunistic")
    deliver_to_backend(guard, backend)
    guard.stop()
    guard = start_before_backend(suite, "backend-plain-required", backend, tls="required", ca_file=authority[0])
    mail_gets_451(guard)
    wait_until(lambda: guard.log.find("does not offer STARTTLS"), "the log says why")
    guard.stop()
    backend.stop()


def backend_that_is_not_believed(suite, pair, authority, stranger):
    backend = ScriptedBackend(tls=pair).start()
    for name, settings in {"another-authority": {"ca_file": stranger[0]},
                           "another-name": {"ca_file": authority[0], "tls_name": "other.example.net"}}.items():
        guard = start_before_backend(suite, "backend-" + name, backend, tls="required", **settings)
        mail_gets_451(guard)
        wait_until(lambda: guard.log.find("TLS handshake: certificate verify failed"), "the log says why")
        guard.stop()
    expect(not backend.accepted(), "a message was given to a backend that is not believed")
    backend.stop()


def backend_with_a_broken_handshake(suite, pair):
    backend = ScriptedBackend(tls=pair).start()
    backend.default = {"starttls": [b"220 go ahead\r\n", 0.2, b"250 this is no TLS\r\n", "close"]}
    guard = start_before_backend(suite, "backend-broken", backend, tls="opportunistic")
    expect(deliver_to_backend(guard, backend)[-1].tls is None, "TLS after all?")
    wait_until(lambda: guard.log.find("going on in plaintext"), "the log says so")
    guard.stop()
    backend.stop()


def backend_with_injected_replies(suite, pair):
    """CVE-2021-38371: what stands behind the backend's 220 was said by nobody knows whom."""
    backend = ScriptedBackend(tls=pair).start()
    backend.default = {"starttls": b"220 go ahead\r\n250 evil\r\n250 evil\r\n250 evil\r\n"}
    guard = start_before_backend(suite, "backend-injected", backend, tls="opportunistic")
    mail_gets_451(guard)
    wait_until(lambda: guard.log.find("sent bytes that answer nothing"), "the log says why")
    guard.stop()
    backend.stop()


def plain_is_plain(suite):
    backend = ScriptedBackend().start()
    guard = Guard(suite, "plain", [("127.0.0.1", free_port())], backend.address).start()
    with RawClient(guard.address) as client:
        expect("STARTTLS" not in client.hello().text, "STARTTLS is offered without a certificate")
        client.ask("STARTTLS", 502)
        client.quit()
    guard.stop()
    backend.stop()


def main():
    suite = Suite("tls", __doc__)
    folder = suite.work + "/certificates"
    pairs = []

    def make_all():
        pairs.append(certificates.make(folder, "ecdsa", "ecdsa"))
        pairs.append(certificates.make(folder, "rsa", "rsa"))
        pairs.append(certificates.make(folder, "other", "rsa", ("other.example.net", "*.wild.example.net")))
    if not suite.case("certificates", make_all, always=True) or not pairs:
        suite.finish()
    backend = ScriptedBackend().start()
    section = dict(certificates.settings(*pairs), handshake_timeout='"2s"', retry_after='"0s"')
    guard = Guard(suite, "guard", [("127.0.0.1", free_port())], backend.address, sections={"tls": section}).start()
    suite.case("message/tls-1.2", a_message_arrives, guard, backend, ssl.TLSVersion.TLSv1_2, "TLSv1.2")
    suite.case("message/tls-1.3", a_message_arrives, guard, backend, ssl.TLSVersion.TLSv1_3, "TLSv1.3")
    suite.case("log", the_log_tells, guard)
    suite.case("certificate/by-name", certificate_by_name, guard)
    suite.case("certificate/by-cipher", certificate_by_cipher, guard)
    suite.case("injected/with-starttls", injected, guard, backend, 0)
    suite.case("injected/with-starttls-and-a-pause", injected, guard, backend, 0.3)
    suite.case("injected/behind-220", injected_behind_go_ahead, guard, backend)
    suite.case("plaintext-after-close-notify", plaintext_after_farewell, guard, backend)
    suite.case("close-notify-is-answered", farewell_is_answered, guard)
    suite.case("cut-off-without-close-notify", cut_off_without_farewell, guard, backend)
    suite.case("many-commands-in-one-record", many_commands_in_one_record, guard)
    suite.case("second-starttls", second_starttls, guard)
    suite.case("starttls-closes-the-backend", starttls_closes_the_backend, guard, backend)
    suite.case("handshake/silent", silent_handshake, guard)
    suite.case("handshake/stalled-ones-block-nobody", stalled_handshakes_block_nobody, guard)
    suite.case("handshake/resumption", resumption, guard)
    suite.case("handshake/alpn-http", wrong_protocol_name, guard)
    suite.case("handshake/alpn-smtp", right_protocol_name, guard)
    suite.case("handshake/renegotiation", renegotiation, guard)
    suite.case("handshake/old-protocols", old_protocols, guard)
    suite.case("many-idle", many_idle, guard)
    suite.case("guard-still-good", guard.stop, always=True)
    suite.case("reload", reload_with_new_certificate, suite, folder)
    suite.case("no-certificate", plain_is_plain, suite)
    suite.case("failed-handshake-is-remembered", failed_handshake_is_remembered, suite, folder, backend)
    authority = certificates.make(folder, "authority", "ecdsa", ("authority.example.net",))
    stranger = certificates.make(folder, "stranger", "ecdsa", ("stranger.example.net",))
    pair = certificates.make(folder, "backend", "ecdsa", ("backend.example.net",), authority=authority)
    suite.case("backend/tls", backend_by_tls, suite, pair, authority)
    suite.case("backend/no-tls", backend_without_tls, suite, authority)
    suite.case("backend/not-believed", backend_that_is_not_believed, suite, pair, authority, stranger)
    suite.case("backend/broken-handshake", backend_with_a_broken_handshake, suite, pair)
    suite.case("backend/injected-replies", backend_with_injected_replies, suite, pair)
    suite.finish()


if __name__ == "__main__":
    main()
