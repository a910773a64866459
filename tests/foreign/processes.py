"""The processes of Livegate: start, query and stop them."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from contract import REPOSITORY

BINARY = Path(os.environ.get("LIVEGATE_BIN", REPOSITORY / "target/debug/livegate"))
START_SECONDS = 20
EXIT_SECONDS = 10


def free_port() -> int:
    """Returns a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**more: str) -> dict[str, str]:
    """Returns the environment without variables of Livegate, and with the credentials of the simulator."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "LIVEGATE_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
    } | more


def run(*arguments: str, timeout: float = 30) -> subprocess.CompletedProcess:
    """Runs a command of Livegate until it exits."""
    return subprocess.run(
        [BINARY, *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def get(url: str, data: bytes | None = None) -> tuple[int, str]:
    """Returns the status and the body of an HTTP response, whatever the status."""
    try:
        with urllib.request.urlopen(url, data=data, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Process:
    """A command of Livegate that runs until `stop`."""

    def __init__(self, log: Path, *arguments: str, env: dict[str, str] | None = None):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [BINARY, *arguments],
                env=env or environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_answers(self, url: str) -> None:
        """Waits until `url` returns 200."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(f"exit code {self.process.returncode}:\n{self.log.read_text()}")
            try:
                if get(url)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"{url} did not return 200 in {START_SECONDS} s:\n{self.log.read_text()}")

    def terminate(self) -> None:
        """Sends SIGTERM, and returns at once."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = EXIT_SECONDS) -> int:
        """Waits for the exit, and returns the exit code."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """Ends the process and checks its exit code, unless it has ended already."""
        if self.process.poll() is not None:
            return
        self.terminate()
        try:
            assert self.wait() == 0, "SIGTERM must end it with exit code 0"
        finally:
            self.kill()

    def kill(self) -> None:
        """Sends SIGKILL, unless the process has ended already."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Simulator(Process):
    """`livegate simulate`."""

    def __init__(self, log: Path, *arguments: str):
        self.url = f"http://127.0.0.1:{free_port()}"
        super().__init__(log, "simulate", "--listen", self.url.removeprefix("http://"), *arguments)
        self.wait_until_answers(f"{self.url}/_simulator/stats")

    def script(self, *faults: str) -> None:
        """Queues faults of the next calls."""
        status, body = get(f"{self.url}/_simulator/faults", "\n".join(faults).encode())
        assert 200 <= status < 300, body

    def creates(self) -> int:
        """Returns the number of calls that create a session."""
        return self._stats()["create"]["calls"]

    def results(self) -> int:
        """Returns the number of calls that read a result."""
        return self._stats()["results"]["calls"]

    def sessions_made(self) -> int:
        """Returns the number of created sessions."""
        return self._stats()["sessions_made"]

    def _stats(self) -> dict:
        return json.loads(get(f"{self.url}/_simulator/stats")[1])


class Server(Process):
    """`livegate serve`, with `QUICK` and further settings."""

    # A quota that no test exhausts by chance, and no lameduck.
    QUICK = {
        "quota.create.rate_per_second": 1000.0,
        "quota.create.burst": 1000,
        "quota.create.target_utilization": 1.0,
        "adaptive.enabled": False,
        "shutdown.lameduck": "0s",
        "shutdown.grace": "5s",
    }

    def __init__(self, log: Path, simulator: Simulator, settings: dict, env: dict[str, str] | None = None):
        self.address = f"127.0.0.1:{free_port()}"
        self.admin = f"http://127.0.0.1:{free_port()}"
        own = {
            "grpc.listen": self.address,
            "admin.listen": self.admin.removeprefix("http://"),
            "upstream.endpoint_url": simulator.url,
        }
        config = write_config(log.with_suffix(".toml"), self.QUICK | own | settings)
        super().__init__(log, "serve", "--config", str(config), env=env)
        self.wait_until_answers(f"{self.admin}/readyz")


def write_config(path: Path, settings: dict) -> Path:
    """Writes dotted keys and their values as TOML, in which scalars have the form of JSON."""
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return path
