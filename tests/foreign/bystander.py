"""A regular caller during an attack, and the metrics of Livegate meanwhile."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from processes import Server, get

# Bounds that a busy machine does not exceed.
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
# Longer than each of those timeouts, also on a busy machine.
TIMEOUT_SECONDS = 6


def resident(server: Server) -> int:
    """Returns the resident memory of the process, in bytes."""
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def cpu_seconds(server: Server) -> float:
    """Returns the CPU time of the process."""
    with open(f"/proc/{server.process.pid}/stat") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def ended(server: Server, outcome: str) -> float:
    """Returns how many connections ended with this outcome."""
    line = f'grpc_server_connections_total{{outcome="{outcome}"}} '
    page = get(f"{server.admin}/metrics")[1]
    return sum(float(one.removeprefix(line)) for one in page.splitlines() if one.startswith(line))


def address(server: Server) -> tuple[str, int]:
    """Returns the address of the server, for a socket."""
    host, port = server.address.split(":")
    return host, int(port)


class RegularCaller:
    """A caller that makes about fifty calls per second during the attack."""

    def __init__(self, client):
        self.client = client
        self.seconds: list[float] = []
        self.failures: list[Exception] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._call)

    def _call(self) -> None:
        while not self.over.wait(0.02):
            started = time.monotonic()
            try:
                self.client.create(timeout=10)
            except Exception as failure:
                self.failures.append(failure)
            self.seconds.append(time.monotonic() - started)

    def p99(self) -> float:
        """Returns the 99th percentile of the latencies, in seconds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


@pytest.fixture
def bystander(serve, connect) -> Callable:
    """A server with a regular caller, which the code in the block must not disturb."""

    @contextmanager
    def stand_by(name: str) -> Iterator[Server]:
        server = serve(SHORT)
        client = connect(server)
        for _ in range(50):
            client.create()
        regular, before = RegularCaller(client), resident(server)
        started, cpu = time.monotonic(), cpu_seconds(server)
        regular.thread.start()
        try:
            yield server
        finally:
            while len(regular.seconds) < 50 and not regular.failures:
                time.sleep(0.1)
            regular.over.set()
            regular.thread.join()
        after = resident(server)
        cores = (cpu_seconds(server) - cpu) / (time.monotonic() - started)
        print(f"\n{name}: p99 {regular.p99() * 1000:.1f} ms of {len(regular.seconds)} calls, "
              f"memory {before / 1e6:.1f} -> {after / 1e6:.1f} MB, {cores:.2f} cores")
        assert not regular.failures, regular.failures[0]
        assert regular.p99() < P99_SECONDS
        assert after - before < GROWTH_BYTES

    return stand_by
