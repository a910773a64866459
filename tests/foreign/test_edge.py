"""Livegate under attack: each ends in its time, memory stays, and an honest caller is served.

Every attack is bounded in time and number, and stays on the loopback address.
Run pytest with -s to see what each did to the honest caller and to the memory.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import grpc
import pytest
from hpack import Decoder

import frames
from contract import SERVICE
from frames import CANCEL, CONTINUATION, DATA, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, Connection
from processes import Server, get

ATTACK_SECONDS = 2
# What the machine may be busy with besides, of which Livegate is not guilty.
P99_SECONDS = 1.0
GROWTH_BYTES = 96 << 20
MAX_PER_PEER = 50
SHORT = {
    "grpc.max_connections_per_peer": MAX_PER_PEER,
    "grpc.max_concurrent_streams": 200,
    "grpc.headers_timeout": "1s",
    "grpc.body_timeout": "1s",
    "grpc.answer_timeout": "1s",
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


def flood(server: Server, first: bytes, again: Callable[[int], bytes]) -> tuple[int, int]:
    """Sends the n-th piece over and over, on a new connection after each end: pieces, and ends."""
    until = time.monotonic() + ATTACK_SECONDS
    pieces = ends = 0
    while time.monotonic() < until:
        connection = Connection(address(server), first)
        connection.socket.settimeout(0.5)
        piece = 0
        with suppress(ConnectionError, TimeoutError):
            while time.monotonic() < until:
                connection.send(again(piece))
                piece += 1
        pieces += piece
        ends += time.monotonic() < until
        connection.close()
    return pieces, ends


def rapid_resets(server: Server) -> None:
    block = frames.header_block()

    def burst(number: int) -> bytes:
        streams = range(1 + number * 200, 1 + (number + 1) * 200, 2)
        return b"".join(frames.begin(one, block) + frames.frame(RST_STREAM, CANCEL, 0, one) for one in streams)

    bursts, ends = flood(server, frames.opening(), burst)
    assert ends, f"{bursts * 100} resets, and no connection was ended"


def spread_resets(server: Server) -> None:
    """The calls are seen before they are reset, so that h2 itself does not count them."""
    block = frames.header_block()

    def turn(number: int) -> bytes:
        time.sleep(0.02)
        streams = range(1 + number // 2 * 200, 1 + (number // 2 + 1) * 200, 2)
        if number % 2:
            return b"".join(frames.frame(RST_STREAM, CANCEL, 0, one) for one in streams)
        return b"".join(frames.begin(one, block) for one in streams)

    _, ends = flood(server, frames.opening(), turn)
    assert ends and ended(server, "flooded"), "no connection was ended for its resets"


def ping_flood(server: Server) -> None:
    """A peer that reads none of the answers."""
    pings = frames.frame(PING, bytes(8)) * 1000
    flood(server, frames.opening(), lambda _: pings)


def settings_flood(server: Server) -> None:
    settings = frames.frame(SETTINGS) * 1000
    flood(server, frames.opening(), lambda _: settings)


def continuation_flood(server: Server) -> None:
    first = frames.opening() + frames.frame(HEADERS, frames.header_block(), 0, 1)
    more = frames.frame(CONTINUATION, bytes([0, 1, ord("a"), 1, ord("b")]) * 20, 0, 1) * 100
    pieces, ends = flood(server, first, lambda _: more)
    assert ends, f"{pieces * 100} continuations, and no connection was ended"


def empty_continuation_flood(server: Server) -> None:
    first = frames.opening() + frames.frame(HEADERS, frames.header_block(), 0, 1)
    more = frames.frame(CONTINUATION, b"", 0, 1) * 1000
    pieces, ends = flood(server, first, lambda _: more)
    assert ends, f"{pieces * 1000} continuations, and no connection was ended"


def empty_data_flood(server: Server) -> None:
    first = frames.opening() + frames.begin(1, frames.header_block())
    data = frames.frame(DATA, b"", 0, 1) * 1000
    flood(server, first, lambda _: data)


def garbage(server: Server) -> None:
    pieces, ends = flood(server, os.urandom(64), lambda _: os.urandom(4096))
    assert ends, f"{pieces} pieces of garbage, and no connection was ended"


def garbage_after_the_preface(server: Server) -> None:
    _, ends = flood(server, frames.opening(), lambda _: b"\xff" * 4096)
    assert ends


def tls_to_a_plain_port(server: Server) -> None:
    context = ssl.create_default_context()
    for _ in range(50):
        with socket.create_connection(address(server), timeout=5) as stream, pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(stream, server_hostname="livegate")


def http1_to_the_port(server: Server) -> None:
    for _ in range(50):
        connection = Connection(address(server), b"GET / HTTP/1.1\r\nhost: livegate\r\n\r\n")
        connection.ends(SOON_SECONDS)
        connection.close()


ATTACKS = [
    rapid_resets,
    spread_resets,
    ping_flood,
    settings_flood,
    continuation_flood,
    empty_continuation_flood,
    empty_data_flood,
    garbage,
    garbage_after_the_preface,
    tls_to_a_plain_port,
    http1_to_the_port,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_leaves_memory_and_the_honest_caller_alone(bystander, attack):
    with bystander(attack.__name__) as server:
        attack(server)


def patient_attackers(server: Server, firsts: list[bytes], drip: bytes) -> None:
    """Forty peers that send a little again and again: all are let go soon."""
    with ExitStack() as closing:
        connections = [Connection(address(server), firsts[number % len(firsts)]) for number in range(40)]
        for connection in connections:
            closing.callback(connection.close)
        begun = time.monotonic()
        left = set(connections)
        while left:
            assert time.monotonic() - begun < SOON_SECONDS, f"{len(left)} are still there"
            time.sleep(0.1)
            for connection in list(left):
                connection.socket.settimeout(0.001)
                try:
                    connection.send(drip)
                    while connection.socket.recv(65536):
                        pass
                    left.discard(connection)
                except TimeoutError:
                    pass
                except ConnectionError:
                    left.discard(connection)


def test_slow_headers_end_in_time(bystander):
    block = frames.header_block()
    whole = frames.frame(HEADERS, block + bytes(4000), 0, 1)
    with bystander("slow headers") as server:
        patient_attackers(server, [frames.opening() + whole[: 9 + len(block)]], b"\0")


def test_half_open_sockets_end_in_time(bystander):
    firsts = [b"", frames.PREFACE[:10], frames.opening(), frames.opening() + b"\0\0"]
    with bystander("half-open sockets") as server:
        patient_attackers(server, firsts, b"")


def test_a_slow_body_is_answered_in_time_and_its_connection_lives(bystander):
    with bystander("slow bodies") as server:
        block = frames.header_block()
        first = frames.opening() + b"".join(frames.begin(1 + 2 * n, block) for n in range(100))
        connection = Connection(address(server), first)
        begun, answered = time.monotonic(), set()
        for _ in range(8):
            time.sleep(0.1)
            connection.send(b"".join(frames.frame(DATA, b"\0", 0, 1 + 2 * n) for n in range(0, 100, 2)))
        for kind, flags, stream, payload in connection.frames(SOON_SECONDS):
            if kind == HEADERS and flags & END_STREAM:
                answered.add(stream)
            if kind == PING and not flags:
                connection.send(frames.frame(PING, payload, frames.ACK))
            if len(answered) == 100:
                break
        assert len(answered) == 100
        assert 0.9 < time.monotonic() - begun < SOON_SECONDS
        connection.send(frames.call(999, block))
        assert connection.first(DATA, SOON_SECONDS), "the connection is as good as before"
        connection.close()


def test_a_deadline_that_passes_before_the_request_is_there_is_told_as_one(serve):
    connection = Connection(address(serve()), frames.opening())
    begun = time.monotonic()
    connection.send(frames.begin(1, frames.header_block(**{"grpc-timeout": "400m"})))
    answer = connection.first(HEADERS, SOON_SECONDS)
    took = time.monotonic() - begun
    connection.close()
    assert answer, "the connection lives"
    assert dict(Decoder().decode(answer[2]))["grpc-status"] == str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    assert 0.37 < took < 1, took


def test_an_answer_that_nobody_takes_is_reset_and_the_connection_lives(bystander):
    with bystander("windows that stay closed") as server:
        block = frames.header_block()
        first = frames.opening(window=0) + b"".join(frames.call(1 + 2 * n, block) for n in range(100))
        connection = Connection(address(server), first)
        begun, reset = time.monotonic(), set()
        for kind, flags, stream, payload in connection.frames(SOON_SECONDS):
            if kind == PING and not flags:
                connection.send(frames.frame(PING, payload, frames.ACK))
            if kind == RST_STREAM:
                reset.add(stream)
            if len(reset) == 100:
                break
        assert len(reset) == 100
        assert 0.9 < time.monotonic() - begun < SOON_SECONDS
        window = frames.frame(SETTINGS, b"\0\4\0\0\xff\xff")
        connection.send(window + frames.call(999, block))
        assert connection.first(DATA, SOON_SECONDS), "the connection is as good as before"
        connection.close()


def test_a_peer_that_reads_nothing_at_all_is_let_go(bystander):
    with bystander("nothing is read") as server:
        connection = Connection(address(server), frames.opening() + frames.call(1, frames.header_block()))
        closed = ended(server, "broken")
        until = time.monotonic() + SOON_SECONDS
        while ended(server, "broken") == closed:
            assert time.monotonic() < until, "it is still there"
            time.sleep(0.1)
        connection.close()


def test_thousands_of_idle_connections_are_bounded(bystander):
    with bystander("2000 idle connections") as server, ExitStack() as closing:
        for _ in range(2000):
            closing.enter_context(socket.create_connection(address(server), timeout=5))
        page = get(f"{server.admin}/metrics")[1]
        line = next(one for one in page.splitlines() if one.startswith("grpc_server_open_connections "))
        assert float(line.split()[1]) <= MAX_PER_PEER
        until = time.monotonic() + SOON_SECONDS
        while ended(server, "refused_peer_full") + ended(server, "silent") < 2000:
            assert time.monotonic() < until, "some are still there"
            time.sleep(0.1)
        assert ended(server, "silent") >= MAX_PER_PEER - 1


def test_a_connection_of_its_age_is_told_to_go_and_no_call_fails(serve, connect):
    server = serve({"grpc.max_connection_age": "1s"})
    client = connect(server)
    until = time.monotonic() + 4
    calls = 0
    while time.monotonic() < until:
        assert client.create().session_id
        calls += 1
        time.sleep(0.005)
    assert ended(server, "aged") >= 2
    watching = Connection(address(server), frames.opening() + frames.call(1, frames.header_block()))
    assert watching.first(GOAWAY, SOON_SECONDS)
    watching.close()
    print(f"\n{calls} calls over {ended(server, 'aged'):.0f} connections that came of age")


def test_calls_beyond_the_places_in_flight_are_refused_and_health_is_not(simulate, serve, connect):
    server = serve({"grpc.max_requests_in_flight": 2}, simulate("--latency=1s..1s"))
    block = frames.header_block()
    crowd = Connection(address(server), frames.opening() + b"".join(frames.call(1 + 2 * n, block) for n in range(5)))
    refused = set()
    health = frames.header_block("/grpc.health.v1.Health/Check")
    crowd.send(frames.call(101, health))
    for kind, flags, stream, _ in crowd.frames(SOON_SECONDS):
        if kind == HEADERS and flags & END_STREAM:
            refused.add(stream)
        if refused >= {5, 7, 9, 101}:
            break
    assert refused == {5, 7, 9, 101}, "101 was answered, and ends after that"
    crowd.close()
    page = get(f"{server.admin}/metrics")[1]
    assert f'grpc_method="{SERVICE}/CreateSession",grpc_status="RESOURCE_EXHAUSTED"' in page
