"""The Valkey of three replicas: its arguments run, with its password, and Livegate connects."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rendered import Manifests, setup

LIVEGATE = os.environ["LIVEGATE_BIN"]
PASSWORD = "of-the-secret"
START_SECONDS = 20
CONNECTED = "connected, and all scripts run"


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    """The manifest with a Valkey."""
    return setup("three-replicas")


@pytest.fixture(scope="module")
def valkey(manifests: Manifests) -> dict:
    """The container of the Valkey."""
    [container] = manifests.only("Deployment", "livegate-valkey")["spec"]["template"]["spec"]["containers"]
    return container


@pytest.fixture(scope="module")
def port(valkey: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Redis with the arguments of the Valkey, which has the same."""
    arguments = [argument.replace("$(VALKEY_PASSWORD)", PASSWORD) for argument in valkey["args"]]
    free = free_port()
    with redis(*arguments, port=free, directory=tmp_path_factory.mktemp("redis")):
        yield free


@contextmanager
def redis(*arguments: str, port: int, directory: Path) -> Iterator[None]:
    """Runs a redis-server on the loopback address."""
    more = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    with subprocess.Popen([shutil.which("redis-server"), *arguments, *more], stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + START_SECONDS
            while not listens(port):
                assert process.poll() is None and time.monotonic() < until, "redis-server did not start"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def free_port() -> int:
    """Returns a free port of the loopback address."""
    with socket.socket() as probe:
        # The port of the cluster bus is 10000 higher, and must exist.
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return port if port <= 55535 else free_port()


def listens(port: int) -> bool:
    """Returns whether a port of the loopback address accepts connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def connect(port: int, password: Path | None) -> str:
    """Connects as `helm test` does, without AWS. Returns what it reports."""
    store = ["--set", f"store.url=redis://127.0.0.1:{port}/0"]
    store += ["--set", f"store.password_file={password}"] if password else []
    command = [LIVEGATE, "check-config", "--connect", "--set=upstream.endpoint_url=http://127.0.0.1:1", *store]
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(command, env=keys, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def test_the_password_comes_from_the_secret_that_livegate_mounts(manifests: Manifests, valkey: dict) -> None:
    mounted = manifests.mounts["/var/run/secrets/livegate/store"][1]["secret"]
    [item] = mounted["items"]
    assert manifests.config["store"]["password_file"] == f"/var/run/secrets/livegate/store/{item['path']}"
    for variable in valkey["env"]:
        assert variable["valueFrom"]["secretKeyRef"] == {"name": mounted["secretName"], "key": item["key"]}
    assert [variable["name"] for variable in valkey["env"]] == ["VALKEY_PASSWORD", "REDISCLI_AUTH"]


def test_livegate_connects_with_the_password_only(port: int, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(PASSWORD)
    wrong.write_text("guessed")
    assert CONNECTED in connect(port, right)
    for password in (wrong, None):
        assert CONNECTED not in connect(port, password)


def test_the_readiness_probe_fails_with_a_wrong_password(port: int, valkey: dict) -> None:
    program, *arguments = valkey["readinessProbe"]["exec"]["command"]
    command = [program.replace("valkey-cli", "redis-cli"), "-p", str(port), *arguments]
    for password, ready in ((PASSWORD, True), ("guessed", False)):
        environment = os.environ | {"REDISCLI_AUTH": password}
        probed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10)
        assert (probed.returncode == 0) is ready, probed.stdout


def test_it_evicts_nothing_and_stores_nothing(port: int) -> None:
    for setting, value in (("maxmemory-policy", "noeviction"), ("save", ""), ("appendonly", "no")):
        command = ["redis-cli", "--raw", "-p", str(port), "config", "get", setting]
        shown = subprocess.run(command, env=os.environ | {"REDISCLI_AUTH": PASSWORD}, capture_output=True, text=True)
        assert shown.stdout.splitlines() == [setting, value]


def test_the_memory_limit_has_room_for_the_data(valkey: dict) -> None:
    arguments = valkey["args"]
    data = int(arguments[arguments.index("--maxmemory") + 1].removesuffix("mb"))
    limit = int(valkey["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024
    assert data * 1.25 <= limit


def test_the_image_is_pinned_by_digest(valkey: dict) -> None:
    assert "@sha256:" in valkey["image"]


@pytest.mark.parametrize(("slots", "supported"), [("0 16383", True), ("0 8191", False)])
def test_cluster_mode_is_supported_with_one_shard_only(slots: str, supported: bool, tmp_path: Path) -> None:
    free = free_port()
    with redis("--cluster-enabled", "yes", "--save", "", port=free, directory=tmp_path):
        for command in (f"cluster addslotsrange {slots}", "config set cluster-require-full-coverage no"):
            subprocess.run(["redis-cli", "-p", str(free), *command.split()], check=True, capture_output=True, timeout=10)
        until = time.monotonic() + START_SECONDS
        while CONNECTED not in (report := connect(free, None)) and supported and time.monotonic() < until:
            time.sleep(0.2)
    assert (CONNECTED in report) is supported, report


def test_a_read_only_replica_is_refused(port: int, tmp_path: Path) -> None:
    free = free_port()
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    copy = ["--replicaof", f"127.0.0.1 {port}", "--masterauth", PASSWORD, "--requirepass", PASSWORD, "--save", ""]
    with redis(*copy, port=free, directory=tmp_path):
        refused = connect(free, password)
    assert CONNECTED not in refused
    assert "READONLY" in refused.upper().replace("-", "").replace(" ", ""), refused
