"""Attacks that hold memory, connections or places: they take no more than their share.

Each attack stays on the loopback address and lasts some seconds. With -s, pytest prints a
table: the memory before, during and some time after each attack (AFTER_SECONDS, 1 by default),
and the calls of a regular caller, the victim, with their 99th percentile before and during the
attack. LIVEGATE_BIN selects the binary, such as a release build.
"""

import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

import pytest

import frames
from bystander import RegularCaller, address, resident
from contract import SERVICE
from frames import DATA, Connection
from processes import Server
from uploads import uploads

HOLD_SECONDS = 5
# A debug build takes seconds for 12,000 refusals, on a busy machine many of them.
PROBE_SECONDS = 15
# In a pod of 256 MiB. The largest growth of a debug build was 75 MiB.
GROWTH_BYTES = 96 * 2**20
AFTER_SECONDS = int(os.environ.get("AFTER_SECONDS", "1"))
SETTINGS = {
    # As in deploy/kubernetes, for a pod of 256 MiB.
    "grpc.max_concurrent_requests": 3000,
    # Longer than an attack, also on a busy machine, so that no timeout frees what it holds.
    "grpc.request_body_timeout": "2m",
    "auth.mode": "trusted-header",
    "callers.forbidden.allow": [],
}
CREATE = f"/{SERVICE}/CreateSession"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
Close = Callable[[], None]


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[list[str]]:
    """The rows of the table, which is printed after the last attack."""
    rows: list[str] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield rows
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    heads = ["attack", "MB before", "during", "after", "calls of the victim", "failed", "p99 ms before", "during", "probe ms"]
    print("\n| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    print("\n".join(rows))


def unfinished_reflections(server: Server) -> Close:
    sizes = {"message": 4_000_000, "part": 2_000_000}
    return uploads(address(server), 1, 100, path=REFLECTION, **sizes, seconds=HOLD_SECONDS)


def unfinished_health_checks(server: Server) -> Close:
    sizes = {"message": 4_000_000, "part": 60_000}
    return uploads(address(server), 3, 1000, path=CHECK, **sizes, seconds=HOLD_SECONDS)


def unfinished_requests_of_a_forbidden_caller(server: Server) -> Close:
    sizes = {"message": 61_000, "part": 60_000}
    caller = {"livegate-caller": "forbidden"}
    return uploads(address(server), 3, 1000, path=CREATE, **sizes, seconds=HOLD_SECONDS, **caller)


def unfinished_requests_of_a_permitted_caller(server: Server) -> Close:
    sizes = {"message": 8192, "part": 8191}
    caller = {"livegate-caller": "attacker"}
    return uploads(address(server), 10, 1000, path=CREATE, **sizes, seconds=HOLD_SECONDS, **caller)


def requests_without_a_body(server: Server) -> Close:
    caller = {"livegate-caller": "attacker"}
    return uploads(address(server), 12, 1000, path=CREATE, message=1, part=0, seconds=HOLD_SECONDS, **caller)


def health_watches(server: Server) -> Close:
    return uploads(address(server), 12, 1000, path=WATCH, message=0, part=0, seconds=HOLD_SECONDS)


def unfinished_calls_of_the_health_service(server: Server) -> Close:
    return uploads(address(server), 12, 1000, path=CHECK, message=1, part=0, seconds=HOLD_SECONDS)


def admin_connections(server: Server, first: bytes, number: int) -> Close:
    admin = server.admin.removeprefix("http://").split(":")
    sockets = [socket.create_connection((admin[0], int(admin[1])), timeout=5) for _ in range(number)]
    for stream in sockets:
        with suppress(OSError):
            stream.sendall(first)
    time.sleep(HOLD_SECONDS)
    return lambda: [stream.close() for stream in sockets]


def silent_admin_connections(server: Server) -> Close:
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
    return admin_connections(server, b"", 1100)


def long_heads_on_the_admin_port(server: Server) -> Close:
    head = b"GET /livez HTTP/1.1\r\n" + b"".join(b"x%d: %s\r\n" % (n, b"a" * 8000) for n in range(47))
    return admin_connections(server, head, 500)


def unauthenticated_connections_from_ten_addresses(server: Server) -> Close:
    first = frames.opening() + frames.call(1, frames.header_block(CHECK))
    opened = []
    for host in range(2, 12):
        for _ in range(100):
            stream = socket.create_connection(address(server), 5, (f"127.0.0.{host}", 0))
            stream.sendall(first)
            opened.append(stream)
    time.sleep(HOLD_SECONDS)
    return lambda: [stream.close() for stream in opened]


ATTACKS = [
    unfinished_reflections,
    unfinished_health_checks,
    unfinished_requests_of_a_forbidden_caller,
    unfinished_requests_of_a_permitted_caller,
    requests_without_a_body,
    health_watches,
    unfinished_calls_of_the_health_service,
    silent_admin_connections,
    long_heads_on_the_admin_port,
    unauthenticated_connections_from_ten_addresses,
]


class Observer:
    """Samples the memory, and probes health on new connections and the admin port."""

    def __init__(self, server: Server):
        self.server = server
        self.peak = 0
        self.probe_seconds = [0.0]
        self.failures: list[str] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._sample), threading.Thread(target=self._probe)]

    def _sample(self) -> None:
        while not self.over.wait(0.05):
            self.peak = max(self.peak, resident(self.server))

    def _probe(self) -> None:
        # Let the attack begin.
        while not self.over.wait(1):
            started = time.monotonic()
            for name, probe in {"livez": self._livez, "check": self._health, "watch": self._health}.items():
                try:
                    if not probe(WATCH if name == "watch" else CHECK):
                        self.failures.append(name)
                except (OSError, HTTPException) as error:
                    self.failures.append(f"{name}: {error}")
            self.probe_seconds.append(time.monotonic() - started)

    def _livez(self, _: str) -> bool:
        # The kubelet has another address than the attacker.
        admin = HTTPConnection(self.server.admin.removeprefix("http://"), timeout=PROBE_SECONDS, source_address=("127.0.0.200", 0))
        try:
            admin.request("GET", "/livez")
            return admin.getresponse().status == 200
        finally:
            admin.close()

    def _health(self, path: str) -> bool:
        connection = Connection(address(self.server), frames.opening() + frames.call(1, frames.header_block(path)))
        try:
            return connection.first(DATA, PROBE_SECONDS) is not None
        finally:
            connection.close()


