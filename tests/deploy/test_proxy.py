"""The egress proxy: calls to AWS and fetches of the JWKS use it, as docs/network.md says."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from neighbours import NAME, Authority, TlsFront

LIVEGATE = os.environ["LIVEGATE_BIN"]
TIMEOUT_SECONDS = 30


def free_port() -> int:
    """Returns a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """A proxy for CONNECT, which resolves every name to the loopback address."""

    def __init__(self):
        self.targets: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            method, target, _ = head.split(b" ", 2)
            assert method == b"CONNECT"
            self.targets.append(target.decode())
            back = socket.create_connection(("127.0.0.1", int(target.rsplit(b":", 1)[1])))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=TlsFront.pump, args=(back, client), daemon=True).start()
            TlsFront.pump(client, back)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the certificate of the simulator."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable]:
    """Starts commands of Livegate and ends them after the test."""
    started: list[subprocess.Popen] = []

    def begin(*arguments: str, env: dict | None = None) -> Path:
        log = tmp_path / f"{len(started)}.log"
        with log.open("wb") as output:
            command = [LIVEGATE, *arguments]
            started.append(subprocess.Popen(command, env=env or {}, stdout=output, stderr=subprocess.STDOUT))
        return log

    yield begin
    for process in started:
        process.kill()
        process.wait()


def wait_for(text: str, log: Path) -> None:
    """Waits for a text in a log."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while text not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


@pytest.fixture
def aws(authority: Authority, start: Callable) -> TlsFront:
    """A simulator behind TLS, whose name only the proxy resolves."""
    port = free_port()
    wait_for("listen", start("simulate", f"--listen=127.0.0.1:{port}"))
    return TlsFront(authority, behind=port)


def serve(start: Callable, authority: Authority, aws: TlsFront, env: dict, *settings: str) -> tuple[Path, str]:
    """Starts the service behind a proxy. Returns its log and address."""
    address = f"127.0.0.1:{free_port()}"
    known = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "SSL_CERT_FILE": str(authority.certificate)}
    more = [f"--set=grpc.listen={address}", "--set=admin.listen=127.0.0.1:0", *settings]
    log = start("serve", f"--set=upstream.endpoint_url=https://{NAME}:{aws.port}", *more, env=known | env)
    wait_for("ready", log)
    return log, address


def create(address: str) -> int:
    """Returns the exit code of a call."""
    command = [LIVEGATE, "create", f"--endpoint=http://{address}", "--timeout=3s"]
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS).returncode


def test_calls_to_aws_go_through_the_proxy(authority: Authority, aws: TlsFront, start: Callable) -> None:
    proxy = Proxy()
    _, address = serve(start, authority, aws, {"HTTPS_PROXY": proxy.url})
    assert create(address) == 0
    assert set(proxy.targets) == {f"{NAME}:{aws.port}"}


def test_no_proxy_names_hosts_that_are_reached_directly(authority: Authority, aws: TlsFront, start: Callable) -> None:
    proxy = Proxy()
    _, address = serve(start, authority, aws, {"HTTPS_PROXY": proxy.url, "NO_PROXY": f"10.0.0.0/8,{NAME}"})
    assert create(address) != 0, "the name resolves nowhere else"
    assert proxy.targets == []


@pytest.mark.parametrize("excluded", [False, True])
def test_the_jwks_obeys_the_proxy_as_aws_does(
    authority: Authority, aws: TlsFront, start: Callable, excluded: bool
) -> None:
    proxy = Proxy()
    env = {"HTTPS_PROXY": proxy.url} | ({"NO_PROXY": NAME} if excluded else {})
    jwt = {"issuer": "a", "audience": "b", "jwks_url": f"https://{NAME}:{aws.port}/jwks"}
    settings = [f"--set=auth.jwt.{key}={value}" for key, value in jwt.items()]
    ca = f"--set=auth.jwt.jwks_ca_file={authority.certificate}"
    log, _ = serve(start, authority, aws, env, "--set=auth.mode=jwt", *settings, ca)
    wait_for("JWKS not loaded", log)
    assert set(proxy.targets) == (set() if excluded else {f"{NAME}:{aws.port}"})
