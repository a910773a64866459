"""Peers that are slow, silent, too many or of age: each is let go in its time."""

import socket
import time
from contextlib import ExitStack

import grpc
import pytest
from hpack import Decoder

import frames
from bystander import MAX_PER_PEER, SOON_SECONDS, address, bystander, ended  # noqa: F401: a fixture
from contract import SERVICE
from frames import DATA, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, Connection
from processes import Server, get


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


# Of an answer, of some hundred bytes, nothing has room; or its beginning; or nearly all.
@pytest.mark.parametrize("window", [0, 1, 90])
def test_an_answer_that_nobody_takes_is_reset_and_the_connection_lives(bystander, window):
    with bystander(f"windows of {window} bytes") as server:
        block = frames.header_block()
        first = frames.opening(window=window) + b"".join(frames.call(1 + 2 * n, block) for n in range(100))
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
        closed = ended(server, "error")
        until = time.monotonic() + SOON_SECONDS
        while ended(server, "error") == closed:
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
        while ended(server, "peer_connection_limit") + ended(server, "no_request") < 2000:
            assert time.monotonic() < until, "some are still there"
            time.sleep(0.1)
        assert ended(server, "no_request") >= MAX_PER_PEER - 1


def test_a_connection_of_its_age_is_told_to_go_and_no_call_fails(serve, connect):
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
    assert watching.first(GOAWAY, SOON_SECONDS)
    watching.close()
    print(f"\n{calls} calls over {ended(server, 'aged'):.0f} connections that came of age")


def test_calls_beyond_the_places_in_flight_are_refused_and_health_is_not(simulate, serve, connect):
    server = serve({"grpc.max_concurrent_requests": 2}, simulate("--latency=1s..1s"))
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
