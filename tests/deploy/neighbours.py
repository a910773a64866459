"""The network around a container: a name server, and a TLS proxy in front of a plaintext server."""

import socket
import ssl
import struct
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

NAME = "livegate.test"


class NameServer:
    """Resolves one name, to the loopback address."""

    address = "127.0.0.153"

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        wanted = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split(".")) + b"\0"
        while True:
            query, client = self.socket.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            question = query[12:end]
            is_known = question.startswith(wanted + b"\0\1")
            record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1")
            head = query[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, is_known, 0, 0)
            self.socket.sendto(head + question + (record if is_known else b""), client)


class Authority:
    """A certificate authority that is trusted only where it is configured, with its one certificate."""

    def __init__(self, directory: Path):
        self.certificate, self.key = directory / "certificate.pem", directory / "key.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2"),
                *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
                *("-addext", "basicConstraints=critical,CA:FALSE"),
                *("-keyout", str(self.key), "-out", str(self.certificate)),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


class TlsFront:
    """Terminates TLS, and forwards the plaintext."""

    def __init__(self, authority: Authority, behind: int):
        self.behind = behind
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.certificate, authority.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            plain, _ = self.listener.accept()
            threading.Thread(target=self._connect, args=(plain,), daemon=True).start()

    def _connect(self, plain: socket.socket) -> None:
        with suppress(OSError):
            front = self.context.wrap_socket(plain, server_side=True)
            back = socket.create_connection(("127.0.0.1", self.behind))
            threading.Thread(target=self.pump, args=(back, front), daemon=True).start()
            self.pump(front, back)

    @staticmethod
    def pump(source: socket.socket, sink: socket.socket) -> None:
        """Copies bytes until one side closes."""
        with suppress(OSError):
            while received := source.recv(65536):
                sink.sendall(received)
