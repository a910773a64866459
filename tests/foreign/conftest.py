"""Starts what a scene asks for, and ends it after the scene, by process id."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client import Client
from processes import BINARY, Process, Server, Simulator


def pytest_sessionstart() -> None:
    """Says at once what would otherwise fail in every scene."""
    if not BINARY.exists():
        pytest.exit(f"there is no {BINARY}: 'cargo build' makes it", returncode=2)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts processes, each with a log of its own, which a failed scene shows."""
    numbers = itertools.count(1)
    with ExitStack() as processes:

        def start(kind: type[Process], *arguments) -> Process:
            log = tmp_path / f"{next(numbers)}-{kind.__name__.lower()}.log"
            processes.callback(lambda: print(f"---- {log.name}\n{log.read_text()}"))
            process = kind(log, *arguments)
            processes.callback(process.stop)
            return process

        yield start


@pytest.fixture
def simulate(started: Callable[..., Process]) -> Callable[..., Simulator]:
    """Starts a simulator with a quota that no scene meets by chance."""

    def start(*arguments: str) -> Simulator:
        quota = ["--create-rate=1000", "--create-burst=1000", "--results-rate=1000", "--results-burst=1000"]
        return started(Simulator, *quota, *arguments)

    return start


@pytest.fixture
def simulator(simulate: Callable[..., Simulator]) -> Simulator:
    """AWS on a good day, with checks that take no time."""
    return simulate("--latency=1ms..10ms", "--in-progress-after=0s", "--finished-after=0s")


@pytest.fixture
def serve(started: Callable[..., Process], request: pytest.FixtureRequest) -> Callable[..., Server]:
    """Starts Livegate, before the fixture `simulator` unless told of another."""

    def start(settings: dict | None = None, simulator: Simulator | None = None) -> Server:
        simulator = simulator or request.getfixturevalue("simulator")
        return started(Server, simulator, settings or {})

    return start


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Opens clients, and closes them after the scene."""
    with ExitStack() as channels:

        def open_client(server: Server, *options: tuple[str, object], caller: str | None = None) -> Client:
            client = Client(server.address, *options, caller=caller)
            channels.enter_context(client.channel)
            return client

        yield open_client
