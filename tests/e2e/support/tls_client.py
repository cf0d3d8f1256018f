"""TlsClient: a RawClient that can go over to TLS, and is not careful about whom it talks to."""
import ssl
import subprocess

from .harness import expect
from .smtp_client import RawClient


def context(least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3, ciphers=None, alpn=None):
    out = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    out.check_hostname = False
    out.verify_mode = ssl.CERT_NONE
    out.minimum_version, out.maximum_version = least, most
    if ciphers:
        out.set_ciphers(ciphers)
    if alpn:
        out.set_alpn_protocols(alpn)
    return out


class TlsClient(RawClient):
    def shake_hands(self, using=None, server_name=None):
        self.socket = (using or context()).wrap_socket(self.socket, server_hostname=server_name)
        return self

    def start_tls(self, using=None, server_name=None, name="client.example"):
        """From the greeting to the EHLO under TLS; returns the reply to that."""
        before = self.hello(name)
        expect("STARTTLS" in before.text, f"STARTTLS is not offered: {before.text}")
        self.ask("STARTTLS", 220)
        self.shake_hands(using, server_name)
        return self.ask(f"EHLO {name}", 250)

    def certificate_kind(self):
        """"rsa" or "ecdsa"."""
        pem = ssl.DER_cert_to_PEM_cert(self.socket.getpeercert(True))
        text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem.encode(), capture_output=True, check=True,
                              timeout=10).stdout
        return "rsa" if b"rsaEncryption" in text else "ecdsa"
