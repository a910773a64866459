"""The image: built from its Dockerfile, run without a daemon, called for a session.

`tests/run image` runs these tests. It first builds the content of the image into
$IMAGE_BUILD; $IMAGE_STORE is the directory for the image. The image has no simulator:
$LIVEGATE_BIN, the debug binary, simulates AWS beside it.
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
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neighbours import NAME, Authority, NameServer, TlsFront
from rendered import REPOSITORY, setup

BINARY = os.environ["LIVEGATE_BIN"]
BUILD = Path(os.environ["IMAGE_BUILD"])
STORE = Path(os.environ["IMAGE_STORE"])
COMMIT = os.environ["IMAGE_COMMIT"]
LARGEST_BYTES = 25_000_000
TIMEOUT_SECONDS = 30


def buildah(*arguments: str) -> str:
    """Runs buildah with a private store and returns its output."""
    where = ["--root", str(STORE / "root"), "--runroot", str(STORE / "run"), "--storage-driver", "vfs"]
    done = subprocess.run(["buildah", *where, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def free_port() -> int:
    """Returns a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], bool], failure: str) -> None:
    """Waits for a condition, or fails with a message."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, failure
        time.sleep(0.05)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that is added to those that the image trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def image(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image, with the built binary instead of the build stage."""
    stage = tmp_path_factory.mktemp("stage")
    shutil.copytree(BUILD, stage, dirs_exist_ok=True)
    with (stage / "out/ca-certificates.crt").open("a") as trusted:
        trusted.write(authority.certificate.read_text())
    empty_context = str(tmp_path_factory.mktemp("context"))
    file = str(REPOSITORY / "deploy/image/Dockerfile")
    replaced = f"build={stage}"
    labels = ["--build-arg", "VERSION=1.2.3", "--build-arg", f"SOURCE_COMMIT={COMMIT}"]
    arguments = ["--build-context", replaced, *labels, "--file", file, "--tag", "livegate", empty_context]
    buildah("build", "--isolation", "chroot", *arguments)
    return "livegate"


