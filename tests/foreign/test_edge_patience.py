"""Slow, silent, too many, and old connections: each is closed in time."""

import socket
import time
from contextlib import ExitStack

import grpc
import pytest
from hpack import Decoder

import frames
from bystander import MAX_PER_PEER, TIMEOUT_SECONDS, address, bystander, ended  # noqa: F401: a fixture
from contract import SERVICE
from frames import DATA, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, Connection
from processes import Server, get


def slow_peers(server: Server, firsts: list[bytes], drip: bytes) -> None:
    """Opens forty connections that send a little repeatedly, and waits until all are closed."""
    with ExitStack() as sockets:
        connections = [Connection(address(server), firsts[number % len(firsts)]) for number in range(40)]
        for connection in connections:
            sockets.callback(connection.close)
        started = time.monotonic()
        open_connections = set(connections)
        while open_connections:
            assert time.monotonic() - started < TIMEOUT_SECONDS, f"{len(open_connections)} are still open"
            time.sleep(0.1)
            for connection in list(open_connections):
                connection.socket.settimeout(0.001)
                try:
                    connection.send(drip)
                    while connection.socket.recv(65536):
                        pass
                    open_connections.discard(connection)
                except TimeoutError:
                    pass
                except ConnectionError:
                    open_connections.discard(connection)


def test_slow_headers_are_closed_in_time(bystander):
    block = frames.header_block()
    whole = frames.frame(HEADERS, block + bytes(4000), 0, 1)
    with bystander("slow headers") as server:
        slow_peers(server, [frames.opening() + whole[: 9 + len(block)]], b"\0")


def test_half_open_sockets_are_closed_in_time(bystander):
    firsts = [b"", frames.PREFACE[:10], frames.opening(), frames.opening() + b"\0\0"]
    with bystander("half-open sockets") as server:
        slow_peers(server, firsts, b"")


def test_a_slow_body_fails_in_time_and_its_connection_stays_open(bystander):
    with bystander("slow bodies") as server:
        block = frames.header_block()
        first = frames.opening() + b"".join(frames.begin(1 + 2 * n, block) for n in range(100))
        connection = Connection(address(server), first)
        started, answered = time.monotonic(), set()
        for _ in range(8):
            time.sleep(0.1)
            connection.send(b"".join(frames.frame(DATA, b"\0", 0, 1 + 2 * n) for n in range(0, 100, 2)))
        for kind, flags, stream, payload in connection.frames(TIMEOUT_SECONDS):
            # Each PING is a frame, so the frames never end.
            assert time.monotonic() - started < TIMEOUT_SECONDS
            if kind == HEADERS and flags & END_STREAM:
                answered.add(stream)
            if kind == PING and not flags:
                connection.send(frames.frame(PING, payload, frames.ACK))
            if len(answered) == 100:
                break
        assert len(answered) == 100
        assert time.monotonic() - started > 0.9
        connection.send(frames.call(999, block))
        assert connection.first(DATA, TIMEOUT_SECONDS), "the connection still works"
        connection.close()


def test_a_deadline_that_passes_before_the_request_arrives_is_deadline_exceeded(serve):
    connection = Connection(address(serve()), frames.opening())
    started = time.monotonic()
    connection.send(frames.begin(1, frames.header_block(**{"grpc-timeout": "400m"})))
    response = connection.first(HEADERS, TIMEOUT_SECONDS)
    took = time.monotonic() - started
    connection.close()
    assert response, "the connection stays open"
    assert dict(Decoder().decode(response[2]))["grpc-status"] == str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    assert 0.37 < took < 1, took


# A response has about a hundred bytes: the window admits none, the first, or nearly all.
@pytest.mark.parametrize("window", [0, 1, 90])
def test_a_response_that_is_not_read_is_reset_and_the_connection_stays_open(bystander, window):
    with bystander(f"windows of {window} bytes") as server:
        block = frames.header_block()
        first = frames.opening(window=window) + b"".join(frames.call(1 + 2 * n, block) for n in range(100))
        connection = Connection(address(server), first)
        started, reset = time.monotonic(), set()
        for kind, flags, stream, payload in connection.frames(TIMEOUT_SECONDS):
            # Each PING is a frame, so the frames never end.
            assert time.monotonic() - started < TIMEOUT_SECONDS
            if kind == PING and not flags:
                connection.send(frames.frame(PING, payload, frames.ACK))
            if kind == RST_STREAM:
                reset.add(stream)
            if len(reset) == 100:
                break
        assert len(reset) == 100
        assert time.monotonic() - started > 0.9
        window = frames.frame(SETTINGS, b"\0\4\0\0\xff\xff")
        connection.send(window + frames.call(999, block))
        assert connection.first(DATA, TIMEOUT_SECONDS), "the connection still works"
        connection.close()


def test_a_connection_that_reads_nothing_is_closed(bystander):
    with bystander("nothing is read") as server:
        connection = Connection(address(server), frames.opening() + frames.call(1, frames.header_block()))
        closed = ended(server, "error")
        until = time.monotonic() + TIMEOUT_SECONDS
        while ended(server, "error") == closed:
            assert time.monotonic() < until, "it is still open"
            time.sleep(0.1)
        connection.close()


def test_thousands_of_idle_connections_are_bounded(bystander):
    with bystander("2000 idle connections") as server, ExitStack() as sockets:
        for _ in range(2000):
            sockets.enter_context(socket.create_connection(address(server), timeout=5))
        page = get(f"{server.admin}/metrics")[1]
        line = next(one for one in page.splitlines() if one.startswith("grpc_server_open_connections "))
        assert float(line.split()[1]) <= MAX_PER_PEER
        until = time.monotonic() + TIMEOUT_SECONDS
        while ended(server, "peer_connection_limit") + ended(server, "no_request") < 2000:
            assert time.monotonic() < until, "some are still open"
            time.sleep(0.1)
        assert ended(server, "no_request") >= MAX_PER_PEER - 1


def test_a_connection_at_its_maximum_age_gets_a_goaway_and_no_call_fails(serve, connect):
    server = serve({"grpc.max_connection_age": "1s"})
    client = connect(server)
    until = time.monotonic() + 4
    calls = 0
    while time.monotonic() < until:
        assert client.create().session_id
        calls += 1
        time.sleep(0.005)
    assert ended(server, "max_age") >= 2
    watching = Connection(address(server), frames.opening() + frames.call(1, frames.header_block()))
    assert watching.first(GOAWAY, TIMEOUT_SECONDS)
    watching.close()
    print(f"\n{calls} calls, {ended(server, 'max_age'):.0f} connections closed at their maximum age")


def test_calls_over_the_concurrency_limit_are_refused_and_health_is_not(simulate, serve, connect):
    server = serve({"grpc.max_concurrent_requests": 2}, simulate("--latency=1s..1s"))
    block = frames.header_block()
    calls = b"".join(frames.call(1 + 2 * n, block) for n in range(5))
    connection = Connection(address(server), frames.opening() + calls)
    refused = set()
    health = frames.header_block("/grpc.health.v1.Health/Check")
    connection.send(frames.call(101, health))
    for kind, flags, stream, _ in connection.frames(TIMEOUT_SECONDS):
        if kind == HEADERS and flags & END_STREAM:
            refused.add(stream)
        if len(refused) == 4:
            break
    # Two of the calls have the places; the task of any of them can run first.
    assert 101 in refused and refused < {1, 3, 5, 7, 9, 101}, refused
    connection.close()
    page = get(f"{server.admin}/metrics")[1]
    assert f'grpc_method="{SERVICE}/CreateSession",grpc_status="RESOURCE_EXHAUSTED"' in page
