"""An issuer of bearer tokens and a certificate authority, made with the program openssl."""

import base64
import json
import subprocess
import time
from pathlib import Path

ISSUER = "https://issuer.example.com"
AUDIENCE = "livegate"
CALLER = "system:serviceaccount:payments:onboarding"


def openssl(*arguments: object, text: bytes = b"") -> bytes:
    """Runs openssl and returns its output."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=text, check=True, capture_output=True, timeout=60).stdout


def encoded(part: bytes) -> str:
    """Encodes a part of a token."""
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


class Issuer:
    """Signs tokens with one RSA key."""

    def __init__(self, directory: Path):
        self.key, self.jwks = directory / "issuer.key", directory / "jwks.json"
        openssl("genrsa", "-out", self.key, 2048)
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().removeprefix("Modulus=")
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "e": "AQAB", "n": encoded(bytes.fromhex(modulus))}
        self.jwks.write_text(json.dumps({"keys": [key]}))

    def token(self, lifetime: int = 600) -> str:
        """Returns a token as Kubernetes issues it to a service account."""
        now = int(time.time())
        times = {"iat": now - 1000, "nbf": now - 1000, "exp": now + lifetime}
        claims = {"iss": ISSUER, "aud": [AUDIENCE], "sub": CALLER} | times
        parts = ({"alg": "RS256", "kid": "one"}, claims)
        signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{encoded(openssl('dgst', '-sha256', '-sign', self.key, text=signed.encode()))}"


class CertificateAuthority:
    """Issues certificates for the loopback address."""

    def __init__(self, directory: Path):
        self.certificate, self.key = directory / "ca.crt", directory / "ca.key"
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")
        constraints = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", "-x509", *curve, "-subj", "/CN=authority", *constraints, "-keyout", self.key, "-out", self.certificate)

    def issue(self, directory: Path) -> Path:
        """Writes ca.crt, tls.crt and tls.key into a directory, as cert-manager does."""
        directory.mkdir()
        (directory / "ca.crt").write_text(self.certificate.read_text())
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")
        names = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
        signer = ("-CA", self.certificate, "-CAkey", self.key)
        files = ("-keyout", directory / "tls.key", "-out", directory / "tls.crt")
        openssl("req", "-x509", *signer, *curve, "-subj", "/CN=localhost", *names, *files)
        return directory