def observe(caller: RegularCaller, seconds: float) -> float:
    """Calls for some seconds without an attack. Returns the 99th percentile of the latencies."""
    quiet = RegularCaller(caller.client)
    quiet.thread.start()
    time.sleep(seconds)
    quiet.over.set()
    quiet.thread.join()
    assert not quiet.failures, quiet.failures[0]
    return quiet.p99()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_gets_no_more_than_its_share(serve, connect, table, attack):
    server = serve(SETTINGS)
    caller = RegularCaller(connect(server, caller="victim"))
    quiet, before = observe(caller, 3), resident(server)
    observer = Observer(server)
    threads = [caller.thread, *observer.threads]
    for thread in threads:
        thread.start()
    close = None
    try:
        close = attack(server)
    finally:
        caller.over.set()
        observer.over.set()
        for thread in threads:
            thread.join()
        if close:
            close()
    time.sleep(AFTER_SECONDS)
    memory = [before, observer.peak, resident(server)]
    cells = [attack.__name__, *(f"{size / 1e6:.0f}" for size in memory), len(caller.seconds), len(caller.failures)]
    cells += [f"{seconds * 1000:.0f}" for seconds in (quiet, caller.p99(), max(observer.probe_seconds))]
    table.append("| " + " | ".join(map(str, cells)) + " |")
    assert not caller.failures, caller.failures
    assert not observer.failures, observer.failures
    # Latencies are printed and not asserted: they depend on the machine.
    assert observer.peak - before < GROWTH_BYTES


def test_a_burst_of_cancelled_calls_ends_no_other_call(simulate, serve):
    server = serve(SETTINGS, simulate("--latency=500ms..500ms"))
    block = frames.header_block(**{"livegate-caller": "victim"})
    connection = Connection(address(server), frames.opening() + frames.call(1, block))
    cancelled = (
        frames.begin(stream, block) + frames.frame(frames.RST_STREAM, frames.CANCEL, 0, stream)
        for stream in range(3, 403, 2)
    )
    connection.send(b"".join(cancelled))
    answer = connection.first(DATA)
    connection.close()
    assert answer and answer[1] == 1, "the first call is answered"
