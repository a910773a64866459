"""Floods: the memory stays bounded, and a regular caller is served.

Every attack is bounded in time and number, and stays on the loopback address. With -s,
pytest prints the latencies of the regular caller and the memory during each attack.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

import frames
from bystander import TIMEOUT_SECONDS, address, bystander, ended  # noqa: F401: a fixture
from frames import CANCEL, CONTINUATION, DATA, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Connection
from processes import Server

ATTACK_SECONDS = 2


def flood(
    server: Server, first: bytes, again: Callable[[int], bytes], seconds: float = ATTACK_SECONDS
) -> tuple[int, int]:
    """Sends pieces, on a new connection after each close. Returns the number of pieces and of closes."""
    until = time.monotonic() + seconds
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
    assert ends, f"{bursts * 100} resets, but no connection was closed"


def spread_resets(server: Server) -> None:
    """Resets calls after the server has read them, so that h2 itself does not count the resets."""
    block = frames.header_block()

    def turn(number: int) -> bytes:
        time.sleep(0.08)
        streams = range(1 + number // 2 * 200, 1 + (number // 2 + 1) * 200, 2)
        if number % 2:
            return b"".join(frames.frame(RST_STREAM, CANCEL, 0, one) for one in streams)
        return b"".join(frames.begin(one, block) for one in streams)

    _, ends = flood(server, frames.opening(), turn, seconds=8)
    assert ends and ended(server, "flooded"), "no connection was closed for its resets"


def frame_flood(server: Server, frame: bytes, first: bytes = b"") -> None:
    """Sends one frame again and again, and reads no responses."""
    thousand = frame * 1000
    thousands, _ = flood(server, frames.opening() + first, lambda _: thousand)
    assert ended(server, "flooded"), f"{thousands * 1000} frames, but no connection was closed"


def ping_flood(server: Server) -> None:
    frame_flood(server, frames.frame(PING, bytes(8)))


def settings_flood(server: Server) -> None:
    frame_flood(server, frames.frame(SETTINGS))


def priority_flood(server: Server) -> None:
    frame_flood(server, frames.frame(PRIORITY, bytes(5), 0, 1))


def window_update_flood(server: Server) -> None:
    frame_flood(server, frames.frame(WINDOW_UPDATE, bytes([0, 0, 0, 1])))


def continuation_flood(server: Server) -> None:
    first = frames.opening() + frames.frame(HEADERS, frames.header_block(), 0, 1)
    more = frames.frame(CONTINUATION, bytes([0, 1, ord("a"), 1, ord("b")]) * 20, 0, 1) * 100
    pieces, ends = flood(server, first, lambda _: more)
    assert ends, f"{pieces * 100} continuations, but no connection was closed"


def empty_continuation_flood(server: Server) -> None:
    first = frames.opening() + frames.frame(HEADERS, frames.header_block(), 0, 1)
    more = frames.frame(CONTINUATION, b"", 0, 1) * 1000
    pieces, ends = flood(server, first, lambda _: more)
    assert ends, f"{pieces * 1000} continuations, but no connection was closed"


def empty_data_flood(server: Server) -> None:
    frame_flood(server, frames.frame(DATA, b"", 0, 1), frames.begin(1, frames.header_block()))


def garbage(server: Server) -> None:
    pieces, ends = flood(server, os.urandom(64), lambda _: os.urandom(4096))
    assert ends, f"{pieces} pieces of garbage, but no connection was closed"


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
        connection.ends(TIMEOUT_SECONDS)
        connection.close()


ATTACKS = [
    rapid_resets,
    spread_resets,
    ping_flood,
    settings_flood,
    priority_flood,
    window_update_flood,
    continuation_flood,
    empty_continuation_flood,
    empty_data_flood,
    garbage,
    garbage_after_the_preface,
    tls_to_a_plain_port,
    http1_to_the_port,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_does_not_affect_the_memory_or_a_regular_caller(bystander, attack):
    with bystander(attack.__name__) as server:
        attack(server)
