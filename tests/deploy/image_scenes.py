"""The image at work: built from its Dockerfile, run without a daemon, asked for a session.

tests/run image runs these scenes, after it has built what the image holds into
$IMAGE_BUILD; $IMAGE_STORE is where the image may lie.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from neighbours import NAME, Authority, NameServer, TlsFront
from rendered import REPOSITORY

BUILD = Path(os.environ["IMAGE_BUILD"])
STORE = Path(os.environ["IMAGE_STORE"])
BASE = REPOSITORY / "deploy/kubernetes/base"
LARGEST_BYTES = 25_000_000
PATIENCE_SECONDS = 30


def buildah(*arguments: str) -> str:
    """What a command of buildah prints, with a store of our own."""
    where = ["--root", str(STORE / "root"), "--runroot", str(STORE / "run"), "--storage-driver", "vfs"]
    done = subprocess.run(["buildah", *where, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def free_port() -> int:
    """A port of the loopback address that no one holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, what: str) -> None:
    """Waits for a condition."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One more authority, which the image is told to trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def image(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image, with a built binary in the place of the stage that builds it."""
    stage = tmp_path_factory.mktemp("stage")
    shutil.copytree(BUILD, stage, dirs_exist_ok=True)
    with (stage / "out/ca-certificates.crt").open("a") as trusted:
        trusted.write(authority.certificate.read_text())
    nothing = str(tmp_path_factory.mktemp("context"))
    file = str(REPOSITORY / "deploy/image/Dockerfile")
    replaced = f"build={stage}"
    buildah("build", "--isolation", "chroot", "--build-context", replaced, "--file", file, "--tag", "livegate", nothing)
    return "livegate"


