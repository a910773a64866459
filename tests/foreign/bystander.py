"""An honest caller beside an attack, and what Livegate says of itself meanwhile."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from processes import Server, get

# What the machine may be busy with besides, of which Livegate is not guilty.
P99_SECONDS = 1.0
GROWTH_BYTES = 96 << 20
MAX_PER_PEER = 50
SHORT = {
    "grpc.max_connections_per_peer": MAX_PER_PEER,
    "grpc.max_concurrent_streams": 200,
    "grpc.first_request_timeout": "1s",
    "grpc.request_body_timeout": "1s",
    "grpc.response_write_timeout": "1s",
    "grpc.keepalive_interval": "1s",
    "grpc.keepalive_timeout": "1s",
}
# More than any of those, and a little time for a busy machine.
SOON_SECONDS = 6


def resident(server: Server) -> int:
    """The memory of the process, in bytes."""
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def ended(server: Server, outcome: str) -> float:
    """How many connections have ended so."""
    line = f'grpc_server_connections_total{{outcome="{outcome}"}} '
    page = get(f"{server.admin}/metrics")[1]
    return sum(float(one.removeprefix(line)) for one in page.splitlines() if one.startswith(line))


def address(server: Server) -> tuple[str, int]:
    """Where to connect a socket."""
    host, port = server.address.split(":")
    return host, int(port)


class Honest:
    """A caller that calls some fifty times a second while the attack goes on."""

    def __init__(self, client):
        self.client = client
        self.seconds: list[float] = []
        self.failures: list[Exception] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._call)

    def _call(self) -> None:
        while not self.over.wait(0.02):
            begun = time.monotonic()
            try:
                self.client.create(timeout=10)
            except Exception as failure:
                self.failures.append(failure)
            self.seconds.append(time.monotonic() - begun)

    def p99(self) -> float:
        """The time that one call in a hundred exceeds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


@pytest.fixture
def bystander(serve, connect) -> Callable:
    """A server with an honest caller, who must not notice what is done in the block."""

    @contextmanager
    def stand_by(name: str) -> Iterator[Server]:
        server = serve(SHORT)
        client = connect(server)
        for _ in range(50):
            client.create()
        honest, before = Honest(client), resident(server)
        honest.thread.start()
        try:
            yield server
        finally:
            while len(honest.seconds) < 50 and not honest.failures:
                time.sleep(0.1)
            honest.over.set()
            honest.thread.join()
        after = resident(server)
        print(f"\n{name}: honest p99 {honest.p99() * 1000:.1f} ms of {len(honest.seconds)} calls, "
              f"memory {before / 1e6:.1f} -> {after / 1e6:.1f} MB")
        assert not honest.failures, honest.failures[0]
        assert honest.p99() < P99_SECONDS
        assert after - before < GROWTH_BYTES

    return stand_by
