"""Fixtures that start processes for a test, and end them after it by process id."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client import Client
from processes import BINARY, Process, Server, Simulator


def pytest_sessionstart() -> None:
    """Fails at once if the binary is missing, which would fail every test."""
    if not BINARY.exists():
        pytest.exit(f"{BINARY} not found: run 'cargo build'", returncode=2)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts processes, each with its own log, which is shown if the test fails."""
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
    """Starts simulators with a quota that no test exhausts by chance."""

    def start(*arguments: str) -> Simulator:
        quota = ["--create-rate=1000", "--create-burst=1000", "--results-rate=1000", "--results-burst=1000"]
        return started(Simulator, *quota, *arguments)

    return start


@pytest.fixture
def simulator(simulate: Callable[..., Simulator]) -> Simulator:
    """A simulator with short latencies and no faults, whose sessions finish at once."""
    return simulate("--latency=1ms..10ms", "--in-progress-after=0s", "--finished-after=0s")


@pytest.fixture
def serve(started: Callable[..., Process], request: pytest.FixtureRequest) -> Callable[..., Server]:
    """Starts Livegate in front of the fixture `simulator`, or of another simulator."""

    def start(settings: dict | None = None, simulator: Simulator | None = None) -> Server:
        simulator = simulator or request.getfixturevalue("simulator")
        return started(Server, simulator, settings or {})

    return start


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Opens clients, and closes them after the test."""
    with ExitStack() as channels:

        def open_client(server: Server, *options: tuple[str, object], caller: str | None = None) -> Client:
            client = Client(server.address, *options, caller=caller)
            channels.enter_context(client.channel)
            return client

        yield open_client