@pytest.fixture(scope="session")
def layout(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as files: an OCI layout."""
    directory = tmp_path_factory.mktemp("layout")
    buildah("push", image, f"oci:{directory}:latest")
    return directory


def blob(layout: Path, descriptor: dict) -> Path:
    """The file that a descriptor is about."""
    return layout / "blobs" / descriptor["digest"].replace(":", "/")


@pytest.fixture(scope="session")
def manifest(layout: Path) -> dict:
    """What the image consists of."""
    [descriptor] = json.loads((layout / "index.json").read_text())["manifests"]
    return json.loads(blob(layout, descriptor).read_text())


@pytest.fixture(scope="session")
def config(layout: Path, manifest: dict) -> dict:
    """How the image is run."""
    return json.loads(blob(layout, manifest["config"]).read_text())["config"]


class Container:
    """A working container of the image, and what runs in it."""

    def __init__(self, image: str, logs: Path):
        self.name = buildah("from", "--dns", NameServer.address, "--isolation", "chroot", image)
        self.logs = logs
        self.started: list[subprocess.Popen] = []

    def run(self, *command: str, settings: dict | None = None) -> str:
        """What a command in it prints."""
        return buildah(*self._run(command, settings or {}))

    def start(self, *command: str, settings: dict | None = None) -> Path:
        """Starts a command that stays up; the file is its log."""
        log = self.logs / f"{len(self.started)}.log"
        where = ["--root", str(STORE / "root"), "--runroot", str(STORE / "run"), "--storage-driver", "vfs"]
        with log.open("wb") as output:
            arguments = ["buildah", *where, *self._run(command, settings or {})]
            self.started.append(subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT))
        return log

    def remove(self) -> None:
        """Ends what still runs, and removes the container."""
        for process in self.started:
            for inner in descendants(process.pid):
                os.kill(inner, signal.SIGKILL)
            process.kill()
            process.wait()
        buildah("rm", self.name)

    def _run(self, command: tuple[str, ...], settings: dict) -> list[str]:
        variables = [f"--env={key}={value}" for key, value in settings.items()]
        volume = f"--volume={BASE}:/etc/livegate:ro"
        return ["run", "--isolation=chroot", volume, *variables, self.name, "--", *command]


def descendants(process: int) -> list[int]:
    """All processes below one, the innermost first."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    children = " ".join(one.read_text() for one in lists).split()
    return [found for child in map(int, children) for found in [*descendants(child), child]]


def livegate_in(process: subprocess.Popen) -> int:
    """The process id of Livegate below a process."""
    for inner in descendants(process.pid):
        if Path(f"/proc/{inner}/cmdline").read_bytes().startswith(b"/livegate\0"):
            return inner
    raise AssertionError("it does not run")


@pytest.fixture
def container(image: str, tmp_path: Path) -> Iterator[Container]:
    """A container, removed after the scene."""
    container = Container(image, tmp_path)
    yield container
    for log in sorted(tmp_path.glob("*.log")):
        print(f"---- {log.name}\n{log.read_text()}")
    container.remove()


def test_it_is_small(layout: Path, manifest: dict) -> None:
    unpacked = sum(member.size for descriptor in manifest["layers"] for member in tarfile.open(blob(layout, descriptor)))
    packed = sum(descriptor["size"] for descriptor in manifest["layers"])
    print(f"the image: {unpacked / 1e6:.1f} MB, {packed / 1e6:.1f} MB to pull")
    assert unpacked < LARGEST_BYTES


def test_it_holds_the_program_and_the_certificates_alone(layout: Path, manifest: dict) -> None:
    members = [member for descriptor in manifest["layers"] for member in tarfile.open(blob(layout, descriptor))]
    files = {member.name: member for member in members if not member.isdir()}
    assert set(files) == {"livegate", "etc/ssl/certs/ca-certificates.crt"}
    assert all(member.uid == 0 and not member.mode & 0o022 for member in files.values()), "only root could write"


def test_it_runs_as_a_user_without_a_name(config: dict) -> None:
    assert config["User"] == "65532:65532"


def test_it_answers_a_call_as_it_is_deployed(container: Container, config: dict, authority: Authority) -> None:
    NameServer()
    simulator, grpc, admin = (free_port() for _ in range(3))
    container.start("/livegate", "simulate", f"--listen=127.0.0.1:{simulator}")
    aws = TlsFront(authority, behind=simulator)
    log = container.start(
        *config["Entrypoint"],
        *config["Cmd"],
        settings={
            "LIVEGATE_GRPC__LISTEN": f"127.0.0.1:{grpc}",
            "LIVEGATE_ADMIN__LISTEN": f"127.0.0.1:{admin}",
            # By a name that the C library must look up, and a certificate that
            # the image's own list must vouch for.
            "LIVEGATE_UPSTREAM__ENDPOINT_URL": f"https://{NAME}:{aws.port}",
            "LIVEGATE_SHUTDOWN__LAMEDUCK": "0s",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
    )
    until(lambda: '"ready"' in log.read_text(), "it is never ready")
    answer = container.run("/livegate", "create", f"--endpoint=http://{NAME}:{grpc}", "--json")
    assert json.loads(answer)["region"] == "us-east-1"
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=5) as ready:
        assert ready.status == 200

    livegate = livegate_in(container.started[1])
    status = Path(f"/proc/{livegate}/status").read_text()
    assert "\nUid:\t65532\t65532\t65532\t65532\n" in status
    os.kill(livegate, signal.SIGTERM)
    assert container.started[1].wait(PATIENCE_SECONDS) == 0
    assert '"gone"' in log.read_text()


def test_the_demonstration_needs_nothing_around_it(container: Container) -> None:
    patch = yaml.safe_load((REPOSITORY / "deploy/kubernetes/overlays/demo/deployment.yaml").read_text())
    [demo] = patch["spec"]["template"]["spec"]["containers"]
    grpc, admin = free_port(), free_port()
    settings = {"LIVEGATE_GRPC__LISTEN": f"0.0.0.0:{grpc}", "LIVEGATE_ADMIN__LISTEN": f"0.0.0.0:{admin}"}
    log = container.start("/livegate", *demo["args"], settings=settings)
    until(lambda: "Livegate stays up" in log.read_text(), "it never says so")
    answer = container.run("/livegate", "create", f"--endpoint=http://127.0.0.1:{grpc}", "--json")
    assert json.loads(answer)["session_id"]
    os.kill(livegate_in(container.started[0]), signal.SIGTERM)
    assert container.started[0].wait(PATIENCE_SECONDS) == 0