@pytest.fixture(scope="session")
def layout(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as an OCI layout directory."""
    directory = tmp_path_factory.mktemp("layout")
    buildah("push", image, f"oci:{directory}:latest")
    return directory


def blob(layout: Path, descriptor: dict) -> Path:
    """Returns the file that a descriptor refers to."""
    return layout / "blobs" / descriptor["digest"].replace(":", "/")


@pytest.fixture(scope="session")
def manifest(layout: Path) -> dict:
    """The manifest of the image."""
    [descriptor] = json.loads((layout / "index.json").read_text())["manifests"]
    return json.loads(blob(layout, descriptor).read_text())


@pytest.fixture(scope="session")
def config(layout: Path, manifest: dict) -> dict:
    """The run configuration of the image."""
    return json.loads(blob(layout, manifest["config"]).read_text())["config"]


class Container:
    """A working container of the image, and the processes in it."""

    def __init__(self, image: str, volumes: dict[str, Path], logs: Path):
        self.name = buildah("from", "--dns", NameServer.address, "--isolation", "chroot", image)
        self.volumes = volumes
        self.logs = logs
        self.started: list[subprocess.Popen] = []

    def run(self, *command: str, settings: dict | None = None) -> str:
        """Runs a command in the container and returns its output."""
        return buildah(*self._run(command, settings or {}))

    def start(self, *command: str, settings: dict | None = None) -> Path:
        """Starts a command in the container and returns its log file."""
        log = self.logs / f"{len(self.started)}.log"
        where = ["--root", str(STORE / "root"), "--runroot", str(STORE / "run"), "--storage-driver", "vfs"]
        with log.open("wb") as output:
            arguments = ["buildah", *where, *self._run(command, settings or {})]
            self.started.append(subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT))
        return log

    def remove(self) -> None:
        """Ends the running processes and removes the container."""
        for process in self.started:
            for inner in descendants(process.pid):
                os.kill(inner, signal.SIGKILL)
            process.kill()
            process.wait()
        buildah("rm", self.name)

    def _run(self, command: tuple[str, ...], settings: dict) -> list[str]:
        variables = [f"--env={key}={value}" for key, value in settings.items()]
        volumes = [f"--volume={directory}:{path}:ro" for path, directory in self.volumes.items()]
        return ["run", "--isolation=chroot", *volumes, *variables, self.name, "--", *command]


def descendants(process: int) -> list[int]:
    """Returns all descendants of a process, innermost first."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    children = " ".join(one.read_text() for one in lists).split()
    return [found for child in map(int, children) for found in [*descendants(child), child]]


def livegate_in(process: subprocess.Popen) -> int:
    """Returns the process id of the Livegate that a process started."""
    for inner in descendants(process.pid):
        if Path(f"/proc/{inner}/cmdline").read_bytes().startswith(b"/livegate\0"):
            return inner
    raise AssertionError("Livegate is not running")


@pytest.fixture(scope="session")
def volumes(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The configuration of the manifest `one-replica`, and a certificate for both sides."""
    mounted = {path: tmp_path_factory.mktemp("volume") for path in ("/etc/livegate", "/etc/livegate-tls")}
    (mounted["/etc/livegate"] / "livegate.toml").write_text(setup("one-replica").config_text)
    files = {"tls.crt": authority.certificate, "tls.key": authority.key, "ca.crt": authority.certificate}
    for name, source in files.items():
        (mounted["/etc/livegate-tls"] / name).write_text(source.read_text())
    for directory in mounted.values():
        directory.chmod(0o755)
    return mounted


@pytest.fixture
def container(image: str, volumes: dict[str, Path], tmp_path: Path) -> Iterator[Container]:
    """A container, removed after the test."""
    container = Container(image, volumes, tmp_path)
    yield container
    for log in sorted(tmp_path.glob("*.log")):
        print(f"---- {log.name}\n{log.read_text()}")
    container.remove()


def test_the_image_is_small(layout: Path, manifest: dict) -> None:
    unpacked = sum(member.size for descriptor in manifest["layers"] for member in tarfile.open(blob(layout, descriptor)))
    packed = sum(descriptor["size"] for descriptor in manifest["layers"])
    print(f"the image: {unpacked / 1e6:.1f} MB, {packed / 1e6:.1f} MB to pull")
    assert unpacked < LARGEST_BYTES


def test_the_image_holds_only_the_program_and_the_certificates(layout: Path, manifest: dict) -> None:
    members = [member for descriptor in manifest["layers"] for member in tarfile.open(blob(layout, descriptor))]
    files = {member.name: member for member in members if not member.isdir()}
    assert set(files) == {"livegate", "etc/ssl/certs/ca-certificates.crt"}
    assert all(member.uid == 0 and not member.mode & 0o022 for member in files.values()), "only root may write"


def test_the_user_is_numeric(config: dict) -> None:
    assert config["User"] == "65532:65532"


def test_the_image_names_its_version_and_commit(config: dict, container: Container) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert (labels["title"], labels["licenses"]) == ("livegate", "Apache-2.0")
    assert (labels["version"], labels["revision"]) == ("1.2.3", COMMIT)
    assert f"(commit {COMMIT[:12]})" in container.run("/livegate", "--version")


def test_the_image_has_no_simulator(container: Container) -> None:
    for command in ("demo", "simulate"):
        with pytest.raises(AssertionError, match=f"unrecognized subcommand '{command}'"):
            container.run("/livegate", command)


@pytest.fixture
def simulator() -> Iterator[int]:
    """The port of a simulator outside the image."""
    port = free_port()
    with subprocess.Popen([BINARY, "simulate", f"--listen=127.0.0.1:{port}"]) as process:
        yield port
        process.terminate()


def test_the_image_creates_a_session_as_it_is_deployed(
    container: Container, config: dict, authority: Authority, simulator: int
) -> None:
    NameServer()
    grpc, admin = free_port(), free_port()
    aws = TlsFront(authority, behind=simulator)
    log = container.start(
        *config["Entrypoint"],
        *config["Cmd"],
        # Without a token: the caller is the name in the certificate.
        "--set=auth.mode=mtls",
        f'--set=callers."{NAME}".allow=create',
        settings={
            "LIVEGATE_GRPC__LISTEN": f"127.0.0.1:{grpc}",
            "LIVEGATE_ADMIN__LISTEN": f"127.0.0.1:{admin}",
            # The C library must resolve this name, and the certificates in the image
            # must verify the server.
            "LIVEGATE_UPSTREAM__ENDPOINT_URL": f"https://{NAME}:{aws.port}",
            "LIVEGATE_SHUTDOWN__LAMEDUCK": "0s",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
    )
    wait_until(lambda: '"ready"' in log.read_text(), "the service did not become ready")
    files = {"ca": "ca.crt", "cert": "tls.crt", "key": "tls.key"}
    tls = [f"--tls-{option}=/etc/livegate-tls/{name}" for option, name in files.items()]
    answer = container.run("/livegate", "create", f"--endpoint=https://{NAME}:{grpc}", "--json", *tls)
    assert json.loads(answer)["region"] == "us-east-1"
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=5) as ready:
        assert ready.status == 200

    livegate = livegate_in(container.started[0])
    status = Path(f"/proc/{livegate}/status").read_text()
    assert "\nUid:\t65532\t65532\t65532\t65532\n" in status
    os.kill(livegate, signal.SIGTERM)
    assert container.started[0].wait(TIMEOUT_SECONDS) == 0
    assert '"shutdown complete"' in log.read_text()
