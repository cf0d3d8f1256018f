"""Certificates made by the openssl command while the tests run; none is kept in the tree."""
import os
import subprocess

from .harness import Skip


def make(folder, name, kind="ecdsa", hosts=("mx.example.net",), days=30, authority=None):
    """Writes NAME.pem and NAME.key into the folder and returns their paths; signed by `authority`, another such pair, or
    by itself. kind: "ecdsa" or "rsa"."""
    os.makedirs(folder, exist_ok=True)
    certificate, key = (os.path.join(folder, f"{name}.{end}") for end in ("pem", "key"))
    new_key = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if kind == "ecdsa" else ["rsa:2048"]
    call = ["openssl", "req", "-x509", "-newkey", *new_key, "-nodes", "-keyout", key, "-out", certificate, "-days", str(days),
            "-subj", f"/CN={hosts[0]}", "-addext", "subjectAltName=" + ",".join("DNS:" + host for host in hosts)]
    if authority:
        call += ["-CA", authority[0], "-CAkey", authority[1], "-addext", "basicConstraints=critical,CA:FALSE"]
    try:
        subprocess.run(call, check=True, capture_output=True, timeout=30)
    except FileNotFoundError:
        raise Skip("the openssl command is missing") from None
    return certificate, key


def settings(*pairs):
    """The section [tls] of a Guard that shows these."""
    def quoted(paths):
        return "[" + ", ".join(f'"{path}"' for path in paths) + "]"
    return {"certificates": quoted(pair[0] for pair in pairs), "keys": quoted(pair[1] for pair in pairs)}
